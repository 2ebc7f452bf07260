"""The model card in words: the bundle's README.md, made from the card alone.

Headings are those of Mitchell et al. 2019 (arXiv:1810.03993); what the network is for, and not for, stands first.
"""

from collections.abc import Mapping
from typing import Any

from export.bundle.audit import AuditFindings, Baseline, Duplicates, Spread
from export.bundle.card import Card
from export.bundle.card_figures import RATES, CardFigures, card_figures
from export.card.claim_checklist import claim_items
from export.card.make_card import PUBLIC_SET
from export.card.markdown_tables import Lines, metric_text, percent, quantitative_analyses, table
from train.common.console import NOT_A_MEDICAL_DEVICE
from train.metrics.scores import EXTERNAL

REFERENCE_STANDARD = (
    "Reference standard, as the publishers describe it: films were screened for quality, read by two physicians, and "
    "the test films' labels checked by a third. No laboratory proof of pneumonia."
)
NO_EXTERNAL_TEST = "Validation and test come from the source of the training films: there is no external test."
SEEN_EXTERNAL_FILMS = (
    "Validation and test come from the source of the training films. Another hospital's films (Calibration) are no "
    "independent test where they helped to choose recipe, run or operating point, as they did for the networks that "
    "pneumoscope ships: expect less than their figures."
)
PUBLIC_CAVEATS = (
    "Children of 1 to 5 years from one hospital: on adults, other hospitals or other devices expect less.",
    "The public test films differ from the training films in exposure and contrast; expect lower specificity wherever "
    "films look different.",
    "The publishers may have numbered patients of training and test separately, so that shared ids are an upper bound "
    "of shared patients.",
    "File size, film size and exposure differ between the classes of this set (see Factors): part of what a network "
    "has learnt may be that.",
)
CAVEATS = (
    "Two classes only: a film with another disease is called normal or pneumonia all the same.",
    "The probability is calibrated to validation films; where fewer are ill or films look different it is too high or "
    "too low. PPV and NPV depend on how many are ill.",
    "A film that is not refused may still be unfit: novelty finds other kinds of picture, not poor films.",
    "Before any study: measure it on your own films, and choose the threshold there. Whoever reads the film decides.",
)
ETHICS = (
    "The films are public and carry no names; the set says neither sex nor origin, so that fairness between groups "
    "could not be looked at.",
    "A miss may delay treatment and a false alarm may cause one: neither has been studied, and no reader's work was "
    "compared.",
    "scores.csv names films and patient numbers as published, and nothing else about a patient.",
)

Json = Mapping[str, Any]


def card_in_words(card: Card) -> str:
    """Return the card as Markdown."""
    figures = card_figures(card)
    lines = [f"# {card.title}", "", f"**{NOT_A_MEDICAL_DEVICE}**", ""]
    if card.placeholder:
        lines += [f"**A placeholder:** {card.placeholder_reason}.", ""]
    lines += ["## Intended use", "", card.intended_use, "", f"**Not intended use.** {card.not_intended_use}"]
    lines += ["", *_in_short(card, figures)]
    lines += ["", "## Model details", "", *_details(card)]
    lines += ["", "## Factors", "", *_factors(figures)]
    lines += ["", "## Metrics", "", *_metrics(figures)]
    lines += ["", "## Evaluation data", "", *_evaluation_data(card, figures)]
    lines += ["", "## Training data", "", card.data, "", f"Split fingerprint: `{card.split_fingerprint}`."]
    lines += ["", "## Quantitative analyses", *quantitative_analyses(card, figures)]
    lines += ["", "## Ethical considerations", "", *_bullets(ETHICS)]
    external = SEEN_EXTERNAL_FILMS if figures.quality_of(EXTERNAL) else NO_EXTERNAL_TEST
    caveats = (*(PUBLIC_CAVEATS if _is_public(card) else ()), external, *CAVEATS)
    lines += ["", "## Caveats and recommendations", "", *_bullets(caveats)]
    lines += ["", "## CLAIM 2024", "", *claim_items(card, figures)]
    return "\n".join((*lines, ""))


def _bullets(sentences: tuple[str, ...]) -> Lines:
    return [f"- {sentence}" for sentence in sentences]


def _is_public(card: Card) -> bool:
    return card.data.startswith(PUBLIC_SET)


def _in_short(card: Card, figures: CardFigures) -> Lines:
    point = card.operating_points[card.default_operating_point]
    rows = [
        [f"{metrics.films} {split} films", *(metric_text(metrics.metric(name)) for name in ("auroc", *RATES))]
        for split, metrics in (("test", figures.test), ("validation", figures.validation))
        if metrics
    ]
    lines = [
        f"**In short**, at the threshold {point.threshold:.4f} ({card.default_operating_point}), chosen on validation:",
        "",
        *table(["", "AUROC", "sensitivity", "specificity"], rows),
    ]
    return lines if figures.test else [*lines, "", "The test films were not read."]


