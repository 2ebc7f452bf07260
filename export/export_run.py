"""One run → one bundle: calibrate, convert, prove parity, write the card, and only then the folder."""

import json
from pathlib import Path

import numpy as np

from export.bundle import STRESS, Bundle, metadata_of, write_bundle
from export.card.audit import AUDIT_DIR, find_audit
from export.card.make_card import Findings, make_card, placeholder_reasons
from export.card.markdown import card_in_words
from export.card.stress import read_robustness
from export.graph.calibration import Calibration, calibrate, quality_on
from export.graph.convert import to_onnx, with_metadata
from export.graph.fit_outputs import fit_outputs, heatmap_card, measure_films, novelty_card, outputs_model
from export.graph.heatmap_checks import check_heatmaps
from export.graph.novelty_checks import detector_figures, read_ood_images
from export.graph.parity import SMALLEST_GATE, compare_with_keras, require_enough_films, require_parity
from train.cli.options import data_option
from train.common.console import NOT_A_MEDICAL_DEVICE, say, say_warning
from train.common.errors import PneumoscopeError
from train.data.cohort import Cohort, read_split
from train.evaluation.evaluation import is_of_these_scores, read_evaluation
from train.evaluation.thresholds import operating_of
from train.fitting.scoring import load_network, prepare_all
from train.metrics.augmented_scores import read_augmented
from train.metrics.cluster_bootstrap import require_patients
from train.metrics.scores import EXTERNAL, Scores, logistic, read_scores
from train.runs.run_folder import RunFolder, settings_of
from train.runs.test_set_log import log_test_read

#: Thresholds of two computations on the same scores differ by less.
SAME_THRESHOLD = 1e-4


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
    settings = settings_of(run)
    _require_finished(run)
    evaluation = read_evaluation(run.evaluation)
    scores = read_scores(run.scores)
    cohort = read_split(run.split, data_root)
    _require_one_run(run, evaluation, scores, cohort)
    operating = operating_of(evaluation)
    readings = read_augmented(run.augmented_scores) if operating.needs_augmented else None
    calibration = calibrate(scores, intervals=True, operating=operating, augmented=readings)
    _require_frozen_thresholds(run, evaluation, calibration)
    external = read_scores(run.external_scores) if evaluation.get(EXTERNAL) and run.external_scores.is_file() else None
    on_external = None if external is None else quality_on(external, EXTERNAL, calibration.scale)
    if on_external is not None and on_external[1].ece > on_external[0].ece:
        say_warning(
            f"on another hospital's films calibration ({calibration.method}) makes probabilities worse (its error is "
            f"{on_external[0].ece:.3f} before, {on_external[1].ece:.3f} after); pneumoscope evaluate {run.name} "
            "--compare-operating-points says which carries over"
        )
    measured = read_robustness(run, evaluation)
    audited = find_audit(audit, cohort.films)
    if measured is None:
        say_warning(
            "the card will say 'not measured' of robustness; for it: "
            f"pneumoscope evaluate {run.name} --stress{data_option(data_root)}"
        )
    if audited is None:
        say_warning(f"the card will say 'not audited' of the films; for it: {AUDIT_DIR}")
    training, validation = cohort.of_split("train"), cohort.of_split("validation")
    require_enough_films(len(validation))
    # All else is chosen without them, and the run's test figures exist already: they only serve to report.
    test_films = cohort.of_split("test") if evaluation["test"] else ()
    say(
        f"{run.name} reads {len(training)} training, {len(validation)} validation and {len(test_films)} test films "
        "once each, and some validation films again for parity and checks (B on two cores: about ten minutes)"
    )
    spec = settings.prepare.spec()
    images = prepare_all(data_root, validation, spec, "validation")
    network = load_network(run)
    opened = outputs_model(network)
    fitted = fit_outputs(opened, prepare_all(data_root, training, spec, "train"), images)
    stored_float16 = settings.network == "b"
    say(f"converting {run.name} to ONNX …")
    model = to_onnx(network, calibration.scale, fitted.graph, store_float16=stored_float16)
    thresholds = {name: point.threshold for name, point in calibration.operating_points.items()}
    rows = np.unique(np.linspace(0, len(validation) - 1, max(parity_films, SMALLEST_GATE)).round().astype(int))
    report = compare_with_keras(
        network, model.SerializeToString(), images[rows], calibration.scale, thresholds, fitted.graph, opened
    )
    require_parity(report, stored_float16=stored_float16)
    say("checking heatmap and novelty …")
    labels, patients = np.array([film.label for film in validation]), [film.patient for film in validation]
    checks = check_heatmaps(network, opened, images, labels, patients, fitted.validation, calibration.scale)
    ood = read_ood_images(data_root, spec)
    guard = None
    if ood is not None:
        guard = detector_figures(
            lambda films: measure_films(opened, films, "novelty: OOD images").pooled,
            fitted.graph.novelty.distance,
            fitted.limit,
            fitted.train.pooled,
            images,
            fitted.validation.pooled,
            ood,
        )
    test = None
    if test_films:
        test = measure_films(opened, prepare_all(data_root, test_films, spec, "test"), "novelty: test films")
        log_test_read(f"{run.name} (export: share refused)", evaluation)
    findings = Findings(
        evaluation=evaluation,
        calibration=calibration,
        on_test=quality_on(scores, "test", calibration.scale, intervals=True),
        on_external=on_external,
        parity=report,
        heatmap=heatmap_card(settings.network, fitted, checks),
        novelty=novelty_card(fitted, guard, test),
        stress=None if measured is None else measured[1],
        audit=audited,
    )
    card = make_card(run, settings, cohort.films, findings, placeholder_reasons(settings, placeholder))
    return write_bundle(
        models / settings.network,
        card,
        with_metadata(model, metadata_of(card), f"{card.title}. {NOT_A_MEDICAL_DEVICE}"),
        {
            "README.md": card_in_words(card).encode(),
            "evaluation.json": run.evaluation.read_bytes(),
            "scores.csv": run.scores.read_bytes(),
            "history.csv": run.history.read_bytes(),
            **({} if measured is None else {STRESS: measured[0]}),
            **({} if readings is None else {run.augmented_scores.name: run.augmented_scores.read_bytes()}),
        },
    )


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
