"""Typed settings of a run. Unknown keys are errors; the settings stand in every run folder as settings.yaml."""

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from train.common.errors import UsageError
from train.data.shifted_split import ShiftRule
from train.metrics.operating_choices import CalibrationRule, PointName, Seen
from train.metrics.operating_points import DEFAULT_OPERATING_POINT
from train.radiograph import ContrastRule, PrepareSpec

NetworkName = Literal["a", "b", "backbone", "teacher"]
Optimizer = Literal["adam", "rmsprop", "sgd", "momentum"]

Positive = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


#: Of epochs, films in a batch and the like: more than anybody waits for, and what every library still counts in.
Count = Annotated[int, Field(ge=0, le=1_000_000)]
AtLeastOne = Annotated[int, Field(ge=1, le=1_000_000)]

MOST_FAULTS = 5  # that one line names
_SHOWN = 80  # characters of a name or value in it


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class PrepareSettings(_Strict):
    """How a film becomes the network's input: side in pixels, resize rule, contrast rule, share of the side kept."""

    image_size: Annotated[int, Field(ge=32, le=2048)] = 250
    resize: Literal["squash", "letterbox", "crop"] = "squash"
    contrast: ContrastRule = "none"
    centre_crop: Annotated[float, Field(gt=0, le=1)] = 1.0

    def spec(self) -> PrepareSpec:
        """Return the same as the argument that `train.radiograph.prepare` takes."""
        return PrepareSpec(self.image_size, self.resize, self.contrast, self.centre_crop)


class AugmentationSettings(_Strict):
    """Random changes of training films, each drawn evenly from ± its range. The report names the first three.

    rotation in degrees; zoom and shift as a share of the side; brightness as a share of the full grey range;
    contrast as a share around the film's mean grey; gamma as a share of the exponent's octave (0.3: 2 ** ±0.3).
    Drawn evenly from 0 to the value: blur, the standard deviation of a Gaussian in pixels of a film of side 224 (of
    another side in proportion); noise, a standard deviation in grey values. jpeg: the lowest quality of a recoding,
    drawn from there to 100. equalise: how much of the film's equalised histogram is mixed in. 0 switches any of them
    off. crop: the lowest share of the film's area that a random crop keeps, drawn from there to 1, which switches it
    off; crop_aspect: its width against its height, relative to the film's, is drawn from 1 / crop_aspect to it.
    erase: the largest share of the picture's area under a grey rectangle, drawn from 0. mixup: alpha of the Beta
    distribution of the shares in which two films of a batch are blended (`train.fitting.batches.loader.FilmBatches`).
    """

    crop: Annotated[float, Field(gt=0, le=1)] = 1.0
    crop_aspect: Annotated[float, Field(ge=1, le=10)] = 4 / 3

    rotation: Annotated[float, Field(ge=0, le=180)] = 10.0
    zoom: Share = 0.1
    shift: Share = 0.1
    brightness: Share = 0.0
    contrast: Share = 0.0
    gamma: Annotated[float, Field(ge=0, le=3)] = 0.0
    flip: bool = False
    blur: Annotated[float, Field(ge=0, le=20)] = 0.0
    noise: Annotated[float, Field(ge=0, le=128)] = 0.0
    jpeg: Annotated[int, Field(ge=0, le=100)] = 0
    equalise: Annotated[float, Field(ge=0, le=1)] = 0.0
    erase: Share = 0.0
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.0


class PlateauSettings(_Strict):
    """ReduceLROnPlateau on val_loss; the report uses it without giving its numbers."""

    factor: Annotated[float, Field(gt=0, lt=1)] = 0.3
    patience: Count = 2


class FineTuneSettings(_Strict):
    """Stage 2 of network B. `learning_rate` null means a tenth of stage 1's; `from_layer` 0 trains everything."""

    epochs: Count = 10
    learning_rate: Rate | None = None
    from_layer: Count = 150


class ProgressiveSettings(_Strict):
    """A stage of progressive resizing: so many epochs on films of a smaller side, before the side of `prepare`."""

    image_size: Annotated[int, Field(ge=32, le=2048)]
    epochs: AtLeastOne


class CacheSettings(_Strict):
    """Network B's cache of features, so that the frozen part of the backbone sees each picture once.

    copies: how many augmented pictures of each training film there are; epoch e shows number e modulo `copies`.
    0 means no cache, and pictures that never repeat. limit_gb: of the folder of features, in 10 ** 9 bytes; a stage
    whose features alone would take more runs without a cache.
    """

    copies: Annotated[int, Field(ge=0, le=1000)] = 5
    limit_gb: Positive = 10.0


