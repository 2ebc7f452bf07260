import json

import numpy as np
import pytest

from export.bundle.evaluation import Cohort, read_bundle_evaluation
from export.bundle.metric import Metric
from train.metrics.scores import probability

SCORES = "film,patient,split,label,logit\n" + "".join(
    f"{split}{row}.png,p{row},{split},{row % 2},{row - 3}.5\n" for split in ("validation", "test") for row in range(6)
)
HISTORY = "stage,epoch,loss,accuracy,val_loss,learning_rate\nhead,1,0.5,0.8,0.4,0.001\nfine_tune,2,0.25,0.9,,0.0001\n"
AREA = {"value": 0.9, "low": 0.8, "high": 0.95}
EVALUATION = {
    "validation": {
        "metrics": {
            "auroc": AREA,
            "operating_points": {"youden": {"sensitivity": AREA | {"value": 0.7, "low": None}}},
            "as_report": {"accuracy_at_0.5": AREA, "f1_maximum": {"value": 0.6, "threshold": 0.75}},
        }
    },
    "test": None,
}


@pytest.fixture
def bundle(tmp_path, tiny_bundle):
    """A tiny bundle, its temperature 2, with an evaluation in it."""
    made = tiny_bundle(tmp_path)
    made.contents["scores.csv"] = SCORES.encode()
    made.contents["history.csv"] = HISTORY.encode()
    made.contents["evaluation.json"] = json.dumps(EVALUATION).encode()
    return made


def test_all_that_a_bundle_tells(bundle):
    found = read_bundle_evaluation(bundle)
    assert found.network == "a"
    assert found.broken == ()
    assert list(found.scores) == ["validation", "test"]
    assert found.scores["test"].labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert found.thresholds["youden"] == bundle.card.operating_points["youden"].threshold
    assert [(epoch.stage, epoch.number) for epoch in found.history] == [("head", 1), ("fine_tune", 2)]
    assert found.history[0].figures == {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.4, "learning_rate": 0.001}
    assert "val_loss" not in found.history[1].figures


def test_measured_figures(bundle):
    found = read_bundle_evaluation(bundle)
    assert found.measured("validation", "auroc") == Metric(0.9, 0.8, 0.95)
    assert found.measured_at("validation", "youden", "sensitivity") == Metric(0.7)  # half an interval is none
    assert found.measured("test", "auroc") is None
    assert found.measured_at("validation", "f1", "sensitivity") is None
    assert found.measured_at("validation", "youden", "confusion") is None


def test_the_reports_threshold_is_told_on_the_calibrated_scale(bundle):
    accuracy, f1, threshold = read_bundle_evaluation(bundle).as_report("validation")
    assert (accuracy.value, f1.value) == (0.9, 0.6)
    logit = np.log(0.75 / 0.25)
    assert probability(logit) == pytest.approx(0.75)
    assert threshold == pytest.approx(probability(logit / 2))
    assert read_bundle_evaluation(bundle).as_report("test") is None


@pytest.mark.parametrize(("at", "calibrated"), [(0, 0.0), (1, 1.0)])
def test_a_threshold_at_the_end_stays_there(bundle, at, calibrated):
    spoilt = json.loads(json.dumps(EVALUATION))
    spoilt["validation"]["metrics"]["as_report"]["f1_maximum"]["threshold"] = at
    bundle.contents["evaluation.json"] = json.dumps(spoilt).encode()
    assert read_bundle_evaluation(bundle).as_report("validation")[2] == pytest.approx(calibrated, abs=1e-12)


@pytest.mark.parametrize("name", ["scores.csv", "history.csv", "evaluation.json"])
@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"{}", b"[1]", b'{"validation": 1}', b"[" * 100_000, b"stage,epoch,loss\n"]
)
def test_a_broken_file_is_named_and_leaves_the_others(bundle, name, data):
    bundle.contents[name] = data
    found = read_bundle_evaluation(bundle)
    assert found.broken == (name,)
    assert bool(found.scores) == (name != "scores.csv")
    assert bool(found.history) == (name != "history.csv")
    assert (found.measured("validation", "auroc") is None) == (name == "evaluation.json")


