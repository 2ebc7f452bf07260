"""`predict` in pipes and scripts: standard input, manifests, JSON lines, and runs that are killed and go on."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from demo.cli import app

PREDICT = [sys.executable, "-c", "from demo.cli import app; app()", "predict"]
SMALLEST_PIPE = 4096  # bytes; what a pipe holds by default (64 kB) would take in a whole run


@pytest.fixture
def films(tmp_path, write_film, models, monkeypatch):
    """40 films with long names and two pages each, so that each has a warning and 15 warnings fill a small pipe."""
    page = np.full((20, 20), 200, np.uint8)
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(40):
        assert cv2.imwritemulti(str(folder / name(number)), [page - number, page])
    monkeypatch.chdir(tmp_path)
    return folder


def name(number):
    return f"film{number:02}-{'x' * 220}.tif"


def predict(*arguments, **options):
    return subprocess.run([*PREDICT, *arguments, "--models", "models"], capture_output=True, check=False, **options)


def start(*arguments, **options):
    return subprocess.Popen([*PREDICT, *arguments, "--models", "models"], **options)


def objects(data):
    """The films of JSON lines, without what differs from run to run."""
    found = [json.loads(line) for line in data.splitlines()]
    for film in found:
        for reading in film["readings"].values():
            del reading["milliseconds"]
    return found


def error_line(process):
    lines = [line for line in process.stderr.decode().splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert b"Traceback" not in process.stderr
    return lines[0]


@pytest.fixture
def complete(films):
    """What a run that is let alone says, as `objects`."""
    process = predict("films", "--jsonl")
    assert process.returncode == 0
    assert len(process.stdout.splitlines()) == 40
    listed = json.loads(predict("films", "--json").stdout)
    assert objects(process.stdout) == objects(b"\n".join(json.dumps(film).encode() for film in listed))
    return objects(process.stdout)


def test_each_line_leaves_at_once_and_a_kill_loses_none_of_them(films, complete):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    process = start("films", "--jsonl", stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as output:
        lines = [output.readline(), output.readline()]
        assert process.poll() is None  # it waits for us to take the others
        process.kill()
        lines += output.readlines()
    assert process.wait() == -signal.SIGKILL
    assert 2 <= len(lines) < 40
    Path("readings.jsonl").write_bytes(b"".join(lines)[:-30])  # as if the kill had cut the last one

    resumed = predict("films", "--resume", "readings.jsonl")
    assert resumed.returncode == 0
    assert resumed.stdout == b""
    assert f"{len(lines) - 1} of 40 films are in it already".encode() in resumed.stderr
    assert objects(Path("readings.jsonl").read_bytes()) == complete


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_complete(films, complete):
    for _ in range(2):
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
        process = start("films", "--resume", "readings.jsonl", stderr=writing)
        os.close(writing)
        with os.fdopen(reading, "rb", buffering=0) as errors:
            while b"warning: films/film" not in (line := errors.readline()):
                assert line
            warned = [line, errors.readline(), errors.readline()]  # one a film; those before the last are in the file
            in_file = Path("readings.jsonl").read_bytes().count(b"\n")
            assert process.poll() is None

            second = predict("films", "--resume", "readings.jsonl")
            assert second.returncode == 2
            assert "readings.jsonl: another run is writing it" in error_line(second)

            process.kill()
        assert process.wait() == -signal.SIGKILL
        assert in_file >= 2
        assert len(set(warned)) == 3
    assert Path("readings.jsonl").read_bytes().count(b"\n") < 40
    assert predict("films", "--resume", "readings.jsonl").returncode == 0
    assert objects(Path("readings.jsonl").read_bytes()) == complete

    finished = Path("readings.jsonl").read_bytes()
    again = predict("films", "--resume", "readings.jsonl")
    assert again.returncode == 0
    assert b"device: CPU" not in again.stderr  # nothing to read, nothing loaded
    assert Path("readings.jsonl").read_bytes() == finished


def test_a_resumed_run_answers_for_all_its_films(films):
    (films / "bad.png").write_bytes(b"no film")
    for _ in range(2):
        process = predict("films", "--resume", "readings.jsonl")
        assert process.returncode == 1
        assert "1 of 41 films could not be read" in error_line(process)
    assert len(objects(Path("readings.jsonl").read_bytes())) == 41


def test_a_resumed_run_must_be_the_same(films):
    film = f"films/{name(0)}"
    assert predict(film, "--resume", "readings.jsonl").returncode == 0
    for arguments, difference in (
        (("--network", "a"), "line 1: read by a at youden (0.4) and b at youden (0.4), but now by a at youden (0.4);"),
        (("--operating-point", "f1"), "but now by a at f1 (0.2) and b at f1 (0.2)"),
    ):
        process = predict(film, "--resume", "readings.jsonl", *arguments)
        assert process.returncode == 2
        assert difference in error_line(process)
    elsewhere = predict(f"films/{name(1)}", "--resume", "readings.jsonl")
    assert elsewhere.returncode == 0
    assert b"warning: readings.jsonl: has none of these films" in elsewhere.stderr


@pytest.mark.parametrize("size", [None, 100])
def test_a_film_on_standard_input(films, write_film, size):
    data = write_film(Path("film.png"), 200).read_bytes()[:size]
    process = predict("-", "--json", input=data)
    found = json.loads(process.stdout)
    assert [film["path"] for film in found] == ["-"]
    if size is None:
        assert process.returncode == 0
        assert [found[0]["readings"][network]["positive"] for network in "ab"] == [True, False]
    else:
        assert process.returncode == 1
        assert found[0]["error"]
    among = predict("film.png", "-", "--csv", input=data)
    assert [line.split(b",")[:2] for line in among.stdout.splitlines()[3:]] == [[b"-", b"a"], [b"-", b"b"]]


def test_standard_input_that_holds_nothing(films):
    empty = predict("-", stdin=subprocess.DEVNULL)
    assert empty.returncode == 1
    assert b"error: -: the file is empty" in empty.stderr
    terminal, other_end = os.openpty()
    try:
        process = predict("-", stdin=terminal)
    finally:
        os.close(terminal)
        os.close(other_end)
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *PREDICT, "-", "--models", "models"], capture_output=True, check=False
    )
    for refused in (process, closed):
        assert refused.returncode == 2
        assert "pneumoscope predict - < film.png" in error_line(refused)


def test_waiting_for_standard_input_can_be_stopped(films):
    reading, writing = os.pipe()
    with start("-", stdin=reading, stderr=subprocess.PIPE) as process:
        while b"device: CPU" not in process.stderr.readline():
            pass  # the networks are loaded, so the film is what it waits for
        process.send_signal(signal.SIGINT)
        assert b"error: stopped by Ctrl-C" in process.stderr.read()
    os.close(reading)
    os.close(writing)
    assert process.returncode == 1


def test_a_manifest(films):
    Path("films/list.csv").write_text(f"label,path\n1,{name(3)}\n0,gone.png\n0,{name(1)}\n")
    process = predict("--manifest", "films/list.csv", "--jsonl")
    assert process.returncode == 1
    found = objects(process.stdout)
    assert [film["path"] for film in found] == [f"films/{name(3)}", "films/gone.png", f"films/{name(1)}"]
    assert [film["error"] is None for film in found] == [True, False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--manifest", "films"], "films: no manifest that can be read (a folder)"),
        (["--manifest", "models/a/history.csv"], "expected CSV with a column 'path' in its first line, found 'epoch'"),
        (["films", "--jsonl", "--csv"], "--jsonl and --csv were given; choose one of them"),
        (["films", "--resume", "x", "--csv"], "--csv cannot be given with it"),
        (["--resume", "x"], "no film was named"),
        (["films", "--resume", "models"], "models: cannot be opened to resume (Is a directory)"),
        (["films", "--resume", f"films/{name(0)}"], ".tif, line 1: not what `predict --jsonl` writes"),
        (["-", "--resume", "x"], "standard input (-) has no name"),
    ],
)
def test_wrong_use_is_one_line_and_2(films, arguments, message):
    before = {path: path.read_bytes() for path in films.iterdir()}
    result = CliRunner().invoke(app, ["predict", *arguments, "--models", "models"])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in films.iterdir()} == before


@pytest.mark.parametrize("form", ["--jsonl", "--csv", "--json", None])
def test_when_its_reader_goes_away_it_ends_silently_as_other_tools_do(films, form):
    arguments = [f"films/{name(0)}", *([form] if form else [])]
    with start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == -signal.SIGPIPE  # what a shell shows as 141
    assert b"Traceback" not in errors
    assert b"rror" not in errors


@pytest.mark.parametrize("form", ["--jsonl", "--csv", "--json", None])
@pytest.mark.parametrize("place", ["/dev/full", None])
def test_output_that_cannot_be_written_is_one_line_and_1(films, form, place):
    shell = f'exec "$0" "$@" {f"> {place}" if place else ">&-"}'
    arguments = [f"films/{name(0)}", *([form] if form else []), "--models", "models"]
    process = subprocess.run(["sh", "-c", shell, *PREDICT, *arguments], stderr=subprocess.PIPE, check=False)
    assert process.returncode == 1
    assert error_line(process).startswith("error: standard output ")
    assert (b"device: CPU" in process.stderr) == (place is not None)  # closed: said before anything is read


def test_a_resumed_run_needs_no_output(films):
    shell = 'exec "$0" "$@" >&- 2>/dev/full'
    arguments = ["films", "--resume", "readings.jsonl", "--models", "models"]
    assert subprocess.run(["sh", "-c", shell, *PREDICT, *arguments], check=False).returncode == 0
    assert len(objects(Path("readings.jsonl").read_bytes())) == 40


@pytest.mark.parametrize("form", ["--csv", "--jsonl", "--json"])
def test_a_terminal_is_shown_names_that_it_cannot_obey(films, write_film, form):
    odd = "\x1b]0;x\x07\x9b \u202e=.png"
    write_film(Path("odd") / odd, 200)
    terminal, other_end = os.openpty()
    try:
        process = start("odd", form, stdout=other_end, stderr=subprocess.DEVNULL)
        os.close(other_end)
        shown = b""
        while chunk := read_terminal(terminal):
            shown += chunk
    finally:
        os.close(terminal)
    assert process.wait() == 0
    text = shown.decode().replace("\r\n", "")
    assert text.isprintable()
    assert "u202e=.png" in text
    written = predict("odd", form).stdout.decode()
    assert (odd if form == "--csv" else json.dumps(odd)[1:-1]) in written  # a file has the name itself


def read_terminal(terminal):
    try:
        return os.read(terminal, 10_000)
    except OSError:  # what Linux says at its end
        return b""
