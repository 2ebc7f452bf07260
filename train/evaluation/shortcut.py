"""What a network reads outside the lungs: AUROC with the lungs blacked out, and with all but them. No TensorFlow here.

A network that tells the classes by the film's frame (borders, position, letters, exposure) keeps its AUROC when the
lungs are gone. The two figures say so on ordinary validation films, which reward such a network.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from train.data.corruptions import LUNGS_BLACKED_OUT, LUNGS_ONLY, VIEWS
from train.metrics.cluster_bootstrap import RESAMPLES, Floats, Ranking, patient_interval, require_patients, resample
from train.metrics.intervals import auroc_interval, difference_interval

GAP = "gap"
#: For a bar's total.
SHORTCUT_RESAMPLES = RESAMPLES

Json = dict[str, Any]


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
    closed[GAP] = difference_interval(closed[LUNGS_ONLY], closed[LUNGS_BLACKED_OUT])
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
            name: patient_interval(float(values[0]), draws[name], closed[name]).as_json()
            for name, values in whole.items()
        },
    }
