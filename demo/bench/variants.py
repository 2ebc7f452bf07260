"""The forms a network could ship in, beside each other: size, speed, and the decisions that each would change."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from demo.bench.measure import Advance, run_at_once, run_python, steps_in_turn, time_in_turn
from demo.inference.classifier import Classifier, load_classifier
from demo.inference.onnx_runtime import import_onnxruntime, open_session, usable_processors
from demo.predict.stream import share_processors
from export.bundle import Bundle
from train.metrics.scores import read_scores

SHIPPED, FLOAT32, INT8, KERAS = "as shipped", "float32", "INT8", "Keras"
CALIBRATION_FILMS = 64
KERAS_FILMS = 32
MOST_DECISIONS_CHANGED = 1 / 500  # of the validation films, at any operating point or by refusing, for INT8 to ship


@dataclass(frozen=True)
class Variant:
    """One form of a network.

    Attributes:
        name: "as shipped", "float32", "INT8" or "Keras".
        megabytes: of the file; None for Keras.
        films_per_second: on prepared arrays; for Keras in batches of its best size.
        speed: films per second over those of float32, the median of each round's ratio; None for Keras, which runs
            at another time, and where there is no float32.
        judged: validation films on which this form was compared with float32.
        largest_difference: of the probability on those films; None without films.
        changed: operating point → decisions unlike float32's, refusals left aside; None without films.
        refusals_changed: films that one of the two refuses and the other reads; None without films, and for a network
            that refuses none.
    """

    name: str
    megabytes: float | None
    films_per_second: float
    speed: float | None = None
    judged: int = 0
    largest_difference: float | None = None
    changed: dict[str, int] | None = None
    refusals_changed: int | None = None

    @property
    def may_ship(self) -> bool | None:
        """Whether few enough decisions and refusals change; None where no film was evaluated."""
        if not self.changed:
            return None
        most = max(*self.changed.values(), self.refusals_changed or 0)
        return most <= self.judged * MOST_DECISIONS_CHANGED


def can_make_variants() -> bool:
    """Whether `onnx` is installed, which `export.graph.quantize` needs."""
    return importlib.util.find_spec("onnx") is not None


def can_run_keras() -> bool:
    """Whether Keras and TensorFlow are installed."""
    return None not in (importlib.util.find_spec("tensorflow"), importlib.util.find_spec("keras"))


def validation_films(bundle: Bundle, data_root: Path) -> list[str]:
    """Where the validation films of a bundle's scores.csv are, or would be.

    Raises:
        ScoresError: the file is none.
    """
    return [str(data_root / film) for film in read_scores(bundle.folder / "scores.csv").of_split("validation").films]


def steps_of_variants(validation: np.ndarray | None) -> int:
    """How often `measure_variants` calls `advance`."""
    if not can_make_variants():
        return steps_in_turn(1)
    judged = 0 if validation is None else len(validation) - len(_calibration_rows(validation))
    return steps_in_turn(3) + 3 * judged


def measure_variants(
    bundle: Bundle, images: np.ndarray, validation: np.ndarray | None, folder: Path, advance: Advance
) -> list[Variant]:
    """The network as shipped, and as float32 and INT8 where `can_make_variants`.

    INT8 is calibrated on `CALIBRATION_FILMS` of the validation films, and evaluated on the others; without validation
    films it is calibrated on `images` and not evaluated.

    Args:
        bundle: of the network.
        images: uint8 [N, S, S, 1], prepared films for measuring the speed.
        validation: the same of validation films, or None.
        folder: for the models that are made.
        advance: called `steps_of_variants(validation)` times.
    """
    calibration, judged = images[:CALIBRATION_FILMS], images[:0]
    if validation is not None:
        rows = _calibration_rows(validation)
        calibration, judged = validation[rows], np.delete(validation, rows, axis=0)
    files = {SHIPPED: bundle.model}
    if can_make_variants():
        np.save(folder / "calibration.npy", calibration)
        command = ["-m", "export.graph.quantize", str(bundle.model), str(folder / "calibration.npy")]
        run_python([*command, str(folder)])
        files |= {FLOAT32: folder / "float32.onnx", INT8: folder / "int8.onnx"}
    at_once, threads = share_processors(len(images), usable_processors())
    shipped = load_classifier(bundle, threads=threads)
    forms = {
        name: replace(shipped, session=open_session(import_onnxruntime(), file, "auto", threads))
        for name, file in files.items()
    }
    seconds = time_in_turn(
        {name: partial(run_at_once, [(form, images)], at_once) for name, form in forms.items()}, advance
    )
    answers = {}
    if FLOAT32 in forms and len(judged):
        answers = {name: _answers(form, judged, at_once, advance) for name, form in forms.items()}
    variants = []
    for name, file in files.items():
        variant = Variant(name, file.stat().st_size / 1e6, len(images) / median(seconds[name]))
        if FLOAT32 in forms:
            ratios = [base / own for base, own in zip(seconds[FLOAT32], seconds[name], strict=True)]
            variant = replace(variant, speed=median(ratios))
        if answers:
            variant = _judge(variant, bundle, answers[name], answers[FLOAT32])
        variants.append(variant)
    return variants


def measure_keras(bundle: Bundle) -> Variant:
    """Keras on the same processors, untrained: weights do not change the speed. Its best batch size counts."""
    card = bundle.card
    command = ["-m", "export.graph.keras_speed", card.network, str(card.prepare.image_size)]
    rates: Mapping[str, float] = json.loads(run_python([*command, str(KERAS_FILMS)]))
    return Variant(KERAS, None, max(rates.values()))


def _calibration_rows(validation: np.ndarray) -> np.ndarray:
    """Rows spread evenly over the validation films."""
    return np.unique(np.linspace(0, len(validation) - 1, CALIBRATION_FILMS).round().astype(int))


def _answers(form: Classifier, images: np.ndarray, at_once: int, advance: Advance) -> dict[str, np.ndarray]:
    """Probability and, where the network measures it, novelty: float32 [N] each."""
    outputs = [name for name in ("probability", "novelty") if name in form.outputs]

    def answer(image: np.ndarray) -> Sequence[np.ndarray]:
        return form.session.run(outputs, {"image": image[np.newaxis]})

    answers = []
    with ThreadPoolExecutor(at_once) as threads:
        for answered in threads.map(answer, images):
            answers.append(answered)
            advance()
    return {name: np.concatenate(values) for name, values in zip(outputs, zip(*answers, strict=True), strict=True)}


def _judge(
    variant: Variant, bundle: Bundle, answers: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]
) -> Variant:
    probabilities, expected = answers["probability"], reference["probability"]
    changed = {
        name: int(((probabilities >= point.threshold) != (expected >= point.threshold)).sum())
        for name, point in bundle.card.operating_points.items()
    }
    limit, refusals_changed = bundle.card.novelty_limit, None
    if "novelty" in answers and limit is not None:
        refusals_changed = int(((answers["novelty"] <= limit) != (reference["novelty"] <= limit)).sum())
    return replace(
        variant,
        judged=len(expected),
        largest_difference=float(np.abs(probabilities - expected).max()),
        changed=changed,
        refusals_changed=refusals_changed,
    )
