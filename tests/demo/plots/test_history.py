import json

import pytest

from demo.language.catalogue import wording
from demo.plots.history import history_figure
from export.bundle.evaluation import Epoch

HISTORIES = {
    "a": (
        Epoch("train", 1, {"loss": 0.5, "accuracy": 0.7, "val_loss": 0.6, "val_auroc": 0.9, "learning_rate": 1e-3}),
        Epoch("train", 2, {"loss": 0.3, "accuracy": 0.8}),
        Epoch("train", 3, {"loss": 0.2, "accuracy": 0.9, "val_loss": 0.4}),
    ),
    "b": (
        Epoch("head", 1, {"loss": 0.4, "val_loss": 0.45}),
        Epoch("head", 2, {"loss": 0.35, "val_loss": 0.41}),
        Epoch("fine_tune", 3, {"loss": 0.1, "val_loss": 0.2}),
        Epoch("<i>cool</i>", 4, {"loss": 0.1, "val_loss": 0.2}),
    ),
}


def test_every_epoch_of_every_stage_is_drawn():
    traces = {trace["name"]: trace for trace in history_figure("loss", HISTORIES, wording("en"))["data"]}
    assert traces["A: training"]["y"] == [0.5, 0.3, 0.2]
    assert (traces["A: validation"]["x"], traces["A: validation"]["y"]) == ([1, 3], [0.6, 0.4])
    assert (traces["B: training"]["x"], traces["B: training"]["y"]) == ([1, 2, 3, 4], [0.4, 0.35, 0.1, 0.1])
    assert "AUROC 0.900" in traces["A: validation"]["text"][0]
    assert "learning rate 0.001" in traces["A: validation"]["text"][0]


def test_networks_and_splits_differ_by_more_than_colour():
    traces = {trace["name"]: trace for trace in history_figure("loss", HISTORIES, wording("en"))["data"]}
    looks = {(trace["line"]["dash"], trace["marker"]["symbol"]) for trace in traces.values()}
    assert len(looks) == 4


def test_the_borders_of_the_stages_are_marked():
    layout = history_figure("loss", HISTORIES, wording("en"))["layout"]
    assert [shape["x0"] for shape in layout["shapes"]] == [2.5, 3.5]
    assert [note["text"] for note in layout["annotations"]] == [
        "B: fine-tuning →",
        "B: &lt;i&gt;cool&lt;/i&gt; →",  # a stage that is not known keeps its name, and is no markup
    ]


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("name", ["loss", "accuracy"])
def test_a_figure_is_one_that_plotly_knows(name, language):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    figure = history_figure(name, HISTORIES, wording(language))
    json.dumps(figure, allow_nan=False)
    graph_objects.Figure({"data": figure["data"], "layout": figure["layout"]})


def test_a_network_may_be_alone():
    figure = history_figure("accuracy", {"a": HISTORIES["a"]}, wording("en"))
    assert [trace["name"] for trace in figure["data"]] == ["A: validation", "A: training"]
