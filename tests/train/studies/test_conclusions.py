import pytest

from train.studies.conclusions.decide import conclusion_entries, decide_conclusions, needed_rows
from train.studies.conclusions.rules import Accuracies, RuleEntry, matching
from train.studies.report import recorded_studies

STUDIES = recorded_studies()
ROWS = [f"{study.name}/{row.key}" for study in STUDIES for row in study.rows]


def reported():
    stages = {}
    for study in STUDIES:
        for row in study.rows:
            for stage, figures in row.reported.items():
                stages.setdefault(stage, {})[f"{study.name}/{row.key}"] = figures.accuracy
    return Accuracies(stages, prevalence=390 / 624)


@pytest.mark.parametrize("entry", conclusion_entries(), ids=lambda entry: entry.key)
def test_every_conclusion_is_what_the_reports_own_figures_say(entry):
    holds, why = entry.rule.rule.decide(reported(), entry.stage)
    assert holds, why
    assert {row.split("/")[0][:1] for _, row in needed_rows(entry, ROWS)} <= {entry.network, "c"}  # c: combined


def test_all_parts_of_the_report_have_their_conclusions():
    sections = {entry.section for entry in conclusion_entries()}
    assert {section[:3] for section in sections} == {"3.1", "3.2", "3.3", "com"}
    assert len(sections) == 10
    assert len({entry.key for entry in conclusion_entries()}) == len(conclusion_entries())


def decided(trainings, key, scale="full", counting="half"):
    found = next(one for one in decide_conclusions(STUDIES, trainings) if one.key == key)
    return next((one for one in found.decided if (one.scale, one.counting) == (scale, counting)), None)


def pair(make_study_training, none, one, seed=0, scale="full"):
    return [
        make_study_training([("a-extra-dense", "0"), ("reference-runs", "a")], {"train": none}, seed, scale),
        make_study_training([("a-extra-dense", "1")], {"train": one}, seed, scale),
    ]


def test_a_conclusion_is_decided_by_the_mean_over_seeds_and_asked_of_each_seed(make_study_training):
    trainings = [
        *pair(make_study_training, 0.92, 0.90, seed=0),
        *pair(make_study_training, 0.90, 0.91, seed=1),
        *pair(make_study_training, 0.93, 0.90, seed=2),
    ]
    found = decided(trainings, "a-extra-layer")
    assert (found.outcome, found.seeds, found.holds_in, found.split) == ("reproduced", 3, 2, "test")
    assert found.why == "a-extra-dense/0 91.7 % against a-extra-dense/1 90.3 %"
    assert decided(trainings, "a-width-best").outcome == "not_measured"
    turned = [*trainings, *pair(make_study_training, 0.80, 0.95, seed=3)]
    assert decided(turned, "a-extra-layer").outcome == "not_reproduced"


def test_sizes_are_decided_apart(make_study_training):
    trainings = pair(make_study_training, 0.92, 0.90) + pair(make_study_training, 0.80, 0.85, scale="96 px")
    assert decided(trainings, "a-extra-layer").outcome == "reproduced"
    assert decided(trainings, "a-extra-layer", "96 px").outcome == "not_reproduced"


def test_a_row_of_another_seed_decides_nothing(make_study_training):
    (none, _), (_, one) = (pair(make_study_training, 0.92, 0.90, seed) for seed in (0, 1))
    assert decided([none, one], "a-extra-layer").outcome == "not_measured"
    assert decided([none, one], "a-extra-layer").holds_in == 0


def test_our_way_of_counting_is_asked_too(make_study_training):
    (none, one) = pair(make_study_training, 0.92, 0.90)
    at = none.stages["train"].test.chosen
    chosen = at.model_copy(update={"accuracy": at.accuracy.model_copy(update={"value": 0.7})})
    test = none.stages["train"].test.model_copy(update={"chosen": chosen})
    stage = none.stages["train"].model_copy(update={"test": test})
    none = none.model_copy(update={"stages": {"train": stage}})
    assert decided([none, one], "a-extra-layer", counting="half").outcome == "reproduced"
    assert decided([none, one], "a-extra-layer", counting="chosen").outcome == "not_reproduced"


@pytest.mark.parametrize(
    ("rule", "accuracies", "holds"),
    [
        ({"above": {"higher": ["s/a"], "lower": ["s/b", "s/c"]}}, {"s/a": 0.9, "s/b": 0.8, "s/c": 0.89}, True),
        ({"above": {"higher": ["s/a"], "lower": ["s/b", "s/c"]}}, {"s/a": 0.9, "s/b": 0.8, "s/c": 0.9}, False),
        ({"mean_above": [{"higher": ["s/a*"], "lower": ["s/b*"]}]}, {"s/a1": 1, "s/a2": 0.5, "s/b1": 0.7}, True),
        ({"each_above": [{"higher": ["s/a"], "lower": ["s/b"]}]}, {"s/a": 0.9, "s/b": 0.95}, False),
        ({"spread": {"rows": ["s/*"], "points": 2}}, {"s/a": 0.90, "s/b": 0.92}, True),
        ({"spread": {"rows": ["s/*"], "points": 2}}, {"s/a": 0.90, "s/b": 0.921}, False),
        ({"all_alike": {"rows": ["s/*"]}}, {"s/a": 0.625, "s/b": 0.375}, True),
        ({"all_alike": {"rows": ["s/*"]}}, {"s/a": 0.625, "s/b": 0.64}, False),
        ({"none_alike": {"rows": ["s/*"]}}, {"s/a": 0.9, "s/b": 0.64}, True),
        ({"none_alike": {"rows": ["s/*"]}}, {"s/a": 0.9, "s/b": 0.628}, False),
        ({"not_above_best": {"rows": ["s/a"], "of": ["s/b", "s/c"]}}, {"s/a": 0.9, "s/b": 0.8, "s/c": 0.9}, True),
        ({"not_above_best": {"rows": ["s/a"], "of": ["s/b"]}}, {"s/a": 0.9, "s/b": 0.899}, False),
    ],
)
def test_a_rule_holds_where_it_should(rule, accuracies, holds):
    found = RuleEntry.model_validate(rule).rule.decide(Accuracies({"train": accuracies}, 0.625), "train")
    assert found[0] == holds


def test_a_later_stage_is_held_against_the_earlier_row_by_row():
    rule = RuleEntry.model_validate({"later_stage": {"rows": ["s/*"], "before": "head"}}).rule
    table = {"head": {"s/a": 0.9, "s/b": 0.8}, "fine_tune": {"s/a": 0.91, "s/b": 0.79}}
    assert rule.decide(Accuracies(table, 0.5), "fine_tune") == (
        False,
        "1 of 2 do: s/a 90.0 % → 91.0 %, s/b 80.0 % → 79.0 %",
    )


def test_patterns_name_rows_in_order_and_a_dot_is_a_dot():
    rows = ["s/adam-0.1-8", "s/adam-0.01-8", "s/adam-0.001-8"]
    assert matching(["s/*-0.1-*"], rows) == ["s/adam-0.1-8"]
    assert matching(["s/adam-0.001-8", "s/*"], rows) == [rows[2], rows[0], rows[1]]


def test_one_rule_and_no_more_is_taken():
    for entry in ({}, {"spread": {"rows": ["s/*"], "points": 1}, "all_alike": {"rows": ["s/*"]}}):
        with pytest.raises(ValueError, match="expected one rule"):
            _ = RuleEntry.model_validate(entry).rule
