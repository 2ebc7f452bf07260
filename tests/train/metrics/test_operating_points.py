"""Counts, curves and thresholds against scikit-learn and against their own promises."""

import math
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from train.common.errors import PneumoscopeError
from train.metrics.operating_points import (
    DEFAULT_OPERATING_POINT,
    OPERATING_POINTS,
    auroc,
    average_precision,
    choose_operating_points,
    choose_threshold,
    confusion,
    f1_curve,
    precision_recall_curve,
    predictive_values,
    roc_curve,
)

# Few distinct values make ties, which is where curves and thresholds go wrong; the others are as networks give.
TIED = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0])
PROBABILITIES = st.floats(0, 1)
LOGITS = st.floats(-40, 40)


unhurried = settings(deadline=None, max_examples=60)  # another process may hold the machine


@st.composite
def scored_films(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels with both classes, and finite scores."""
    scores = draw(st.sampled_from([TIED, PROBABILITIES, LOGITS]))
    films = draw(st.lists(st.tuples(st.integers(0, 1), scores), min_size=0, max_size=40))
    films += [(0, draw(scores)), (1, draw(scores))]
    labels, values = zip(*films, strict=True)
    return np.array(labels), np.array(values)


@unhurried
@given(scored_films())
def test_roc_curve_is_scikit_learns(films):
    labels, scores = films
    ours = roc_curve(labels, scores)
    false_positive_rate, sensitivity, thresholds = metrics.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(ours.false_positive_rate, false_positive_rate)
    np.testing.assert_allclose(ours.sensitivity, sensitivity)
    np.testing.assert_array_equal(ours.thresholds, thresholds)
    assert auroc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores))


@unhurried
@given(scored_films())
def test_precision_recall_curve_is_scikit_learns(films):
    labels, scores = films
    ours = precision_recall_curve(labels, scores)
    precision, recall, thresholds = metrics.precision_recall_curve(labels, scores)
    np.testing.assert_allclose(ours.precision, precision[::-1])
    np.testing.assert_allclose(ours.recall, recall[::-1])
    np.testing.assert_array_equal(ours.thresholds[1:], thresholds[::-1])
    assert average_precision(labels, scores) == pytest.approx(metrics.average_precision_score(labels, scores))


@unhurried
@given(scored_films())
def test_f1_curve_is_scikit_learns_at_every_threshold(films):
    labels, scores = films
    curve = f1_curve(labels, scores)
    expected = [metrics.f1_score(labels, scores >= threshold, zero_division=0) for threshold in curve.thresholds]
    np.testing.assert_allclose(curve.f1, expected)


@unhurried
@given(scored_films(), st.one_of(TIED, PROBABILITIES, LOGITS))
def test_confusion_is_scikit_learns(films, threshold):
    labels, scores = films
    counts = confusion(labels, scores, threshold)
    expected = metrics.confusion_matrix(labels, scores >= threshold, labels=[0, 1])
    assert [[counts.tn, counts.fp], [counts.fn, counts.tp]] == expected.tolist()
    assert counts.accuracy == pytest.approx(metrics.accuracy_score(labels, scores >= threshold))
    assert counts.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(labels, scores >= threshold))
    assert counts.f1 == pytest.approx(metrics.f1_score(labels, scores >= threshold, zero_division=0))


@unhurried
@given(scored_films())
def test_promised_sensitivity_holds_and_no_higher_cut_keeps_it(films):
    labels, scores = films
    threshold = choose_threshold(labels, scores, "sensitivity_95")
    assert confusion(labels, scores, threshold).sensitivity >= 0.95
    for score in scores[scores >= threshold]:
        assert confusion(labels, scores, np.nextafter(score, np.inf)).sensitivity < 0.95


@unhurried
@given(scored_films())
def test_every_rule_is_the_best_over_all_cuts(films):
    labels, scores = films
    distinct = np.unique(scores)
    cuts = [confusion(labels, scores, threshold) for threshold in [*distinct, np.inf]]
    chosen = {rule: confusion(labels, scores, choose_threshold(labels, scores, rule)) for rule in OPERATING_POINTS}
    assert chosen["f1"].f1 == max(cut.f1 for cut in cuts)
    youden = max(cut.sensitivity + cut.specificity for cut in cuts)
    assert chosen["youden"].sensitivity + chosen["youden"].specificity == pytest.approx(youden)
    # The highest threshold with the sensitivity has the best specificity of those that have it, and so the other way.
    assert chosen["sensitivity_95"].sensitivity >= 0.95
    assert chosen["sensitivity_95"].specificity == max(cut.specificity for cut in cuts if cut.sensitivity >= 0.95)
    assert chosen["specificity_95"].specificity >= 0.95
    assert chosen["specificity_95"].sensitivity == max(cut.sensitivity for cut in cuts if cut.specificity >= 0.95)


@unhurried
@given(scored_films())
def test_thresholds_are_finite_and_those_of_one_cut_do_not_sit_on_a_film(films):
    labels, scores = films
    distinct = np.unique(scores)
    gap = min((high - low for low, high in pairwise(distinct)), default=1.0)
    points = choose_operating_points(labels, scores)
    assert all(map(math.isfinite, points.values()))
    if gap > 1e-6 and distinct[0] > 1e-6 and distinct[-1] < 1 - 1e-6:
        assert all(0 < threshold < 1 for threshold in points.values())
        assert points["sensitivity_95"] not in distinct
        assert points["specificity_95"] not in distinct


def test_a_threshold_lies_halfway_between_the_neighbouring_scores():
    labels = [0, 0, 0, 1, 1, 1]
    scores = [-3.0, -2.0, -1.0, 2.0, 4.0, 5.0]
    assert choose_operating_points(labels, scores) == {
        "f1": 0.5,
        "youden": 0.5,
        "sensitivity_95": 0.5,
        "specificity_95": 0.5,
    }


def test_where_several_cuts_tie_the_threshold_is_the_middle_of_their_plateau():
    # Between 1 and 7 every cut has a Youden index of 1/2: the pair at 4 takes as much as it gives.
    labels = [0, 0, 0, 1, 1, 1, 0, 1]
    scores = [0.0, 1.0, 4.0, 4.0, 7.0, 8.0, 9.0, 9.5]
    cuts = [confusion(labels, scores, threshold) for threshold in (2, 5)]
    assert cuts[0].sensitivity + cuts[0].specificity == cuts[1].sensitivity + cuts[1].specificity
    assert choose_threshold(labels, scores, "youden") == 4.0


def test_of_separate_plateaus_the_widest_is_taken():
    labels = [0, 1, 0, 1]
    assert choose_threshold(labels, [0.0, 1.0, 2.0, 9.0], "youden") == 5.5
    assert choose_threshold(labels, [0.0, 7.0, 8.0, 9.0], "youden") == 3.5


def test_a_cut_between_films_is_preferred_to_calling_all_alike():
    # Nothing is gained anywhere: the middle cut is as good as none or all positive, and the others are worse.
    assert choose_threshold([1, 0, 1, 0], [2.0, 2.125, 2.375, 2.5], "youden") == 2.25


def test_a_network_that_says_the_same_of_all_films_still_gets_thresholds():
    labels, scores = [0, 1, 1], [0.25, 0.25, 0.25]
    points = choose_operating_points(labels, scores)
    assert confusion(labels, scores, points["sensitivity_95"]).sensitivity == 1
    assert confusion(labels, scores, points["specificity_95"]).specificity == 1
    assert all(0 < threshold < 1 for threshold in points.values())


def test_a_normal_film_at_probability_one_does_not_break_the_promised_specificity():
    labels, scores = [0, 1], [1.0, 1.0]
    assert confusion(labels, scores, choose_threshold(labels, scores, "specificity_95")).specificity == 1


def test_neighbouring_floats_are_told_apart():
    low = 0.3
    labels, scores = [0, 1], [low, np.nextafter(low, 1)]
    counts = confusion(labels, scores, choose_threshold(labels, scores, "youden"))
    assert (counts.sensitivity, counts.specificity) == (1, 1)


def test_nineteen_of_twenty_is_enough_for_95_percent():
    labels = [1] * 20 + [0] * 20
    scores = [*range(20, 40), *range(20)]
    scores[0] = 5.5
    assert confusion(labels, scores, choose_threshold(labels, scores, "sensitivity_95")).tp == 19
    assert confusion(labels, scores, choose_threshold(labels, scores, "specificity_95")).fp <= 1


def test_logits_and_probabilities_give_the_same_calls():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    logits = rng.normal(2.0 * labels - 1, 1.5)
    probabilities = 1 / (1 + np.exp(-logits))
    for rule in OPERATING_POINTS:
        by_logit = logits >= choose_threshold(labels, logits, rule)
        by_probability = probabilities >= choose_threshold(labels, probabilities, rule)
        np.testing.assert_array_equal(by_logit, by_probability)


def test_undefined_figures_are_nan():
    nobody = confusion([0, 1], [0.1, 0.2], 0.5)
    assert math.isnan(nobody.ppv)
    assert nobody.npv == 0.5
    well = confusion([0, 0], [0.1, 0.2], 0.5)
    assert math.isnan(well.sensitivity)
    assert math.isnan(well.balanced_accuracy)
    assert math.isnan(well.f1)
    assert (well.specificity, well.accuracy, well.n) == (1, 1, 2)


def test_predictive_values_follow_bayes():
    # Altman & Bland's example (BMJ 1994;309:102): liver scans, sensitivity 231/258, specificity 54/86.
    ppv, npv = predictive_values(231 / 258, 54 / 86, 258 / 344)
    assert ppv == pytest.approx(231 / 263)
    assert npv == pytest.approx(54 / 81)
    ppv, npv = predictive_values(231 / 258, 54 / 86, 0.25)
    assert (round(float(ppv), 2), round(float(npv), 2)) == (0.45, 0.95)


def test_predictive_values_at_the_cohorts_prevalence_are_the_cohorts():
    counts = confusion([1] * 40 + [0] * 60, list(range(40, 80)) + list(range(60)), 45)
    ppv, npv = predictive_values(counts.sensitivity, counts.specificity, 0.4)
    assert ppv == pytest.approx(counts.ppv)
    assert npv == pytest.approx(counts.npv)


def test_predictive_values_over_prevalences():
    ppv, npv = predictive_values(0.9, 0.8, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(ppv, [0, 0.9 / 1.1, 1])
    np.testing.assert_allclose(npv, [1, 0.8 / 0.9, 0])
    assert np.isnan(predictive_values(0.0, 1.0, 0.5)[0])  # nothing is ever called positive


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_predictive_values_refuse_what_is_no_rate(wrong):
    with pytest.raises(PneumoscopeError, match="prevalence"):
        predictive_values(0.9, 0.9, wrong)


REFUSED = [
    ([], [], "no films"),
    ([0, 1], [0.1, math.nan], "1 of 2 scores are NaN or infinite .the first at index 1"),
    ([0, 1], [0.1, math.inf], "NaN or infinite"),
    ([0, 2], [0.1, 0.2], "labels must be 0"),
    ([0, 1, 1], [0.1, 0.2], "one score per film"),
    ([0, 0], [0.1, 0.2], "all 2 films are normal"),
    ([1, 1], [0.1, 0.2], "all 2 films are pneumonia"),
]


@pytest.mark.parametrize(("labels", "scores", "message"), REFUSED)
@pytest.mark.parametrize("function", [roc_curve, precision_recall_curve, f1_curve, auroc, choose_operating_points])
def test_what_cannot_be_evaluated_is_refused_in_one_line(function, labels, scores, message):
    with pytest.raises(PneumoscopeError, match=message) as refusal:
        function(labels, scores)
    assert "\n" not in str(refusal.value)


def test_other_refusals():
    with pytest.raises(PneumoscopeError, match=r"unknown operating point 'best': expected one of f1, youden"):
        choose_threshold([0, 1], [0.1, 0.2], "best")
    with pytest.raises(PneumoscopeError, match="threshold is NaN"):
        confusion([0, 1], [0.1, 0.2], math.nan)


def test_the_default_is_an_operating_point():
    assert DEFAULT_OPERATING_POINT in OPERATING_POINTS


def test_numpy_is_enough():
    import subprocess

    program = (
        "import sys; import train.metrics.operating_points, train.metrics.intervals, train.metrics.scores; "
        "import train.evaluation.evaluation; "
        "print([name for name in ('scipy', 'sklearn', 'matplotlib', 'tensorflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
