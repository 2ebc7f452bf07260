"""What this machine's processors allow, and what `predict` makes of it. `demo.bench.cli` prints it."""

import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from demo.inference.classifier import Classifier, load_classifier
from demo.inference.compare import compare_film
from demo.inference.onnx_runtime import import_onnxruntime, usable_processors
from demo.predict.stream import read_films, share_processors
from export.bundle import Bundle
from train.common.errors import PneumoscopeError
from train.radiograph import RadiographError, prepare, read_with_warnings
from train.synthetic.phantom import draw_phantom

PHANTOM_SIDE = 1024  # pixels; published films have 1,000 to 2,900
PHANTOMS_DRAWN = 4  # each takes seconds; more are repeats, which decode as slowly
ROUNDS = 5
FRESH_RUNS = 3
SINGLE_READINGS = 50  # so that the 95th percentile means something

Advance = Callable[[], None]

# VmHWM and not getrusage: a process begins with the maximum of the one that started it, and that is us.
_PREDICT_AND_KEEP_THE_PEAK = """
import atexit, pathlib, re, sys
peak = pathlib.Path(sys.argv.pop(1))
status = pathlib.Path("/proc/self/status")
atexit.register(lambda: peak.write_text(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]))
from demo.cli import app
app()
"""


@dataclass(frozen=True)
class Work:
    """What a film costs one thread: milliseconds to decode the file, to prepare it, and in ONNX Runtime."""

    decode: float
    prepare: float
    networks: float

    @property
    def whole(self) -> float:
        """All three, in milliseconds."""
        return self.decode + self.prepare + self.networks


@dataclass(frozen=True)
class Throughput:
    """Films per second: medians over the rounds; `ratio` is the median of each round's ratio.

    Attributes:
        networks: which read every film: "a", "b" or "ab".
        work: of a film on one thread; the median round's for each part.
        limit: films per second if every processor did this work all the time, and nothing else.
        predict: the same films as files, read as `pneumoscope predict` does.
        ratio: `predict` over `limit`. Above 1 is noise, or processors that slow down less than they share.
    """

    networks: str
    work: Work
    limit: float
    predict: float
    ratio: float


@dataclass(frozen=True)
class OneFilm:
    """Milliseconds from file to readings, films one after the other: median and 95th percentile."""

    networks: str
    p50: float
    p95: float


@dataclass(frozen=True)
class FreshProcess:
    """`pneumoscope predict` from its start to its end: median seconds, most megabytes."""

    films: int
    seconds: float
    megabytes: float


def machine() -> dict[str, str | int]:
    """What a figure depends on, without the machine's name."""
    return {
        "processors": usable_processors(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "onnxruntime": import_onnxruntime().__version__,
        "opencv": cv2.__version__,
    }


def make_phantoms(folder: Path, count: int, advance: Advance) -> list[str]:
    """Write `count` synthetic films of 1024×1024 pixels as JPEG."""
    drawn = []
    for number in range(min(PHANTOMS_DRAWN, count)):
        anatomy, film = (np.random.default_rng([number, stream]) for stream in (0, 1))
        picture = draw_phantom(anatomy, film, number % 2, False, PHANTOM_SIDE)
        drawn.append(cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 90))[1].tobytes())
        advance()
    paths = [folder / f"phantom{number}.jpg" for number in range(count)]
    for path, data in zip(paths, cycle(drawn), strict=False):
        path.write_bytes(data)
    return [str(path) for path in paths]


