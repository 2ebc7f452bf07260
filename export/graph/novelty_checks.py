"""How well the out-of-distribution detector keeps out what is no chest film: on pictures of kinds that played no part
in choosing it.

Many OOD images are enlarged thumbnails, and an out-of-distribution detector that merely noticed that would look good.
Films and foreign pictures are therefore also compared after both were made equally unsharp.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from export.graph.novelty import LIMIT_PERCENTILE
from train.common.errors import PneumoscopeError
from train.metrics.intervals import Interval, auroc_interval, wilson_interval
from train.metrics.operating_points import auroc
from train.radiograph import PrepareSpec, RadiographError, prepare, read_radiograph

OOD_FOLDER = "ood"
OOD_TABLE = "index.csv"
THUMBNAIL = 64  # pixels a side
NEIGHBOURS = 5
FILMS_TO_DEGRADE = 250
SHARPNESS_PERCENTILE = 10.0
#: Decides, before any picture was looked at, which kinds served for choosing.
HALVES_SEED = 0


@dataclass(frozen=True, eq=False)
class OODImages:
    """Pictures that are no chest films, prepared: uint8 [n, S, S], and the kind of each."""

    images: np.ndarray
    kinds: tuple[str, ...]


def read_ood_images(data_root: Path, spec: PrepareSpec) -> OODImages | None:
    """Read `ood/` under the data root; None where there is none.

    Raises:
        PneumoscopeError: the table is wrong or a picture of it cannot be read.
    """
    table = data_root / OOD_FOLDER / OOD_TABLE
    if not table.is_file():
        return None
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"file", "kind"} <= rows[0].keys():
        raise PneumoscopeError(f"{table}: expected CSV with the columns file and kind and at least one picture")
    images = []
    for row in rows:
        try:
            images.append(prepare(read_radiograph(table.parent / row["file"]), spec))
        except RadiographError as error:
            raise PneumoscopeError(f"{table.parent / row['file']}: {error}") from None
    return OODImages(np.stack(images), tuple(row["kind"] for row in rows))


def kinds_to_choose_on(kinds: Sequence[str]) -> frozenset[str]:
    """Half of the kinds, fewer if odd: those that method and features were chosen on. The others only report."""
    names = sorted(set(kinds))
    return frozenset(np.random.default_rng(HALVES_SEED).permutation(names)[: len(names) // 2].tolist())


def detector_figures(
    pool: Callable[[np.ndarray], np.ndarray],
    distance: Callable[[np.ndarray], np.ndarray],
    limit: float,
    train_features: np.ndarray,
    validation: np.ndarray,
    validation_features: np.ndarray,
    ood: OODImages,
) -> dict[str, Any]:
    """Measure the out-of-distribution detector.

    Args:
        pool: prepared films, uint8 [n, S, S] → features [n, d].
        distance: features → novelty [n].
        limit: above it a film is refused.
        train_features: [m, d], for the comparison with the nearest neighbours.
        validation: uint8 [n, S, S].
        validation_features: [n, d], of these.
        ood: pictures that should be refused.

    Returns:
        JSON: for "choosing" and "unseen" kinds and for pictures "as_is", as "thumbnails" and "blurred" the AUROC
        against validation films treated alike and the shares refused, the pictures' with 95 % intervals (`_low`,
        `_high`); the same AUROC of the nearest neighbours.
    """
    features = {"as_is": (validation_features, pool(ood.images)), **_degraded_features(pool, validation, ood)}
    nearest = nearest_neighbours(train_features)
    neighbour_limit = float(np.percentile(nearest(validation_features), LIMIT_PERCENTILE))
    chosen = kinds_to_choose_on(ood.kinds)
    halves = {
        "choosing": np.array([kind in chosen for kind in ood.kinds]),
        "unseen": np.array([kind not in chosen for kind in ood.kinds]),
    }
    figures: dict[str, Any] = {
        half: {
            "kinds": sorted({kind for kind, here in zip(ood.kinds, of, strict=True) if here}),
            "pictures": int(of.sum()),
        }
        for half, of in halves.items()
    }
    for treatment, (of_films, of_pictures) in features.items():
        known, strange = distance(of_films), distance(of_pictures)
        near, far = nearest(of_films), nearest(of_pictures)
        for half, of in halves.items():
            if of.any():
                figures[half][treatment] = {
                    **_detection(known, strange[of], limit),
                    "nearest_neighbours_auroc": _auroc(near, far[of]),
                    "nearest_neighbours_refused": float((far[of] > neighbour_limit).mean()),
                }
    return figures


def _degraded_features(
    pool: Callable[[np.ndarray], np.ndarray], validation: np.ndarray, ood: OODImages
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Features of some validation films and of the foreign pictures, both made equally unsharp, by treatment."""
    rows = np.unique(np.linspace(0, len(validation) - 1, FILMS_TO_DEGRADE).round().astype(int))
    some = validation[rows]
    target = float(np.percentile([sharpness(one) for one in (*some, *ood.images)], SHARPNESS_PERCENTILE))
    treatments: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "thumbnails": as_thumbnail,
        "blurred": lambda image: blurred_to(image, target),
    }
    features = {}
    for name, treat in treatments.items():
        ours, theirs = (pool(np.stack([treat(one) for one in group])) for group in (some, ood.images))
        features[name] = ours, theirs
    return features


