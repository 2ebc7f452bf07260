"""Evaluation in a real browser: what moves there is what Python computes from the scores, without the server."""

import json
import math

import pytest

from demo.evaluation.at_threshold import metrics_at_threshold, prevalence_of
from demo.evaluation.matrix_films import films_of_cell
from demo.evaluation.sorted_scores import averaged_probabilities
from demo.language.catalogue import wording
from demo.language.numbers import percent
from export.bundle import default_models_folder, find_bundles
from export.bundle.evaluation import read_bundle_evaluation
from train.metrics.net_benefit import cheapest_threshold, expected_cost, implied_threshold, net_benefit, treat_all

pytestmark = pytest.mark.slow  # drives a browser

MORE = pytest.mark.exhaustive
WORDS = wording("en")
FIGURES = ("sensitivity", "specificity", "f1", "accuracy")
CELLS = ("tp", "fn", "fp", "tn")
THRESHOLDS = (
    0.0,
    0.003,
    0.02,
    0.05,
    0.1,
    0.17,
    0.25,
    0.31,
    0.39,
    0.42,
    0.48,
    0.5,
    0.56,
    0.66,
    0.74,
    0.81,
    0.9,
    0.97,
    0.996,
    1.0,
)
# Two frames after a field was moved: what the page shows then.
SLIDE = """async ([selector, value]) => {
  const field = document.querySelector(`.evaluation ${selector}`);
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
# The time the page itself works for one move, without waiting for a frame.
WORK = """async (values) => {
  const field = document.querySelector(".evaluation [data-threshold=a]");
  const later = window.requestAnimationFrame;
  const times = [];
  for (const value of values) {
    await new Promise((done) => later(done));
    let job = () => {};
    window.requestAnimationFrame = (draw) => { job = draw; return 0; };
    const started = performance.now();
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    window.requestAnimationFrame = later;
    job();
    times.push(performance.now() - started);
  }
  return times;
}"""


@pytest.fixture(scope="module")
def evaluations():
    return {name: read_bundle_evaluation(found) for name, found in find_bundles(default_models_folder()).items()}


@pytest.fixture(scope="module")
def page(module_visit):
    """Of the module: drawing it takes seconds, and each test sets the sliders it reads."""
    page = module_visit()
    open_evaluation(page)
    return page


def open_evaluation(page):
    page.get_by_role("tab", name="Evaluation").click()
    page.locator(".evaluation .plot[data-drawn] .main-svg").first.wait_for()


def choose_split(page, split):
    page.locator(".evaluation-bar .split").get_by_label(split).check()
    page.locator(f".evaluation .plot[data-drawn='{split} en']").first.wait_for()


def slide(page, field, value):
    page.evaluate(SLIDE, [field, value])


def exact(evaluation, value):
    """The threshold that the slider means: an operating point's own within its step."""
    near = [at for at in evaluation.thresholds.values() if round(at, 3) == round(value, 3)]
    return near[0] if near else value


def texts(page, selector):
    return page.locator(f".evaluation {selector}").all_inner_texts()


def test_it_opens_on_the_test_films_with_both_networks(page):
    assert page.locator(".evaluation-bar .split").get_by_label("test").is_checked()
    page.get_by_text("624 test films").wait_for()


@pytest.mark.parametrize(
    ("network", "split"),
    [
        ("a", "test"),
        ("b", "validation"),
        *(pytest.param(*more, marks=MORE) for more in (("a", "validation"), ("b", "test"))),
    ],
)
def test_a_slider_shows_what_python_computes(page, evaluations, network, split):
    choose_split(page, split)
    found = evaluations[network]
    scores, side = found.scores[split], f".network.{network}"
    share = prevalence_of(scores)
    for value in THRESHOLDS:
        slide(page, f"[data-threshold={network}]", value)
        threshold = exact(found, value)
        expected = metrics_at_threshold(scores, threshold, share)
        counts = expected.confusion
        assert texts(page, f"{side} .count") == [f"{getattr(counts, cell):,}" for cell in CELLS], value
        shown = {name: texts(page, f"{side} tr.{name} td")[0] for name in (*FIGURES, "ppv", "npv")}
        told = {name: getattr(counts, name) for name in FIGURES} | {"ppv": expected.ppv, "npv": expected.npv}
        assert shown == {name: percent(figure, WORDS) for name, figure in told.items()}, value
        unrounded = page.evaluate(
            f"Object.entries(pneumoscope.evaluation.figures('{network}', {json.dumps(threshold)}))"
        )
        for name, figure in told.items():
            got = dict(unrounded)[name]
            assert got == figure or (math.isnan(figure) and (got is None or math.isnan(got))), (name, value)
        ill = round(1000 * share)
        thousand = WORDS(
            "evaluation.of_thousand",
            prevalence=percent(share, WORDS),
            found=round(ill * counts.sensitivity),
            ill=ill,
            alarms=round((1000 - ill) * (1 - counts.specificity)),
            well=1000 - ill,
        )
        assert texts(page, f"{side} .thousand") == [thousand]


