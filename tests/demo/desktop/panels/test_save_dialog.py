"""Saving under a name that its user types: the ending, the kind, and the question before a file is replaced."""

import pytest

pytest.importorskip(
    "PySide6.QtWidgets", reason="needs PySide6 (extra desktop) and the system libraries of Qt", exc_type=ImportError
)

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QMessageBox


@pytest.fixture
def panel(open_window, read, write_film, tmp_path, monkeypatch):
    """A list of two films, and its folder as where one is."""
    monkeypatch.chdir(tmp_path)
    window = open_window()
    read(window, write_film(tmp_path / "films" / "one.png"), write_film(tmp_path / "films" / "two.png"))
    return window.folder


def type_name(panel, name, kinds_down=0):
    """Once the dialog is there: choose a kind, type a name, press Return; whatever it asks is answered with No."""
    asked = []

    def refuse(dialog):
        for box in dialog.findChildren(QMessageBox):
            asked.append(box.text())
            box.button(QMessageBox.StandardButton.No).click()

    def answer():
        dialog = panel.window().findChild(QFileDialog)
        for _ in range(kinds_down):
            QTest.keyClick(dialog.findChild(QComboBox, "fileTypeCombo"), Qt.Key.Key_Down)
        dialog.findChild(QLineEdit, "fileNameEdit").setText(name)
        timer = QTimer(dialog)
        timer.timeout.connect(lambda: refuse(dialog))
        timer.start(100)
        dialog.accept()
        if dialog.isVisible():
            dialog.reject()

    QTimer.singleShot(0, answer)
    return asked


def test_a_file_that_gets_its_ending_is_not_replaced_unasked(panel, tmp_path):
    (tmp_path / "list.csv").write_text("mine")
    asked = type_name(panel, "list")
    panel._ask_for_csv()
    assert (tmp_path / "list.csv").read_text() == "mine"
    assert len(asked) == 1
    assert "list.csv" in asked[0]


@pytest.mark.parametrize(
    ("name", "kinds_down", "file", "start"),
    [
        ("list", 0, "list.pdf", b"%PDF"),
        ("list", 1, "list.html", b"<!DOCTYPE"),
        ("list.HTM", 0, "list.HTM", b"<!DOCTYPE"),
        ("list.v2", 1, "list.v2", b"<!DOCTYPE"),
    ],
)
def test_a_list_is_of_the_kind_that_was_chosen(panel, wait_until, tmp_path, name, kinds_down, file, start):
    type_name(panel, name, kinds_down)
    panel._ask_for_list()
    wait_until(lambda: panel._saving is None)
    assert sorted(path.name for path in tmp_path.glob("list*")) == [file]
    assert (tmp_path / file).read_bytes().startswith(start)
