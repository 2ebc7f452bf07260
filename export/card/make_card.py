"""The model card for machines: written from the run by export, never by hand. In words: `export.card.markdown`."""

import csv
import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from export.bundle.card import Calibration, Card, HeatmapCard, Metrics, NoveltyCard, OperatingPoint, Parity
from export.card.monai import export_versions, monai_keys, training_cost
from train.data.cohort import PUBLISHED_NAME, Film
from train.metrics.operating_points import DEFAULT_OPERATING_POINT, HALF
from train.runs.finished import read_environment
from train.runs.run_folder import RunFolder, commit_of_checkout, versions
from train.runs.settings import Settings

if TYPE_CHECKING:
    from export.graph.calibration import Calibration as FittedCalibration
    from export.graph.calibration import Quality
    from export.graph.parity import ParityReport

Json = dict[str, Any]

TITLE_OF_A = "pneumoscope A: a small CNN trained from scratch"
TITLE_OF_B = "pneumoscope B: ResNet50V2 by transfer learning"
TITLE_OF_RANDOM_B = "pneumoscope B: ResNet50V2, trained from random weights"
INTENDED_USE = "Research and teaching: how two networks read the same frontal chest radiograph, and where they err."
NOT_INTENDED_USE = (
    "Not a medical device: no diagnosis, triage or treatment. Not for patients, ages or hospitals unlike those of the "
    "training data, and not for lateral films."
)
GUARDED = (
    "A picture unlike the training films is refused (novelty above its limit); one that is not refused may still be "
    "unsuitable, such as an adult's, a lateral or a badly exposed film."
)
UNGUARDED = "A picture that is no chest radiograph gets an answer too."
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
    "its backbone began with random weights and was not pretrained on anything; expect less than the report's figures"
)
RATES = ("sensitivity", "specificity")
HEADLINES = ("accuracy", "balanced_accuracy", "f1", "sensitivity", "specificity", "ppv", "npv")
#: What the card repeats of a cohort that leaves films out.
COHORT_HEADLINES = ("auroc", "accuracy", "sensitivity", "specificity")


@dataclass(frozen=True)
class Findings:
    """What export found out about a run.

    Attributes:
        evaluation: of the run, with validation and possibly test.
        calibration: from its validation scores.
        on_test: what that does to the test films, where they have been read.
        on_external: what it does to another hospital's films, where they have been.
        parity: the gate's report.
        heatmap, novelty: of the graph, where it has these outputs.
        stress: as `export.card.stress` gives it; None where it was not measured.
        audit: as `export.card.audit` gives it; None where the films were not audited.
    """

    evaluation: Json
    calibration: "FittedCalibration"
    on_test: "tuple[Quality, Quality] | None"
    parity: "ParityReport"
    heatmap: HeatmapCard | None = None
    novelty: NoveltyCard | None = None
    stress: Json | None = None
    audit: Json | None = None
    on_external: "tuple[Quality, Quality] | None" = None


