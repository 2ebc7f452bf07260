"""The model card: written from the run by export, never by hand; once for machines, once in words."""

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from export.bundle import Calibration, Card, Metrics, OperatingPoint, Parity
from train.cohort import PUBLISHED_NAME, Film
from train.console import NOT_A_MEDICAL_DEVICE
from train.operating_points import DEFAULT_OPERATING_POINT
from train.run_folder import RunFolder, commit_of_checkout, versions
from train.settings import Settings

if TYPE_CHECKING:
    from export.calibration import Calibration as FittedCalibration
    from export.calibration import Quality
    from export.parity import ParityReport

Json = dict[str, Any]

TITLES = {
    "a": "pneumoscope A: a small CNN trained from scratch",
    "b": "pneumoscope B: ResNet50V2 by transfer learning",
}
INTENDED_USE = "Research and teaching: how two networks read the same frontal chest radiograph, and where they err."
NOT_INTENDED_USE = (
    "Not a medical device: no diagnosis, triage or treatment. Not for patients or hospitals unlike those of the "
    "training data, for lateral films, or for pictures that are no chest radiograph: this version answers those too."
)
PUBLIC_SET = (
    "Chest X-Ray Images (Pneumonia): children of 1 to 5 years from one hospital, Guangzhou Women and Children's "
    "Medical Center; Kermany, Goldbaum et al., Cell 172 (2018) 1122-1131, CC BY 4.0, doi:10.17632/rscbjbr9sj"
)
PHANTOMS = "Synthetic phantoms made by pneumoscope, no patients: good for trying the tool, for nothing else"
OTHER_SET = "A cohort that this project does not know"
#: How `data phantoms` names its films.
PHANTOM_NAME = re.compile(r"phantom\d+_")
LICENCE = "Apache-2.0 (model and code)"
PLACEHOLDER_BACKBONE = (
    "its backbone was not pretrained on ImageNet but on the training films alone; expect less than the report's figures"
)
_RATES = ("sensitivity", "specificity")
HEADLINES = ("accuracy", "balanced_accuracy", "f1", "sensitivity", "specificity", "ppv", "npv")


