import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from demo.reliability import reliability

films = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1).map(lambda p: round(p, 6))), min_size=2, max_size=80)


@given(films, st.integers(1, 20))
def test_the_bins_are_those_of_scikit_learn(rows, bins):
    labels, probabilities = map(np.array, zip(*rows, strict=True))
    # scikit-learn puts a probability on a border into the lower bin: nobody may stand on one.
    borders = np.linspace(0, 1, bins + 1)
    probabilities = np.where(np.isclose(probabilities[:, None], borders).any(axis=1), 0.123456, probabilities)
    labels[:2] = 0, 1
    found = reliability(labels, probabilities, bins)
    observed, mean = calibration_curve(labels, probabilities, n_bins=bins)
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.mean, mean)
    assert found.films.sum() == len(rows)
    assert (found.films > 0).all()


def test_the_ends_belong_to_the_outer_bins():
    found = reliability([0, 1, 1, 0], [0.0, 1.0, 0.5, 0.05], 10)
    assert found.films.tolist() == [2, 1, 1]
    assert found.mean.tolist() == [0.025, 0.5, 1.0]


def test_a_probability_on_a_border_belongs_to_the_higher_bin():
    assert reliability([0, 1], [0.45, 0.5], 10).films.tolist() == [1, 1]
    assert reliability([0, 1], [0.5, 0.55], 10).films.tolist() == [2]


def test_the_error_is_weighted_by_films():
    found = reliability([0, 0, 0, 1], [0.1, 0.1, 0.1, 0.6], 2)
    assert found.expected_calibration_error == pytest.approx(0.75 * 0.1 + 0.25 * 0.4)
    assert reliability([0, 1], [0.0, 1.0]).expected_calibration_error == 0
