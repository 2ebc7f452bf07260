import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from demo import cli
from demo.predict import reading_options
from demo.predict import run as predict_run
from train.common.console import NOT_A_MEDICAL_DEVICE

COLUMNS = ["path", "network", "probability", "threshold", "operating_point", "positive", "refused", "novelty"]


@pytest.fixture
def films(tmp_path, write_film, monkeypatch):
    """Three films, of which the networks agree on two."""
    for name, grey in (("dark", 0), ("middle", 200), ("white", 255)):
        write_film(tmp_path / "films" / f"{name}.png", grey)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "films"


@pytest.fixture
def predict(models, films):
    """Run `pneumoscope predict … --models <two tiny networks>`."""

    def run(*arguments):
        return CliRunner().invoke(cli.app, ["predict", *map(str, arguments), "--models", str(models)])

    return run


def rows_of(result):
    return list(csv.DictReader(io.StringIO(result.stdout, newline="")))


def error_line(result):
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert "Traceback" not in result.output
    return lines[0]


def test_json_is_all_that_stdout_holds(predict):
    result = predict("films", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert [film["path"] for film in found] == ["films/dark.png", "films/middle.png", "films/white.png"]
    assert [film["agree"] for film in found] == [True, False, True]
    assert [film["readings"]["a"]["positive"] for film in found] == [False, True, True]
    assert NOT_A_MEDICAL_DEVICE in result.stderr
    assert "device: CPU" in result.stderr


def test_csv_is_all_that_stdout_holds(predict):
    result = predict("films", "--csv")
    assert result.exit_code == 0
    rows = rows_of(result)
    assert list(rows[0]) == [*COLUMNS, "milliseconds", "error", "novelty_limit"]
    assert [(row["path"], row["network"], row["positive"]) for row in rows[2:4]] == [
        ("films/middle.png", "a", "true"),
        ("films/middle.png", "b", "false"),
    ]
    assert all(row["novelty"] == row["error"] == "" for row in rows)
    assert NOT_A_MEDICAL_DEVICE in result.stderr


def test_the_table_is_for_people(predict):
    result = predict("films/middle.png")
    assert result.exit_code == 0
    for word in ("films/middle.png", "pneumonia", "normal", "0.757", "0.400", "agree", "NO", "1 of 1 film read"):
        assert word in result.stdout
    assert NOT_A_MEDICAL_DEVICE in result.stdout
    assert "next: pneumoscope predict films/middle.png --csv" in result.stderr
    assert re.search(r"next: .* --models \S*models > readings\.csv", result.stderr)  # the same networks again


@pytest.mark.parametrize("network", ["a", "b"])
def test_one_network(predict, network):
    found = json.loads(predict("films", "--network", network, "--json").stdout)
    assert [list(film["readings"]) for film in found] == [[network]] * 3
    assert [film["agree"] for film in found] == [None] * 3
    assert {row["network"] for row in rows_of(predict("films", "--network", network, "--csv"))} == {network}


def test_the_operating_point(predict):
    thresholds = {
        point: json.loads(predict("films/dark.png", "--operating-point", point, "--json").stdout)[0]["readings"]["a"]
        for point in ("f1", "youden", "sensitivity_95", "specificity_95")
    }
    assert all(reading["operating_point"] == point for point, reading in thresholds.items())
    assert [reading["threshold"] for reading in thresholds.values()] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    default = json.loads(predict("films/dark.png", "--json").stdout)[0]["readings"]["a"]
    assert default["operating_point"] == "youden"


def test_the_operating_points_are_those_of_training():
    from typing import get_args

    from train.metrics.operating_points import POINT_NAMES

    assert get_args(reading_options.PointName) == POINT_NAMES


@pytest.mark.parametrize("form", ["--json", "--csv", None])
def test_a_bad_film_never_stops_the_others(predict, films, form):
    (films / "early.jpg").write_bytes(b"not a film")
    (films / "empty.dcm").touch()
    result = predict("films", *([form] if form else []))
    assert result.exit_code == 1
    assert "2 of 5 films could not be read" in result.stderr
    if form == "--json":
        found = json.loads(result.stdout)
        assert [film["error"] is None for film in found] == [True, False, False, True, True]
        assert found[1]["readings"] == {}
    elif form == "--csv":
        rows = rows_of(result)
        assert [(row["network"], row["error"] == "") for row in rows[2:4]] == [("a", False), ("b", False)]
        assert all(row["probability"] == row["positive"] == row["refused"] == "" for row in rows[2:6])
        assert len(rows) == 10
    else:
        assert result.stdout.count("could not be read") == 2
        assert "films/white.png" in result.stdout
        assert "error: films/early.jpg: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.png"], "gone.png: no such file"),
        (["*.bmp"], "matches no file"),
        (["films", "--json", "--csv"], "choose one"),
        (["films", "--device", "gpu"], "device gpu"),
    ],
)
def test_wrong_use_is_one_line_and_2(predict, arguments, message):
    result = predict(*arguments)
    assert result.exit_code == 2
    assert message in error_line(result)
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["films", "--network", "c"], ["films", "--operating-point", "best"], ["films", "--what"]]
)
def test_an_unknown_choice_is_2(predict, arguments):
    result = predict(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_network_that_is_not_there_is_warned_of(predict, models):
    (models / "b").rename(models / "elsewhere")
    result = predict("films", "--json")
    assert result.exit_code == 0
    assert [list(film["readings"]) for film in json.loads(result.stdout)] == [["a"]] * 3
    assert "warning:" in result.stderr
    assert "pneumoscope train b, then pneumoscope export RUN" in result.stderr
    assert predict("films", "--network", "a", "--json").stderr.count("warning:") == 0
    alone = predict("films", "--network", "b")
    assert alone.exit_code == 2
    assert "pneumoscope train b" in error_line(alone)


def test_no_model_at_all_says_how_to_make_one(films):
    Path("none").mkdir()
    for folder in ("none", "nowhere"):
        result = CliRunner().invoke(cli.app, ["predict", "films", "--models", folder])
        assert result.exit_code == 2
        assert "pneumoscope export RUN --to" in error_line(result)


def test_a_changed_bundle_is_one_line_and_1(predict, models):
    (models / "b" / "scores.csv").write_bytes(b"changed")
    result = predict("films", "--json")
    assert result.exit_code == 1
    assert "scores.csv" in error_line(result)
    assert result.stdout == ""
    assert predict("films", "--network", "a", "--json").exit_code == 0


def test_an_edited_threshold_is_one_line_and_1(predict, models):
    path = models / "a" / "card.json"
    path.write_text(path.read_text().replace('"threshold": 0.4', '"threshold": 0.1'))
    result = predict("films", "--csv")
    assert result.exit_code == 1
    assert "operating_points" in error_line(result)


def test_a_placeholder_says_so(tmp_path, films, tiny_bundle):
    tiny_bundle(tmp_path / "m", "b", placeholder=True, placeholder_reason="no ImageNet\nweights here")
    line = "Network B is a placeholder: no ImageNet weights here"
    table = CliRunner().invoke(cli.app, ["predict", "films", "--network", "b", "--models", "m"])
    assert line in table.stdout
    for form in ("--json", "--csv"):
        result = CliRunner().invoke(cli.app, ["predict", "films", "--network", "b", "--models", "m", form])
        assert line in result.stderr
        assert "placeholder" not in result.stdout


def test_debug_shows_the_traceback_and_goes_on(predict, films):
    (films / "early.jpg").write_bytes(b"not a film")
    process = run_pneumoscope("predict", "films", "--json", "--debug", "--models", "models")
    assert process.returncode == 1
    assert b"Traceback" in process.stderr
    assert b"RadiographError" in process.stderr
    assert len(json.loads(process.stdout)) == 4


def test_progress_appears_late_and_ends_complete(predict, monkeypatch):
    from contextlib import contextmanager

    advanced = []

    @contextmanager
    def bar(description, total):
        advanced.append(total)
        yield lambda n, note: advanced.append((n, note.endswith(" films/s")))

    monkeypatch.setattr(predict_run, "progress_bar", bar)
    predict("films", "--json")
    assert advanced == []
    monkeypatch.setattr(predict_run, "SECONDS_BEFORE_PROGRESS", 0)
    predict("films", "--json")
    assert advanced == [3, (1, True), (1, True), (1, True)]


def run_pneumoscope(*arguments, **options):
    command = [sys.executable, "-c", "from demo.cli import app; app()", *arguments]
    return subprocess.run(command, capture_output=True, check=False, **options)


@pytest.mark.parametrize("form", ["--json", "--csv", None])
def test_a_name_that_is_no_utf8_reads_like_any_other(models, films, write_film, form):
    odd = b'films/caf\xe9, "x"\n\x1b.png'
    write_film(Path(os.fsdecode(odd)))
    Path(os.fsdecode(b"films/bad\xff.jpg")).write_bytes(b"no film")
    process = run_pneumoscope("predict", "films", *([form] if form else []), "--models", "models")
    assert process.returncode == 1
    assert b"Traceback" not in process.stderr
    assert b"\x1b.png" not in process.stderr
    if form == "--json":
        assert os.fsdecode(odd) in [film["path"] for film in json.loads(process.stdout)]
    elif form == "--csv":
        text = process.stdout.decode("utf-8", "surrogateescape")
        assert os.fsdecode(odd) in [row["path"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    else:
        assert "caf\\xe9" in process.stdout.decode("utf-8")
    missing = run_pneumoscope(b"predict", b"gone\xff\x1b31m.png")
    assert missing.returncode == 2
    assert b"no such file" in missing.stderr
    assert b"\x1b" not in missing.stderr


def test_a_reader_that_goes_away_is_no_traceback(models, films):
    command = [sys.executable, "-c", "from demo.cli import app; app()", "predict", "films", "--csv"]
    with subprocess.Popen([*command, "--models", "models"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
