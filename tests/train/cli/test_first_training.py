"""A newcomer's first training: the commands of docs/first-training.md, one after the other."""

import json
import logging
import re
import shlex
from pathlib import Path

import pytest

from train.cli.options import data_option
from train.runs.settings import make_settings
from train.runs.settings_file import read_settings

DOC = Path(__file__).resolve().parents[3] / "docs" / "first-training.md"
#: Smaller films and fewer epochs, so that drawing and training take seconds.
SMALLER = {
    "pneumoscope data phantoms films": "--image-size 128",
    "pneumoscope train a --settings first --data films": "--epochs 7",
}

#: Warnings that the doc explains: what the card lacks, and that there is no network B yet.
EXPECTED = {"export": r"warning: the card will say 'not ", "predict": r"warning: models: no model of network b"}


def commands_of_doc():
    """The commands of the first block of commands, in their order."""
    block = re.search(r"```bash\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)[1]
    return [line.partition("#")[0].strip() for line in block.splitlines()]


def next_command(result):
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("next: ")]
    return line.removeprefix("next: ")


@pytest.fixture
def tensorflow_warnings():
    """What TensorFlow warns of, such as functions that are traced again and again."""
    from tensorflow.python.eager.polymorphic_function import polymorphic_function

    # It counts the tracings of a whole process, those of the tests before this one too.
    polymorphic_function._frequent_tracing_detector_manager._detectors.clear()
    lines = []

    class Kept(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    handler = Kept(logging.WARNING)
    logging.getLogger("tensorflow").addHandler(handler)
    yield lines
    logging.getLogger("tensorflow").removeHandler(handler)


@pytest.mark.slow
def test_the_commands_of_the_doc_follow_from_each_other_and_give_a_good_network(
    run_command, tmp_path, tensorflow_warnings
):
    commands = commands_of_doc()
    assert [shlex.split(command)[1] for command in commands] == [
        *("data", "train", "evaluate", "evaluate", "export", "predict", "demo")
    ]
    results = []
    for command in commands[:-1]:  # the last one opens the page
        result = run_command(*shlex.split(f"{command} {SMALLER.get(command, '')}")[1:])
        assert result.exit_code == 0, result.output
        assert [line for line in result.stderr.splitlines() if line.lower().startswith("warning")] == [
            line for line in result.stderr.splitlines() if re.match(EXPECTED.get(command.split()[1], "(?!)"), line)
        ]
        results.append(result)
    assert tensorflow_warnings == []
    for result, following in zip(results[:4], commands[1:5], strict=True):
        assert next_command(result) == following
    assert next_command(results[4]) == "pneumoscope predict FILM --models models"

    metrics = json.loads((tmp_path / "runs" / "a" / "evaluation.json").read_text())["validation"]["metrics"]
    assert metrics["auroc"]["value"] >= 0.95
    trained = results[1].stdout
    assert trained.count("┏") == 1
    assert len(trained.splitlines()) <= 12
    for words in ("AUROC", f"{metrics['auroc']['value']:.4f} [", "accuracy", "sensitivity", "specificity", "youden"):
        assert words in trained
    assert re.search(r"run folder +│ \S*runs/a ", trained)
    assert re.search(r"trained in +│ (\d+ min )?\d+ s ", trained)
    assert results[2].stdout.count("┏") > 1  # the rest is evaluate's


def test_the_preset_for_phantoms_is_small():
    changes = read_settings(Path("first"))
    assert changes.pop("network") == "a"
    settings = make_settings("a", changes)
    assert (settings.prepare.image_size, settings.batch_size, settings.schedule) == (96, 8, "cosine")


@pytest.mark.parametrize(
    ("known", "given", "option"),
    [
        (None, "my films", " --data 'my films'"),
        ("elsewhere", "films", " --data films"),
        ("films", "films", ""),
        ("films/", "films", ""),
        ("", "films", " --data films"),
    ],
)
def test_a_next_command_names_the_films_unless_the_environment_does(monkeypatch, known, given, option):
    monkeypatch.delenv("PNEUMOSCOPE_DATA", raising=False)
    if known is not None:
        monkeypatch.setenv("PNEUMOSCOPE_DATA", known)
    assert data_option(Path(given)) == option
