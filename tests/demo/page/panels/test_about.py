import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import gradio as gr
import pytest

from demo.evaluation.track_record import read_track_record
from demo.inference.networks import load_models
from demo.language.catalogue import LANGUAGES, wording
from demo.language.citations import REFERENCES
from demo.page.panels import about
from export.bundle import default_models_folder
from export.bundle.card_figures import RATES, card_figures

EMPTY = {"br", "img", "input", "hr"}


class Page(HTMLParser):
    """The panel as a reader meets it: its text, its tags, each table cell by its row's name and column."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.cells, self.texts = [], [], [], []
        self.feed(html)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in EMPTY:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    def row(self, name, place=0):
        return [cells[1:] for cells in self.cells if cells[0].startswith(name)][place]


def html_of(loaded, language="en"):
    return about.about_html(loaded, wording(language), read_track_record(loaded.bundles))


@pytest.fixture(scope="module")
def shipped():
    """The networks that come with pneumoscope."""
    return load_models(default_models_folder(), "cpu")


@pytest.fixture
def panel(models):
    def build(language="en", loaded=None):
        return Page(html_of(loaded or load_models(models, "cpu"), language))

    return build


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_panel_is_whole_html_in_its_language(shipped, language):
    words = wording(language)
    page = Page(html_of(shipped, language))
    ((tag, attributes), *_) = page.tags
    assert (tag, attributes["lang"], attributes["dir"]) == ("div", language, words.direction)
    for section in about.SECTIONS:
        assert words(f"about.{section}") in page.text
    assert words("disclaimer.short") in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_of_sections_leads_to_each_of_them(panel, language):
    tags = panel(language).tags
    identifiers = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    assert [f"#about-{name}" for name in about.SECTIONS] == [
        attributes["href"] for tag, attributes in tags if tag == "a" and attributes["href"].startswith("#")
    ]
    sections = [attributes for tag, attributes in tags if tag == "section"]
    assert {f"about-{name}" for name in about.SECTIONS} == {attributes["id"] for attributes in sections}
    assert all(attributes["aria-labelledby"] in identifiers for attributes in sections)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_table_can_be_reached_and_has_a_name_of_its_own(shipped, language):
    tags = Page(html_of(shipped, language)).tags
    regions = [attributes for tag, attributes in tags if attributes.get("role") == "region"]
    assert len(regions) == sum(tag == "table" for tag, _ in tags) == sum(tag == "caption" for tag, _ in tags) == 4
    assert all(attributes["tabindex"] == "0" for attributes in regions)
    assert len({attributes["aria-label"] for attributes in regions}) == 4
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in tags if tag == "th")


def test_nothing_is_fetched(shipped):
    for tag, attributes in Page(html_of(shipped)).tags:
        assert tag not in ("script", "img", "iframe", "link", "style", "form")
        assert not {name for name in attributes if name.startswith("on") or name == "src"}
        if tag == "a" and not attributes["href"].startswith(("#", "./bundles/")):
            assert "noreferrer" in attributes["rel"]


def test_figures_stand_with_their_intervals(shipped):
    page = Page(html_of(shipped))
    for place, card in enumerate(shipped.cards.values()):
        for row, name in (("AUROC", "auroc"), ("sensitivity", "sensitivity"), ("NPV", "npv")):
            splits = (card.metrics.test[name], card.metrics.validation[name])
            shown = [f"{split['value']:.3f} [{split['low']:.3f}–{split['high']:.3f}]" for split in splits]
            assert page.row(row, place) == shown
        assert page.row("films", place) == [str(card.metrics.test["films"]), str(card.metrics.validation["films"])]
        for name, point in card.operating_points.items():
            rates = [point.model_extra[split][rate] for split in ("test", "validation") for rate in RATES]
            intervals = [f"{rate['value']:.3f} [{rate['low']:.3f}–{rate['high']:.3f}]" for rate in rates]
            row = page.row(wording("en")(f"operating_point.{name}"), place)
            assert row == [f"{point.threshold:.3f}", *intervals]


def test_the_points_stand_in_the_order_of_their_thresholds(shipped):
    cells = [
        row for row in Page(html_of(shipped)).cells if re.fullmatch(r"0\.\d{3}", (*row, "", "")[1]) and len(row) == 6
    ]
    thresholds = [float(row[1]) for row in cells]
    assert len(thresholds) == 10
    assert thresholds == sorted(thresholds[:5]) + sorted(thresholds[5:])


def test_what_about_eight_in_ten_was_worth_follows_the_data(shipped):
    text = Page(html_of(shipped)).text
    for network in "ab":
        found = read_track_record(shipped.bundles).alike(network, 0.8)[0]
        assert f"Of the {found.films} test films that {network.upper()} gave" in text
        assert f"{found.pneumonia} had pneumonia" in text
    assert "8 in 10 showed" not in text


def test_the_gap_between_validation_and_test_is_among_the_limits(shipped):
    text = Page(html_of(shipped)).text
    for name, card in shipped.cards.items():
        figures = card_figures(card)
        test, validation = str(figures.test.specificity), str(figures.validation.specificity)
        assert f"{name.upper()}: specificity {test} on test, {validation} on validation." in text


def test_a_card_without_test_figures_says_that_test_was_not_read(panel):
    page = panel()
    assert page.row("AUROC") == ["not read yet", "0.900"]
    assert "specificity 0" not in page.text
    assert not [cells for cells in page.cells if cells[0].startswith("NPV")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_export_wrote_is_shown_as_it_is_left_to_right(models, tiny_bundle, panel, language):
    training = "three epochs & one <b>more</b>"
    tiny_bundle(models, "a", training=training, placeholder=True, placeholder_reason='trained "briefly"')
    html = html_of(load_models(models, "cpu"), language)
    assert f"<bdi lang='en' dir='ltr'>{escape(training)}</bdi>" in html
    assert 'trained "briefly"' in Page(html).text
    assert wording(language)("word.placeholder") + ":" in Page(html).text


def test_checksums_are_short_and_whole_when_pointed_at(shipped):
    page = Page(html_of(shipped))
    titles = {attributes.get("title") for tag, attributes in page.tags if tag == "code"}
    for card in shipped.cards.values():
        digits = card.checksums["model.onnx"]
        assert {digits, card.split_fingerprint} <= titles
        assert f"{digits[:12]}…" in page.text
        assert digits not in page.text


def test_the_guard_is_spoken_of_as_each_card_has_it(models, tiny_bundle, panel):
    assert "No out-of-distribution detector (A, B):" in panel().text
    tiny_bundle(models, "b", graph={"novelty": True}, novelty_limit=0.75)
    text = panel().text
    assert "No out-of-distribution detector (A):" in text
    assert "Network B gives no verdict on a picture whose novelty is above 0.75." in text
    tiny_bundle(models, "a", graph={"novelty": True}, novelty_limit=0.5)
    assert "No guard" not in panel().text


def test_a_missing_network_has_no_card(tmp_path, tiny_bundle, panel):
    tiny_bundle(tmp_path / "one", "b")
    page = panel(loaded=load_models(tmp_path / "one", "cpu"))
    assert "Network A is not here" in page.text
    assert sum(tag == "table" for tag, _ in page.tags) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_operating_point_says_what_it_promises(panel, language):
    words, text = wording(language), panel(language).text
    for name in ("f1", "youden", "sensitivity_95", "specificity_95"):
        assert f"{words(f'operating_point.{name}')}{words(f'about.promise.{name}')}" in text


def test_the_heatmap_is_explained_only_where_there_is_one(panel, models):
    explanation = wording("en")("about.reading.heatmap")
    loaded = load_models(models, "cpu")
    assert explanation not in panel(loaded=loaded).text
    seeing = replace(loaded.classifiers["b"], outputs=("logit", "probability", "heatmap"))
    assert explanation in panel(loaded=replace(loaded, classifiers={**loaded.classifiers, "b": seeing})).text


def test_versions_and_sources_are_named(panel):
    text = panel().text
    for name, version in (("Gradio", gr.__version__), ("Python", r"3\.\d+\.\d+"), ("ONNX Runtime", r"\d+\.\d+")):
        assert re.search(rf"{name}\s*{version}", text)
    for reference in REFERENCES:
        assert reference.text in text
        assert reference.identifier in text
    for identifier in ("doi:10.17632/rscbjbr9sj", "arXiv:1603.05027", "arXiv:1706.04599"):
        assert identifier in text
    assert "Apache License 2.0" in text
    assert "CC BY 4.0" in text


def test_the_language_rewords_the_panel(models):
    (entry,) = about.build(load_models(models, "cpu"), gr.Radio(["en", "he"]))
    assert entry.component.value == entry.properties(wording("en"))["value"]
    assert wording("he")("about.what") in entry.properties(wording("he"))["value"]
