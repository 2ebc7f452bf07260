import json

import numpy as np
import pytest

from demo.language.catalogue import wording
from demo.plots.net_benefit import net_benefit_figure
from demo.plots.parts import DECIMALS, ScoredNetwork
from export.bundle.metric import Metric
from train.metrics.net_benefit import net_benefit

CLOSE = 10.0**-DECIMALS


def scored_network(network="a", seed=0):
    random = np.random.default_rng(seed)
    labels = (random.random(200) < 0.6).astype(np.int64)
    probabilities = 1 / (1 + np.exp(-random.normal(3 * (labels - 0.5), 2)))
    return ScoredNetwork(network, labels, probabilities, {"youden": 0.5}, "youden", Metric(0.9), Metric(0.9))


@pytest.fixture
def networks():
    return [scored_network("a"), scored_network("b", 1)]


def test_every_strategy_has_its_curve(networks):
    average = networks[0].labels, networks[0].probabilities / 2
    traces = {trace["meta"]: trace for trace in net_benefit_figure(networks, average, wording("en"))["data"]}
    assert list(traces) == ["a", "b", "average", "all", "none"]
    for scored in networks:
        found = traces[scored.network]
        expected = net_benefit(scored.labels, scored.probabilities, found["x"])
        np.testing.assert_allclose(found["y"], expected, atol=CLOSE)
    np.testing.assert_allclose(traces["average"]["y"], net_benefit(*average, traces["average"]["x"]), atol=CLOSE)
    prevalence, at = networks[0].prevalence, np.array(traces["all"]["x"])
    np.testing.assert_allclose(traces["all"]["y"], prevalence - (1 - prevalence) * at / (1 - at), atol=CLOSE)
    assert set(traces["none"]["y"]) == {0.0}
    looks = {(trace["line"]["color"], trace["line"]["dash"]) for trace in traces.values()}
    assert len(looks) == 5  # by more than colour: the three in ink differ in dash


@pytest.mark.parametrize("language", ["en", "he"])
def test_a_figure_is_one_that_plotly_knows(networks, language):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    figure = net_benefit_figure(networks[:1], None, wording(language))
    json.dumps(figure, allow_nan=False)
    graph_objects.Figure({"data": figure["data"], "layout": figure["layout"]})
