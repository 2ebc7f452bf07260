"""The lower part of Evaluation: all of it for a bundle that has it, nothing of it for an old one."""

import copy
import json
import re
from html import unescape

import pytest

from demo.inference.networks import load_models
from demo.language.catalogue import LANGUAGES, wording
from demo.page.panels.evaluation.a_versus_b import against_html
from demo.page.panels.evaluation.calibration import calibration_html, calibration_text
from demo.page.panels.evaluation.drawn import draw_evaluation, draw_of_point, intervals_html, read_evaluations
from demo.page.panels.evaluation.robustness import robustness_html
from demo.page.panels.evaluation.subsets import cohorts_html
from export.bundle import find_bundles
from export.bundle.card import Calibration
from export.bundle.comparison import NetworkComparison, read_comparison
from export.bundle.evaluation import read_bundle_evaluation
from train.evaluation.comparison import compare, read_evaluated

WORDS = wording("en")
FIGURE = {"value": 0.9, "low": 0.8, "high": 0.95}
SHIFT = {"value": 0.05, "low": 0.04, "high": 0.06}
STRESS = {
    "split_fingerprint": "0" * 64,
    "operating_point": "youden",
    "intervals": "95 %: resamples of patients",
    "validation": {
        "changes": {
            "as_it_is": {"what": "nothing", "accuracy": FIGURE, "auroc": FIGURE, "probability_shift": {"value": 0}},
            "gamma_0.7": {"what": "gamma 0.7", "accuracy": FIGURE | {"value": 0.81}, "probability_shift": SHIFT},
            "fog": {"what": "fog of <30> %", "accuracy": FIGURE | {"value": 0.82}},
        }
    },
    "test": None,
}
QUALITY = {
    "before": {"log_loss": 0.26, "brier": 0.0816, "ece": 0.1191},
    "after": {"log_loss": 0.12, "brier": 0.0311, "ece": 0.0194},
}
PLATT = {"method": "platt", "temperature": 0.6114, "offset": -3.908, "selected_on": "validation", "validation": QUALITY}


