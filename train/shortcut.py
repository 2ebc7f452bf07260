"""What a network reads outside the lungs: AUROC with the lungs blacked out, and with all but them. No TensorFlow here.

A network that tells the classes by the film's frame (borders, position, letters, exposure) keeps its AUROC when the
lungs are gone. The two figures say so on ordinary validation films, which reward such a network.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from train.bootstrap import RESAMPLES, Floats, Ranking, patient_interval, require_patients, resample
from train.errors import PneumoscopeError
from train.intervals import auroc_interval
from train.radiograph import prepare
from train.stress import StressSpec

LUNGS_BLACKED_OUT = "lungs_blacked_out"
LUNGS_ONLY = "lungs_only"
VIEWS = (LUNGS_BLACKED_OUT, LUNGS_ONLY)
GAP = "gap"
#: For a bar's total.
SHORTCUT_RESAMPLES = RESAMPLES

Json = dict[str, Any]


def blacked_out(film: np.ndarray, lungs: np.ndarray, view: str) -> np.ndarray:
    """A film, uint8 [S, S], with the lungs (bool [S, S]) or all but the lungs set to 0; a new array.

    Raises:
        PneumoscopeError: `view` is none of VIEWS.
    """
    if view not in VIEWS:
        raise PneumoscopeError(f"unknown view {view!r}: expected one of {', '.join(VIEWS)}")
    return np.where(lungs == (view == LUNGS_ONLY), film, np.uint8(0))


def blacked_out_films(images: np.ndarray, lungs: np.ndarray, view: str, spec: StressSpec) -> np.ndarray:
    """Films as `spec.sized` leaves them, uint8 [n, S, S], and their lungs, bool [n, S, S] → ready for the network.

    The network's contrast rule comes after the blacking out, as on a film that was masked at the scanner.
    """
    rows = zip(images, lungs, strict=True)
    return np.stack([prepare(blacked_out(np.asarray(image), place, view), spec.toned) for image, place in rows])


def shortcut_figures(
    labels: ArrayLike,
    patients: Sequence[str],
    logits: Mapping[str, ArrayLike],
    advance: Callable[..., None] = lambda *_: None,
) -> Json:
    """AUROC under both views and their gap.

    Args:
        labels: 0 or 1, [N].
        patients: id of each film.
        logits: view → [N], both of VIEWS.
        advance: called with the number of resamples done.

    Returns:
        JSON-ready: films, patients, positives; lungs_blacked_out, lungs_only, and gap (lungs_only less
        lungs_blacked_out: the higher, the more of what tells the classes is in the lungs), each {value, low, high}
        with an interval over patients.

    Raises:
        PneumoscopeError: NaN logits, one class only, too few patients.
    """
    require_patients(patients, "the films")
    closed = {view: auroc_interval(labels, logits[view]) for view in VIEWS}
    rankings = {view: Ranking.of(labels, logits[view]) for view in VIEWS}

    def figures(weights: Floats) -> dict[str, Floats]:
        areas = {view: ranking.areas(weights)[0] for view, ranking in rankings.items()}
        return {**areas, GAP: areas[LUNGS_ONLY] - areas[LUNGS_BLACKED_OUT]}

    draws = resample(patients, figures, advance)
    whole = figures(np.ones((1, len(patients))))
    return {
        "films": len(patients),
        "patients": len(set(patients)),
        "positives": int(np.asarray(labels).sum()),
        **{
            name: patient_interval(float(values[0]), draws[name], closed.get(name)).as_json()
            for name, values in whole.items()
        },
    }
