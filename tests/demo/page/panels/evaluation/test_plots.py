import pytest

from demo.language.catalogue import wording
from demo.page.panels.evaluation.plots import draw_plots, marks_html, plot_cards_html
from demo.plots.described import figure_names
from export.bundle.evaluation import read_bundle_evaluation
from train.metrics.operating_points import OPERATING_POINTS, POINT_NAMES, auroc


@pytest.fixture
def bundles(tmp_path, evaluated_bundle):
    return {name: evaluated_bundle(tmp_path, name, seed=seed) for seed, name in enumerate("ab")}


def drawn(bundles, split="validation", language="en"):
    evaluations = {name: read_bundle_evaluation(bundle) for name, bundle in bundles.items()}
    return draw_plots(evaluations, split, wording(language)), evaluations


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_plot_has_a_figure_and_says_it_in_words(bundles, split, language):
    plots, _ = drawn(bundles, split, language)
    assert tuple(plots) == figure_names("ab")
    for plot in plots.values():
        assert plot.figure["data"]
        assert "<li>" in plot.caption
        assert "notice" not in plot.caption


def test_the_sentences_tell_the_main_figures(bundles):
    plots, evaluations = drawn(bundles, "test")
    area = evaluations["b"].measured("test", "auroc")
    assert f"B: AUROC {area!s}." in plots["roc"].caption
    f1 = evaluations["a"].measured_at("test", "youden", "f1").value
    threshold = evaluations["a"].thresholds["youden"]
    assert f"A: F1 {100 * f1:.1f} % at the threshold {threshold:.3f}." in plots["f1"].caption
    assert "A: lowest validation loss 0.300, in epoch 2." in plots["loss"].caption
    assert "B: highest validation accuracy 88.0 %, in epoch 2." in plots["accuracy"].caption


def test_an_interval_in_a_hebrew_sentence_runs_from_low_to_high(bundles):
    plots, evaluations = drawn(bundles, "test", "he")
    for name in ("a", "b"):
        assert f"\u2066{evaluations[name].measured('test', 'auroc')!s}\u2069" in plots["roc"].caption


def test_one_network_alone(bundles):
    plots, _ = drawn({"b": bundles["b"]})
    assert tuple(plots) == figure_names("b")
    assert all(plot.figure for plot in plots.values())


def test_test_films_that_were_not_read(tmp_path, evaluated_bundle):
    plots, _ = drawn({"a": evaluated_bundle(tmp_path, test=False)}, "test")
    assert plots["loss"].figure  # the training has no test films anyway
    for name in ("roc", "pr", "f1", "reliability", "histogram_a", "net_benefit"):
        assert plots[name].figure is None
        assert "have not been read for Network A yet" in plots[name].caption


@pytest.mark.parametrize(
    ("file", "missing"),
    [
        ("scores.csv", {"roc", "pr", "f1", "reliability", "histogram_a", "net_benefit"}),
        ("history.csv", {"loss", "accuracy"}),
        ("evaluation.json", set()),
    ],
)
def test_a_broken_file_costs_only_what_comes_from_it(bundles, file, missing):
    bundles["a"].contents[file] = b"spoilt"
    both, _ = drawn(bundles)
    alone, evaluations = drawn({"a": bundles["a"]})
    assert {name for name, plot in alone.items() if plot.figure is None} == missing
    assert {name for name, plot in both.items() if plot.figure is None} == missing & {"histogram_a"}
    for name in missing:
        assert f"{file} of Network A cannot be read" in both[name].caption
    if file == "evaluation.json":  # the area is computed, its interval is not
        scores = evaluations["a"].scores["validation"]
        area = auroc(scores.labels, scores.probabilities)
        assert f"A: AUROC {area:.3f}." in alone["roc"].caption


def test_the_marks_are_explained():
    html = marks_html(wording("en"), OPERATING_POINTS)
    assert html.count("<li>") == 4
    assert "own 0.5" not in html
    assert marks_html(wording("en"), POINT_NAMES).count("<li>") == 5
    assert "Found and spared alike (Youden)" in html


def test_a_plot_has_its_place_and_a_missing_one_has_none(bundles):
    plots, _ = drawn(bundles)
    html = plot_cards_html(plots)
    assert [name for name in plots if f"data-figure='{name}'" in html] == list(plots)
    assert "block-size:340px" in html
    bundles["a"].contents["scores.csv"] = b"spoilt"
    bundles["b"].contents["scores.csv"] = b"spoilt"
    spoilt = plot_cards_html(drawn(bundles)[0])
    assert "data-figure='loss'" in spoilt
    assert "data-figure='roc'" not in spoilt
