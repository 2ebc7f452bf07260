import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from demo.language.catalogue import wording
from demo.plots.curves import f1_figure, precision_recall_figure, roc_figure
from demo.plots.parts import DECIMALS, ScoredNetwork
from export.bundle.metric import Metric
from train.metrics.operating_points import auroc, average_precision, choose_operating_points

CLOSE = 10.0**-DECIMALS
FIGURES = {"roc": roc_figure, "pr": precision_recall_figure, "f1": f1_figure}


def scored_network(network="a", films=300, seed=0, separation=2.0):
    random = np.random.default_rng(seed)
    labels = (random.random(films) < 0.6).astype(np.int64)
    labels[:2] = 0, 1
    probabilities = np.round(1 / (1 + np.exp(-random.normal(separation * (labels - 0.5), 1))), 4)
    return of(network, labels, probabilities)


def of(network, labels, probabilities):
    thresholds = choose_operating_points(labels, probabilities)
    area = Metric(auroc(labels, probabilities), 0.5, 1.0)
    precision = Metric(average_precision(labels, probabilities))
    return ScoredNetwork(network, labels, probabilities, thresholds, "youden", area, precision)


def curve_of(figure, network="A"):
    """(x, y) of a network's own curve."""
    trace = next(trace for trace in figure["data"] if trace["mode"] == "lines" and network in trace["name"])
    return np.array(trace["x"]), np.array(trace["y"])


def marks_of(figure, network="A"):
    trace = next(trace for trace in figure["data"] if trace["mode"] == "markers" and trace["name"] == network)
    return np.array(trace["x"]), np.array(trace["y"]), trace["text"]


def farthest(x, y, curve_x, curve_y):
    """The largest distance of points from a polyline."""
    points = np.column_stack([x, y])[:, None]
    start = np.column_stack([curve_x[:-1], curve_y[:-1]])
    run = np.diff(np.column_stack([curve_x, curve_y]), axis=0)
    length = np.maximum((run**2).sum(axis=1), 1e-30)
    along = np.clip(((points - start) * run).sum(axis=2) / length, 0, 1)
    return np.linalg.norm(points - start - along[..., None] * run, axis=2).min(axis=1).max()


films = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 1).map(lambda value: round(value, 3))), min_size=2, max_size=50
).filter(lambda rows: len({label for label, _ in rows}) == 2)


@given(films)
def test_the_roc_is_that_of_scikit_learn(rows):
    scored = of("a", *map(np.array, zip(*rows, strict=True)))
    x, y = curve_of(roc_figure([scored], wording("en")))
    false, true, _ = metrics.roc_curve(scored.labels, scored.probabilities, drop_intermediate=False)
    assert farthest(false, true, x, y) < 2e-4
    assert farthest(x, y, false, true) < 2e-4


@given(films)
def test_precision_and_recall_are_those_of_scikit_learn(rows):
    scored = of("a", *map(np.array, zip(*rows, strict=True)))
    x, y = curve_of(precision_recall_figure([scored], wording("en")))
    precision, recall, _ = metrics.precision_recall_curve(scored.labels, scored.probabilities)
    assert farthest(recall, precision, x, y) < 2e-4
    # The steps enclose what average precision sums up.
    area = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)
    assert area == pytest.approx(metrics.average_precision_score(scored.labels, scored.probabilities), abs=2e-3)


# Between the films' probabilities, which have three decimals, and inside 0..1.
@given(films, st.integers(0, 999).map(lambda step: (step + 0.5) / 1000))
def test_f1_at_any_threshold_is_that_of_scikit_learn(rows, threshold):
    scored = of("a", *map(np.array, zip(*rows, strict=True)))
    x, y = curve_of(f1_figure([scored], wording("en")))
    expected = metrics.f1_score(scored.labels, scored.probabilities >= threshold, zero_division=0)
    assert (x[0], x[-1]) == (0, 1)
    assert np.interp(threshold, x, y) == pytest.approx(expected, abs=2e-4)


def test_a_curve_of_many_films_is_thinned():
    scored = scored_network(films=20_000)
    for draw in FIGURES.values():
        figure = draw([scored], wording("en"))
        assert max(len(trace["x"]) for trace in figure["data"]) <= 600
    x, y = curve_of(roc_figure([scored], wording("en")))
    false, true, _ = metrics.roc_curve(scored.labels, scored.probabilities)
    assert farthest(false, true, x, y) < 1e-3


