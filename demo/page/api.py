"""The named API of the page: what a program may ask, in the words `predict --json` answers in.

Each endpoint is a plain function of typed values; Gradio derives its description from the signature. docs/api.md has
examples. A film that cannot be read is an `error` in its object; whatever else is wrong is one line, a `gr.Error`.

No answer has a key `path`, `predict --json`'s name for a film; it is `film` here. Gradio's client takes every object
whose `path` is a string, at any depth, for a file of the server's (`gradio_client.utils.is_file_obj`, asked by
`Client.predict` unless `download_files=False`), and would fail to download it in place of answering.
"""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict, cast, get_args

import gradio as gr
from gradio.data_classes import FileData

from demo.batch.uploads import delete_upload
from demo.inference.classifier import Classifier, threshold_of
from demo.inference.compare import Case, ReadFilm, ReadingObject, compare_film
from demo.inference.heatmap_pictures import overlay_uri
from demo.inference.networks import LoadedModels
from export.bundle import NETWORKS, Bundle
from export.bundle.evaluation import on_calibrated_scale, read_stored
from train.common.errors import PneumoscopeError
from train.metrics.operating_choices import PointName
from train.metrics.operating_points import POINT_NAMES
from train.radiograph.formats import MAX_BYTES

Network = Literal["a", "b"]
Split = Literal["validation", "test"]

MOST_FILMS = 200  # of one call to /batch; each is read within a tenth of a second or so
SECONDS_OF_A_BATCH = 600.0  # others wait meanwhile; what is not read by then is said to be so
LONGEST_NAME = 255  # of a film, as file systems have it
TOO_LATE = "not read: the films before it took too long together; upload it again and send fewer at once"

# The first parameter of each is required.
PARAMETERS = {
    "compare": ("film", "operating_point", "heatmaps"),
    "classify": ("film", "network", "operating_point"),
    "batch": ("films", "operating_point"),
    "evaluation": ("network", "split"),
    "card": ("network",),
}


class FilmReadings(TypedDict):
    """One film as `predict --json` prints it; `film` is its own name, which is `path` there."""

    film: str
    readings: dict[str, ReadingObject]
    agree: bool | None
    error: str | None


class FilmReadingsAndHeatmaps(FilmReadings):
    """The same, and network → its heatmap as a `data:` address of a PNG, null where none were asked for."""

    heatmaps: dict[str, str] | None


class Classification(TypedDict):
    """One network's reading of one film: a row of `predict --csv`, null where unknown."""

    film: str
    network: str
    probability: float | None
    threshold: float | None
    operating_point: str | None
    positive: bool | None
    refused: bool | None
    novelty: float | None
    novelty_limit: float | None
    milliseconds: float | None
    error: str | None


class Evaluation(TypedDict):
    """What a bundle knows of its network's films of one split.

    Attributes:
        intervals: how the intervals were made.
        thresholds: operating point → its threshold on the calibrated probability, as the card has it; those of
            `metrics` and of the curves, and the histogram's edges, are on the same scale.
        metrics: every figure as {"value", "low", "high"}, by operating point where it depends on one.
        curves: points of ROC, precision-recall and F1, and the histogram of the probabilities.
    """

    network: str
    split: str
    intervals: str
    thresholds: dict[str, float]
    metrics: dict[str, Any]
    curves: dict[str, Any]


def register(loaded: LoadedModels) -> None:
    """Add the endpoints to the page that is being built; they are the only ones that can be called by name."""
    api = endpoints(loaded)
    # Films share the processors with the page's own; a batch runs alone, so that two cannot hold up single films.
    waiting = {"compare": (2, "reading"), "classify": (2, "reading"), "batch": (1, "batch")}
    for name, function in api.items():
        limit, group = waiting.get(name, (4, "looking-up"))
        gr.api(function, api_name=name, concurrency_limit=limit, concurrency_id=group)


def endpoints(loaded: LoadedModels) -> dict[str, Callable[..., Any]]:
    """The functions of the API by name, without their slashes."""

    def compare(
        film: FileData, operating_point: PointName | None = None, heatmaps: bool = False
    ) -> FilmReadingsAndHeatmaps:
        """Read one film with every network, and draw their heatmaps if they are asked for."""
        classifiers = _classifiers(loaded)
        _check_point(operating_point, classifiers)
        if heatmaps is not None and not isinstance(heatmaps, bool):
            raise _error(f"heatmaps: expected true or false. Received: {_shown(heatmaps)}")
        pictures: dict[str, str] = {}

        def draw(_: str, case: Case) -> None:
            pictures.update(_heatmap_pictures(case, classifiers))

        found = _compare(film, classifiers, operating_point, loaded.read_film, draw if heatmaps else None)
        return {**found, "heatmaps": pictures if heatmaps else None}

    def classify(film: FileData, network: Network, operating_point: PointName | None = None) -> Classification:
        """Read one film with one network."""
        classifier = _classifier(loaded, network)
        _check_point(operating_point, {network: classifier})
        found = _compare(film, {network: classifier}, operating_point, loaded.read_film)
        return _classification(found, network, found["readings"].get(network))

    def batch(films: list[FileData], operating_point: PointName | None = None) -> list[FilmReadings]:
        """Read several films, in their order; one that cannot be read never stops the others."""
        classifiers = _classifiers(loaded)
        _check_point(operating_point, classifiers)
        if not isinstance(films, list) or not 1 <= len(films) <= MOST_FILMS:
            given = len(films) if isinstance(films, list) else type(films).__name__
            raise _error(f"films: expected a list of 1 to {MOST_FILMS} uploaded files. Received: {given}")
        for film in films:
            _path_of(film)
        latest = time.monotonic() + SECONDS_OF_A_BATCH
        return [_compare(film, classifiers, operating_point, loaded.read_film, latest=latest) for film in films]

    def evaluation(network: Network, split: Split = "validation") -> Evaluation:
        """What the network's bundle knows of its films: metrics with intervals, and the curves."""
        bundle = _classifier(loaded, network).bundle
        return _evaluation(bundle, split or "validation")

    def card(network: Network) -> dict[str, Any]:
        """The network's card: what must be known to use it and to judge it."""
        return _classifier(loaded, network).bundle.card.model_dump(mode="json")

    found: dict[str, Callable[..., Any]] = {
        "compare": compare,
        "classify": classify,
        "batch": batch,
        "evaluation": evaluation,
        "card": card,
    }
    return {name: found[name] for name in PARAMETERS}


