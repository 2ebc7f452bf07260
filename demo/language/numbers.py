"""Numbers as every surface writes them: probabilities, shares in percent, a novelty beside its limit."""

import math

from demo.language.catalogue import Wording
from export.bundle.metric import Metric

DIGITS, MOST_DIGITS = 2, 6


def against_limit(novelty: float, limit: float) -> tuple[str, str]:
    """Both with two decimals, or with as many more as show which is larger; a novelty that is no number is a dash."""
    if not math.isfinite(novelty):
        return "–", f"{limit:.{DIGITS}f}"
    digits = DIGITS
    while digits < MOST_DIGITS and f"{novelty:.{digits}f}" == f"{limit:.{digits}f}" and novelty != limit:
        digits += 1
    return f"{novelty:.{digits}f}", f"{limit:.{digits}f}"


def rounded(value: float) -> str:
    """A probability, 0..1, with three decimals, but never 0 or 1, to which float32 may round it."""
    if value < 0.0005:
        return "<0.001"
    if value >= 0.9995:
        return ">0.999"
    return f"{value:.3f}"


def percent(share: float, words: Wording, digits: int = 1) -> str:
    """A share in percent, as the language writes it; a dash where it is not defined."""
    return "–" if math.isnan(share) else words("evaluation.percent", number=f"{100 * share:.{digits}f}")


def share_text(found: Metric, words: Wording) -> str:
    """A share in percent before its interval, "94.1 % [91.4–96.0]", kept in this order in every language."""
    text = f"{percent(found.value, words)}{found.interval(1, scale=100)}"
    return isolated(text, words)


def isolated(figure: str, words: Wording) -> str:
    """A figure inside a plain sentence, written left to right; where the language runs so too, as it is."""
    return f"\u2066{figure}\u2069" if words.direction == "rtl" else figure
