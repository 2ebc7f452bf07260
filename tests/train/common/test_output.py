"""Output that cannot be written or shown, of a small program with every kind of it that the commands have."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from train.common.console import progress_bar

PROGRAM = """
import sys, typer
from train.common.console import Command, print_json, print_line, print_table, progress_bar, say, say_next
from train.common.output import Program

NAME = "r\\u00f6ntgen \\u05d7\\u05d6\\u05d4 \\x1b[31m\\x9b \\u202e \\udce9.png"
app = typer.Typer(cls=Program, rich_markup_mode=None, pretty_exceptions_enable=False)

@app.command("table", cls=Command)
def table():
    say("reading")
    print_table("Films \\u2013 all", ("name", "n"), [(NAME, 1), (None, 2)])

@app.command("json", cls=Command)
def json_():
    print_json({"name": NAME})

@app.command("line", cls=Command)
def line():
    print_line("3 films \\u00d7 2")

@app.command("unflushed", cls=Command)
def unflushed():
    sys.stdout.write("a library prints this")

@app.command("bytes", cls=Command)
def bytes_():
    sys.stdout.buffer.write(b"1")
    sys.stdout.flush()

@app.command("many", cls=Command)
def many():
    with progress_bar("films", 3) as advance:
        for _ in range(100_000):
            print_line("a line of a result")
    say_next("more")

@app.command("quiet", cls=Command)
def quiet():
    say("nothing for standard output")

@app.command("file", cls=Command)
def file(path: str, debug: bool = False):
    open(path, "x")

app()
"""
KINDS = ["table", "json", "line", "unflushed", "bytes", "many", "--help", "table --help"]


def run(arguments, redirection="", **environment):
    """Run the program as a shell does → (exit code, stdout, stderr)."""
    process = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$PROGRAM" {arguments} {redirection}', sys.executable],
        capture_output=True,
        check=False,
        env={**os.environ, "PROGRAM": PROGRAM, **environment},
    )
    return process.returncode, process.stdout, process.stderr.decode()


def only_line(stderr):
    """The one line of error, of which nothing is a traceback or Python's own complaint at the end."""
    (line,) = [line for line in stderr.splitlines() if line not in ("reading", "next: more")]
    return line


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_one_line_and_1(kind):
    code, _, stderr = run(kind, ">/dev/full")
    assert code == 1
    assert only_line(stderr).startswith("error: standard output cannot be written (No space left on device)")


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_output_is_one_line_and_1(kind):
    code, _, stderr = run(kind, ">&-")
    assert code == 1
    assert only_line(stderr).startswith("error: standard output is closed")


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "2>/dev/full", "2>&-", "</dev/null 2>&- >&-", "<&-"])
def test_who_writes_nothing_there_does_not_care(redirection):
    assert run("quiet", redirection)[0] == 0


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_messages_that_nobody_can_get_lose_no_result(redirection):
    code, stdout, _ = run("table", redirection)
    assert code == 0
    assert b"ntgen" in stdout


def test_no_file_takes_the_place_of_a_closed_output(tmp_path):
    """Whatever is opened first would be descriptor 1, and get what libraries print."""
    code, _, _ = run(f"file {tmp_path / 'new'}", ">&- 2>&- <&-")
    assert code == 0
    program = "import os, sys; from train.common.output import guarded_streams\nwith guarded_streams(): " + (
        "print(os.open(sys.argv[1], os.O_RDONLY), file=sys.stderr)"
    )
    process = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" "$2" >&- <&-', sys.executable, program, str(tmp_path / "new")],
        capture_output=True,
        check=True,
    )
    assert int(process.stderr) > 2


@pytest.mark.parametrize("kind", ["many", "table", "json", "--help"])
def test_a_reader_that_goes_away_ends_it_silently(kind):
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run([sys.executable, "-c", PROGRAM, kind], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert process.returncode == -signal.SIGPIPE  # what a shell shows as 141
    assert process.stderr.decode() in ("", "reading\n")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"PYTHONIOENCODING": "ascii"}, r"r\xf6ntgen \u05d7\u05d6\u05d4 \x1b[31m\x9b \u202e \udce9.png"),
        ({"PYTHONIOENCODING": "cp1252"}, r"röntgen \u05d7\u05d6\u05d4 \x1b[31m\x9b \u202e \udce9.png"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}, r"r\xf6ntgen \u05d7"),
        ({"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": ""}, r"röntgen חזה \x1b[31m\x9b \u202e \udce9.png"),
    ],
)
def test_a_table_shows_what_the_encoding_lacks_and_a_terminal_would_obey_escaped(environment, name):
    encoding = "cp1252" if "cp1252" in environment.values() else "utf-8"
    code, stdout, stderr = run("table", **environment)
    assert (code, only_lines(stderr)) == (0, [])
    lines = stdout.decode(encoding).splitlines()
    assert any(name in line for line in lines)
    assert len({len(line) for line in lines[1:]}) == 1  # the borders still stand in line


def only_lines(stderr):
    return [line for line in stderr.splitlines() if line != "reading"]


def test_signs_of_type_have_an_ascii_form():
    assert run("line", PYTHONIOENCODING="ascii") == (0, b"3 films x 2\n", "")
    assert run("line", PYTHONIOENCODING="utf-8") == (0, "3 films × 2\n".encode(), "")
    assert run("line", PYTHONIOENCODING="ascii:replace") == (0, b"3 films ? 2\n", "")  # as its user wants it


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16", "utf-8"])
def test_json_is_utf8_whatever_the_encoding_and_holds_the_very_name(encoding):
    code, stdout, _ = run("json", PYTHONIOENCODING=encoding)
    assert code == 0
    name = json.loads(stdout.decode())["name"]
    assert name == "röntgen חזה \x1b[31m\x9b \u202e \udce9.png"
    assert stdout.decode().replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/", "File exists"),
        ("gone/file", "No such file or directory"),
        ("/dev/null/file", "Not a directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_what_the_system_refuses_is_one_line_and_1(path, reason):
    code, _, stderr = run(f"file {path}")
    assert code == 1
    assert only_line(stderr).startswith(f"error: {path}: the system refuses ({reason}); ")
    assert "Traceback" in run(f"file --debug {path}")[2]


def test_no_time_left_is_told_before_anything_is_done(monkeypatch, capsys):
    clock = iter([0.0, 20.0, 40.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with progress_bar("b head", 100) as advance:
        advance(0, note="features")
        advance(10)
    assert capsys.readouterr().err.splitlines() == ["b head: 0/100, features", "b head: 10/100, 360 s left"]
