"""The operating points that can be chosen: those that every card at hand has."""

from collections.abc import Iterable

from export.bundle import Card
from train.metrics.operating_points import DEFAULT_OPERATING_POINT, OPERATING_POINTS, POINT_NAMES


def shared_points(cards: Iterable[Card]) -> tuple[str, ...]:
    """The operating points that all of these cards have, the default first.

    The default is the cards' own where it is the same, and Youden's otherwise. Cards from before it lack "half".
    """
    cards = tuple(cards)
    if not cards:
        return _first(DEFAULT_OPERATING_POINT, OPERATING_POINTS)
    shared = [name for name in POINT_NAMES if all(name in card.operating_points for card in cards)]
    defaults = {card.default_operating_point for card in cards}
    default = defaults.pop() if len(defaults) == 1 else DEFAULT_OPERATING_POINT
    return _first(default if default in shared else DEFAULT_OPERATING_POINT, shared)


def _first(default: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: name != default))
