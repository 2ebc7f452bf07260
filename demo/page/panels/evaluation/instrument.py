"""What the browser needs to move Evaluation's thresholds without the server: its sliders, and the scores behind them.

`instrument.js` computes from them what `demo.evaluation.at_threshold` does.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from demo.evaluation.at_threshold import prevalence_of
from demo.evaluation.sorted_scores import averaged_probabilities, sorted_scores
from demo.language.catalogue import Wording
from demo.language.colours import NETWORK_COLOURS
from demo.language.numbers import percent
from demo.page.panels.evaluation.threshold import INTERVALS, interval_text
from demo.plots.parts import DASHES, INK, PAPER, Figure
from export.bundle.evaluation import BundleEvaluation

#: The parts of the panel that its index names, in their order.
SECTIONS = (
    "thresholds",
    "curves",
    "costs",
    "cohorts",
    "against",
    "calibration",
    "stress",
    "report",
    "training",
)
TITLES = {
    "thresholds": "evaluation.section.thresholds",
    "curves": "evaluation.curves",
    "costs": "evaluation.costs",
    "cohorts": "evaluation.section.cohorts",
    "against": "evaluation.against",
    "calibration": "evaluation.calibration",
    "stress": "evaluation.section.stress",
    "report": "evaluation.report",
    "training": "evaluation.training_history",
}
#: Texts that the browser fills itself, by the name they have there.
FILLED = {
    "at_own": "evaluation.at_own",
    "at_point": "evaluation.at_point",
    "at_prevalence": "evaluation.at_prevalence",
    "call_none": "evaluation.costs.call_none",
    "implied": "evaluation.costs.implied",
    "of_thousand": "evaluation.of_thousand",
    "percent": "evaluation.percent",
}


def section_id(name: str) -> str:
    """The element that a button of the index leads to."""
    return f"evaluation-{name}"


def index_html(words: Wording) -> str:
    """Buttons that scroll to the panel's sections; the browser hides those of sections that are empty."""
    items = "".join(
        f"<li><button type='button' data-section='{section_id(name)}'>{escape(words(TITLES[name]))}</button></li>"
        for name in SECTIONS
    )
    label = escape(words("evaluation.sections"), quote=True)
    return f"<nav class='sections' aria-label='{label}'><ul>{items}</ul></nav>"


def sliders_html(evaluations: Mapping[str, BundleEvaluation], split: str, words: Wording) -> str:
    """A slider for the threshold of each network that was scored on the split, and one for the prevalence."""
    scored = {name: found for name, found in evaluations.items() if split in found.scores}
    if not scored:
        return ""
    sliders = ""
    for name, found in scored.items():
        label = escape(words("evaluation.threshold_of", network=words(f"network.{name}")), quote=True)
        at = f"{found.thresholds[found.card.default_operating_point]:.3f}"
        sliders += (
            f"<label class='slide {name}'><span class='badge'>{name.upper()}</span>"
            f"<input type='range' min='0' max='1' step='0.001' value='{at}' data-threshold='{name}' "
            f"aria-label='{label}'><output dir='ltr'>{at}</output></label>"
        )
    share = next(prevalence_of(found.scores[split]) for found in scored.values())
    label = escape(words("evaluation.prevalence"), quote=True)
    return (
        f"<div class='sliders'>{sliders}"
        f"{_back('back', 'evaluation.back_to_point', words)}"
        f"<label class='slide prevalence'><span>{escape(words('word.prevalence'))}</span>"
        f"<input type='range' min='0' max='100' step='0.1' value='{100 * share:.1f}' data-prevalence "
        f"aria-label='{label}'><output dir='ltr'>{escape(percent(share, words))}</output></label>"
        f"{_back('cohort', 'evaluation.prevalence.cohort', words)}</div>"
    )


def _back(name: str, key: str, words: Wording) -> str:
    """A button that takes back what was moved; there is one only where something was."""
    label = escape(words(key), quote=True)
    return f"<button type='button' data-{name} hidden aria-label='{label}' title='{label}'>↺</button>"


def browser_data(
    evaluations: Mapping[str, BundleEvaluation],
    split: str,
    point: str,
    figures: Mapping[str, Figure | None],
    words: Wording,
) -> dict[str, Any]:
    """All that the panel's script works with until another split or language is asked for; JSON-ready.

    No film is named in it: its probability and label are all that is there of one.
    """
    average = averaged_probabilities(evaluations, split)
    points: Sequence[str] = tuple(dict.fromkeys(name for found in evaluations.values() for name in found.thresholds))
    return {
        "key": f"{split} {words.language}",
        "point": point,
        "ink": INK,
        "paper": PAPER,
        "words": {name: words.texts[key] for name, key in FILLED.items()}
        | {"points": {name: words(f"operating_point.{name}") for name in points}},
        "networks": {
            name: {
                "colour": NETWORK_COLOURS[name],
                "dash": DASHES[name],
                "scores": sorted_scores(found.scores[split].labels, found.scores[split].probabilities),
                "thresholds": found.thresholds,
                "intervals": {
                    at: {figure: interval_text(found.measured_at(split, at, figure), words) for figure in INTERVALS}
                    for at in found.thresholds
                },
            }
            for name, found in evaluations.items()
            if split in found.scores
        },
        "average": None if average is None else sorted_scores(*average),
        "figures": {name: figure for name, figure in figures.items() if figure is not None},
    }
