"""What the sliders of the page recompute: one network's figures at a threshold and a prevalence."""

from collections.abc import Mapping
from dataclasses import dataclass

from export.bundle.scores import BundleScores
from train.metrics.operating_points import Confusion, confusion, predictive_values

THRESHOLD_DIGITS = 3  # a slider's step is 0.001
PREVALENCE_DIGITS = 3  # 0.1 %


@dataclass(frozen=True)
class MetricsAtThreshold:
    """A network's figures on the films of a split.

    Attributes:
        threshold: on the calibrated probability.
        confusion: counts at the threshold, and the figures that follow from them alone.
        prevalence: 0..1, for which the predictive values hold.
        ppv: by Bayes' rule, 0..1; NaN where no film would be called pneumonia.
        npv: by Bayes' rule, 0..1; NaN where no film would be called normal.
    """

    threshold: float
    confusion: Confusion
    prevalence: float
    ppv: float
    npv: float


def metrics_at_threshold(scores: BundleScores, threshold: float, prevalence: float) -> MetricsAtThreshold:
    """Count calls at a threshold, and work out the predictive values for a prevalence.

    Args:
        scores: films of both classes.
        threshold: on the calibrated probability.
        prevalence: 0..1.

    Raises:
        PneumoscopeError: a NaN threshold, or a prevalence outside 0..1.
    """
    counts = confusion(scores.labels, scores.probabilities, threshold)
    ppv, npv = predictive_values(counts.sensitivity, counts.specificity, prevalence)
    return MetricsAtThreshold(threshold, counts, prevalence, float(ppv), float(npv))


def prevalence_of(scores: BundleScores) -> float:
    """Share of a split's films that show pneumonia, 0..1."""
    return float(scores.labels.mean())


def snapped(value: float, exact: Mapping[str, float], digits: int, preferred: str | None = None) -> str | None:
    """Name the exact value that a slider's rounded value stands for; None where it stands for itself.

    Args:
        value: of the slider.
        exact: values by name.
        digits: decimals of the slider.
        preferred: the name to take where several round to the same value.
    """
    names = [name for name, number in exact.items() if round(number, digits) == round(value, digits)]
    return preferred if preferred in names else next(iter(names), None)
