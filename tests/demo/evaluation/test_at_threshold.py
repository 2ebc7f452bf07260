import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from demo.evaluation.at_threshold import metrics_at_threshold, prevalence_of, snapped
from export.bundle.scores import BundleScores
from train.common.errors import PneumoscopeError

shares = st.floats(0, 1).map(lambda value: round(value, 4))
films = st.lists(st.tuples(st.integers(0, 1), shares), min_size=2, max_size=60).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def scores_of(rows):
    labels, probabilities = zip(*rows, strict=True)
    return BundleScores(("film",) * len(rows), np.array(labels), np.array(probabilities))


@given(films, shares)
def test_the_figures_are_those_of_scikit_learn(rows, threshold):
    scores = scores_of(rows)
    found = metrics_at_threshold(scores, threshold, prevalence_of(scores))
    called = (scores.probabilities >= threshold).astype(int)
    tn, fp, fn, tp = confusion_matrix(scores.labels, called, labels=[0, 1]).ravel()
    counts = found.confusion
    assert (counts.tn, counts.fp, counts.fn, counts.tp) == (tn, fp, fn, tp)
    assert counts.accuracy == pytest.approx(accuracy_score(scores.labels, called))
    assert counts.f1 == pytest.approx(f1_score(scores.labels, called, zero_division=0))
    assert counts.sensitivity == pytest.approx(recall_score(scores.labels, called))
    assert counts.specificity == pytest.approx(recall_score(scores.labels, called, pos_label=0))
    # At the cohort's own prevalence Bayes' rule gives back the counts' shares.
    if called.any():
        assert found.ppv == pytest.approx(precision_score(scores.labels, called))
    if not called.all():
        assert found.npv == pytest.approx(precision_score(scores.labels, called, pos_label=0))


@given(films, shares, st.floats(0.01, 0.99))
def test_predictive_values_are_shares_of_an_imagined_population(rows, threshold, prevalence):
    found = metrics_at_threshold(scores_of(rows), threshold, prevalence)
    found_ill = prevalence * found.confusion.sensitivity
    false_alarms = (1 - prevalence) * (1 - found.confusion.specificity)
    if found_ill + false_alarms > 0:
        assert found.ppv == pytest.approx(found_ill / (found_ill + false_alarms))
    else:
        assert math.isnan(found.ppv)


def test_a_prevalence_outside_the_shares_is_refused():
    with pytest.raises(PneumoscopeError, match="prevalence"):
        metrics_at_threshold(scores_of([(0, 0.1), (1, 0.9)]), 0.5, 1.2)


def test_a_slider_stands_for_the_exact_value_within_its_step():
    exact = {"f1": 0.44969, "youden": 0.82756, "sensitivity_95": 0.82761}
    assert snapped(0.45, exact, 3) == "f1"
    assert snapped(0.44969, exact, 3) == "f1"
    assert snapped(0.451, exact, 3) is None
    assert snapped(0.828, exact, 3) == "youden"
    assert snapped(0.828, exact, 3, "sensitivity_95") == "sensitivity_95"
    assert snapped(0.45, exact, 3, "youden") == "f1"
