"""Several seeds: told from other differences, summed up as mean and range."""

import copy

import pytest

from train.common.errors import UsageError
from train.evaluation.over_seeds import FIGURES, differ_only_by_seed, over_seeds
from train.runs.settings import make_settings


def evaluation(value: float, test: bool = True, ppv: float | None = 0.5) -> dict:
    point = {name: {"value": value} for name in FIGURES} | {"ppv": {"value": ppv}}
    metrics = {"auroc": {"value": value}, "average_precision": {"value": value}, "brier": 1 - value}
    part = {"metrics": metrics | {"operating_points": {"youden": point}}}
    return {"default_operating_point": "youden", "validation": part, "test": part if test else None}


@pytest.mark.parametrize(
    ("changes", "only_seed"),
    [
        ([{"seed": 1}, {"seed": 2}], True),
        ([{"seed": 1}, {"seed": 2}, {"seed": 3}], True),
        ([{"seed": 1}, {"seed": 1}], False),
        ([{"seed": 1}, {"seed": 2, "epochs": 3}], False),
        ([{"seed": 1}, {"seed": 2, "augmentation.rotation": 3}], False),
        ([{"seed": 1}], False),
    ],
)
def test_runs_that_differ_only_by_seed_are_told(changes, only_seed):
    assert differ_only_by_seed([make_settings("a", change) for change in changes]) is only_seed


def test_two_networks_are_not_two_seeds():
    assert not differ_only_by_seed([make_settings("a", {"seed": 1}), make_settings("b", {"seed": 2})])


def test_mean_and_range():
    result = over_seeds(["a", "a-2", "a-3"], [1, 2, 3], [evaluation(value) for value in (0.7, 0.9, 0.8)])
    assert (result["runs"], result["seeds"]) == (["a", "a-2", "a-3"], [1, 2, 3])
    for split in ("validation", "test"):
        for name in ("auroc", "average_precision", "accuracy", "sensitivity"):
            figure = result[split][name]
            assert figure == {"mean": pytest.approx(0.8), "low": 0.7, "high": 0.9, "values": [0.7, 0.9, 0.8]}
        assert result[split]["brier"]["low"] == pytest.approx(0.1)


def test_shifted_films_are_summed_up_where_every_run_has_them():
    runs = [evaluation(value) for value in (0.7, 0.9)]
    with_shifted = [one | {"shifted": evaluation(0.5)["validation"]} for one in runs]
    assert over_seeds(["a", "a-2"], [1, 2], with_shifted)["shifted"]["auroc"]["values"] == [0.5, 0.5]
    assert "shifted" not in over_seeds(["a", "a-2"], [1, 2], [with_shifted[0], runs[1]])


def test_what_a_run_lacks_is_null():
    result = over_seeds(["a", "a-2"], [1, 2], [evaluation(0.7), evaluation(0.9, test=False, ppv=None)])
    assert result["test"] is None
    assert result["validation"]["ppv"] == {"mean": None, "low": None, "high": None, "values": [0.5, None]}


def test_figures_at_different_operating_points_have_no_mean():
    runs = [evaluation(0.7), evaluation(0.9)]
    point = runs[1]["validation"]["metrics"]["operating_points"]["youden"]
    other = copy.deepcopy(runs[1]) | {"default_operating_point": "f1"}
    for split in ("validation", "test"):
        other[split]["metrics"]["operating_points"]["f1"] = point
    with pytest.raises(UsageError, match=r"a youden from plain films, a-2 f1 from plain films.*--default-point"):
        over_seeds(["a", "a-2"], [1, 2], [runs[0], other])
    augmented = runs[1] | {"operating": {"seen": "augmented"}}
    with pytest.raises(UsageError, match="a-2 youden from augmented films"):
        over_seeds(["a", "a-2"], [1, 2], [runs[0], augmented])
    calibrated = runs[1] | {"operating": {"calibration": "none"}}
    assert over_seeds(["a", "a-2"], [1, 2], [runs[0], calibrated])["validation"]["auroc"]["low"] == 0.7
