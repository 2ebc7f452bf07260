"""Folders of synthetic films drawn from a model of the training films, with the proof that they are no patient's."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from train.common.atomic import replace_folder, write_bytes
from train.common.console import Progress
from train.common.errors import UsageError
from train.data.cohort import CLASSES, Film, index_cohort, split_cohort
from train.radiograph import PrepareSpec, RadiographError, prepare, read_radiograph
from train.synthetic.film_model import (
    COEFFICIENT_LIMIT,
    FIT_STEPS,
    LEADING_SPREAD,
    LEADING_VARIANCE,
    TEXTURE_SPREAD,
    FilmModel,
    SynthesisError,
    draw_film,
    fit_film_model,
)
from train.synthetic.nearest_film import (
    LIMIT_PERCENTILE,
    MEASURES,
    PERCENTILES,
    Nearest,
    Neighbours,
    measure_neighbours,
    nearest_of,
    too_near,
)
from train.synthetic.registration import SMOOTHING, align

SYNTHESIS = "synthesis.json"
NOTE = (
    "Synthetic films, drawn from a statistical model of the training films (pneumoscope data synthesize). "
    "No film shows a patient, none may be used for diagnosis."
)
MOST_TRIES = 50  # for one film
MOST_FILMS = 99  # per class: the names have two digits
MODEL_SETTINGS = {
    "leading_variance": LEADING_VARIANCE,
    "leading_spread": LEADING_SPREAD,
    "texture_spread": TEXTURE_SPREAD,
    "coefficient_limit": COEFFICIENT_LIMIT,
    "limit_percentile": LIMIT_PERCENTILE,
}

_OURS = re.compile(rf"synthetic-({'|'.join(CLASSES)})-\d\d\.png|{re.escape(SYNTHESIS)}")


@dataclass(frozen=True)
class SyntheticFilm:
    """One drawn film.

    Attributes:
        film: the file's name.
        drawn_as: the class whose model it was drawn from.
        sha256: of the file.
        tries: films drawn for it; all but the last were too near to a training film.
        largest_share: the share of its own contrast with which any one training film enters, 0..1.
        nearest: the nearest training film by each measure.
    """

    film: str
    drawn_as: str
    sha256: str
    tries: int
    largest_share: float
    nearest: dict[str, Nearest]


@dataclass(frozen=True)
class ClassModel:
    """What a class's model was fitted to and holds."""

    films: int
    patients: int
    components: int
    leading_components: int
    leading_variance: float


@dataclass(frozen=True)
class Synthesis:
    """All that is known of a folder of synthetic films; the content of its synthesis.json.

    Attributes:
        settings: the model's constants.
        split_fingerprint: of the cohort's split whose training films were used.
        between_patients: per measure the percentiles of the training films' distances to the nearest film of
            another patient.
        limits: per measure the distance under which a drawn film was thrown away.
    """

    note: str
    seed: int
    split_seed: int
    image_size: int
    split_fingerprint: str
    settings: dict[str, float]
    training: dict[str, ClassModel]
    between_patients: dict[str, dict[str, float]]
    limits: dict[str, float]
    films: tuple[SyntheticFilm, ...]
    versions: dict[str, str]


def make_synthetic_films(
    folder: Path,
    root: Path,
    count_per_class: int,
    seed: int,
    split_seed: int,
    image_size: int,
    progress: Progress,
) -> Synthesis:
    """Fit a model to the training films of each class, draw films and write them with synthesis.json.

    Only films that `split_cohort` places in train are opened.

    Args:
        folder: does not exist, is empty, or holds synthetic films, which are replaced.
        root: the films' folder, as `index_cohort` takes it.
        count_per_class: 1 to MOST_FILMS.
        seed: of the drawing. Same seed and training films, same files with the same versions and machine.
        split_seed: of the split; to show the films to a network, the seed that it was trained with.
        image_size: side in pixels, 32 to 512.
        progress: makes a bar of a description and a total, as `train.common.console.progress_bar` does.

    Raises:
        UsageError: an argument out of range, or a folder that holds something else.
        CohortError: as `index_cohort` and `split_cohort`.
        RadiographError: a training film cannot be read.
        SynthesisError: too few films, or films always too near to a training film.
    """
    _check_arguments(count_per_class, image_size, {"seed": seed, "split_seed": split_seed})
    _refuse_foreign(folder)
    cohort = split_cohort(index_cohort(root), split_seed)
    listed = cohort.of_split("train")
    films = _read(root, listed, image_size, progress)
    are_normal = np.array([film.label for film in listed]) == 0
    with progress("aligning films", len(SMOOTHING) * len(films)) as advance:
        flows = align(films, are_normal, advance)
    neighbours = _measure_neighbours(root, films, listed)
    limits = neighbours.limits
    training, drawn = {}, []
    for label, name in enumerate(CLASSES):
        model, training[name] = _fit_class(label, listed, films, flows, progress)
        with progress(f"drawing {name} films", count_per_class) as advance:
            for number in range(1, count_per_class + 1):
                drawn.append(_draw_far_film(model, label, number, seed, neighbours, limits))
                advance()
    synthesis = Synthesis(
        note=NOTE,
        seed=seed,
        split_seed=split_seed,
        image_size=image_size,
        split_fingerprint=cohort.fingerprint,
        settings=MODEL_SETTINGS,
        training=training,
        between_patients=_percentiles(neighbours),
        limits={measure: round(limit, 4) for measure, limit in limits.items()},
        films=tuple(film for film, _ in drawn),
        versions={"numpy": np.__version__, "opencv": cv2.__version__},
    )
    _write(folder, {film.film: picture for film, picture in drawn}, synthesis)
    return synthesis


