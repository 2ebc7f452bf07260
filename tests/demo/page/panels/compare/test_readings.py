from html.parser import HTMLParser

import numpy as np
import pytest

from demo.evaluation.track_record import read_track_record
from demo.inference.classifier import Reading
from demo.inference.compare import Case
from demo.inference.networks import load_models
from demo.language.catalogue import wording
from demo.page.panels.compare.readings import error_html, readings_html

FILM = np.zeros((10, 10), np.uint8)


class Text(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.words, self.tags = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def of_class(self, name):
        return [attrs for _, attrs in self.tags if name in (attrs.get("class") or "").split()]


def reading(network, probability, threshold=0.5, **changes):
    entries = {
        "network": network, "probability": probability, "logit": 1.5, "threshold": threshold,
        "operating_point": "youden", "positive": probability >= threshold, "refused": False, "novelty": None,
        "milliseconds": 12.4,
    }  # fmt: skip
    return Reading(**(entries | changes))


@pytest.fixture
def shown(models):
    def show(*readings, language="en", warnings=(), folder=models):
        loaded = load_models(folder, "cpu")
        case = Case(FILM, warnings, readings) if readings else None
        return Text(readings_html(case, loaded, read_track_record(loaded.bundles), wording(language)))

    return show


def test_each_network_says_its_verdict_beside_probability_and_threshold(shown):
    page = shown(reading("a", 0.91), reading("b", 0.12, 0.2))
    assert "pneumonia likely" in page.text
    assert "no sign of pneumonia" in page.text
    assert [bar["aria-label"] for bar in page.of_class("bar")] == [
        "probability 0.910, threshold 0.500",
        "probability 0.120, threshold 0.200",
    ]
    assert [fill["style"] for fill in page.of_class("fill")] == ["inline-size:91.00%", "inline-size:12.00%"]
    assert [mark["style"] for mark in page.of_class("mark")] == [
        "inset-inline-start:50.00%",
        "inset-inline-start:20.00%",
    ]
    assert "A and B disagree." in page.text
    assert "12 ms" in page.text


def test_agreement_is_said_in_words(shown):
    assert "A and B agree." in shown(reading("a", 0.9), reading("b", 0.8)).text
    assert "A ו־B מסכימות" in shown(reading("a", 0.1), reading("b", 0.2), language="he").text


@pytest.mark.parametrize(("probability", "would_say"), [(0.9, "pneumonia likely"), (0.1, "no sign of pneumonia")])
def test_a_refused_film_has_no_verdict_but_its_distance(shown, probability, would_say):
    refused = {"refused": True, "positive": None, "novelty_limit": 3.0}
    page = shown(reading("a", probability, novelty=7.5, **refused), reading("b", 0.8))
    open_to_all, behind_the_lid = page.text.split("Show the probability all the same")
    assert "too unlike the films I learnt from" in open_to_all
    assert "Novelty 7.50, limit 3.00" in open_to_all
    assert f"{probability:.3f}" not in open_to_all
    assert would_say not in open_to_all
    assert "Refused:" in behind_the_lid
    assert f"Without the refusal it would say: {would_say}" in behind_the_lid
    assert f"{probability:.3f}" in behind_the_lid
    assert "agree." not in page.text
    assert page.text.count("A refuses this picture; do not rely on B.") == 2  # on B's card and where they are compared
    assert [section["class"] for section in page.of_class("network")] == ["network a refused", "network b unreliable"]
    (cover,) = page.of_class("all-the-same")
    assert "open" not in cover


def test_a_novelty_that_is_no_number_is_a_refusal_without_one(shown):
    page = shown(reading("a", 0.9, refused=True, positive=None, novelty=float("nan"), novelty_limit=3.0))
    assert "Novelty –, limit 3.00" in page.text


def test_every_reading_shows_its_novelty_beside_the_limit(shown):
    page = shown(reading("a", 0.9, novelty=2.9999, novelty_limit=3.0), reading("b", 0.8, novelty=0.5))
    assert "2.9999, limit 3.0000" in page.text  # so near, that two decimals would show no difference
    assert page.text.count(", limit") == 1  # of a network without a limit nothing is said


def test_before_a_film_there_are_two_empty_columns(shown):
    page = shown()
    assert len(page.of_class("network")) == 2
    assert page.of_class("fill") == []
    assert "Drop a film" in page.text


def test_a_missing_network_says_how_to_make_it(shown, tmp_path, tiny_bundle):
    tiny_bundle(tmp_path / "one", "b")
    page = shown(reading("b", 0.7), folder=tmp_path / "one")
    assert "Network A is not here" in page.text
    assert "pneumoscope train a" in page.text
    assert "Only one network" in page.text


def test_a_damaged_network_says_why(shown, models):
    (models / "a" / "model.onnx").write_bytes(b"\0")
    assert "This network cannot be used:" in shown(reading("b", 0.7)).text


def test_a_placeholder_says_so(shown, models, tiny_bundle):
    tiny_bundle(models, "a", placeholder=True, placeholder_reason="3 epochs <only>")
    page = shown(reading("a", 0.7), reading("b", 0.7))
    assert "Placeholder model" in page.text
    assert "3 epochs <only>" in page.text


def test_what_a_file_says_is_never_markup(shown):
    page = shown(reading("a", 0.7), reading("b", 0.7), warnings=("<script>alert(1)</script>",))
    assert "script" not in [tag for tag, _ in page.tags]
    fault = Text(error_html("<img src=x onerror=alert(1)>.jpg: no film", wording("en")))
    assert "img" not in [tag for tag, _ in fault.tags]
    assert "no film" in fault.text


def test_known_films_show_how_good_each_network_is(shown, models, tiny_bundle):
    rows = b"film,patient,split,label,logit\nx,p,validation,1,4\ny,q,validation,0,-4\nz,r,validation,0,4\n"
    tiny_bundle(models, "a", scores=rows)
    text = shown(reading("a", 0.7), reading("b", 0.7)).text
    assert "validation 3 films 1.000 [0.207–1.000] 0.500 [0.095–0.905]" in text
    assert "On test" not in text


def test_figures_of_test_stand_before_those_of_validation(shown, models, tiny_bundle):
    rows = "".join(
        f"{split}{n}.png,p{n},{split},{n % 2},{n % 7 - 3}\n" for split in ("validation", "test") for n in range(30)
    )
    for network in "ab":
        tiny_bundle(models, network, scores=f"film,patient,split,label,logit\n{rows}".encode())
    page = shown(reading("a", 0.7), reading("b", 0.7))
    for first, second in (
        ("Of the", "On validation"),
        ("test 30 films", "validation 30 films"),
        ("On test both", "On validation both"),
    ):
        assert -1 < page.text.index(first) < page.text.index(second, page.text.index(first))
    for network in ("A", "B"):
        assert f"test films that {network} gave" in page.text
    assert len(page.of_class("dots")) == 2
    filled = [dots["aria-label"] for dots in page.of_class("dots")]
    assert [f"{len(page.of_class('ill')) // 2} of 20 dots filled: pneumonia"] * 2 == filled


def test_a_number_that_is_not_to_be_relied_on_has_no_worth(shown, models, tiny_bundle):
    rows = "".join(f"{n}.png,p{n},test,{n % 2},{n % 7 - 3}\n" for n in range(30))
    tiny_bundle(models, "b", scores=f"film,patient,split,label,logit\n{rows}".encode())
    refused = reading("a", 0.9, refused=True, positive=None, novelty=7.5, novelty_limit=3.0)
    assert "What this number was worth" in shown(reading("a", 0.9), reading("b", 0.8)).text
    assert "What this number was worth" not in shown(refused, reading("b", 0.8)).text
