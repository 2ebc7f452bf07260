"""What can be measured of a film without looking at lungs: size, bytes, exposure; and how far it tells groups apart."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from train.data.cohort import CLASSES, SPLITS, Film
from train.data.film_hash import film_hash
from train.metrics.operating_points import auroc
from train.radiograph import PrepareSpec, RadiographError, prepare, read_with_warnings
from train.radiograph.formats import MAX_BYTES

#: The hash is taken of the film as the networks of the public set get it, so that one limit serves all.
HASHED = PrepareSpec(224)

#: What each quantity is, its unit in brackets.
SIZE = {
    "width": "width (pixels)",
    "height": "height (pixels)",
    "aspect": "width ÷ height",
    "bytes": "file size (bytes)",
}
EXPOSURE = {
    "mean": "mean grey level (0–255)",
    "percentile_1": "1st percentile (grey level)",
    "percentile_50": "median (grey level)",
    "percentile_99": "99th percentile (grey level)",
    "black_share": "share of pixels at 0",
    "white_share": "share of pixels at 255",
}
QUANTITIES = SIZE | EXPOSURE


@dataclass(frozen=True, eq=False)
class Traits:
    """One readable film.

    Attributes:
        digest: SHA-256 (hex) of the file.
        signs: bool [256], see `train.data.film_hash`.
        quantities: by the names of QUANTITIES; width and height upright, as the film is read.
    """

    digest: str
    signs: NDArray[np.bool_]
    quantities: Mapping[str, float]


def measure_film(path: Path) -> Traits | str:
    """Read and measure a film; the reason, in words, where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        film, _ = read_with_warnings(data)
    except RadiographError as error:
        return str(error)
    except OSError as error:
        return f"cannot be opened: {error.strerror or 'the system refused'}"
    height, width = film.shape
    quantities = {"width": width, "height": height, "aspect": width / height, "bytes": len(data), **_exposure(film)}
    return Traits(hashlib.sha256(data).hexdigest(), film_hash(prepare(film, HASHED)), quantities)


def describe(films: Sequence[Film], traits: Sequence[Traits], names: Sequence[str]) -> dict[str, Any]:
    """Quantities by split and class, and how far they tell classes and splits apart.

    An effect is Cliff's delta (Psychol Bull 1993;114:494): how much more often a film of one group exceeds one of the
    other than the reverse, -1 to 1; 0 where the groups are alike, ±1 where they do not overlap. It takes any shape of
    distribution, and (delta + 1) / 2 is the AUROC of the quantity alone.

    Args:
        films: N readable films.
        traits: of each.
        names: of the quantities wanted.

    Returns:
        name → `groups` (split → class → films, mean, percentile_5, median, percentile_95; only groups that have films),
        `pneumonia_against_normal` (split → delta) and `against_train` (other split → class → delta); None where a group
        is empty.
    """
    found = {}
    for name in names:
        values = {
            (split, label): np.array(
                [
                    of.quantities[name]
                    for film, of in zip(films, traits, strict=True)
                    if (film.split, film.label) == (split, label)
                ],
                dtype=np.float64,
            )
            for split in SPLITS
            for label in range(len(CLASSES))
        }
        present = [split for split in SPLITS if any(values[split, label].size for label in range(len(CLASSES)))]
        found[name] = {
            "groups": {
                split: {
                    CLASSES[label]: _spread(values[split, label])
                    for label in range(len(CLASSES))
                    if values[split, label].size
                }
                for split in present
            },
            "pneumonia_against_normal": {split: cliffs_delta(values[split, 1], values[split, 0]) for split in present},
            "against_train": {
                split: {
                    label_name: cliffs_delta(values[split, label], values["train", label])
                    for label, label_name in enumerate(CLASSES)
                }
                for split in present
                if split != "train"
            },
        }
    return found


def cliffs_delta(ones: NDArray, others: NDArray) -> float | None:
    """Cliff's delta of `ones` against `others`, both [n]; None where one is empty."""
    if not (len(ones) and len(others)):
        return None
    labels = np.repeat([1, 0], [len(ones), len(others)])
    return round(2 * auroc(labels, np.concatenate([ones, others])) - 1, 4)


def _exposure(film: np.ndarray) -> dict[str, float]:
    """Of a film uint8 [H, W], from its histogram; percentiles are grey levels that occur."""
    counts = cv2.calcHist([film], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    total = counts.sum()
    below = counts.cumsum()
    levels = {f"percentile_{percent}": float(below.searchsorted(percent / 100 * total)) for percent in (1, 50, 99)}
    return {
        "mean": float(counts @ np.arange(256) / total),
        **levels,
        "black_share": float(counts[0] / total),
        "white_share": float(counts[255] / total),
    }


def _spread(values: NDArray) -> dict[str, float]:
    low, median, high = np.percentile(values, (5, 50, 95))
    figures = {"mean": values.mean(), "percentile_5": low, "median": median, "percentile_95": high}
    return {"films": int(values.size), **{name: round(float(figure), 4) for name, figure in figures.items()}}
