import math

import pytest

from export.bundle.metric import Metric, as_count, as_metric, as_number, interval_kind, json_object


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
    assert str(as_metric(MEASURED["auroc"])) == "0.949 [0.929–0.964]"
    assert str(as_metric(MEASURED["as_report"]["f1"])) == "1.000"


@pytest.mark.parametrize("low", [None, math.nan, "0.9"])
def test_half_an_interval_is_none(low):
    assert str(as_metric({"value": 0.95, "low": low, "high": 1.0})) == "0.950"


def test_numbers_are_finite_and_counts_are_whole():
    assert (as_number(0.5), as_number(624)) == (0.5, 624)
    assert [as_number(value) for value in (math.inf, math.nan, True, "1", None)] == [None] * 5
    assert as_count(624) == 624
    assert [as_count(value) for value in (-1, 1.0, True, "1", None)] == [None] * 5


@pytest.mark.parametrize("data", [b"", b"[]", b"3", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_object_is_a_value_error(data):
    with pytest.raises(ValueError, match=r"\S"):
        json_object(data)


def test_intervals_are_named_after_what_they_are_of():
    assert interval_kind(MEASURED) == "films"
    assert interval_kind({"auroc": MEASURED["auroc"] | {"independent_low": 0.92}}) == "patients"
    assert interval_kind({"auroc": {"value": 0.9}}) == interval_kind({}) == interval_kind(None) == "none"
