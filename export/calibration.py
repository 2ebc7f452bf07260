"""Temperature and operating points, from validation scores alone."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from train.errors import PneumoscopeError
from train.evaluation import choose_thresholds
from train.operating_points import confusion
from train.scores import Scores, log_loss, logistic

#: The optimum is sought between these temperatures.
TEMPERATURE_RANGE = (0.05, 20.0)
SEPARATED = "not fitted: the validation scores separate the classes, so that every lower temperature looks better"


@dataclass(frozen=True)
class CalibratedPoint:
    """An operating point on the calibrated probability, with what it reaches on the validation films."""

    threshold: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True)
class Calibration:
    """What export adds to a network: probability = sigmoid(logit / temperature), and where to cut it.

    log_loss_before and log_loss_after are means over the validation films, in nats. note is empty, or says why the
    temperature was left at 1.
    """

    temperature: float
    log_loss_before: float
    log_loss_after: float
    note: str
    operating_points: dict[str, CalibratedPoint]


def calibrate(scores: Scores) -> Calibration:
    """Fit the temperature (Guo et al. 2017, arXiv:1706.04599, section 4.2) and choose the operating points.

    The temperature minimises log loss over the validation films; the operating points are the evaluation's own, moved
    to the calibrated scale, so that calibration never changes a decision.

    Raises:
        PneumoscopeError: no validation films, or of one class only.
    """
    rows = scores.of_split("validation")
    if not len(rows):
        raise PneumoscopeError("the run has no validation scores to calibrate on: pneumoscope evaluate RUN")
    points = choose_thresholds(rows.labels, rows.logits)
    lowest, highest = np.log(TEMPERATURE_RANGE)
    found = minimize_scalar(
        lambda log_temperature: log_loss(rows.labels, rows.logits / np.exp(log_temperature)),
        bounds=(lowest, highest),
        method="bounded",
        options={"xatol": 1e-6},
    )
    at_the_edge = min(found.x - lowest, highest - found.x) < 1e-3
    temperature = 1.0 if at_the_edge else float(np.exp(found.x))
    return Calibration(
        temperature=temperature,
        log_loss_before=log_loss(rows.labels, rows.logits),
        log_loss_after=log_loss(rows.labels, rows.logits / temperature),
        note=SEPARATED if at_the_edge else "",
        operating_points={name: _calibrated(rows, cut, temperature) for name, cut in points.items()},
    )


def _calibrated(rows: Scores, cut: float, temperature: float) -> CalibratedPoint:
    counts = confusion(rows.labels, rows.logits, cut)
    return CalibratedPoint(float(logistic(cut / temperature)), counts.sensitivity, counts.specificity)
