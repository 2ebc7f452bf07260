"""One run → one bundle: calibrate, convert, prove parity, write the card, and only then the folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.bundle import STRESS, Bundle, Card, metadata_of, write_bundle
from export.card.audit import AUDIT_DIR, find_audit
from export.card.make_card import Findings, make_card, placeholder_reasons
from export.card.markdown import card_in_words
from export.card.stress import read_robustness
from export.graph.calibration import Calibration, Quality, calibrate, quality_on
from export.graph.convert import with_metadata
from export.graph.fit_outputs import (
    MeasuredNetwork,
    fit_outputs,
    heatmap_card,
    measure_films,
    novelty_card,
    outputs_model,
)
from export.graph.heatmap_checks import check_heatmaps
from export.graph.novelty_checks import OODImages, detector_figures, read_ood_images
from export.graph.parity import convert_with_parity, require_enough_films
from train.cli.options import data_option
from train.common.console import NOT_A_MEDICAL_DEVICE, say, say_warning
from train.common.errors import PneumoscopeError
from train.data.cohort import Cohort, Film, read_split
from train.evaluation.evaluation import is_of_these_scores, read_evaluation
from train.evaluation.thresholds import operating_of
from train.fitting.scoring import load_network, prepare_all
from train.metrics.augmented_scores import AugmentedScores, read_augmented
from train.metrics.calibration_fit import Scale
from train.metrics.cluster_bootstrap import require_patients
from train.metrics.scores import EXTERNAL, Scores, logistic, read_scores
from train.runs.run_folder import RunFolder, settings_of
from train.runs.settings import Settings
from train.runs.test_set_log import log_test_read

#: Thresholds of two computations on the same scores differ by less.
SAME_THRESHOLD = 1e-4

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class RunFiles:
    """What a run's folder holds for its bundle, proven to be of one run, and what follows from it without its films.

    Attributes:
        augmented: its readings of augmented validation films, where thresholds or calibration are from those.
        calibration: fitted again; at thresholds that are those of the evaluation.
        on_external: what that does to another hospital's films, where the run was evaluated on them.
        robustness: stress.json and the card's summary of it; None where it was not measured.
        audit: of the films, for the card; None where there is none.
    """

    settings: Settings
    evaluation: Json
    scores: Scores
    cohort: Cohort
    augmented: AugmentedScores | None
    calibration: Calibration
    on_external: tuple[Quality, Quality] | None
    robustness: tuple[bytes, Json] | None
    audit: Json | None


def export_run(
    run: RunFolder, models: Path, data_root: Path, placeholder: str, parity_films: int, audit: Path | None = None
) -> Bundle:
    """Export a run's best network to `models/<a|b>`; the folder is replaced whole or left as it was.

    Args:
        run: a finished, evaluated run of network A or B.
        models: folder of bundles.
        data_root: where the run's films are, of which training and validation are read, and test for the share that is
            refused if the run's test films have been read before; where it also holds OOD images (`ood/`), the
            card says how many of them are refused.
        placeholder: why the bundle is a placeholder, or empty; B on a backbone that kept random weights is one in any
            case.
        parity_films: how many films the gate compares, ≥ 64, spread evenly over the validation films.
        audit: of the run's films; None: as `export.card.audit.find_audit` finds it.

    Raises:
        ParityError: ONNX Runtime and Keras disagree, or there are too few films to tell.
        PneumoscopeError: the run is unfinished, its files or films are missing, broken or not of each other, or there
            are too few patients.
    """
    files = _read_run(run, data_root, audit)
    settings, evaluation, calibration, cohort = files.settings, files.evaluation, files.calibration, files.cohort
    training, validation = cohort.of_split("train"), cohort.of_split("validation")
    spec = settings.prepare.spec()
    require_enough_films(len(validation))
    # All else is chosen without them, and the run's test figures exist already: they only serve to report.
    test_films = cohort.of_split("test") if evaluation["test"] else ()
    say(
        f"{run.name} reads {len(training)} training, {len(validation)} validation and {len(test_films)} test films "
        "once each, and some validation films again for parity and checks (B on two cores: about ten minutes)"
    )
    measured = _measure_network(run, files, data_root)
    say(f"converting {run.name} to ONNX …")
    thresholds = {name: point.threshold for name, point in calibration.operating_points.items()}
    model, parity = convert_with_parity(
        measured, calibration.scale, thresholds, parity_films, store_float16=settings.network == "b"
    )
    say("checking heatmap and novelty …")
    checks = _heatmap_checks(measured, validation, calibration.scale)
    guard = _detector_figures(measured, read_ood_images(data_root, spec))
    test = None
    if test_films:
        test = measure_films(measured.opened, prepare_all(data_root, test_films, spec, "test"), "novelty: test films")
        log_test_read(f"{run.name} (export: share refused)", evaluation)
    findings = Findings(
        evaluation=evaluation,
        calibration=calibration,
        on_test=quality_on(files.scores, "test", calibration.scale, intervals=True),
        on_external=files.on_external,
        parity=parity,
        heatmap=heatmap_card(settings.network, measured.fitted, checks),
        novelty=novelty_card(measured.fitted, guard, test),
        stress=None if files.robustness is None else files.robustness[1],
        audit=files.audit,
    )
    card = make_card(run, settings, cohort.films, findings, placeholder_reasons(settings, placeholder))
    graph = with_metadata(model, metadata_of(card), f"{card.title}. {NOT_A_MEDICAL_DEVICE}")
    return write_bundle(models / settings.network, card, graph, _beside_the_model(run, files, card))


def _read_run(run: RunFolder, data_root: Path, audit: Path | None) -> RunFiles:
    """Read all of a run but its films and its network; say what the card will not hold."""
    settings = settings_of(run)
    _require_finished(run)
    evaluation = read_evaluation(run.evaluation)
    scores = read_scores(run.scores)
    cohort = read_split(run.split, data_root)
    _require_one_run(run, evaluation, scores, cohort)
    operating = operating_of(evaluation)
    augmented = read_augmented(run.augmented_scores) if operating.needs_augmented else None
    calibration = calibrate(scores, intervals=True, operating=operating, augmented=augmented)
    _require_frozen_thresholds(run, evaluation, calibration)
    on_external = _quality_on_external(run, evaluation, calibration)
    robustness = read_robustness(run, evaluation)
    audited = find_audit(audit, cohort.films)
    if robustness is None:
        say_warning(
            "the card will say 'not measured' of robustness; for it: "
            f"pneumoscope evaluate {run.name} --stress{data_option(data_root)}"
        )
    if audited is None:
        say_warning(f"the card will say 'not audited' of the films; for it: {AUDIT_DIR}")
    return RunFiles(settings, evaluation, scores, cohort, augmented, calibration, on_external, robustness, audited)


def _quality_on_external(run: RunFolder, evaluation: Json, calibration: Calibration) -> tuple[Quality, Quality] | None:
    """What calibration does to another hospital's films, where the run was evaluated on them; warn where it harms."""
    if not evaluation.get(EXTERNAL) or not run.external_scores.is_file():
        return None
    found = quality_on(read_scores(run.external_scores), EXTERNAL, calibration.scale)
    if found is not None and found[1].ece > found[0].ece:
        say_warning(
            f"on another hospital's films calibration ({calibration.method}) makes probabilities worse (its error is "
            f"{found[0].ece:.3f} before, {found[1].ece:.3f} after); pneumoscope evaluate {run.name} "
            "--compare-operating-points says which carries over"
        )
    return found


