"""Intervals against published examples, SciPy, the definitions, and what an interval must be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from train.common.errors import PneumoscopeError
from train.metrics.intervals import (
    UNDEFINED,
    Interval,
    auroc_interval,
    average_precision_interval,
    balanced_accuracy_interval,
    delong_covariance,
    difference_interval,
    f1_interval,
    wilson_interval,
)

# Hanley & McNeil, Radiology 1982;143:29, table I: CT images of 109 patients rated 1 (normal) to 5 (abnormal).
CT_LABELS = np.repeat([0, 1], [58, 51])
CT_RATINGS = np.concatenate([np.repeat(range(1, 6), [33, 6, 6, 11, 2]), np.repeat(range(1, 6), [3, 2, 2, 11, 33])])

unhurried = settings(deadline=None)
COUNTS = st.integers(0, 400)


def films(n: int = 60, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    return labels, np.round(rng.normal(1.2 * labels, 1), 1)  # rounded: with ties


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe, Stat Med 1998;17:857, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_newcombes_table(successes, n, low, high):
    interval = wilson_interval(successes, n)
    assert interval.value == successes / n
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@unhurried
@given(COUNTS, COUNTS, st.sampled_from([0.9, 0.95, 0.99]))
def test_wilson_is_scipys(successes, failures, confidence):
    n = successes + failures
    if n == 0:
        assert wilson_interval(0, 0) is UNDEFINED
        return
    interval = wilson_interval(successes, n, confidence)
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (1, 0)])
def test_wilson_refuses_what_is_no_proportion(successes, n):
    with pytest.raises(PneumoscopeError, match="0 <= successes <= n"):
        wilson_interval(successes, n)


@pytest.mark.parametrize(
    ("tp", "positives", "fp", "negatives", "low", "high"),
    # Newcombe, Stat Med 1998;17:873, table II, method 10: p1 - p2, here sensitivity - false positive rate.
    [(56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (10, 10, 0, 20, 0.6791, 1.0)],
)
def test_balanced_accuracy_is_newcombes_difference(tp, positives, fp, negatives, low, high):
    sensitivity = wilson_interval(tp, positives)
    specificity = wilson_interval(negatives - fp, negatives)
    interval = balanced_accuracy_interval(sensitivity, specificity)
    assert 2 * interval.value - 1 == pytest.approx(tp / positives - fp / negatives)
    assert (round(2 * interval.low - 1, 4), round(2 * interval.high - 1, 4)) == (low, high)
    difference = difference_interval(sensitivity, wilson_interval(fp, negatives))
    assert (round(difference.low, 4), round(difference.high, 4)) == (low, high)
    assert difference.value == pytest.approx(tp / positives - fp / negatives)


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_difference_stays_inside_its_range_and_turns_round(first, second):
    pair = wilson_interval(first, 9), wilson_interval(second, 9)
    there, back = difference_interval(*pair), difference_interval(*pair[::-1])
    assert -1 <= there.low <= there.value <= there.high <= 1
    assert there.low < there.high
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)


@unhurried
@given(COUNTS, COUNTS, COUNTS)
def test_f1_is_f1_with_the_interval_of_the_jaccard_index(tp, fp, fn):
    interval = f1_interval(tp, fp, fn)
    if tp + fp + fn == 0:
        assert math.isnan(interval.value)
        return
    assert interval.value == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    jaccard = wilson_interval(tp, tp + fp + fn)
    assert interval.low / (2 - interval.low) == pytest.approx(jaccard.low)
    assert interval.high / (2 - interval.high) == pytest.approx(jaccard.high)


def test_f1_covers_as_often_as_it_says():
    # A classifier of known sensitivity, specificity and prevalence, read 2,000 times on 200 films.
    rng = np.random.default_rng(11)
    probabilities = [0.6 * 0.9, 0.4 * 0.15, 0.6 * 0.1, 0.4 * 0.85]
    truth = 2 * probabilities[0] / (2 * probabilities[0] + probabilities[1] + probabilities[2])
    draws = rng.multinomial(200, probabilities, size=2000)
    covered = [
        interval.low <= truth <= interval.high for interval in (f1_interval(*draw[:3]) for draw in draws.tolist())
    ]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_delong_is_statas_on_hanley_and_mcneils_ratings():
    # Stata's manual of roctab gives area 0.8932, DeLong standard error 0.0307, interval 0.83295 to 0.95339.
    areas, covariance = delong_covariance(CT_LABELS, CT_RATINGS)
    standard_error = math.sqrt(covariance[0, 0])
    assert round(areas[0], 4) == 0.8932
    assert round(standard_error, 4) == 0.0307
    limits = areas[0] + norm.ppf([0.025, 0.975]) * standard_error
    assert np.round(limits, 5).tolist() == [0.83295, 0.95339]


def test_delong_covariance_is_its_definition():
    labels, first = films()
    second = np.round(first + np.random.default_rng(5).normal(0, 0.7, first.size), 1)
    areas, covariance = delong_covariance(labels, [first, second])
    kernels = []
    for scores in (first, second):
        ill, well = scores[labels == 1][:, None], scores[labels == 0][None, :]
        kernels.append((ill > well) + 0.5 * (ill == well))
    expected = np.cov([k.mean(axis=1) for k in kernels]) / 30 + np.cov([k.mean(axis=0) for k in kernels]) / 30
    np.testing.assert_allclose(areas, [k.mean() for k in kernels])
    np.testing.assert_allclose(covariance, expected)
    assert covariance[0, 1] > 0


def test_auroc_interval_is_delong_on_the_logit_scale():
    interval = auroc_interval(CT_LABELS, CT_RATINGS)
    areas, covariance = delong_covariance(CT_LABELS, CT_RATINGS)
    area, reach = areas[0], norm.ppf(0.975) * math.sqrt(covariance[0, 0]) / (areas[0] * (1 - areas[0]))
    logits = [math.log(limit / (1 - limit)) for limit in (interval.low, interval.high)]
    assert logits == pytest.approx([math.log(area / (1 - area)) - reach, math.log(area / (1 - area)) + reach])


@pytest.mark.parametrize(("positives", "negatives"), [(1, 1), (5, 3), (50, 50), (390, 234)])
def test_a_perfect_auroc_does_not_claim_certainty(positives, negatives):
    labels = np.repeat([1, 0], [positives, negatives])
    interval = auroc_interval(labels, labels * 2.0)
    assert (interval.value, interval.high) == (1.0, 1.0)
    # The limit solves Newcombe's equation (Stat Med 2006;25:559, method 5).
    low, rest = interval.low, (positives + negatives) / 2 - 1
    variance = low * (1 - low) * (1 + rest * ((1 - low) / (2 - low) + low / (1 + low))) / (positives * negatives)
    assert 1 - low == pytest.approx(norm.ppf(0.975) * math.sqrt(variance))
    mirrored = auroc_interval(labels, -labels * 2.0)
    assert (mirrored.value, mirrored.low, mirrored.high) == (0, 0, pytest.approx(1 - low))


def test_more_films_make_a_perfect_auroc_surer():
    lows = [auroc_interval([0, 1] * n, [0.0, 1.0] * n).low for n in (2, 20, 200)]
    assert lows == sorted(lows)
    assert lows[-1] > 0.98


def test_equal_scores_are_no_certain_half():
    interval = auroc_interval([0, 1] * 20, [0.5] * 40)
    assert interval.value == 0.5
    assert interval.low < 0.4
    assert interval.high > 0.6


@unhurried
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), max_size=30))
def test_areas_lie_inside_their_intervals(films):
    labels, scores = zip(*films, (0, 0), (1, 1), strict=True)
    for measure in (auroc_interval, average_precision_interval):
        interval = measure(labels, scores)
        assert 0 <= interval.low <= interval.value + 1e-12
        assert interval.value <= interval.high + 1e-12 <= 1 + 1e-9
        assert interval.low < interval.high


def test_average_precision_is_boyds_logit_interval():
    labels, scores = [1, 0, 1, 1], [4.0, 3.0, 2.0, 1.0]
    value = (1 + 2 / 3 + 3 / 4) / 3
    interval = average_precision_interval(labels, scores)
    centre, tau = math.log(value / (1 - value)), 1 / math.sqrt(3 * value * (1 - value))
    expected = [1 / (1 + math.exp(-(centre + z * tau))) for z in norm.ppf([0.025, 0.975])]
    assert interval.value == pytest.approx(value)
    assert [interval.low, interval.high] == pytest.approx(expected)


def test_a_perfect_average_precision_does_not_claim_certainty():
    assert average_precision_interval([0, 1, 1], [0.0, 1.0, 2.0]) == wilson_interval(2, 2)


def test_delong_needs_two_films_of_each_class():
    with pytest.raises(PneumoscopeError, match="at least two films of each class"):
        delong_covariance([0, 1, 1], [0.1, 0.2, 0.3])
    assert auroc_interval([0, 1, 1], [0.25, 0.2, 0.3]).low < 0.5


def test_one_class_is_refused():
    for measure in (auroc_interval, average_precision_interval, delong_covariance):
        with pytest.raises(PneumoscopeError, match="all 2 films are normal"):
            measure([0, 0], [0.1, 0.2])


def test_undefined_is_null_in_json():
    assert UNDEFINED.as_json() == {"value": None, "low": None, "high": None}
    assert Interval(0.5, 0.25, 0.75).as_json() == {"value": 0.5, "low": 0.25, "high": 0.75}
