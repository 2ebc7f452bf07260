"""A stress table goes into the bundle only with the evaluation it belongs to."""

import json

import pytest

from export.card.stress import read_robustness
from train.common.errors import PneumoscopeError
from train.runs.run_folder import RunFolder

FIGURE = {"value": 0.9, "low": 0.8, "high": 0.95}
CHANGE = dict.fromkeys(("accuracy", "balanced_accuracy", "auroc", "probability_shift", "decisions_changed"), FIGURE)
EVALUATION = {
    "network": "a",
    "split_fingerprint": "f" * 64,
    "thresholds": {"youden": 0.4},
    "validation": {"metrics": {"n": 60, "auroc": FIGURE}},
    "test": None,
}


def table():
    return {
        "format": 1,
        "network": "a",
        "split_fingerprint": "f" * 64,
        "operating_point": "youden",
        "threshold": 0.4,
        "validation": {
            "films": 60,
            "patients": 50,
            "changes": {"as_it_is": {"what": "nothing", **CHANGE}, "blur": {"what": "blur", **CHANGE}},
        },
        "test": None,
    }


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "tiny")


def write(run, value):
    run.folder.mkdir(exist_ok=True)
    run.stress.write_text(value if isinstance(value, str) else json.dumps(value))


def test_a_run_without_one_has_none(run):
    assert read_robustness(run, EVALUATION) is None


def test_the_file_is_kept_as_it_is_and_summed_up(run):
    write(run, table())
    text, summary = read_robustness(run, EVALUATION)
    assert text == run.stress.read_bytes()
    assert summary["operating_point"] == "youden"
    assert summary["test"] is None
    assert (summary["validation"]["films"], summary["validation"]["patients"]) == (60, 50)
    assert summary["validation"]["changes"]["blur"] == {
        "what": "blur",
        "accuracy": FIGURE,
        "auroc": FIGURE,
        "probability_shift": FIGURE,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found.update(split_fingerprint="0" * 64), "another split"),
        (lambda found: found.update(network="b"), "another network"),
        (lambda found: found.update(threshold=0.41), "other scores"),
        (lambda found: found["validation"].update(films=61), "other scores"),
        (
            lambda found: found["validation"]["changes"]["as_it_is"].update(auroc=FIGURE | {"value": 0.91}),
            "other scores",
        ),
        (lambda found: found.update(test=found["validation"]), "other scores"),
        (lambda found: found["validation"]["changes"].pop("as_it_is"), "no whole stress table"),
        (lambda found: found["validation"]["changes"]["blur"].pop("auroc"), "no whole stress table"),
        (lambda found: found.update(validation=[1]), "no whole stress table"),
        (
            lambda found: found["validation"]["changes"]["blur"].update(auroc=FIGURE | {"value": 1.5}),
            r"1\.auroc: expected",
        ),
        (lambda found: found["validation"].update(patients=-1), r"patients: expected a count"),
        (lambda found: found.pop("threshold"), "no whole stress table"),
        (lambda found: found.update(format=2), "format 1"),
    ],
)
def test_one_of_something_else_is_one_line(run, change, words):
    found = table()
    change(found)
    write(run, found)
    with pytest.raises(PneumoscopeError, match=words) as error:
        read_robustness(run, EVALUATION)
    assert "\n" not in str(error.value)
    assert "pneumoscope evaluate tiny --stress" in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_damaged_one_is_one_line(run, text):
    write(run, text)
    with pytest.raises(PneumoscopeError, match=r"stress\.json"):
        read_robustness(run, EVALUATION)
