"""The report: what it says, in both languages, and that nothing typed can break or run in it."""

import base64
import dataclasses
import io
import re
import sys
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pypdf
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.evaluation.track_record import read_track_record
from demo.inference.classifier import Reading
from demo.inference.compare import Case
from demo.inference.heatmap_drawing import draw_heatmap
from demo.language.catalogue import wording
from demo.report import render as report_module
from demo.report.content import report_content
from demo.report.render import NOTE_LENGTH, TEMPLATES, TITLE_LENGTH, ReportCase, report_html, report_pdf
from export.bundle import default_models_folder, find_bundles
from train.common.errors import UsageError

WHEN = datetime(2026, 11, 24, 14, 3, 22, tzinfo=timezone(timedelta(hours=2)))
SUMS = {"a": "0a" * 32, "b": "0b" * 32}
ENGLISH, HEBREW = wording("en"), wording("he")
MODEL_TEXT = "trained for 3 epochs"
VOID = {"meta", "img", "br", "rect", "path"}


def make_reading(network, probability, **changes):
    threshold = 0.4
    entries = {
        "network": network,
        "probability": probability,
        "logit": -1.25,
        "threshold": threshold,
        "operating_point": "youden",
        "positive": probability >= threshold,
        "refused": False,
        "novelty": None,
        "milliseconds": 5.0,
    }
    return Reading(**(entries | changes))


@pytest.fixture(scope="session")
def make_report(tiny_card):
    """A report of a film with two readings, some of its entries changed."""

    def make(readings=None, film=None, warnings=(), cards=None, **entries):
        readings = readings or (make_reading("a", 0.9314), make_reading("b", 0.1207))
        film = np.tile(np.arange(40, dtype=np.uint8) * 6, (30, 1)) if film is None else film
        points = {name: {"threshold": 0.4, "selected_on": "validation"} for name in tiny_card().operating_points}
        points["youden"] |= {"sensitivity": 0.978, "specificity": 0.951}
        measured = {
            "validation": {"films": 786, "prevalence": 0.74, "auroc": {"value": 0.9, "low": 0.8, "high": 0.95}},
            "test": {
                "films": 624,
                "operating_point": "youden",
                "auroc": {"value": 0.87, "low": 0.85, "high": 0.89},
                "sensitivity": {"value": 0.987},
                "specificity": {"value": 0.503},
            },
        }
        cards = cards or {
            name: tiny_card(
                network=name,
                title=f"Tiny {name}",
                operating_points=points,
                metrics=measured,
                checksums={"model.onnx": SUMS[name]},
                placeholder=name == "b",
                placeholder_reason=MODEL_TEXT if name == "b" else "",
            )
            for name in ("a", "b")
        }
        return ReportCase(Case(film, tuple(warnings), tuple(readings)), cards, **({"created": WHEN} | entries))

    return make


