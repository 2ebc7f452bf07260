"""Temperature and operating points come from validation and never change a decision."""

import numpy as np
import pytest

from export.calibration import SEPARATED, calibrate
from train.errors import PneumoscopeError
from train.evaluation import evaluate_validation
from train.scores import Scores, logistic


def scores_of(logits, labels, splits=None):
    count = len(logits)
    return Scores(
        films=tuple(f"{index}.png" for index in range(count)),
        patients=tuple(f"p{index}" for index in range(count)),
        splits=tuple(splits or ["validation"] * count),
        labels=np.asarray(labels),
        logits=np.asarray(logits, dtype=float),
    )


@pytest.fixture
def well_calibrated():
    """10,000 films whose labels follow their logits' probabilities."""
    generator = np.random.default_rng(0)
    logits = generator.normal(1, 2, 10_000)
    return logits, (generator.uniform(size=10_000) < logistic(logits)).astype(int)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_over_and_under_confidence(well_calibrated, factor):
    logits, labels = well_calibrated
    calibration = calibrate(scores_of(logits * factor, labels))
    assert calibration.temperature == pytest.approx(factor, rel=0.06)
    assert calibration.log_loss_after <= calibration.log_loss_before
    assert calibration.note == ""


def test_calibration_never_changes_a_decision(well_calibrated):
    logits, labels = well_calibrated
    scores = scores_of(logits * 2, labels)
    calibration = calibrate(scores)
    frozen = evaluate_validation(scores, "a", "0" * 64)["thresholds"]
    for name, point in calibration.operating_points.items():
        raw = logistic(scores.logits) >= frozen[name]
        assert np.array_equal(raw, logistic(scores.logits / calibration.temperature) >= point.threshold)
        assert point.sensitivity == pytest.approx(raw[labels == 1].mean())
        assert point.specificity == pytest.approx(1 - raw[labels == 0].mean())


def test_test_films_are_not_looked_at(well_calibrated):
    logits, labels = well_calibrated
    alone = calibrate(scores_of(logits[:500], labels[:500]))
    splits = ["validation"] * 500 + ["test"] * 500
    mixed = calibrate(scores_of(np.r_[logits[:500], -9 * logits[500:1000]], labels[:1000], splits))
    assert mixed == alone


def test_separated_classes_keep_temperature_1_and_say_so():
    calibration = calibrate(scores_of([-3, -2, -1, 1, 2, 3], [0, 0, 0, 1, 1, 1]))
    assert calibration.temperature == 1
    assert calibration.note == SEPARATED


def test_no_validation_scores_is_one_clear_line():
    with pytest.raises(PneumoscopeError, match="no validation scores"):
        calibrate(scores_of([1.0, -1.0], [1, 0], ["test", "test"]))
