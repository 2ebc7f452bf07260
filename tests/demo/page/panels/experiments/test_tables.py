import re
from html import unescape

import pytest

from demo.language.catalogue import LANGUAGES, wording
from demo.page.panels.experiments.tables import conclusions_html, costs_html, rows_html, study_title
from train.studies.report import make_record


@pytest.fixture
def record(make_study_training):
    reference = [("reference-runs", "a"), ("a-extra-dense", "0")]
    found = [make_study_training(reference, {"train": 0.92}, seed) for seed in range(3)]
    found += [make_study_training([("a-extra-dense", "1")], {"train": 0.90 + seed / 999}, seed) for seed in range(3)]
    return make_record([*found, make_study_training([("b-dropout", "0.3")], {"head": 0.9, "fine_tune": 0.93})])


def plain(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_a_row_stands_beside_the_reports_with_interval_range_and_effect(record):
    html = rows_html(record, record.study("a-extra-dense"), "", "full", wording("en"))
    row = plain(re.search(r"<tr><th scope='row'><bdi dir='ltr'>1</bdi>.*?</tr>", html)[0])
    assert "91.5 % 90.1 % [88.1–92.1] 3 seeds: 90.0 to 90.2 −1.9 points against reference-runs a: holds" in row
    assert "extra_dense: 1" in row
    assert "pneumoscope study run a-extra-dense --rows 1" in row


def test_what_was_not_measured_is_a_dash(record):
    html = rows_html(record, record.study("a-width"), "", "full", wording("en"))
    for row in re.findall(r"<tr><th scope='row'>.*?</tr>", html):
        cells = re.findall(r"<td>(.*?)</td>", row)
        assert [plain(cell) for cell in cells[1:4]] == ["–", "–", "–"]


def test_a_reduced_rows_command_is_reduced_too(make_study_training):
    record = make_record([make_study_training([("a-width", "0.5")], {"train": 0.9}, scale="96 px, 2 epochs at most")])
    html = rows_html(record, record.study("a-width"), "a", record.scales[0], wording("en"))
    assert "pneumoscope study run a-width --rows 0.5 --image-size 96 --epochs 2" in html
    assert "reduced: 96 px, 2 epochs at most" in html


def test_conclusions_of_the_chosen_studies_say_their_outcome_and_seeds(record):
    html = conclusions_html(record, "", ["a-extra-dense"], "full", wording("en"))
    assert html.count("<tr><th scope='row'>") == 1
    assert "One more hidden layer lowers A&#x27;s accuracy." in html
    assert "✓" not in html  # the sign is the style's, the word the text's
    assert plain(html).count("reproduced in 3 of 3 seeds, test") == 2
    everything = conclusions_html(record, "a", [study.name for study in record.studies], "full", wording("en"))
    assert everything.count("<tr><th scope='row'>") == 12
    assert "not measured" in everything


def test_networks_are_filtered(record):
    html = rows_html(record, record.study("combined"), "b", "full", wording("en"))
    assert "<bdi dir='ltr'>b</bdi>" in html
    assert "<bdi dir='ltr'>a</bdi>" not in html


def test_costs_are_of_the_networks_asked_for(record):
    assert plain(costs_html(record, {"a"}, "full", wording("en"))) == (
        "What a row costs Network A: 101 s of training (100 to 102 s, 6 trainings) on a CPU"
    )
    assert costs_html(record, {"a"}, "96 px", wording("en")) == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_study_and_conclusion_has_its_words_in_every_language(record, language):
    words = wording(language)
    for study in record.studies:
        title = study_title(study, words)
        assert title.startswith(f"{study.name}: ")
        assert (title == f"{study.name}: {study.title}") == (language == "en")
    names = [study.name for study in record.studies]
    html = conclusions_html(record, "", names, "full", words)
    assert html.count("<tr><th scope='row'>") == len(record.conclusions)
    shown = [plain(cell) for cell in re.findall(r"</span> (.*?)<", html)]
    english = {one.text for one in record.conclusions}
    assert all((unescape(text) in english) == (language == "en") for text in shown)


def test_notes_on_contradictions_stand_below_their_table(record):
    html = rows_html(record, record.study("b-optimizer"), "", "full", wording("en"))
    assert "Notes on the report" in html
    assert re.search(r"rmsprop-0\.001-24: .*best network", html)


def test_what_a_study_says_cannot_be_html(record):
    study = record.study("a-width").model_copy(update={"title": "<b>x</b>", "notes": ("<i>y</i>",)})
    html = rows_html(record, study, "", "full", wording("en"))
    assert "<b>x" not in html
    assert "<i>y" not in html
