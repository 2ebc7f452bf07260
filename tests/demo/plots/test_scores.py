import json

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from demo.language.catalogue import wording
from demo.plots.parts import DECIMALS, ScoredNetwork
from demo.plots.scores import HISTOGRAM_BINS, LARGEST_MARK, SMALLEST_MARK, histogram_figure, reliability_figure
from export.bundle.metric import Metric
from train.metrics.operating_points import choose_operating_points
from train.metrics.reliability import expected_calibration_error

CLOSE = 10.0**-DECIMALS


def scored_network(network="a", films=400, seed=0):
    random = np.random.default_rng(seed)
    labels = (random.random(films) < 0.6).astype(np.int64)
    probabilities = 1 / (1 + np.exp(-random.normal(3 * (labels - 0.5), 2)))
    thresholds = choose_operating_points(labels, probabilities)
    return ScoredNetwork(network, labels, probabilities, thresholds, "youden", Metric(0.9), Metric(0.9))


def test_the_reliability_is_that_of_scikit_learn():
    scored = scored_network()
    trace = reliability_figure([scored], wording("en"))["data"][0]
    observed, mean = calibration_curve(scored.labels, scored.probabilities, n_bins=10)
    np.testing.assert_allclose(trace["x"], mean, atol=CLOSE)
    np.testing.assert_allclose(trace["y"], observed, atol=CLOSE)
    error = expected_calibration_error(scored.labels, scored.probabilities)
    assert sum(trace["customdata"]) == len(scored.labels)
    assert f"calibration error {error:.3f}" in trace["name"]


def test_a_bins_mark_grows_with_its_films():
    trace = reliability_figure([scored_network()], wording("en"))["data"][0]
    sizes, films = np.array(trace["marker"]["size"]), np.array(trace["customdata"])
    assert (np.argsort(sizes, kind="stable") == np.argsort(films, kind="stable")).all()
    assert SMALLEST_MARK < sizes.min() <= sizes.max() <= LARGEST_MARK


def test_networks_differ_by_more_than_colour():
    first, second = reliability_figure([scored_network("a"), scored_network("b")], wording("en"))["data"]
    assert first["marker"]["symbol"] != second["marker"]["symbol"]
    assert first["line"]["dash"] != second["line"]["dash"]
    normal, pneumonia, _ = histogram_figure(scored_network(), wording("en"))["data"]
    assert "pattern" in normal["marker"]
    assert "pattern" not in pneumonia["marker"]


def test_the_histogram_counts_every_film_once():
    scored = scored_network()
    normal, pneumonia, _ = histogram_figure(scored, wording("en"))["data"]
    for label, trace in enumerate((normal, pneumonia)):
        counts = np.zeros(HISTOGRAM_BINS, dtype=int)
        counts[[round(middle * HISTOGRAM_BINS - 0.5) for middle in trace["x"]]] = trace["y"]
        expected, edges = np.histogram(scored.probabilities[scored.labels == label], HISTOGRAM_BINS, (0, 1))
        assert counts.tolist() == expected.tolist()
        first = np.flatnonzero(expected)[0]
        assert trace["customdata"][0] == f"{edges[first]:.3f}–{edges[first + 1]:.3f}"
    assert (normal["yaxis"], pneumonia["yaxis"]) == ("y2", "y")


def test_the_thresholds_stand_among_the_scores():
    scored = scored_network()
    figure = histogram_figure(scored, wording("en"))
    thresholds = list(scored.thresholds.values())
    np.testing.assert_allclose(figure["data"][2]["x"], thresholds, atol=CLOSE)
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == thresholds


@pytest.mark.parametrize("language", ["en", "he"])
def test_a_figure_is_one_that_plotly_knows(language):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for figure in (
        reliability_figure([scored_network()], wording(language)),
        histogram_figure(scored_network(), wording(language)),
    ):
        json.dumps(figure, allow_nan=False)
        graph_objects.Figure({"data": figure["data"], "layout": figure["layout"]})


def test_one_class_in_one_bin_can_be_drawn():
    labels, probabilities = np.array([0, 1, 1]), np.array([0.0, 1.0, 1.0])
    scored = ScoredNetwork("b", labels, probabilities, {"youden": 0.5}, "youden", Metric(1.0), Metric(1.0))
    normal, pneumonia, _ = histogram_figure(scored, wording("en"))["data"]
    assert (normal["y"], pneumonia["y"]) == ([1], [2])
