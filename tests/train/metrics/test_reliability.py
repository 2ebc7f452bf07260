"""Calibration error by hand, on films that keep their promise, and on films that do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from train.metrics.reliability import brier_score, expected_calibration_error, reliability


def test_by_hand():
    labels, chances = [0, 1, 1, 1], [0.2, 0.4, 0.6, 1.0]
    # Two bins of two: 0.3 promised and 0.5 seen, 0.8 promised and 1 seen.
    assert expected_calibration_error(labels, chances, bins=2) == pytest.approx(0.2)
    assert expected_calibration_error([0, 1, 1], [0.5, 0.5, 1.0], bins=2) == pytest.approx(0)


def test_bins_hold_equally_many_films():
    rng = np.random.default_rng(0)
    chances = rng.beta(0.2, 0.2, 1000)  # most close to 0 and 1, as a sure network's
    promised, seen, films = reliability(rng.random(1000) < chances, chances)
    assert films.tolist() == [67] * 10 + [66] * 5
    assert (np.diff(promised) > 0).all()
    assert np.abs(seen - promised).max() < 0.2


def test_bins_are_scikit_learns_quantiles():
    rng = np.random.default_rng(1)
    chances = rng.random(1500)
    labels = rng.random(1500) < chances**2
    seen, promised = calibration_curve(labels, chances, n_bins=15, strategy="quantile")
    ours = reliability(labels, chances)
    np.testing.assert_allclose(ours[0], promised, atol=2e-3)
    np.testing.assert_allclose(ours[1], seen, atol=2e-2)


def test_promises_kept_and_broken():
    rng = np.random.default_rng(2)
    chances = rng.random(40_000)
    labels = rng.random(40_000) < chances
    assert expected_calibration_error(labels, chances) < 0.015
    assert expected_calibration_error(labels, np.clip(chances + 0.2, 0, 1)) == pytest.approx(0.18, abs=0.02)
    assert expected_calibration_error([0, 1], [1.0, 0.0]) == 1


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_it_is_a_share_however_few_films(films):
    labels, chances = zip(*films, strict=True)
    assert 0 <= expected_calibration_error(labels, chances) <= 1
    assert reliability(labels, chances)[2].sum() == len(films)


def test_brier_is_scikit_learns():
    labels, chances = [0, 1, 1], [0.1, 0.7, 0.4]
    assert brier_score(labels, chances) == pytest.approx(brier_score_loss(labels, chances))
