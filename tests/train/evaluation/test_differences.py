"""DeLong's test holds its level; equal for certain is only what is one."""

import numpy as np

from train.evaluation.differences import auroc_difference


def test_delongs_test_holds_its_level():
    # Two networks of equal skill on the same films: a true hypothesis is rejected in about 5 of 100.
    rng = np.random.default_rng(5)
    labels = np.arange(120) % 2
    rejected = 0
    for _ in range(400):
        evidence = rng.normal(1.5 * labels, 1)
        p = auroc_difference(labels, evidence + rng.normal(0, 1, 120), evidence + rng.normal(0, 1, 120))["p"]
        rejected += p < 0.05
    assert 8 <= rejected <= 36


def test_networks_of_one_order_have_one_auroc_and_perfect_ones_of_another_order_need_not():
    labels, rng = np.arange(80) % 2, np.random.default_rng(0)
    logits = rng.normal(1.5 * labels, 1)
    same = auroc_difference(labels, logits, np.exp(logits))
    assert (same["difference"], same["p"]) == ({"value": 0, "low": 0, "high": 0}, None)
    perfect = auroc_difference(labels, 9 * labels + rng.random(80), 9 * labels + rng.random(80))
    assert (perfect["difference"]["value"], perfect["p"]) == (0, None)
    assert perfect["difference"]["low"] < -0.01
    assert perfect["difference"]["high"] > 0.01
