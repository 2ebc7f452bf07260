"""Resampling patients: whole ones, reproducibly, with figures that are the definitions' and intervals that cover."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap
from sklearn import metrics

from train.common.errors import PneumoscopeError
from train.metrics import cluster_bootstrap
from train.metrics.cluster_bootstrap import (
    Draws,
    Ranking,
    patient_interval,
    patient_weights,
    prediction_metrics,
    require_patients,
    resample,
)
from train.metrics.intervals import Interval, wilson_interval
from train.metrics.operating_points import Confusion, confusion

PATIENTS = tuple("aabbbcddddef")


def weights_of(patients, resamples=50, seed=0):
    return np.concatenate(list(patient_weights(patients, resamples, seed)))


def test_patients_are_drawn_whole_and_as_many_as_there_are():
    weights = weights_of(PATIENTS)
    first_of_each = [0, 2, 5, 6, 10, 11]
    for start, end in zip(first_of_each, [*first_of_each[1:], 12], strict=True):
        assert (weights[:, start:end] == weights[:, [start]]).all()
    assert (weights[:, first_of_each].sum(axis=1) == 6).all()
    assert len(np.unique(weights, axis=0)) > 40


def test_the_same_seed_draws_the_same_in_pieces_of_any_size(monkeypatch):
    whole = weights_of(PATIENTS)
    monkeypatch.setattr(cluster_bootstrap, "PIECE", 36)
    pieces = list(patient_weights(PATIENTS, 50, 0))
    assert len(pieces) == 17
    assert np.array_equal(np.concatenate(pieces), whole)
    assert not np.array_equal(weights_of(PATIENTS, seed=1), whole)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3), st.integers(0, 4)), min_size=1, max_size=30))
def test_weighted_areas_are_those_of_films_repeated(films):
    labels, scores, times = map(np.array, zip(*films, (0, 0, 1), (1, 1, 1), strict=True))
    auroc, precision = Ranking.of(labels, scores).areas(times[None].astype(float))
    assert auroc[0] == pytest.approx(metrics.roc_auc_score(labels, scores, sample_weight=times))
    assert precision[0] == pytest.approx(metrics.average_precision_score(labels, scores, sample_weight=times))


def test_a_resample_of_one_class_leaves_areas_undefined():
    weights = np.array([[1.0, 1, 0, 0], [0, 0, 2, 2], [1, 0, 1, 0]])
    for area in Ranking.of([0, 0, 1, 1], [1.0, 2, 3, 4]).areas(weights):
        assert np.isnan(area[:2]).all()
        assert area[2] == 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, 4)), min_size=1, max_size=30))
def test_weighted_calls_are_those_of_films_repeated(films):
    labels, called, times = map(np.array, zip(*films, strict=True))
    found = prediction_metrics(labels, called, times[None].astype(float))
    kinds = [(1, True), (0, True), (0, False), (1, False)]
    counts = Confusion(*(int(times[(labels == label) & (called == positive)].sum()) for label, positive in kinds))
    for name, values in found.items():
        assert values[0] == pytest.approx(getattr(counts, name), nan_ok=True), name


def mean_of(values):
    return lambda weights: {"mean": weights @ values / weights.sum(axis=1)}


def test_the_interval_is_scipys_bca_where_every_film_is_a_patient():
    values = np.random.default_rng(1).exponential(size=80)
    draws = resample([str(row) for row in range(80)], mean_of(values), resamples=20_000)
    ours = patient_interval(float(values.mean()), draws["mean"])
    theirs = scipy_bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2))
    expected = theirs.confidence_interval
    assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high), abs=0.01)
    # Skewed as the values are, it is not symmetrical: plain percentiles would lie lower.
    assert ours.high - ours.value > 1.2 * (ours.value - ours.low)


def test_groups_of_patients_tell_the_skewness_too(monkeypatch):
    values = np.random.default_rng(1).exponential(size=800)
    patients = [str(row) for row in range(800)]
    grouped = resample(patients, mean_of(values), resamples=500)["mean"]
    monkeypatch.setattr(cluster_bootstrap, "JACKKNIFE_GROUPS", 800)
    single = resample(patients, mean_of(values), resamples=500)["mean"]
    assert (grouped.jackknife.size, single.jackknife.size) == (400, 800)
    pair = [patient_interval(float(values.mean()), draws) for draws in (grouped, single)]
    assert pair[0].low == pytest.approx(pair[1].low, abs=0.01)
    assert pair[0].high == pytest.approx(pair[1].high, abs=0.01)


def test_films_that_err_together_widen_the_interval_until_it_covers():
    # 80 patients of 1 to 8 films; a patient's films are all right or all wrong, right with a chance of 0.8.
    rng = np.random.default_rng(4)
    covered = {"patients": 0, "independent": 0}
    for _ in range(200):
        films = rng.integers(1, 9, 80)
        patients = np.repeat(np.arange(80), films).astype(str)
        right = np.repeat(rng.random(80) < 0.8, films).astype(float)
        draws = resample(patients, mean_of(right), resamples=400)
        ours = patient_interval(float(right.mean()), draws["mean"])
        independent = wilson_interval(int(right.sum()), right.size)
        covered["patients"] += ours.low <= 0.8 <= ours.high
        covered["independent"] += independent.low <= 0.8 <= independent.high
    assert covered["patients"] >= 180
    assert covered["independent"] <= 150


def test_where_all_resamples_agree_the_given_interval_stands():
    same = Draws(np.ones(100), np.ones(20))
    assert patient_interval(1.0, same, Interval(1.0, 0.9, 1.0)) == Interval(1.0, 0.9, 1.0)
    assert patient_interval(1.0, same) == Interval(1.0, 1.0, 1.0)
    # Rounding is no disagreement.
    assert patient_interval(1.0, Draws(1 + 1e-15 * np.arange(100), np.ones(20))) == Interval(1.0, 1.0, 1.0)


def test_undefined_resamples_are_left_out_and_an_undefined_figure_stays_so():
    values = np.linspace(0, 1, 200)
    holes = np.where(np.arange(200) % 4 == 0, np.nan, values)
    found = patient_interval(0.5, Draws(holes, np.array([0.4, 0.6, np.nan])))
    assert 0 < found.low < 0.1 < 0.9 < found.high < 1
    assert math.isnan(patient_interval(math.nan, Draws(values, values)).low)
    assert math.isnan(patient_interval(0.5, Draws(np.full(9, np.nan), values)).low)
    assert not math.isnan(patient_interval(0.5, Draws(values, np.full(9, np.nan))).low)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.floats(0, 1))
def test_the_interval_holds_the_figure_and_stays_within_the_resamples(values, value):
    found = patient_interval(value, Draws(np.array(values), np.array(values)))
    assert found.low <= value <= found.high
    assert min(*values, value) <= found.low
    assert found.high <= max(*values, value)


def test_progress_counts_the_resamples():
    done = []
    resample(PATIENTS, mean_of(np.ones(12)), done.append, resamples=70)
    assert sum(done) == 70


def test_few_patients_are_refused():
    require_patients([str(row) for row in range(20)], "the films")
    with pytest.raises(PneumoscopeError, match="the films are of 19 patients: expected at least 20"):
        require_patients([str(row % 19) for row in range(400)], "the films")


def test_calls_agree_with_the_confusion_at_a_threshold():
    labels, scores = [0, 0, 1, 1, 1], [0.1, 0.6, 0.4, 0.7, 0.9]
    counts = confusion(labels, scores, 0.5)
    found = prediction_metrics(labels, np.array(scores) >= 0.5, np.ones((1, 5)))
    assert {name: values[0] for name, values in found.items()} == pytest.approx(
        {name: getattr(counts, name) for name in found}
    )
