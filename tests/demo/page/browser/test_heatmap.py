"""Heatmaps in a real browser: which layers are seen, how strongly, beside what legend, on films of known heatmaps."""

import cv2
import numpy as np
import pytest

from demo.evaluation.example_films import default_examples_folder

pytestmark = pytest.mark.slow  # drives a browser

STATE = """() => [...document.querySelectorAll(".film .layer")]
    .filter((layer) => getComputedStyle(layer).display !== "none")
    .map((layer) => [layer.closest(".view").className, layer.className, getComputedStyle(layer).opacity])"""


@pytest.fixture
def page(visit):
    return visit()


def open_film(page, name):
    page.set_input_files("#drop input[type=file]", default_examples_folder() / f"synthetic-{name}.png")
    page.wait_for_selector(".film .picture")


def choose(page, name):
    page.locator(".heatmap-choice").get_by_text(name, exact=True).click()


def test_colours_are_as_strong_as_asked_and_lines_stay_whole(page):
    open_film(page, "pneumonia-03")
    assert page.evaluate(STATE) == []
    choose(page, "A")
    assert page.evaluate(STATE) == [["view one", "layer a colours", "0.6"], ["view one", "layer a lines", "1"]]
    page.locator(".heatmap-choice input[type=range]").fill("20")
    page.wait_for_function("getComputedStyle(document.querySelector('.film .layer.a.colours')).opacity === '0.2'")
    assert page.evaluate(STATE)[1][2] == "1"
    assert page.evaluate("getComputedStyle(document.querySelector('.heatmap-legend .colours')).opacity") == "0.2"
    blends = page.evaluate(
        "[...document.querySelectorAll('.film .layer')].map((layer) => getComputedStyle(layer).mixBlendMode)"
    )
    assert set(blends) == {"normal"}


def test_side_by_side_each_half_has_its_own_network(page):
    open_film(page, "pneumonia-03")
    choose(page, "A | B")
    page.wait_for_selector(".film .view.two")
    assert [seen[:2] for seen in page.evaluate(STATE)] == [
        ["view one", "layer a colours"],
        ["view one", "layer a lines"],
        ["view two", "layer b colours"],
        ["view two", "layer b lines"],
    ]
    choose(page, "film only")
    assert page.evaluate(STATE) == []


def test_the_legend_is_there_with_a_heatmap_and_the_sentence_where_nothing_stands_out(page):
    open_film(page, "normal-01")
    legend = page.locator(".heatmap-legend")
    assert not legend.is_visible()
    choose(page, "A")
    assert "Evidence for pneumonia, share of full scale" in legend.inner_text()
    said = "Nothing stands out: A's strongest place is"
    assert said in legend.inner_text()
    choose(page, "B")
    assert said not in legend.inner_text()
    assert said.replace("A's", "B's") in legend.inner_text()
    open_film(page, "pneumonia-03")
    page.wait_for_selector(".verdict.positive")
    page.wait_for_function("!document.querySelector('.heatmap-legend').innerText.includes('Nothing')")


def withheld(page):
    return page.locator(".heatmap-legend .withheld:visible").all_inner_texts()


def test_beside_a_network_that_refuses_the_others_heatmap_waits_for_the_same_lid(page, tmp_path):
    film = cv2.imread(str(default_examples_folder() / "synthetic-pneumonia-03.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(tmp_path / "blurred.png"), cv2.GaussianBlur(film, (0, 0), 12))
    page.set_input_files("#drop input[type=file]", tmp_path / "blurred.png")
    page.wait_for_selector(".network.refused")
    refusing, other = ("a", "b") if page.locator(".network.a.refused").count() else ("b", "a")
    page.wait_for_selector(f".network.{other}.unreliable")  # as long as one of the shipped networks reads such a film
    choose(page, other.upper())
    page.wait_for_function(f"document.documentElement.dataset.layer === '{other}'")
    assert page.evaluate(STATE) == []
    sentence = f"{refusing.upper()} refuses this picture; do not rely on {other.upper()}."
    assert withheld(page) == [sentence]
    assert sentence in page.locator(f".network.{other} .why").inner_text()
    page.locator(".all-the-same summary").click()
    page.wait_for_function("document.querySelector('.all-the-same').open")
    assert [layer[1] for layer in page.evaluate(STATE)] == [
        f"layer {other} by-{refusing} colours",
        f"layer {other} by-{refusing} lines",
    ]
    assert withheld(page) == []


def test_a_refused_films_heatmap_is_seen_in_no_view_until_asked_for(page, tmp_path):
    cv2.imwrite(str(tmp_path / "noise.png"), np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8))
    page.set_input_files("#drop input[type=file]", tmp_path / "noise.png")
    page.wait_for_selector(".network.a.refused")
    page.wait_for_selector(".network.b.refused")
    page.wait_for_selector(".film .layer", state="attached")
    for view in ("A", "B", "A | B"):
        choose(page, view)
        page.wait_for_function(f"document.documentElement.dataset.layer === '{view.lower().replace(' | ', '')}'")
        assert page.evaluate(STATE) == []
        assert page.locator(".faint:visible").count() == 0
    page.wait_for_selector(".film .view.two")
    page.locator(".network.a .all-the-same summary").click()
    page.wait_for_function("document.querySelector('.network.a .all-the-same').open")
    seen = [layer[:2] for layer in page.evaluate(STATE)]
    assert seen == [["view one", "layer a by-a colours"], ["view one", "layer a by-a lines"]]
    assert withheld(page) == ["B refuses this picture: its heatmap is not shown."]
