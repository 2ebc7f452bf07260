"""What a storage refuses is one line that says what to do, and never a password."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.train.studies.conftest import SCALE
from train.common.errors import PneumoscopeError, UsageError
from train.studies.definition import find_study, trainings_of
from train.studies.running import storage as storages
from train.studies.running.queue import claim, fill
from train.studies.running.storage import exclusive, finished, opened_storage, shown_url

ROOT = Path(__file__).resolve().parents[4]


def refusal(url, kind=PneumoscopeError, **how):
    with pytest.raises(PneumoscopeError) as refused, opened_storage(url, **how):
        pass
    assert type(refused.value) is kind
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("url", ["mysql://root:secret@host/db", "studies.db", "", "sqlite://", "sqlite:///:memory:"])
def test_another_kind_of_storage_is_refused(runs, url):
    said = refusal(url, UsageError)
    assert "sqlite:///FILE or postgresql://" in said
    assert "secret" not in said


def test_a_file_of_any_name_is_a_storage(runs):
    file = runs / "a folder {of} 100 %" / "studies ü.db"
    with opened_storage(f"sqlite:///{file}"):
        assert file.is_file()


def test_where_nothing_was_run_there_is_nothing_to_be_read(runs):
    with pytest.raises(UsageError, match="'pneumoscope study run' makes one"):
        finished(f"sqlite:///{runs / 'studies.db'}")
    assert not runs.exists()


def test_what_is_no_database_is_refused(runs):
    runs.mkdir()
    (runs / "studies.db").write_text("no database, but a text that is longer than the header of one " * 99)
    assert "is no SQLite database" in refusal(f"sqlite:///{runs / 'studies.db'}")


def test_a_folder_is_refused(runs):
    (runs / "studies.db").mkdir(parents=True)
    assert "cannot be opened" in refusal(f"sqlite:///{runs / 'studies.db'}")


def test_a_storage_of_another_version_is_refused(url):
    with opened_storage(url) as storage, storage.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
        connection.commit()
    assert "another version of Optuna" in refusal(url)


def test_a_server_that_is_not_there_is_out_of_reach(runs):
    said = refusal("postgresql://studies:secret@127.0.0.1:1/studies")
    assert "is out of reach" in said
    assert "secret" not in said


def test_a_database_that_is_not_there_is_out_of_reach(runs, postgresql):
    assert "is out of reach" in refusal(f"postgresql://studies@127.0.0.1:{postgresql}/nowhere")


def test_a_driver_that_is_not_installed_is_named(runs):
    assert "pneumoscope[study-postgresql]" in refusal("postgresql+asyncpg://studies@127.0.0.1/studies", UsageError)


def test_a_password_is_never_shown():
    assert "secret" not in shown_url("postgresql://studies:secret@host/db")


def test_a_storage_that_another_process_locks_is_said_to_be_locked(runs, monkeypatch):
    monkeypatch.setattr(storages, "LOCKED_SECONDS", 0.2)

    def look_while_another_writes(url):
        with opened_storage(url) as storage:
            other = sqlite3.connect(runs / "studies.db", isolation_level=None)
            try:
                other.execute("BEGIN IMMEDIATE")
                storage.get_all_studies()
            finally:
                other.close()

    with pytest.raises(PneumoscopeError, match="locked by another process"):
        look_while_another_writes(f"sqlite:///{runs / 'studies.db'}")


def test_two_processes_that_fill_a_queue_take_turns(url, monkeypatch):
    monkeypatch.setattr(storages, "LOCKED_SECONDS", 1)
    with opened_storage(url) as first, opened_storage(url) as second:
        with exclusive(first), pytest.raises(Exception, match="lock"), exclusive(second):
            pytest.fail("both are in")
        with exclusive(second):
            pass


def test_a_full_disk_is_said_to_be_full(runs):
    url = f"sqlite:///{runs / 'studies.db'}"
    study = find_study("a-optimizer")
    trainings = trainings_of([(study, row) for row in study.rows], range(6), SCALE)  # more than the first pages hold

    def fill_a_full_disk():
        with opened_storage(url) as storage:
            with storage.engine.connect() as connection:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            limit = f"PRAGMA max_page_count = {pages}"
            event.listen(storage.engine, "connect", lambda connection, _record: connection.execute(limit))
            storage.engine.dispose()
            fill(storage, SCALE, [study], trainings)

    with pytest.raises(PneumoscopeError, match="no room left on its disk"):
        fill_a_full_disk()
    # Once there is room, the same command goes on.
    with opened_storage(url) as storage:
        assert claim(fill(storage, SCALE, [study], trainings), "worker").training == trainings[0]


def test_of_processes_that_find_a_storage_empty_one_makes_it(url, runs):
    code = f"from train.studies.running.storage import opened_storage\nwith opened_storage({url!r}): pass"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 4