def test_the_operating_points_lie_where_their_thresholds_put_them():
    scored = scored_network()
    counts = [scored.at(point) for point in scored.thresholds]
    x, y, told = marks_of(roc_figure([scored], wording("en")))
    np.testing.assert_allclose(x, [1 - found.specificity for found in counts], atol=CLOSE)
    np.testing.assert_allclose(y, [found.sensitivity for found in counts], atol=CLOSE)
    x, y, _ = marks_of(precision_recall_figure([scored], wording("en")))
    np.testing.assert_allclose(x, [found.sensitivity for found in counts], atol=CLOSE)
    np.testing.assert_allclose(y, [found.ppv for found in counts], atol=CLOSE)
    x, y, _ = marks_of(f1_figure([scored], wording("en")))
    np.testing.assert_allclose(x, list(scored.thresholds.values()), atol=CLOSE)
    np.testing.assert_allclose(y, [found.f1 for found in counts], atol=CLOSE)
    for text, point, found in zip(told, scored.thresholds, counts, strict=True):
        assert wording("en")(f"operating_point.{point}") in text
        assert f"{found.sensitivity:.1%}" in text
        assert f"{scored.thresholds[point]:.3f}" in text


@pytest.mark.parametrize("name", FIGURES)
def test_a_mark_is_told_before_the_curve_beneath_it(name):
    # Plotly: within 3 pixels a curve and a mark no larger than 6 are equally near, and the last of them is told.
    traces = FIGURES[name]([scored_network()], wording("en"))["data"]
    own = [trace for trace in traces if "xaxis" not in trace]
    assert own[-1]["marker"]["size"] <= 6
    assert (own[-1]["text"], own[-1]["x"], own[-1]["y"]) == (own[-2]["text"], own[-2]["x"], own[-2]["y"])
    assert own[-1]["marker"]["opacity"] == 0


def test_an_operating_point_that_calls_nothing_has_no_precision_to_mark():
    labels, probabilities = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4])
    scored = of("a", labels, probabilities)
    nothing = ScoredNetwork("a", labels, probabilities, {"youden": 0.9}, "youden", scored.auroc, scored.auroc)
    assert marks_of(precision_recall_figure([nothing], wording("en")))[0].size == 0
    assert marks_of(roc_figure([nothing], wording("en")))[0].size == 1


def test_the_corner_is_magnified_only_where_nothing_runs_through():
    good, poor = scored_network(separation=4), scored_network("b", separation=0.3)
    assert "xaxis2" in roc_figure([good], wording("en"))["layout"]
    assert "xaxis2" not in roc_figure([good, poor], wording("en"))["layout"]


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("name", FIGURES)
def test_both_networks_are_told_apart_by_more_than_colour(language, name):
    figure = FIGURES[name]([scored_network("a"), scored_network("b", seed=1)], wording(language))
    lines = [trace for trace in figure["data"] if trace["mode"] == "lines"][:2]
    assert lines[0]["line"]["color"] != lines[1]["line"]["color"]
    assert lines[0]["line"]["dash"] != lines[1]["line"]["dash"]
    json.dumps(figure, allow_nan=False)


def test_a_figure_is_one_that_plotly_knows():
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for draw in FIGURES.values():
        figure = draw([scored_network()], wording("he"))
        graph_objects.Figure({"data": figure["data"], "layout": figure["layout"]})


def test_the_legend_tells_the_area_with_its_interval():
    scored = scored_network()
    names = [trace["name"] for trace in roc_figure([scored], wording("en"))["data"]]
    assert f"A: AUROC {scored.auroc.value:.3f} [0.500–1.000]" in names


def test_an_interval_inside_a_hebrew_legend_runs_from_low_to_high():
    scored = scored_network()
    names = [trace["name"] for trace in precision_recall_figure([scored], wording("he"))["data"]]
    assert any(f"\u2066{scored.average_precision}\u2069" in name for name in names if name)


def test_hebrew_is_isolated_from_the_left_to_right_of_the_plot():
    title = roc_figure([scored_network()], wording("he"))["layout"]["yaxis"]["title"]["text"]
    assert title == f"\u2067{wording('he')('evaluation.axis.sensitivity')}\u2069"
