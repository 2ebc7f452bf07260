"""A run's best network over the films of a split: logits for scores.csv."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from train.common.console import progress_bar
from train.common.errors import PneumoscopeError
from train.data.cohort import Cohort, Film, Split
from train.data.corruptions import AS_IT_IS, CORRUPTIONS, VIEWS, CorruptionSpec, blacked_out_films, corrupt_films
from train.data.film_hash import film_hashes, repeats
from train.data.prepared_films import (
    PreparedFilms,
    PrepareFilms,
    films_to_augment,
    prepare_films,
    prepare_films_once,
)
from train.fitting.batches.loader import FilmBatches
from train.fitting.batches.prepared_batches import CHANNELS
from train.fitting.features.frozen_features import head_logits
from train.fitting.fit import same_network
from train.fitting.saved_networks import loading
from train.metrics.augmented_scores import COPIES, SEED, AugmentedScores
from train.metrics.scores import Scores
from train.networks import logit_model
from train.radiograph import PrepareSpec
from train.runs.network_identity import network_checksum
from train.runs.run_folder import RunFolder, settings_of
from train.runs.settings import Settings
from train.synthetic.lungs import TEMPLATE_FILMS, LungTemplate, fit_lungs, lungs_as_prepared


def score_run(
    run: RunFolder,
    cohort: Cohort,
    split: Split,
    batch_size: int = 32,
    *,
    cached: bool = False,
    network: keras.Model | None = None,
) -> tuple[Scores, frozenset[str]]:
    """Read the films of one split with the run's best network.

    Args:
        run: with a best.keras.
        cohort: the run's split, see `train.data.cohort.read_split`.
        split: whose films.
        batch_size: films per step.
        cached: let B whose backbone was never trained read the features that its training has kept.
        network: what best.keras holds, where it is at hand.

    Returns:
        Scores in the split's order (logits float32, before calibration), and the films that repeat an earlier one.

    Raises:
        PneumoscopeError: films are missing or unreadable, the split has none, or best.keras is broken.
    """
    settings = settings_of(run)
    films = _films_of(run, cohort, split)
    images = prepare_all(
        cohort.root, films, settings.prepare.spec(), split, read=prepare_films_once if cached else None
    )
    network = load_network(run) if network is None else network
    if cached:
        logits = cached_logits(network, images, settings, f"scoring {split}", batch_size)
    else:
        logits = predict_logits(network, images, CHANNELS[settings.network], batch_size, f"scoring {split}")
    repeated = repeats(film_hashes(images))
    return scores_of(films, logits), frozenset(film.path for film, again in zip(films, repeated, strict=True) if again)


def score_corrupted(
    run: RunFolder, cohort: Cohort, split: Split, seed: int, batch_size: int = 32
) -> tuple[Scores, dict[str, np.ndarray]]:
    """Read the films of one split under every change of `train.data.corruptions.CORRUPTIONS`.

    Args:
        run, cohort, split: as `score_run`.
        seed: of the changes.
        batch_size: films per step.

    Returns:
        Scores of the films as they are, and change → logits float32 [n] in the same order.

    Raises:
        PneumoscopeError: as `score_run`.
    """
    films, images, spec, model, channels = _to_be_changed(run, cohort, split)
    logits: dict[str, np.ndarray] = {}
    with progress_bar(f"changing and scoring {split}", len(CORRUPTIONS) * len(films)) as advance:
        for name in CORRUPTIONS:
            advance(0, note=name)
            rows = []
            for first in range(0, len(films), batch_size):
                batch = corrupt_films(images[first : first + batch_size], name, spec, first, seed)
                rows.append(_logits(model, batch, channels, batch_size, advance))
            logits[name] = np.concatenate(rows)
    return scores_of(films, logits[AS_IT_IS]), logits


def lung_template(cohort: Cohort) -> LungTemplate:
    """The template whose lungs `score_blacked_out` blacks out, of healthy training films of a run's split.

    Raises:
        PneumoscopeError: films are missing or unreadable, too few, or show no lungs.
    """
    healthy = [film for film in cohort.of_split("train") if film.label == 0]
    taken = np.unique(np.linspace(0, len(healthy) - 1, min(TEMPLATE_FILMS, len(healthy))).round().astype(int))
    films = tuple(healthy[row] for row in taken)
    return fit_lungs(prepare_all(cohort.root, films, PrepareSpec(image_size=224), "train"))


def score_blacked_out(
    run: RunFolder, cohort: Cohort, split: Split, template: LungTemplate, batch_size: int = 32
) -> tuple[Scores, dict[str, np.ndarray]]:
    """Read the films of one split with the lungs blacked out, and with all but the lungs blacked out.

    Args:
        run, cohort, split: as `score_run`; the cohort may be another hospital's.
        template: as `lung_template` gives it.
        batch_size: films per step.

    Returns:
        Scores of the first view (for films, patients and labels), and view → logits float32 [n], see
        `train.evaluation.shortcut`.

    Raises:
        PneumoscopeError: as `score_run`.
    """
    films, images, spec, model, channels = _to_be_changed(run, cohort, split)
    lungs = prepare_all(
        cohort.root, films, spec.sized, split, lambda film: lungs_as_prepared(film, template, spec.sized)
    )
    rows: dict[str, list[np.ndarray]] = {view: [] for view in VIEWS}
    with progress_bar(f"blacking out and scoring {split}", len(VIEWS) * len(films)) as advance:
        for first in range(0, len(films), batch_size):
            batch = images[first : first + batch_size]
            for view in VIEWS:
                changed = blacked_out_films(batch, lungs[first : first + batch_size] > 0, view, spec)
                rows[view].append(_logits(model, changed, channels, batch_size, advance))
    logits = {view: np.concatenate(parts) for view, parts in rows.items()}
    return scores_of(films, logits[VIEWS[0]]), logits


def score_augmented(
    run: RunFolder, cohort: Cohort, copies: int = COPIES, seed: int = SEED, batch_size: int = 32
) -> AugmentedScores:
    """Read the validation films through the run's own augmentation, each several times.

    Args:
        run, cohort: as `score_run`.
        copies: pictures of each film.
        seed: of the draws.
        batch_size: films per step.

    Returns:
        The readings, in the split's order.

    Raises:
        PneumoscopeError: as `score_run`.
    """
    settings = settings_of(run)
    films, spec, crop = _films_of(run, cohort, "validation"), settings.prepare.spec(), settings.augmentation.crop
    model = logit_model(load_network(run))
    with progress_bar("preparing validation films", len(films)) as advance:
        read, crops_by = films_to_augment(cohort.root, films, spec, crop, advance)
    _require_all(read, films, "validation")
    batches = FilmBatches(
        read.images,
        np.zeros(len(films)),
        batch_size=batch_size,
        channels=CHANNELS[settings.network],
        augmentation=settings.augmentation,
        seed=seed,
        spec=crops_by,
    )
    logits = np.empty((len(films), copies), dtype=np.float32)
    with progress_bar("scoring augmented validation", logits.size) as advance:
        for copy in range(copies):
            batches.set_epoch(copy)
            for first in range(0, len(films), batch_size):
                rows = np.arange(first, min(first + batch_size, len(films)))
                logits[rows, copy] = model.predict_on_batch(batches.pictures(rows)).reshape(-1)
                advance(len(rows))
    scores = scores_of(films, logits[:, 0])
    return AugmentedScores(scores.films, scores.patients, scores.labels, logits, network_checksum(run))  # type: ignore[arg-type]  # float32 until it is read


def _to_be_changed(
    run: RunFolder, cohort: Cohort, split: Split
) -> tuple[tuple[Film, ...], np.ndarray, CorruptionSpec, keras.Model, int]:
    """Return a split's films, their sized images, how these are changed and toned, the logit model, its channels."""
    settings = settings_of(run)
    films, spec = _films_of(run, cohort, split), CorruptionSpec.of(settings.prepare.spec())
    images = prepare_all(cohort.root, films, spec.sized, split)
    return films, images, spec, logit_model(load_network(run)), CHANNELS[settings.network]


