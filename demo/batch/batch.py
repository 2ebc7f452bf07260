"""A batch: films that a visitor handed over together, as files and in ZIP archives, read in their order."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from demo.batch.uploads import delete_upload
from demo.batch.zip_archive import ArchiveError, FilmArchive, is_archive, open_archive
from demo.inference.classifier import Classifier, threshold_of
from demo.inference.compare import Comparison, ReadFilm, ReadingObject, agreement, compare_film
from demo.predict.films.names import printable
from demo.predict.look_ahead import look_ahead
from export.bundle import Card
from train.radiograph import RadiographError, read_with_warnings
from train.radiograph.formats import MAX_BYTES

log = logging.getLogger(__name__)

MAX_FILMS = 1_000  # of one batch
MAX_ENTRIES = 100_000  # of its archives' directories together: looking at each takes time, a film in it or none
AHEAD = 2  # films begun per film read at once; each holds a file's bytes only while it is read


@dataclass(frozen=True)
class Upload:
    """A file that a visitor handed over: what the visitor calls it, and where it lies."""

    name: str
    path: Path


@dataclass(frozen=True)
class BatchFilm:
    """A film of a batch.

    Attributes:
        name: a file's own name; of a film in an archive its name in there, behind the archive's when the archive is
            not the only upload.
        upload: the file, or the archive it is in.
        position: in the archive's directory; None for a file.
        error: why it is not to be read; None for one that is.
    """

    name: str
    upload: Path
    position: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class FilmSet:
    """The films of a batch in their order, and what is not among them.

    Attributes:
        films: at most MAX_FILMS.
        refused: a line for each archive that is not read.
        left_out: files in archives that are no films.
        too_many: files beyond MAX_FILMS.
    """

    films: tuple[BatchFilm, ...]
    refused: tuple[str, ...] = ()
    left_out: int = 0
    too_many: int = 0


def find_films(uploads: Sequence[Upload]) -> FilmSet:
    """List the films of files and archives, in the order given and within an archive in its own; each upload once."""
    films: list[BatchFilm] = []
    refused: list[str] = []
    left_out = too_many = entries = 0
    for upload in _each_once(uploads):
        if not is_archive(upload.name, _start(upload.path)):
            if len(films) < MAX_FILMS:
                films.append(BatchFilm(upload.name, upload.path))
            else:
                too_many += 1
            continue
        try:
            if entries > MAX_ENTRIES:
                raise ArchiveError(
                    f"the archives before it hold {entries} files: expected at most {MAX_ENTRIES}; split the batch"
                )
            with open_archive(upload.path) as archive:
                members, others = archive.members, archive.left_out
                entries += archive.entries
            if len(films) + len(members) > MAX_FILMS:
                raise ArchiveError(f"{len(members)} films: expected at most {MAX_FILMS} in a batch; split it")
            if not members:
                raise ArchiveError("holds no film: expected JPEG, PNG, TIFF, BMP, WebP or DICOM films")
        except ArchiveError as error:
            refused.append(f"{printable(upload.name)}: {error}")
            continue
        left_out += others
        before = f"{upload.name}/" if len(uploads) > 1 else ""
        films += [BatchFilm(before + one.name, upload.path, one.position, one.error) for one in members]
    return FilmSet(tuple(films), tuple(refused), left_out, too_many)


def _each_once(uploads: Sequence[Upload]) -> Iterator[Upload]:
    """What a client sends may name one upload a thousand times."""
    seen: set[Path] = set()
    for upload in uploads:
        if upload.path not in seen:
            seen.add(upload.path)
            yield upload


def delete_uploads(uploads: Sequence[Upload]) -> None:
    """Delete uploads, each with the folder that the server made for it alone; once is as good as twice."""
    for upload in uploads:
        delete_upload(upload.path)


def film_bytes(film: BatchFilm) -> bytes:
    """A film's bytes, once more from its file or archive.

    Raises:
        RadiographError, ArchiveError: it is not there any more, damaged, or not to be read.
    """
    if film.position is None:
        return _bytes_of(film, {})
    with open_archive(film.upload) as archive:
        return _bytes_of(film, {film.upload: archive})


def read_batch(
    films: Sequence[BatchFilm],
    classifiers: Mapping[str, Classifier],
    operating_point: str | None = None,
    at_once: int = 1,
    is_stopped: Callable[[], bool] = lambda: False,
    read_film: ReadFilm = read_with_warnings,
) -> Iterator[Comparison]:
    """Read films in their order, `at_once` of them at a time; only these are in memory.

    Args:
        films: of one `FilmSet`.
        classifiers: by network name; their order is the order of the readings.
        operating_point: a name all cards have; None for each card's default.
        at_once: how many films.
        is_stopped: asked before each film; once true, no further film is begun and the iterator ends.
        read_film: as of `compare_film`.

    Yields:
        What `predict --json` gives for a film of that name. One that cannot be read is an `error`, never an exception.

    Raises:
        UsageError: a card has no such operating point.
    """
    archives: dict[Path, FilmArchive] = {}
    with ExitStack() as opened:
        for path in {film.upload for film in films if film.position is not None}:
            try:
                archives[path] = opened.enter_context(open_archive(path))
            except ArchiveError:  # it was whole a moment ago; each of its films says that it is not there
                log.debug("%s", path, exc_info=True)

        def job_of(film: BatchFilm) -> Callable[[], Comparison]:
            return partial(_read, film, archives, classifiers, operating_point, read_film)

        yield from opened.enter_context(closing(look_ahead(films, job_of, at_once, AHEAD, is_stopped)))


def evaluated(comparison: Comparison, cards: Mapping[str, Card], operating_point: str) -> Comparison:
    """The same comparison at another operating point; no network runs.

    Raises:
        UsageError: a card has no such operating point.
    """
    readings: dict[str, ReadingObject] = {}
    for network, reading in comparison["readings"].items():
        threshold = threshold_of(cards[network], operating_point)
        # The printed digits name the network's own float32, and that is what the threshold is compared with.
        positive = None if reading["refused"] else float(np.float32(reading["probability"])) >= threshold
        readings[network] = {
            **reading,
            "threshold": threshold,
            "operating_point": operating_point,
            "positive": positive,
        }
    agree = agreement([reading["positive"] for reading in readings.values()])
    return {**comparison, "readings": readings, "agree": agree}


def _read(
    film: BatchFilm,
    archives: Mapping[Path, FilmArchive],
    classifiers: Mapping[str, Classifier],
    operating_point: str | None,
    read_film: ReadFilm,
) -> Comparison:
    try:
        data = _bytes_of(film, archives)
    except (ArchiveError, RadiographError) as error:
        return {"path": film.name, "readings": {}, "agree": None, "error": str(error)}
    return compare_film(film.name, classifiers, operating_point, data, read_film=read_film)


def _bytes_of(film: BatchFilm, archives: Mapping[Path, FilmArchive]) -> bytes:
    if film.error is not None:
        raise ArchiveError(film.error)
    if film.position is None:
        try:
            with film.upload.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError:
            raise RadiographError("the upload is not there any more: drop the file again") from None
    if film.upload not in archives:
        raise ArchiveError("the archive is not there any more: drop it again")
    return archives[film.upload].read(film.position)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError:
        return b""  # reading says that it is not there
