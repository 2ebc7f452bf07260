"""Fit a network in stages and keep the run folder true after every epoch."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from train import atomic
from train.backbone import build_backbone_trainer
from train.cohort import Cohort, Film, write_split
from train.console import progress_bar, say, say_warning
from train.device import Device
from train.errors import PneumoscopeError
from train.loader import FilmBatches, PreparedFilms, prepare_films
from train.networks import (
    backbone_of,
    build_network_a,
    build_network_b,
    unfreeze_for_fine_tuning,
)
from train.objective import compile_arguments, pneumonia_figures, training_targets, validation_targets
from train.run_folder import RunFolder, commit_of_checkout, write_environment, write_history
from train.settings import Optimizer, Settings
from train.weight_average import WeightAverage

#: Colour channels that each network's input has.
CHANNELS = {"a": 1, "b": 3, "backbone": 3}


@dataclass(frozen=True)
class Stage:
    """A stretch of training with one set of trainable weights, one optimizer and one starting rate."""

    name: str
    epochs: int
    learning_rate: float
    enter: Callable[[keras.Model], object] = field(default=lambda _network: None)


def stages_of(settings: Settings) -> tuple[Stage, ...]:
    """Return the stages of a run: one for A and the backbone, head and fine-tuning for B (report, task 2)."""
    if settings.network != "b":
        return (Stage("train", settings.epochs, settings.learning_rate),)
    head = Stage("head", settings.epochs, settings.learning_rate)
    fine_tune = settings.fine_tune
    if fine_tune.epochs == 0:
        return (head,)
    return (
        head,
        Stage(
            "fine_tune",
            fine_tune.epochs,
            fine_tune.learning_rate or settings.learning_rate / 10,
            lambda network: unfreeze_for_fine_tuning(network, fine_tune.from_layer),
        ),
    )


def build_network(settings: Settings) -> keras.Model:
    """Build the network that the settings describe, in its first stage's state."""
    size = settings.prepare.image_size
    if settings.network == "a":
        return build_network_a(
            size,
            settings.width,
            settings.dropout,
            settings.extra_dense,
            batch_norm_momentum=settings.batch_norm_momentum,
            kinds=settings.kinds,
        )
    if settings.network == "b":
        return build_network_b(
            size,
            settings.dropout,
            settings.extra_dense,
            settings.head_exponent,
            settings.backbone_weights,
            kinds=settings.kinds,
        )
    return build_backbone_trainer(size, settings.dropout, settings.backbone_weights, settings.batch_norm_momentum)


