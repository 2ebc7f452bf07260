"""What the page of plain files puts on paper, and its heatmaps, pixel by pixel, beside those that Python draws."""

import base64
import io

import cv2
import numpy as np
import pytest

from demo.evaluation.example_films import default_examples_folder
from demo.inference.compare import read_case
from demo.inference.heatmap_drawing import LAYER_SIDE, HeatmapLayers, draw_heatmap
from demo.inference.networks import load_models
from demo.language.catalogue import wording

from .conftest import READY, serving

pytestmark = pytest.mark.slow

EXAMPLES = sorted(default_examples_folder().glob("*.png"))
GREY = 128  # what heatmaps are laid over here
# The browser draws colours half as fine and enlarges them, and finds its lines between samples instead of along pixels.
COLOURS_DIFFER, COLOURS_DIFFER_ON_AVERAGE = 3, 0.4  # levels of 255
LINES_APART = 1.5  # pixels of 768
LINES_DIFFER = 0.1  # share of what is white, and of what is black
PIXELS = """([image, side]) => {
    const width = Math.round(image.naturalWidth * side / Math.max(image.naturalWidth, image.naturalHeight));
    const height = Math.round(image.naturalHeight * side / Math.max(image.naturalWidth, image.naturalHeight));
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.fillStyle = "rgb(128 128 128)";
    context.fillRect(0, 0, width, height);
    context.drawImage(image, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    let text = "";
    for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768));
    return { width, height, pixels: btoa(text) };
}"""


def printed(visit):
    """The words that are on paper, on one line."""
    visit.page.emulate_media(media="print")
    return " ".join(visit.page.inner_text("body").split())


def layer(visit, network, kind):
    """A layer of the film on screen, laid over grey, uint8 [h, w, 3]."""
    selector = f".view.one .layer.{network}.{kind}"
    visit.page.wait_for_selector(selector, state="attached", timeout=READY)
    image = visit.page.query_selector(selector)
    image.evaluate("image => image.decode()")
    found = visit.page.evaluate(PIXELS, [image, LAYER_SIDE])
    pixels = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8)
    return pixels.reshape(found["height"], found["width"], 4)[..., :3]


def over_grey(layers, kind):
    clear = np.zeros_like(layers.lines)
    alone = {"colours": HeatmapLayers(layers.colours, clear), "lines": HeatmapLayers(clear, layers.lines)}[kind]
    return alone.over(np.full(layers.lines.shape[:2], GREY, np.uint8), opacity=1)


def farthest(marked, others):
    """How far the farthest marked pixel is from the others, but for one in a thousand."""
    if not marked.any():
        return 0.0
    away = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, 5)
    return float(np.quantile(away[marked], 0.999))


def test_a_report_has_both_readings_and_says_what_it_is_not(site, visit):
    with serving(site) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        visited.choose(EXAMPLES[0])
        verdicts = visited.verdicts()
        words = printed(visited)
        pdf = visited.page.pdf(format="A4")
    case = read_case(EXAMPLES[0], load_models(device="cpu").classifiers)
    for reading, verdict in zip(case.readings, verdicts, strict=True):
        assert verdict in words
        assert f"{reading.probability:.3f}" in words
    assert EXAMPLES[0].name in words
    assert wording("en")("disclaimer.short") in words
    for control in ("drop_label", "stays"):
        assert wording("en")(f"browser.{control}") not in words
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed here")
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    assert len(pages) <= 2
    on_paper = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert f"{case.readings[1].probability:.3f}" in on_paper


def test_a_report_in_hebrew_names_the_verdicts_and_is_right_to_left(site, visit):
    with serving(site) as url:
        visited = visit(locale="he-IL")
        visited.open(url)
        visited.choose(EXAMPLES[0])
        visited.verdicts()
        words = printed(visited)
        assert visited.page.get_attribute("html", "dir") == "rtl"
    case = read_case(EXAMPLES[0], load_models(device="cpu").classifiers)
    hebrew = wording("he")
    for reading in case.readings:
        assert hebrew(f"verdict.{'positive' if reading.positive else 'negative'}") in words
        assert f"{reading.probability:.3f}" in words
    assert hebrew("disclaimer.short") in words


def test_a_report_of_what_is_no_chest_film_has_no_verdict_and_no_number(site, visit, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    film = tmp_path / "noise.png"
    film.write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    with serving(site) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        visited.choose(film)
        visited.page.wait_for_selector(".network.refused", timeout=READY)
        words = printed(visited)
        refused = visited.page.locator(".network.refused").all_inner_texts()
    case = read_case(film, load_models(device="cpu").classifiers)
    texts = wording("en")
    of_refused = [reading for reading in case.readings if reading.refused]
    assert len(refused) == len(of_refused) > 0
    for reading, column in zip(of_refused, refused, strict=True):
        assert texts("verdict.refused") in column
        assert texts("verdict.positive") not in column
        assert texts("verdict.negative") not in column
        assert f"{reading.probability:.3f}" not in column
    assert texts("disclaimer.short") in words


def test_heatmaps_are_those_that_python_draws(site, visit):
    models = load_models(device="cpu")
    with serving(site) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        for film in (EXAMPLES[0], EXAMPLES[4]):
            visited.choose(film)
            visited.page.wait_for_selector(f".viewer-facts .name:text-is('{film.name}')", timeout=READY)
            visited.verdicts()
            case = read_case(film, models.classifiers)
            for reading in case.readings:
                spec = models.bundles[reading.network].card.prepare
                layers = draw_heatmap(reading.heatmap, case.film.shape, spec)
                compare_colours(layer(visited, reading.network, "colours"), over_grey(layers, "colours"))
                compare_lines(layer(visited, reading.network, "lines"), over_grey(layers, "lines"))


def compare_colours(ours, theirs):
    difference = cv2.absdiff(ours, theirs)
    assert difference.max() <= COLOURS_DIFFER
    assert difference.mean() <= COLOURS_DIFFER_ON_AVERAGE


def compare_lines(ours, theirs):
    one, other = (lines[..., 0].astype(int) - GREY for lines in (ours, theirs))
    marked, marked_there = np.abs(one) > GREY / 2, np.abs(other) > GREY / 2
    assert marked.any() == marked_there.any()
    assert farthest(marked, marked_there) <= LINES_APART
    assert farthest(marked_there, marked) <= LINES_APART
    for shade in (1, -1):  # how much is white, and how much is black
        painted, painted_there = (np.maximum(shade * each, 0).sum() for each in (one, other))
        assert painted == pytest.approx(painted_there, rel=LINES_DIFFER)
