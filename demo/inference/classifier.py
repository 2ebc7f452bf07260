"""A bundle loaded into ONNX Runtime: films in, readings out. NumPy, OpenCV and ONNX Runtime suffice."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from demo.inference.graph_check import fault_of_graph
from demo.inference.onnx_runtime import Device, device_note, import_onnxruntime, open_session, usable_processors
from demo.inference.run_limit import SECONDS, RunTooLongError, limited_run
from export.bundle import CARD, EXPORT_AGAIN, MODEL, Bundle, BundleError, Card, card_matches_metadata
from train.common.errors import PneumoscopeError, UsageError
from train.radiograph import prepare

if TYPE_CHECKING:
    import onnxruntime


READ_OUTPUTS = ("logit", "probability", "novelty", "heatmap")  # the last two where the graph has them


class ReadingError(PneumoscopeError):
    """A network gave no usable answer for a film."""


@dataclass(frozen=True)
class Reading:
    """What one network says about one film. Probability and threshold stay two numbers, never one.

    Attributes:
        probability: calibrated, 0..1.
        logit: before calibration.
        threshold: of the operating point, on the calibrated probability.
        positive: probability >= threshold; None when the film is refused, unless `forced`.
        refused: novelty is above the card's limit; False for a network that has no limit.
        novelty: distance from the training films; None for a network that does not measure it.
        novelty_limit: the card's; None for a network that has none.
        milliseconds: preparing the film and running the network, by the clock and without decoding the file; of
            a batch the mean per film. Films read at once share the processors, so each then takes longer than alone.
        heatmap: where the evidence is, float32 [h, w], 0..1 on the network's fixed scale; it covers the whole
            prepared film. None for a network that does not show it.
    """

    network: str
    probability: float
    logit: float
    threshold: float
    operating_point: str
    positive: bool | None
    refused: bool
    novelty: float | None
    milliseconds: float
    heatmap: np.ndarray | None = field(default=None, compare=False, repr=False)
    novelty_limit: float | None = None


@dataclass(frozen=True)
class Classifier:
    """One network, ready to read films. Made by `load_classifier`; may be shared between threads."""

    bundle: Bundle
    session: "onnxruntime.InferenceSession"
    device_line: str  # which device runs it and why, in words
    outputs: tuple[str, ...]

    @property
    def network(self) -> str:
        """Either "a" or "b"."""
        return self.bundle.card.network

    def prepared(self, film: np.ndarray) -> np.ndarray:
        """uint8 [H, W] → uint8 [1, S, S, 1], exactly what the graph is given.

        Raises:
            ValueError: the film is no uint8 [H, W].
        """
        return prepare(film, self.bundle.card.prepare)[None, :, :, None]

    def read(self, film: np.ndarray, operating_point: str | None = None) -> Reading:
        """Read one film, uint8 [H, W]; see `read_batch`."""
        return self.read_batch([film], operating_point)[0]

    def read_batch(self, films: Sequence[np.ndarray], operating_point: str | None = None) -> list[Reading]:
        """Read films of any sizes, each uint8 [H, W], in one run; their order is kept.

        Raises:
            ValueError: a film is no uint8 [H, W].
            UsageError, ReadingError: as `read_prepared`.
        """
        if not films:
            return []
        started = time.perf_counter()
        images = np.concatenate([self.prepared(film) for film in films])
        return self.read_prepared(images, operating_point, (time.perf_counter() - started) * 1000)

    def read_prepared(
        self, images: np.ndarray, operating_point: str | None = None, preparing_milliseconds: float = 0.0
    ) -> list[Reading]:
        """Run the network once, on films that are already as it wants them.

        Args:
            images: uint8 [N, S, S, 1], as `prepared` leaves them.
            operating_point: a name from the card; None for the card's default.
            preparing_milliseconds: what preparing them all took, counted into the readings' `milliseconds`.

        Raises:
            UsageError: the card has no such operating point.
            ReadingError: the network's answer is not a finite number, or it takes too long.
        """
        point = operating_point or self.bundle.card.default_operating_point
        threshold = self.threshold(point)
        started = time.perf_counter()
        try:
            with limited_run() as options:
                found = self.session.run(self.outputs, {"image": images}, options)
        except RunTooLongError:
            raise ReadingError(f"network {self.network}: takes longer than {SECONDS:.0f} s for a film") from None
        answers = dict(zip(self.outputs, found, strict=True))
        milliseconds = (preparing_milliseconds + (time.perf_counter() - started) * 1000) / len(images)
        nothing = [None] * len(images)
        rows = zip(*(answers.get(name, nothing) for name in READ_OUTPUTS), strict=True)
        return [
            self._reading(float(logit), float(probability), novelty, heatmap, point, threshold, milliseconds)
            for logit, probability, novelty, heatmap in rows
        ]

    def threshold(self, operating_point: str) -> float:
        """The threshold of an operating point, on the calibrated probability. Raises as `threshold_of`."""
        return threshold_of(self.bundle.card, operating_point)

    def _reading(
        self,
        logit: float,
        probability: float,
        novelty: float | None,
        heatmap: np.ndarray | None,
        operating_point: str,
        threshold: float,
        milliseconds: float,
    ) -> Reading:
        if not (math.isfinite(logit) and 0 <= probability <= 1):
            raise ReadingError(
                f"network {self.network}: answered logit {logit}, probability {probability}, "
                "is no reading; train and export it again"
            )
        limit = self.bundle.card.novelty_limit
        # `not <=` so that a novelty of NaN is refused too.
        refused = novelty is not None and limit is not None and not float(novelty) <= limit
        return Reading(
            network=self.network,
            probability=probability,
            logit=logit,
            threshold=threshold,
            operating_point=operating_point,
            positive=None if refused else probability >= threshold,
            refused=refused,
            novelty=None if novelty is None else float(novelty),
            milliseconds=milliseconds,
            heatmap=heatmap,
            novelty_limit=limit,
        )


def threshold_of(card: Card, operating_point: str) -> float:
    """The threshold of an operating point, on the calibrated probability.

    Raises:
        UsageError: the card has no such operating point.
    """
    if operating_point not in card.operating_points:
        raise UsageError(
            f"operating point {operating_point!r}: network {card.network} has {', '.join(card.operating_points)}; "
            "choose one of them"
        )
    return card.operating_points[operating_point].threshold


def decide(reading: Reading, card: Card, operating_point: str) -> Reading:
    """The same reading evaluated at another operating point; the network does not run again.

    Raises:
        UsageError: the card has no such operating point.
    """
    threshold = threshold_of(card, operating_point)
    positive = None if reading.refused else reading.probability >= threshold
    return replace(reading, operating_point=operating_point, threshold=threshold, positive=positive)


def forced(reading: Reading) -> Reading:
    """The same reading with its verdict, though the film is refused; it stays marked as refused."""
    return replace(reading, positive=reading.probability >= reading.threshold)


def load_classifier(bundle: Bundle, device: Device = "auto", threads: int | None = None) -> Classifier:
    """Load a bundle's model and check that it is the one its card describes.

    Args:
        bundle: as `read_bundle` or `find_bundles` gives it. The classifier's is without the model's bytes.
        device: "auto" takes a GPU when ONNX Runtime really starts on it, "gpu" insists, "cpu" does not look.
        threads: for the work inside one graph node; None for every processor this process may use.

    Raises:
        UsageError: ONNX Runtime is not installed, or a GPU was asked for and cannot be used.
        BundleError: the model is damaged, has a loop or weights in another file, takes another input than the
            contract's, or the card was edited.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads: expected 1 or more, received {threads}")
    threads = threads or usable_processors()
    runtime = import_onnxruntime()
    model = bundle.contents[MODEL]
    if fault := fault_of_graph(model):
        raise BundleError(f"{bundle.model}: {fault}; {EXPORT_AGAIN}")
    try:
        session = open_session(runtime, model, device, threads)
    except UsageError:
        raise
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        reason = " ".join(str(error).split())[:200]
        raise BundleError(f"{bundle.model}: ONNX Runtime cannot load it ({reason}); {EXPORT_AGAIN}") from error
    _check_contract(bundle, session)
    _check_card(bundle, session)
    produced = {output.name for output in session.get_outputs()}
    outputs = tuple(name for name in READ_OUTPUTS if name in produced)
    return Classifier(bundle.without_model(), session, device_note(runtime, session, device, threads), outputs)