def make_optimizer(
    name: Optimizer, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> keras.optimizers.Optimizer:
    """Make one of the report's four optimizers (3.2); `momentum` is SGD with momentum 0.9, a value of ours."""
    match name:
        case "adam":
            return keras.optimizers.Adam(learning_rate)
        case "rmsprop":
            return keras.optimizers.RMSprop(learning_rate)
        case "sgd":
            return keras.optimizers.SGD(learning_rate)
        case "momentum":
            return keras.optimizers.SGD(learning_rate, momentum=0.9)


@dataclass(frozen=True)
class Preparation:
    """All that can go wrong before the first step, done: the network in its first state and the films in memory.

    cohort: without the films that could not be read.
    """

    network: keras.Model
    cohort: Cohort
    training: FilmBatches
    validation: FilmBatches


def make_ready(settings: Settings, cohort: Cohort) -> Preparation:
    """Build the network and prepare the films of training and validation, before a run folder exists.

    Raises:
        PneumoscopeError: a split has no readable film of a class, or weights that cannot be had.
        UsageError: settings that the network refuses.
    """
    keras.utils.set_random_seed(settings.seed)
    keras.mixed_precision.set_global_policy("mixed_float16" if settings.mixed_precision else "float32")
    network = build_network(settings)
    return Preparation(network, *_prepared(cohort, settings))


def fit(run: RunFolder, settings: Settings, ready: Preparation, device: Device) -> None:
    """Train a network into an empty run folder.

    After every epoch history.csv, last.keras and, where validation loss fell to its lowest, best.keras are
    replaced whole. environment.json is written last: it marks a finished run.

    Raises:
        PneumoscopeError: the loss is no longer a number.
    """
    started, commit = time.monotonic(), commit_of_checkout()
    write_split(ready.cohort, run.split)
    keeper = _Keeper(run, settings, ready.training)
    for stage in stages_of(settings):
        _fit_stage(stage, settings, ready, keeper)
    if settings.network == "backbone":
        best = keras.saving.load_model(run.best_network, compile=False)
        with atomic.replace_file(run.backbone_weights) as temporary:
            backbone_of(best).save_weights(temporary)
    write_environment(
        run,
        {
            "network": settings.network,
            "device": device.line.removeprefix("device: "),
            "seed": settings.seed,
            "parameters": ready.network.count_params(),
            "films": {"train": len(ready.training.images), "validation": len(ready.validation.images)},
            "split_fingerprint": ready.cohort.fingerprint,
            "seconds": round(time.monotonic() - started, 1),
            "images_per_second": round(keeper.images_seen / max(keeper.training_seconds, 1e-9), 2),
            "commit": commit,
        },
    )


def _fit_stage(stage: Stage, settings: Settings, ready: Preparation, keeper: "_Keeper") -> None:
    network = ready.network
    stage.enter(network)
    batches = len(ready.training) * stage.epochs
    rate: float | keras.optimizers.schedules.LearningRateSchedule = stage.learning_rate
    callbacks: list[keras.callbacks.Callback] = []
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(stage.learning_rate, decay_steps=batches)
    else:
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor="val_loss", factor=settings.plateau.factor, patience=settings.plateau.patience
            )
        )
    network.compile(optimizer=make_optimizer(settings.optimizer, rate), **compile_arguments(settings))
    average = WeightAverage(settings.weight_average)
    if settings.early_stopping_patience is not None:
        callbacks.append(keras.callbacks.EarlyStopping(monitor="val_loss", patience=settings.early_stopping_patience))
    with progress_bar(f"{settings.network} {stage.name}", batches) as advance:
        keeper.enter(stage, advance, average)
        network.fit(
            ready.training,
            validation_data=ready.validation,
            epochs=stage.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[average, keeper, *callbacks],
        )


