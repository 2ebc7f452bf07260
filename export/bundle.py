"""The bundle on disk: one network as `model.onnx` with its card, curves and scores, verified when read.

    assets/models/<a|b>/ = model.onnx, card.json, evaluation.json, scores.csv, history.csv, README.md

Every file but the card has its SHA-256 in the card. The card itself is repeated in the model's
`metadata_props`: whoever loads the model compares the two with `card_matches_metadata`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
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
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from train.atomic import replace_folder, write_bytes
from train.errors import PneumoscopeError
from train.operating_points import DEFAULT_OPERATING_POINT, OPERATING_POINTS
from train.radiograph import PrepareSpec

MODEL = "model.onnx"
CARD = "card.json"
BUNDLE_FILES = (MODEL, CARD, "evaluation.json", "scores.csv", "history.csv", "README.md")
NETWORKS = ("a", "b")
EXPORT_AGAIN = "export it again: pneumoscope export RUN"

Fraction = Annotated[float, Field(ge=0, le=1)]  # a share of films; never NaN
Threshold = Annotated[float, Field(gt=0, lt=1)]  # on the calibrated probability


class BundleError(PneumoscopeError):
    """A bundle is missing, incomplete, damaged or changed after its export."""


class _CardPart(BaseModel):
    """Frozen, and open: keys this version does not know are kept, so that a later card can still be read."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class Calibration(_CardPart):
    """probability = sigmoid(logit / temperature + offset): see `export.calibration`.

    Cards from before Platt scaling have no offset and are written as they were, because their models repeat them.
    """

    method: Literal["temperature", "platt"] = "temperature"
    temperature: PositiveFloat
    offset: float = 0.0
    selected_on: Literal["validation"]

    @model_validator(mode="after")
    def _agrees_with_its_method(self) -> "Calibration":
        if self.offset and self.method == "temperature":
            raise ValueError(f"method temperature has no offset. Received: {self.offset}")
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
    checks: dict[str, Any]  # see export/heatmap_checks.py


class NoveltyCard(_CardPart):
    """The graph's `novelty`, about 1 for a film like the training films; above `limit` a film is refused."""

    method: str
    features: PositiveInt
    training_films: PositiveInt
    limit: PositiveFloat
    limit_percentile: float
    selected_on: Literal["validation"]
    guard: dict[str, Any] | None = None  # see export/novelty_checks.py; None where no foreign pictures were at hand
    test_refused: Fraction | None = None  # share of the test films; None until they have been read


class Card(_CardPart):
    """All that must be known to use a network and to judge it. `checksums` is filled by `write_bundle`."""

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
    intended_use: str
    not_intended_use: str
    training: str
    data: str
    licence: str
    versions: dict[str, str]
    commit: str
    created: str  # ISO date
    checksums: dict[str, str] = Field(default_factory=dict)  # file name → SHA-256, hexadecimal

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
            if name in ("", ".", "..", CARD) or "/" in name or "\\" in name:
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


