"""What a folder of parts belongs to: one list of films, read by certain networks in a certain way."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from demo.inference.classifier import threshold_of
from demo.predict.chunked.options import PartForm
from demo.predict.chunked.output_folder import OutputFolder
from demo.predict.chunked.references import Inputs, references
from demo.predict.films.names import is_url
from export.bundle import MODEL, Bundle
from train.common.errors import PneumoscopeError, UsageError
from train.common.printable_json import json_bytes

JOB = "job.json"  # written when the list of films is whole
FILMS = "films.jsonl"  # a film a line, each a JSON string
FORMAT = 1
LONGEST_SHOWN = 200  # characters


@dataclass(frozen=True)
class Job:
    """A folder's job, as its `job.json` holds it.

    Attributes:
        films: how many there are, as often as they are named.
        chunk: films in a chunk; the last has the rest.
        networks: in the order of the readings.
        belongs: what inputs, models and options it was begun with, by words for them.
    """

    films: int
    chunk: int
    form: PartForm
    networks: tuple[str, ...]
    belongs: Mapping[str, str]

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.films // self.chunk)

    def films_in(self, number: int) -> int:
        """How many films a chunk has."""
        return min(self.chunk, self.films - number * self.chunk)


@dataclass(frozen=True)
class Wanted:
    """What a command asks for.

    Attributes:
        operating_point: None for each card's default.
        chunk: films in a chunk; None for what the folder has, or what suits their number.
        form: of the parts; None for what the folder has, or JSON lines.
    """

    inputs: Inputs
    bundles: Mapping[str, Bundle]
    operating_point: str | None
    force: bool
    chunk: int | None
    form: PartForm | None


def belongings(wanted: Wanted) -> dict[str, str]:
    """What makes a job this one and no other, each in words that a message can show."""
    inputs = wanted.inputs
    words = {
        "films": _names(inputs.paths),
        "--manifest": inputs.manifest or "",
        "manifest's content": _digest(inputs.manifest) if inputs.manifest else "",
        "--recursive": str(inputs.recursive),
        "--all": str(inputs.every_file),
        "--force": str(wanted.force),
        "working folder": str(Path.cwd()) if _has_relative_names(inputs) else "",
        "networks": " ".join(wanted.bundles),
    }
    for network, bundle in wanted.bundles.items():
        point = wanted.operating_point or bundle.card.default_operating_point
        words[f"model {network}"] = bundle.card.checksums[MODEL][:16]
        words[f"threshold of {network}"] = f"{threshold_of(bundle.card, point)} ({point})"
    return words


def open_job(
    folder: OutputFolder, wanted: Wanted, chunk_for: Callable[[int], int], on_warning: Callable[[str], None]
) -> tuple[Job, bool]:
    """The folder's job, and whether it was there before; begun if the folder is empty.

    The films are listed once, when the job is begun: what comes into their folder later belongs to another job.

    Args:
        folder: begun and locked.
        wanted: what the command asks for; must be what the job was begun with.
        chunk_for: number of films → films in a chunk, where none is asked for.
        on_warning: called with what was strange while the films were listed.

    Raises:
        UsageError: the folder belongs to other inputs or models, or holds something else; or as `references`.
    """
    names = set(_first(folder.names(), JOB))
    if JOB in names:
        job = _read_job(folder)
        _check(job, wanted, folder)
        return job, True
    if strange := sorted(names - {FILMS}):
        raise UsageError(
            f"--output {folder.shown}: holds {strange[0]!r} and no job of predict; name an empty folder or a new one"
        )
    count = 0
    with folder.streaming(FILMS) as file:
        for film in references(wanted.inputs, on_warning):
            file.write(json_bytes(film))
            count += 1
    networks = tuple(wanted.bundles)
    job = Job(count, wanted.chunk or chunk_for(count), wanted.form or "jsonl", networks, belongings(wanted))
    folder.write(JOB, json_bytes({"format": FORMAT, **asdict(job)}, indent=2))
    return job, False


def chunks_of_films(folder: OutputFolder, job: Job) -> Iterator[tuple[int, list[str]]]:
    """Go through the list of films: (number of the chunk, its films).

    Raises:
        PneumoscopeError: the list is not the one that the job was begun with.
    """
    with folder.reading(FILMS) as file:
        for number in range(job.chunks):
            lines = list(islice(file, job.films_in(number)))
            if len(lines) != job.films_in(number) or not lines[-1].endswith(b"\n"):
                raise PneumoscopeError(
                    f"{folder.shown}: {FILMS} is cut short, so the films are not known; begin again in a new folder"
                )
            yield number, [json.loads(line) for line in lines]


def _first(names: Iterator[str], wanted: str) -> Iterator[str]:
    """The names up to the wanted one: of a folder with many parts no more are needed than it takes to find it."""
    for name in names:
        yield name
        if name == wanted:
            return


def _read_job(folder: OutputFolder) -> Job:
    try:
        with folder.reading(JOB) as file:
            found: dict[str, Any] = json.loads(file.read())
        if found.pop("format") != FORMAT:
            raise UsageError(f"--output {folder.shown}: begun by a newer pneumoscope; upgrade, or name another folder")
        return Job(**(found | {"networks": tuple(found["networks"])}))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UsageError(f"--output {folder.shown}: {JOB} is damaged; name another folder") from None


def _check(job: Job, wanted: Wanted, folder: OutputFolder) -> None:
    now = belongings(wanted)
    if wanted.chunk is not None:
        now["--chunk"] = str(wanted.chunk)
    if wanted.form is not None:
        now["--parts"] = wanted.form
    then = {**job.belongs, "--chunk": str(job.chunk), "--parts": job.form}
    for what in dict.fromkeys((*now, *job.belongs)):
        if now.get(what, "") != then.get(what, ""):
            raise UsageError(
                f"--output {folder.shown}: belongs to another job: its {what} {_shown(then.get(what, ''))}, "
                f"now {_shown(now.get(what, ''))}; give the same films, models and options, or name another folder"
            )


def _shown(words: str) -> str:
    return repr(words) if words else "none"


def _names(paths: Sequence[str]) -> str:
    """The paths themselves, or of many, as a shell makes them of a pattern, their number and a sign of them."""
    names = " ".join(paths)
    if len(names) <= LONGEST_SHOWN:
        return names
    return f"{len(paths)} names ({hashlib.sha256(json_bytes(paths)).hexdigest()[:8]})"


def _has_relative_names(inputs: Inputs) -> bool:
    names = (*inputs.paths, *filter(None, [inputs.manifest]))
    return any(not is_url(name) and not Path(name).is_absolute() for name in names)


def _digest(manifest: str) -> str:
    """A manifest's content: of a file its SHA-256, of an object what the storage knows it by."""
    if is_url(manifest):
        from demo.predict.films.urls import version_of

        return version_of(manifest)
    try:
        with Path(manifest).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise UsageError(f"{manifest}: no manifest that can be read ({error.strerror}); name a CSV file") from None
