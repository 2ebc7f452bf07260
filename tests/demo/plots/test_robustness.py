import json

import pytest

from demo.language.catalogue import wording
from demo.plots.robustness import robustness_figure
from export.bundle.metric import Metric
from export.bundle.robustness import Corruption

NAMES = {"as_it_is": "as it is", "blur": "blur"}
CORRUPTIONS = {
    "a": (
        Corruption(name="as_it_is", accuracy=Metric(0.95, 0.9, 0.98), auroc=Metric(0.99)),
        Corruption(name="blur", accuracy=Metric(0.7, 0.6, 0.75), probability_shift=Metric(0.2, 0.1, 0.3)),
    ),
    "b": (Corruption(name="blur", accuracy=Metric(0.8)),),
}


@pytest.fixture
def figure():
    return robustness_figure(CORRUPTIONS, NAMES, wording("en"))


def test_each_network_stands_on_the_row_of_its_change_with_its_interval(figure):
    a, b = figure["data"]
    assert a["x"] == [0.95, 0.7]
    assert a["error_x"]["array"] == pytest.approx([0.03, 0.05])
    assert a["error_x"]["arrayminus"] == pytest.approx([0.05, 0.1])
    assert [round(y) for y in a["y"]] == [0, 1]
    assert [round(y) for y in b["y"]] == [1]
    assert a["y"][1] < b["y"][0]  # side by side, not one over the other
    assert b["error_x"]["array"] == b["error_x"]["arrayminus"] == [0]
    assert a["marker"]["symbol"] != b["marker"]["symbol"]
    assert figure["layout"]["yaxis"]["ticktext"] == ["as it is", "blur"]
    low, high = figure["layout"]["xaxis"]["range"]
    assert low < 0.6
    assert high > 1


def test_hovering_tells_all_that_was_measured(figure):
    assert "AUROC 0.990" in figure["data"][0]["text"][0]
    assert "mean |Δp| 0.200 [0.100–0.300]" in figure["data"][0]["text"][1]


def test_a_line_stands_where_a_network_is_without_a_change(figure):
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [0.95]
    json.dumps(figure, allow_nan=False)
