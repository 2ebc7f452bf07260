"""A against B beside their bundles: `comparison.json` in the folder that holds `a` and `b`.

It is what `train.evaluation.comparison.compare` gives, and the SHA-256 of the two scores.csv it was made from, so that
a comparison of other bundles is never shown. Reading it takes neither TensorFlow nor scikit-learn nor SciPy.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasPath, BeforeValidator, Field

from export.bundle.bundle import NETWORKS, Bundle, find_bundles
from export.bundle.evaluation import OperatingMetrics
from export.bundle.metric import AsObject, Count, Difference, Number, ObjectsByName, Record, Share, as_number
from train.common.atomic import write_text
from train.common.errors import PneumoscopeError

COMPARISON = "comparison.json"
SCORES = "scores.csv"


class Agreement(Record):
    """Films by both networks' predictions; "first" is A."""

    both_positive: Count = None
    only_first_positive: Count = None
    only_second_positive: Count = None
    both_negative: Count = None


class McNemar(Record):
    """Films that one network alone predicts right, and the exact p of McNemar's test."""

    only_first_right: Count = None
    only_second_right: Count = None
    p: Number = None


class PointComparison(Record):
    """Both networks at one operating point; `differences`: metric → A's less B's."""

    agreement: Annotated[Agreement, AsObject] = Agreement()
    mcnemar: Annotated[McNemar, AsObject] = McNemar()
    differences: Annotated[dict[str, Difference], AsObject] = Field(default_factory=dict)


class AreaComparison(Record):
    """Both AUROC, and A's less B's: by DeLong with its p, and over patients."""

    first: Number = None
    second: Number = None
    p: Number = None
    difference: Difference = None
    difference_over_patients: Difference = None


class FilmsComparison(Record):
    """Both networks on the films of one split."""

    auroc: Annotated[AreaComparison, AsObject] = AreaComparison()
    operating_points: Annotated[dict[str, PointComparison], ObjectsByName] = Field(default_factory=dict)


class EnsembleMetrics(Record):
    """The mean of both probabilities on the films of one split."""

    auroc: Share = None
    operating_points: Annotated[dict[str, OperatingMetrics], ObjectsByName] = Field(default_factory=dict)


def _numbers(value: Any) -> dict[str, float]:  # noqa: ANN401  # JSON
    """Thresholds from 0 to 1 by name, as far as they are such."""
    found = {name: as_number(entry) for name, entry in value.items()} if isinstance(value, Mapping) else {}
    return {name: number for name, number in found.items() if number is not None and 0 <= number <= 1}


class NetworkComparison(Record):
    """comparison.json, as `train.evaluation.comparison.compare` makes it.

    Attributes:
        average: split → the ensemble's metrics.
        average_thresholds: operating point → the ensemble's own frozen threshold, on the mean of both uncalibrated
            probabilities.
    """

    validation: Annotated[FilmsComparison, AsObject] = FilmsComparison()
    test: Annotated[FilmsComparison, AsObject] = FilmsComparison()
    average: Annotated[dict[str, EnsembleMetrics], ObjectsByName] = Field(default_factory=dict)
    average_thresholds: Annotated[dict[str, float], BeforeValidator(_numbers)] = Field(
        default_factory=dict, validation_alias=AliasPath("average", "thresholds")
    )

    def of(self, split: str) -> FilmsComparison:
        """Both networks on "validation" or "test"."""
        return {"validation": self.validation, "test": self.test}[split]


def write_comparison(models: Path) -> Path | None:
    """Compare the bundles `a` and `b` of a folder and write comparison.json between them.

    A comparison of earlier bundles does not outlive them: the file is replaced or removed.

    Returns:
        The file; None where the folder has not both.

    Raises:
        PneumoscopeError: a bundle is damaged, they are of different splits, or cannot be compared otherwise.
    """
    path = models / COMPARISON
    try:
        bundles = find_bundles(models)
        result = _compared(bundles) if set(bundles) == set(NETWORKS) else None
    except PneumoscopeError:
        path.unlink(missing_ok=True)
        raise
    if result is None:
        path.unlink(missing_ok=True)
        return None
    from train.evaluation.evaluation import json_text

    write_text(path, json_text(result))
    return path


def read_comparison(bundles: Mapping[str, Bundle]) -> NetworkComparison | None:
    """Read the comparison of these bundles.

    Args:
        bundles: by network.

    Returns:
        None where one of the two is not there, they lie in different folders, or the file is missing, damaged or of
        other scores.
    """
    if not set(NETWORKS) <= set(bundles):
        return None
    folders = {bundles[network].folder.parent for network in NETWORKS}
    if len(folders) != 1:
        return None
    try:
        result = json.loads((folders.pop() / COMPARISON).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(result, dict) or result.get("scores") != _sums(bundles):
        return None
    whole = isinstance(result.get("validation"), dict) and result.get("networks") == list(NETWORKS)
    return NetworkComparison.model_validate(result) if whole else None


def _compared(bundles: Mapping[str, Bundle]) -> dict[str, Any]:
    from train.evaluation.comparison import COMPARISON_RESAMPLES, compare, read_evaluated

    first, second = (
        read_evaluated(network, folder / "evaluation.json", folder / SCORES)
        for network, folder in ((network, bundles[network].folder) for network in NETWORKS)
    )
    from train.common.console import progress_bar  # whoever only reads a comparison may lack what it needs

    with progress_bar("comparing A with B", COMPARISON_RESAMPLES) as advance:
        result = compare(first, second, advance)
    return {**result, "scores": _sums(bundles)}


def _sums(bundles: Mapping[str, Bundle]) -> dict[str, str]:
    return {network: bundles[network].card.checksums[SCORES].lower() for network in NETWORKS}
