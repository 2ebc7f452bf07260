"""The card's "Quantitative analyses" in words: every figure with its interval, as Markdown."""

from collections.abc import Sequence

from export.bundle.card import Card, HeatmapCard
from export.bundle.card_figures import (
    METRICS,
    RATES,
    CalibrationQuality,
    CardFigures,
    Detector,
    HeatmapChecks,
    SplitFigures,
)
from export.bundle.metric import Metric
from train.metrics.scores import SCORED_SPLITS

NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "f1": "F1",
    "ppv": "PPV",
    "npv": "NPV",
    "balanced_accuracy": "balanced accuracy",
}
COHORTS = {
    "deduplicated": "without repeated films",
    "without_training_patients": "without patients whose id occurs in training",
}
TREATMENTS = {"as_is": "as they are", "thumbnails": "thumbnails, enlarged", "blurred": "blurred to one sharpness"}
CALIBRATIONS = {"none": "the network's own", "temperature": "one temperature", "platt": "Platt scaling"}
NOT_READ = "not read"

Lines = list[str]


def quantitative_analyses(card: Card, figures: CardFigures) -> Lines:
    """All tables, each under a heading of the third level."""
    return [
        *_operating_points(figures),
        *_metrics(card.default_operating_point, figures),
        *_cohorts(figures),
        *_over_prevalence(figures),
        *_calibration(card, figures),
        *_stress(figures),
        *_heatmap(card.heatmap, figures.heatmap_checks),
        *_novelty(card, figures),
        *_comparison(),
        *_parity(card),
    ]


def metric_text(metric: Metric | None) -> str:
    """A figure as "0.912 [0.880–0.941]"; a dash where it is undefined."""
    return "–" if metric is None else str(metric)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Lines:
    """A Markdown table."""
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def percent(share: float, digits: int = 0) -> str:
    """A share as "74 %"."""
    return f"{share * 100:.{digits}f} %"


def _name(figure: str) -> str:
    return NAMES.get(figure, figure.replace("_", " "))


def _operating_points(figures: CardFigures) -> Lines:
    head = ["name", "threshold", *(f"{rate} ({split})" for split in SCORED_SPLITS for rate in RATES)]
    rows = []
    for point in figures.points:
        rates = [
            NOT_READ if found is None else metric_text(getattr(found, rate))
            for found in (point.validation, point.test)
            for rate in RATES
        ]
        rows.append([f"{point.name}{' (default)' if point.is_default else ''}", f"{point.threshold:.4f}", *rates])
    return ["", "### Operating points", "", *table(head, rows)]


def _metrics(point: str, figures: CardFigures) -> Lines:
    def row(name: str, *cells: str) -> list[str]:
        return [name, *(cell if split else NOT_READ for cell, split in zip(cells, figures.splits, strict=True))]

    splits = [split or SplitFigures() for split in figures.splits]
    rows = [
        row("films", *(str(split.films) for split in splits)),
        row("patients", *(str(split.patients) for split in splits)),
        row("share with pneumonia", *(_decimals(split.prevalence) for split in splits)),
        *(row(_name(name), *(metric_text(split.metric(name)) for split in splits)) for name in METRICS),
        row("*accuracy at 0.5*", *(metric_text(split.as_report.accuracy) for split in splits)),
        row("*largest F1 over all thresholds*", *(metric_text(split.as_report.f1) for split in splits)),
    ]
    note = (
        "In italics: as the report counts, before calibration; the largest F1 is at a threshold chosen on the same "
        "films and has no interval."
    )
    heading = f"### At the default operating point ({point})"
    return ["", heading, "", *table(["figure", "validation", "test"], rows), "", note]


