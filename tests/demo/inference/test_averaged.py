import numpy as np
import pytest

from demo.inference.averaged import averaged_reading
from demo.inference.classifier import Reading
from export.bundle import default_models_folder, find_bundles
from export.bundle.comparison import read_comparison
from train.evaluation.ensemble import ensemble_scores
from train.metrics.operating_points import confusion
from train.metrics.scores import logistic, read_scores

THRESHOLDS = {"youden": 0.54, "f1": 0.45}


def reading(network, logit, **changes):
    entries = {
        "network": network, "probability": 0.5, "logit": logit, "threshold": 0.5, "operating_point": "youden",
        "positive": True, "refused": False, "novelty": None, "milliseconds": 1.0,
    }  # fmt: skip
    return Reading(**(entries | changes))


def test_it_is_the_mean_before_calibration_at_its_own_threshold():
    found = averaged_reading([reading("a", 2.0), reading("b", -0.5)], THRESHOLDS)
    expected = (1 / (1 + np.exp(-2.0)) + 1 / (1 + np.exp(0.5))) / 2
    assert found.probability == pytest.approx(expected, abs=1e-12)
    assert (found.threshold, found.positive, found.refused_by) == (0.54, True, ())
    below = averaged_reading([reading("a", 0.0), reading("b", 0.0)], THRESHOLDS)
    assert (below.probability, below.positive) == (0.5, False)


@pytest.mark.parametrize("refusing", ["a", "b", "ab"])
def test_a_refusal_of_either_network_refuses_it(refusing):
    readings = [reading(name, 5.0, refused=name in refusing, positive=None) for name in "ab"]
    found = averaged_reading(readings, THRESHOLDS)
    assert (found.positive, found.refused_by) == (None, tuple(refusing))


@pytest.mark.parametrize(
    "readings",
    [
        [reading("a", 1.0)],
        [reading("a", 1.0, operating_point="half"), reading("b", 1.0, operating_point="half")],
        [reading("a", 1.0), reading("b", 1.0, operating_point="f1")],
        [],
    ],
)
def test_without_both_networks_or_a_frozen_threshold_there_is_none(readings):
    assert averaged_reading(readings, THRESHOLDS) is None


def test_the_shipped_thresholds_give_the_shipped_record():
    bundles = find_bundles(default_models_folder())
    comparison = read_comparison(bundles)
    one, other = (read_scores(bundles[name].folder / "scores.csv").of_split("validation") for name in "ab")
    mean = logistic(ensemble_scores(one, other).logits)
    for point, threshold in comparison.average_thresholds.items():
        counts = confusion(one.labels, mean, threshold)
        stored = comparison.average["validation"].operating_points[point]
        assert counts.sensitivity == pytest.approx(stored.sensitivity.value)
        assert counts.specificity == pytest.approx(stored.specificity.value)
        for row in range(0, len(one.labels), 97):
            pair = [reading("a", one.logits[row]), reading("b", other.logits[row])]
            found = averaged_reading(pair, {"youden": threshold})
            assert found.probability == pytest.approx(mean[row], abs=1e-12)
    assert len(comparison.average_thresholds) == 5