def _details(card: Card) -> Lines:
    spec = card.prepare
    centre = "" if spec.centre_crop == 1 else f"the centred {spec.centre_crop:g} of each side, "
    versions = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    lines = [
        f"- Made {card.created} by the pneumoscope project, commit {card.commit}. Licence: {card.licence}.",
        f"- Training: {card.training}",
        f"- {_cost(card.training_cost, card.network)}",
        f"- Versions: {versions}.",
        "- For tools that read MONAI bundles, `monai` in card.json says the same in their words.",
        "- `model.onnx` is complete by itself:",
        "",
    ]
    rows = [
        [
            "in",
            "`image`",
            f"uint8 [N, {spec.image_size}, {spec.image_size}, 1], 0 to 255",
            f"grey film; {centre}resize rule {spec.resize}, contrast rule {spec.contrast}",
        ],
        ["out", "`logit`", "float32 [N]", "score of pneumonia"],
        ["out", "`probability`", "float32 [N], 0 to 1", "calibrated"],
    ]
    if card.heatmap is not None:
        height, width = card.heatmap.shape
        rows.append(["out", "`heatmap`", f"float32 [N, {height}, {width}], 0 to 1", "what speaks for pneumonia, where"])
    if card.novelty is not None:
        meaning = f"distance from the training films; refused above {card.novelty.limit:.4f}"
        rows.append(["out", "`novelty`", "float32 [N], from 0", meaning])
    return [*lines, *table(["", "name", "type and range", "meaning"], rows)]


def _cost(cost: Json | None, network: str) -> str:
    if cost is None:
        return "Training time and energy: not kept."
    stages = ", ".join(f"{stage} {seconds / 60:.1f}" for stage, seconds in cost["seconds_by_stage"].items())
    apart = ", the pretraining of its backbone apart" if network == "b" else ""
    return (
        f"Training time: {cost['seconds'] / 60:.1f} minutes on {cost['device']} (epochs alone, in minutes: "
        f"{stages or 'not kept'}){apart}. Energy, an estimate: {cost['kilowatt_hours']:.3f} kWh = "
        f"{cost['seconds']:.0f} s × {cost['assumed_watts']:.0f} W assumed ÷ 3,600,000; nothing was measured."
    )


def _factors(figures: CardFigures) -> Lines:
    lines = [
        "What may change the figures: the patient's age, the hospital and its devices, exposure, the size and "
        "compression of the file, projection and position, letters and tubes on the film. Changes of the film itself "
        "are under Stress; age, sex and device are not known for these films, so that no group is looked at alone.",
        "",
    ]
    if figures.audit is None:
        return [*lines, "Confounders: not audited."]
    return [*lines, "Confounders, found by the audit of all films:", "", *_audit(figures.audit)]


def _audit(findings: AuditFindings) -> Lines:
    lines = [f"- {findings.films} films of {findings.patients or 'an unknown number of'} patients."]
    for duplicates, words in (
        (findings.exact_duplicates, "Exact duplicates"),
        (findings.near_duplicates, "Near duplicates"),
    ):
        if duplicates is not None:
            lines.append(f"- {words}: {_duplicates(duplicates)}.")
    across = findings.patients_across_splits
    if across is not None:
        where = ", ".join(f"{split} {number}" for split, number in across.films.items())
        films = f"; their films: {where}" if where else ""
        lines.append(f"- Patient ids in more than one split: {across.patients}{films}.")
    if findings.metadata_baseline is not None:
        lines.append(f"- {_baseline(findings.metadata_baseline)}")
    shift = _exposure(findings.exposure.get("mean", Spread()))
    return [*lines, f"- {shift}"] if shift else lines


def _duplicates(found: Duplicates) -> str:
    counts = (
        (found.groups, "groups"),
        (found.films, "films in them"),
        (found.across_splits, "groups across splits"),
        (found.across_classes, "across classes"),
        (found.across_patients, "across patients"),
    )
    known = [f"{count} {words}" for count, words in counts if count is not None]
    return ", ".join(known) if known else str(found.total)


def _baseline(baseline: Baseline) -> str:
    columns, constant = ", ".join(baseline.columns) or "nothing that varies", ", ".join(baseline.constant_columns)
    same = f" ({constant} the same for all)" if constant else ""
    by = f"Without looking at the picture, by {columns}{same}"
    if baseline.auroc is None:
        return f"{by}: not measured{f' ({baseline.reason})' if baseline.reason else ''}."
    on_test = "" if baseline.test.auroc is None else f", on test films {baseline.test.auroc}"
    return (
        f"{by}, a logistic regression reaches AUROC {baseline.auroc} (cross-validated by patient){on_test}. "
        "0.5 would be chance: what is above it, a network may have learnt too."
    )


def _exposure(mean: Spread) -> str:
    """How far test films are from training films in mean grey level."""
    against = mean.against_train.get("test", {})
    deltas = ", ".join(f"{name} {delta:+.2f}" for name, delta in against.items() if delta is not None)
    return f"Mean grey level of test against training films (Cliff's delta, 0 is alike): {deltas}." if deltas else ""


def _metrics(figures: CardFigures) -> Lines:
    over = "over patients" if figures.intervals == "patients" else "films taken as independent"
    return [
        "AUROC and average precision judge the order of the films, sensitivity and specificity the decisions, log "
        "loss, Brier score and ECE the probability. Thresholds are on the calibrated probability, chosen on validation "
        f"and frozen before test was read. 95 % intervals, {over}.",
    ]


def _evaluation_data(card: Card, figures: CardFigures) -> Lines:
    lines = []
    for split, metrics in (("Validation", figures.validation), ("Test", figures.test)):
        if metrics is None:
            lines.append(f"- {split}: not read.")
            continue
        use = "for every choice" if split == "Validation" else "to report only"
        share = "" if metrics.prevalence is None else f", {percent(metrics.prevalence)} pneumonia"
        lines.append(f"- {split}: {metrics.films} films of {metrics.patients} patients{share}; used {use}.")
    lines += ["", "Validation films are of other patients than training films. Test is the publishers' own split."]
    if not _is_public(card):
        lines[-1] = "Validation films are of other patients than training films."
    else:
        lines += ["", REFERENCE_STANDARD]
    return lines