def _check_arguments(count_per_class: int, image_size: int, seeds: dict[str, int]) -> None:
    if not 1 <= count_per_class <= MOST_FILMS:
        raise UsageError(f"count must lie between 1 and {MOST_FILMS} films per class. Received: {count_per_class}")
    if not 32 <= image_size <= 512:
        raise UsageError(f"image_size must lie between 32 and 512 pixels. Received: {image_size}")
    for name, value in seeds.items():
        if not 0 <= value < 2**32:
            raise UsageError(f"{name} must lie between 0 and 2**32 - 1. Received: {value}")


def _measure_neighbours(root: Path, films: np.ndarray, listed: tuple[Film, ...]) -> Neighbours:
    try:
        return measure_neighbours(films, [film.patient for film in listed])
    except ValueError as error:
        raise SynthesisError(f"{root}: the training films cannot be compared: {error}") from None


def _fit_class(
    label: int, listed: tuple[Film, ...], films: np.ndarray, flows: np.ndarray, progress: Progress
) -> tuple[FilmModel, ClassModel]:
    chosen = np.array([film.label for film in listed]) == label
    with progress(f"modelling {CLASSES[label]} films", FIT_STEPS) as advance:
        model = fit_film_model(films[chosen], flows[chosen], advance)
    patients = {film.patient for film in listed if film.label == label}
    variance = round(model.leading_variance, 4)
    return model, ClassModel(int(chosen.sum()), len(patients), model.components, model.leading, variance)


def _percentiles(neighbours: Neighbours) -> dict[str, dict[str, float]]:
    """Per measure the percentiles of the distances to the nearest film of another patient."""
    return {
        measure: {
            str(percent): round(float(np.percentile(neighbours.between[measure], percent)), 4)
            for percent in PERCENTILES
        }
        for measure in MEASURES
    }


def _refuse_foreign(folder: Path) -> None:
    """Raise unless the folder can be replaced without losing a file that is not ours."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is not a folder: choose another one for the synthetic films")
    if not folder.is_dir():
        return
    if Path.cwd().is_relative_to(folder.resolve()):
        raise UsageError(f"{folder} is the folder you are in: name another one for the synthetic films")
    entries = list(folder.iterdir())
    ours = all(_OURS.fullmatch(entry.name) and entry.is_file() for entry in entries)
    if not ours or (entries and not (folder / SYNTHESIS).is_file()):
        raise UsageError(f"{folder} holds other files: choose an empty or a new folder for the synthetic films")


def _read(root: Path, listed: tuple[Film, ...], image_size: int, progress: Progress) -> np.ndarray:
    """uint8 [N, S, S]."""
    films = np.empty((len(listed), image_size, image_size), np.uint8)
    spec = PrepareSpec(image_size=image_size)
    with progress("reading films", len(films)) as advance:
        for row, film in zip(films, listed, strict=True):
            try:
                row[:] = prepare(read_radiograph(root / film.path), spec)
            except RadiographError as error:
                raise RadiographError(
                    f"{film.path}: {error}; replace it or take it out (pneumoscope data check lists all such films)"
                ) from None
            advance()
    return films


def _draw_far_film(
    model: FilmModel, label: int, number: int, seed: int, neighbours: Neighbours, limits: dict[str, float]
) -> tuple[SyntheticFilm, bytes]:
    for tries in range(1, MOST_TRIES + 1):
        picture, share = draw_film(model, np.random.default_rng([seed, label, number, tries]))
        nearest = nearest_of(picture, neighbours)
        if not too_near(nearest, limits):
            png = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
            digest = hashlib.sha256(png).hexdigest()
            name = f"synthetic-{CLASSES[label]}-{number:02d}.png"
            return SyntheticFilm(name, CLASSES[label], digest, tries, round(share, 4), nearest), png
    raise SynthesisError(
        f"{MOST_TRIES} {CLASSES[label]} films in a row were too near to a training film: "
        "expected more, or more different, training films; nothing was written"
    )


def _write(folder: Path, pictures: dict[str, bytes], synthesis: Synthesis) -> None:
    text = json.dumps({"format": 1, **asdict(synthesis)}, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        with replace_folder(folder.absolute()) as temporary:
            for name, png in pictures.items():
                write_bytes(temporary / name, png)
            write_bytes(temporary / SYNTHESIS, f"{text}\n".encode())
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
