"""Offered are the operating points that every card has; the default is the cards' own where they agree."""

import pytest

from demo.evaluation.operating_point_choices import shared_points
from train.metrics.operating_points import OPERATING_POINTS, POINT_NAMES


@pytest.fixture
def card(tiny_card):
    def made(default="youden", half=True):
        names = POINT_NAMES if half else OPERATING_POINTS
        points = {name: {"threshold": 0.5, "selected_on": "validation"} for name in names}
        return tiny_card(operating_points=points, default_operating_point=default)

    return made


def test_a_point_that_one_card_lacks_is_not_offered(card):
    assert set(shared_points([card(), card()])) == set(POINT_NAMES)
    assert set(shared_points([card(), card(half=False)])) == set(OPERATING_POINTS)
    assert set(shared_points([])) == set(OPERATING_POINTS)


def test_the_default_comes_first(card):
    assert shared_points([])[0] == "youden"
    assert shared_points([card("half")])[0] == "half"
    assert shared_points([card("half"), card("half")])[0] == "half"
    assert shared_points([card("half"), card("f1")])[0] == "youden"
    assert shared_points([card("half"), card("half", half=True)])[1:] == (
        "f1",
        "youden",
        "sensitivity_95",
        "specificity_95",
    )
