import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from demo.evaluation.at_threshold import prevalence_of
from demo.language.catalogue import wording
from demo.language.numbers import percent
from demo.page.panels.evaluation.threshold import threshold_html
from export.bundle.evaluation import read_bundle_evaluation


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory, evaluated_bundle):
    return read_bundle_evaluation(evaluated_bundle(tmp_path_factory.mktemp("models")))


def row_of(html, name):
    """(value, interval) of a figure as text."""
    row = re.search(rf"<tr class='{name}'>(.*?)</tr>", html)[1]
    return tuple(re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row))


def matrix_of(html):
    return [int(cell) for cell in re.findall(r"<span class='count'>([\d,]+)</span>", html)]


def test_the_figures_are_those_of_scikit_learn(evaluation):
    @settings(max_examples=40)
    @given(
        threshold=st.integers(0, 1000).map(lambda value: value / 1000), split=st.sampled_from(["validation", "test"])
    )
    def check(threshold, split):
        scores = evaluation.scores[split]
        html = threshold_html(evaluation, split, threshold, 0.2, None, wording("en"))
        if "own choice" not in html:  # an operating point within the slider's step
            threshold = min(evaluation.thresholds.values(), key=lambda at: abs(at - threshold))
        called = scores.probabilities >= threshold
        (tn, fp), (fn, tp) = confusion_matrix(scores.labels, called)
        assert matrix_of(html) == [tp, fn, fp, tn]
        sensitivity = recall_score(scores.labels, called)
        specificity = recall_score(scores.labels, called, pos_label=0)
        calls = 0.2 * sensitivity + 0.8 * (1 - specificity)
        expected = {
            "accuracy": accuracy_score(scores.labels, called),
            "f1": f1_score(scores.labels, called, zero_division=0),
            "sensitivity": sensitivity,
            "specificity": specificity,
            "ppv": 0.2 * sensitivity / calls if calls else None,
        }
        for name, share in expected.items():
            shown = row_of(html, name)[0]
            if share is None:
                assert shown == "–"
            else:  # half a digit may be rounded either way
                assert float(shown.removesuffix(" %")) == pytest.approx(100 * share, abs=0.0501)

    check()


def test_an_operating_point_has_its_intervals(evaluation):
    threshold = evaluation.thresholds["youden"]
    html = threshold_html(evaluation, "test", round(threshold, 3), 0.6, "youden", wording("en"))
    assert f"Threshold {threshold:.3f}: Found and spared alike (Youden)" in html
    for name in ("sensitivity", "specificity", "f1", "accuracy", "ppv", "npv"):
        found = evaluation.measured_at("test", "youden", name)
        assert row_of(html, name) == (f"{100 * found.value:.1f} %", f"{100 * found.low:.1f}–{100 * found.high:.1f} %")


def test_no_interval_where_none_was_measured(evaluation):
    beside = threshold_html(evaluation, "test", 0.001, 0.6, None, wording("en"))
    assert "own choice" in beside
    assert row_of(beside, "sensitivity")[1] == "–"
    threshold = evaluation.thresholds["youden"]
    elsewhere = threshold_html(evaluation, "test", threshold, 0.05, "youden", wording("en"))
    assert row_of(elsewhere, "ppv")[1] == "–"  # the interval holds for the cohort's prevalence only
    assert row_of(elsewhere, "sensitivity")[1] != "–"


def test_the_cohorts_prevalence_is_meant_exactly(evaluation):
    exact = prevalence_of(evaluation.scores["validation"])
    counts = evaluation.measured_at("validation", "f1", "ppv")
    html = threshold_html(evaluation, "validation", evaluation.thresholds["f1"], exact + 0.0004, "f1", wording("en"))
    assert row_of(html, "ppv")[0] == f"{100 * counts.value:.1f} %"


def test_the_figures_in_words(evaluation):
    threshold = evaluation.thresholds["youden"]
    html = threshold_html(evaluation, "test", threshold, 0.05, "youden", wording("en"))
    found = round(50 * evaluation.measured_at("test", "youden", "sensitivity").value)
    assert f"5.0 %, {found} of 50 with pneumonia are found" in html
    assert "of 950 normal ones" in html


def test_hebrew(evaluation):
    html = threshold_html(evaluation, "test", 0.5, 0.05, None, wording("he"))
    assert "5.0%" in html
    assert "5.0 %" not in html
    assert "רגישות" in html


def test_without_scores_one_calm_line(evaluated_bundle, tmp_path):
    bundle = evaluated_bundle(tmp_path, test=False)
    unread = threshold_html(read_bundle_evaluation(bundle), "test", 0.5, 0.5, None, wording("en"))
    assert "have not been read for Network A yet" in unread
    assert "<table" not in unread
    bundle.contents["scores.csv"] = b"spoilt"
    broken = threshold_html(read_bundle_evaluation(bundle), "validation", 0.5, 0.5, None, wording("en"))
    assert "scores.csv of Network A cannot be read" in broken
    assert str(tmp_path) not in broken
    bundle.contents["scores.csv"] = b"film,patient,split,label,logit\nx,x,validation,1,2\n"
    one_class = threshold_html(read_bundle_evaluation(bundle), "validation", 0.5, 0.5, None, wording("en"))
    assert "no scored films of both classes" in one_class


def test_a_share_that_is_not_defined_is_a_dash():
    assert percent(np.nan, wording("en")) == "–"
    assert percent(0.1234, wording("en")) == "12.3 %"
    assert percent(1.0, wording("he")) == "100.0%"
