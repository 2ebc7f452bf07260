"""A film's novelty beside the limit above which it is refused, in digits that tell the two apart."""

import math

DIGITS, MOST_DIGITS = 2, 6


def against_limit(novelty: float, limit: float) -> tuple[str, str]:
    """Both with two decimals, or with as many more as show which is larger; a novelty that is no number is a dash."""
    if not math.isfinite(novelty):
        return "–", f"{limit:.{DIGITS}f}"
    digits = DIGITS
    while digits < MOST_DIGITS and f"{novelty:.{digits}f}" == f"{limit:.{digits}f}" and novelty != limit:
        digits += 1
    return f"{novelty:.{digits}f}", f"{limit:.{digits}f}"
