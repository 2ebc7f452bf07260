"""The choices that operating points and calibration leave, by name: what settings and the command line offer."""

from typing import Literal

#: Validation films as they are, or as seen through the run's augmentation (`train.metrics.augmented_scores`).
Seen = Literal["plain", "augmented"]
#: An operating point; `half` is the network's own 0.5.
PointName = Literal["f1", "youden", "sensitivity_95", "specificity_95", "half"]
#: How calibration is fitted (`export.graph.calibration`).
CalibrationRule = Literal["cross_validated", "none", "temperature", "platt"]
