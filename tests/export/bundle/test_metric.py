import pytest

from export.bundle.metric import Metric, measured


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
    assert measured(entry, lowest) == expected
