"""The gap tells a network of lungs from one of frames."""

import json

import numpy as np
import pytest

from train.common.errors import PneumoscopeError
from train.data.corruptions import LUNGS_BLACKED_OUT, LUNGS_ONLY, VIEWS
from train.evaluation.shortcut import shortcut_figures
from train.metrics.operating_points import auroc

N = 120


def test_a_network_of_frames_has_a_negative_gap_and_one_of_lungs_a_positive():
    generator = np.random.default_rng(0)
    labels, patients = np.arange(N) % 2, [f"p{row // 2}" for row in range(N)]
    sees, guesses = 4.0 * labels + generator.normal(size=N), generator.normal(size=N)
    frames = shortcut_figures(labels, patients, {LUNGS_BLACKED_OUT: sees, LUNGS_ONLY: guesses})
    lungs = shortcut_figures(labels, patients, {LUNGS_BLACKED_OUT: guesses, LUNGS_ONLY: sees})
    assert frames["gap"]["high"] < 0 < lungs["gap"]["low"]
    assert frames["gap"]["value"] == pytest.approx(-lungs["gap"]["value"])
    assert lungs["lungs_only"]["value"] == auroc(labels, sees)
    assert lungs["gap"]["value"] == pytest.approx(auroc(labels, sees) - auroc(labels, guesses))
    for figure in ("lungs_only", "lungs_blacked_out", "gap"):
        assert lungs[figure]["low"] <= lungs[figure]["value"] <= lungs[figure]["high"]
    assert (lungs["films"], lungs["patients"], lungs["positives"]) == (N, N // 2, N // 2)
    json.dumps(lungs, allow_nan=False)


def test_where_both_views_tell_all_films_the_gap_is_not_certain():
    labels = np.arange(N) % 2
    generator = np.random.default_rng(0)
    logits = {view: 20.0 * labels + generator.normal(size=N) for view in VIEWS}
    found = shortcut_figures(labels, [f"p{row // 2}" for row in range(N)], logits)
    reach = 1 - found[LUNGS_ONLY]["low"]
    assert reach > 0.01
    assert found["gap"] == {"value": 0, "low": pytest.approx(-reach), "high": pytest.approx(reach)}


def test_too_few_patients_or_one_class_are_refused():
    logits = dict.fromkeys(VIEWS, np.zeros(10))
    with pytest.raises(PneumoscopeError, match="expected at least 20"):
        shortcut_figures(np.arange(10) % 2, [str(row) for row in range(10)], logits)
    with pytest.raises(PneumoscopeError, match="both classes"):
        shortcut_figures(np.ones(30), [str(row) for row in range(30)], dict.fromkeys(VIEWS, np.zeros(30)))