def _compare(
    film: object,
    classifiers: Mapping[str, Classifier],
    operating_point: str | None,
    read_film: ReadFilm,
    on_case: Callable[[str, Case], None] | None = None,
    latest: float = math.inf,
) -> FilmReadings:
    path, name = _path_of(film)
    if time.monotonic() > latest:
        delete_upload(path)
        return {"film": name, "readings": {}, "agree": None, "error": TOO_LATE}
    try:
        data = _take(path)
    except OSError:
        gone = "the upload is gone: each is read once and then deleted; upload the film again"
        return {"film": name, "readings": {}, "agree": None, "error": gone}
    found = compare_film(name, classifiers, operating_point, data, on_case=on_case, read_film=read_film)
    return {"film": name, "readings": found["readings"], "agree": found["agree"], "error": found["error"]}


def _heatmap_pictures(case: Case, classifiers: Mapping[str, Classifier]) -> dict[str, str]:
    """Network → its heatmap as a PNG that lies over the film, of every network that gave a verdict and has one."""
    pictures = {}
    for reading in case.readings:
        if reading.heatmap is not None and reading.positive is not None:
            spec = classifiers[reading.network].bundle.card.prepare
            pictures[reading.network] = overlay_uri(reading.heatmap, case.film.shape, spec)
    return pictures


def _take(path: Path) -> bytes:
    """Read an upload and remove it: nothing of it stays on the server."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    finally:
        delete_upload(path)


def _path_of(film: object) -> tuple[Path, str]:
    """Where an uploaded film lies, and its own name."""
    if not isinstance(film, dict) or "meta" not in film or not isinstance(film.get("path"), str):
        raise _error(
            'film: expected an uploaded file, {"path": …, "orig_name": …, "meta": {"_type": "gradio.FileData"}}; '
            "upload it to /gradio_api/upload first"
        )
    path = Path(film["path"])
    own = film.get("orig_name")
    name = Path(own).name if isinstance(own, str) else ""
    return path, (name or path.name)[:LONGEST_NAME]


def _classification(found: FilmReadings, network: str, reading: ReadingObject | None) -> Classification:
    known: dict[str, Any] = {**(reading or dict.fromkeys(ReadingObject.__annotations__))}
    return cast("Classification", {"film": found["film"], "network": network, **known, "error": found["error"]})


def _evaluation(bundle: Bundle, split: str) -> Evaluation:
    if split not in get_args(Split):
        raise _error(f"split: expected {' or '.join(get_args(Split))}. Received: {_shown(split)}")
    network = bundle.card.network
    stored = read_stored(bundle) or {}
    figures = on_calibrated_scale(stored.get(split), bundle.card.calibration)
    if not figures:
        raise _error(f"network {network} was not evaluated on the {split} films")
    return {
        "network": network,
        "split": split,
        "intervals": stored["intervals"],
        "thresholds": {name: point.threshold for name, point in bundle.card.operating_points.items()},
        "metrics": figures["metrics"],
        "curves": figures["curves"],
    }


def _classifiers(loaded: LoadedModels) -> Mapping[str, Classifier]:
    if not loaded.classifiers:
        raise _error("no network is here; the page says how to make one")
    return loaded.classifiers


def _classifier(loaded: LoadedModels, network: object) -> Classifier:
    if not isinstance(network, str) or network not in NETWORKS:
        raise _error(f"network: expected {' or '.join(NETWORKS)}. Received: {_shown(network)}")
    if network in loaded.faults:
        raise _error(loaded.faults[network])
    if network not in loaded.classifiers:
        raise _error(f"network {network} is not here; the page says how to make it")
    return loaded.classifiers[network]


def _check_point(operating_point: object, classifiers: Mapping[str, Classifier]) -> None:
    if operating_point is None:
        return
    if not isinstance(operating_point, str):
        known = ", ".join(POINT_NAMES)
        raise _error(f"operating_point: expected one of {known}, or null. Received: {_shown(operating_point)}")
    try:
        for classifier in classifiers.values():
            threshold_of(classifier.bundle.card, operating_point[:LONGEST_NAME])
    except PneumoscopeError as error:
        raise _error(str(error)) from None


def _shown(value: object) -> str:
    return repr(value)[:80]


def _error(line: str) -> gr.Error:
    # Clients make mistakes; the terminal of whoever runs the page need not hear of each.
    return gr.Error(line, print_exception=False)
