"""The heatmaps on the page: what lies over the film, what is said beside it, which views are offered."""

import re
from dataclasses import replace

import numpy as np
import pytest

from demo.inference.compare import Case
from demo.inference.heatmap_drawing import draw_heatmap
from demo.inference.heatmap_pictures import layer_uris
from demo.inference.networks import load_models
from demo.language.catalogue import wording
from demo.page.layout import STYLES
from demo.page.panels.compare import heatmap as panel

STRONG, FAINT, NOTHING = (np.full((4, 4), value, np.float32) for value in (0.8, 0.129, 0.0))
ENGLISH = wording("en")


@pytest.fixture
def loaded(models):
    return load_models(models, "cpu")


@pytest.fixture
def case(loaded):
    """A film that both networks read; their heatmaps are given."""
    film = np.full((90, 120), 100, np.uint8)

    def make(a, b, refused=""):
        readings = [classifier.read(film) for classifier in loaded.classifiers.values()]
        both = zip(readings, (a, b), strict=True)
        return Case(
            film,
            (),
            tuple(replace(reading, heatmap=heatmap, refused=reading.network == refused) for reading, heatmap in both),
        )

    return make


def test_the_layers_are_what_every_surface_draws(case, loaded):
    html = panel.layers_html(case(STRONG, None), loaded.cards)
    drawn = draw_heatmap(STRONG, (90, 120), loaded.cards["a"].prepare)
    assert re.findall("src='([^']*)'", html) == list(layer_uris(drawn))


@pytest.mark.parametrize("language", ["en", "he"])
def test_the_legend_has_the_scale_and_says_what_lines_mean(case, language):
    words = wording(language)
    html = panel.legend_html(case(STRONG, STRONG), words)
    for text in (words("heatmap.scale"), words("heatmap.lines"), "<svg", ">¼<", ">½<"):
        assert text in html
    assert "faint" not in html


def test_where_nothing_stands_out_a_sentence_says_how_little_there_is(case):
    html = panel.legend_html(case(FAINT, NOTHING), ENGLISH)
    assert re.search("<p class='said faint a'>Nothing stands out: .* 12 % of full scale", html)
    assert re.search("<p class='said faint b'>Nothing stands out: B finds no evidence", html)
    assert "faint" not in panel.legend_html(case(STRONG, None), ENGLISH)


@pytest.mark.parametrize(("refusing", "other"), ["ab", "ba"])
def test_a_network_that_refuses_withholds_both_heatmaps_and_the_legend_says_so(case, loaded, refusing, other):
    refused = case(FAINT, FAINT, refused=refusing)
    html = panel.legend_html(refused, ENGLISH)
    for network in "ab":
        assert f"<p class='said faint {network} by-{refusing}'>" in html
    letter, beside = refusing.upper(), other.upper()
    assert (
        f"<p class='said withheld {refusing} by-{refusing}'>{letter} refuses this picture: its heatmap is not" in html
    )
    assert (
        f"<p class='said withheld {other} by-{refusing}'>{letter} refuses this picture; do not rely on {beside}."
        in html
    )
    assert panel.layers_html(refused, loaded.cards).count(f"by-{refusing} ") == 4
    assert "withheld" not in panel.legend_html(case(FAINT, FAINT), ENGLISH)


def test_without_a_heatmap_there_is_neither_layer_nor_legend(case, loaded):
    assert panel.layers_html(case(None, None), loaded.cards) == ""
    assert panel.legend_html(case(None, None), ENGLISH) == ""


def test_the_views_are_film_each_network_and_both_side_by_side(models, tiny_bundle):
    assert [value for _, value in panel.layer_choices(load_models(models, "cpu"), ENGLISH)] == ["none"]
    tiny_bundle(models, "a", {"heatmap": True})
    assert [value for _, value in panel.layer_choices(load_models(models, "cpu"), ENGLISH)] == ["none", "a"]
    tiny_bundle(models, "b", {"heatmap": True})
    choices = panel.layer_choices(load_models(models, "cpu"), ENGLISH)
    assert choices == [("film only", "none"), ("A", "a"), ("B", "b"), ("A | B", "ab")]


def test_no_surface_of_the_page_blends_in_a_way_of_its_own():
    assert len(STYLES) > 5
    assert not [path.name for path in STYLES if "mix-blend-mode" in path.read_text(encoding="utf-8")]
