import json

import pytest

from demo.language.catalogue import LANGUAGES, wording
from demo.plots.studies import described_effects, described_rows, points
from train.studies.report import make_record


@pytest.fixture
def record(make_study_training):
    reference = [("reference-runs", "a"), ("a-width", "1.0")]
    found = [make_study_training(reference, {"train": 0.92 + seed / 1000}, seed) for seed in range(3)]
    found += [make_study_training([("a-width", "0.25")], {"train": 0.80 + seed / 999}, seed) for seed in range(3)]
    return make_record(found)


def drawn(record, study, network, words, scale="full"):
    return described_rows(record, record.study(study), network, scale, words)


def test_each_row_has_its_open_mark_and_the_measured_ones_a_filled_one(record):
    plot = drawn(record, "a-width", "a", wording("en"))
    reported, measured = plot.figure["data"]
    assert reported["x"] == [0.8782, 0.91827, 0.91827, 0.9295, 0.91026, 0.91026]
    assert reported["marker"]["symbol"] == "circle-open"
    assert measured["x"] == pytest.approx([0.801, 0.921], abs=1e-5)
    assert measured["y"] == [0, 3]
    assert measured["error_x"]["array"] == pytest.approx([0.02, 0.02], abs=1e-5)
    assert plot.figure["layout"]["yaxis"]["ticktext"] == ["0.25", "0.5", "0.75", "1.0", "1.25", "1.5"]


def test_the_plot_is_told_in_a_sentence(record):
    (told,) = drawn(record, "a-width", "a", wording("en")).sentences
    assert told == (
        "Stage training: 2 of 6 rows are measured; the best of them is 1.0 with 92.1 %, the report's best 1.0 with "
        "93.0 %."
    )


def test_of_b_both_stages_are_drawn_and_what_is_not_measured_is_said(record):
    plot = drawn(record, "b-dropout", "b", wording("en"))
    assert [trace["marker"]["symbol"] for trace in plot.figure["data"]] == [
        *("diamond-open", "diamond", "circle-open", "circle")
    ]
    assert plot.figure["data"][1]["x"] == []
    assert plot.sentences[0] == "Stage head: none of these rows has been measured on the test films."


def test_an_effect_is_filled_where_it_holds(record):
    effects = [one for one in record.effects if one.study == "a-width" and one.figure == "accuracy_at_half"]
    plot = described_effects(effects, record.study("a-width"), "a", "train", wording("en"))
    (trace,) = plot.figure["data"]
    assert trace["marker"]["symbol"] == "square"
    assert trace["x"] == pytest.approx([-12.0], abs=0.01)
    assert plot.sentences == ("1 of 1 changes hold.", "0.25: −12.0 points.")
    assert "on the test films" in plot.how


def test_with_one_seed_the_plot_claims_nothing(make_study_training):
    found = [make_study_training([("reference-runs", "a")], {"train": 0.92})]
    record = make_record([*found, make_study_training([("a-width", "0.25")], {"train": 0.8})])
    effects = [one for one in record.effects if one.study == "a-width" and one.figure == "accuracy_at_half"]
    plot = described_effects(effects, record.study("a-width"), "a", "train", wording("en"))
    assert plot.sentences == ("Not enough seeds: with 1 no effect can be claimed, three are the least.",)
    assert [trace["marker"]["symbol"] for trace in plot.figure["data"]] == ["square-open"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_study_is_drawn_in_every_language_and_is_json(record, language):
    for study in record.studies:
        for network in dict.fromkeys(row.network for row in study.rows):
            plot = drawn(record, study.name, network, wording(language))
            assert json.dumps(plot.figure, allow_nan=False)
            assert plot.sentences


def test_a_difference_has_its_sign():
    assert (points(-0.0141), points(0.02)) == ("−1.4", "+2.0")
