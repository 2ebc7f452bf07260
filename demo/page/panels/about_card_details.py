"""What a card says of its evidence, as HTML: heatmap, novelty, stress and audit, each only where the card has it."""

from html import escape

from demo.evaluation.track_record import QUOTED_SPLITS
from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.language.numbers import percent
from demo.page.panels.evaluation.calibration import calibration_text
from demo.page.panels.evaluation.robustness import corruption_html
from export.bundle import Card
from export.bundle.audit import AuditFindings
from export.bundle.card import HeatmapCard, NoveltyCard
from export.bundle.card_figures import (
    CardFigures,
    Detector,
    DetectorFigures,
    GradientCheck,
    HeatmapChecks,
    OcclusionCheck,
    RandomHeadCheck,
    card_figures,
)
from export.bundle.metric import Metric
from export.bundle.robustness import AS_IT_IS, Robustness

Fact = tuple[str, str]  # what it is about and what there is to say, HTML
LEFT_TO_RIGHT = "\u200e"  # keeps a minus on its number's left in any language
WORST = 3  # changes that are shown
METADATA = ("width", "height", "bytes")  # columns of the audit's baseline


def track_record_facts(card: Card, words: Wording) -> list[Fact]:
    """All there is, in the order in which a reader needs it."""
    figures = card_figures(card)
    facts = [(explained("calibration", words), _lines(_calibration(card, figures, words)))]
    if card.heatmap is not None:
        facts.append((explained("heatmap", words), _heatmap(card.heatmap, figures.heatmap_checks, words)))
    if card.novelty is not None:
        facts.append((explained("novelty", words), _novelty(card.novelty, figures.detector, words)))
    else:
        limit = words("about.card.no_limit") if card.novelty_limit is None else f"{card.novelty_limit:.2f}"
        facts.append((escape(words("about.card.novelty_limit")), f"<bdi>{escape(limit)}</bdi>"))
    if figures.robustness is not None:
        facts.append((explained("stress", words), _lines(_stress(figures.robustness, words))))
    audit = _audit(figures.audit, words)
    if audit:
        facts.append((escape(words("about.card.audit")), _lines([escape(line) for line in audit])))
    return facts


def _calibration(card: Card, figures: CardFigures, words: Wording) -> list[str]:
    lines = [escape(calibration_text(card.calibration, words))]
    choice = figures.calibration
    compared = [pair for split in QUOTED_SPLITS if len(pair := figures.quality_of(split)) == 2]
    for before, after in compared:
        metrics = "; ".join(
            f"{escape(words(f'word.{name}'))} <bdi dir='ltr'>{first.value:.4f} → {last.value:.4f}</bdi>"
            for name, first, last in (
                ("log_loss", before.log_loss, after.log_loss),
                ("brier", before.brier, after.brier),
                ("ece", before.ece, after.ece),
            )
        )
        head = words("about.card.before_and_after", split=words(f"word.{before.split}"))
        lines.append(f"{escape(head)} {metrics}")
    if not compared and choice.log_loss_before is not None and choice.log_loss_after is not None:
        losses = {"before": f"{choice.log_loss_before:.4f}", "after": f"{choice.log_loss_after:.4f}"}
        lines.append(escape(words("about.card.log_loss", **losses)))
    return [*lines, english(choice.note)] if choice.note else lines


def _heatmap(heatmap: HeatmapCard, checks: HeatmapChecks, words: Wording) -> str:
    height, width = heatmap.shape
    method = words("about.card.heatmap", method=heatmap.method, cells=f"{height} × {width}")
    scale = words(
        "about.card.heatmap_scale", scale=f"{heatmap.scale:.2f}", clipped=percent(heatmap.validation_clipped, words)
    )
    texts = (
        _gradient(checks.gradient_correlation, words),
        _random_head(checks.random_head, words),
        _occlusion(checks.occlusion, words),
    )
    listed = "".join(f"<li>{escape(text)}</li>" for text in texts if text)
    more = f"<p>{escape(words('about.card.heatmap_checks'))}</p><ol>{listed}</ol>" if listed else ""
    return f"{_lines([escape(method), escape(scale)])}{more}"


def _gradient(check: GradientCheck, words: Wording) -> str:
    if check.mean is None or check.smallest is None or check.films is None:
        return ""
    figures = {"mean": f"{check.mean:.3f}", "smallest": f"{check.smallest:.3f}"}
    return words("about.card.check.gradient", films=check.films, **figures)