def _check_contract(bundle: Bundle, session: "onnxruntime.InferenceSession") -> None:
    size = bundle.card.prepare.image_size
    inputs = [(node.name, node.type, node.shape) for node in session.get_inputs()]
    name, kind, shape = inputs[0] if len(inputs) == 1 else ("", "", [])
    # A free batch dimension is a name or None; a fixed one would refuse batches.
    free = len(shape) == 4 and not isinstance(shape[0], int)
    if (name, kind, shape[1:]) != ("image", "tensor(uint8)", [size, size, 1]) or not free:
        found = ", ".join(f"{node[0]} {node[1]} {node[2]}" for node in inputs) or "none"
        raise BundleError(
            f"{bundle.model}: expected one input, image tensor(uint8) [N, {size}, {size}, 1], found {found}; "
            f"{EXPORT_AGAIN}"
        )
    produced = {output.name: output.type for output in session.get_outputs()}
    for output in ("logit", "probability"):
        if produced.get(output) != "tensor(float)":
            raise BundleError(f"{bundle.model}: expected an output {output} tensor(float); {EXPORT_AGAIN}")


def _check_card(bundle: Bundle, session: "onnxruntime.InferenceSession") -> None:
    differing = card_matches_metadata(bundle.card, session.get_modelmeta().custom_metadata_map)
    if differing:
        raise BundleError(
            f"{bundle.folder / CARD}: {', '.join(differing)} not as in {bundle.model.name}, so one of them was "
            f"changed after export; {EXPORT_AGAIN}"
        )
