"""Runs that differ only by seed: how much of a figure is the luck of split, weights and augmentation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from train.common.errors import UsageError
from train.evaluation.thresholds import operating_of
from train.runs.settings import Settings

FIGURES = ("accuracy", "balanced_accuracy", "f1", "sensitivity", "specificity", "ppv", "npv")

Json = dict[str, Any]


def differ_only_by_seed(settings: Sequence[Settings]) -> bool:
    """Whether at least two runs have the same settings but for their seeds, and every seed once."""
    rest = [one.model_dump(exclude={"seed"}) for one in settings]
    seeds = {one.seed for one in settings}
    return len(settings) > 1 and len(seeds) == len(settings) and all(other == rest[0] for other in rest)


def over_seeds(names: Sequence[str], seeds: Sequence[int], evaluations: Sequence[Mapping[str, Any]]) -> Json:
    """Mean and range of each headline figure over runs, at each run's own frozen default operating point.

    Raises:
        UsageError: the default operating points of the runs are not one, or their thresholds are from other films:
            figures at different ones have no mean.

    Returns:
        runs, seeds, and for "validation" and "test" (null where not every run has it), and "shifted" where every run
        has it, figure → {mean, low, high, values}; low and high are the smallest and largest run, no interval: of a few
        runs nothing more can be said.
        Where a run leaves a figure undefined its mean and range are null.
    """
    _require_one_point(names, evaluations)
    result: Json = {"runs": list(names), "seeds": list(seeds)}
    shifted = ("shifted",) if all("shifted" in evaluation for evaluation in evaluations) else ()
    for split in ("validation", *shifted, "test"):
        result[split] = None
        if all(evaluation.get(split) for evaluation in evaluations):
            metrics = [evaluation[split]["metrics"] for evaluation in evaluations]
            points = [
                one["operating_points"][evaluation["default_operating_point"]]
                for one, evaluation in zip(metrics, evaluations, strict=True)
            ]
            rows = {name: [one[name]["value"] for one in metrics] for name in ("auroc", "average_precision")}
            rows |= {name: [point[name]["value"] for point in points] for name in FIGURES}
            rows["brier"] = [one["brier"] for one in metrics]
            result[split] = {name: _spread(values) for name, values in rows.items()}
    return result


def _require_one_point(names: Sequence[str], evaluations: Sequence[Mapping[str, Any]]) -> None:
    points = [(one["default_operating_point"], operating_of(one).seen) for one in evaluations]
    if len(set(points)) > 1:
        told = ", ".join(f"{name} {point} from {seen} films" for name, (point, seen) in zip(names, points, strict=True))
        raise UsageError(
            f"figures at different operating points have no mean ({told}): expected the same for every run; give them "
            "the same one by one: pneumoscope evaluate RUN --default-point POINT --seen plain|augmented"
        )


def _spread(values: Sequence[float | None]) -> Json:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {"mean": None, "low": None, "high": None, "values": list(values)}
    return {"mean": float(np.mean(known)), "low": min(known), "high": max(known), "values": list(values)}