class OperatingSettings(_Strict):
    """From what thresholds and calibration are chosen, and which threshold is the default one.

    seen: `train.metrics.augmented_scores`. default: an operating point of `train.metrics.operating_points`.
        calibration: one method, or
    cross_validated, whichever of temperature and Platt has the lower log loss on validation
    (`export.graph.calibration`).
    calibration_seen: what calibration is fitted on, where that is not what thresholds are chosen from; null for `seen`.
    `evaluate` freezes all four in evaluation.json, and its options win over these.
    """

    seen: Seen = "plain"
    default: PointName = DEFAULT_OPERATING_POINT
    calibration: CalibrationRule = "cross_validated"
    calibration_seen: Seen | None = None

    @property
    def fitted_on(self) -> Seen:
        """Which readings of the validation films calibration is fitted on."""
        return self.calibration_seen or self.seen

    @property
    def needs_augmented(self) -> bool:
        """Whether anything is taken from the readings through the augmentation."""
        return "augmented" in (self.seen, self.fitted_on)


class DistillationSettings(_Strict):
    """How B learns from a teacher (`train.fitting.distillation`): T of the soft labels, and the losses' weights."""

    temperature: Annotated[float, Field(ge=0.1, le=100, allow_inf_nan=False)] = 2.0
    label_weight: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0.5
    feature_weight: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 1.0