def prepare_films(
    films: Sequence[str], bundles: Mapping[str, Bundle], count: int, advance: Advance
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Take the first `count` films that can be read, and prepare them for each network.

    Returns:
        Their paths, and network → uint8 [N, S, S, 1].

    Raises:
        PneumoscopeError: none of them can be read.
    """
    paths: list[str] = []
    images: dict[str, list[np.ndarray]] = {network: [] for network in bundles}
    for film in films:
        if len(paths) == count:
            break
        try:
            picture, _ = read_with_warnings(film)
        except RadiographError:
            continue
        paths.append(film)
        for network, bundle in bundles.items():
            images[network].append(prepare(picture, bundle.card.prepare)[:, :, np.newaxis])
        advance()
    if not paths:
        raise PneumoscopeError(f"none of {len(films)} films can be read; name a folder of films that `predict` reads")
    return paths, {network: np.stack(prepared) for network, prepared in images.items()}


def sets_of_networks(bundles: Mapping[str, Bundle]) -> list[str]:
    """Each network by itself, and all together."""
    return list(dict.fromkeys([*bundles, "".join(bundles)]))


def measure_throughput(bundles: Mapping[str, Bundle], films: Sequence[str], advance: Advance) -> list[Throughput]:
    """A film's work on one thread times the processors, against `predict` on the same films.

    Args:
        bundles: by network.
        films: files that can be read.
        advance: called `steps_of_throughput(bundles)` times.
    """
    processors = usable_processors()
    at_once, threads = share_processors(len(films), processors)
    shared = {network: load_classifier(bundle, threads=threads) for network, bundle in bundles.items()}
    # A graph may have more threads in `predict` where the films are fewer than the processors.
    single = shared if threads == 1 else {name: load_classifier(bundle, threads=1) for name, bundle in bundles.items()}
    measured = []
    for networks in sets_of_networks(bundles):
        chosen = {network: shared[network] for network in networks}
        alone = [single[network] for network in networks]
        works: list[Work] = []

        def work(alone: Sequence[Classifier] = alone, works: list[Work] = works) -> None:
            works.append(work_of(films, alone))

        seconds = time_in_turn({"work": work, "predict": partial(_predict, films, chosen, at_once)}, advance)
        works = works[-ROUNDS:]
        limits = [1000 * processors / one.whole for one in works]
        rates = [len(films) / taken for taken in seconds["predict"]]
        parts = (statistics.median(getattr(one, part) for one in works) for part in ("decode", "prepare", "networks"))
        ratios = [rate / limit for rate, limit in zip(rates, limits, strict=True)]
        measured.append(
            Throughput(
                networks, Work(*parts), statistics.median(limits), statistics.median(rates), statistics.median(ratios)
            )
        )
    return measured


def work_of(films: Sequence[str], classifiers: Sequence[Classifier]) -> Work:
    """Films one after the other through decoding, preparing and the networks, and nothing else; the mean of a film.

    As in `predict`, a film is prepared once for all networks that want it alike.
    """
    decode = prepared_in = networks = 0.0
    for film in films:
        started = time.perf_counter()
        picture, _ = read_with_warnings(film)
        decoded = time.perf_counter()
        specs = {classifier.bundle.card.prepare for classifier in classifiers}
        images = {spec: prepare(picture, spec)[np.newaxis, :, :, np.newaxis] for spec in specs}
        ready = time.perf_counter()
        for classifier in classifiers:
            classifier.session.run(classifier.outputs, {"image": images[classifier.bundle.card.prepare]})
        decode += decoded - started
        prepared_in += ready - decoded
        networks += time.perf_counter() - ready
    return Work(*(1000 * seconds / len(films) for seconds in (decode, prepared_in, networks)))


def steps_of_throughput(bundles: Mapping[str, Bundle]) -> int:
    """How often `measure_throughput` calls `advance`."""
    return len(sets_of_networks(bundles)) * steps_in_turn(2)


def time_in_turn(ways: Mapping[str, Callable[[], object]], advance: Advance) -> dict[str, list[float]]:
    """Seconds of each way in each of `ROUNDS` rounds.

    A round takes every way once, so that whatever else the machine is doing meets them all alike: only ways of
    the same round compare. One round more goes before and is not counted, to warm up.
    """
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS + 1):
        for way, run in ways.items():
            started = time.perf_counter()
            run()
            seconds[way].append(time.perf_counter() - started)
            advance()
    return {way: taken[1:] for way, taken in seconds.items()}


def steps_in_turn(ways: int) -> int:
    """How often `time_in_turn` calls `advance`."""
    return ways * (ROUNDS + 1)


def run_at_once(runs: Sequence[tuple[Classifier, np.ndarray]], at_once: int) -> None:
    """ONNX Runtime and nothing else: every image through its network, `at_once` at a time."""

    def run(start: int) -> None:
        for classifier, images in runs:
            classifier.session.run(classifier.outputs, {"image": images[start : start + 1]})

    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(run, range(len(runs[0][1]))))


def measure_one_film(bundles: Mapping[str, Bundle], films: Sequence[str], advance: Advance) -> list[OneFilm]:
    """Single films, all threads in each, the file's decoding included; `advance` is called per set of networks."""
    classifiers = {network: load_classifier(bundle) for network, bundle in bundles.items()}
    measured = []
    for networks in sets_of_networks(bundles):
        chosen = {network: classifiers[network] for network in networks}
        compare_film(films[0], chosen)  # the first run of a network takes longer
        milliseconds = []
        for film in islice(cycle(films), max(SINGLE_READINGS, len(films))):
            started = time.perf_counter()
            compare_film(film, chosen)
            milliseconds.append((time.perf_counter() - started) * 1000)
        p50, p95 = np.percentile(milliseconds, (50, 95))
        measured.append(OneFilm(networks, float(p50), float(p95)))
        advance()
    return measured


def measure_fresh_process(models: Path, films: Sequence[str], advance: Advance) -> FreshProcess:
    """Run `pneumoscope predict` on the films as a user does; `advance` is called `FRESH_RUNS` times.

    Raises:
        PneumoscopeError: it failed.
    """
    seconds, megabytes = [], []
    with tempfile.TemporaryDirectory() as folder:
        manifest, peak = Path(folder, "films.csv"), Path(folder, "peak")
        with manifest.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            csv.writer(file).writerows([["path"], *([str(Path(film).absolute())] for film in films)])
        command = ["-c", _PREDICT_AND_KEEP_THE_PEAK, str(peak), "predict", "--manifest", str(manifest)]
        command += ["--models", str(models), "--jsonl"]
        for _ in range(FRESH_RUNS):
            started = time.perf_counter()
            run_python(command)
            seconds.append(time.perf_counter() - started)
            megabytes.append(int(peak.read_text()) * 1024 / 1e6)
            advance()
    return FreshProcess(len(films), statistics.median(seconds), max(megabytes))


def run_python(arguments: Sequence[str]) -> bytes:
    """Run a part of the bench in a Python of its own; returns its stdout.

    Raises:
        PneumoscopeError: it failed; the message ends with its last line.
    """
    # Our packages and not those of the folder we are in (-P), whichever way they were installed.
    root = str(Path(__file__).resolve().parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    command = [sys.executable, "-P", *arguments]
    process = subprocess.run(command, capture_output=True, check=False, env=environment)  # noqa: S603
    if process.returncode:
        last = (process.stderr.decode(errors="replace").strip() or "no message").splitlines()[-1]
        raise PneumoscopeError(f"a part of the bench ended with {process.returncode}: {last}")
    return process.stdout


def _predict(films: Sequence[str], classifiers: Mapping[str, Classifier], at_once: int) -> None:
    for comparison in read_films(films, classifiers, at_once=at_once):
        if comparison["error"] is not None:
            raise PneumoscopeError(f"{comparison['path']}: {comparison['error']}")