def text_of(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture(scope="module")
def models(tmp_path_factory, evaluated_bundle):
    """Bundles with all the evidence, and the comparison beside them."""
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate("ab"):
        evaluated_bundle(folder, name, True, seed, STRESS, calibration=PLATT)
    evaluated = [read_evaluated(name, folder / name / "evaluation.json", folder / name / "scores.csv") for name in "ab"]
    sums = {name: bundle.card.checksums["scores.csv"] for name, bundle in find_bundles(folder).items()}
    (folder / "comparison.json").write_text(json.dumps(compare(*evaluated) | {"scores": sums}))
    return folder


@pytest.fixture(scope="module")
def evaluations(models):
    return {name: read_bundle_evaluation(bundle) for name, bundle in find_bundles(models).items()}


@pytest.fixture(scope="module")
def comparison(models):
    assert read_comparison(find_bundles(models)) is not None
    return json.loads((models / "comparison.json").read_text())


@pytest.fixture
def draw(models):
    """(split, point, words) → what hangs on bundles having the evidence, by the parts' names, and the plots in it."""

    def drawn(split, point, words=WORDS, folder=models):
        loaded = load_models(folder, "cpu")
        found = read_evaluations(loaded)
        whole = draw_evaluation(loaded, found, split, point, words)
        parts = draw_of_point(loaded, found, split, point, words) | whole.parts
        return {name: parts[name] for name in ("cohorts", "against", "calibration", "stress")}, whole.data["figures"]

    return drawn


def test_all_of_it_is_drawn(draw):
    parts, figures = draw("validation", "f1")
    assert "“Most found per mistake (F1)”" in parts["cohorts"]
    assert "“Most found per mistake (F1)”" in parts["against"]
    assert "Platt" in parts["calibration"]
    assert "Robustness to corruptions" in parts["stress"]
    assert "Accuracy under corruptions" in parts["stress"]
    assert "data-figure='stress'" in parts["stress"]
    assert figures["stress"]["layout"]["yaxis"]["ticktext"] == ["as it is", "gamma below 1", "fog"]


def test_a_split_without_stress_says_so_and_has_no_plot(draw):
    parts, figures = draw("test", "youden")
    assert "The robustness of Network A was not measured on test." in parts["stress"]
    assert "data-figure" not in parts["stress"]
    assert "stress" not in figures


@pytest.mark.parametrize("networks", ["ab", "b"])
def test_old_bundles_show_none_of_it(draw, tmp_path, tiny_bundle, networks):
    for name in networks:
        tiny_bundle(tmp_path, name)
    for language in LANGUAGES:
        parts, _ = draw("validation", "youden", wording(language), tmp_path)
        assert set(parts.values()) == {""}


def test_a_spoilt_stress_table_is_named(tmp_path, evaluated_bundle):
    bundle = evaluated_bundle(tmp_path, "a", stress=STRESS)
    loaded = load_models(tmp_path, "cpu")
    bundle.contents["stress.json"] = b"{"
    found = {"a": read_bundle_evaluation(bundle)}
    stress = draw_evaluation(loaded, found, "validation", "youden", WORDS).parts["stress"]
    assert "stress.json of Network A cannot be read" in stress
    assert "Robustness to corruptions" not in stress


def test_the_films_are_judged_three_ways(evaluations):
    text = text_of(cohorts_html(evaluations, "validation", "youden", WORDS))
    found = evaluations["a"]
    area, rate = found.measured("validation", "auroc"), found.measured_at("validation", "youden", "sensitivity")
    assert f"all 120 of 120 patients {area.value:.3f} {area.low:.3f}–{area.high:.3f}" in text
    assert f"{100 * rate.value:.1f} % {100 * rate.low:.1f}–{100 * rate.high:.1f}" in text
    assert "each film once not measured" in text
    assert found.cohorts("validation")[1].reason in text


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_against_b_says_what_was_compared(comparison, evaluations, split):
    text = text_of(against_html(NetworkComparison.model_validate(comparison), evaluations, split, "youden", WORDS))
    films = comparison[split]
    at = films["operating_points"]["youden"]
    calls, test = at["agreement"], at["mcnemar"]
    differ = calls["only_first_positive"] + calls["only_second_positive"]
    assert f"They call {differ} of {films['films']} films differently." in text
    assert f"A alone is right about {test['only_first_right']} and B alone about {test['only_second_right']}" in text
    assert f"A: pneumonia {calls['both_positive']} {calls['only_first_positive']}" in text
    assert f"A: normal {calls['only_second_positive']} {calls['both_negative']}" in text
    assert f"{films['auroc']['first']:.3f} {films['auroc']['second']:.3f}" in text
    for name in ("accuracy", "sensitivity", "specificity"):
        difference = at["differences"][name]
        shown = f"{100 * difference['value']:+.1f}".replace("-", "−") if round(difference["value"], 3) else "0.0"
        assert re.search(rf"{name} [^a-zA-Z]*{re.escape(shown)} ", text), name
    average = comparison["average"][split]
    together = average["operating_points"]["youden"]["specificity"]["value"]
    assert "A and B averaged" in text
    assert re.search(rf"AUROC .*{average['auroc']['value']:.3f} .*specificity .* {100 * together:.1f} %", text)
    assert "DeLong: " in text
    assert "p = " in text or "p < " in text


@pytest.mark.parametrize("spoil", [lambda found: found.pop("validation"), lambda found: found["validation"].clear()])
def test_half_a_comparison_is_none(comparison, evaluations, spoil):
    found = copy.deepcopy(comparison)
    spoil(found)
    assert against_html(NetworkComparison.model_validate(found), evaluations, "validation", "youden", WORDS) == ""
    assert against_html(None, evaluations, "validation", "youden", WORDS) == ""


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"temperature": 0.8286}, "one temperature: logit / 0.829"),
        ({"method": "none", "temperature": 1.0}, "none: the network's own probability"),
        ({"method": "platt", "temperature": 0.8, "offset": -0.94}, "Platt scaling: logit / 0.800 − 0.940"),
        ({"method": "platt", "temperature": 0.8, "offset": 0.94}, "Platt scaling: logit / 0.800 + 0.940"),
    ],
)
def test_calibration_is_said_as_it_is(settings, text):
    assert calibration_text(Calibration(selected_on="validation", **settings), WORDS) == text


def test_calibration_stands_before_and_after(models):
    cards = {name: bundle.card for name, bundle in find_bundles(models).items()}
    text = text_of(calibration_html(cards, "validation", WORDS))
    assert "before 0.2600 0.0816 0.1191 after 0.1200 0.0311 0.0194" in text
    assert "fitted on other patients" in text
    assert calibration_html(cards, "test", WORDS) == ""  # of which the card says nothing


@pytest.mark.parametrize("language", LANGUAGES)
def test_stress_is_translated_only_where_it_is_the_same(evaluations, language):
    words = wording(language)
    html = robustness_html({name: found.stress for name, found in evaluations.items()}, "validation", words)
    assert f">{words('evaluation.stress.what.gamma_low')}<" in html
    assert "<bdi lang='en' dir='ltr'>fog of &lt;30&gt; %</bdi>" in html
    assert html.count("0.050") == 2  # the mean |Δp| of both
    assert html.count("0.040–0.060") == 2


def test_the_intervals_are_said_to_be_what_they_are(evaluations):
    html = intervals_html(evaluations, WORDS)
    assert "by resampling patients" in html
    assert text_of(html).endswith(evaluations["a"].intervals)
    assert html.count("<details") == 1


def test_intervals_of_two_kinds_are_told_apart(evaluations):
    old = copy.copy(evaluations["b"])
    stored = old.stored.model_copy(update={"intervals": "95 %, films taken as independent: Wilson"})
    object.__setattr__(old, "stored", stored)
    text = text_of(intervals_html({"a": evaluations["a"], "b": old}, WORDS))
    assert "A: Intervals: 95 %, by resampling patients" in text
    assert "B: Intervals: 95 %, with films taken as independent." in text
    assert intervals_html({}, WORDS) == ""