class Page(HTMLParser):
    """The tags of a page, its text outside the style sheet, and that every tag is closed in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.pieces = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(self.pieces).split())

    def handle_starttag(self, tag, attrs):
        if tag in ("th", "td", "dt", "dd", "p"):
            self.pieces.append(" ")
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.pieces.append(data)


def pdf_of(report, words=ENGLISH):
    return pypdf.PdfReader(io.BytesIO(report_pdf(report, words)))


def pdf_text(report, words=ENGLISH):
    return " ".join(" ".join(page.extract_text() for page in pdf_of(report, words).pages).split())


def html_text(report, words=ENGLISH):
    return Page(report_html(report, words)).text


def pictures_of(html):
    encoded = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", html)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR) for text in encoded]


@pytest.mark.parametrize("text_of", [html_text, pdf_text])
def test_it_says_what_was_read_by_whom_and_when(make_report, text_of):
    text = text_of(make_report(title="Child 17", note="first line\nsecond line"))
    for expected in (
        "pneumoscope ",
        "2026-11-24 14:03:22 UTC+02:00",
        "Child 17",
        "first line",
        "second line",
        "pneumonia likely",
        "no sign of pneumonia",
        "0.931",
        "0.121",
        "0.400",
        "−1.250",
        "Found and spared alike (Youden)",
        "97.8 %",
        "49.7 %",
        "0.900 [0.800–0.950]",
        "0.870 [0.850–0.890]",
        "786 films",
        "74.0 %",
        "8 × 8",
        "2026-01-31",
        "000000000000",
        MODEL_TEXT,
        "The networks disagree",
        "children of 1 to 5 years from one hospital",
    ):
        assert expected in text, expected
    assert text.count(ENGLISH("disclaimer.short")) == 2
    for digits in SUMS.values():
        assert digits in text.replace(" ", "")


@pytest.mark.parametrize("words", [ENGLISH, HEBREW], ids=["en", "he"])
def test_the_html_is_one_file_that_asks_for_nothing(make_report, words):
    html = report_html(make_report(), words)
    page = Page(html)
    assert page.tags[0] == ("html", {"lang": words.language, "dir": words.direction})
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "a", "form", "base"})
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "action", "data"):
            if name in attributes:
                assert (tag, name) == ("img", "src")
                assert attributes[name].startswith("data:image/jpeg;base64,")
    assert "url(" not in html
    assert "@import" not in html
    # The one address there is, is a name: that of SVG.
    assert set(re.findall(r"https?://[^\"' ]+", html)) == {"http://www.w3.org/2000/svg"}


def test_hebrew_html_runs_right_to_left_and_figures_left_to_right(make_report):
    html = report_html(make_report(title="ילד 17"), HEBREW)
    page = Page(html)
    for key in ("report.heading", "verdict.positive", "verdict.negative", "report.disagree", "disclaimer.children"):
        assert HEBREW(key) in page.text, key
    assert page.text.count(HEBREW("disclaimer.short")) == 2
    assert '<bdi dir="ltr" class="figure">0.931</bdi>' in html
    assert '<bdi dir="ltr" class="figure">2026-11-24 14:03:22 UTC+02:00</bdi>' in html
    assert '<dd class="title" dir="rtl">ילד 17</dd>' in html


def test_hebrew_is_in_the_pdf(make_report):
    report = pdf_of(make_report(title="ילד שבע עשרה"), HEBREW)
    assert len(report.pages) == 1
    text = report.pages[0].extract_text()
    for phrase in (HEBREW("report.heading"), HEBREW("verdict.positive"), HEBREW("disclaimer.short"), "ילד שבע עשרה"):
        for word in re.findall("[א-ת]{2,}", phrase):
            assert word in text, word
    assert "0.931" in text
    assert report.trailer["/Root"]["/Lang"] == "he"


def test_a_pdf_is_one_a4_page_and_tells_nothing_of_the_machine(make_report):
    report = pdf_of(make_report(title="Child 17", note="A remark.\n" * 3))
    assert len(report.pages) == 1
    assert (round(float(report.pages[0].mediabox.width)), round(float(report.pages[0].mediabox.height))) == (595, 842)
    assert set(report.metadata) <= {"/Title", "/Creator", "/Producer", "/CreationDate", "/ModDate"}
    assert "Child" not in report.metadata["/Title"]
    assert report.metadata.creation_date == WHEN
    assert report.trailer["/Root"]["/Lang"] == "en"


def test_the_same_case_gives_the_same_bytes(make_report):
    report = make_report(title="ילד 17")
    assert report_pdf(report, HEBREW) == report_pdf(report, HEBREW)
    assert report_html(report, HEBREW) == report_html(report, HEBREW)


def test_the_pdf_needs_no_package_of_the_network(make_report):
    # Typst fetches packages by itself: only an import in the template could make it.
    assert not re.search(r"#(import|include)|@preview", (TEMPLATES / "report.typ").read_text(encoding="utf-8"))
    report = make_report(title='#import "@preview/cetz:0.3.0"')
    assert '#import "@preview/cetz:0.3.0"' in pdf_text(report).replace("\u200b", "")


@pytest.mark.parametrize("text_of", [html_text, pdf_text])
def test_agreement_in_a_line(make_report, text_of):
    both = (make_reading("a", 0.9), make_reading("b", 0.8))
    assert "Both networks agree: pneumonia likely." in text_of(make_report(both))
    assert "One network only" in text_of(make_report(both[:1]))
    refused = make_reading("a", 0.9, positive=None, refused=True, novelty=7.5)
    also = make_reading("b", 0.9, positive=None, refused=True, novelty=7.5)
    assert "nothing to compare" in text_of(make_report((refused, also)))


@pytest.mark.parametrize("text_of", [html_text, pdf_text])
@pytest.mark.parametrize(("refusing", "other"), ["ab", "ba"])
def test_beside_a_network_that_refuses_the_other_is_not_to_be_relied_on(make_report, text_of, refusing, other):
    readings = {name: make_reading(name, 0.8767, logit=4.321) for name in "ab"}
    readings[refusing] = make_reading(refusing, 0.9314, positive=None, refused=True, novelty=7.5)
    text = text_of(make_report(tuple(readings.values())))
    warning = f"{refusing.upper()} refuses this picture; do not rely on {other.upper()}."
    assert text.count(warning) == 2  # where both are compared, and in the place of the other's verdict
    assert "not shown: the other network refuses this picture" in text
    for said in ("0.877", "4.321", "pneumonia likely", "0.931", "−1.250", "7.50"):
        assert said not in text
    assert ENGLISH("report.mark") not in text  # no bar


@pytest.mark.parametrize("words", [ENGLISH, HEBREW], ids=["en", "he"])
def test_no_heatmap_is_printed_of_a_picture_that_one_network_refuses(make_report, words):
    readings = (
        make_reading("a", 0.9, positive=None, refused=True, novelty=7.5, heatmap=heatmap_with_a_spot(1, 5)),
        make_reading("b", 0.9, heatmap=heatmap_with_a_spot(1, 5)),
    )
    html = report_html(make_report(readings), words)
    assert len(pictures_of(html)) == 1  # the film
    assert words("report.heatmap") not in html
    assert len(pdf_of(make_report(readings), words).pages[0].images) == 1
    assert len(pictures_of(report_html(make_report((readings[1],)), words))) == 2


@pytest.mark.parametrize("text_of", [html_text, pdf_text])
def test_figures_of_test_stand_first(make_report, text_of):
    bundles = find_bundles(default_models_folder())
    cards = {name: bundle.card for name, bundle in bundles.items()}
    readings = tuple(
        make_reading(name, 0.97, threshold=card.operating_points["youden"].threshold) for name, card in cards.items()
    )
    report = make_report(readings, cards=cards, track_record=read_track_record(bundles))
    text = text_of(report)
    for first, second in (
        ("AUROC, test", "AUROC, validation"),
        ("This point, test", "This point, validation"),
        ("On test both said so of", "On validation both said so of"),
        ("What this probability was worth test", "validation"),
    ):
        place = text.index(first)
        assert place < text.index(second, place)
    assert len(pdf_of(report).pages) == 1
    assert len(pdf_of(report, HEBREW).pages) == 1


@pytest.mark.parametrize("text_of", [html_text, pdf_text])
def test_a_refused_film_is_not_judged(make_report, tiny_card, text_of):
    refused = make_reading("a", 0.9314, positive=None, refused=True, novelty=7.5)
    cards = {"a": tiny_card(network="a", novelty_limit=5.0)}
    text = text_of(make_report((refused,), cards=cards))
    assert "too unlike the films I learnt from" in text
    assert "not shown: the film is refused" in text
    assert "0.931" not in text
    assert "pneumonia likely" not in text
    assert "Novelty of the film above the limit" in text
    for number in ("7.50", "5.00", "0.400", "−1.250"):
        assert number not in text
    assert ENGLISH("report.mark") not in text  # no bar


def test_what_was_not_measured_is_said(make_report, tiny_card):
    card = tiny_card(network="a", metrics={"validation": {"auroc": {"value": None}}, "test": None})
    text = html_text(make_report((make_reading("a", 0.9),), cards={"a": card}))
    for label in ("AUROC, validation (95 % interval)", "AUROC, test (95 % interval)", "Novelty of the film"):
        assert f"{label} not measured" in text
    assert "SHA-256 of model.onnx not known" in text
    assert "This point, test" not in text


def test_test_figures_stand_only_beside_their_own_operating_point(make_report):
    reading = make_reading("a", 0.9, operating_point="f1")
    text = html_text(make_report((reading,)))
    assert ENGLISH("operating_point.f1") in text
    assert "49.7 %" not in text
    assert "This point, validation not measured" in text


def test_a_close_call_shows_enough_decimals(make_report):
    text = html_text(make_report((make_reading("a", 0.400002, threshold=0.400001),)))
    assert "0.400002" in text
    assert "0.400001" in text


def test_a_certain_network_is_never_at_one(make_report):
    assert ">0.999" in html_text(make_report((make_reading("a", 0.99999),)))


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_the_bar_is_as_long_as_the_probability(make_report, probability):
    page = Page(report_html(make_report((make_reading("a", probability),)), ENGLISH))
    filled, track = (attributes for tag, attributes in page.tags if tag == "rect")
    assert float(filled["width"]) == pytest.approx(float(track["width"]) * probability, abs=0.01)
    mark = next(attributes["d"] for tag, attributes in page.tags if tag == "path")
    assert float(re.match(r"M([\d.]+)", mark)[1]) == pytest.approx(
        float(track["x"]) + float(track["width"]) * 0.4, abs=0.01
    )


def test_warnings_are_there(make_report):
    warning = "the file holds 3 pages: only the first was read"
    assert warning in html_text(make_report(warnings=[warning]))
    assert warning in pdf_text(make_report(warnings=[warning]))


def test_warnings_in_a_hebrew_report_are_hebrew_and_what_has_no_hebrew_is_set_as_english(make_report):
    known, unknown = "the file holds 3 pages: only the first was read", "a remark of a reader to come"
    report = make_report(warnings=[known, unknown])
    html = report_html(report, HEBREW)
    hebrew = HEBREW("reader.only_first_page", count=3)
    assert f'<dd class="warning">{hebrew}</dd>' in html
    assert f'<dd class="warning"><bdi dir="ltr" lang="en">{unknown}</bdi></dd>' in html
    text = pdf_text(report, HEBREW)
    assert known not in html + text
    assert unknown in text
    for word in re.findall("[א-ת]{2,}", hebrew):
        assert word in text, word


def test_a_long_warning_is_translated_before_it_is_cut(make_report):
    names = "Window Center" * 40
    html = report_html(make_report(warnings=[ENGLISH("reader.dicom_left_out", element=names)]), HEBREW)
    assert HEBREW("reader.dicom_left_out", element=names)[:30] in html
    assert "…</dd>" in html


def heatmap_with_a_spot(y, x):
    heatmap = np.zeros((7, 7), np.float32)
    heatmap[y, x] = 1
    return heatmap


def test_a_heatmap_lies_over_the_film(make_report):
    film = np.full((100, 100), 90, np.uint8)
    readings = (make_reading("a", 0.9, heatmap=heatmap_with_a_spot(1, 5)), make_reading("b", 0.9))
    html = report_html(make_report(readings, film), ENGLISH)
    plain, covered = pictures_of(html)
    assert np.ptp(plain) <= 4
    height, width = covered.shape[:2]
    colourful = np.ptp(covered.astype(int), axis=2) > 40
    rows, columns = np.nonzero(colourful)
    assert rows.mean() / height == pytest.approx(1.5 / 7, abs=0.05)
    assert columns.mean() / width == pytest.approx(5.5 / 7, abs=0.05)
    assert ENGLISH("report.heatmap_alt", network="A") in html
    pages = pdf_of(make_report(readings, film)).pages
    assert len(pages) == 1
    assert len(pages[0].images) == 4  # the film, the heatmap, and the legend's colours and lines


def test_a_heatmap_has_its_legend_and_is_drawn_as_on_the_page(make_report, tiny_card):
    film = np.full((100, 100), 90, np.uint8)
    heatmap = heatmap_with_a_spot(1, 5)
    report = make_report((make_reading("a", 0.9, heatmap=heatmap), make_reading("b", 0.9)), film)
    html = report_html(report, ENGLISH)
    covered = pictures_of(html)[1][..., ::-1].astype(int)
    expected = draw_heatmap(heatmap, film.shape, report.cards["a"].prepare).over(film)
    assert covered.shape == expected.shape
    assert np.abs(covered - expected).mean() < 3
    assert html.count(">¼<") == 1
    assert "Nothing stands out" not in html
    assert "¼" in pdf_text(report)


@pytest.mark.parametrize("text_of", [html_text, pdf_text])
def test_where_nothing_stands_out_the_report_says_so(make_report, text_of):
    readings = (
        make_reading("a", 0.1, heatmap=heatmap_with_a_spot(1, 5) * 0.129),
        make_reading("b", 0.1, heatmap=heatmap_with_a_spot(1, 5) * 0.9),
    )
    text = text_of(make_report(readings))
    assert "A's strongest place is 12 % of full scale" in text.replace("\u2019", "'")
    assert text.count("strongest place") == 1


@pytest.mark.parametrize(
    ("resize", "expected"),
    [("squash", (0.5 / 7, 0.5)), ("crop", (0.25 + 0.25 / 7, 0.5)), ("letterbox", (None, None))],
)
def test_a_heatmap_covers_what_the_network_saw(make_report, tiny_card, resize, expected):
    # A film twice as wide as high, the spot at the left edge: of a letterbox only the middle rows are film.
    film = np.full((100, 200), 90, np.uint8)
    cards = {"a": tiny_card(network="a", prepare={"image_size": 8, "resize": resize, "contrast": "none"})}
    spot = heatmap_with_a_spot(0, 3) if resize == "letterbox" else heatmap_with_a_spot(3, 0)
    html = report_html(make_report((make_reading("a", 0.9, heatmap=spot),), film, cards=cards), ENGLISH)
    covered = pictures_of(html)[1]
    rows, columns = np.nonzero(np.ptp(covered.astype(int), axis=2) > 40)
    if expected == (None, None):
        assert rows.size == 0
    else:
        assert columns.mean() / covered.shape[1] == pytest.approx(expected[0], abs=0.05)
        assert rows.mean() / covered.shape[0] == pytest.approx(expected[1], abs=0.05)


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (8, 8), (1, 1), (3000, 2000)])
def test_films_of_any_shape(make_report, shape):
    film = np.full(shape, 128, np.uint8)
    report = make_report((make_reading("a", 0.9, heatmap=np.ones((7, 7), np.float32)),), film)
    picture = pictures_of(report_html(report, ENGLISH))[0]
    assert max(picture.shape) <= 1000
    if min(shape) > 1:
        assert picture.shape[0] / picture.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.01)
    assert len(pdf_of(report).pages) == 1


HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</dd></main></html>\"'><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% for x in () %}{# #}",
    '#import "x.typ": *  #panic() $x^2$ *bold* _i_ `raw` <label> @ref \\ #(sys.inputs)',
    "\x00\x01\x1b[31m\x7f\x85",
    "\u202e\u2066abc\u202a",
    "\ud800\udfff\ufffe\U000fffff",
    "👩‍👩‍👧‍👦🫁" * 20,
    "a" + "\u0301" * 150,
    "ש" * TITLE_LENGTH,
    "W" * TITLE_LENGTH,
    "漢字" * 100,
    "مريض " * 30,
)


def check_harmless(report):
    for words in (ENGLISH, HEBREW):
        page = Page(report_html(report, words))
        assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object", "a"})
        assert sum(tag in ("img", "svg") for tag, _ in page.tags) == 3
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        assert not set(page.text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x1b")
        page.text.encode("utf-8")
        assert report_pdf(report, words).startswith(b"%PDF-")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_stays_text(make_report, text):
    check_harmless(make_report(title=text[:TITLE_LENGTH], note=(text + "\n") * 3, warnings=[text]))


@pytest.mark.parametrize("text_of", [html_text, pdf_text])
@pytest.mark.parametrize("text", HOSTILE[:4], ids=ascii)
def test_markup_is_shown_as_it_was_typed(make_report, text, text_of):
    shown = text_of(make_report(title=text)).replace("\u200b", "")
    assert "".join(text.split()) in "".join(shown.split())


@settings(max_examples=15)
@given(
    title=st.text(st.characters(), max_size=TITLE_LENGTH),
    note=st.text(st.one_of(st.characters(), st.sampled_from("\n<>&\"'#$*_`@\\{}%")), max_size=400),
)
def test_any_text_makes_a_report(make_report, title, note):
    check_harmless(make_report(title=title, note=note))


@settings(max_examples=40)
@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=TITLE_LENGTH))
def test_letters_arrive_as_typed(make_report, title):
    report = make_report(title=title)
    content = report_content(
        report.case, report.cards, report.track_record, report.title, report.note, report.created, ENGLISH
    )
    assert content.title.text == title
    assert title in "".join(Page(report_html(report, ENGLISH)).pieces)


@pytest.mark.parametrize("words", [ENGLISH, HEBREW], ids=["en", "he"])
@pytest.mark.parametrize("letter", ["W", "m", "ש", "漢", "م", "\u0301", "👩"])
def test_nothing_runs_over_the_edge_of_the_paper(make_report, tiny_card, monkeypatch, letter, words):
    def as_png(source, **settings):
        return compile_typst(source, **(settings | {"format": "png", "ppi": 50, "timestamp": None}))

    compile_typst = typst.compile
    monkeypatch.setattr(typst, "compile", as_png)
    text = letter * 500
    entries = {"title": text, "placeholder": True, "placeholder_reason": text, "created": text, "commit": text}
    cards = {name: tiny_card(network=name, **entries, checksums={"model.onnx": text}) for name in ("a", "b")}
    report = make_report(title=text[:TITLE_LENGTH], note=letter * NOTE_LENGTH, warnings=[text], cards=cards)
    pages = report_pdf(report, words)
    for page in [pages] if isinstance(pages, bytes) else pages:
        pixels = cv2.imdecode(np.frombuffer(page, np.uint8), cv2.IMREAD_GRAYSCALE)
        margin = round(10 / 25.4 * 50)  # of the 12 mm of white there are
        assert pixels[:, :margin].min() == 255
        assert pixels[:, -margin:].min() == 255


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"title": "x" * 10_000}, "title: 10,000 characters, a report takes at most 200; shorten it"),
        ({"note": "x" * 10_000}, "remark: 10,000 characters, a report takes at most 2,000; shorten it"),
    ],
)
def test_too_long_is_one_clear_line(make_report, entries, message):
    with pytest.raises(UsageError, match=f"^{message}$"):
        make_report(**entries)


def test_a_long_remark_goes_on_on_the_next_page(make_report):
    report = pdf_of(make_report(note="line\n\n" * 300))
    assert 1 < len(report.pages) < 12
    for page in report.pages:
        assert ENGLISH("disclaimer.short") in " ".join(page.extract_text().split())


def test_the_callers_mistakes_are_named(make_report):
    report = make_report()
    with pytest.raises(ValueError, match="aware"):
        dataclasses.replace(report, created=datetime(2026, 11, 24))
    with pytest.raises(ValueError, match=r"Without a card: \['b'\]"):
        dataclasses.replace(report, cards={"a": report.cards["a"]})
    with pytest.raises(ValueError, match="expected readings"):
        dataclasses.replace(report, case=dataclasses.replace(report.case, readings=()))
    assert ReportCase(report.case, report.cards).created.utcoffset() is not None


def test_a_report_of_this_very_moment_becomes_a_pdf(make_report):
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert report_pdf(make_report(created=moment), ENGLISH).startswith(b"%PDF-")


def test_odd_zones(make_report):
    for offset, shown in ((timedelta(hours=-3, minutes=-30), "UTC-03:30"), (timedelta(seconds=5), "UTC+00:00")):
        report = make_report(created=datetime(2026, 1, 2, tzinfo=timezone(offset)))
        assert shown in html_text(report)
        assert report_pdf(report, ENGLISH)
    assert "UTC+00:00" in html_text(make_report(created=datetime(2026, 1, 2, tzinfo=UTC)))


def test_without_typst_it_says_so(make_report, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(UsageError, match=r"pip install 'pneumoscope\[page\]', or save it as HTML"):
        report_pdf(make_report(), ENGLISH)


def test_templates_lie_inside_the_package():
    assert {path.name for path in TEMPLATES.iterdir()} == {"report.html.jinja", "report.typ"}
    assert TEMPLATES.parent == Path(report_module.__file__).parent


INTERVAL = {"low": 0.95, "high": 0.99, "independent_low": 0.94}


@pytest.mark.parametrize("text_of", [html_text, pdf_text])
def test_rates_stand_with_their_intervals_and_these_say_what_they_are_of(make_report, tiny_card, text_of):
    rates = {"sensitivity": INTERVAL | {"value": 0.977}, "specificity": INTERVAL | {"value": 0.961}}
    points = {name: {"threshold": 0.4, "selected_on": "validation"} for name in tiny_card().operating_points}
    points["f1"] |= {"sensitivity": 0.9, "test": {name: rate | {"low": 0.7} for name, rate in rates.items()}}
    measured = {"films": 786, "operating_point": "youden", "auroc": INTERVAL | {"value": 0.97}, **rates}
    calibration = {"method": "platt", "temperature": 0.8, "offset": -0.94, "selected_on": "validation"}
    card = tiny_card(operating_points=points, metrics={"validation": measured, "test": None}, calibration=calibration)
    at_youden = text_of(make_report((make_reading("a", 0.9),), cards={"a": card}))
    assert "97.7 % [95.0–99.0]" in at_youden
    assert "over patients (bootstrap)" in at_youden
    assert "Platt: logit divided by 0.8 − 0.94" in at_youden
    at_f1 = text_of(make_report((make_reading("a", 0.9, operating_point="f1"),), cards={"a": card}))
    assert "90.0 %" in at_f1  # validation, without an interval: that is of another point
    assert "97.7 % [70.0–99.0]" in at_f1  # test


@pytest.mark.parametrize("text_of", [html_text, pdf_text])
def test_a_network_without_calibration_is_reported(make_report, tiny_card, text_of):
    card = tiny_card(calibration={"method": "none", "temperature": 1.0, "selected_on": "validation"})
    assert "none: the network's own probability" in text_of(make_report((make_reading("a", 0.9),), cards={"a": card}))
