"""Offered are the operating points that every card has, by threshold; the default is the cards' own if they agree."""

import pytest

from demo.evaluation.operating_point_choices import default_point, shared_points
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


def test_the_default_is_the_cards_own_where_they_agree_and_have_it(card):
    assert default_point([]) == "youden"
    assert default_point([card("half")]) == "half"
    assert default_point([card("half"), card("half")]) == "half"
    assert default_point([card("half"), card("f1")]) == "youden"


def test_points_stand_in_the_order_of_their_thresholds(tiny_card):
    def of(**thresholds):
        points = {name: {"threshold": at, "selected_on": "validation"} for name, at in thresholds.items()}
        return tiny_card(operating_points=points)

    a = of(f1=0.55, youden=0.62, sensitivity_95=0.52, specificity_95=0.66, half=0.5)
    b = of(f1=0.32, youden=0.47, sensitivity_95=0.36, specificity_95=0.45, half=0.5)
    assert shared_points([a]) == ("half", "sensitivity_95", "f1", "youden", "specificity_95")
    assert shared_points([b]) == ("f1", "sensitivity_95", "specificity_95", "youden", "half")
    # Of both, by the mean of their thresholds.
    assert shared_points([a, b]) == ("f1", "sensitivity_95", "half", "youden", "specificity_95")