def _decimals(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _cohorts(figures: CardFigures) -> Lines:
    split, metrics = ("validation", figures.validation) if figures.test is None else ("test", figures.test)
    lines = ["", f"### {split.capitalize()} films counted three ways", ""]
    if not metrics.cohorts:
        return [*lines, "Not measured: the evaluation is older than these counts."]
    names = ("auroc", "accuracy", *RATES)
    rows = [["all films", str(metrics.films), *(metric_text(metrics.metric(name)) for name in names)]]
    notes = []
    for name, cohort in metrics.cohorts.items():
        words = COHORTS.get(name, name.replace("_", " "))
        if cohort.films is not None:
            rows.append([words, str(cohort.films), *(metric_text(getattr(cohort, figure)) for figure in names)])
        else:
            rows.append([words, *["not measured"] * 5])
            notes += ["", f"{words.capitalize()}: {cohort.reason}."]
    return [*lines, *table(["which", "films", *map(_name, names)], rows), *notes]


def _over_prevalence(figures: CardFigures) -> Lines:
    split = "validation" if figures.test is None else "test"
    lines = ["", "### PPV and NPV where fewer or more are ill", ""]
    if not figures.over_prevalence:
        return [*lines, "Not measured: the evaluation is older than these figures."]
    rows = [[percent(at.prevalence), metric_text(at.ppv), metric_text(at.npv)] for at in figures.over_prevalence]
    note = f"From sensitivity and specificity on {split} films at the default operating point (Bayes' rule)."
    return [*lines, *table(["share with pneumonia", "PPV", "NPV"], rows), "", note]


def _seen(augmented: bool) -> str:
    return "validation films seen through the augmentation" if augmented else "validation films as they are"


def _calibration(card: Card, figures: CardFigures) -> Lines:
    scale, choice = card.calibration, figures.calibration
    lines = ["", "### Calibration", ""]
    if choice.note:
        return [*lines, f"Temperature 1: {choice.note}."]
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in choice.candidates.items() if loss is not None)
    why = "which had the lower log loss" if len(choice.candidates) > 1 else "chosen before it was fitted; log loss"
    fitted_on = _seen(choice.seen == "augmented")
    chosen_on = _seen(any(point.is_of_augmented for point in figures.points))
    origin = f"Scale and thresholds are from {fitted_on}"
    if fitted_on != chosen_on:
        origin = f"The scale is from {fitted_on}, the thresholds from {chosen_on}"
    sign = "-" if scale.offset < 0 else "+"
    shift = f" {sign} {abs(scale.offset):.4f}" if scale.offset else ""
    lines.append(
        f"probability = sigmoid(logit / {scale.temperature:.4f}{shift}): {CALIBRATIONS[scale.method]}, {why} on "
        f"validation films, cross-validated by patient in {choice.folds} folds ({losses}). {origin}. "
        "It rises with the logit and so changes no decision. ECE is over 15 bins of equally many films, and has no "
        "interval, because resampled films have a larger one; validation figures after it are cross-validated."
    )
    rows = [
        [f"{found.split}, {found.stage}", *map(_quality, (found.log_loss, found.brier, found.ece))]
        for found in figures.quality
    ]
    lines += ["", *table(["films", "log loss", "Brier score", "ECE"], rows)]
    return [*lines, *_calibration_on_test(figures.quality_of("test"))]


def _calibration_on_test(quality: Sequence[CalibrationQuality]) -> Lines:
    if not quality:
        return ["", "Test: not read."]
    before, after = quality[0], quality[-1]
    if after.log_loss.value <= before.log_loss.value:
        return []
    return [
        "",
        "**On test films the calibrated probability is further off than the network's own: they differ from the "
        "validation films. Do not rely on the probability where films differ.**",
    ]


def _quality(metric: Metric) -> str:
    return f"{metric.value:.4f}{metric.interval(4)}"


def _stress(figures: CardFigures) -> Lines:
    lines = ["", "### Stress: films changed as between two hospitals", ""]
    robustness = figures.robustness
    if robustness is None:
        return [*lines, "Not measured."]
    lines.append(
        f"At {robustness.operating_point}. Shift: mean change of the probability, before calibration, against the "
        "same film unchanged."
    )
    for split in SCORED_SPLITS:
        part = robustness.of(split)
        if part.changes:
            rows = [
                [
                    change.what,
                    *(metric_text(metric) for metric in (change.accuracy, change.auroc, change.probability_shift)),
                ]
                for change in part.changes
            ]
            lines += ["", f"On {part.films} {split} films of {part.patients} patients:", ""]
            lines += table(["change", "accuracy", "AUROC", "shift"], rows)
    return lines


