"""Fit a network in stages, from the beginning or on from the last finished epoch of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import keras

from train.common import atomic
from train.common.console import progress_bar
from train.common.errors import PneumoscopeError
from train.data.checksums import digest_films, write_digests
from train.data.cohort import Cohort, write_split
from train.data.prepared_films import PrepareFilms, prepare_films
from train.fitting.backbone_pretraining import build_backbone_trainer
from train.fitting.batches.loader import FilmBatches
from train.fitting.batches.prepared_batches import limited_films, prepared_batches
from train.fitting.checkpointing import TrainingCheckpoint, carry_over, restore
from train.fitting.devices.device import Device
from train.fitting.distillation import Distiller, load_teachers
from train.fitting.resources import check_resources, estimate_resources, whole_films_of
from train.fitting.stage_parts import StageParts, stage_parts
from train.fitting.stages import Stage, stages_of
from train.networks import backbone_of, build_network_a, build_network_b, require_backbone_layer
from train.networks.efficientnet_lite import build_teacher
from train.runs.resume import Progress, Record, changed_surroundings, origin_of
from train.runs.run_folder import RunFolder, commit_of_checkout, runs_root, write_environment
from train.runs.settings import Optimizer, Settings
from train.runs.teachers import TeacherRecord, write_teachers

Network: TypeAlias = keras.Model
#: Makes a callback for the stage of a name that looks on and changes nothing.
Watcher = Callable[[str], keras.callbacks.Callback]


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
        )
    if settings.network == "b":
        network = build_network_b(
            size,
            settings.dropout,
            settings.extra_dense,
            settings.head_exponent,
            settings.backbone_weights,
        )
        if settings.fine_tune.epochs and not settings.teacher:  # not only when the head is trained
            require_backbone_layer(network, settings.fine_tune.from_layer)
        return network
    if settings.network == "teacher":
        return build_teacher(size, settings.dropout, settings.backbone_weights, settings.batch_norm_momentum)
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
    """All that can go wrong before the first step, done: network and films in memory, of the first stage to run.

    network: in its first state; of a run that is resumed, the state comes in `fit`.
    cohort: without the films that could not be read.
    asked: with them.
    digests: of the films' files, see `train.data.checksums`; empty for a run that is resumed, which has them.
    since: the record of the last finished epoch of a run that is resumed.
    workers: threads that make training pictures.
    teachers: what network B learns from.
    """

    network: keras.Model
    cohort: Cohort
    training: FilmBatches
    validation: FilmBatches
    asked: Cohort
    digests: Mapping[str, str]
    since: Record | None = None
    workers: int = 1
    teachers: tuple[TeacherRecord, ...] = ()


def make_ready(
    settings: Settings,
    cohort: Cohort,
    since: Record | None = None,
    workers: int = 1,
    teachers: Sequence[TeacherRecord] = (),
    read: PrepareFilms = prepare_films,
) -> Preparation:
    """Build the network and prepare the films of training and validation, before a run folder exists.

    Args:
        settings: of the run.
        cohort: split.
        since: of a run that is resumed.
        workers: threads that make training pictures.
        teachers: what network B learns from.
        read: reads the films.

    Raises:
        PneumoscopeError: a split has no readable film of a class, weights that cannot be had, too little disk, or
            films that read otherwise than when the run was begun.
        UsageError: settings that the network refuses.
    """
    keras.utils.set_random_seed(settings.seed)
    keras.mixed_precision.set_global_policy(
        f"mixed_{settings.mixed_precision}" if settings.mixed_precision else "float32"
    )
    stage = stages_of(settings)[since.progress.stage if since else 0]
    if since is None:
        network = build_network(_at_side(settings, stage.image_size))
    else:
        network = same_network(settings, stage.image_size)
    training, validation = limited_films(cohort.of_split("train"), settings), cohort.of_split("validation")
    whole = whole_films_of(settings, cohort.root, training)
    prepared_films = len(validation) + (0 if whole else len(training))
    needs = estimate_resources(network, settings, prepared_films, begun=since is not None, whole_films=whole)
    check_resources(needs, runs_root())
    prepared = prepared_batches(cohort, settings, stage.image_size, workers, read)
    digests = {} if since else digest_films(cohort)
    ready = Preparation(network, *prepared, cohort, digests, since, workers, tuple(teachers))
    if since is not None and ready.cohort.fingerprint != since.origin.split:
        raise PneumoscopeError(
            "other films can be read now than when the run was begun: use the versions of then, or start over (--new)"
        )
    return ready


def fit(
    run: RunFolder,
    settings: Settings,
    ready: Preparation,
    device: Device,
    watchers: Sequence[Watcher] = (),
    head_save_seconds: float = 0.0,
    *,
    writes: bool = True,
) -> Network | None:
    """Train a network into a run folder: an empty one, or on from the last finished epoch of `ready.since`.

    After every epoch last.keras, history.csv and, where validation loss fell to its lowest, best.keras are
    replaced whole. environment.json is written last: it marks a finished run.

    Args:
        run, settings, ready, device: what is trained, with what, where.
        watchers: make callbacks that look on.
        head_save_seconds: of a head on cached features networks are written no oftener than after so many seconds of
            computing, and once it is trained: they are of 0.1 GB, and its epochs of a second.
        writes: False for a process that trains along with another one, which keeps the run folder.

    Returns:
        What best.keras holds, where the head was the last that was trained and its best epoch was now.

    Raises:
        PneumoscopeError: the loss is no longer a number.
        OSError: the disk is full; the epochs that were finished are kept.
    """
    commit, since = commit_of_checkout(), ready.since
    if since is None:
        origin, progress = origin_of(settings, ready.cohort, ready.digests), Progress()
        if writes:
            _write_origin(run, ready)
    else:
        origin, progress = since.origin, since.progress
        progress.moved |= changed_surroundings(since, device.kind) is not None
    checkpoint = TrainingCheckpoint(run, settings, origin, progress, device.kind, head_save_seconds, writes=writes)
    network = _fit_stages(settings, ready, checkpoint, watchers)
    if not writes:
        return None
    _write_backbone(run, settings)
    write_environment(
        run,
        {
            "network": settings.network,
            "device": device.line.removeprefix("device: "),
            "seed": settings.seed,
            "parameters": network.count_params(),
            "films": {"train": len(ready.training.images), "validation": len(ready.validation.images)},
            "split_fingerprint": ready.cohort.fingerprint,
            "seconds": round(progress.seconds, 1),
            "images_per_second": round(progress.images_seen / max(progress.training_seconds, 1e-9), 2),
            "commit": commit,
            **({"teachers": [asdict(teacher) for teacher in ready.teachers]} if ready.teachers else {}),
        },
    )
    # In 16 bits a network reads films otherwise than in float32, as it ships.
    return network if not settings.mixed_precision and checkpoint.take_best_head() else None


def _write_origin(run: RunFolder, ready: Preparation) -> None:
    write_digests(run.films, ready.digests)
    write_split(ready.cohort, run.split)
    if ready.teachers:
        write_teachers(run.teachers, ready.teachers)


def _write_backbone(run: RunFolder, settings: Settings) -> None:
    """A trained backbone's own weights, for network B to build on; of other networks nothing."""
    if settings.network != "backbone":
        return
    best = keras.saving.load_model(run.best_network, compile=False)
    with atomic.replace_file(run.backbone_weights) as temporary:
        backbone_of(best).save_weights(temporary)


