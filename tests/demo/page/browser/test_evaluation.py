"""Evaluation in a real browser: what the sliders show is what scikit-learn computes from the bundle's scores."""

import pytest
from sklearn.metrics import confusion_matrix

from export.bundle import default_models_folder, find_bundles
from export.bundle.scores import read_bundle_scores

pytestmark = pytest.mark.slow  # drives a browser


@pytest.fixture(scope="module")
def page(module_visit):
    """Of the module: drawing it takes seconds, and each test sets the sliders it reads."""
    page = module_visit()
    page.get_by_role("tab", name="Evaluation").click()
    page.locator(".plot .main-svg").first.wait_for()
    return page


def slide(page, place, value):
    field = page.locator(f"{place} input[type=range]")
    field.evaluate(
        "(field, value) => { field.value = value; field.dispatchEvent(new Event('input', { bubbles: true }));"
        " field.dispatchEvent(new Event('change', { bubbles: true })); }",
        value,
    )


@pytest.mark.parametrize("network", ["a", "b"])
def test_a_slider_recomputes_the_matrix(page, network):
    scores = read_bundle_scores(find_bundles(default_models_folder())[network])["validation"]
    side = f".threshold-side.{network}"
    for threshold in (0.31, 0.66):
        slide(page, side, threshold)
        page.locator(side).get_by_text(f"Threshold {threshold:.3f}").wait_for()
        (tn, fp), (fn, tp) = confusion_matrix(scores.labels, scores.probabilities >= threshold)
        shown = page.locator(f"{side} td.right, {side} td.wrong").all_inner_texts()
        assert [int(text.replace(",", "")) for text in shown] == [tp, fn, fp, tn]
        assert page.locator(f"{side} tr.sensitivity td").first.inner_text() == f"{100 * tp / (tp + fn):.1f} %"


def test_another_prevalence_changes_ppv_by_bayes(page):
    scores = read_bundle_scores(find_bundles(default_models_folder())["a"])["validation"]
    slide(page, ".threshold-side.a", 0.5)
    slide(page, ".prevalence", 10)
    page.locator(".threshold-side.a").get_by_text("prevalence of 10").first.wait_for()
    page.locator(".threshold-side.a").get_by_text("Threshold 0.500").wait_for()
    (tn, fp), (fn, tp) = confusion_matrix(scores.labels, scores.probabilities >= 0.5)
    true, false = 0.1 * tp / (tp + fn), 0.9 * fp / (tn + fp)
    assert page.locator(".threshold-side.a tr.ppv td").first.inner_text() == f"{100 * true / (true + false):.1f} %"


def test_every_plot_is_there_with_its_caption(page):
    page.wait_for_function("document.querySelectorAll('.plot .main-svg').length >= 8")
    assert page.locator(".plot-card").count() == page.locator(".plot-card h3").count()


def test_test_films_are_shown_apart(page):
    page.locator(".measured-on").get_by_label("test").check()
    page.get_by_text("624").first.wait_for()