@pytest.mark.parametrize("row", ["head,one,0.5", "head,1,low", ",1,0.5", "head,1,", "head,1,nan", "head"])
def test_a_history_that_cannot_be_drawn_is_none(bundle, row):
    bundle.contents["history.csv"] = f"stage,epoch,loss\n{row}\n".encode()
    assert read_bundle_evaluation(bundle).broken == ("history.csv",)


@pytest.mark.parametrize("value", [None, "0.9", True, float("nan"), -0.1, 1.1, [0.9]])
def test_what_is_no_share_is_no_figure(bundle, value):
    spoilt = {"validation": {"metrics": {"auroc": {"value": value, "low": 0.8, "high": 0.9}}}}
    bundle.contents["evaluation.json"] = json.dumps(spoilt).encode()
    assert read_bundle_evaluation(bundle).measured("validation", "auroc") is None


def test_a_split_of_one_class_is_left_out(bundle):
    bundle.contents["scores.csv"] = SCORES.replace(",test,1,", ",test,0,").encode()
    found = read_bundle_evaluation(bundle)
    assert list(found.scores) == ["validation"]
    assert found.broken == ()


def test_the_films_of_other_choices_are_told_apart(bundle):
    metrics = {"n": 4, "patients": 3, "auroc": AREA | {"value": 0.85}}
    metrics["operating_points"] = {"youden": {"accuracy": AREA | {"value": 0.82}}}
    cohorts = {
        "deduplicated": {"films_left_out": 2, "metrics": metrics, "reason": ""},
        "without_training_patients": {"films_left_out": None, "metrics": None, "reason": "fewer than 20 patients"},
    }
    validation = EVALUATION["validation"]
    told = {"validation": {"metrics": validation["metrics"] | {"n": 6, "patients": 6}, "cohorts": cohorts}}
    bundle.contents["evaluation.json"] = json.dumps(told | {"intervals": "resamples of patients"}).encode()
    found = read_bundle_evaluation(bundle)
    assert found.intervals == "resamples of patients"
    assert found.cohorts("validation") == (
        Cohort("all", 6, 6, None, ""),
        Cohort("deduplicated", 4, 3, 2, ""),
        Cohort("without_training_patients", None, None, None, "fewer than 20 patients"),
    )
    assert found.measured("validation", "auroc", "deduplicated") == Metric(0.85, 0.8, 0.95)
    assert found.measured_at("validation", "youden", "accuracy", "deduplicated") == Metric(0.82, 0.8, 0.95)
    assert found.measured("validation", "auroc", "without_training_patients") is None
    assert found.cohorts("test") == ()


def test_an_old_evaluation_has_no_other_choices(bundle):
    found = read_bundle_evaluation(bundle)
    assert found.cohorts("validation") == ()
    assert found.intervals == ""
    assert found.stress is None
    assert found.broken == ()


@pytest.mark.parametrize("spoilt", [{"value": 1.2, "threshold": 0.5}, {"value": 0.6, "threshold": 1.5}, {"value": 0.6}])
def test_a_largest_f1_that_cannot_be_is_none(bundle, spoilt):
    found = json.loads(json.dumps(EVALUATION))
    found["validation"]["metrics"]["as_report"]["f1_maximum"] = spoilt
    bundle.contents["evaluation.json"] = json.dumps(found).encode()
    assert read_bundle_evaluation(bundle).as_report("validation") is None


def test_a_subset_that_is_no_object_is_not_there(bundle):
    found = {"validation": EVALUATION["validation"] | {"cohorts": {"deduplicated": None}}}
    bundle.contents["evaluation.json"] = json.dumps(found).encode()
    assert read_bundle_evaluation(bundle).cohorts("validation") == ()
