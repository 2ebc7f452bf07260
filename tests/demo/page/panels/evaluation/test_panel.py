import json
import re
from pathlib import Path

import gradio as gr
import pytest

from demo.inference.networks import load_models
from demo.language.catalogue import wording
from demo.language.colours import NETWORK_COLOURS
from demo.page.panels.evaluation import panel
from demo.plots.parts import GRID, INK, PAPER
from export.bundle import CARD, MODEL, write_bundle

SKIPPED = gr.skip()


@pytest.fixture
def built(tmp_path, evaluated_bundle):
    """The panel in a page of its own: (networks, test films or not, files of other content) → its callbacks by name."""

    def build(networks="ab", test=True, changed=None):
        models = tmp_path / "models"
        for seed, name in enumerate(networks):
            made = evaluated_bundle(models, name, test, seed)
            if changed:
                files = {file: data for file, data in (made.contents | changed).items() if file not in (CARD, MODEL)}
                write_bundle(made.folder, made.card, made.contents[MODEL], files)
        with gr.Blocks(analytics_enabled=False) as page:
            language = gr.Radio(["en", "he"])
            with gr.Tab("tab") as tab:
                localised = panel.build(load_models(models, "cpu"), language, tab)
        callbacks = {}
        for block in page.fns.values():
            callbacks.setdefault(name_of(block.fn), block)
        return callbacks, page, localised, models

    return build


def name_of(function):
    return getattr(getattr(function, "func", function), "__name__", None)


def outputs_of(block, values):
    """The callback's answers by the class of the component they go to."""
    return list(zip(block.outputs, values, strict=True))


def show(block, on=True, before=None, split="validation", language="en"):
    """The answers by what they are: key, data, about, sliders, tables, films, costs, plots, …, report, training."""
    answers = [value for _, value in outputs_of(block, block.fn(on, before, split, language, "youden"))]
    names = ("key", "data", "about", "sliders", "tables", "films", "costs", "plots", "intervals")
    return dict(zip(names, answers, strict=False)) | {"report": answers[-2], "training": answers[-1], "all": answers}


def test_nothing_is_drawn_before_the_tab_is_opened(built):
    _, page, _, _ = built()
    (library,) = [block for block in page.blocks.values() if isinstance(block, gr.Plot)]
    assert json.loads(library.value["plot"])["data"] == []
    data = [block for block in page.blocks.values() if isinstance(block, gr.JSON)]
    assert [block.value for block in data] == [None]


def test_the_first_look_draws_everything(built):
    callbacks, _, _, _ = built()
    shown = show(callbacks["show"])
    assert shown["key"] == "validation en"
    figures = shown["data"]["figures"]
    assert len(figures) == 9
    assert all(figure["config"]["displaylogo"] is False for figure in figures.values())
    placed = re.findall("data-figure='(.*?)'", "".join(map(str, shown["all"])))
    assert sorted(placed) == sorted(figures)
    assert len(json.dumps(shown["data"], allow_nan=False)) < 400_000
    assert "value='70.0'" in shown["sliders"]  # the cohort's own prevalence


def test_no_film_is_named_in_what_the_browser_gets(built):
    callbacks, _, _, _ = built()
    for split in ("validation", "test"):
        assert ".png" not in json.dumps(show(callbacks["show"], split=split)["data"])


def test_it_opens_on_test_where_test_was_read(built):
    _, page, _, _ = built()
    (split,) = [
        block
        for block in page.blocks.values()
        if isinstance(block, gr.Radio) and len(block.choices) == 2 and block.value
    ]
    assert (split.value, split.choices[0]) == ("test", ("test", "test"))


def test_a_second_look_draws_nothing(built):
    callbacks, _, _, _ = built()
    assert all(value == SKIPPED for value in show(callbacks["show"], before="validation en")["all"])


def test_another_language_or_split_draws_again(built):
    callbacks, _, _, _ = built()
    hebrew = show(callbacks["show"], before="validation en", language="he")
    assert hebrew["key"] == hebrew["data"]["key"] == "validation he"
    axis = hebrew["data"]["figures"]["roc"]["layout"]["yaxis"]["title"]["text"]
    assert wording("he")("evaluation.axis.sensitivity") in axis
    test = show(callbacks["show"], before="validation en", split="test")
    assert "80 test films" in test["about"]
    assert "value='60.0'" in test["sliders"]


def test_what_is_not_on_screen_is_drawn_later(built):
    callbacks, _, _, _ = built()
    answers = show(callbacks["show"], on=False, before="validation en", language="he")["all"]
    assert answers[0] == ""
    assert all(value == SKIPPED for value in answers[1:])
    assert show(callbacks["show"], on=False, before=None)["key"] == SKIPPED
    assert show(callbacks["show"], before="", language="he")["key"] == "validation he"


