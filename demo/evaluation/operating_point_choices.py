"""The operating points that can be chosen: those that every card at hand has."""

from collections.abc import Iterable

from export.bundle import Card
from train.metrics.operating_points import DEFAULT_OPERATING_POINT, POINT_NAMES

#: Without a card there are no thresholds to order by: from the point that is meant to be lowest up.
WITHOUT_CARDS = ("sensitivity_95", "f1", "youden", "specificity_95")


def shared_points(cards: Iterable[Card]) -> tuple[str, ...]:
    """The operating points that all of these cards have, from the lowest threshold (the mean of the cards') up.

    Cards from before it lack "half".
    """
    cards = tuple(cards)
    if not cards:
        return WITHOUT_CARDS
    shared = [name for name in POINT_NAMES if all(name in card.operating_points for card in cards)]
    return tuple(sorted(shared, key=lambda name: sum(card.operating_points[name].threshold for card in cards)))


def default_point(cards: Iterable[Card]) -> str:
    """The cards' own default where it is the same and all have it, and Youden's otherwise."""
    cards = tuple(cards)
    defaults = {card.default_operating_point for card in cards}
    default = defaults.pop() if len(defaults) == 1 else DEFAULT_OPERATING_POINT
    return default if default in shared_points(cards) else DEFAULT_OPERATING_POINT