def _films_of(run: RunFolder, cohort: Cohort, split: Split) -> tuple[Film, ...]:
    films = cohort.of_split(split)
    if not films:
        raise PneumoscopeError(f"the split of run {run.name} has no {split} films: nothing to evaluate")
    return films


def prepare_all(
    root: Path,
    films: Sequence[Film],
    spec: PrepareSpec,
    split: Split,
    make: Callable[[np.ndarray], np.ndarray] | None = None,
    read: PrepareFilms | None = None,
) -> np.ndarray:
    """Prepare films of a run's split, every one of them, or `make` something of each whole film: uint8 [n, S, S].

    Args:
        root, films, spec, split: as `train.data.prepared_films.prepare_films` takes them, and what to call them.
        make: out of a whole film; None: the film prepared.
        read: reads the films where they are prepared.

    Raises:
        PneumoscopeError: a film is missing or unreadable, so that figures would be of other films than they say.
    """
    with progress_bar(f"preparing {split} films", len(films)) as advance:
        if read is None:
            prepared = prepare_films(root, films, spec, advance, make=make)
        else:
            prepared = read(root, films, spec, advance)
    _require_all(prepared, films, split)
    return np.asarray(prepared.images)


def _require_all(prepared: PreparedFilms, films: Sequence[Film], split: Split) -> None:
    if prepared.unreadable:
        path, reason = prepared.unreadable[0]
        raise PneumoscopeError(
            f"{len(prepared.unreadable)} of {len(films)} {split} films cannot be read under the data root "
            f"(first: {path}: {reason}); expected the films the run was trained with: set --data or "
            "PNEUMOSCOPE_DATA"
        )