def test_the_operating_point_is_compares_too(tmp_path, evaluated_bundle):
    for seed, name in enumerate("ab"):
        evaluated_bundle(tmp_path, name, True, seed)
    with gr.Blocks(analytics_enabled=False) as page:
        language, point = gr.Radio(["en", "he"]), gr.Radio(["youden", "f1"])
        with gr.Tab("tab") as tab:
            made = panel.EvaluationPanel(load_models(tmp_path, "cpu"), language, tab, point)
    targets = {target for block in page.fns.values() for target in block.targets}
    assert {(point._id, "change"), (made.point._id, "input")} <= targets
    (chosen,) = [block for block in page.fns.values() if block.outputs == [point]]
    assert (chosen.fn, chosen.inputs) == (None, [made.point])
    assert made.follow("f1", None, "test", "en") == ["f1", SKIPPED, SKIPPED]
    _, cohorts, _ = made.follow("f1", "test en", "test", "en")
    assert "“Most found per mistake (F1)”" in cohorts


def test_no_threshold_asks_the_server(built):
    callbacks, page, _, _ = built()
    assert not [block for block in page.blocks.values() if isinstance(block, gr.Slider)]
    assert set(callbacks) == {"show", "follow", "list_films", None}


class Asked:
    """What a click on a number sends."""

    def __init__(self, **values):
        self.__dict__.update(values)


@pytest.mark.parametrize("shipped", [True, False])
def test_a_number_lists_its_films_without_pictures_and_names_only_public_ones(built, monkeypatch, shipped):
    callbacks, _, _, _ = built()
    monkeypatch.setattr(panel, "bundles_to_take", lambda loaded: loaded.bundles if shipped else {})
    html = callbacks["list_films"].fn("test", "en", Asked(network="a", cell="fn", threshold=1.0))
    assert "Pneumonias that Network A misses at the threshold 1.000: 48" in html
    assert html.count("<li>") == 48
    assert ("test0.png" in html) is shipped
    assert ("Names and pictures are shown only where" in html) is not shipped
    assert "<img" not in html


@pytest.mark.parametrize(
    "wrong",
    [
        {"network": "c"}, {"network": ["a"]}, {"cell": "all"}, {"cell": None}, {"threshold": "0.5"},
        {"threshold": float("nan")}, {"threshold": True}, {"threshold": None},
    ],
)  # fmt: skip
def test_what_no_button_asks_lists_nothing(built, wrong):
    callbacks, _, _, _ = built()
    asked = {"network": "a", "cell": "fn", "threshold": 0.5} | wrong
    assert callbacks["list_films"].fn("test", "en", Asked(**asked)) == ""
    assert callbacks["list_films"].fn("elsewhere", "en", Asked(**asked | {"network": "a"})) == ""


def test_pictures_are_shown_where_the_users_films_are(tmp_path, evaluated_bundle, write_film):
    evaluated_bundle(tmp_path / "models")
    write_film(tmp_path / "data" / "test0.png")
    (tmp_path / "data" / "test1.png").write_bytes(b"no film")
    with gr.Blocks(analytics_enabled=False):
        language = gr.Radio(["en", "he"])
        with gr.Tab("tab") as tab:
            loaded = load_models(tmp_path / "models", "cpu")
            made = panel.EvaluationPanel(loaded, language, tab, None, tmp_path / "data")
    html = made.list_films("test", "en", Asked(network="a", cell="tp", threshold=0.0))
    assert html.count("<img") == 1
    assert html.count("<li>") == 48
    assert "your own data folder" in html


def test_one_network_alone(built):
    callbacks, _, _, _ = built("b")
    shown = show(callbacks["show"])
    assert len(shown["data"]["figures"]) == 8
    assert shown["data"]["average"] is None
    assert "data-benefit='average'" not in shown["costs"]


def test_test_films_that_were_not_read(built):
    callbacks, page, _, _ = built(test=False)
    choices = [block.choices for block in page.blocks.values() if isinstance(block, gr.Radio)]
    assert [("test (not read yet)", "test"), ("validation", "validation")] in choices
    shown = show(callbacks["show"], split="test")
    assert set(shown["data"]["figures"]) == {"loss", "accuracy"}
    assert (shown["about"], shown["sliders"], shown["costs"]) == ("", "", "")
    assert "have not been read for Network A yet" in shown["tables"]


def test_broken_files_leave_the_page_standing(built):
    callbacks, _, _, _ = built(changed=dict.fromkeys(("scores.csv", "history.csv", "evaluation.json"), b"spoilt"))
    shown = show(callbacks["show"])
    assert shown["data"]["figures"] == {}
    assert "scores.csv of Network A cannot be read" in shown["tables"]


@pytest.mark.parametrize("language", ["en", "he"])
def test_every_label_follows_the_language(built, language):
    _, _, localised, _ = built()
    for entry in localised:
        properties = entry.properties(wording(language))
        assert all(properties.values())


def test_the_theme_knows_every_colour_of_the_plots():
    rules = (Path(panel.__file__).parents[1] / "evaluation.css").read_text(encoding="utf-8")
    known = {tuple(map(int, found)) for found in re.findall(r"rgb\((\d+), (\d+), (\d+)\)", rules)}
    for colour in (*NETWORK_COLOURS.values(), INK, GRID, PAPER):
        assert tuple(bytes.fromhex(colour[1:])) in known
