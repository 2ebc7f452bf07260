"""`predict --output DIR`: the job opened, missing chunks read by an engine, parts written, all of them summed up."""

import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from demo.inference.compare import Comparison
from demo.inference.onnx_runtime import Device, usable_processors
from demo.predict.chunked.chunk import Chunk, ChunkResult, Task
from demo.predict.chunked.job import Job, Wanted, chunks_of_films, open_job
from demo.predict.chunked.options import Engine
from demo.predict.chunked.output_folder import OutputFolder, open_output
from demo.predict.chunked.part_files import check_form, decode_part, part_name, part_number
from demo.predict.results import csv_header, csv_rows, csv_rows_shown
from train.common.console import print_json, print_line, progress_bar, say, say_warning
from train.common.errors import PneumoscopeError

MOST_FILMS_IN_A_CHUNK = 256  # nine seconds' work of a processor, which is what a kill loses
CHUNKS_PER_WORKER = 4  # at least, so that all have something to do until the end


@dataclass(frozen=True)
class Run:
    """How a job is to be worked on; none of it changes what is in the parts.

    Attributes:
        workers: None for one a processor, or GPU, there is.
        address: of a Ray cluster; None for a Ray of this machine alone.
        num_gpus: of each of Ray's actors.
    """

    engine: Engine
    workers: int | None
    device: Device
    address: str | None
    num_gpus: float | None


@dataclass
class Summary:
    """What is in the parts.

    Attributes:
        positive, refused: by network.
        read_now: films of this run; the others were there before.
        seconds: of this run's reading.
        warned: films of this run of which there is something to know.
    """

    films: int
    parts: int
    failed: int
    positive: dict[str, int]
    refused: dict[str, int]
    read_now: int = 0
    seconds: float = 0.0
    warned: int = 0

    @property
    def films_a_second(self) -> float | None:
        """Of this run; None where it had nothing to read."""
        return self.read_now / self.seconds if self.read_now else None


def predict_to_folder(name: str, wanted: Wanted, run: Run, as_csv: bool, as_json: bool) -> Summary:
    """Read what is missing in a folder of parts, then print what it holds.

    Args:
        name: of the folder: a path or a URL.
        wanted: films, models and options; the folder's, if it has some already.
        run: who reads.
        as_csv: print the readings of all parts, in the order of the films.
        as_json: print the summary as JSON.

    Raises:
        UsageError: wrong use, as `open_output`, `open_job` and the engines say.
        PneumoscopeError: a part cannot be written, a storage does not answer: the same command goes on.
    """
    check_form(wanted.form or "jsonl")
    folder = open_output(name)
    with folder.begin():
        job, was_there = open_job(folder, wanted, lambda films: _chunk_for(films, run.workers), say_warning)
        check_form(job.form)
        task = Task(wanted.bundles, wanted.operating_point, run.device, wanted.force, job.form, str(Path.cwd()))
        reading = _Reading(folder, job)
        if was_there:
            say(f"{folder.shown}: {job.films - reading.missing} of {job.films} films are in it already")
        else:
            say(f"{folder.shown}: {job.films} films in {job.chunks} chunks")
        try:
            reading.read(task, run)
        except KeyboardInterrupt:
            raise PneumoscopeError(
                f"stopped by Ctrl-C; {folder.shown} has {reading.done} of {job.films} films; give the same command "
                "again to go on"
            ) from None
        summary = _sum_up(folder, job, as_csv)
    summary.read_now, summary.seconds, summary.warned = reading.read_now, reading.seconds, reading.warned
    if as_json:
        print_json(asdict(summary) | {"films_a_second": summary.films_a_second})
    elif not as_csv:
        _print_summary(summary, wanted)
    return summary


class _Reading:
    """The chunks of a job that have no part yet, being read."""

    def __init__(self, folder: OutputFolder, job: Job) -> None:
        self._folder, self._job = folder, job
        found = (part_number(name) for name in folder.names())
        self._there = {number for number in found if number is not None and number < job.chunks}
        self.missing = job.films - sum(map(job.films_in, self._there))
        self.read_now, self.seconds, self.warned = 0, 0.0, 0

    @property
    def done(self) -> int:
        """Films in parts."""
        return self._job.films - self.missing + self.read_now

    def read(self, task: Task, run: Run) -> None:
        """Have the missing chunks read and write their parts, with progress."""
        if not self.missing:
            return
        began = time.monotonic()
        with progress_bar("reading films", self.missing) as advance, closing(self._results(task, run)) as results:
            for result in results:
                self._folder.write(part_name(result.number, self._job.form), result.part)
                if not self.read_now:
                    say(f"{result.device_line} for each worker")
                self.read_now += result.films
                self.warned += result.warned
                self.seconds = time.monotonic() - began
                advance(result.films, f"{self.read_now / self.seconds:.1f} films/s")

    def _results(self, task: Task, run: Run) -> Generator[ChunkResult, None, None]:
        chunks = (
            Chunk(number, tuple(films))
            for number, films in chunks_of_films(self._folder, self._job)
            if number not in self._there
        )
        at_most = self._job.chunks - len(self._there)
        if run.engine == "ray":
            from demo.predict.chunked.ray_engine import read_on_ray

            return read_on_ray(chunks, task, run.workers, run.num_gpus or 0.0, run.address, at_most)
        from demo.predict.chunked.local_engine import read_in_processes

        return read_in_processes(chunks, task, min(run.workers or usable_processors(), at_most))


def _chunk_for(films: int, workers: int | None) -> int:
    at_least = CHUNKS_PER_WORKER * (workers or usable_processors())
    return max(1, min(MOST_FILMS_IN_A_CHUNK, -(-films // at_least)))


def _sum_up(folder: OutputFolder, job: Job, as_csv: bool) -> Summary:
    """Go through all parts, print them if that is wanted, and count."""
    nothing = dict.fromkeys(job.networks, 0)
    summary = Summary(0, job.chunks, 0, nothing, dict(nothing))
    rows_of = csv_rows_shown if sys.stdout.isatty() else csv_rows
    if as_csv:
        typer.echo(csv_header(), nl=False)
    for comparison in _comparisons(folder, job):
        summary.films += 1
        summary.failed += comparison["error"] is not None
        for network, reading in comparison["readings"].items():
            summary.positive[network] += reading["positive"] is True
            summary.refused[network] += reading["refused"]
        if as_csv:
            typer.echo(rows_of(comparison, job.networks), nl=False, file=sys.stdout)
    return summary


def _comparisons(folder: OutputFolder, job: Job) -> Iterator[Comparison]:
    for number in range(job.chunks):
        name = part_name(number, job.form)
        with folder.reading(name) as file:
            data = file.read()
        yield from decode_part(data, job.networks, job.form, job.films_in(number), f"{folder.shown}/{name}")


def _print_summary(summary: Summary, wanted: Wanted) -> None:
    parts = [f"{summary.films - summary.failed} of {summary.films} films read"]
    for network, bundle in wanted.bundles.items():
        refusals = f" and refuses {summary.refused[network]}" if summary.refused[network] else ""
        parts.append(f"{network.upper()} says {bundle.card.classes[1]} for {summary.positive[network]}{refusals}")
    if summary.films_a_second is not None:
        parts.append(f"{summary.read_now} read now, {summary.films_a_second:.1f} films/s")
    print_line("; ".join(parts))