def _random_head(check: RandomHeadCheck, words: Wording) -> str:
    if check.mean_rank_correlation is None or check.films is None:
        return ""
    mean = f"{check.mean_rank_correlation:.2f}".replace("-", f"{LEFT_TO_RIGHT}−")
    return words("about.card.check.random_head", mean=mean, films=check.films)


def _occlusion(check: OcclusionCheck, words: Wording) -> str:
    drop, further = check.logit, check.films_where_top_attribution_falls_further
    if (
        drop.top_attribution is None
        or drop.random is None
        or check.films is None
        or check.covered is None
        or further is None
    ):
        return ""
    return words(
        "about.card.check.occlusion",
        covered=percent(check.covered, words, 0),
        hottest=f"{drop.top_attribution:.2f}",
        random=f"{drop.random:.2f}",
        films=check.films,
        share=percent(further, words),
    )


def _novelty(novelty: NoveltyCard, detector: Detector | None, words: Wording) -> str:
    limit = words(
        "about.card.novelty",
        limit=f"{novelty.limit:.3f}",
        percentile=f"{novelty.limit_percentile:g}",
        films=f"{novelty.training_films:,}",
    )
    lines = [english(novelty.method), escape(limit)]
    if detector is not None and detector.images.kinds and detector.images.pictures is not None:
        kinds = detector.images.kinds
        refused = "; ".join(filter(None, (_refused(found, words) for found in detector.figures)))
        head = words("about.card.guard", pictures=detector.images.pictures, kinds=len(kinds))
        lines.append(f"{escape(head)} {escape(refused)}. {english(', '.join(kinds))}")
    if novelty.test_refused is not None:
        lines.append(escape(words("about.card.test_refused", share=percent(novelty.test_refused, words))))
    return _lines(lines)


def _refused(found: DetectorFigures, words: Wording) -> str:
    if found.refused is None or found.auroc is None:
        return ""
    figures = {"share": _share(found.refused, words), "auroc": f"{found.auroc.value:.4f}"}
    return words(f"about.card.guard.{found.treatment}", **figures)


def _stress(table: Robustness, words: Wording) -> list[str]:
    """The changes that cost most accuracy, on test where it was measured."""
    split = "test" if table.test.changes else "validation"
    changes = table.of(split).changes
    worst = sorted((each for each in changes if each.name != AS_IT_IS), key=lambda change: change.accuracy.value)
    lines = [
        escape(
            words("about.card.stress_unchanged", split=words(f"word.{split}"), accuracy=_share(each.accuracy, words))
        )
        for each in changes
        if each.name == AS_IT_IS
    ]
    for change in worst[:WORST]:
        lines.append(f"{corruption_html(change, words)}: <bdi dir='ltr'>{escape(_share(change.accuracy, words))}</bdi>")
    return [*lines, escape(words("about.card.stress_more"))]


def _share(found: Metric, words: Wording) -> str:
    return percent(found.value, words) + found.interval(1, scale=100)


def _audit(findings: AuditFindings | None, words: Wording) -> list[str]:
    """What the films give away besides lungs."""
    if findings is None:
        return []
    lines = []
    for name, found in (
        ("exact_duplicates", findings.exact_duplicates),
        ("near_duplicates", findings.near_duplicates),
    ):
        if found is None or found.groups is None or found.films is None or found.across_splits is None:
            continue
        figures = {"groups": f"{found.groups:,}", "films": f"{found.films:,}", "across": f"{found.across_splits:,}"}
        lines.append(words(f"about.card.audit.{name}", **figures))
    across = findings.patients_across_splits
    if across is not None and across.patients is not None:
        lines.append(words("about.card.audit.patients", patients=f"{across.patients:,}"))
    baseline = findings.metadata_baseline
    if baseline is not None and baseline.auroc is not None and baseline.columns:
        named = [words(f"about.card.audit.{name}") if name in METADATA else name for name in baseline.columns]
        lines.append(words("about.card.audit.metadata", columns=", ".join(named), auroc=str(baseline.auroc)))
    return lines


def _lines(lines: list[str]) -> str:
    return "".join(f"<div>{line}</div>" for line in lines)


def english(text: str) -> str:
    """What export wrote: English, whatever the page speaks."""
    return f"<bdi lang='en' dir='ltr'>{escape(text)}</bdi>"