class _Keeper(keras.callbacks.Callback):
    """Keeps the run folder: history, last and best network, and the progress bar; stops at a loss of NaN."""

    def __init__(self, run: RunFolder, settings: Settings, training: FilmBatches) -> None:
        super().__init__()
        self.run = run
        self.settings = settings
        self.training = training
        self.rows: list[dict[str, object]] = []
        self.best_val_loss = math.inf
        self.images_seen = 0
        self.training_seconds = 0.0

    def enter(self, stage: Stage, advance: Callable[..., None], average: WeightAverage) -> None:
        """Begin a stage; epochs are counted on across stages so that no augmentation repeats."""
        self.stage = stage
        self.advance = advance
        self.average = average
        self.epochs_before = len(self.rows)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Tell the loader the epoch and start the clock."""
        self.training.set_epoch(self.epochs_before + epoch)
        self.epoch_started = self.last_batch_ended = time.monotonic()
        self.learning_rate = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance the bar; refuse to go on with a loss that is no number."""
        loss = float((logs or {})["loss"])
        self.last_batch_ended = time.monotonic()
        if not math.isfinite(loss):
            rate = float(self.model.optimizer.learning_rate)
            kept = "the best network so far is kept" if self.rows else "no epoch was finished"
            raise PneumoscopeError(
                f"the loss became {loss} in stage {self.stage.name}, epoch {len(self.rows) + 1}, "
                f"step {batch + 1}, at learning rate {rate:g}; {kept}; try a lower --learning-rate"
            )
        self.advance(1, note=f"epoch {len(self.rows) + 1} loss {loss:.3f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the epoch down: history.csv, last.keras, and best.keras where validation loss is lowest."""
        values = pneumonia_figures(logs or {})
        seconds = self.last_batch_ended - self.epoch_started
        count = len(self.training.images)
        self.images_seen += count
        self.training_seconds += seconds
        row: dict[str, object] = {
            "stage": self.stage.name,
            "epoch": len(self.rows) + 1,
            "learning_rate": self.learning_rate,
            "seconds": time.monotonic() - self.epoch_started,
            "images_per_second": count / max(seconds, 1e-9),
        }
        for key in ("loss", "accuracy", "auroc", "val_loss", "val_accuracy", "val_auroc"):
            if key in values:
                row[key] = values[key]
        self.rows.append(row)
        if values["val_loss"] < self.best_val_loss:
            self.best_val_loss = values["val_loss"]
            with self.average.in_place():
                self._save(self.run.best_network)
        self._save(self.run.last_network)
        write_history(self.run, self.rows)
        auroc = f", val auroc {values['val_auroc']:.4f}" if "val_auroc" in values else ""
        say(
            f"{self.settings.network} {self.stage.name} epoch {row['epoch']}: loss {values['loss']:.4f}, "
            f"val loss {values['val_loss']:.4f}, val accuracy {values['val_accuracy']:.4f}{auroc}, "
            f"{row['images_per_second']:.1f} images/s"
        )

    def _save(self, path: Path) -> None:
        with atomic.replace_file(path) as temporary:
            self.model.save(temporary)


def _prepared(cohort: Cohort, settings: Settings) -> tuple[Cohort, FilmBatches, FilmBatches]:
    training_films = _limited(cohort.of_split("train"), settings)
    validation_films = cohort.of_split("validation")
    wanted = (*training_films, *validation_films)
    with progress_bar("preparing films", len(wanted)) as advance:
        training = prepare_films(cohort.root, training_films, settings.prepare.spec(), advance)
        validation = prepare_films(cohort.root, validation_films, settings.prepare.spec(), advance)
    unreadable = dict((*training.unreadable, *validation.unreadable))
    for path, reason in unreadable.items():
        say_warning(f"left out of training: {path}: {reason}")
    _require_both_classes(training, "training")
    _require_both_classes(validation, "validation")
    cohort = Cohort(cohort.root, tuple(film for film in cohort.films if film.path not in unreadable))
    channels = CHANNELS[settings.network]
    learnt, judged = training_targets(training.films, settings), validation_targets(validation.films, settings)
    return (
        cohort,
        FilmBatches(
            training.images,
            learnt.labels,
            learnt.weights,
            batch_size=settings.batch_size,
            channels=channels,
            augmentation=settings.augmentation,
            seed=settings.seed,
        ),
        FilmBatches(
            validation.images,
            judged.labels,
            judged.weights,
            batch_size=settings.batch_size,
            channels=channels,
        ),
    )


def _limited(films: Sequence[Film], settings: Settings) -> tuple[Film, ...]:
    if settings.films_per_class is None:
        return tuple(films)
    generator = np.random.default_rng(settings.seed)
    kept: list[int] = []
    for label in (0, 1):
        rows = [index for index, film in enumerate(films) if film.label == label]
        kept.extend(generator.permutation(rows)[: settings.films_per_class].tolist())
    return tuple(films[index] for index in sorted(kept))


def _require_both_classes(prepared: PreparedFilms, split: str) -> None:
    labels = {film.label for film in prepared.films}
    for label, name in ((0, "NORMAL"), (1, "PNEUMONIA")):
        if label not in labels:
            raise PneumoscopeError(
                f"{split} has no readable film of class {name}: expected at least one of each class; "
                "see what is wrong with 'pneumoscope data check'"
            )
