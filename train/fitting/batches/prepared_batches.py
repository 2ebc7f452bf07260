"""The films of training and validation in memory, as batches for a network of a side."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from train.common.console import progress_bar, say_warning
from train.common.errors import PneumoscopeError
from train.data.cohort import Cohort, Film
from train.data.prepared_films import PreparedFilms, PrepareFilms, films_to_augment, prepare_films
from train.fitting.batches.loader import FilmBatches
from train.fitting.devices.data_parallel import present_share
from train.fitting.targets import training_targets, validation_targets
from train.radiograph import PrepareSpec
from train.runs.settings import Settings

#: Colour channels that each network's input has.
CHANNELS = {"a": 1, "b": 3, "backbone": 3, "teacher": 3}


def prepared_batches(
    cohort: Cohort, settings: Settings, image_size: int, workers: int, read: PrepareFilms = prepare_films
) -> tuple[Cohort, FilmBatches, FilmBatches]:
    """Read the films of training and validation, and say which cannot be read.

    Args:
        cohort: split.
        settings: of the run.
        image_size: side that the films are prepared to.
        workers: threads that make training pictures.
        read: reads the films.

    Returns:
        The cohort without the films that could not be read, and the batches of training and of validation.

    Raises:
        PneumoscopeError: one of the two has no readable film of a class, or there are fewer films to learn from than
            devices that share every batch.
    """
    training, crops_by, validation = _read_both(cohort, settings, image_size, read)
    unreadable = dict((*training.unreadable, *validation.unreadable))
    cohort = Cohort(cohort.root, tuple(film for film in cohort.films if film.path not in unreadable))
    channels, share = CHANNELS[settings.network], present_share()
    if len(training.films) < share.devices:
        raise PneumoscopeError(
            f"{share.devices} devices share every batch and there are {len(training.films)} training films: expected "
            "at least one for each; use more films, or fewer --devices"
        )
    learnt, evaluated = training_targets(training.films, settings), validation_targets(validation.films, settings)
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
            spec=crops_by,
            workers=workers,
            share=share,
        ),
        FilmBatches(
            validation.images,
            evaluated.labels,
            evaluated.weights,
            batch_size=settings.batch_size,
            channels=channels,
            share=share,
        ),
    )


def _read_both(
    cohort: Cohort, settings: Settings, image_size: int, read: PrepareFilms
) -> tuple[PreparedFilms, PrepareSpec | None, PreparedFilms]:
    """The films of training, how they are cropped in it, and those of validation; both of both classes."""
    training_films, validation_films = limited_films(cohort.of_split("train"), settings), cohort.of_split("validation")
    spec = replace(settings.prepare.spec(), image_size=image_size)
    with progress_bar("preparing films", len(training_films) + len(validation_films)) as advance:
        crop = settings.augmentation.crop
        training, crops_by = films_to_augment(cohort.root, training_films, spec, crop, advance, read)
        validation = read(cohort.root, validation_films, spec, advance)
    for path, reason in dict((*training.unreadable, *validation.unreadable)).items():
        say_warning(f"left out of training: {path}: {reason}")
    _require_both_classes(training, "training")
    _require_both_classes(validation, "validation")
    return training, crops_by, validation


def limited_films(films: Sequence[Film], settings: Settings) -> tuple[Film, ...]:
    """Return at most `films_per_class` films of each class, drawn by the run's seed, in their order."""
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
