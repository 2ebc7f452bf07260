import math

import pytest

from export.bundle.metric import Metric, as_metric, interval_kind, number, with_interval


@pytest.mark.parametrize(
    ("entry", "lowest", "expected"),
    [
        ({"value": 0.5, "low": 0.4, "high": 0.6}, 0.0, Metric(0.5, 0.4, 0.6)),
        ({"value": 0.5, "low": None, "high": 0.6}, 0.0, Metric(0.5)),
        ({"value": 1}, 0.0, Metric(1)),
        ({"value": -0.2, "low": -0.3, "high": 0.1}, -1.0, Metric(-0.2, -0.3, 0.1)),
        ({"value": -0.2}, 0.0, None),
        ({"value": 1.5}, 0.0, None),
        ({"value": True}, 0.0, None),
        ({"value": float("nan")}, 0.0, None),
        ({"value": "0.5"}, 0.0, None),
        ({}, 0.0, None),
        (0.5, 0.0, None),
    ],
)
def test_only_what_is_a_figure_is_read_as_one(entry, lowest, expected):
    assert as_metric(entry, lowest) == expected


MEASURED = {
    "auroc": {"value": 0.94937, "low": 0.92938, "high": 0.96392},
    "films": 624,
    "as_report": {"f1": {"value": 1}},
}


def test_a_figure_stands_before_its_interval():
    assert with_interval(MEASURED, "auroc") == "0.949 [0.929–0.964]"
    assert with_interval(MEASURED, "as_report", "f1") == "1.000"


@pytest.mark.parametrize("measured", [None, {}, {"auroc": 0.9}, {"auroc": {"value": None}}, {"auroc": {"value": True}}])
def test_what_is_not_measured_is_empty(measured):
    assert with_interval(measured, "auroc") == ""


@pytest.mark.parametrize("low", [None, math.nan, "0.9"])
def test_half_an_interval_is_none(low):
    assert with_interval({"auroc": {"value": 0.95, "low": low, "high": 1.0}}, "auroc") == "0.950"


def test_numbers_are_found_by_their_path():
    assert number(MEASURED, "films") == 624.0
    assert number(MEASURED, "auroc", "low") == 0.92938
    assert number(MEASURED, "auroc") is None
    assert number({"films": math.inf}, "films") is None


def test_intervals_are_named_after_what_they_are_of():
    assert interval_kind(MEASURED) == "films"
    assert interval_kind({"auroc": MEASURED["auroc"] | {"independent_low": 0.92}}) == "patients"
    assert interval_kind({"auroc": {"value": 0.9}}) == interval_kind({}) == interval_kind(None) == "none"
