import gradio as gr
import pytest

from demo.page.panels.experiments.panel import ExperimentsPanel
from train.studies.report import make_record

HEADS = "B's head alone"


@pytest.fixture
def panel(make_study_training):
    """A's rows at 96 px, and of B heads alone."""
    width = [[("a-width", key)] for key in ("0.25", "0.5")]
    reference = [("reference-runs", "b"), ("b-dropout", "0.1")]
    trainings = [make_study_training(rows, {"train": 0.9}, scale="96 px") for rows in width]
    for seed in range(3):
        trainings.append(make_study_training(reference, {"head": 0.9}, seed, HEADS))
        trainings.append(make_study_training([("b-dropout", "0.3")], {"head": 0.91}, seed, HEADS))
    with gr.Blocks(), gr.Tabs(), gr.Tab() as tab:
        return ExperimentsPanel(make_record(trainings), gr.Radio(["en", "he"]), tab)


@pytest.mark.parametrize(
    ("network", "study", "sizes"),
    [("", "a-width", ["96 px"]), ("", "b-dropout", [HEADS]), ("b", "", [HEADS]), ("", "", ["96 px", HEADS])],
)
def test_the_sizes_are_those_that_the_studies_were_measured_at(panel, network, study, sizes):
    chosen, *_ = panel.show(True, network, study, "96 px", "en")
    assert [scale for _, scale in chosen["choices"]] == sizes
    assert chosen["value"] == sizes[0]


@pytest.mark.parametrize(("full", "opens_at"), [(1, "96 px"), (2, "full")])
def test_it_opens_at_the_size_that_most_of_the_first_study_was_measured_at(make_study_training, full, opens_at):
    keys = [[("a-width", key)] for key in ("0.25", "0.5")]
    trainings = [make_study_training(key, {"train": 0.9}, scale="96 px") for key in keys]
    trainings += [make_study_training([("b-dropout", "0.1")], {"head": 0.9}, seed, HEADS) for seed in range(3)]
    trainings += [make_study_training(key, {"train": 0.9}, scale="full") for key in keys[:full]]
    with gr.Blocks(), gr.Tabs(), gr.Tab() as tab:
        assert ExperimentsPanel(make_record(trainings), gr.Radio(["en", "he"]), tab).scale.value == opens_at


def test_of_heads_that_were_trained_alone_the_effects_are_the_heads(panel):
    _, _, _, effects, *plots = panel.show(True, "b", "b-dropout", "96 px", "en")
    assert "b-dropout, head" in effects
    assert plots[1]["visible"]


def test_a_study_that_nobody_measured_is_shown_at_the_size_that_is_chosen(panel):
    chosen, *_ = panel.show(True, "a", "a-optimizer", HEADS, "en")
    assert chosen["value"] == HEADS