def make_card(
    run: RunFolder, settings: Settings, films: Sequence[Film], findings: Findings, placeholder_reason: str
) -> Card:
    """Write the card of a run, still without checksums.

    Args:
        run: a finished run.
        settings: of that run; network "a" or "b".
        films: of that run's split.
        findings: about that run.
        placeholder_reason: why the network is no better than a placeholder; empty when it is none.
    """
    environment = read_environment(run)
    evaluation = findings.evaluation
    validation, test = evaluation["validation"], evaluation["test"]
    default = evaluation["default_operating_point"]
    card = Card(
        network=settings.network,
        title=title_of(settings),
        placeholder=bool(placeholder_reason),
        placeholder_reason=placeholder_reason,
        classes=("normal", "pneumonia"),
        prepare=settings.prepare.spec(),
        calibration=_calibration(findings),
        operating_points=_operating_points(findings),
        default_operating_point=default,
        novelty_limit=findings.novelty.limit if findings.novelty else None,
        heatmap=findings.heatmap,
        novelty=findings.novelty,
        split_fingerprint=evaluation["split_fingerprint"],
        metrics=Metrics(validation=headlines(validation, default), test=headlines(test, default) if test else None),
        parity=_parity(findings.parity),
        stress=findings.stress,
        audit=findings.audit,
        training_cost=training_cost(environment, seconds_by_stage(run.history.read_text(encoding="utf-8"))),
        intended_use=INTENDED_USE,
        not_intended_use=f"{NOT_INTENDED_USE} {GUARDED if findings.novelty else UNGUARDED}",
        training=training_in_words(settings, environment),
        data=data_in_words(films),
        licence=LICENCE,
        versions={**versions(), **export_versions(), **environment["versions"]},
        commit=commit_of_checkout() or "unknown",
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    return card.model_copy(update={"monai": monai_keys(card)})


def _calibration(findings: Findings) -> Calibration:
    fitted = findings.calibration
    return Calibration(
        method=fitted.method,
        temperature=fitted.temperature,
        offset=fitted.offset,
        selected_on="validation",
        note=fitted.note,
        log_loss_before=fitted.before.log_loss,
        log_loss_after=fitted.after.log_loss,
        candidates=fitted.candidates,
        folds=fitted.folds,
        validation={"before": asdict(fitted.before), "after": asdict(fitted.after)},
        test=_before_and_after(findings.on_test),
        **({"seen": fitted.fitted_on} if fitted.fitted_on != "plain" else {}),
        **({"external": _before_and_after(findings.on_external)} if findings.on_external else {}),
    )


def _operating_points(findings: Findings) -> dict[str, OperatingPoint]:
    calibration = findings.calibration
    validation, test = findings.evaluation["validation"], findings.evaluation["test"]
    return {
        name: OperatingPoint(
            threshold=point.threshold,
            selected_on="validation",
            sensitivity=point.sensitivity,
            specificity=point.specificity,
            **({"seen": calibration.seen} if calibration.seen != "plain" and name != HALF else {}),
            validation=_rates(validation, name),
            test=_rates(test, name) if test else None,
        )
        for name, point in calibration.operating_points.items()
        if name in validation["metrics"]["operating_points"]  # evaluations from before have no "half"
    }


def _parity(report: "ParityReport") -> Parity:
    return Parity(
        films=report.films,
        largest_probability_difference=report.largest_probability_difference,
        decisions_changed=report.decisions_changed,
        largest_heatmap_difference=report.largest_heatmap_difference,
        largest_novelty_difference=report.largest_novelty_difference,
    )


def headlines(part: Mapping[str, Any], default: str = DEFAULT_OPERATING_POINT) -> Json:
    """Pick a card's figures from an evaluation's split: at the default operating point, each with its interval."""
    metrics = part["metrics"]
    point = metrics["operating_points"][default]
    return {
        "films": metrics["n"],
        "patients": metrics["patients"],
        "prevalence": metrics["prevalence"],
        "operating_point": default,
        **_figures(metrics, ("auroc", "average_precision")),
        **_figures(point, HEADLINES),
        "as_report": metrics["as_report"],
        # Evaluations from before intervals over patients have neither.
        "over_prevalence": point.get("over_prevalence"),
        "cohorts": {name: _cohort(cohort, default) for name, cohort in (part.get("cohorts") or {}).items()} or None,
    }


def _before_and_after(qualities: "tuple[Quality, Quality] | None") -> Json | None:
    return None if qualities is None else dict(zip(("before", "after"), map(asdict, qualities), strict=True))


def _figures(source: Mapping[str, Any], names: Sequence[str]) -> Json:
    return {name: source[name] for name in names}


def _cohort(cohort: Mapping[str, Any], default: str) -> Json:
    metrics, counted = cohort["metrics"], {}
    if metrics:
        everything = {**metrics["operating_points"][default], **metrics}
        counted = {"films": metrics["n"], "patients": metrics["patients"], **_figures(everything, COHORT_HEADLINES)}
    return {"films_left_out": cohort["films_left_out"], "reason": cohort.get("reason", ""), **counted}


def _rates(part: Mapping[str, Any], point: str) -> Json:
    """What an operating point really has on a split: sensitivity and specificity with their intervals."""
    return _figures(part["metrics"]["operating_points"][point], RATES)


def seconds_by_stage(history: str) -> dict[str, float]:
    """Sum the seconds of a history.csv's epochs by stage; an epoch without them counts as none."""
    spent: dict[str, float] = {}
    for row in csv.DictReader(history.splitlines()):
        spent[row["stage"]] = spent.get(row["stage"], 0.0) + float(row["seconds"] or 0)
    return spent


def data_in_words(films: Sequence[Film]) -> str:
    """Say in one paragraph which films a run was trained and evaluated on; two sets are known by their films' names."""
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


def title_of(settings: Settings) -> str:
    """Name a network by how it came about: nothing is transferred to a B that began with random weights."""
    if settings.network == "a":
        return TITLE_OF_A
    return TITLE_OF_B if settings.teacher or settings.backbone_weights != "random" else TITLE_OF_RANDOM_B


def placeholder_reasons(settings: Settings, given: str) -> str:
    """Say why a network is a placeholder: as it was given, and where it is B on a backbone that learnt nothing."""
    learnt = settings.teacher or (settings.fine_tune.epochs > 0 and settings.fine_tune.from_layer == 0)
    untaught = settings.network == "b" and settings.backbone_weights == "random" and not learnt
    return "; ".join(reason for reason in (given, PLACEHOLDER_BACKBONE if untaught else "") if reason)


def backbone_in_words(weights: str) -> str:
    """Say where B's backbone came from: the setting `backbone_weights`, of a file the name."""
    return {"imagenet": "ImageNet", "random": "random"}.get(weights, f"the file {weights}, not ImageNet's")


def teachers_in_words(settings: Settings, teachers: Sequence[Mapping[str, Any]]) -> str:
    """Say where the eyes of a B that had teachers come from: what it began with, and what it was trained towards.

    Args:
        settings: of B's run.
        teachers: as its environment.json keeps them, see `train.runs.teachers.TeacherRecord`.
    """
    begun = {"random": "random weights"}.get(settings.backbone_weights, backbone_in_words(settings.backbone_weights))
    named = [f"{teacher['run']} (from {backbone_in_words(teacher['backbone_weights'])})" for teacher in teachers]
    taught, weights = " and ".join(named or settings.teacher), settings.distillation
    return (
        f"where its eyes come from: all of ResNet50V2 was trained, from {begun}, towards what EfficientNet-Lite0, "
        f"fine-tuned on the same training films as {taught}, says of the same picture and to its features; temperature "
        f"{weights.temperature:g}, weight of the labels {weights.label_weight:g}, of the features "
        f"{weights.feature_weight:g}"
    )


def training_in_words(settings: Settings, environment: Mapping[str, Any]) -> str:
    """Say in one paragraph how a run was trained."""
    films = environment["films"]
    prepare, augmentation = settings.prepare, settings.augmentation
    stages = f"{_epochs(settings.epochs)} at {settings.learning_rate:g}"
    if settings.teacher:
        stages = f"{stages}; {teachers_in_words(settings, environment.get('teachers', ()))}"
    elif settings.network == "b":
        fine_tune = settings.fine_tune
        rate = fine_tune.learning_rate or settings.learning_rate / 10
        head = f"head: {stages}; then " if settings.epochs else ""
        stages = f"{head}{_epochs(fine_tune.epochs)} of fine-tuning from backbone layer "
        weights = backbone_in_words(settings.backbone_weights)
        stages += f"{fine_tune.from_layer} at {rate:g}; backbone weights: {weights}"
    changes = [
        f"{name} {value:g}"
        for name, value in augmentation.model_dump().items()
        if not isinstance(value, bool) and value > 0 and (augmentation.crop < 1 or not name.startswith("crop"))
    ]
    centre = "" if prepare.centre_crop == 1 else f"the centred {prepare.centre_crop:g} of each side, "
    return (
        f"{films['train']} films, validation on {films['validation']}; {prepare.image_size} px, {centre}resize "
        f"{prepare.resize}, contrast {prepare.contrast}; {stages}; {settings.optimizer}, {settings.schedule} schedule, "
        f"batch {settings.batch_size}, dropout {settings.dropout:g}, augmentation {', '.join(changes) or 'none'}; "
        f"{'last epoch' if settings.keep == 'last' else 'epoch of lowest validation loss'} kept; "
        f"seed {settings.seed}; {environment['seconds'] / 60:.0f} minutes on {environment['device']}; "
        f"{environment['parameters']:,} parameters."
    )


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"
