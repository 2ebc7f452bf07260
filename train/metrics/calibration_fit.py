"""The calibrated scale: probability = sigmoid(logit / temperature + offset), and how the two are fitted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from train.metrics.cluster_bootstrap import Floats
from train.metrics.scores import log_loss, logistic

Method = Literal["none", "temperature", "platt"]
#: Those that a fit chooses between, where it is to choose.
FITTED_METHODS: tuple[Method, ...] = ("temperature", "platt")
#: The optimum is sought between these temperatures, and offsets of at most this size.
TEMPERATURE_RANGE = (0.05, 20.0)
OFFSET_LIMIT = 20.0
SEPARATED = "not fitted: the validation scores separate the classes, so that every lower temperature looks better"
NO_OPTIMUM = (
    "not fitted: the best fit to the validation scores lies outside temperatures from "
    f"{TEMPERATURE_RANGE[0]:g} to {TEMPERATURE_RANGE[1]:g} and offsets up to {OFFSET_LIMIT:g}"
)


@dataclass(frozen=True)
class Scale:
    """probability = sigmoid(logit / temperature + offset): rising in the logit, so that no decision ever changes."""

    temperature: float = 1.0
    offset: float = 0.0

    def calibrated(self, logits: ArrayLike) -> Floats:
        """Logits on the calibrated scale."""
        return np.asarray(logits, dtype=np.float64) / self.temperature + self.offset


def fit_temperature(labels: ArrayLike, logits: ArrayLike) -> Scale | None:
    """The temperature of least log loss; None where the optimum lies outside TEMPERATURE_RANGE."""
    raw = np.asarray(logits, dtype=np.float64)
    lowest, highest = np.log(TEMPERATURE_RANGE)
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_temperature: log_loss(labels, raw / np.exp(log_temperature)),
        bounds=(lowest, highest),
        method="bounded",
        options={"xatol": 1e-6},
    )
    at_the_edge = min(found.x - lowest, highest - found.x) < 1e-3
    return None if at_the_edge else Scale(float(np.exp(found.x)))


def fit_platt(labels: ArrayLike, logits: ArrayLike) -> Scale | None:
    """Temperature and offset of least log loss (Platt 1999, without his smoothed labels: there are enough films).

    None where the optimum lies outside TEMPERATURE_RANGE or OFFSET_LIMIT, or a cut separates the classes, so that there
    is none.
    """
    raw, truth = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if raw[truth == 1].min(initial=np.inf) > raw[truth == 0].max(initial=-np.inf):
        return None

    def loss(slope_and_offset: Floats) -> tuple[float, Floats]:
        slope, offset = slope_and_offset
        error = logistic(slope * raw + offset) - truth
        return log_loss(truth, slope * raw + offset), np.array([np.mean(error * raw), np.mean(error)])

    slopes = 1 / TEMPERATURE_RANGE[1], 1 / TEMPERATURE_RANGE[0]
    bounds = (slopes, (-OFFSET_LIMIT, OFFSET_LIMIT))
    from scipy.optimize import minimize

    found = minimize(
        loss, [1.0, 0.0], jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9}
    )
    for value, (low, high) in zip(found.x, bounds, strict=True):
        if min(value - low, high - value) < 1e-3 * min(abs(low), abs(high)):
            return None
    return Scale(float(1 / found.x[0]), float(found.x[1]))


#: Method → its fit of labels and logits; None where there is no optimum; see `fit_or_keep`.
FITS: dict[Method, Callable[[ArrayLike, ArrayLike], Scale | None]] = {
    "none": lambda *_: Scale(),
    "temperature": fit_temperature,
    "platt": fit_platt,
}


@dataclass(frozen=True)
class Fit:
    """What a method makes of scores.

    Attributes:
        scale: fitted, or the network's own probability where there is no optimum.
        note: empty, or why the scale was left as it is.
    """

    scale: Scale
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether there was no optimum."""
        return bool(self.note)


def fit_or_keep(method: Method, labels: ArrayLike, logits: ArrayLike) -> Fit:
    """Fit a method; where its fit has no optimum the network's own probability stays, and no other method steps in.

    The one rule for what ships (`export.graph.calibration`) and for what is measured before it is chosen
    (`train.evaluation.carry_over`).
    """
    scale = FITS[method](labels, logits)
    if scale is not None:
        return Fit(scale)
    raw, positive = np.asarray(logits, dtype=np.float64), np.asarray(labels) == 1
    separated = raw[positive].min(initial=np.inf) > raw[~positive].max(initial=-np.inf)
    return Fit(Scale(), SEPARATED if separated else NO_OPTIMUM)