@dataclass(frozen=True)
class Bundle:
    """A verified bundle: its files were all there and unchanged when it was read."""

    folder: Path
    card: Card

    @property
    def model(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL


def read_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle.

    Raises:
        BundleError: a file is missing, the card is no valid card, or a file differs from its checksum.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such bundle folder; {EXPORT_AGAIN}")
    card = _read_card(folder / CARD)
    for name in BUNDLE_FILES:
        if name != CARD and name not in card.checksums:
            raise BundleError(f"{folder / CARD}: checksums lacks {name}; {EXPORT_AGAIN}")
    for name, expected in card.checksums.items():
        if _sha256(folder / name) != expected.lower():
            raise BundleError(
                f"{folder / name}: differs from its checksum in {CARD}, so it was damaged or changed after "
                f"export; {EXPORT_AGAIN}"
            )
    return Bundle(folder, card)


def write_bundle(folder: Path, card: Card, model: bytes, files: Mapping[str, bytes]) -> Bundle:
    """Write a bundle in one step: `folder` holds either the whole new bundle or what it held before.

    Args:
        folder: replaced as a whole, with everything in it.
        card: its checksums are ignored and written anew. A metric that is NaN becomes null.
        model: the ONNX graph with `metadata_of(card)` in its metadata_props.
        files: the other files by name; those of `BUNDLE_FILES` are required.

    Raises:
        BundleError: a file is missing or misnamed, or the card holds something that cannot be JSON.
    """
    contents = {MODEL: model, **files}
    missing = [name for name in BUNDLE_FILES if name != CARD and name not in contents]
    if missing:
        raise BundleError(f"{folder}: a bundle also needs {', '.join(missing)}; nothing was written")
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    try:
        card = Card.model_validate({**card.model_dump(), "checksums": sums})
        text = json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    except ValidationError as error:
        raise BundleError(f"{folder / CARD}: {_first_fault(error)}; nothing was written") from error
    except ValueError as error:
        raise BundleError(f"{folder / CARD}: cannot be JSON ({error}); nothing was written") from error
    with replace_folder(folder) as temporary:
        for name, data in contents.items():
            write_bytes(temporary / name, data)
        write_bytes(temporary / CARD, (text + "\n").encode())
    return Bundle(folder, card)


def find_bundles(models: Path, networks: Sequence[str] = NETWORKS) -> dict[str, Bundle]:
    """Read the bundles `models/a` and `models/b` that are there; `models` may also be one bundle itself.

    Raises:
        BundleError: a bundle that is there is not whole, or lies in the other network's folder.
    """
    if (models / CARD).is_file():
        bundle = read_bundle(models)
        return {bundle.card.network: bundle} if bundle.card.network in networks else {}
    found = {}
    for network in networks:
        folder = models / network
        if not folder.is_dir() or all(entry.name.startswith(".") for entry in folder.iterdir()):
            continue
        bundle = read_bundle(folder)
        if bundle.card.network != network:
            raise BundleError(
                f"{folder / CARD}: says network {bundle.card.network!r}, expected {network!r} by its folder; "
                f"rename the folder or {EXPORT_AGAIN}"
            )
        found[network] = bundle
    return found


def default_models_folder() -> Path:
    """`assets/models` beside the packages: the same place in a checkout and in an installed wheel."""
    return Path(__file__).resolve().parents[1] / "assets" / "models"


def metadata_of(card: Card) -> dict[str, str]:
    """The card as ONNX metadata_props: text as it is, everything else as JSON; without the checksums."""
    # Bundles made before these outputs existed have neither key in their model.
    absent = {name for name in ("heatmap", "novelty") if getattr(card, name) is None}
    entries = card.model_dump(mode="json", exclude={"checksums", *absent})
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for key, value in entries.items()
    }


def card_matches_metadata(card: Card, metadata: Mapping[str, str]) -> list[str]:
    """Name the keys in which a card and its model's metadata_props differ, sorted; empty when they agree.

    Keys with a dot are other tools' marks (ONNX Runtime's quantizer writes `onnx.infer`), never ours.
    """
    ours = metadata_of(card)
    theirs = {key: value for key, value in metadata.items() if "." not in key}
    return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))


def _read_card(path: Path) -> Card:
    try:
        entries = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BundleError(f"{path}: missing; {EXPORT_AGAIN}") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: no valid JSON, perhaps cut short ({error}); {EXPORT_AGAIN}") from error
    if not isinstance(entries, dict):
        raise BundleError(f"{path}: expected a JSON object; {EXPORT_AGAIN}")
    if isinstance(entries.get("format"), int) and entries["format"] > 1:
        raise BundleError(f"{path}: bundle format {entries['format']}, this pneumoscope reads 1; upgrade pneumoscope")
    try:
        return Card.model_validate(entries)
    except ValidationError as error:
        raise BundleError(f"{path}: {_first_fault(error)}; {EXPORT_AGAIN}") from error
    except PneumoscopeError as error:  # a wrong PrepareSpec
        raise BundleError(f"{path}: prepare: {error}; {EXPORT_AGAIN}") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "card"
    received = "" if isinstance(fault["input"], dict | list) else f" (received {fault['input']!r})"
    more = f", and {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return f"{place}: {fault['msg']}{received}{more}"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise BundleError(f"{path}: missing; {EXPORT_AGAIN}") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
