"""Temperature and operating points come from validation and never change a decision."""

import numpy as np
import pytest

from export.graph.calibration import calibrate, quality, quality_on
from train.common.errors import PneumoscopeError
from train.evaluation.evaluation import evaluate_validation
from train.metrics.augmented_scores import AugmentedScores
from train.metrics.calibration_fit import NO_OPTIMUM, SEPARATED, Scale, fit_platt, fit_temperature
from train.metrics.scores import Scores, logistic
from train.runs.settings import OperatingSettings


def scores_of(logits, labels, splits=None, patients=None):
    """Scores of a patient a film; of thousands eight films a patient, as folds are filled patient by patient."""
    count = len(logits)
    if patients is None:
        patients = np.arange(count) // (8 if count > 1_000 else 1)
    return Scores(
        films=tuple(f"{index}.png" for index in range(count)),
        patients=tuple(f"p{index}" for index in patients),
        splits=tuple(splits or ["validation"] * count),
        labels=np.asarray(labels),
        logits=np.asarray(logits, dtype=float),
    )


@pytest.fixture
def well_calibrated():
    """4,000 films whose labels follow their logits' probabilities."""
    generator = np.random.default_rng(0)
    logits = generator.normal(1, 2, 4_000)
    return logits, (generator.uniform(size=4_000) < logistic(logits)).astype(int)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_over_and_under_confidence(well_calibrated, factor):
    logits, labels = well_calibrated
    calibration = calibrate(scores_of(logits * factor, labels))
    assert calibration.temperature == pytest.approx(factor, rel=0.06)
    assert calibration.offset == pytest.approx(0, abs=0.06)
    # Cross-validated, it may be a hair worse where there is nothing to mend.
    assert calibration.after.log_loss <= calibration.before.log_loss + 1e-3
    assert calibration.note == ""


def test_a_shift_of_all_logits_is_undone_by_platt(well_calibrated):
    logits, labels = well_calibrated
    calibration = calibrate(scores_of(2 * (logits - 3), labels))
    assert calibration.method == "platt"
    assert calibration.temperature == pytest.approx(2, rel=0.06)
    assert calibration.offset == pytest.approx(3, abs=0.2)
    assert calibration.candidates["platt"] == calibration.after.log_loss < calibration.candidates["temperature"]
    assert calibration.after.ece < 0.02 < calibration.before.ece
    assert calibration.after.brier < calibration.before.brier


def test_the_method_is_the_one_with_the_lower_cross_validated_loss(well_calibrated):
    logits, labels = well_calibrated
    for rows in (slice(0, 60), slice(60, 120), slice(120, 180)):
        calibration = calibrate(scores_of(logits[rows], labels[rows]))
        assert calibration.method == min(calibration.candidates, key=calibration.candidates.get)
        assert (calibration.offset == 0) == (calibration.method == "temperature")


def test_a_patients_films_stay_in_one_fold(well_calibrated):
    # Each patient's films are one film many times: a fold that splits them would be judged on what it was fitted on.
    logits, labels = (array[:40] for array in well_calibrated)
    once = calibrate(scores_of(logits, labels))
    copies = scores_of(np.repeat(logits, 9), np.repeat(labels, 9), patients=np.repeat(np.arange(40), 9))
    apart = scores_of(np.repeat(logits, 9), np.repeat(labels, 9))
    together = calibrate(copies)
    assert together.candidates["platt"] == pytest.approx(once.candidates["platt"], rel=0.2)
    assert together.candidates["platt"] > calibrate(apart).candidates["platt"] + 0.01


def test_platts_slope_and_offset_are_logistic_regressions(well_calibrated):
    from sklearn.linear_model import LogisticRegression

    logits, labels = (array[:500] for array in well_calibrated)
    scale = fit_platt(labels, logits)
    fitted = LogisticRegression(C=1e9).fit(logits[:, None], labels)
    assert 1 / scale.temperature == pytest.approx(fitted.coef_[0, 0], rel=1e-3)
    assert scale.offset == pytest.approx(fitted.intercept_[0], abs=1e-3)


def test_what_it_does_to_test_films_is_only_reported(well_calibrated):
    logits, labels = (array[:400] for array in well_calibrated)
    scores = scores_of(logits, labels, ["validation"] * 200 + ["test"] * 200)
    before, after = quality_on(scores, "test", Scale(2.0, 1.0))
    assert before == quality(labels[200:], logits[200:])
    assert after == quality(labels[200:], logits[200:] / 2 + 1)
    assert quality_on(scores.of_split("validation"), "test", Scale()) is None


@pytest.mark.parametrize(("shift", "method"), [(0.0, "temperature"), (3.0, "platt")])
def test_calibration_never_changes_a_decision(well_calibrated, shift, method):
    logits, labels = well_calibrated
    scores = scores_of(logits * 2 + shift, labels)
    calibration = calibrate(scores)
    assert calibration.method == method
    frozen = evaluate_validation(scores, "a", "0" * 64)["thresholds"]
    for name, point in calibration.operating_points.items():
        raw = logistic(scores.logits) >= frozen[name]
        assert np.array_equal(raw, logistic(calibration.scale.calibrated(scores.logits)) >= point.threshold)
        assert point.sensitivity == pytest.approx(raw[labels == 1].mean())
        assert point.specificity == pytest.approx(1 - raw[labels == 0].mean())


def augmented(scores, logits):
    return AugmentedScores(scores.films, scores.patients, scores.labels, logits)


