import json
import re
from pathlib import Path

import gradio as gr
import pytest

from demo.inference.networks import load_models
from demo.language.catalogue import wording
from demo.language.colours import NETWORK_COLOURS
from demo.page.panels.evaluation import panel
from demo.plots.parts import GRID, INK, PAPER

SKIPPED = gr.skip()


@pytest.fixture
def built(tmp_path, evaluated_bundle):
    """The panel in a page of its own: (networks, test films or not) → its callbacks by name, its components."""

    def build(networks="ab", test=True):
        models = tmp_path / "models"
        for seed, name in enumerate(networks):
            evaluated_bundle(models, name, test, seed)
        with gr.Blocks(analytics_enabled=False) as page:
            language = gr.Radio(["en", "he"])
            with gr.Tab("tab") as tab:
                localised = panel.build(load_models(models, "cpu"), language, tab)
        callbacks = {}
        for block in page.fns.values():
            callbacks.setdefault(name_of(block.fn), block)
        return callbacks, page, localised, models

    return build


def name_of(function):
    return getattr(function, "func", function).__name__


def outputs_of(block, values):
    """The callback's answers by the class of the component they go to."""
    return list(zip(block.outputs, values, strict=True))


def plots_in(answers):
    return [value for component, value in answers if isinstance(component, gr.Plot)]


def show(block, on=True, before=None, split="validation", percent=50.0, language="en", chosen=(0.5, None, 0.5, None)):
    return outputs_of(block, block.fn(on, before, split, percent, language, "youden", *chosen))


def test_nothing_is_drawn_before_the_tab_is_opened(built):
    _, page, _, _ = built()
    plots = [block for block in page.blocks.values() if isinstance(block, gr.Plot)]
    assert len(plots) == 8
    assert all(plot.value is None for plot in plots)


def test_the_first_look_draws_everything(built):
    callbacks, _, _, _ = built()
    answers = show(callbacks["show"])
    assert answers[0][1] == "validation en"
    plots = plots_in(answers)
    assert len(plots) == 8
    assert all(plot["visible"] for plot in plots)
    figures = [json.loads(plot["value"].plot) for plot in plots]
    assert all(figure["config"]["displaylogo"] is False for figure in figures)
    assert sum(len(plot["value"].plot) for plot in plots) < 400_000
    assert answers[2][1] == 70.0  # the cohort's own prevalence


def test_a_second_look_draws_nothing(built):
    callbacks, _, _, _ = built()
    answers = show(callbacks["show"], before="validation en")
    assert all(value == SKIPPED for _, value in answers)


def test_another_language_or_split_draws_again(built):
    callbacks, _, _, _ = built()
    hebrew = show(callbacks["show"], before="validation en", language="he")
    assert hebrew[0][1] == "validation he"
    assert wording("he")("evaluation.axis.sensitivity") in plots_in(hebrew)[2]["value"].plot
    test = show(callbacks["show"], before="validation en", split="test", percent=70.0)
    assert "80 test films" in test[1][1]
    assert test[2][1] == 60.0  # follows the films
    assert show(callbacks["show"], before="validation en", split="test", percent=5.0)[2][1] == 5.0  # the user's own


def test_what_is_not_on_screen_is_drawn_later(built):
    callbacks, _, _, _ = built()
    answers = show(callbacks["show"], on=False, before="validation en", language="he")
    assert answers[0][1] == ""
    assert all(value == SKIPPED for _, value in answers[1:])
    assert show(callbacks["show"], on=False, before=None)[0][1] == SKIPPED
    again = show(callbacks["show"], before="", language="he", percent=5.0)
    assert again[0][1] == "validation he"
    assert again[2][1] == 5.0


def test_a_slider_moves_its_own_network_only(built):
    _, page, _, _ = built()
    slides = [block for block in page.fns.values() if name_of(block.fn) == "slide"]
    assert len(slides) == 2
    html, point = slides[1].fn(0.001, "youden", "validation", 70.0, "en")
    assert "class='network b'" in html
    assert "Threshold 0.001: own choice" in html
    assert point is None
    assert all(block.trigger_mode == "always_last" and not block.queue for block in slides)


def test_an_operating_point_moves_the_slider_and_back(built):
    callbacks, _, _, _ = built()
    jump, slide = callbacks["jump"], callbacks["slide"]
    html, value = jump.fn("f1", "validation", 70.0, "en")
    assert f"Threshold {value:.3f}: Most found per mistake (F1)" in html
    assert slide.fn(value, None, "validation", 70.0, "en") == (html, "f1")
    assert jump.fn(None, "validation", 70.0, "en") == (SKIPPED, SKIPPED)


def test_the_prevalence_changes_both_tables(built):
    callbacks, _, _, _ = built()
    tables = callbacks["both"].fn("validation", 5.0, "en", 0.5, None, 0.5, None)
    assert len(tables) == 2
    assert all("at a prevalence of 5.0 %" in html for html in tables)
    percent, *tables = callbacks["back_to_cohort"].fn("test", "en", 0.5, None, 0.5, None)
    assert percent == 60.0
    assert all("at a prevalence of 60.0 %" in html for html in tables)


def test_one_network_alone(built):
    callbacks, _, _, _ = built("b")
    answers = show(callbacks["show"], chosen=(0.5, None))
    assert len(plots_in(answers)) == 7


def test_test_films_that_were_not_read(built):
    callbacks, page, _, _ = built(test=False)
    choices = [block.choices for block in page.blocks.values() if isinstance(block, gr.Radio)]
    assert [("validation", "validation"), ("test (not read yet)", "test")] in choices
    answers = show(callbacks["show"], split="test", percent=33.0)
    assert [plot["visible"] for plot in plots_in(answers)] == [True, True, *[False] * 6]
    assert answers[1][1] == ""
    assert answers[2][1] == 50.0 or answers[2][1] == 33.0
    assert callbacks["back_to_cohort"].fn("test", "en", 0.5, None, 0.5, None) == (SKIPPED,) * 3


def test_broken_files_leave_the_page_standing(built):
    callbacks, _, _, models = built()
    for name in "ab":
        for file in ("scores.csv", "history.csv", "evaluation.json"):
            (models / name / file).write_text("spoilt")
    answers = show(callbacks["show"])
    assert not any(plot["visible"] for plot in plots_in(answers))
    assert "scores.csv of Network A cannot be read" in callbacks["slide"].fn(0.5, None, "validation", 70.0, "en")[0]


@pytest.mark.parametrize("language", ["en", "he"])
def test_every_label_follows_the_language(built, language):
    _, _, localised, _ = built()
    for entry in localised:
        properties = entry.properties(wording(language))
        assert all(properties.values())


def test_the_theme_knows_every_colour_of_the_plots():
    rules = (Path(panel.__file__).parents[1] / "evaluation.css").read_text(encoding="utf-8")
    known = {tuple(map(int, found)) for found in re.findall(r"rgb\((\d+), (\d+), (\d+)\)", rules)}
    for colour in (*NETWORK_COLOURS.values(), INK, GRID, PAPER):
        assert tuple(bytes.fromhex(colour[1:])) in known
