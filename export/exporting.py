"""One run → one bundle: calibrate, convert, prove parity, write the card, and only then the folder."""

from pathlib import Path

import numpy as np

from export.bundle import Bundle, metadata_of, write_bundle
from export.calibration import calibrate, quality_on_test
from export.card import PLACEHOLDER_BACKBONE, card_in_words, make_card
from export.convert import to_onnx, with_metadata
from export.evidence import evidence_model, fit_evidence, heatmap_card, measure_films, novelty_card
from export.heatmap_checks import check_heatmaps
from export.novelty_checks import guard_figures, read_foreign_pictures
from export.parity import SMALLEST_GATE, ParityReport, compare_with_keras, require_enough_films, require_parity
from train.cohort import read_split
from train.console import NOT_A_MEDICAL_DEVICE, say
from train.errors import PneumoscopeError
from train.evaluation import read_evaluation
from train.run_folder import RunFolder, settings_of
from train.scores import read_scores
from train.scoring import load_network, prepare_all


def export_run(run: RunFolder, models: Path, data_root: Path, placeholder: str, parity_films: int) -> Bundle:
    """Export a run's best network to `models/<a|b>`; the folder is replaced whole or left as it was.

    Args:
        run: a finished, evaluated run of network A or B.
        models: folder of bundles.
        data_root: where the run's films are, of which training and validation are read; where it also holds foreign
            pictures (`ood/`), the card says how many of them are refused.
        placeholder: why the bundle is a placeholder, or empty; B without ImageNet weights is one in any case.
        parity_films: how many films the gate compares, ≥ 64, spread evenly over the validation films.

    Raises:
        ParityError: ONNX Runtime and Keras disagree, or there are too few films to tell.
        PneumoscopeError: the run is unfinished, or its files or films are missing or broken.
    """
    settings = settings_of(run)
    if not run.environment.is_file():
        raise PneumoscopeError(f"run {run.name} is not finished: it has no environment.json; train it to its end")
    evaluation = read_evaluation(run.evaluation)
    scores = read_scores(run.scores)
    calibration = calibrate(scores)
    cohort = read_split(run.split, data_root)
    validation = cohort.of_split("validation")
    require_enough_films(len(validation))
    spec = settings.prepare.spec()
    images = prepare_all(data_root, validation, spec, "validation")
    training = cohort.of_split("train")
    network = load_network(run)
    opened = evidence_model(network)
    fitted = fit_evidence(opened, prepare_all(data_root, training, spec, "train"), images)
    stored_float16 = settings.network == "b"
    say(f"converting {run.name} to ONNX …")
    model = to_onnx(network, calibration.scale, fitted.graph, store_float16=stored_float16)
    thresholds = {name: point.threshold for name, point in calibration.operating_points.items()}
    rows = np.unique(np.linspace(0, len(validation) - 1, max(parity_films, SMALLEST_GATE)).round().astype(int))
    report = compare_with_keras(
        network, model.SerializeToString(), images[rows], calibration.scale, thresholds, fitted.graph
    )
    require_parity(report, stored_float16=stored_float16)
    say("checking heatmap and novelty …")
    labels, patients = np.array([film.label for film in validation]), [film.patient for film in validation]
    checks = check_heatmaps(network, opened, images, labels, patients, fitted.validation, calibration.scale)
    foreign = read_foreign_pictures(data_root, spec)
    guard = None
    if foreign is not None:
        guard = guard_figures(
            lambda films: measure_films(opened, films, "novelty: foreign pictures").pooled,
            fitted.graph.novelty.distance,
            fitted.limit,
            fitted.train.pooled,
            images,
            fitted.validation.pooled,
            foreign,
        )
    test = None
    if evaluation["test"]:  # all is chosen by now, and the run's test figures exist already: this only reports
        test_images = prepare_all(data_root, cohort.of_split("test"), spec, "test")
        test = measure_films(opened, test_images, "novelty: test films")
    reasons = [placeholder] if placeholder else []
    if settings.network == "b" and settings.backbone_weights != "imagenet":
        reasons.append(PLACEHOLDER_BACKBONE)
    on_test = quality_on_test(scores, calibration.scale)
    card = make_card(run, settings, cohort.films, evaluation, calibration, on_test, report, "; ".join(reasons))
    card = card.model_copy(
        update={
            "novelty_limit": fitted.limit,
            "heatmap": heatmap_card(settings.network, fitted, checks),
            "novelty": novelty_card(fitted, guard, test),
            "parity": card.parity.model_copy(update=_evidence_parity(report)),
        }
    )
    return write_bundle(
        models / settings.network,
        card,
        with_metadata(model, metadata_of(card), f"{card.title}. {NOT_A_MEDICAL_DEVICE}"),
        {
            "README.md": card_in_words(card).encode(),
            "evaluation.json": run.evaluation.read_bytes(),
            "scores.csv": run.scores.read_bytes(),
            "history.csv": run.history.read_bytes(),
        },
    )


def _evidence_parity(report: ParityReport) -> dict[str, float | None]:
    return {
        "largest_heatmap_difference": report.largest_heatmap_difference,
        "largest_novelty_difference": report.largest_novelty_difference,
    }