def _fit_stages(
    settings: Settings, ready: Preparation, checkpoint: TrainingCheckpoint, watchers: Sequence[Watcher]
) -> keras.Model:
    """Run the stages that are left; return the network of the last one."""
    progress, stages = checkpoint.progress, stages_of(settings)
    network, training, validation = ready.network, ready.training, ready.validation
    for stage in stages[: progress.stage]:
        stage.enter(network)
    side, unrestored = stages[progress.stage].image_size, ready.since is not None
    for index in range(progress.stage, len(stages)):
        stage = stages[index]
        if index > progress.stage:
            progress.stage, progress.epochs_in_stage, progress.stage_finished = index, 0, False
            progress.counters = {}
        if stage.image_size != side:
            larger = same_network(settings, stage.image_size)
            carry_over(network, larger)
            network, side = larger, stage.image_size
            _, training, validation = prepared_batches(ready.asked, settings, side, ready.workers)
        stage.enter(network)
        counting = callbacks_of(settings)
        rate = rate_of(settings, stage, len(training))
        network.compile(optimizer=make_optimizer(settings.optimizer, rate))  # last.keras keeps the optimizer
        if unrestored:
            restore(network, checkpoint.run, progress)
            checkpoint.write_the_rest(network)
            unrestored = False
        if not progress.stage_finished:
            parts = _parts_of(stage, network, training, validation, settings)
            parts.compile_as(network, settings)
            _fit_stage(stage, settings, network, parts, counting, watchers, checkpoint)
    return network


def _parts_of(
    stage: Stage, network: keras.Model, training: FilmBatches, validation: FilmBatches, settings: Settings
) -> StageParts:
    if not settings.teacher:
        return stage_parts(stage.name, network, training, validation, settings)
    teachers = load_teachers(settings, stage.image_size)
    return StageParts(Distiller(network, teachers, settings.distillation), training, validation)


def _fit_stage(
    stage: Stage,
    settings: Settings,
    network: keras.Model,
    parts: StageParts,
    counting: list[keras.callbacks.Callback],
    watchers: Sequence[Watcher],
    checkpoint: TrainingCheckpoint,
) -> None:
    done = checkpoint.progress.epochs_in_stage
    with progress_bar(f"{settings.network} {stage.name}", len(parts.training) * (stage.epochs - done)) as advance:
        checkpoint.enter(stage, network, parts, counting, advance)
        training, validation = parts.streams()
        parts.model.fit(
            training,
            validation_data=validation,
            initial_epoch=done,
            epochs=stage.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[*counting, *(watcher(stage.name) for watcher in watchers), checkpoint],
        )


def rate_of(
    settings: Settings, stage: Stage, steps_per_epoch: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return a stage's learning rate: its starting rate, or the schedule that falls from it over the stage."""
    if settings.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(stage.learning_rate, decay_steps=steps_per_epoch * stage.epochs)
    return stage.learning_rate


def callbacks_of(settings: Settings) -> list[keras.callbacks.Callback]:
    """Return new callbacks of a stage that count epochs; `checkpointing.COUNTERS` keeps what they count."""
    callbacks: list[keras.callbacks.Callback] = []
    if settings.schedule == "plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor="val_loss", factor=settings.plateau.factor, patience=settings.plateau.patience
            )
        )
    if settings.early_stopping_patience is not None:
        callbacks.append(keras.callbacks.EarlyStopping(monitor="val_loss", patience=settings.early_stopping_patience))
    return callbacks


def _at_side(settings: Settings, image_size: int) -> Settings:
    return settings.model_copy(update={"prepare": settings.prepare.model_copy(update={"image_size": image_size})})


def same_network(settings: Settings, image_size: int) -> keras.Model:
    """Build the run's network for films of a side, for weights that it is given afterwards."""
    settings = _at_side(settings, image_size)
    if settings.network != "a":
        settings = settings.model_copy(update={"backbone_weights": "random"})
    return build_network(settings)
