"""The card in words: Mitchell's headings, what it is for first, every figure with its interval, gaps named."""

import json

import pytest

from export.bundle import read_bundle
from export.bundle.card import Card
from export.card.markdown import card_in_words

MITCHELL = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
)
RATE = {"value": 0.9, "low": 0.8, "high": 0.95}
ROW = "0.900 [0.800–0.950]"


@pytest.fixture(scope="module")
def card(exported_models):
    return read_bundle(exported_models / "a").card


def told(card, change=None, **changes):
    """The words of a card with some entries changed."""
    entries = json.loads(card.model_dump_json()) | changes
    if change:
        change(entries)
    return card_in_words(Card.model_validate(entries))


def test_the_headings_are_mitchells_and_the_use_stands_first(card):
    words = card_in_words(card)
    headings = [line.removeprefix("## ") for line in words.splitlines() if line.startswith("## ")]
    assert sorted(headings) == sorted([*MITCHELL, "CLAIM 2024"])
    assert headings[0] == "Intended use"
    assert words.index("Not intended use.") < words.index("## Model details")


def test_films_of_another_hospital_are_named_where_they_were_looked_at(card):
    figures = {"log_loss": 0.3, "brier": 0.2, "ece": 0.1}

    def look_at_external(entries):
        entries["calibration"]["external"] = {"before": figures, "after": figures}

    alone, seen = card_in_words(card), told(card, look_at_external)
    assert "there is no external test" in alone
    assert "**33** External data: none" in alone
    assert "Another hospital's films (Calibration) are no independent test" in seen
    assert "**33** External data: another hospital, Calibration" in seen
    assert "no external test" not in seen


def test_words_name_the_method_and_the_formula(card):
    figures = {"log_loss": 0.3, "brier": 0.2, "ece": 0.1}
    extra = {
        "note": "",
        "candidates": {"temperature": 0.2, "platt": 0.1},
        "folds": 10,
        "validation": {"before": figures, "after": figures | {"brier_low": 0.15, "brier_high": 0.25}},
        "test": None,
    }
    scale = {"method": "platt", "temperature": 0.8, "offset": -0.9, "selected_on": "validation"}
    words = told(card, calibration=scale | extra)
    assert "sigmoid(logit / 0.8000 - 0.9000): Platt scaling" in words
    assert "10 folds (temperature 0.2000, platt 0.1000)" in words
    assert "| validation, before | 0.3000 | 0.2000 | 0.1000 |" in words
    assert "| validation, after | 0.3000 | 0.2000 [0.1500–0.2500] | 0.1000 |" in words
    assert "Do not rely on the probability" not in words
    extra["test"] = {"before": figures, "after": figures | {"log_loss": 0.4}}
    scale = {"method": "temperature", "temperature": 2.0, "selected_on": "validation"}
    words = told(card, calibration=scale | extra)
    assert "sigmoid(logit / 2.0000): one temperature" in words
    assert "Do not rely on the probability" in words


def test_words_say_that_and_why_nothing_was_calibrated(card):
    scale = {"method": "none", "temperature": 1.0, "selected_on": "validation", "note": "not fitted: no optimum"}
    words = told(card, calibration=scale | {"candidates": {}, "folds": 10, "test": None})
    assert "None, the network's own probability: not fitted: no optimum." in words


def test_words_say_whose_intervals_they_are(card):
    assert "95 % intervals, over patients." in card_in_words(card)

    def as_before(entries):
        for part in entries["metrics"]["validation"].values():
            if isinstance(part, dict):
                part.pop("independent_low", None)

    assert "films taken as independent." in told(card, as_before)


def test_points_have_the_rates_of_test_once_it_was_read(card):
    assert "| not read | not read |" in card_in_words(card)

    def read(entries):
        entries["operating_points"]["youden"]["test"] = {"sensitivity": RATE, "specificity": RATE | {"value": 0.5}}

    assert f"| {ROW} | 0.500 [0.800–0.950] |" in told(card, read)


def test_what_was_not_measured_is_said(card):
    words = card_in_words(card)
    assert "Not measured." in words[words.index("### Stress") : words.index("### Heatmap")]
    assert "Confounders: not audited." in words
    assert "Test films refused: not read." in words
    assert "Foreign pictures: not measured" in words

    def before(entries):
        entries["metrics"]["validation"] |= {"cohorts": None, "over_prevalence": None}
        entries |= {"heatmap": None, "novelty": None, "novelty_limit": None, "training_cost": None}

    words = told(card, before)
    assert words.count("Not measured: the evaluation is older") == 2
    assert "refuses nothing" in words
    assert "Training time and energy: not kept." in words


def test_stress_is_a_table_per_split(card):
    row = {
        "what": "blur",
        "accuracy": RATE,
        "auroc": RATE,
        "probability_shift": {"value": 0.1, "low": 0.05, "high": 0.2},
    }
    part = {"films": 60, "patients": 50, "changes": {"blur": row}}
    words = told(card, stress={"operating_point": "youden", "validation": part, "test": None})
    assert "On 60 validation films of 50 patients:" in words
    assert f"| blur | {ROW} | {ROW} | 0.100 [0.050–0.200] |" in words


def test_the_audits_findings_are_named(card):
    audit = {
        "films": 300,
        "patients": 200,
        "exact_duplicates": {"groups": 2, "films": 4, "across_splits": 1},
        "near_duplicates": 7,
        "patients_across_splits": {"patients": 5, "films": {"train": 9, "test": 6}},
        "metadata_baseline": {"columns": ["bytes"], "constant_columns": ["width", "height"], "auroc": RATE},
        "exposure": {"mean": {"against_train": {"test": {"normal": 0.25, "pneumonia": None}}}},
    }
    words = told(card, audit=audit)
    assert "Exact duplicates: 2 groups, 4 films in them, 1 groups across splits." in words
    assert "Near duplicates: 7." in words
    assert "Patient ids in more than one split: 5; their films: train 9, test 6." in words
    assert f"by bytes (width, height the same for all), a logistic regression reaches AUROC {ROW}" in words
    assert "normal +0.25." in words
    assert "not measured (one class)" in told(
        card, audit=audit | {"metadata_baseline": {"columns": [], "auroc": {"value": None}, "reason": "one class"}}
    )


def test_the_guard_is_told_on_unseen_kinds_alone(card):
    figures = {"auroc": 1.0, "refused": 0.9, "refused_low": 0.8, "refused_high": 0.95, "films_refused": 0.01}

    def guarded(entries):
        entries["novelty"] |= {"test_refused": 0.02, "test_refused_low": 0.01, "test_refused_high": 0.04}
        entries["novelty"]["guard"] = {
            "choosing": {"kinds": ["seen_kind"], "pictures": 3, "as_is": figures},
            "unseen": {"kinds": ["hand_xray"], "pictures": 4, "as_is": figures},
        }

    words = told(card, guarded)
    assert f"| as they are | 1.000 | {ROW} | 0.010 |" in words
    assert "hand xray" in words
    assert "seen kind" not in words
    assert "Test films refused: 0.020 [0.010–0.040]" in words


def test_every_claim_item_is_answered_once_or_said_not_to_apply(card):
    words = card_in_words(card)
    section = words[words.index("## CLAIM 2024") :].splitlines()
    numbers = [int(n) for line in section if line.startswith("- **") for n in line.split("**")[1].split(", ")]
    assert sorted([*numbers, 2, 17, 34, 44]) == list(range(1, 45))
    assert "(not measured)" in words
