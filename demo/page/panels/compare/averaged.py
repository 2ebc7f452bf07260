"""A and B averaged as a third reading below their cards, small: its verdict, its own threshold, its own record."""

from html import escape

from demo.inference.averaged import averaged_reading
from demo.inference.compare import Case
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.language.reading_sentences import averaged_line
from demo.page.panels.tables import figure_cell
from export.bundle.comparison import EnsembleMetrics, NetworkComparison
from export.bundle.evaluation import OperatingMetrics

SPLITS = ("test", "validation")  # what was never chosen on stands first
FIGURES = ("sensitivity", "specificity")


def averaged_html(case: Case | None, loaded: LoadedModels, words: Wording) -> str:
    """The averaged reading of a film; "" without a film, or where the models hold no frozen threshold of the average.

    Args:
        case: the film's readings, evaluated at the operating point that is chosen.
        loaded: the networks, for the comparison beside their bundles.
        words: of the language.
    """
    comparison = loaded.comparison
    reading = averaged_reading(case.readings, comparison.average_thresholds) if case and comparison else None
    if reading is None or comparison is None:
        return ""
    title = f"<strong>{escape(words('evaluation.against.average'))}</strong>"
    said = escape(averaged_line(reading, words))
    if reading.refused_by:
        return f"<p class='averaged refused'>{title} <span>{said}</span></p>"
    record = averaged_record_html(reading.operating_point, comparison, words)
    return (
        f"<details class='averaged'><summary>{title} <span>{said}</span></summary>"
        f"<p class='how'>{escape(words('compare.averaged.how'))}</p>{record}</details>"
    )


def averaged_record_html(point: str, comparison: NetworkComparison, words: Wording) -> str:
    """How good the average is at an operating point, on every split that was scored; "" where that is not known."""
    rows = ""
    for split in SPLITS:
        measured = comparison.average.get(split, EnsembleMetrics())
        at = measured.operating_points.get(point, OperatingMetrics())
        if at.sensitivity is not None and at.specificity is not None:
            cells = "".join(f"<td>{figure_cell(getattr(at, name), words)}</td>" for name in FIGURES)
            rows += f"<tr><th scope='row'>{escape(words(f'word.{split}'))}</th>{cells}</tr>"
    if not rows:
        return ""
    names = (escape(words("compare.record")), *(explained(name, words) for name in FIGURES))
    heads = "".join(f"<th scope='col'>{name}</th>" for name in names)
    return f"<table class='record'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