@pytest.mark.parametrize("method", ["none", "temperature", "platt"])
def test_a_method_that_was_chosen_before_is_taken(well_calibrated, method):
    logits, labels = (array[:600] for array in well_calibrated)
    scores = scores_of(2 * (logits - 3), labels)
    calibration = calibrate(scores, operating=OperatingSettings(calibration=method))
    assert calibration.method == method
    assert list(calibration.candidates) == [method]
    if method == "none":
        assert calibration.scale == Scale(1, 0)
        assert calibration.after == calibration.before
    else:
        assert calibration.after.log_loss < calibration.before.log_loss


def test_scale_and_thresholds_are_of_the_augmented_films_where_asked_for(well_calibrated):
    logits, labels = (array[:600] for array in well_calibrated)
    scores = scores_of(9 * logits, labels)
    readings = augmented(scores, np.stack([3 * logits, 3 * logits], axis=1))
    chosen = OperatingSettings(seen="augmented", calibration="temperature")
    calibration = calibrate(scores, operating=chosen, augmented=readings)
    assert calibration.seen == "augmented"
    assert calibration.temperature == pytest.approx(3, rel=0.2)
    frozen = evaluate_validation(scores, "a", "0" * 64, operating=chosen, augmented=readings)["thresholds"]
    for name, point in calibration.operating_points.items():
        called = logistic(scores.logits) >= frozen[name]
        assert np.array_equal(called, logistic(calibration.scale.calibrated(scores.logits)) >= point.threshold)
    with pytest.raises(PneumoscopeError, match="--augmented"):
        calibrate(scores, operating=chosen)
    # The scale of the films as they are, the thresholds of the others.
    apart = calibrate(scores, operating=chosen.model_copy(update={"calibration_seen": "plain"}), augmented=readings)
    plain = calibrate(scores, operating=OperatingSettings(calibration="temperature"))
    assert (apart.seen, apart.fitted_on, apart.scale) == ("augmented", "plain", plain.scale)
    for name, point in apart.operating_points.items():
        called = logistic(scores.logits) >= frozen[name]
        assert np.array_equal(called, logistic(apart.scale.calibrated(scores.logits)) >= point.threshold)


def test_test_films_are_not_looked_at(well_calibrated):
    logits, labels = well_calibrated
    alone = calibrate(scores_of(logits[:500], labels[:500]))
    splits = ["validation"] * 500 + ["test"] * 500
    mixed = calibrate(scores_of(np.r_[logits[:500], -9 * logits[500:1000]], labels[:1000], splits))
    assert mixed == alone


def test_separated_classes_keep_temperature_1_and_say_so():
    calibration = calibrate(scores_of([-3, -2, -1, 1, 2, 3], [0, 0, 0, 1, 1, 1]))
    assert calibration.scale == Scale(1, 0)
    assert calibration.note == SEPARATED
    assert calibration.after == calibration.before


@pytest.mark.parametrize("asked", ["platt", "temperature", "cross_validated"])
def test_what_ships_is_what_is_measured_where_the_fit_fails(asked):
    apart = [-3, -2, -1, 1, 2, 3]
    upside_down = [3, 2, 1, -1, -2, -3]
    for logits, why in ((apart, SEPARATED), (upside_down, NO_OPTIMUM)):
        scores = scores_of(logits * 5, [0, 0, 0, 1, 1, 1] * 5)
        calibration = calibrate(scores, operating=OperatingSettings(calibration=asked))
        assert (calibration.method, calibration.scale) == ("none", Scale(1, 0))
        assert calibration.after == calibration.before == quality(scores.labels, scores.logits)
        assert (calibration.note, calibration.candidates) == (why, {})


def test_no_other_method_steps_in_for_platts_where_its_fit_fails():
    # All logits far too high: the best offset lies beyond its limit, where one temperature has an optimum.
    generator = np.random.default_rng(0)
    labels = np.minimum(np.arange(400) % 10, 1)
    logits = labels + generator.normal(0, 1, 400) + 30
    scores = scores_of(logits, labels)
    assert fit_platt(labels, logits) is None
    assert fit_temperature(labels, logits) is not None
    calibration = calibrate(scores, operating=OperatingSettings(calibration="platt"))
    assert (calibration.method, calibration.scale, calibration.note) == ("none", Scale(1, 0), NO_OPTIMUM)
    assert calibration.after == calibration.before
    assert quality_on(scores, "validation", calibration.scale)[1] == calibration.after


def test_no_validation_scores_is_one_clear_line():
    with pytest.raises(PneumoscopeError, match="no validation scores"):
        calibrate(scores_of([1.0, -1.0], [1, 0], ["test", "test"]))


def test_log_loss_and_brier_have_intervals_over_patients_where_there_are_enough():
    generator = np.random.default_rng(0)
    labels = np.arange(200) % 2
    logits = 2 * labels - 1 + generator.normal(0, 1, 200)
    alone = quality(labels, logits, [str(row) for row in range(200)])
    pairs = quality(labels.repeat(4), logits.repeat(4), [str(row) for row in range(200) for _ in range(4)])
    for name in ("log_loss", "brier"):
        low, value, high = (getattr(alone, f"{name}{end}") for end in ("_low", "", "_high"))
        assert low < value < high
        # A patient's copies tell nothing new.
        assert getattr(pairs, f"{name}_low") == pytest.approx(low, rel=0.02)
    assert quality(labels[:38], logits[:38], [str(row // 2) for row in range(38)]).brier_low is None
    assert quality(labels, logits).log_loss_low is None
    scores = scores_of(logits, labels)
    assert calibrate(scores).before.log_loss_low is None
    assert calibrate(scores, intervals=True).before == alone
