"""The Evaluation panel as HTML by its parts: what every page shows of a split in a language, whoever serves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from demo.evaluation.at_threshold import prevalence_of
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.language.numbers import percent
from demo.page.panels.evaluation.a_versus_b import against_html
from demo.page.panels.evaluation.calibration import calibration_html
from demo.page.panels.evaluation.costs import costs_html
from demo.page.panels.evaluation.instrument import browser_data, sliders_html
from demo.page.panels.evaluation.plots import Plot, draw_plots, plot_card, plot_cards_html
from demo.page.panels.evaluation.published_study import report_html
from demo.page.panels.evaluation.robustness import corruption_name, robustness_html
from demo.page.panels.evaluation.subsets import cohorts_html
from demo.page.panels.evaluation.threshold import threshold_html
from demo.plots.described import HISTORIES, NET_BENEFIT
from demo.plots.parts import Figure
from demo.plots.robustness import robustness_figure
from export.bundle import STRESS
from export.bundle.evaluation import BundleEvaluation, read_bundle_evaluation
from export.bundle.robustness import Robustness, all_corruptions

Evaluations = Mapping[str, BundleEvaluation]
SPLITS = ("test", "validation")  # what was never chosen on stands first
STRESS_PLOT = "stress"
#: The parts that hang on the operating point.
OF_POINT = ("cohorts", "against")


@dataclass(frozen=True)
class DrawnEvaluation:
    """One split in one language.

    Attributes:
        data: what `instrument.js` works with.
        parts: HTML by the name of the part (`draw_evaluation`).
    """

    data: dict[str, object]
    parts: Mapping[str, str]


def read_evaluations(loaded: LoadedModels) -> Evaluations:
    """What each network's bundle holds of its evaluation."""
    return {name: read_bundle_evaluation(bundle) for name, bundle in loaded.bundles.items()}


def draw_evaluation(
    loaded: LoadedModels, evaluations: Evaluations, split: str, point: str, words: Wording
) -> DrawnEvaluation:
    """Draw all but what hangs on the operating point (`draw_of_point`)."""
    plots = draw_plots(evaluations, split, words)
    figures = {name: plot.figure for name, plot in plots.items()} | _stress_figures(evaluations, split, words)
    training = {name: plots.pop(name) for name in HISTORIES}
    curve = plot_card(NET_BENEFIT, plots.pop(NET_BENEFIT))
    parts = {
        "about": _about(evaluations, split, words),
        "sliders": sliders_html(evaluations, split, words),
        "tables": _tables(evaluations, split, words),
        "costs": costs_html(evaluations, split, curve, words),
        "plots": plot_cards_html(plots),
        "intervals": intervals_html(evaluations, words),
        "calibration": calibration_html(loaded.cards, split, words),
        "stress": _stress(evaluations, split, words),
        "report": report_html(evaluations, words),
        "training": f"<h2>{escape(words('evaluation.training_history'))}</h2>{plot_cards_html(training)}",
    }
    return DrawnEvaluation(browser_data(evaluations, split, point, figures, words), parts)


def draw_of_point(
    loaded: LoadedModels, evaluations: Evaluations, split: str, point: str, words: Wording
) -> dict[str, str]:
    """The parts of OF_POINT at an operating point, as HTML by their name."""
    return {
        "cohorts": cohorts_html(evaluations, split, point, words),
        "against": against_html(loaded.comparison, evaluations, split, point, words),
    }


def is_test_read(loaded: LoadedModels) -> bool:
    """Whether a network was scored on the test films."""
    return any(card.metrics.test is not None for card in loaded.cards.values())


def split_choices(loaded: LoadedModels, words: Wording) -> list[tuple[str, str]]:
    """The splits as (words, name)."""
    test = words("word.test") if is_test_read(loaded) else words("evaluation.split.unread")
    return [({"test": test, "validation": words("word.validation")}[split], split) for split in SPLITS]


def thresholds_heading(words: Wording) -> str:
    """What stands above the tables."""
    how = escape(words("evaluation.thresholds.how"))
    return f"<h2>{escape(words('evaluation.thresholds'))}</h2><p class='how'>{how}</p>"


def words_explained(words: Wording) -> str:
    """What stands below the plots."""
    return f"<p class='how'>{escape(words('evaluation.words.ppv'))}</p>"


def intervals_html(evaluations: Evaluations, words: Wording) -> str:
    """What the intervals are of, as each evaluation.json says; "" where none does."""
    networks_by_text: dict[str, list[str]] = {}
    for name, evaluation in evaluations.items():
        if evaluation.intervals:
            networks_by_text.setdefault(evaluation.intervals, []).append(name.upper())
    lines = ""
    for text, networks in networks_by_text.items():
        unit = "patients" if "resamples of patients" in text else "films"
        whose = f"{', '.join(networks)}: " if len(networks_by_text) > 1 else ""
        lines += (
            f"<p class='how'>{escape(whose)}{escape(words(f'evaluation.intervals.{unit}'))}</p>"
            f"<details class='how'><summary>{escape(words('evaluation.intervals.more'))}</summary>"
            f"<p lang='en' dir='ltr'>{escape(text)}</p></details>"
        )
    return lines


def _about(evaluations: Evaluations, split: str, words: Wording) -> str:
    sentences: Sequence[str] = ()
    for evaluation in evaluations.values():
        if split in evaluation.scores:
            scores = evaluation.scores[split]
            share = percent(prevalence_of(scores), words)
            sentences = (words(f"evaluation.about.{split}", films=f"{len(scores):,}", share=share),)
            break
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _tables(evaluations: Evaluations, split: str, words: Wording) -> str:
    """Every network's matrix and figures at its default operating point, at the prevalence of the films."""
    sides = ""
    for found in evaluations.values():
        point = found.card.default_operating_point
        share = prevalence_of(found.scores[split]) if split in found.scores else 0.5
        side = threshold_html(found, split, found.thresholds[point], share, point, words)
        sides += f"<div class='threshold-side {found.network}'>{side}</div>"
    return f"<div class='thresholds'>{sides}</div>"


def _stress(evaluations: Evaluations, split: str, words: Wording) -> str:
    by_network = _stress_tables(evaluations)
    table = robustness_html(by_network, split, words) if by_network else ""
    notices = [
        words("evaluation.broken", file=STRESS, network=words(f"network.{name}"))
        for name, evaluation in evaluations.items()
        if STRESS in evaluation.broken
    ]
    title, how = escape(words("evaluation.stress.title")), escape(words("evaluation.stress.plot"))
    caption = f"<h3>{title}</h3><p class='how'>{how}</p>"
    card = "".join(
        plot_card(name, Plot(caption, figure)) for name, figure in _stress_figures(evaluations, split, words).items()
    )
    return table + "".join(f"<p class='notice'>{escape(notice)}</p>" for notice in notices) + card


def _stress_figures(evaluations: Evaluations, split: str, words: Wording) -> dict[str, Figure]:
    by_network = _stress_tables(evaluations)
    measured = {name: table.of(split).changes for name, table in by_network.items() if table.of(split).changes}
    names = {change.name: corruption_name(change, words) for change in all_corruptions(by_network, split)}
    return {STRESS_PLOT: robustness_figure(measured, names, words)} if measured else {}


def _stress_tables(evaluations: Evaluations) -> dict[str, Robustness]:
    return {name: found.stress for name, found in evaluations.items() if found.stress is not None}
