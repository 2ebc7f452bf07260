"""How the app starts: the command, the self-test, and what it says where it cannot start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from demo.desktop import app
from train.common.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]


def without_times(text):
    listed = json.loads(text)
    for comparison in listed:
        for reading in comparison["readings"].values():
            del reading["milliseconds"]
    return listed


def test_the_self_test_prints_what_predict_prints(models, write_film, tmp_path, run_command, capfdbinary):
    film = write_film(tmp_path / "film.png", 200)
    assert app.main(["--models", str(models), "--self-test", str(film)]) == 0
    printed = capfdbinary.readouterr().out
    expected = run_command("predict", film, "--json", "--models", models).stdout
    assert without_times(printed) == without_times(expected)


def test_the_self_test_of_a_bad_film_fails_as_predict_does(models, tmp_path, run_command, capfdbinary):
    film = tmp_path / "film.png"
    film.write_bytes(b"no picture")
    assert app.main(["--models", str(models), "--self-test", str(film)]) == 1
    printed = capfdbinary.readouterr().out
    assert json.loads(printed) == json.loads(run_command("predict", film, "--json", "--models", models).stdout)


@pytest.mark.parametrize("film", ["there-is-none.png"])
def test_a_wrong_use_is_one_line(models, tmp_path, film, capsys):
    assert app.main(["--models", str(models), "--self-test", str(tmp_path / film)]) == 2
    assert "no such file" in capsys.readouterr().err
    assert app.main(["--models", str(tmp_path), "--self-test", str(ROOT / "README.md")]) == 2
    assert "no model of network a or b" in capsys.readouterr().err


def test_without_a_screen_it_says_so_instead_of_ending_in_qt(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="no screen"):
        app.check_screen()
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    app.check_screen()


def test_without_qt_it_says_what_to_install():
    code = "import sys; sys.modules['PySide6'] = None\nfrom demo.cli import app; app(['desktop'])"
    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
    )
    assert process.returncode == 2
    assert "pneumoscope[cpu,desktop]" in process.stderr
    assert "Traceback" not in process.stderr


def test_the_command_opens_the_window_by_default(monkeypatch, run_command):
    opened = []
    monkeypatch.setattr(app, "open_window", lambda paths, models: opened.append((paths, models)) or 0)
    assert run_command("desktop").exit_code == 0
    assert run_command("desktop", "film.png", "--models", "here").exit_code == 0
    assert run_command("desktop", "open", "other.png").exit_code == 0
    assert opened == [([], None), (["film.png"], Path("here")), (["other.png"], None)]


def test_help_tells_of_the_build(run_command):
    assert "build" in run_command("desktop", "--help").stdout
    assert "--keep" in run_command("desktop", "build", "--help").stdout


def test_qts_file_dialog_keeps_no_history(tmp_path):
    pytest.importorskip(
        "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
    )
    code = (
        "import sys\n"
        "from PySide6.QtWidgets import QApplication, QFileDialog\n"
        "from demo.desktop.settings import forget_folders\n"
        "application = QApplication([])\n"
        "if sys.argv[2] == 'forget': forget_folders()\n"
        "dialog = QFileDialog(None, '', sys.argv[1]); dialog.setOption(QFileDialog.Option.DontUseNativeDialog)\n"
        "dialog.show(); application.processEvents(); dialog.accept(); del dialog; application.processEvents()\n"
    )
    folder = tmp_path / "patient-doe"
    folder.mkdir()
    for mode in ("remember", "forget"):
        home = tmp_path / mode
        home.mkdir()
        environment = {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT), "HOME": str(home)}
        command = [sys.executable, "-c", code, str(folder), mode]
        subprocess.run(command, check=True, env=environment, capture_output=True)
        kept = "".join(path.read_text(errors="replace") for path in home.rglob("*") if path.is_file())
        assert ("patient-doe" in kept) == (mode == "remember")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' dialogs are used there")
def test_no_dialog_of_the_desktop_writes_down_which_films_were_opened(qt, monkeypatch):
    from PySide6.QtCore import QCoreApplication, Qt

    attribute = Qt.ApplicationAttribute.AA_DontUseNativeDialogs
    found = []

    def begun(_arguments):
        found.append(QCoreApplication.testAttribute(attribute))
        raise SystemExit

    QCoreApplication.setAttribute(attribute, False)
    monkeypatch.setattr(app, "import_qt", lambda: begun)
    with pytest.raises(SystemExit):
        app.open_window()
    QCoreApplication.setAttribute(attribute, False)
    assert found == [True]


def test_qt_for_python_gives_back_what_it_takes(qt):
    from PySide6.QtWidgets import QLabel

    # 6.12.0 lost a reference to None with each call: before Python 3.12, minutes of use ended the process.
    label = QLabel()
    before = sys.getrefcount(None)
    for _ in range(1000):
        label.setText("text")
    assert abs(sys.getrefcount(None) - before) < 100


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_start_is_measured(models, write_film, tmp_path):
    pytest.importorskip(
        "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
    )
    command = [sys.executable, "-m", "demo.desktop.app", "--models", str(models)]
    environment = {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, "--measure", str(write_film(tmp_path / "film.png"))],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=True,
    )
    found = json.loads(done.stdout)
    assert 0 < found["window_seconds"] <= found["reading_seconds"]
    assert found["peak_memory_mb"] > 50
