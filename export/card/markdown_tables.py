"""The card's "Quantitative analyses" in words: every figure with its interval, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence

from export.bundle.card import Calibration, Card, HeatmapCard, NoveltyCard, OperatingPoint
from export.card.make_card import HEADLINES, RATES

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
Figure = Mapping[str, float | None]


def quantitative_analyses(card: Card) -> Lines:
    """All tables, each under a heading of the third level."""
    return [
        *_operating_points(card),
        *_figures(card),
        *_cohorts(card),
        *_over_prevalence(card),
        *_calibration(card.calibration, card.operating_points.values()),
        *_stress(card),
        *_heatmap(card.heatmap),
        *_novelty(card),
        *_comparison(),
        *_parity(card),
    ]


def with_interval(figure: Figure | None) -> str:
    """A figure as "0.912 [0.880–0.941]"; a dash where it is undefined."""
    if figure is None or figure["value"] is None:
        return "–"
    return f"{figure['value']:.3f}{_bounds(figure.get('low'), figure.get('high'))}"


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


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" [{low:.3f}–{high:.3f}]"


def _name(figure: str) -> str:
    return NAMES.get(figure, figure.replace("_", " "))


def _operating_points(card: Card) -> Lines:
    head = ["name", "threshold", *(f"{rate} ({split})" for split in ("validation", "test") for rate in RATES)]
    rows = []
    for name, point in card.operating_points.items():
        kept = point.model_extra or {}
        cells = [f"{name}{' (default)' if name == card.default_operating_point else ''}", f"{point.threshold:.4f}"]
        for rate in RATES:
            plain = {"value": getattr(point, rate)}
            cells.append(with_interval((kept.get("validation") or {rate: plain})[rate]))
        cells += [with_interval(kept["test"][rate]) if kept.get("test") else NOT_READ for rate in RATES]
        rows.append(cells)
    return ["", "### Operating points", "", *table(head, rows)]


def _figures(card: Card) -> Lines:
    splits = card.metrics.validation, card.metrics.test
    rows = [
        [name, *(str(metrics[name]) if metrics else NOT_READ for metrics in splits)] for name in ("films", "patients")
    ]
    rows.append(["share with pneumonia", *(f"{split['prevalence']:.3f}" if split else NOT_READ for split in splits)])
    for name in ("auroc", "average_precision", *HEADLINES):
        rows.append([_name(name), *(with_interval(metrics[name]) if metrics else NOT_READ for metrics in splits)])
    for name, words in (("accuracy_at_0.5", "accuracy at 0.5"), ("f1_maximum", "largest F1 over all thresholds")):
        figures = [metrics["as_report"][name] if metrics else None for metrics in splits]
        rows.append([f"*{words}*", *(NOT_READ if figure is None else with_interval(figure) for figure in figures)])
    note = (
        "In italics: as the report counts, before calibration; the largest F1 is at a threshold chosen on the same "
        "films and has no interval."
    )
    return ["", f"### At the default operating point ({card.default_operating_point})", "", *_three(rows), "", note]


def _three(rows: Sequence[Sequence[str]]) -> Lines:
    return table(["figure", "validation", "test"], rows)


def _cohorts(card: Card) -> Lines:
    split = "test" if card.metrics.test else "validation"
    metrics = getattr(card.metrics, split)
    lines = ["", f"### {split.capitalize()} films counted three ways", ""]
    cohorts = metrics.get("cohorts")
    if not cohorts:
        return [*lines, "Not measured: the evaluation is older than these counts."]
    names = ("auroc", "accuracy", *RATES)
    rows = [["all films", str(metrics["films"]), *(with_interval(metrics[name]) for name in names)]]
    notes = []
    for name, cohort in cohorts.items():
        words = COHORTS.get(name, name.replace("_", " "))
        if "films" in cohort:
            rows.append([words, str(cohort["films"]), *(with_interval(cohort[figure]) for figure in names)])
        else:
            rows.append([words, *["not measured"] * 5])
            notes += ["", f"{words.capitalize()}: {cohort['reason']}."]
    return [*lines, *table(["which", "films", *map(_name, names)], rows), *notes]


def _over_prevalence(card: Card) -> Lines:
    split = "test" if card.metrics.test else "validation"
    found = getattr(card.metrics, split).get("over_prevalence")
    lines = ["", "### PPV and NPV where fewer or more are ill", ""]
    if not found:
        return [*lines, "Not measured: the evaluation is older than these figures."]
    rows = [
        [
            percent(share),
            *(
                f"{found[name][row]:.3f}{_bounds(found[f'{name}_low'][row], found[f'{name}_high'][row])}"
                if found[name][row] is not None
                else "–"
                for name in ("ppv", "npv")
            ),
        ]
        for row, share in enumerate(found["prevalence"])
    ]
    note = f"From sensitivity and specificity on {split} films at the default operating point (Bayes' rule)."
    return [*lines, *table(["share with pneumonia", "PPV", "NPV"], rows), "", note]


def _seen(augmented: bool) -> str:
    return "validation films seen through the augmentation" if augmented else "validation films as they are"


def _calibration(calibration: Calibration, points: Iterable[OperatingPoint]) -> Lines:
    kept = calibration.model_extra or {}
    lines = ["", "### Calibration", ""]
    if kept.get("note"):
        return [*lines, f"None, the network's own probability: {kept['note']}."]
    chosen = CALIBRATIONS[calibration.method]
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in kept["candidates"].items())
    why = "which had the lower log loss" if len(kept["candidates"]) > 1 else "chosen before it was fitted; log loss"
    fitted_on = _seen(kept.get("seen") == "augmented")
    chosen_on = _seen(any((point.model_extra or {}).get("seen") for point in points))
    origin = f"Scale and thresholds are from {fitted_on}"
    if fitted_on != chosen_on:
        origin = f"The scale is from {fitted_on}, the thresholds from {chosen_on}"
    sign = "-" if calibration.offset < 0 else "+"
    shift = f" {sign} {abs(calibration.offset):.4f}" if calibration.offset else ""
    lines.append(
        f"probability = sigmoid(logit / {calibration.temperature:.4f}{shift}): {chosen}, {why} on validation films, "
        f"cross-validated by patient in {kept['folds']} folds ({losses}). {origin}. "
        "It rises with the logit and so changes no decision. ECE is over 15 bins of equally many films, and has no "
        "interval, because resampled films have a larger one; validation figures after it are cross-validated."
    )
    rows = [
        [f"{split}, {stage}", *(_quality(figures, name) for name in ("log_loss", "brier", "ece"))]
        for split in ("validation", "test", "external")
        for stage, figures in (kept.get(split) or {}).items()
    ]
    lines += ["", *table(["films", "log loss", "Brier score", "ECE"], rows)]
    if not kept["test"]:
        return [*lines, "", "Test: not read."]
    if kept["test"]["after"]["log_loss"] > kept["test"]["before"]["log_loss"]:
        lines += [
            "",
            "**On test films the calibrated probability is further off than the network's own: they differ from the "
            "validation films. Do not rely on the probability where films differ.**",
        ]
    return lines


def _quality(figures: Mapping[str, float | None], name: str) -> str:
    low, high = (figures.get(f"{name}_{end}") for end in ("low", "high"))
    bounds = "" if low is None or high is None else f" [{low:.4f}–{high:.4f}]"
    return f"{figures[name]:.4f}{bounds}"


def _stress(card: Card) -> Lines:
    lines = ["", "### Stress: films changed as between two hospitals", ""]
    if card.stress is None:
        return [*lines, "Not measured."]
    lines.append(
        f"At {card.stress['operating_point']}. Shift: mean change of the probability, before calibration, against the "
        "same film unchanged."
    )
    for split in ("validation", "test"):
        part = card.stress.get(split)
        if part:
            rows = [
                [row["what"], *(with_interval(row[name]) for name in ("accuracy", "auroc", "probability_shift"))]
                for row in part["changes"].values()
            ]
            lines += ["", f"On {part['films']} {split} films of {part['patients']} patients:", ""]
            lines += table(["change", "accuracy", "AUROC", "shift"], rows)
    return lines


def _heatmap(heatmap: HeatmapCard | None) -> Lines:
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
    checks = heatmap.checks
    gradient, head, covered = (checks[name] for name in ("gradient_correlation", "random_head", "occlusion"))
    lines += [
        "",
        f"1. It is the gradient it claims to be: correlation with automatic differentiation {_plain(gradient['mean'])} "
        f"on average, {_plain(gradient['smallest'])} at least, {gradient['films']} films.",
        f"2. It depends on what was learnt: rank correlation with the map of a random head "
        f"{_plain(head['mean_rank_correlation'])} on average ({head['heads']} heads, {head['films']} films).",
    ]
    drops = [
        f"the {what} falls by {part['hottest']:.3f} against {part['random']:.3f} for a random place: "
        f"{part['difference']:.3f}{_bounds(part['low'], part['high'])} more"
        for what, part in (("logit", covered["logit"]), ("probability", covered["probability"]))
    ]
    lines.append(
        f"3. What it marks matters: with the hottest {percent(covered['covered'])} covered {'; '.join(drops)} "
        f"({covered['films']} pneumonia films; the hottest place falls further in "
        f"{percent(covered['films_where_hottest_falls_further'])} of them)."
    )
    return lines


def _plain(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _novelty(card: Card) -> Lines:
    novelty = card.novelty
    lines = ["", "### Novelty: which pictures are refused", ""]
    if novelty is None:
        return [*lines, "This network has no novelty and refuses nothing."]
    lines.append(
        f"{novelty.method}; {novelty.features} features of {novelty.training_films} training films. Above "
        f"{novelty.limit:.4f}, percentile {novelty.limit_percentile:g} of the validation films, a picture is refused."
    )
    if novelty.test_refused is None:
        lines += ["", "Test films refused: not read."]
    else:
        kept = novelty.model_extra or {}
        bounds = _bounds(kept.get("test_refused_low"), kept.get("test_refused_high"))
        lines += ["", f"Test films refused: {novelty.test_refused:.3f}{bounds}; none should be."]
    return [*lines, *_detector(novelty)]


def _detector(novelty: NoveltyCard) -> Lines:
    unseen = (novelty.guard or {}).get("unseen")
    if not unseen:
        return ["", "Foreign pictures: not measured, none were at hand."]
    rows = [
        [
            words,
            *(
                f"{unseen[key][name]:.3f}{_bounds(unseen[key].get(f'{name}_low'), unseen[key].get(f'{name}_high'))}"
                for name in ("auroc", "refused", "films_refused")
            ),
        ]
        for key, words in TREATMENTS.items()
        if key in unseen
    ]
    kinds = ", ".join(kind.replace("_", " ") for kind in unseen["kinds"])
    return [
        "",
        f"On {unseen['pictures']} pictures of kinds that played no part in choosing the method ({kinds}), against "
        "validation films treated alike; pictures taken as independent:",
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