def _detection(known: np.ndarray, strange: np.ndarray, limit: float) -> dict[str, float]:
    """How well distances of films and of foreign pictures are apart, and what the limit refuses of each."""
    area, refused = _auroc_interval(known, strange), share_above(strange, limit)
    return {
        "auroc": area.value,
        "auroc_low": area.low,
        "auroc_high": area.high,
        "refused": refused.value,
        "refused_low": refused.low,
        "refused_high": refused.high,
        "films_refused": float((known > limit).mean()),
    }


def nearest_neighbours(train_features: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The baseline: distance to the NEIGHBOURS-th nearest training film, every feature scaled by its deviation."""
    mean, scale = train_features.mean(axis=0), train_features.std(axis=0) + 1e-6
    known = (train_features - mean) / scale

    def distance(features: np.ndarray) -> np.ndarray:
        centred = (features - mean) / scale
        squared = (centred**2).sum(axis=1)[:, None] + (known**2).sum(axis=1)[None] - 2 * centred @ known.T
        return np.sqrt(np.maximum(np.partition(squared, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1], 0))

    return distance


def as_thumbnail(image: np.ndarray) -> np.ndarray:
    """Shrink a picture, uint8 [S, S], to a thumbnail and enlarge it again as `prepare` does."""
    small = cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_CUBIC)


def sharpness(image: np.ndarray) -> float:
    """How sharp a picture is: the deviation of its Laplacian as a share of its own."""
    grey = image.astype(np.float32)
    return float(cv2.Laplacian(grey, cv2.CV_32F).std() / (grey.std() + 1))


def blurred_to(image: np.ndarray, target: float) -> np.ndarray:
    """Blur a picture, uint8 [S, S], until its sharpness is down to the target; one that is no sharper stays."""
    if sharpness(image) <= target:
        return image
    low, high = 0.1, 20.0
    for _ in range(14):
        middle = (low * high) ** 0.5
        if sharpness(cv2.GaussianBlur(image, (0, 0), middle)) > target:
            low = middle
        else:
            high = middle
    return cv2.GaussianBlur(image, (0, 0), high)


def share_above(distances: np.ndarray, limit: float) -> Interval:
    """Return the share of pictures above the limit, with Wilson's interval, which takes pictures as independent."""
    return wilson_interval(int((distances > limit).sum()), len(distances))


def _auroc_interval(known: np.ndarray, strange: np.ndarray) -> Interval:
    labels = np.concatenate([np.zeros(len(known), int), np.ones(len(strange), int)])
    return auroc_interval(labels, np.concatenate([known, strange]))


def _auroc(known: np.ndarray, strange: np.ndarray) -> float:
    labels = np.concatenate([np.zeros(len(known), int), np.ones(len(strange), int)])
    return float(auroc(labels, np.concatenate([known, strange])))