def _measure_network(run: RunFolder, files: RunFiles, data_root: Path) -> MeasuredNetwork:
    """Load a run's network and run it over its training and validation films."""
    spec = files.settings.prepare.spec()
    validation = prepare_all(data_root, files.cohort.of_split("validation"), spec, "validation")
    network = load_network(run)
    opened = outputs_model(network)
    training = prepare_all(data_root, files.cohort.of_split("train"), spec, "train")
    return MeasuredNetwork(network, opened, fit_outputs(opened, training, validation), validation)


def _heatmap_checks(measured: MeasuredNetwork, validation: Sequence[Film], scale: Scale) -> Json:
    labels, patients = np.array([film.label for film in validation]), [film.patient for film in validation]
    films = measured.fitted.validation
    return check_heatmaps(measured.network, measured.opened, measured.validation, labels, patients, films, scale)


def _detector_figures(measured: MeasuredNetwork, ood: OODImages | None) -> Json | None:
    """How well the out-of-distribution detector refuses OOD images; None where there are none."""
    if ood is None:
        return None
    fitted = measured.fitted
    return detector_figures(
        lambda films: measure_films(measured.opened, films, "novelty: OOD images").pooled,
        fitted.graph.novelty.distance,
        fitted.limit,
        fitted.train.pooled,
        measured.validation,
        fitted.validation.pooled,
        ood,
    )


