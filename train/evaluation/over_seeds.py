"""Runs that differ only by seed: how much of a figure is the luck of split, weights and augmentation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

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

    Returns:
        runs, seeds, and for "validation" and "test" (null where not every run has it), and "shifted" where every run
        has it, figure → {mean, low, high, values}; low and high are the smallest and largest run, no interval: of a few
        runs nothing more can be said.
        Where a run leaves a figure undefined its mean and range are null.
    """
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


def _spread(values: Sequence[float | None]) -> Json:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {"mean": None, "low": None, "high": None, "values": list(values)}
    return {"mean": float(np.mean(known)), "low": min(known), "high": max(known), "values": list(values)}
