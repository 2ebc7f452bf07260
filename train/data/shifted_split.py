"""The shifted validation: patients unlike the training films, held out beside the ordinary validation.

A network can be right for a wrong reason, and films dealt at random cannot tell. In the public set the grey values
alone give the class away: ten numbers of exposure separate outside test with an AUROC of 0.93 (healthy films are
contrasty with black borders, ill ones flat with grey borders). So the rule "exposure" holds out, class by class, the
patients whose exposure speaks for the *other* class. The rule "family" holds out by file name: the smaller of the two
families of healthy films, `IM-` and `NORMAL2-IM-`, next to a random share of the ill patients.

The part is for comparing: ways to train, and the rules and calibrations that `train.evaluation.carry_over` chooses
between. Nothing is fitted on it: no weight, threshold or scale, no epoch.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from train.common.console import progress_bar
from train.data.cohort import CLASSES, Cohort, CohortError, Film, split_cohort
from train.metrics.cluster_bootstrap import require_patients
from train.radiograph import PrepareSpec, RadiographError, prepare, read_radiograph

ShiftRule = Literal["none", "exposure", "family"]

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
#: Of the side: how far the border reaches in.
BORDER = 1 / 20
#: Grey values below it count as black.
DARK = 10
#: Numbers that `exposure` gives.
EXPOSURES = len(PERCENTILES) + 3
#: The side at which films are measured, whatever the network's.
MEASURED_SIDE = 224
#: The most that is held out of the normal and of the ill films: about 200 and 430 of the public set.
SHIFTED_SHARES = (0.15, 0.11)
#: The two families of healthy films in the public set, by the beginning of their names.
FAMILIES = ("IM-", "NORMAL2-IM-")

_FOLDS = 5


def split_for_training(
    cohort: Cohort,
    seed: int,
    validation_fraction: float,
    rule: ShiftRule = "none",
) -> Cohort:
    """Split a cohort for a run: train, validation and test, and "shifted" where a rule holds films out.

    Args:
        cohort: any cohort; its training and validation films are pooled, test stays as it is and is not read.
        seed: same seed and same films, same split.
        validation_fraction: share of the pooled films that are not held out.
        rule: what is held out; "exposure" reads every film outside test.

    Raises:
        PneumoscopeError: too few patients, also for figures of those held out; or no two families of names.
    """
    if rule == "none":
        return split_cohort(cohort, seed, validation_fraction)
    pooled = tuple(film for film in cohort.films if film.split != "test")
    if rule == "family":
        held_out = family_patients(pooled, seed)
    else:
        with progress_bar("measuring exposure", len(pooled)) as advance:
            exposures = exposures_of(cohort.root, pooled, advance)
        held_out = misleading_patients(pooled, exposures, seed)
    # Said now and not after hours of training.
    require_patients(sorted(held_out), "the shifted validation films")
    return with_shifted(cohort, held_out, seed, validation_fraction)


def with_shifted(cohort: Cohort, held_out: frozenset[str], seed: int, validation_fraction: float) -> Cohort:
    """Make the films outside test of some patients "shifted" and split the others with `split_cohort`.

    Raises:
        CohortError: a class is left with too few patients.
    """
    away = [film.split != "test" and film.patient in held_out for film in cohort.films]
    rest = Cohort(cohort.root, tuple(film for film, out in zip(cohort.films, away, strict=True) if not out))
    placed = iter(split_cohort(rest, seed, validation_fraction).films)
    films = (
        replace(film, split="shifted") if out else next(placed) for film, out in zip(cohort.films, away, strict=True)
    )
    return Cohort(cohort.root, tuple(films))


def misleading_patients(films: Sequence[Film], exposures: np.ndarray, seed: int) -> frozenset[str]:
    """Choose the patients whose exposure speaks most for the other class.

    A logistic regression tells ill from normal by exposure, each film scored by a fit that never saw its patient.
    Within a class the patients are ranked by the mean score of their films, and taken from the wrong end until
    SHIFTED_SHARES of the class's films are reached; at least one patient of each class.

    Args:
        films: outside test.
        exposures: float64 [n, EXPOSURES], a row per film as `exposure` gives it; NaN where a film cannot be read.
        seed: of the folds; the choice hardly depends on it.

    Raises:
        CohortError: a class has fewer than three patients.
    """
    _require_patients(films)
    read = np.isfinite(exposures).all(axis=1)
    measured = [film for film, there in zip(films, read, strict=True) if there]
    _require_patients(measured)
    labels, names, owner = _by_patient(measured)
    scores = _exposure_scores(exposures[read], labels, owner, seed)
    counts = np.bincount(owner)
    score_of = np.bincount(owner, scores) / counts
    positive = np.bincount(owner, labels) > 0
    chosen: set[str] = set()
    for label in range(len(CLASSES)):
        of_class = np.flatnonzero(positive == bool(label))
        # Healthy patients from the highest score down, ill ones from the lowest up.
        ranked = of_class[np.argsort(score_of[of_class] if label else -score_of[of_class], kind="stable")]
        chosen.update(names[_first_share(ranked, counts, SHIFTED_SHARES[label])])
    return frozenset(chosen)


def family_patients(films: Sequence[Film], seed: int) -> frozenset[str]:
    """Choose the patients of the smaller family of healthy films, and a random share of the ill ones.

    Args:
        films: outside test.
        seed: of the draw among the ill patients, who have one family only.

    Raises:
        CohortError: the healthy films are not of the two FAMILIES, or a class has fewer than three patients.
    """
    _require_patients(films)
    families = {film.patient: _family(film) for film in films if film.label == 0}
    sizes = Counter(families[film.patient] for film in films if film.label == 0)
    if any(not sizes[family] for family in FAMILIES):
        raise CohortError(
            f"shifted_validation family: expected healthy films of the two families {' and '.join(FAMILIES)} by name, "
            "as in the public set; use exposure for other films"
        )
    smaller = min(FAMILIES, key=lambda family: sizes[family])
    chosen = {patient for patient, family in families.items() if family == smaller}
    labels, names, owner = _by_patient(films)
    positive = np.flatnonzero(np.bincount(owner, labels) > 0)
    drawn = np.random.default_rng(seed).permutation(positive)
    return frozenset(chosen.union(names[_first_share(drawn, np.bincount(owner), SHIFTED_SHARES[1])]))


def exposure(film: np.ndarray) -> np.ndarray:
    """Measure how a film was exposed, not what it shows: uint8 [H, W] → float64 [EXPOSURES].

    PERCENTILES and standard deviation of the grey values, mean of the border and the share of it that is black.
    """
    edge = max(1, round(min(film.shape) * BORDER))
    border = np.ones(film.shape, dtype=bool)
    border[edge:-edge, edge:-edge] = False
    outside = film[border]
    return np.array([*np.percentile(film, PERCENTILES), film.std(), outside.mean(), (outside < DARK).mean()])


def exposures_of(
    root: Path, films: Sequence[Film], advance: Callable[..., None] = lambda *_: None, threads: int = 4
) -> np.ndarray:
    """Read films and measure each: float64 [n, EXPOSURES]; a row of NaN for a film that cannot be read.

    Args:
        root: folder that the films' paths are relative to.
        films: rows of a cohort.
        advance: called once per film.
        threads: how many are read at a time.
    """
    spec = PrepareSpec(image_size=MEASURED_SIDE)

    def one(film: Film) -> np.ndarray:
        try:
            return exposure(prepare(read_radiograph(root / film.path), spec))
        except RadiographError:
            return np.full(EXPOSURES, np.nan)

    rows = np.empty((len(films), EXPOSURES))
    with ThreadPoolExecutor(threads) as pool:
        for index, row in enumerate(pool.map(one, films)):
            rows[index] = row
            advance()
    return rows


def _exposure_scores(exposures: np.ndarray, labels: np.ndarray, owner: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    patients_of_class = [len(np.unique(owner[labels == label])) for label in range(len(CLASSES))]
    folds = StratifiedGroupKFold(min(_FOLDS, *patients_of_class), shuffle=True, random_state=seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000, class_weight="balanced"))
    return cross_val_predict(model, exposures, labels, groups=owner, cv=folds, method="decision_function")


def _first_share(ranked: np.ndarray, counts: np.ndarray, share: float) -> np.ndarray:
    """The first patients whose films are at most a share of all films of those ranked; at least one patient."""
    films = np.cumsum(counts[ranked])
    return ranked[: max(1, np.searchsorted(films, share * films[-1], side="right"))]


def _by_patient(films: Sequence[Film]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels int [n]; patients' names, sorted; whose each film is, as a place among the names, int [n]."""
    names, owner = np.unique([film.patient for film in films], return_inverse=True)
    return np.array([film.label for film in films]), names, owner


def _family(film: Film) -> str | None:
    name = Path(film.path).name
    return next((family for family in FAMILIES if name.startswith(family)), None)


def _require_patients(films: Sequence[Film]) -> None:
    # One to hold out, one to train on and one for the ordinary validation.
    for label, name in enumerate(CLASSES):
        count = len({film.patient for film in films if film.label == label})
        if count < 3:
            raise CohortError(
                f"{count} patients of class {name} with readable films outside test: expected at least three for a "
                "shifted validation"
            )