class Settings(_Strict):
    """Everything that decides what a run computes, besides the films. Defaults are the report's where it has one.

    class_weights and label_smoothing are explained in `train.fitting.targets`, shifted_validation in
    `train.data.shifted_split`; docs/training.md says what each is for. keep: the epoch whose network is kept as
    best.keras, the one of the lowest validation loss or the last; save_every: every so many epochs (and after a stage's
    last) last.keras is written.
    mixed_precision: activations in 16 bits, on a GPU. teacher: runs of network teacher, by name or folder, that B's
    whole backbone is trained towards (`train.fitting.distillation`); `fine_tune` is not used then.
    """

    network: NetworkName
    prepare: PrepareSettings = PrepareSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    width: Positive = 1.0
    dropout: Share = 0.1
    extra_dense: Annotated[int, Field(ge=0, le=32)] = 0
    head_exponent: Annotated[int, Field(ge=0, le=16)] = 7
    batch_norm_momentum: Annotated[float, Field(gt=0, lt=1)] = 0.9
    backbone_weights: str = "imagenet"
    optimizer: Optimizer = "adam"
    learning_rate: Rate = 0.001
    schedule: Literal["plateau", "cosine"] = "plateau"
    epochs: Count = 16
    fine_tune: FineTuneSettings = FineTuneSettings()
    teacher: tuple[str, ...] = ()
    distillation: DistillationSettings = DistillationSettings()
    progressive: tuple[ProgressiveSettings, ...] = ()
    cache: CacheSettings = CacheSettings()
    batch_size: AtLeastOne = 32
    plateau: PlateauSettings = PlateauSettings()
    early_stopping_patience: AtLeastOne | None = None
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    validation_fraction: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    shifted_validation: ShiftRule = "none"
    operating: OperatingSettings = OperatingSettings()
    films_per_class: AtLeastOne | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    #: Of the split alone; null means `seed`. Runs of several seeds on one split can be compared film by film.
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    keep: Literal["best", "last"] = "best"
    save_every: AtLeastOne = 1
    mixed_precision: Literal[False, "float16", "bfloat16"] = False

    @property
    def seed_of_split(self) -> int:
        """The seed that deals the patients to training and validation."""
        return self.seed if self.split_seed is None else self.split_seed

    @field_validator("mixed_precision", mode="before")
    @classmethod
    def _true_is_float16(cls, value: object) -> object:
        return "float16" if value is True else value

    @field_validator("teacher", mode="before")
    @classmethod
    def _one_or_none(cls, value: object) -> object:
        return [] if value is None else [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _belongs_to_network(self) -> Self:
        foreign = {
            "a": ("head_exponent", "backbone_weights", "fine_tune", "cache", "teacher", "distillation"),
            "b": ("width",),
            "backbone": (
                *("width", "head_exponent", "extra_dense", "fine_tune", "label_smoothing", "cache"),
                *("teacher", "distillation"),
            ),
            "teacher": ("width", "head_exponent", "extra_dense", "fine_tune", "cache", "teacher", "distillation"),
        }[self.network]
        if self.network == "b" and not self.teacher:  # with a teacher alone all of B is trained from the first step
            foreign = (*foreign, "batch_norm_momentum", "distillation")
        for name in foreign:
            if getattr(self, name) != type(self).model_fields[name].default:
                without = " without a teacher" if name in ("batch_norm_momentum", "distillation") else ""
                raise ValueError(f"{name} does not belong to network {self.network}{without}")
        return self

    @model_validator(mode="after")
    def _blends_two_classes(self) -> Self:
        if self.network == "backbone" and self.augmentation.mixup:
            raise ValueError("augmentation.mixup does not belong to network backbone: it has more than two classes")
        return self

    @model_validator(mode="after")
    def _something_is_trained(self) -> Self:
        if self.epochs == 0 and (self.network != "b" or self.teacher or self.fine_tune.epochs == 0):
            raise ValueError("epochs must be 1 or more; 0 is for network b alone, whose fine-tuning then comes first")
        return self

    @model_validator(mode="after")
    def _progressive_sizes_fit(self) -> Self:
        # A's six poolings halve the side and round up; its dense layer takes what they leave. B and the backbone pool.
        side = math.ceil(self.prepare.image_size / 64)
        for step in self.progressive if self.network == "a" else ():
            if math.ceil(step.image_size / 64) != side:
                raise ValueError(
                    f"progressive: network A of {self.prepare.image_size} pixels takes sides from {64 * side - 63} to "
                    f"{64 * side}, which leave its dense layer as it is. Received: {step.image_size}"
                )
        return self


#: Defaults that differ from network A's (report: B's head trains for 20 epochs).
NETWORK_DEFAULTS: dict[str, dict[str, object]] = {
    "a": {},
    "b": {"epochs": 20},
    "backbone": {"epochs": 20, "backbone_weights": "random"},
    "teacher": {"epochs": 12, "dropout": 0.2, "learning_rate": 0.0005},
}


#: Settings of former versions → the value at which they did nothing. Runs that say so still open.
RETIRED = {"kinds": False, "weight_average": None}


def make_settings(network: str, changes: dict[str, object]) -> Settings:
    """Make settings for a network from its defaults and changes, whose keys may be dotted (`prepare.resize`).

    Raises:
        UsageError: an unknown key, or a value outside its range: one line that names the key and the value.
    """
    values: dict[str, object] = {"network": network, **NETWORK_DEFAULTS.get(network, {})}
    for key, value in changes.items():
        if key not in RETIRED:
            _place(values, key.split("."), value, key)
        elif value != RETIRED[key]:
            raise UsageError(
                f"setting {key} is no more: it gained nothing (docs/training.md); only a version before it left can "
                f"train or open such a run. Received: {_shown(value)}"
            )
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise UsageError(_one_line(error)) from error


def _place(values: dict[str, object], keys: list[str], value: object, full_key: str) -> None:
    for key in keys[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise UsageError(f"unknown setting {full_key}: {key} has no parts")
        values = inner
    old = values.get(keys[-1])
    if isinstance(old, dict) and isinstance(value, dict):
        for key, part in value.items():
            _place(old, [key], part, f"{full_key}.{key}")
    else:
        values[keys[-1]] = dict(value) if isinstance(value, dict) else value


def _one_line(error: ValidationError) -> str:
    parts = []
    for item in error.errors()[:MOST_FAULTS]:
        key = ".".join(str(part) for part in item["loc"])[:_SHOWN]
        if item["type"] == "extra_forbidden":
            parts.append(f"unknown setting {key}: known are {', '.join(_known_keys(item['loc'][:-1]))}")
        elif item["type"] == "value_error" and not key:
            parts.append(str(item["ctx"]["error"]))
        else:
            parts.append(f"setting {key}: {item['msg'].lower()}. Received: {_shown(item['input'])}")
    if error.error_count() > MOST_FAULTS:
        parts.append(f"and {error.error_count() - MOST_FAULTS} more")
    return "; ".join(parts)


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # of more digits than Python writes, or nested deeper than it goes
        return f"a very large {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in location:
        if part == "progressive":
            model = ProgressiveSettings
        elif isinstance(part, str):
            model = type(model.model_fields[part].default)
    return list(model.model_fields)
