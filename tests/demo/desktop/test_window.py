"""The window as its user meets it: drop, read, compare, judge anew, other languages, what goes wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip(
    "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from PySide6.QtCore import QLocale, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QAbstractButton, QComboBox, QMessageBox, QSlider, QTableView

from demo.desktop.settings import DesktopSettings
from demo.evaluation.example_films import default_examples_folder
from demo.inference.heatmap_drawing import OPACITY
from demo.language.catalogue import wording
from export.bundle import default_models_folder
from train.common.errors import UsageError

#: Qt 6.12 wants a QPointF here, Qt before that knows QPoint alone.
pytestmark = pytest.mark.filterwarnings("ignore:.*QDragEnterEvent:DeprecationWarning")

ROOT = Path(__file__).resolve().parents[3]
ENGLISH, HEBREW = wording("en"), wording("he")


def drop(window, *paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(QPointF(5, 5).toPoint(), action, data, button, keys)
    window.dragEnterEvent(entering)
    window.dropEvent(QDropEvent(QPointF(5, 5), action, data, button, keys))
    return entering.isAccepted()


def choose(box, data):
    box.setCurrentIndex(box.findData(data))


def verdicts(window):
    return [column.verdict.text() for column in window.film.readings.columns.values()]


def test_a_dropped_film_is_read_as_predict_reads_it(open_window, wait_until, write_film, run_command, models, tmp_path):
    film = write_film(tmp_path / "film.png", 200)
    window = open_window()
    assert drop(window, film)
    wait_until(lambda: window.film.film is not None)
    printed = run_command("predict", film, "--json", "--models", models, "--device", "cpu")
    (expected,) = json.loads(printed.stdout)
    found = window.film.film.case.as_comparison(film)
    for readings in (expected["readings"], found["readings"]):
        for reading in readings.values():
            reading.pop("milliseconds")
    assert found == expected
    kinds = ["positive" if reading["positive"] else "negative" for reading in expected["readings"].values()]
    assert verdicts(window) == [ENGLISH(f"verdict.{kind}") for kind in kinds]
    assert (
        ENGLISH("compare.agree" if expected["agree"] else "compare.disagree") in window.film.readings.agreement.text()
    )


def test_what_is_no_file_is_not_taken(open_window):
    window = open_window()
    data = QMimeData()
    data.setText("a text")
    entering = QDragEnterEvent(
        QPointF().toPoint(), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    entering.ignore()
    window.dragEnterEvent(entering)
    assert not entering.isAccepted()


def test_a_film_dropped_before_the_networks_are_there_is_read_afterwards(open_window, wait_until, write_film, tmp_path):
    window = open_window(wait=False)
    window.open_paths([str(write_film(tmp_path / "film.png"))])
    wait_until(lambda: window.film.film is not None)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", None])
def test_a_bad_file_is_said_and_the_window_goes_on(open_window, read, write_film, tmp_path, data):
    bad = tmp_path / "bad.png"
    if data is not None:
        bad.write_bytes(data)
    window = open_window()
    read(window, bad)
    assert window.film.film is None
    assert "bad.png" in window.film.readings.agreement.text()
    assert not window.film.report_button.isEnabled()
    read(window, write_film(tmp_path / "good.png"))
    assert window.film.film is not None


def test_another_operating_point_judges_anew_without_reading(open_window, read, write_film, tmp_path):
    window = open_window()
    read(window, write_film(tmp_path / "film.png", 200))
    before = window.film.film.case
    choose(window.operating_point, "f1")
    after = window.film.film.case
    assert {reading.operating_point for reading in after.readings} == {"f1"}
    assert [reading.logit for reading in after.readings] == [reading.logit for reading in before.readings]
    assert after.film is before.film


def test_a_refused_film_gets_no_verdict(open_window, read, write_film, tiny_bundle, tmp_path):
    models = tmp_path / "guarded"
    for network in ("a", "b"):
        tiny_bundle(models, network, {"novelty": True}, novelty_limit=0.5)
    window = open_window(models)
    read(window, write_film(tmp_path / "bright.png", 250))
    assert verdicts(window) == [ENGLISH("verdict.refused")] * 2
    assert ENGLISH("compare.refused") in window.film.readings.agreement.text()
    read(window, write_film(tmp_path / "dark.png", 20))
    assert ENGLISH("verdict.refused") not in verdicts(window)


def test_what_a_number_was_worth_stands_under_it(open_window, read, write_film, tmp_path):
    window = open_window(default_models_folder())
    read(window, default_examples_folder() / "synthetic-normal-01.png")
    for column in window.film.readings.columns.values():
        assert column.worth.isVisible()
        assert "test films that" in column.worth.text.text()
        assert column.worth._dots.accessibleName() == column.worth.text.text()
    assert window.operating_point.currentData() == "youden"
    hints = [
        window.operating_point.itemData(place, Qt.ItemDataRole.ToolTipRole)
        for place in range(window.operating_point.count())
    ]
    assert all(hint.startswith("On test: A finds") for hint in hints)


def test_the_heatmaps_are_seen_each_or_side_by_side_with_their_legend(
    open_window, read, write_film, tiny_bundle, tmp_path
):
    for network in ("a", "b"):
        tiny_bundle(tmp_path / "models", network, {"heatmap": True})
    window = open_window(tmp_path / "models")
    panel = window.film
    assert panel.opacity.value() == round(100 * OPACITY)
    assert [panel.layer.itemData(place) for place in range(panel.layer.count())] == ["", "a", "b", "ab"]
    read(window, write_film(tmp_path / "dark.png", 31))
    assert not panel.legend.isVisible()
    for choice, faint in (("b", "B"), ("ab", "AB")):
        choose(panel.layer, choice)
        assert [layer.name for layer in panel.view._layers] == list(faint)
        # The tiny networks' heatmap is the film itself: 31 of 255.
        assert panel.legend.faint.text().splitlines() == [
            ENGLISH("heatmap.faint", network=letter, share="12 %") for letter in faint
        ]
        assert panel.legend.scale.text() == ENGLISH("heatmap.scale")
    panel.opacity.setValue(25)
    assert (panel.view._opacity, panel.legend._bar.opacity) == (0.25, 0.25)
    panel.legend.grab()
    read(window, write_film(tmp_path / "bright.png", 200))
    assert panel.legend.isVisible()
    assert not panel.legend.faint.isVisible()
    choose(panel.layer, "")
    assert not panel.legend.isVisible()
    assert not panel.view._layers


def test_nothing_slow_is_imported_before_the_window_is_drawn(tmp_path):
    code = (
        "import sys\n"
        "from PySide6.QtWidgets import QApplication\n"
        "from demo.desktop.workers.film_reader import FilmReader\n"
        "from demo.desktop.settings import DesktopSettings\n"
        "from demo.desktop.window import MainWindow\n"
        "application = QApplication([])\n"
        "window = MainWindow(FilmReader(), DesktopSettings(sys.argv[1])); window.show(); window.grab()\n"
        "print([name for name in ('numpy', 'cv2', 'pydantic', 'pydicom', 'onnxruntime') if name in sys.modules])\n"
    )
    environment = {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path / "settings.ini")]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout == "[]\n"


def test_hebrew_runs_from_right_to_left_and_is_remembered(open_window, read, write_film, settings, qt, tmp_path):
    window = open_window()
    read(window, write_film(tmp_path / "film.png"))
    choose(window.language, "he")
    assert qt.layoutDirection() == Qt.LayoutDirection.RightToLeft
    assert window.tabs.tabText(0) == HEBREW("tab.compare")
    assert verdicts(window)[0] in {HEBREW("verdict.positive"), HEBREW("verdict.negative")}
    assert "dir='rtl'" in window.film.readings.agreement.text()
    assert settings.language == "he"


def test_only_a_language_that_was_chosen_is_remembered(open_window, tmp_path, monkeypatch):
    file = str(tmp_path / "fresh.ini")
    monkeypatch.setattr("demo.desktop.settings.QLocale.system", lambda: QLocale("he_IL"))
    open_window(kept=DesktopSettings(file)).close()
    monkeypatch.setattr("demo.desktop.settings.QLocale.system", lambda: QLocale("en_GB"))
    window = open_window(kept=DesktopSettings(file))
    assert window.words.language == "en"
    choose(window.language, "he")
    window.close()
    assert open_window(kept=DesktopSettings(file)).words.language == "he"


def test_every_control_has_a_name_and_can_be_reached_by_keys(open_window, read, write_film, tmp_path):
    window = open_window()
    read(window, write_film(tmp_path / "film.png"))
    for kind in (QAbstractButton, QComboBox, QSlider, QTableView):
        for widget in window.findChildren(kind):
            if not widget.isVisible() or widget.objectName().startswith("qt_"):
                continue
            buddies = [label for label in window.findChildren(type(window.disclaimer)) if label.buddy() is widget]
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            assert widget.accessibleName() or text or buddies, widget
            if widget.isEnabled():
                assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, widget
    assert "40" in window.film.view.accessibleName()
    assert all(column.bar.accessibleName() for column in window.film.readings.columns.values())


def test_the_disclaimer_comes_at_the_first_start_only(open_window, wait_until, tmp_path, qt):
    file = str(tmp_path / "fresh.ini")
    window = open_window(kept=DesktopSettings(file))
    (box,) = window.findChildren(QMessageBox)
    assert window.words("disclaimer.short") in box.text()
    box.defaultButton().click()
    wait_until(lambda: DesktopSettings(file).disclaimer_read)
    assert not open_window(kept=DesktopSettings(file)).findChildren(QMessageBox)


def test_who_does_not_accept_the_disclaimer_leaves(open_window, tmp_path, qt):
    kept = DesktopSettings(str(tmp_path / "fresh.ini"))
    window = open_window(kept=kept)
    (box,) = window.findChildren(QMessageBox)
    box.reject()
    qt.processEvents()
    assert not window.isVisible()
    assert not kept.disclaimer_read


def test_it_remembers_its_window_and_no_film(open_window, read, write_film, settings, tmp_path):
    window = open_window()
    window.resize(790, 640)
    read(window, write_film(tmp_path / "patient-doe.png"))
    read(window, write_film(tmp_path / "ward-7" / "a.png").parent)
    window.close()
    settings._store.sync()
    assert "patient" not in (tmp_path / "settings.ini").read_text()
    assert "ward" not in (tmp_path / "settings.ini").read_text()
    assert open_window(kept=DesktopSettings(str(tmp_path / "settings.ini"))).size().height() == 640


def test_without_networks_it_says_so_and_reads_nothing(open_window, write_film, tmp_path):
    window = open_window(tmp_path / "none")
    assert window.statusBar().currentMessage() == ENGLISH("page.no_networks")
    window.open_paths([str(write_film(tmp_path / "films" / "a.png").parent)])
    assert not window.folder.running


def test_networks_that_cannot_be_loaded_are_said_whatever_is_dropped(open_window, wait_until, tmp_path, monkeypatch):
    def broken(_models, _device):
        raise UsageError("ONNX Runtime is not installed")

    monkeypatch.setattr("demo.inference.networks.load_models", broken)
    window = open_window(wait=False)
    wait_until(lambda: "ONNX Runtime is not installed" in window.film.readings.agreement.text())
    assert ENGLISH("page.no_networks") in window.film.readings.agreement.text()
    drop(window, tmp_path)
    assert "ONNX Runtime is not installed" in window.statusBar().currentMessage()


@pytest.mark.parametrize("file", ["model.onnx", "card.json"])
def test_a_damaged_network_leaves_the_other_reading(open_window, read, write_film, models, tmp_path, file):
    (models / "b" / file).write_bytes(b"damaged")
    window = open_window()
    read(window, write_film(tmp_path / "film.png"))
    assert [reading.network for reading in window.film.film.case.readings] == ["a"]
    assert str(models) not in window.film.readings.columns["b"]._notice.text()
    assert "b/" in window.film.readings.columns["b"]._notice.text()
    for place in range(window.tabs.count()):
        window.tabs.setCurrentIndex(place)


def test_networks_removed_while_it_runs_change_nothing_for_films(open_window, read, write_film, models, tmp_path):
    window = open_window()
    for file in models.rglob("*.*"):
        file.unlink()
    read(window, write_film(tmp_path / "film.png"))
    assert window.film.film is not None
    window.tabs.setCurrentIndex(2)
    choose(window.language, "he")


def test_escape_forgets_the_film_that_is_being_read(open_window, write_film, qt, tmp_path):
    window = open_window()
    window.open_paths([str(write_film(tmp_path / "film.png"))])
    window._cancel()
    window._reader._thread.submit(int).result()
    qt.processEvents()
    assert window.film.film is None
    assert window.film.title.text() == ""


def test_two_windows_stand_side_by_side(open_window, read, write_film, tmp_path):
    film = write_film(tmp_path / "film.png")
    first, second = open_window(), open_window(kept=DesktopSettings(str(tmp_path / "settings.ini")))
    read(first, film)
    read(second, film)
    choose(second.language, "he")
    assert first.film.film is not None


def test_a_report_is_saved_and_a_full_disk_is_said(open_window, read, write_film, tmp_path, monkeypatch):
    pytest.importorskip("jinja2", reason="the report needs Jinja (extra desktop)")
    window = open_window()
    read(window, write_film(tmp_path / "patient-doe.png"))
    window.film.save_report(tmp_path / "report.html", ".html")
    report = (tmp_path / "report.html").read_text()
    assert ENGLISH("report.heading") in report
    assert "patient-doe" not in report

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("demo.desktop.workers.save_files.write_bytes", full)
    window.film.save_report(tmp_path / "second.html", ".html")
    assert "No space left" in window.statusBar().currentMessage()
    assert not (tmp_path / "second.html").exists()
