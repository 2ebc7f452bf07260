"""One process for one run folder, and what is done where a file system has no locks."""

import errno
import fcntl
import os

import pytest

from train.common.errors import UsageError
from train.runs.run_folder import RunFolder
from train.runs.run_lock import hold


@pytest.fixture
def run(tmp_path):
    (tmp_path / "mine").mkdir()
    return RunFolder(tmp_path / "mine")


def refuse_locks(monkeypatch, number):
    def refuse(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_it_says_so_and_goes_on(run, monkeypatch, capsys, number):
    refuse_locks(monkeypatch, number)
    entered = []
    with hold(run):
        entered.append(run)
    assert entered
    (line,) = capsys.readouterr().err.splitlines()
    assert "run mine lies where there are no locks" in line


def test_what_is_no_lack_of_locks_is_refused(run, monkeypatch):
    refuse_locks(monkeypatch, errno.EROFS)
    with pytest.raises(UsageError, match=r"mine cannot be written to \(Read-only"), hold(run):
        pass


def test_two_processes_never_hold_one_run(run):
    with hold(run), pytest.raises(UsageError, match="mine is being trained by another process"), hold(run):
        pass
