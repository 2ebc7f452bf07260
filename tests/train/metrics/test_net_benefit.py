import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.common.errors import PneumoscopeError
from train.metrics.net_benefit import (
    cheapest_threshold,
    expected_cost,
    implied_threshold,
    net_benefit,
    treat_all,
)

films = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 1).map(lambda value: round(value, 2))), min_size=2, max_size=40
).filter(lambda rows: len({label for label, _ in rows}) == 2)
thresholds = st.lists(st.floats(0, 0.99), min_size=1, max_size=10)
shares = st.floats(0, 1)


def reference(rows, threshold, prevalence=None):
    """Vickers & Elkin 2006, film by film; for another prevalence each film counts as often as its class then would."""
    ill = sum(label for label, _ in rows)
    well = len(rows) - ill
    weights = (
        {1: 1.0, 0: 1.0}
        if prevalence is None
        else {1: prevalence * len(rows) / ill, 0: (1 - prevalence) * len(rows) / well}
    )
    true = math.fsum(weights[1] for label, p in rows if label == 1 and p >= threshold)
    false = math.fsum(weights[0] for label, p in rows if label == 0 and p >= threshold)
    return true / len(rows) - false / len(rows) * threshold / (1 - threshold)


@given(films, thresholds)
def test_net_benefit_is_that_of_vickers_and_elkin(rows, at):
    labels, probabilities = map(np.array, zip(*rows, strict=True))
    expected = [reference(rows, threshold) for threshold in at]
    np.testing.assert_allclose(net_benefit(labels, probabilities, at), expected, rtol=0, atol=1e-9)


@given(films, thresholds, shares)
def test_another_prevalence_weighs_the_classes_anew(rows, at, prevalence):
    labels, probabilities = map(np.array, zip(*rows, strict=True))
    expected = [reference(rows, threshold, prevalence) for threshold in at]
    np.testing.assert_allclose(net_benefit(labels, probabilities, at, prevalence), expected, rtol=0, atol=1e-9)
    everyone = [reference([(label, 1.0) for label, _ in rows], threshold, prevalence) for threshold in at]
    np.testing.assert_allclose(treat_all(at, prevalence), everyone, rtol=0, atol=1e-9)


def test_a_film_at_the_threshold_is_called():
    assert net_benefit([0, 1], [0.2, 0.5], [0.5]).tolist() == [0.5]
    assert net_benefit([0, 1], [0.2, 0.5], [np.nextafter(0.5, 1)]).tolist() == [0.0]


@given(films, st.floats(0.1, 50), st.floats(0.01, 0.99))
def test_no_threshold_is_cheaper_than_the_cheapest(rows, ratio, prevalence):
    labels, probabilities = map(np.array, zip(*rows, strict=True))
    found = cheapest_threshold(labels, probabilities, ratio, prevalence)

    def cost(threshold):
        called = probabilities >= threshold
        return float(expected_cost(called[labels == 1].mean(), called[labels == 0].mean(), ratio, prevalence))

    assert cost(found.threshold) == pytest.approx(found.cost, abs=1e-12)
    others = [cost(threshold) for threshold in (0.0, 2.0, *probabilities)]
    assert found.cost <= min(others) + 1e-12
    assert all(other > found.cost for other, at in zip(others[2:], probabilities, strict=True) if at > found.threshold)


@given(st.floats(0.1, 100))
def test_the_implied_threshold_is_where_both_errors_cost_the_same(ratio):
    at = implied_threshold(ratio)
    assert at * ratio == pytest.approx(1 - at)


def test_cost_and_net_benefit_say_the_same():
    labels, probabilities = np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.8, 0.9])
    benefit = net_benefit(labels, probabilities, [implied_threshold(4)], 0.3)
    called = probabilities >= 0.2
    cost = expected_cost(called[labels == 1].mean(), called[labels == 0].mean(), 4, 0.3)
    assert 4 * (0.3 - benefit[0]) == pytest.approx(cost)


@pytest.mark.parametrize(
    "call",
    [
        lambda: net_benefit([0, 1], [0.1, 0.9], [1.0]),
        lambda: net_benefit([0, 1], [0.1, 0.9], [-0.1]),
        lambda: net_benefit([0, 1], [0.1, 0.9], [math.nan]),
        lambda: net_benefit([0, 1], [0.1, 0.9], [0.5], 1.5),
        lambda: treat_all([0.5], math.nan),
        lambda: implied_threshold(0),
        lambda: implied_threshold(math.inf),
        lambda: cheapest_threshold([0, 1], [0.1, 0.9], math.nan),
    ],
)
def test_what_is_out_of_bounds_is_refused(call):
    with pytest.raises(PneumoscopeError, match="Received"):
        call()
