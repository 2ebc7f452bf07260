import re

import gradio as gr
import pytest

from demo.evaluation.example_films import Example
from demo.evaluation.operating_point_choices import shared_points
from demo.inference.networks import load_models
from demo.language.catalogue import wording
from demo.page.layout import STYLES
from demo.page.panels.compare import panel as compare


@pytest.fixture
def built(models):
    """The panel in a page of its own, and the page's callbacks by name."""

    def build(examples=()):
        with gr.Blocks(analytics_enabled=False) as page:
            language = gr.Radio(["en", "he"])
            panel = compare.build(load_models(models, "cpu"), examples, language)
        return panel, {block.fn.__name__: block.fn for block in page.fns.values() if block.fn}, page

    return build


def test_an_upload_is_read_from_its_own_bytes(built, tmp_path, write_film):
    _, callbacks, _ = built()
    upload = write_film(tmp_path / "upload" / "x.png", 200)
    case, on_screen, strip, film, readings, field = callbacks["read_upload"](str(upload), "youden", "en")
    assert [reading.positive for reading in case.readings] == [True, False]
    assert "data:image/jpeg;base64," in film
    assert (on_screen.name, on_screen.width, on_screen.height, on_screen.bits) == ("x.png", 30, 40, 8)
    assert "pneumonia likely" in strip
    assert "pneumonia likely" in readings
    assert field is None  # ready for the next film
    assert not upload.parent.exists()  # and nothing of this one stays


def test_a_film_is_kept_no_larger_than_the_screen(built, tmp_path, write_film):
    panel, _, _ = built()
    case, *_ = panel.open_film(write_film(tmp_path / "x.png", size=(2400, 1200)), "youden", "en")
    assert case.film.shape == (1600, 800)


def test_another_operating_point_redraws_without_a_network(built, tmp_path, write_film, monkeypatch):
    panel, callbacks, _ = built()
    case, *_ = panel.open_film(write_film(tmp_path / "x.png", 140), "youden", "en")
    monkeypatch.setattr("demo.page.panels.compare.panel.read_case", None)
    evaluated, _, readings = callbacks["at_operating_point"](case, "specificity_95", "en")
    assert {reading.operating_point for reading in evaluated.readings} == {"specificity_95"}
    assert "threshold 0.800" in readings
    assert evaluated.film is case.film


def test_a_film_that_was_forgotten_keeps_no_verdict_of_another_operating_point(built):
    panel, callbacks, _ = built()
    case, strip, readings = callbacks["at_operating_point"](None, "specificity_95", "en")
    assert (case, strip) == (None, "")
    assert readings == panel._readings_html(None, "en")


def test_a_file_that_is_no_film_is_said_calmly_and_forgets_the_last_one(built, tmp_path):
    panel, _, _ = built()
    path = tmp_path / "note.jpg"
    path.write_text("only text")
    case, *_, film, readings = panel.open_film(path, "youden", "en")
    assert case is None
    assert "empty" in film
    assert "note.jpg" in readings
    assert str(tmp_path) not in readings
    assert "Readable: JPEG" in readings


def test_an_unexpected_fault_shows_nothing_of_the_file(built, monkeypatch):
    def fail(*_, **__):
        raise KeyError("DOE^JANE")

    panel, _, _ = built()
    monkeypatch.setattr("demo.page.panels.compare.panel.read_case", fail)
    *_, readings = panel.open_film(b"x", "youden", "en")
    assert "unexpected KeyError" in readings
    assert "DOE" not in readings


def test_a_heatmap_lies_over_the_film(models, tiny_bundle, built, tmp_path, write_film):
    tiny_bundle(models, "a", {"heatmap": True})
    panel, _, page = built()
    *_, film, _ = panel.open_film(write_film(tmp_path / "x.png"), "youden", "en")
    assert film.count("class='layer a colours'") == film.count("class='layer a lines'") == 1
    assert "layer b" not in film
    assert wording("en")("heatmap.scale") in film
    choices = [block.choices for block in page.blocks.values() if isinstance(block, gr.Radio)]
    assert [("film only", "none"), ("A", "a")] in choices


def test_an_example_is_a_named_button(built, tmp_path, write_film):
    example = Example(write_film(tmp_path / "x.png", 255), "verdict.positive", {})
    _, callbacks, page = built([example])
    assert "pneumonia likely" in [block.value for block in page.blocks.values() if isinstance(block, gr.Button)]
    case, *_ = callbacks["<lambda>"]("youden", "en")
    assert case.readings[0].positive is True


def test_the_operating_points_have_words_in_both_languages():
    for language in ("en", "he"):
        choices = {name: label for label, name in compare.operating_point_choices(language, shared_points(()))}
        assert next(iter(choices)) == "sensitivity_95"
        assert choices["f1"] == wording(language)("operating_point.f1")


def test_heatmaps_of_a_refused_film_are_marked_as_such(models, tiny_bundle, built, tmp_path, write_film):
    tiny_bundle(models, "a", {"heatmap": True, "novelty": True}, novelty_limit=0.1)
    tiny_bundle(models, "b", {"heatmap": True})
    panel, _, _ = built()
    *_, film, readings = panel.open_film(write_film(tmp_path / "x.png"), "youden", "en")
    for network in "ab":
        assert f"class='layer {network} by-a colours'" in film
        assert f"class='layer {network} by-a lines'" in film
    assert "its heatmap" in readings


@pytest.mark.parametrize("style", STYLES, ids=lambda path: path.stem)
def test_what_hangs_on_the_page_begins_at_its_root(style):
    rules = style.read_text(encoding="utf-8")
    # Gradio writes `.gradio-container` before any other selector, and the page's own marks lie above that.
    assert not re.search(r"(^|[,}]\s*)(\[(data-layer|dir)=|\.dropping)", rules, re.MULTILINE)