def make_card(
    run: RunFolder,
    settings: Settings,
    films: Sequence[Film],
    evaluation: Json,
    calibration: "FittedCalibration",
    on_test: "tuple[Quality, Quality] | None",
    parity: "ParityReport",
    placeholder_reason: str,
) -> Card:
    """Write the card of a run, still without checksums.

    Args:
        run: a finished run.
        settings: of that run; network "a" or "b".
        films: of that run's split.
        evaluation: of that run, with validation and possibly test.
        calibration: from its validation scores.
        on_test: what it does to the test films, where they have been read.
        parity: the gate's report.
        placeholder_reason: why the network is no better than a placeholder; empty when it is none.
    """
    environment = json.loads(run.environment.read_text(encoding="utf-8"))
    test = evaluation["test"]
    return Card(
        network=settings.network,
        title=TITLES[settings.network],
        placeholder=bool(placeholder_reason),
        placeholder_reason=placeholder_reason,
        classes=("normal", "pneumonia"),
        prepare=settings.prepare.spec(),
        calibration=Calibration(
            method=calibration.method,
            temperature=calibration.temperature,
            offset=calibration.offset,
            selected_on="validation",
            note=calibration.note,
            log_loss_before=calibration.before.log_loss,
            log_loss_after=calibration.after.log_loss,
            candidates=calibration.candidates,
            folds=calibration.folds,
            validation={"before": asdict(calibration.before), "after": asdict(calibration.after)},
            test=dict(zip(("before", "after"), map(asdict, on_test), strict=True)) if on_test else None,
        ),
        operating_points={
            name: OperatingPoint(
                threshold=point.threshold,
                selected_on="validation",
                sensitivity=point.sensitivity,
                specificity=point.specificity,
                test=_rates(test, name) if test else None,
            )
            for name, point in calibration.operating_points.items()
        },
        split_fingerprint=evaluation["split_fingerprint"],
        metrics=Metrics(
            validation=headlines(evaluation["validation"]["metrics"]),
            test=headlines(test["metrics"]) if test else None,
        ),
        parity=Parity(
            films=parity.films,
            largest_probability_difference=parity.largest_probability_difference,
            decisions_changed=parity.decisions_changed,
        ),
        intended_use=INTENDED_USE,
        not_intended_use=NOT_INTENDED_USE,
        training=training_in_words(settings, environment),
        data=data_in_words(films),
        licence=LICENCE,
        versions={**versions(), **environment["versions"]},
        commit=commit_of_checkout() or "unknown",
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def headlines(metrics: Mapping[str, Any]) -> Json:
    """Pick a card's figures from an evaluation's metrics: at the default operating point, each with its interval."""
    point = metrics["operating_points"][DEFAULT_OPERATING_POINT]
    return {
        "films": metrics["n"],
        "patients": metrics["patients"],
        "prevalence": metrics["prevalence"],
        "operating_point": DEFAULT_OPERATING_POINT,
        "auroc": metrics["auroc"],
        "average_precision": metrics["average_precision"],
        **{name: point[name] for name in HEADLINES},
        "as_report": metrics["as_report"],
    }


def _rates(part: Mapping[str, Any], point: str) -> Json:
    """What an operating point really has on a split: sensitivity and specificity with their intervals."""
    return {name: part["metrics"]["operating_points"][point][name] for name in _RATES}


def data_in_words(films: Sequence[Film]) -> str:
    """Say in one paragraph which films a run was trained and judged on; the two known sets are told by their names."""
    names = [PurePosixPath(film.path).name for film in films]
    if all(PUBLISHED_NAME.match(name) for name in names):
        source = PUBLIC_SET
    elif all(PHANTOM_NAME.match(name) for name in names):
        source = PHANTOMS
    else:
        source = OTHER_SET
    counts = [
        f"{split} {len(rows)} films of {len({film.patient for film in rows})} patients"
        for split in ("train", "validation", "test")
        if (rows := [film for film in films if film.split == split])
    ]
    return f"{source}. {', '.join(counts)}; train and validation were pooled and split again by patient."


def training_in_words(settings: Settings, environment: Mapping[str, Any]) -> str:
    """Say in one paragraph how a run was trained."""
    films = environment["films"]
    prepare, augmentation = settings.prepare, settings.augmentation
    stages = f"{settings.epochs} epochs at {settings.learning_rate:g}"
    if settings.network == "b":
        fine_tune = settings.fine_tune
        rate = fine_tune.learning_rate or settings.learning_rate / 10
        stages = f"head: {stages}; then {fine_tune.epochs} epochs of fine-tuning from backbone layer "
        stages += f"{fine_tune.from_layer} at {rate:g}; backbone weights: {settings.backbone_weights}"
    changes = [
        f"{name} {value:g}"
        for name, value in augmentation.model_dump().items()
        if not isinstance(value, bool) and value > 0
    ]
    return (
        f"{films['train']} films, validation on {films['validation']}; {prepare.image_size} px, resize "
        f"{prepare.resize}, contrast {prepare.contrast}; {stages}; {settings.optimizer}, {settings.schedule} schedule, "
        f"batch {settings.batch_size}, dropout {settings.dropout:g}, augmentation {', '.join(changes) or 'none'}; "
        f"seed {settings.seed}; {environment['seconds'] / 60:.0f} minutes on {environment['device']}; "
        f"{environment['parameters']:,} parameters."
    )


def card_in_words(card: Card) -> str:
    """Return the card as Markdown, under the headings of Mitchell et al. 2019 (arXiv:1810.03993)."""
    lines = [f"# {card.title}", "", f"**{NOT_A_MEDICAL_DEVICE}**", ""]
    if card.placeholder:
        lines += [f"**A placeholder:** {card.placeholder_reason}.", ""]
    lines += ["## Model details", "", card.training, "", f"Licence: {card.licence}. Made {card.created}."]
    lines += ["", "`model.onnx` is complete by itself: `image` uint8 [N, S, S, 1], grey, "]
    spec = card.prepare
    lines[-1] += (
        f"S = {spec.image_size}, resize rule {spec.resize}, contrast rule {spec.contrast}, gives `logit` and "
        f"`probability` (calibrated, see below), float32 [N]."
    )
    lines += ["", "## Intended use", "", card.intended_use, "", card.not_intended_use]
    lines += ["", "## Training and evaluation data", "", card.data]
    lines += ["", f"Split fingerprint: `{card.split_fingerprint}`."]
    lines += ["", "## Operating points", "", "Chosen on validation, on the calibrated probability.", ""]
    rates = [f"{rate} ({split})" for split in ("validation", "test") for rate in _RATES]
    lines += [f"| name | threshold | {' | '.join(rates)} |", "|---|---|---|---|---|---|"]
    for name, point in card.operating_points.items():
        mark = " (default)" if name == card.default_operating_point else ""
        test_rates = (point.model_extra or {}).get("test")
        cells = [f"{point.sensitivity:.4f}", f"{point.specificity:.4f}"]
        cells += [_with_interval(test_rates[rate]) if test_rates else "not read" for rate in _RATES]
        lines.append(f"| {name}{mark} | {point.threshold:.4f} | {' | '.join(cells)} |")
    lines += _calibration_in_words(card.calibration)
    validation, test = card.metrics.validation, card.metrics.test
    over = "over patients" if "independent_low" in validation["auroc"] else "films taken as independent"
    lines += ["", "## Metrics", "", f"At the default operating point, 95 % intervals, {over}.", ""]
    lines += ["| figure | validation | test |", "|---|---|---|"]
    lines.append(f"| films | {validation['films']} | {test['films'] if test else 'not read'} |")
    for name in ("auroc", "average_precision", *HEADLINES):
        cells = [_with_interval(metrics[name]) if metrics else "not read" for metrics in (validation, test)]
        lines.append(f"| {name.replace('_', ' ')} | {cells[0]} | {cells[1]} |")
    lines += ["", "## Parity", "", f"ONNX Runtime against Keras on {card.parity.films} validation films: largest "]
    lines[-1] += (
        f"difference in probability {card.parity.largest_probability_difference:.2g}, "
        f"{card.parity.decisions_changed} decisions changed."
    )
    return "\n".join((*lines, ""))


def _calibration_in_words(calibration: Calibration) -> list[str]:
    kept = calibration.model_extra or {}
    lines = ["", "## Calibration", ""]
    if kept.get("note"):
        return [*lines, f"Temperature 1: {kept['note']}."]
    chosen = "Platt scaling" if calibration.method == "platt" else "one temperature"
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in kept["candidates"].items())
    sign = "-" if calibration.offset < 0 else "+"
    shift = f" {sign} {abs(calibration.offset):.4f}" if calibration.offset else ""
    lines.append(
        f"probability = sigmoid(logit / {calibration.temperature:.4f}{shift}): {chosen}, which had "
        f"the lower log loss on validation films, cross-validated by patient in {kept['folds']} folds ({losses}). "
        "It rises with the logit and so changes no decision. ECE is over 15 bins of equally many films; validation "
        "figures after it are cross-validated."
    )
    lines += ["", "| films | log loss | Brier score | ECE |", "|---|---|---|---|"]
    for split in ("validation", "test"):
        for stage, figures in (kept[split] or {}).items():
            lines.append(
                f"| {split}, {stage} | {figures['log_loss']:.4f} | {figures['brier']:.4f} | {figures['ece']:.4f} |"
            )
    return lines


def _with_interval(figure: Mapping[str, float | None]) -> str:
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.3f} [{figure['low']:.3f}–{figure['high']:.3f}]"