def _heatmap(heatmap: HeatmapCard | None, checks: HeatmapChecks) -> Lines:
    lines = ["", "### Heatmap: is it true to the network", ""]
    if heatmap is None:
        return [*lines, "This network has none."]
    height, width = heatmap.shape
    lines.append(
        f"{heatmap.method} at the {heatmap.layer}, {height} × {width} places: what each adds to the logit. 1 stands "
        f"for {heatmap.scale:.3f} (percentile {heatmap.scale_percentile:g} of the {heatmap.scale_from}); "
        f"{percent(heatmap.validation_clipped, 1)} of the validation films reach beyond it. It shows what the network "
        "used, not where a lesion is. Three checks on validation films:"
    )
    gradient, head, covered = checks.gradient_correlation, checks.random_head, checks.occlusion
    lines += [
        "",
        f"1. It is the gradient it claims to be: correlation with automatic differentiation {_defined(gradient.mean)} "
        f"on average, {_defined(gradient.smallest)} at least, {gradient.films} films.",
        f"2. It depends on what was learnt: rank correlation with the map of a random head "
        f"{_defined(head.mean_rank_correlation)} on average ({head.heads} heads, {head.films} films).",
    ]
    drops = "; ".join(
        f"the {what} falls by {_defined(drop.top_attribution)} against {_defined(drop.random)} for a random place: "
        f"{drop.more or 'not defined'} more"
        for what, drop in (("logit", covered.logit), ("probability", covered.probability))
    )
    lines.append(
        f"3. What it marks matters: with the hottest {_share(covered.covered)} covered {drops} "
        f"({covered.films} pneumonia films; the hottest place falls further in "
        f"{_share(covered.films_where_top_attribution_falls_further)} of them)."
    )
    return lines


def _share(value: float | None) -> str:
    return "not defined" if value is None else percent(value)


def _defined(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _novelty(card: Card, figures: CardFigures) -> Lines:
    novelty = card.novelty
    lines = ["", "### Novelty: which pictures are refused", ""]
    if novelty is None:
        return [*lines, "This network has no novelty and refuses nothing."]
    lines.append(
        f"{novelty.method}; {novelty.features} features of {novelty.training_films} training films. Above "
        f"{novelty.limit:.4f}, percentile {novelty.limit_percentile:g} of the validation films, a picture is refused."
    )
    refused = figures.test_refused
    on_test = "not read." if refused is None else f"{refused}; none should be."
    return [*lines, "", f"Test films refused: {on_test}", *_detector(figures.detector)]


def _detector(detector: Detector | None) -> Lines:
    if detector is None:
        return ["", "Foreign pictures: not measured, none were at hand."]
    rows = [
        [TREATMENTS[found.treatment], *map(metric_text, (found.auroc, found.refused, found.films_refused))]
        for found in detector.figures
    ]
    kinds = ", ".join(kind.replace("_", " ") for kind in detector.images.kinds)
    return [
        "",
        f"On {detector.images.pictures} pictures of kinds that played no part in choosing the method ({kinds}), "
        "against validation films treated alike; pictures taken as independent:",
        "",
        *table(["pictures and films", "AUROC", "pictures refused", "films refused"], rows),
    ]


def _comparison() -> Lines:
    words = (
        "Where both bundles come from one split, `comparison.json` beside their folders holds the AUROC difference "
        "with its interval, McNemar's exact test, agreement, and the films on which the two differ."
    )
    return ["", "### A against B", "", words]


def _parity(card: Card) -> Lines:
    parity, kept = card.parity, card.parity.model_extra or {}
    words = (
        f"ONNX Runtime against Keras on {parity.films} validation films: largest difference in probability "
        f"{parity.largest_probability_difference:.2g}, {parity.decisions_changed} decisions changed"
    )
    for name in ("heatmap", "novelty"):
        if kept.get(f"largest_{name}_difference") is not None:
            words += f"; in {name} {kept[f'largest_{name}_difference']:.2g}"
    return ["", "### Parity", "", f"{words}."]
