"""A against B: tests against SciPy and the definitions, and refusals of what cannot be compared."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from train.cli.evaluate_tables import print_comparison
from train.common.errors import PneumoscopeError
from train.evaluation.comparison import (
    EvaluatedRun,
    OtherSplitError,
    agreement_tables,
    compare,
    mcnemar_exact,
    read_evaluated,
)
from train.evaluation.evaluation import evaluate_validation, write_evaluation
from train.metrics.scores import Scores, write_scores

FINGERPRINT = "ab" * 32
N = 240


def make_scores(seed: int, noise: float, splits=("validation",) * 160 + ("test",) * 80) -> Scores:
    """Films that every network sees alike up to its own noise."""
    n = len(splits)
    labels = np.arange(n) % 2
    evidence = np.random.default_rng(0).normal(2.5 * labels - 1.25, 1.0)
    logits = evidence + np.random.default_rng(seed).normal(0, noise, n)
    films = tuple(f"chest_xray/{split}/{row}.jpeg" for row, split in enumerate(splits))
    return Scores(films, tuple(f"person{row // 2}" for row in range(n)), splits, labels, logits)


def evaluated(name: str, scores: Scores, fingerprint: str = FINGERPRINT) -> EvaluatedRun:
    evaluation = evaluate_validation(scores, name[0], fingerprint)
    return EvaluatedRun(name, name[0], fingerprint, evaluation["thresholds"], scores)


@pytest.fixture(scope="module")
def pair():
    return evaluated("a-1", make_scores(1, 0.3)), evaluated("b-1", make_scores(2, 1.5))


@pytest.fixture(scope="module")
def result(pair):
    return compare(*pair)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_binomial_test(one, other):
    expected = binomtest(one, one + other).pvalue if one + other else 1.0
    assert mcnemar_exact(one, other) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_of_many_films_is_still_exact():
    assert mcnemar_exact(4000, 4300) == pytest.approx(binomtest(4000, 8300).pvalue, rel=1e-9)


def test_both_splits_are_compared_at_each_networks_own_thresholds(pair, result):
    assert result["runs"] == ["a-1", "b-1"]
    assert (result["validation"]["films"], result["test"]["films"]) == (160, 80)
    assert result["validation"]["patients"] == 80
    for split in ("validation", "test"):
        rows = [one.scores.of_split(split) for one in pair]
        truth = rows[0].labels == 1
        for name, point in result[split]["operating_points"].items():
            cuts = [one.thresholds[name] for one in pair]
            assert point["thresholds"] == cuts
            calls = [1 / (1 + np.exp(-row.logits)) >= cut for row, cut in zip(rows, cuts, strict=True)]
            right = [call == truth for call in calls]
            assert point["mcnemar"]["only_first_right"] == np.sum(right[0] & ~right[1])
            assert point["mcnemar"]["only_second_right"] == np.sum(right[1] & ~right[0])
            gap = point["differences"]["accuracy"]
            assert gap["value"] == pytest.approx(right[0].mean() - right[1].mean())
            assert gap["low"] <= gap["value"] <= gap["high"]
    json.dumps(result, allow_nan=False)


def test_shifted_films_are_compared_where_both_were_judged_on_them(pair, result):
    assert "shifted" not in result
    splits = ("validation",) * 160 + ("shifted",) * 80
    shifted = compare(evaluated("a-1", make_scores(1, 0.3, splits)), evaluated("b-1", make_scores(2, 1.5, splits)))
    assert shifted["test"] is None
    assert shifted["shifted"]["films"] == 80
    assert shifted["shifted"]["auroc"]["first"] == pytest.approx(result["test"]["auroc"]["first"])
    print_comparison(shifted)


def test_the_better_network_is_better_beyond_chance(result):
    areas = result["validation"]["auroc"]
    assert areas["difference"]["value"] == pytest.approx(areas["first"] - areas["second"])
    assert areas["difference"]["low"] > 0
    assert areas["difference_over_patients"]["low"] > 0
    assert areas["p"] < 0.01
    assert result["validation"]["operating_points"]["youden"]["mcnemar"]["p"] < 0.05


def test_a_network_does_not_differ_from_itself(pair):
    same = compare(pair[0], pair[0])["validation"]
    assert same["auroc"]["p"] is None
    assert same["auroc"]["difference"] == {"value": 0, "low": 0, "high": 0}
    assert same["auroc"]["difference_over_patients"] == {"value": 0, "low": 0, "high": 0}
    assert same["differing"] == []
    point = same["operating_points"]["youden"]
    assert (point["mcnemar"]["p"], point["kappa"], point["agreement"]["share"]) == (1, pytest.approx(1), 1)


def test_two_networks_without_an_error_may_still_differ():
    labels = np.arange(160) % 2
    rows = make_scores(1, 0.3, ("validation",) * 160)
    perfect = [
        Scores(
            rows.films, rows.patients, rows.splits, labels, 20.0 * labels - 10 + np.random.default_rng(seed).random(160)
        )
        for seed in range(2)
    ]
    found = compare(evaluated("a-1", perfect[0]), evaluated("b-1", perfect[1]))
    areas = found["validation"]["auroc"]
    reach = 1 - found["each"][0]["validation"]["auroc"]["low"]
    assert 0.01 < reach < 0.1
    for difference in (areas["difference"], areas["difference_over_patients"]):
        assert difference == {"value": 0, "low": pytest.approx(-reach), "high": pytest.approx(reach)}
    assert areas["p"] is None
    z, n = 1.959964, {"accuracy": 160, "sensitivity": 80, "specificity": 80}
    for key, films in n.items():
        reach = z**2 / (films + z**2)  # Wilson's, of none in so many
        difference = found["validation"]["operating_points"]["youden"]["differences"][key]
        assert difference == {"value": 0, "low": pytest.approx(-reach), "high": pytest.approx(reach)}


def test_the_same_readings_at_other_thresholds_differ_in_their_decisions_alone(pair):
    thresholds = pair[0].thresholds
    same = EvaluatedRun("a-2", "a", FINGERPRINT, dict(thresholds, youden=thresholds["youden"] + 1e-9), pair[0].scores)
    found = compare(pair[0], same)["validation"]
    assert found["auroc"]["difference_over_patients"] == {"value": 0, "low": 0, "high": 0}
    assert found["operating_points"]["f1"]["differences"]["accuracy"] == {"value": 0, "low": 0, "high": 0}
    other = found["operating_points"]["youden"]["differences"]["accuracy"]
    assert other["low"] < other["value"] == 0 < other["high"]


def test_the_other_way_round_is_the_mirror(pair, result):
    mirrored = compare(pair[1], pair[0])["validation"]
    ours = result["validation"]
    assert mirrored["auroc"]["p"] == pytest.approx(ours["auroc"]["p"])
    gap, back = (part["auroc"]["difference_over_patients"] for part in (ours, mirrored))
    assert (back["low"], back["high"]) == pytest.approx((-gap["high"], -gap["low"]), abs=1e-9)
    assert {row["film"] for row in mirrored["differing"]} == {row["film"] for row in ours["differing"]}


def test_the_films_that_differ_are_named_furthest_apart_first(pair, result):
    rows = result["validation"]["differing"]
    tables = result["validation"]["operating_points"]["youden"]["right_and_wrong"]
    assert len(rows) == sum(table[f"only_{one}_right"] for table in tables.values() for one in ("first", "second"))
    gaps = [abs(row["probabilities"][0] - row["probabilities"][1]) for row in rows]
    assert gaps == sorted(gaps, reverse=True)
    for row in rows:
        assert row["film"].startswith("chest_xray/validation/")
        assert row["positive"][0] != row["positive"][1]
        assert (row["right"] == "first") == (row["positive"][0] == bool(row["label"]))


def test_tables_are_scikit_learns():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 200)
    first, second = rng.random((2, 200)) < 0.4 + 0.3 * labels
    found = agreement_tables(labels, first, second)
    both = confusion_matrix(first, second, labels=[True, False]).ravel().tolist()
    names = ("both_positive", "only_first_positive", "only_second_positive", "both_negative")
    assert [found["agreement"][name] for name in names] == both
    assert found["kappa"] == pytest.approx(cohen_kappa_score(first, second))
    assert sum(sum(table.values()) for table in found["right_and_wrong"].values()) == 200
    assert agreement_tables([0, 1], np.ones(2, bool), np.ones(2, bool))["kappa"] is None


def test_the_order_of_the_films_does_not_matter(pair, result):
    rows = np.random.default_rng(6).permutation(N)
    scores = pair[1].scores
    shuffled = Scores(
        *(tuple(column[row] for row in rows) for column in (scores.films, scores.patients, scores.splits)),
        scores.labels[rows],
        scores.logits[rows],
    )
    other = EvaluatedRun("b-1", "b", FINGERPRINT, pair[1].thresholds, shuffled)
    assert compare(pair[0], other) == result


def test_test_is_compared_only_where_both_have_read_it(pair):
    unread = EvaluatedRun("b-1", "b", FINGERPRINT, pair[1].thresholds, pair[1].scores.of_split("validation"))
    assert compare(pair[0], unread)["test"] is None


def test_what_cannot_be_compared_is_refused_in_one_line(pair):
    first, second = pair
    stranger = EvaluatedRun("b-2", "b", "cd" * 32, second.thresholds, second.scores)
    fewer = EvaluatedRun("b-3", "b", FINGERPRINT, second.thresholds, second.scores.of_rows(np.arange(N) > 3))
    flipped = Scores(
        second.scores.films,
        second.scores.patients,
        second.scores.splits,
        1 - second.scores.labels,
        second.scores.logits,
    )
    for other, words in (
        (stranger, "a-1 and b-2 come from different splits"),
        (fewer, "scored on different validation films"),
        (EvaluatedRun("b-4", "b", FINGERPRINT, second.thresholds, flipped), "other labels or patients"),
    ):
        with pytest.raises(OtherSplitError, match=words) as refusal:
            compare(first, other)
        assert "\n" not in str(refusal.value)


def test_few_patients_are_refused():
    few = make_scores(1, 0.3, ("validation",) * 30)
    thresholds = dict.fromkeys(("f1", "youden", "sensitivity_95", "specificity_95"), 0.5)
    one = EvaluatedRun("a", "a", FINGERPRINT, thresholds, few)
    with pytest.raises(PneumoscopeError, match="validation films are of 15 patients"):
        compare(one, one)


def test_a_folders_files_must_belong_together(tmp_path):
    scores = make_scores(1, 0.3)
    write_scores(tmp_path / "scores.csv", scores)
    with pytest.raises(PneumoscopeError, match=r"evaluation.json: no such file"):
        read_evaluated("a-1", tmp_path / "evaluation.json", tmp_path / "scores.csv")
    evaluation = evaluate_validation(scores, "a", FINGERPRINT)
    write_evaluation(tmp_path / "evaluation.json", evaluation)
    found = read_evaluated("a-1", tmp_path / "evaluation.json", tmp_path / "scores.csv")
    assert (found.network, found.split_fingerprint, len(found.scores)) == ("a", FINGERPRINT, N)
    write_scores(tmp_path / "scores.csv", make_scores(9, 2.0))
    with pytest.raises(PneumoscopeError, match="not those its thresholds were chosen on"):
        read_evaluated("a-1", tmp_path / "evaluation.json", tmp_path / "scores.csv")
    write_scores(tmp_path / "scores.csv", scores.of_split("test"))
    with pytest.raises(PneumoscopeError, match="no validation scores"):
        read_evaluated("a-1", tmp_path / "evaluation.json", tmp_path / "scores.csv")
