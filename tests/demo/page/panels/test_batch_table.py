from html.parser import HTMLParser

import pytest

from demo.batch.batch import BatchFilm, FilmSet
from demo.batch.table import Row, Tally
from demo.inference.networks import load_models
from demo.language.catalogue import wording
from demo.page.panels.batch_table import formula_note, progress_html, summary_html, table_html

WORDS = wording("en")


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture
def loaded(models):
    return load_models(models, "cpu")


def film(name="x.png", a=0.9, b=0.1, positive=(True, False), agree=False, error=None):
    readings = {
        network: {
            "probability": probability,
            "positive": verdict,
            "refused": verdict is None,
            "novelty": 7.5,
            "novelty_limit": 3.0,
        }
        for network, probability, verdict in zip("ab", (a, b), positive, strict=True)
    }
    return {"path": name, "readings": {} if error else readings, "agree": None if error else agree, "error": error}


def table(loaded, *films, sort="order", descending=False):
    return table_html([Row(n, one) for n, one in enumerate(films)], loaded, "youden", sort, descending, WORDS)


def test_the_table_says_what_it_is_and_how_it_is_sorted(loaded):
    tags = Tags(table(loaded, film(), sort="difference", descending=True))
    (region,) = tags.all("div")
    assert (region["role"], region["tabindex"], region["aria-label"]) == ("region", "0", "Readings of the batch")
    assert len(tags.all("caption")) == 1
    sorts = {head["aria-sort"] for head in tags.all("th") if "aria-sort" in head}
    assert sorts == {"none", "descending"}
    assert [button.get("data-sort") for button in tags.all("button")] == ["order", "a", "b", "difference", None]
    assert "Thresholds: A 0.400, B 0.400" in tags.text


def test_a_row_shows_both_readings_and_names_its_button(loaded):
    tags = Tags(table(loaded, film("ward/1.png", a=0.9999)))
    assert tags.all("button")[-1]["aria-label"] == "Open ward/1.png in Compare"
    for said in (">0.999", "pneumonia likely", "0.100", "no sign of pneumonia", "0.900", "differ"):
        assert said in tags.text


def test_a_refused_film_has_no_difference(loaded):
    tags = Tags(table(loaded, film(positive=(True, None), agree=None)))
    assert "too unlike the films I learnt from" in tags.text
    assert "–" in tags.text
    assert "B refuses: do not rely on A" in tags.text
    assert "says positive unreliable" in [cell.get("class") for cell in tags.all("td")]
    assert "0.100" not in tags.text  # its number means nothing


def test_refusals_have_a_column_where_a_network_can_refuse(loaded, models, tiny_bundle):
    assert "Refused" not in Tags(table(loaded, film())).text
    tiny_bundle(models, "b", {"novelty": True}, novelty_limit=3.0)
    guarded = load_models(models, "cpu")
    tags = Tags(table(guarded, film(positive=(True, None), agree=None), film(error="broken"), sort="novelty"))
    assert "novelty" in [button.get("data-sort") for button in tags.all("button")]
    assert "B: 7.50, limit 3.00" in tags.text
    assert [row.get("class") for row in tags.all("tr")] == [None, "refused", "unread"]
    (cell,) = [cell for cell in tags.all("td") if "colspan" in cell]
    assert cell["colspan"] == "7"


def test_a_film_that_could_not_be_read_spans_the_readings(loaded):
    tags = Tags(table(loaded, film(error="cut short: expected a whole film")))
    (cell,) = [cell for cell in tags.all("td") if "colspan" in cell]
    assert cell["colspan"] == "6"
    assert len(tags.all("th")) - 1 == 2 + 6


def test_names_and_errors_are_harmless(loaded):
    html = table(loaded, film("<img src=x onerror='x'>\n\x1b[31m.png", error="<b>"), film("'\"><script>.png"))
    assert not {"img", "script", "b"} & {tag for tag, _ in Tags(html).tags}
    assert "\x1b" not in html
    assert "\n" not in html


def test_no_row_is_said(loaded):
    assert "differ on no film" in table(loaded)


def test_the_summary_leaves_out_what_did_not_happen():
    counts = Tally(
        read=2, unread=0, positive={"a": 1, "b": 0}, refused={"a": 0, "b": 2}, refused_by_any=2, agree=0, differ=0
    )
    found = FilmSet((BatchFilm("x", None),) * 2)
    text = Tags(summary_html(counts, found, WORDS)).text
    assert "B gives no verdict on 2." in text
    assert "At least one network refuses 2; do not rely on either there." in text
    for absent in ("agree", "Could not", "Stopped", "Left out", "A does not"):
        assert absent not in text


def test_the_summary_says_what_is_missing():
    counts = Tally(read=1, unread=1, positive={"a": 1}, refused={"a": 0}, refused_by_any=0, agree=0, differ=0)
    found = FilmSet((BatchFilm("x", None),) * 5, ("w<b>.zip: damaged",), left_out=3, too_many=7)
    html = summary_html(counts, found, WORDS)
    text = Tags(html).text
    for said in (
        "1 of 5",
        "Could not be read: 1",
        "not read yet: 3",
        "at most 1,000 films: 7",
        "no films: 3",
        "w<b>.zip",
    ):
        assert said in text
    assert Tags(html).all("p")[0]["role"] == "status"


def test_progress_counts_and_is_named():
    tags = Tags(progress_html(3, 50, WORDS))
    (progress,) = tags.all("progress")
    assert (progress["value"], progress["max"]) == ("3", "50")
    assert tags.all("label")[0]["for"] == progress["id"]


@pytest.mark.parametrize("name", ["=1+1.png", "+1.png", "-1.png", "@x.png", "\t=1.png"])
def test_a_name_that_a_spreadsheet_would_run_is_pointed_out(name):
    assert "formula" in formula_note([film(), film(name)], WORDS)
    assert formula_note([film("a=b.png")], WORDS) == ""