def test_another_prevalence_changes_ppv_by_bayes(page, evaluations):
    choose_split(page, "test")
    slide(page, "[data-threshold=a]", 0.5)
    slide(page, "[data-prevalence]", 10)
    scores = evaluations["a"].scores["test"]
    expected = metrics_at_threshold(scores, exact(evaluations["a"], 0.5), 0.1)
    assert texts(page, ".network.a tr.ppv td")[0] == percent(expected.ppv, WORDS)
    assert texts(page, ".network.a tr.npv td") == [percent(expected.npv, WORDS), "–"]
    page.get_by_role("button", name="As in these films").click()
    page.wait_for_function("document.querySelector('.evaluation [data-prevalence]').value === '62.5'")


def test_costs_and_net_benefit_are_pythons(page, evaluations):
    choose_split(page, "test")
    for ratio, share in ((4, 62.5), (9, 10), (0.5, 30)):
        slide(page, "[data-prevalence]", share)
        slide(page, "[data-ratio]", ratio)
        prevalence = prevalence_of(evaluations["a"].scores["test"]) if share == 62.5 else share / 100
        at = implied_threshold(ratio)
        for name, found in evaluations.items():
            scores = found.scores["test"]
            assert texts(page, f"[data-cost='{name} implied threshold']") == [f"{at:.3f}"]
            best = cheapest_threshold(scores.labels, scores.probabilities, ratio, prevalence)
            got = page.evaluate(f"pneumoscope.evaluation.cheapest('{name}', {prevalence})")
            assert got["threshold"] == best.threshold
            assert got["cost"] == pytest.approx(best.cost, abs=1e-12)
            counts = metrics_at_threshold(scores, at, prevalence).confusion
            cost = 1000 * expected_cost(counts.sensitivity, 1 - counts.specificity, ratio, prevalence)
            assert float(texts(page, f"[data-cost='{name} implied cost']")[0]) == pytest.approx(float(cost), abs=0.051)
        told = {cell.get_attribute("data-benefit"): cell.inner_text() for cell in page.locator("[data-benefit]").all()}
        average = averaged_probabilities(evaluations, "test")
        expected = {
            name: (found.scores["test"].labels, found.scores["test"].probabilities)
            for name, found in evaluations.items()
        }
        benefits = {
            name: net_benefit(*pair, at, prevalence)[0] for name, pair in (expected | {"average": average}).items()
        }
        benefits |= {"all": treat_all(at, prevalence)[0], "none": 0.0}
        assert list(told) == ["a", "b", "average", "all", "none"]
        for name, benefit in benefits.items():
            assert float(told[name].replace("−", "-")) == pytest.approx(benefit, abs=0.000501), name
            got = page.evaluate(f"pneumoscope.evaluation.netBenefit('{name}', {at}, {prevalence})")
            assert got == pytest.approx(benefit, abs=1e-9)
    slide(page, "[data-prevalence]", 62.5)


def test_a_ratio_that_is_none_is_marked_and_changes_nothing(page):
    slide(page, "[data-ratio]", 4)
    before = texts(page, "[data-implied]")
    for wrong in ("", "0", "-3", "5000"):
        slide(page, "[data-ratio]", wrong)
        assert page.locator("[data-ratio]").get_attribute("aria-invalid") == "true"
        assert texts(page, "[data-implied]") == before
    slide(page, "[data-ratio]", 4)
    assert page.locator("[data-ratio]").get_attribute("aria-invalid") == "false"


def test_a_ratio_stands_in_the_field_that_another_split_brings(page):
    choose_split(page, "validation")
    slide(page, "[data-ratio]", 9)
    choose_split(page, "test")
    assert page.locator("[data-ratio]").input_value() == "9"
    slide(page, "[data-ratio]", 4)


def test_a_move_asks_the_server_nothing(page):
    choose_split(page, "test")
    page.locator("[data-section=evaluation-curves]").click()
    page.locator(".plot[data-figure=f1][data-drawn='test en']").wait_for()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    assert len(page.evaluate(WORK, [round(0.05 * step, 2) for step in range(1, 20)])) == 19
    assert asked == []


def live(page, figure):
    """The marks that the browser adds to a plot's shapes: circles, and upright lines of 3 pixels."""
    return page.evaluate(
        f"document.querySelector('.plot[data-figure={figure}]').layout.shapes.filter((shape) => shape.line.width === 3)"
    )


def test_the_marks_stand_where_the_threshold_puts_them(page, evaluations):
    choose_split(page, "test")
    page.locator("[data-section=evaluation-curves]").click()
    for figure in ("roc", "pr", "f1"):
        page.locator(f".plot[data-figure={figure}][data-drawn='test en']").wait_for()
    slide(page, "[data-threshold=a]", 0.75)
    counts = metrics_at_threshold(evaluations["a"].scores["test"], 0.75, 0.5).confusion
    dots = live(page, "roc")
    assert dots[0]["xanchor"] == pytest.approx(1 - counts.specificity)
    assert dots[0]["yanchor"] == pytest.approx(counts.sensitivity)
    dots = live(page, "pr")
    assert (dots[0]["xanchor"], dots[0]["yanchor"]) == pytest.approx((counts.sensitivity, counts.ppv))
    assert live(page, "f1")[0]["x0"] == 0.75
    page.locator(".plot[data-figure=histogram_a]").scroll_into_view_if_needed()
    page.locator(".plot[data-figure=histogram_a][data-drawn='test en']").wait_for()
    assert [mark["x0"] for mark in live(page, "histogram_a")] == [0.75]


