"""The table counts what each change did to a network."""

import json

import numpy as np
import pytest

from train.common.errors import PneumoscopeError
from train.data.corruptions import AS_IT_IS, CORRUPTIONS
from train.evaluation.evaluation import evaluate_validation
from train.evaluation.robustness import ROBUSTNESS_RESAMPLES, robustness_result, robustness_table, write_robustness
from train.metrics.scores import Scores, probability

N = 80


@pytest.fixture
def scores() -> Scores:
    labels = np.arange(N) % 2
    logits = np.random.default_rng(2).normal(3.0 * labels - 1.5, 1.0)
    names = tuple(f"{row}.png" for row in range(N))
    return Scores(names, tuple(f"p{row // 2}" for row in range(N)), ("validation",) * N, labels, logits)


def test_the_table_counts_what_a_change_did(scores):
    logits = {AS_IT_IS: scores.logits, "brighter": scores.logits + 1.0, "noise": -scores.logits}
    table = robustness_table(scores.labels, scores.patients, logits, 0.5)
    assert list(table) == list(logits)
    same, brighter, mirrored = table.values()
    for name in ("probability_shift", "decisions_changed"):
        assert same[name] == {"value": 0, "low": 0, "high": 0}
    shift = np.abs(probability(scores.logits + 1) - probability(scores.logits)).mean()
    changed_calls = ((scores.logits + 1 >= 0) != (scores.logits >= 0)).mean()
    assert brighter["probability_shift"]["value"] == pytest.approx(shift)
    assert brighter["decisions_changed"]["value"] == pytest.approx(changed_calls)
    assert brighter["auroc"] == same["auroc"]
    assert brighter["specificity"]["value"] < same["specificity"]["value"]
    there_and_back = np.abs(probability(-scores.logits) - probability(scores.logits)).mean()
    assert mirrored["probability_shift"]["value"] == pytest.approx(there_and_back)
    assert mirrored["auroc"]["value"] == pytest.approx(1 - same["auroc"]["value"])
    for row in table.values():
        assert all(row[key]["low"] <= row[key]["value"] <= row[key]["high"] for key in row if key != "what")


def test_a_change_that_moved_no_decision_may_move_some_of_other_films(scores):
    logits = {AS_IT_IS: scores.logits, "noise": scores.logits * 1.5}
    table = robustness_table(scores.labels, scores.patients, logits, 0.5)
    z = 1.959964
    assert table["noise"]["decisions_changed"] == {
        "value": 0,
        "low": 0,
        "high": pytest.approx(z**2 / (N + z**2)),  # Wilson's, of 0 in 80
    }
    assert table[AS_IT_IS]["decisions_changed"] == {"value": 0, "low": 0, "high": 0}


def test_a_stress_is_of_the_network_that_was_evaluated(scores):
    evaluation = evaluate_validation(scores, "a", "f00d")
    done = []
    logits = dict.fromkeys(CORRUPTIONS, scores.logits)
    result = robustness_result(evaluation, scores, logits, done.append)
    assert sum(done) == ROBUSTNESS_RESAMPLES
    assert result["threshold"] == evaluation["thresholds"]["youden"]
    assert (result["validation"]["films"], result["validation"]["patients"]) == (N, N // 2)
    json.dumps(result, allow_nan=False)
    other = Scores(scores.films, scores.patients, scores.splits, scores.labels, scores.logits + 0.5)
    with pytest.raises(PneumoscopeError, match="evaluate the run again"):
        robustness_result(evaluation, other, logits)


def test_nan_one_class_and_few_patients_are_refused(scores):
    with pytest.raises(PneumoscopeError, match="NaN or infinite"):
        robustness_table(scores.labels, scores.patients, {AS_IT_IS: np.full(N, np.nan)}, 0.5)
    with pytest.raises(PneumoscopeError, match="all 80 films are pneumonia"):
        robustness_table(np.ones(N), scores.patients, {AS_IT_IS: scores.logits}, 0.5)
    with pytest.raises(PneumoscopeError, match="are of 1 patients"):
        robustness_table(scores.labels, ("p",) * N, {AS_IT_IS: scores.logits}, 0.5)


def test_the_other_splits_figures_stay_as_long_as_they_are_of_the_same_network(tmp_path):
    base = {"format": 1, "network": "a", "split_fingerprint": "f", "seed": 0, "threshold": 0.5}
    path = tmp_path / "stress.json"
    assert write_robustness(path, base | {"test": {"films": 1}})["validation"] is None
    kept = write_robustness(path, base | {"validation": {"films": 2}})
    assert (kept["validation"], kept["test"]) == ({"films": 2}, {"films": 1})
    assert json.loads(path.read_text()) == kept
    assert write_robustness(path, base | {"threshold": 0.4, "validation": {"films": 3}})["test"] is None
    path.write_text("no JSON")
    assert write_robustness(path, base | {"validation": {"films": 4}})["test"] is None


def test_networks_with_the_same_threshold_are_told_apart_by_their_checksum(tmp_path, capsys):
    base = {"format": 1, "network": "a", "split_fingerprint": "f", "seed": 0, "threshold": 0.5}
    base |= {"operating_point": "half"}
    path = tmp_path / "tiny" / "stress.json"
    path.parent.mkdir()
    write_robustness(path, base | {"weights": "1" * 16, "test": {"films": 1}})
    kept = write_robustness(path, base | {"weights": "1" * 16, "validation": {"films": 2}})
    assert (kept["validation"], kept["test"]) == ({"films": 2}, {"films": 1})
    assert "warning" not in capsys.readouterr().err
    kept = write_robustness(path, base | {"weights": "2" * 16, "validation": {"films": 3}})
    assert (kept["validation"], kept["test"]) == ({"films": 3}, None)
    assert "pneumoscope evaluate tiny --stress --test" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("point", "threshold", "kept"), [("youden", 0.43, {"films": 1}), ("half", 0.5, None)])
def test_a_file_without_a_checksum_is_of_the_network_only_where_its_threshold_says_so(tmp_path, point, threshold, kept):
    base = {"format": 1, "network": "a", "split_fingerprint": "f", "seed": 0, "threshold": threshold}
    path = tmp_path / "stress.json"
    write_robustness(path, base | {"operating_point": point, "test": {"films": 1}})
    new = base | {"operating_point": point, "weights": "1" * 16, "validation": {"films": 2}}
    assert write_robustness(path, new)["test"] == kept
