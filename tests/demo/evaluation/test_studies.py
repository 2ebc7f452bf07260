import pytest

from demo.evaluation import studies
from train.studies.record import write_record
from train.studies.report import make_record


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMOSCOPE_STUDIES", str(tmp_path))
    studies.shipped_studies.cache_clear()
    yield tmp_path
    studies.shipped_studies.cache_clear()


def test_the_record_is_read_from_the_folder_that_is_given(folder):
    record = make_record(())
    write_record(folder / "studies.json", record)
    assert studies.shipped_studies() == record


def test_without_a_file_there_are_no_studies(folder, capsys):
    assert studies.shipped_studies() is None
    assert capsys.readouterr().err == ""


def test_a_damaged_file_is_said_and_left_out(folder, capsys):
    (folder / "studies.json").write_text("{}")
    assert studies.shipped_studies() is None
    assert "the page leaves the experiments out" in capsys.readouterr().err


def test_the_package_ships_its_studies(monkeypatch):
    monkeypatch.delenv("PNEUMOSCOPE_STUDIES", raising=False)
    assert (studies.studies_folder() / "studies.json").is_file()
