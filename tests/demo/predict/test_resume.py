import errno
import fcntl
import json
import os
import resource
import signal
from pathlib import Path

import pytest

from demo.predict.results import json_line
from demo.predict.resume import Decision, open_readings
from train.common.errors import PneumoscopeError, UsageError

WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
DECISIONS = {"a": Decision("youden", 0.4), "b": Decision("youden", 0.30000000000000004)}


def film(path, error=None, decisions=DECISIONS, **more):
    readings = {
        network: {"probability": 0.5, "positive": True, "refused": False, **decision._asdict(), **more}
        for network, decision in decisions.items()
    }
    return {"path": path, "readings": {} if error else readings, "agree": None, "error": error}


def lines(path):
    return [json.loads(line)["path"] for line in path.read_bytes().splitlines()]


@pytest.fixture
def file(tmp_path):
    """A file with two films, one of which could not be read."""
    path = tmp_path / "readings.jsonl"
    path.write_bytes(json_line(film("one.png")) + json_line(film("two.png", "cut short")))
    return path


def test_a_new_file_is_begun(tmp_path):
    path = tmp_path / "new.jsonl"
    with open_readings(path, DECISIONS) as readings:
        assert readings.finished == {}
        readings.append(film("one.png"))
        assert lines(path) == ["one.png"]  # there before the file is closed
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    value = os.umask(0)
    os.umask(value)
    return value


def test_what_is_there_is_kept_and_known(file):
    before = file.read_bytes()
    with open_readings(file, DECISIONS) as readings:
        assert readings.finished == {"one.png": True, "two.png": False}
        readings.append(film("three.png"))
    assert file.read_bytes() == before + json_line(film("three.png"))


def test_a_last_line_cut_anywhere_is_read_again(file):
    whole = json_line(film("three.png"))
    before = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(before + whole[:length])
        with open_readings(file, DECISIONS) as readings:
            assert "three.png" not in readings.finished
            assert file.read_bytes() == before
            readings.append(film("four.png"))
        assert file.read_bytes() == before + json_line(film("four.png"))


def test_a_name_that_is_no_utf8_is_found_again(tmp_path):
    odd = os.fsdecode(b'caf\xe9 "x"\n.png')
    path = tmp_path / "readings.jsonl"
    with open_readings(path, DECISIONS) as readings:
        readings.append(film(odd))
    with open_readings(path, DECISIONS) as readings:
        assert readings.finished == {odd: True}


@pytest.mark.parametrize(
    ("decisions", "difference"),
    [
        (
            {"a": Decision("youden", 0.4)},
            "read by a at youden (0.4) and b at youden (0.30000000000000004), but now by a at",
        ),
        (DECISIONS | {"b": Decision("f1", 0.2)}, "but now by a at youden (0.4) and b at f1 (0.2)"),
        (DECISIONS | {"b": Decision("youden", 0.31)}, "but now by a at youden (0.4) and b at youden (0.31)"),
        # Another network whose threshold is the same, as `half` is for all.
        (DECISIONS | {"a": Decision("youden", 0.4, 1.435)}, "but now by a at youden (0.4, novelty to 1.435) and b at"),
    ],
)
def test_other_networks_or_thresholds_are_refused(file, decisions, difference):
    before = file.read_bytes()
    with pytest.raises(UsageError) as error, open_readings(file, decisions):
        pass
    assert difference in str(error.value)
    assert "line 1" in str(error.value)
    assert file.read_bytes() == before


@pytest.mark.parametrize("force", [False, True])
def test_verdicts_on_refused_films_are_given_for_all_of_them_or_for_none(tmp_path, force):
    path = tmp_path / "readings.jsonl"
    refused = film("one.png", refused=True, positive=True if force else None)
    path.write_bytes(json_line(film("zero.png")) + json_line(refused))
    with open_readings(path, DECISIONS, force=force) as readings:
        assert len(readings.finished) == 2
    with (
        pytest.raises(UsageError, match="line 2: a refused film with"),
        open_readings(path, DECISIONS, force=not force),
    ):
        pass


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n no newline at the end",
        b"path,network\nfilm.png,a\n",
        b"[]\n",
        b"3\n",
        b'{"path": "x"}\n',
        b'{"path": "x", "readings": [], "error": null}\n',
        b'{"path": "x", "readings": {"a": 1}, "error": null}\n',
        b"[" * 100_000 + b"\n",
        b'\n{"path": "x", "readings": {}, "error": "y"}\n',
        b"a short text",
    ],
    ids=lambda content: repr(content[:30]),
)
def test_a_file_of_something_else_is_left_alone(tmp_path, content):
    path = tmp_path / "precious"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="line 1: not what `predict --jsonl` writes"), open_readings(path, DECISIONS):
        pass
    assert path.read_bytes() == content


def test_two_runs_never_share_a_file(file):
    with open_readings(file, DECISIONS) as readings:
        with pytest.raises(UsageError, match="another run is writing it"), open_readings(file, DECISIONS):
            pass
        readings.append(film("three.png"))
    with open_readings(file, DECISIONS) as readings:  # the lock went with the first
        assert len(readings.finished) == 3


@pytest.mark.parametrize("number", WITHOUT_LOCKS)
def test_where_there_are_no_locks_it_says_so_and_goes_on(file, monkeypatch, capsys, number):
    def refuse(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with open_readings(file, DECISIONS) as readings:
        readings.append(film("three.png"))
    assert lines(file) == ["one.png", "two.png", "three.png"]
    (line,) = capsys.readouterr().err.splitlines()
    assert "readings.jsonl: this file system has no locks" in line


def test_what_cannot_be_appended_to_is_refused(tmp_path):
    for path, reason in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "file", "No such file"),
        (Path(os.devnull), "no ordinary file"),
    ):
        with pytest.raises(UsageError, match=reason), open_readings(path, DECISIONS):
            pass


def test_a_full_disk_is_one_line_and_loses_nothing(file):
    size = file.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with open_readings(file, DECISIONS) as readings, pytest.raises(PneumoscopeError, match="cannot be written"):
            readings.append(film("three.png"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    with open_readings(file, DECISIONS) as readings:
        assert list(readings.finished) == ["one.png", "two.png"]
    assert file.stat().st_size == size
