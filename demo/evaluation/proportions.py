"""A count of films as a share with its interval."""

from export.bundle.metric import Metric
from train.metrics.intervals import wilson_interval


def proportion(films: int, of_films: int) -> Metric:
    """A share of films with Wilson's 95 % interval, which takes films as independent; `of_films` is at least 1."""
    found = wilson_interval(films, of_films)
    return Metric(found.value, found.low, found.high)