def load_network(run: RunFolder, file: Path | None = None) -> keras.Model:
    """Load best.keras without its optimizer; a network trained in 16 bits reads films in float32, as it ships.

    Args:
        run: that trained it.
        file: another network that the run has kept, instead.

    Raises:
        PneumoscopeError: the file is missing or broken.
    """
    settings = settings_of(run)
    with loading(f"the network of run {run.name}"):
        network = keras.saving.load_model(file or run.best_network, compile=False)
        if settings.mixed_precision:
            keras.mixed_precision.set_global_policy("float32")
            plain = same_network(settings, settings.prepare.image_size)
            plain.set_weights(network.get_weights())
            network = plain
    return network


def cached_logits(
    network: keras.Model, images: np.ndarray, settings: Settings, description: str, batch_size: int = 32
) -> np.ndarray:
    """Return what `predict_logits` does; of B whose backbone was never trained by the features that are kept of films.

    All heads of a backbone read the same features, so that a film goes through it once.
    """
    logits = head_logits(network, images, settings) if settings.network == "b" else None
    return (
        predict_logits(network, images, CHANNELS[settings.network], batch_size, description)
        if logits is None
        else logits
    )


def predict_logits(
    network: keras.Model, images: np.ndarray, channels: int, batch_size: int = 32, description: str = "scoring"
) -> np.ndarray:
    """Return the logits of prepared films: uint8 [n, S, S] → float32 [n]."""
    with progress_bar(description, len(images)) as advance:
        return _logits(logit_model(network), images, channels, batch_size, advance)


def _logits(
    model: keras.Model, images: np.ndarray, channels: int, batch_size: int, advance: Callable[..., None]
) -> np.ndarray:
    batches = FilmBatches(images, np.zeros(len(images)), batch_size=batch_size, channels=channels)
    logits = []
    for index in range(len(batches)):
        films, _ = batches[index]
        # A last batch as long as the others: Keras compiles the model again for every length.
        full = np.concatenate([films, np.zeros((batch_size - len(films), *films.shape[1:]), films.dtype)])
        logits.append(model.predict_on_batch(full).reshape(-1)[: len(films)])
        advance(len(films))
    return np.concatenate(logits).astype(np.float32)


def scores_of(films: Sequence[Film], logits: np.ndarray) -> Scores:
    """Join films and their logits."""
    return Scores(
        films=tuple(film.path for film in films),
        patients=tuple(film.patient for film in films),
        splits=tuple(film.split for film in films),
        labels=np.array([film.label for film in films], dtype=np.int64),
        logits=logits,
    )
