"""What carries over is judged on films that nothing was fitted on; the best by the rule is named."""

import json
from dataclasses import replace

import numpy as np
import pytest

from train.cli.evaluate_tables import print_carry_over
from train.common.errors import UsageError
from train.evaluation.carry_over import CANDIDATES, NEITHER, Carried, carry_over
from train.metrics.augmented_scores import AugmentedScores
from train.metrics.calibration_fit import fit_platt
from train.metrics.operating_points import POINT_NAMES, choose_threshold, confusion
from train.metrics.scores import Scores, logistic

N = 200


def scores_of(split, seed, shift=0.0, spread=1.0, n=N):
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    logits = spread * (6.0 * labels - 3 + generator.normal(0, 1.5, n)) + shift
    films = tuple(f"{split}/{row}.png" for row in range(n))
    return Scores(films, tuple(f"{split}-{row // 2}" for row in range(n)), (split,) * n, labels, logits)


def augmented(rows, seed, shift=0.0):
    noise = np.random.default_rng(seed).normal(0, 2.0, (len(rows), 3))
    return AugmentedScores(rows.films, rows.patients, rows.labels, rows.logits[:, None] / 2 + noise + shift)


def run(name="a-1", seed=0, shift=3.0, without=()):
    splits = {"validation": scores_of("validation", seed)}
    splits["shifted"] = scores_of("shifted", seed + 10, shift, 0.5)
    splits["external"] = scores_of("external", seed + 20, shift, 0.5)
    readings = augmented(splits["validation"], seed, shift)
    return Carried(name, {split: rows for split, rows in splits.items() if split not in without}, readings)


def row_of(rows, **wanted):
    (found,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return found


def test_every_rule_and_calibration_stands_once_per_kind_of_validation_films():
    result = carry_over([run()])
    assert [(row["rule"], row["seen"]) for row in result["rules"]] == [
        *((rule, seen) for rule in POINT_NAMES if rule != "half" for seen in ("plain", "augmented")),
        ("half", NEITHER),
    ]
    assert [(row["method"], row["seen"]) for row in result["calibrations"]] == [
        ("none", NEITHER),
        *((method, seen) for method in ("temperature", "platt") for seen in ("plain", "augmented")),
    ]
    assert result["splits"] == ["validation", "shifted", "external"]
    json.dumps(result, allow_nan=False)


def test_figures_are_those_of_the_thresholds_chosen_on_validation():
    one = run()
    result = carry_over([one])
    rows, shifted = one.splits["validation"], one.splits["shifted"]
    for seen, labels, logits in (
        ("plain", rows.labels, rows.logits),
        ("augmented", np.repeat(rows.labels, 3), one.augmented.logits.ravel()),
    ):
        called = confusion(shifted.labels, shifted.logits, choose_threshold(labels, logits, "youden"))
        found = row_of(result["rules"], rule="youden", seen=seen)["shifted"]
        assert found["accuracy"] == called.accuracy
        assert found["balanced_accuracy"] == called.balanced_accuracy
    half = row_of(result["rules"], rule="half")["external"]
    external = one.splits["external"]
    assert half["specificity"] == np.mean(logistic(external.logits)[external.labels == 0] < 0.5)
    scale = fit_platt(np.repeat(rows.labels, 3), one.augmented.logits.ravel())
    assert row_of(result["calibrations"], method="platt", seen="augmented")["not_fitted"] == int(scale is None)


def test_where_all_scores_rise_thresholds_from_films_that_rise_alike_are_best():
    result = carry_over([run(seed=seed) for seed in (1, 2, 3)])
    assert result["judged_on"] == ["shifted", "external"]
    assert result["best_rule"]["seen"] == "augmented"
    assert result["best_rule"]["rule"] in CANDIDATES
    assert result["best_calibration"]["seen"] == "augmented"
    # Named is the highest mean of the balanced accuracies on the films that nothing was chosen on.
    worth = [
        np.mean([row[split]["balanced_accuracy"] for split in ("shifted", "external")])
        for row in result["rules"]
        if row["rule"] in CANDIDATES
    ]
    best = np.mean([result["best_rule"][split]["balanced_accuracy"] for split in ("shifted", "external")])
    assert best == max(worth)


def test_means_are_over_the_runs_and_of_splits_that_all_have():
    one, other = run("a-1", 1), run("a-2", 2)
    both = carry_over([one, other])
    alone = [carry_over([each]) for each in (one, other)]
    for key in ("rules", "calibrations"):
        for row, first, second in zip(both[key], alone[0][key], alone[1][key], strict=True):
            for figure, value in row["shifted"].items():
                assert value == pytest.approx((first["shifted"][figure] + second["shifted"][figure]) / 2)
    assert carry_over([one, run("a-3", 3, without=("external",))])["splits"] == ["validation", "shifted"]
    nothing = carry_over([run("a-3", 3, without=("external", "shifted"))])
    assert (nothing["judged_on"], nothing["best_rule"], nothing["best_calibration"]) == ([], None, None)


def test_a_fit_that_fails_counts_as_the_networks_own_probability_and_says_so(capsys):
    one = run()
    rows = one.splits["validation"]
    apart = Scores(rows.films, rows.patients, rows.splits, rows.labels, 4.0 * rows.labels - 2)
    result = carry_over([one, Carried("a-2", {**one.splits, "validation": apart}, one.augmented)])
    own = row_of(carry_over([one])["calibrations"], method="none")["shifted"]["ece"]
    fitted = row_of(carry_over([one])["calibrations"], method="platt", seen="plain")["shifted"]["ece"]
    found = row_of(result["calibrations"], method="platt", seen="plain")["shifted"]["ece"]
    assert found == pytest.approx((own + fitted) / 2)
    for method in ("temperature", "platt"):
        assert row_of(result["calibrations"], method=method, seen="plain")["not_fitted"] == 1
    print_carry_over(result)
    told = capsys.readouterr()
    assert "platt on plain validation films has no optimum in 1 of 2 runs" in " ".join((told.out + told.err).split())


def test_external_films_of_another_hospital_are_no_part_of_a_mean():
    one, other = (
        replace(run(name, seed), external={"cohort_fingerprint": "f" * 64, "films_checksum": checksum})
        for name, seed, checksum in (("a-1", 1, "1" * 64), ("a-2", 2, "2" * 64))
    )
    with pytest.raises(UsageError, match="a-1 and a-2 were evaluated on different external films"):
        carry_over([one, other])
    assert carry_over([one, replace(other, external=one.external)])["splits"][-1] == "external"
    assert carry_over([one, replace(other, external={"cohort_fingerprint": "f" * 64})])["splits"][-1] == "external"