def test_plots_are_drawn_when_scrolled_to(visit):
    page = visit()
    open_evaluation(page)
    assert page.locator(".plot[data-figure=loss] .main-svg").count() == 0
    page.locator("[data-section=evaluation-training]").click()
    page.locator(".plot[data-figure=loss] .main-svg").first.wait_for()
    assert page.locator(".plot-card").count() == page.locator(".plot-card h3").count() == 9


def test_the_bar_stays_and_the_index_leads_to_every_section(page):
    for button in page.locator(".sections button:visible").all():
        button.click()
        target = page.locator(f"#{button.get_attribute('data-section')}")
        page.wait_for_function("(id) => document.activeElement.id === id", arg=button.get_attribute("data-section"))
        bar = page.locator(".evaluation-bar").bounding_box()
        assert bar["y"] == pytest.approx(0, abs=1)
        assert target.bounding_box()["y"] >= bar["height"] - 1


def test_the_operating_point_is_the_same_in_compare(visit, evaluations):
    page = visit()
    open_evaluation(page)
    page.locator(".evaluation-bar .point input").click()
    page.get_by_role("option", name=WORDS("operating_point.f1")).click()
    at = f"{evaluations['a'].thresholds['f1']:.3f}"
    page.locator(".network[data-network=a] .at").get_by_text(at).wait_for()
    page.get_by_role("tab", name="Compare").click()
    point = page.locator(".readings-side").get_by_label(WORDS("operating_point.f1"))
    page.wait_for_function("(radio) => radio.checked", arg=point.element_handle())
    page.locator(".readings-side").get_by_label(WORDS("operating_point.youden")).check()
    page.get_by_role("tab", name="Evaluation").click()
    at = f"{evaluations['a'].thresholds['youden']:.3f}"
    page.locator(".network[data-network=a] .at").get_by_text(at).wait_for()
    page.get_by_text(f"at the operating point “{WORDS('operating_point.youden')}”").first.wait_for()


def test_a_number_of_the_matrix_lists_its_films(page, evaluations):
    choose_split(page, "validation")
    slide(page, "[data-threshold=b]", 0.62)
    page.locator(".network[data-network=b] [data-cell=fn]").click()
    films = films_of_cell(evaluations["b"].scores["validation"], exact(evaluations["b"], 0.62), "fn")
    page.locator(".cell-films h3").get_by_text(f"0.620: {len(films)}").wait_for()
    assert texts(page, ".cell-films .name") == [film.film.rpartition("/")[2] for film in films]
    assert page.locator(".cell-films img").count() == 0  # this page was started without films


def test_a_chosen_threshold_outlives_split_and_language(page):
    choose_split(page, "test")
    slide(page, "[data-threshold=a]", 0.333)
    choose_split(page, "validation")
    assert texts(page, ".network.a .at") == ["Threshold 0.333: own choice"]
    page.get_by_role("button", name="Back to the operating point").click()
    page.locator(".network[data-network=a] .at").get_by_text(WORDS("operating_point.youden")).wait_for()


def test_numbers_are_rounded_as_python_rounds(page):
    values = [0.0, 0.5, 1.5, 2.5, 62.5, 81.25, 93.75, 0.15, 0.0625, 0.1875, 12.35, 99.95, 0.0005, 1.0]
    for digits in (0, 1, 3):
        shown = page.evaluate(f"{json.dumps(values)}.map((value) => pneumoscope.evaluation.fixed(value, {digits}))")
        assert shown == [f"{value:.{digits}f}" for value in values]


def test_hebrew_keeps_the_threshold(page):
    choose_split(page, "test")
    slide(page, "[data-threshold=a]", 0.333)
    page.get_by_label("עברית").check()
    at = wording("he")("evaluation.at_own", threshold="0.333")
    page.locator(".network[data-network=a] .at").get_by_text(at).wait_for()
    page.get_by_label("English").check()
    page.locator(".network[data-network=a] .at").get_by_text("Threshold 0.333: own choice").wait_for()


@pytest.mark.parametrize("width", [320, *(pytest.param(width, marks=MORE) for width in (390, 820, 1280, 1920))])
def test_the_bar_leaves_room_for_what_it_moves(visit, width):
    page = visit()
    open_evaluation(page)
    page.set_viewport_size({"width": width, "height": 844})
    slide(page, "[data-threshold=a]", 0.333)
    # On a phone the operating point's name stands whole, on a line of its own.
    assert page.locator(".evaluation-bar").bounding_box()["height"] <= (160 if width >= 820 else 182)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.locator(".thresholds, .wide:has(.costs), .wide:has(.benefits)").all()
    assert len(wide) == 3
    for table in wide:
        assert table.evaluate("(box) => box.scrollWidth - box.clientWidth") <= 1
