"""The card's shape: what card.json holds, checked when it is written and when it is read."""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

from train.metrics.operating_points import DEFAULT_OPERATING_POINT, OPERATING_POINTS
from train.radiograph import PrepareSpec

CARD = "card.json"
#: Entries that cards did not always have: None in a card from before, whose model does not repeat them.
LATER_ENTRIES = ("heatmap", "novelty", "stress", "audit", "training_cost", "monai")

Fraction = Annotated[float, Field(ge=0, le=1)]  # a share of films; never NaN
Threshold = Annotated[float, Field(gt=0, lt=1)]  # on the calibrated probability


class _CardPart(BaseModel):
    """Frozen, and open: keys this version does not know are kept, so that a later card can still be read."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class Calibration(_CardPart):
    """probability = sigmoid(logit / temperature + offset): see `export.graph.calibration`.

    Cards from before Platt scaling have no offset and are written as they were, because their models repeat them.
    """

    method: Literal["none", "temperature", "platt"] = "temperature"
    temperature: PositiveFloat
    offset: float = 0.0
    selected_on: Literal["validation"]

    @model_validator(mode="after")
    def _agrees_with_its_method(self) -> "Calibration":
        if self.offset and self.method == "temperature":
            raise ValueError(f"method temperature has no offset. Received: {self.offset}")
        if self.method == "none" and (self.offset, self.temperature) != (0, 1):
            raise ValueError(
                f"method none has temperature 1 and no offset. Received: {self.temperature}, {self.offset}"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_an_offset_never_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        entries = dump(self)
        if "offset" not in self.model_fields_set:
            entries.pop("offset", None)
        return entries

    def calibrated(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits on the calibrated scale, the scale of the card's thresholds."""
        return logits / self.temperature + self.offset


class OperatingPoint(_CardPart):
    """A film is called `classes[1]` when its calibrated probability is at or above the threshold."""

    threshold: Threshold
    selected_on: Literal["validation"]
    sensitivity: Fraction | None = None
    specificity: Fraction | None = None


class Metrics(_CardPart):
    """What `evaluate` measured, with intervals; `test` is None until the test films have been read."""

    validation: dict[str, Any]
    test: dict[str, Any] | None = None


class Parity(_CardPart):
    """How far ONNX Runtime was from Keras on the same films when the bundle was made."""

    films: PositiveInt
    largest_probability_difference: Annotated[float, Field(ge=0)]
    decisions_changed: Annotated[int, Field(ge=0)]


class HeatmapCard(_CardPart):
    """The graph's `heatmap`: what speaks for `classes[1]`, 0..1, on one scale for every film."""

    method: str
    layer: str
    shape: tuple[PositiveInt, PositiveInt]  # (h, w)
    scale: PositiveFloat  # the contribution to the logit that is shown as 1
    scale_percentile: float
    scale_from: str
    validation_clipped: Fraction  # share of the validation films that reach beyond 1
    checks: dict[str, Any]  # see export/graph/heatmap_checks.py


class NoveltyCard(_CardPart):
    """The graph's `novelty`, about 1 for a film like the training films; above `limit` a film is refused."""

    method: str
    features: PositiveInt
    training_films: PositiveInt
    limit: PositiveFloat
    limit_percentile: float
    selected_on: Literal["validation"]
    guard: dict[str, Any] | None = None  # see export/graph/novelty_checks.py; None where no OOD images were at hand
    test_refused: Fraction | None = None  # share of the test films; None until they have been read


class Card(_CardPart):
    """All that must be known to use a network and to evaluate it. `checksums` is filled by `write_bundle`."""

    format: Literal[1] = 1
    network: Literal["a", "b"]
    title: str
    placeholder: bool
    placeholder_reason: str
    classes: tuple[str, str]  # (negative, positive)
    prepare: PrepareSpec
    calibration: Calibration
    default_operating_point: str = DEFAULT_OPERATING_POINT
    operating_points: dict[str, OperatingPoint]
    novelty_limit: float | None = None
    heatmap: HeatmapCard | None = None  # of a graph without that output None, as is `novelty`
    novelty: NoveltyCard | None = None
    split_fingerprint: str
    metrics: Metrics
    parity: Parity
    stress: dict[str, Any] | None = None  # see export/bundle/robustness.py; None where it was not measured
    audit: dict[str, Any] | None = None  # see export/bundle/audit.py; None where the films were not audited
    training_cost: dict[str, Any] | None = None  # time, and an estimate of the energy
    monai: dict[str, Any] | None = None  # keys of a MONAI bundle's metadata.json, see export/card/monai.py
    intended_use: str
    not_intended_use: str
    training: str
    data: str
    licence: str
    versions: dict[str, str]
    commit: str
    created: str  # ISO date
    checksums: dict[str, str] = Field(default_factory=dict)  # file name → SHA-256, hexadecimal

    @field_serializer("prepare", mode="wrap")
    def _without_a_centre_crop_of_all(self, spec: PrepareSpec, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what cards from before centre crops do not have, because their models repeat them."""
        entries = dump(spec)
        if spec.centre_crop == 1:
            entries.pop("centre_crop", None)
        return entries

    @field_validator("operating_points")
    @classmethod
    def _has_every_operating_point(cls, points: dict[str, OperatingPoint]) -> dict[str, OperatingPoint]:
        missing = [name for name in OPERATING_POINTS if name not in points]
        if missing:
            raise ValueError(f"lacks {', '.join(missing)}")
        return points

    @field_validator("checksums")
    @classmethod
    def _names_files_of_the_bundle(cls, checksums: dict[str, str]) -> dict[str, str]:
        for name in checksums:
            if name in ("", ".", "..", CARD) or set("/\\\0") & set(name):
                raise ValueError(f"{name!r} is no file of a bundle that can have a checksum")
        return checksums

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Card":
        if self.default_operating_point not in self.operating_points:
            raise ValueError(f"default_operating_point {self.default_operating_point!r} is no operating point")
        if self.classes[0] == self.classes[1]:
            raise ValueError("classes must be two different names")
        if self.novelty is not None and self.novelty.limit != self.novelty_limit:
            raise ValueError("novelty_limit must be novelty.limit")
        if self.placeholder and not self.placeholder_reason.strip():
            raise ValueError("a placeholder needs a placeholder_reason")
        return self
