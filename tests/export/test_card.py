"""What the card says of an exported run: which calibration and why, each point's real rates, whose intervals."""

import json

import pytest

from export.bundle import read_bundle
from export.calibration import calibrate
from export.card import card_in_words
from train.scores import read_scores


@pytest.fixture(scope="module")
def card(exported_models):
    return read_bundle(exported_models / "a").card


def test_the_calibration_is_told_with_what_it_was_chosen_by(card, trained_run):
    fitted = calibrate(read_scores(trained_run.scores))
    told = card.calibration.model_extra
    assert card.calibration.method == fitted.method
    assert told["candidates"] == fitted.candidates
    assert told["validation"]["before"]["ece"] == fitted.before.ece
    assert told["validation"]["after"]["brier"] == fitted.after.brier
    assert told["test"] is None


def test_words_name_the_method_and_the_formula(card):
    extra = {
        "note": "",
        "candidates": {"temperature": 0.2, "platt": 0.1},
        "folds": 10,
        "validation": {"before": {"log_loss": 0.3, "brier": 0.2, "ece": 0.1}},
        "test": None,
    }
    scale = {"method": "platt", "temperature": 0.8, "offset": -0.9, "selected_on": "validation"}
    entries = card.model_dump()
    words = card_in_words(type(card).model_validate(entries | {"calibration": scale | extra}))
    assert "sigmoid(logit / 0.8000 - 0.9000): Platt scaling" in words
    assert "10 folds (temperature 0.2000, platt 0.1000)" in words
    assert "| validation, before | 0.3000 | 0.2000 | 0.1000 |" in words
    scale = {"method": "temperature", "temperature": 2.0, "selected_on": "validation"}
    words = card_in_words(type(card).model_validate(entries | {"calibration": scale | extra}))
    assert "sigmoid(logit / 2.0000): one temperature" in words


def test_words_say_whose_intervals_they_are(card):
    assert "95 % intervals, over patients." in card_in_words(card)
    entries = json.loads(card.model_dump_json())
    for part in entries["metrics"]["validation"].values():
        if isinstance(part, dict):
            part.pop("independent_low", None)
    assert "films taken as independent." in card_in_words(type(card).model_validate(entries))


def test_points_have_the_rates_of_test_once_it_was_read(card):
    rates = {
        "sensitivity": {"value": 0.9, "low": 0.8, "high": 0.95},
        "specificity": {"value": 0.5, "low": 0.4, "high": 0.6},
    }
    entries = card.model_dump()
    assert "| not read | not read |" in card_in_words(card)
    entries["operating_points"]["youden"]["test"] = rates
    assert "| 0.900 [0.800–0.950] | 0.500 [0.400–0.600] |" in card_in_words(type(card).model_validate(entries))
