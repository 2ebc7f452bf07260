"""Calibration error by hand, on films that keep their promise, and on films that do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from train.metrics.reliability import brier_score, expected_calibration_error, quantile_bins, reliability_diagram


def test_by_hand():
    labels, probabilities = [0, 1, 1, 1], [0.2, 0.4, 0.6, 1.0]
    # Two bins of two: 0.3 promised and 0.5 seen, 0.8 promised and 1 seen.
    assert expected_calibration_error(labels, probabilities, bins=2) == pytest.approx(0.2)
    assert expected_calibration_error([0, 1, 1], [0.5, 0.5, 1.0], bins=2) == pytest.approx(0)


def test_bins_hold_equally_many_films():
    rng = np.random.default_rng(0)
    probabilities = rng.beta(0.2, 0.2, 1000)  # most close to 0 and 1, as a sure network's
    found = quantile_bins(rng.random(1000) < probabilities, probabilities)
    assert found.films.tolist() == [67] * 10 + [66] * 5
    assert (np.diff(found.mean) > 0).all()
    assert np.abs(found.observed - found.mean).max() < 0.2


def test_bins_are_scikit_learns_quantiles():
    rng = np.random.default_rng(1)
    probabilities = rng.random(1500)
    labels = rng.random(1500) < probabilities**2
    seen, promised = calibration_curve(labels, probabilities, n_bins=15, strategy="quantile")
    ours = quantile_bins(labels, probabilities)
    np.testing.assert_allclose(ours.mean, promised, atol=2e-3)
    np.testing.assert_allclose(ours.observed, seen, atol=2e-2)


def test_promises_kept_and_broken():
    rng = np.random.default_rng(2)
    probabilities = rng.random(40_000)
    labels = rng.random(40_000) < probabilities
    assert expected_calibration_error(labels, probabilities) < 0.015
    assert expected_calibration_error(labels, np.clip(probabilities + 0.2, 0, 1)) == pytest.approx(0.18, abs=0.02)
    assert expected_calibration_error([0, 1], [1.0, 0.0]) == 1


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_it_is_a_share_however_few_films(films):
    labels, probabilities = zip(*films, strict=True)
    assert 0 <= expected_calibration_error(labels, probabilities) <= 1
    assert quantile_bins(labels, probabilities).films.sum() == len(films)


def test_brier_is_scikit_learns():
    labels, probabilities = [0, 1, 1], [0.1, 0.7, 0.4]
    assert brier_score(labels, probabilities) == pytest.approx(brier_score_loss(labels, probabilities))


films = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1).map(lambda p: round(p, 6))), min_size=2, max_size=80)


@given(films, st.integers(1, 20))
def test_the_diagrams_bins_are_those_of_scikit_learn(rows, bins):
    labels, probabilities = map(np.array, zip(*rows, strict=True))
    # scikit-learn puts a probability on a border into the lower bin: nobody may stand on one.
    borders = np.linspace(0, 1, bins + 1)
    probabilities = np.where(np.isclose(probabilities[:, None], borders).any(axis=1), 0.123456, probabilities)
    labels[:2] = 0, 1
    found = reliability_diagram(labels, probabilities, bins)
    observed, mean = calibration_curve(labels, probabilities, n_bins=bins)
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.mean, mean)
    assert found.films.sum() == len(rows)
    assert (found.films > 0).all()


def test_the_ends_of_the_diagram_belong_to_the_outer_bins():
    found = reliability_diagram([0, 1, 1, 0], [0.0, 1.0, 0.5, 0.05], 10)
    assert found.films.tolist() == [2, 1, 1]
    assert found.mean.tolist() == [0.025, 0.5, 1.0]


def test_a_probability_on_a_border_belongs_to_the_higher_bin():
    assert reliability_diagram([0, 1], [0.45, 0.5], 10).films.tolist() == [1, 1]
    assert reliability_diagram([0, 1], [0.5, 0.55], 10).films.tolist() == [2]
