"""Shares of films with their intervals."""

from export.bundle.metric import Metric
from train.metrics.intervals import wilson_interval


def proportion(films: int, of_films: int) -> Metric:
    """A share of films with Wilson's 95 % interval, which takes films as independent; `of_films` is at least 1."""
    found = wilson_interval(films, of_films)
    return Metric(found.value, found.low, found.high)


def complement(share: Metric) -> Metric:
    """One less a share, with its interval: of a specificity the false alarms."""
    if share.low is None or share.high is None:
        return Metric(1 - share.value)
    return Metric(1 - share.value, 1 - share.high, 1 - share.low)