def _beside_the_model(run: RunFolder, files: RunFiles, card: Card) -> dict[str, bytes]:
    """A bundle's files besides card and network, by name."""
    return {
        "README.md": card_in_words(card).encode(),
        "evaluation.json": run.evaluation.read_bytes(),
        "scores.csv": run.scores.read_bytes(),
        "history.csv": run.history.read_bytes(),
        **({} if files.robustness is None else {STRESS: files.robustness[0]}),
        **({} if files.augmented is None else {run.augmented_scores.name: run.augmented_scores.read_bytes()}),
    }


def _require_finished(run: RunFolder) -> None:
    for path in (run.environment, run.history):
        if not path.is_file():
            raise PneumoscopeError(f"run {run.name} is not finished: it has no {path.name}; train it to its end")
    try:
        environment = json.loads(run.environment.read_bytes())
        whole = {"films", "seconds", "device", "parameters", "versions"} <= environment.keys()
    except (OSError, ValueError, AttributeError):
        whole = False
    if not whole:
        raise PneumoscopeError(f"{run.environment}: damaged, so that the card cannot say how {run.name} was trained")


def _require_frozen_thresholds(run: RunFolder, evaluation: dict, calibration: Calibration) -> None:
    """Refuse to ship other thresholds than the evaluation was made at."""
    raw = (calibration.operating_points[name].threshold for name in evaluation["thresholds"])
    scale = calibration.scale
    for (name, frozen), shipped in zip(evaluation["thresholds"].items(), raw, strict=True):
        expected = float(logistic(scale.calibrated(np.log(frozen) - np.log1p(-frozen))))
        if abs(expected - shipped) > SAME_THRESHOLD:
            raise PneumoscopeError(
                f"the threshold {name} of {run.name} is not the one that its evaluation has frozen; "
                f"evaluate it again: pneumoscope evaluate {run.name}"
            )


def _require_one_run(run: RunFolder, evaluation: dict, scores: Scores, cohort: Cohort) -> None:
    """Refuse files that are not of one run, and films of too few patients for any interval."""
    again = f"evaluate it again: pneumoscope evaluate {run.name}"
    if evaluation["split_fingerprint"] != cohort.fingerprint:
        raise PneumoscopeError(f"the evaluation of {run.name} is of another split than its split.csv; {again}")
    validation = scores.of_split("validation")
    if not len(validation):
        raise PneumoscopeError(f"the scores of {run.name} hold no validation films; {again}")
    require_patients(validation.patients, "the validation films")
    if not is_of_these_scores(evaluation, validation):
        raise PneumoscopeError(f"the evaluation of {run.name} is of other scores than its scores.csv; {again}")
    if evaluation["test"] and not len(scores.of_split("test")):
        raise PneumoscopeError(f"the scores of {run.name} hold no test films, its evaluation does; {again} --test")
