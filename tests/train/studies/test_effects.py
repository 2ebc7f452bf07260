import numpy as np
import pytest
from scipy import stats

from train.studies.effects import find_effects, holm, paired_t
from train.studies.report import recorded_studies

REFERENCE = [("reference-runs", "a"), ("a-width", "1.0")]


def of(effects, level, figure="accuracy_at_half"):
    return next(effect for effect in effects if effect.level == level and effect.figure == figure)


def test_holm_is_the_step_down_procedure_in_the_order_of_the_input():
    # By hand: 0.01 × 4, 0.02 × 3, 0.03 × 2, 0.5 × 1; none below the one before it.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.7, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_the_paired_test_is_scipys():
    changed, unchanged = np.array([0.91, 0.93, 0.90, 0.92]), np.array([0.94, 0.95, 0.94, 0.93])
    p, low, high = paired_t(changed - unchanged, least_spread=0)
    known = stats.ttest_rel(changed, unchanged)
    assert p == pytest.approx(known.pvalue)
    interval = known.confidence_interval(0.95)
    assert (low, high) == pytest.approx((interval.low, interval.high))


def test_equal_differences_are_no_certainty_they_spread_by_a_film_at_least():
    p, low, high = paired_t([0.001] * 3, least_spread=0.001)
    assert p == pytest.approx(2 * stats.t.sf(np.sqrt(3), 2))
    assert low < 0 < high


def test_a_row_is_paired_with_the_reference_of_the_same_seed_and_holm_corrects_over_the_study(make_study_training):
    trainings = []
    for seed, base in enumerate((0.92, 0.80, 0.86)):  # seeds differ far more than rows
        trainings.append(make_study_training(REFERENCE, {"train": base}, seed))
        trainings.append(make_study_training([("a-width", "0.25")], {"train": base - 0.05 - 0.001 * seed}, seed))
        trainings.append(make_study_training([("a-width", "0.5")], {"train": base + 0.01 * (seed - 1)}, seed))
    effects = [e for e in find_effects(recorded_studies(), trainings) if e.study == "a-width"]
    hurt, none = of(effects, "0.25"), of(effects, "0.5")
    known = stats.ttest_1samp([-0.05, -0.051, -0.052], 0)
    assert hurt.difference == pytest.approx(-0.051)
    assert hurt.p == pytest.approx(known.pvalue)
    assert hurt.p_holm == pytest.approx(5 * known.pvalue)  # three rows are still to come
    assert (hurt.verdict, hurt.family, hurt.against, hurt.seeds) == ("holds", 5, "reference-runs a", (0, 1, 2))
    assert none.verdict == "not_shown"
    assert {effect.split for effect in effects} == {"test"}
    assert "1.0" not in {effect.level for effect in effects}  # the reference's own training


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_fewer_than_three_seeds_nothing_is_claimed(make_study_training, seeds):
    trainings = [make_study_training(REFERENCE, {"train": 0.9}, seed) for seed in range(seeds)]
    trainings += [make_study_training([("a-dropout", "0.5")], {"train": 0.5}, seed) for seed in range(seeds)]
    effect = of(find_effects(recorded_studies(), trainings), "0.5")
    assert effect.verdict == "few_seeds"
    assert (effect.p, effect.low, effect.p_holm) == (None, None, None)
    assert effect.difference == pytest.approx(-0.4)


def test_sizes_are_never_mixed(make_study_training):
    trainings = [make_study_training(REFERENCE, {"train": 0.9}, seed) for seed in range(3)]
    trainings += [make_study_training([("a-width", "0.5")], {"train": 0.8}, seed, "96 px") for seed in range(3)]
    assert find_effects(recorded_studies(), trainings) == ()


def test_without_test_films_effects_are_of_validation_and_say_so(make_study_training):
    trainings = [make_study_training(REFERENCE, {"train": 0.9}, test=False)]
    trainings += [make_study_training([("a-width", "0.5")], {"train": 0.8}, test=False)]
    assert {effect.split for effect in find_effects(recorded_studies(), trainings)} == {"validation"}


def grid(make_study_training, seed, leave_out=()):
    """A's grid: plain SGD is 3 points worse than all else, whatever the rest."""
    study = next(study for study in recorded_studies() if study.name == "a-optimizer")
    return [
        make_study_training(
            [("a-optimizer", row.key)],
            {"train": 0.9 - 0.03 * row.key.startswith("sgd") - 0.0004 * seed * row.key.startswith("sgd")},
            seed,
        )
        for row in study.rows
        if row.key not in leave_out
    ]


def test_a_level_of_a_grid_is_the_mean_over_all_other_settings(make_study_training):
    trainings = [one for seed in range(3) for one in grid(make_study_training, seed)]
    effects = [effect for effect in find_effects(recorded_studies(), trainings) if effect.kind == "level"]
    sgd = of(effects, "optimizer sgd")
    assert (sgd.against, sgd.cells, sgd.of_cells, sgd.verdict) == ("optimizer adam", 9, 9, "holds")
    assert sgd.difference == pytest.approx(-0.0304)
    assert of(effects, "learning_rate 0.1").against == "learning_rate 0.001"
    assert of(effects, "epochs 8").verdict == "not_shown"
    assert {effect.level for effect in effects} == {
        *("optimizer rmsprop", "optimizer sgd", "optimizer momentum"),
        *("learning_rate 0.1", "learning_rate 0.01", "epochs 8", "epochs 24"),
    }


def test_a_grid_with_holes_claims_nothing(make_study_training):
    trainings = [one for seed in range(3) for one in grid(make_study_training, seed, leave_out=("sgd-0.1-8",))]
    effects = [effect for effect in find_effects(recorded_studies(), trainings) if effect.kind == "level"]
    sgd = of(effects, "optimizer sgd")
    assert (sgd.cells, sgd.of_cells, sgd.verdict, sgd.p) == (8, 9, "incomplete", None)
    assert of(effects, "optimizer momentum").verdict == "not_shown"
