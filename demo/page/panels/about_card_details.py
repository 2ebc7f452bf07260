"""What a card says of its evidence, as HTML: heatmap, novelty, stress and audit, each only where the card has it."""

from collections.abc import Mapping
from html import escape
from typing import Any

from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.language.numbers import percent
from demo.page.panels.evaluation.calibration import calibration_text, quality_row
from demo.page.panels.evaluation.robustness import corruption_html
from export.bundle import Card
from export.bundle.audit import AuditFindings, as_findings
from export.bundle.metric import Metric, number
from export.bundle.robustness import AS_IT_IS, as_robustness
from train.metrics.scores import SCORED_SPLITS

Fact = tuple[str, str]  # what it is about and what there is to say, HTML
LEFT_TO_RIGHT = "\u200e"  # keeps a minus on its number's left in any language
WORST = 3  # changes that are told
TREATMENTS = ("as_is", "thumbnails", "blurred")
METADATA = ("width", "height", "bytes")  # columns of the audit's baseline


def track_record_facts(card: Card, words: Wording) -> list[Fact]:
    """All there is, in the order in which a reader needs it."""
    facts = [(explained("calibration", words), _lines(_calibration(card, words)))]
    if card.heatmap is not None:
        facts.append((explained("heatmap", words), _heatmap(card, words)))
    if card.novelty is not None:
        facts.append((explained("novelty", words), _novelty(card, words)))
    else:
        limit = words("about.card.no_limit") if card.novelty_limit is None else f"{card.novelty_limit:.2f}"
        facts.append((escape(words("about.card.novelty_limit")), f"<bdi>{escape(limit)}</bdi>"))
    stress = _stress(card, words)
    if stress:
        facts.append((explained("stress", words), _lines(stress)))
    audit = _audit(as_findings(card.audit), words)
    if audit:
        facts.append((escape(words("about.card.audit")), _lines([escape(line) for line in audit])))
    return facts


def _calibration(card: Card, words: Wording) -> list[str]:
    lines = [escape(calibration_text(card.calibration, words))]
    kept = card.calibration.model_extra
    before, after = number(kept, "log_loss_before"), number(kept, "log_loss_after")
    told = False
    for split in SCORED_SPLITS:
        quality = [quality_row(card, split, stage) for stage in ("before", "after")]
        if all(quality):
            told = True
            pairs = zip(("log_loss", "brier", "ece"), *quality, strict=True)
            figures = "; ".join(
                f"{escape(words(f'word.{name}'))} <bdi dir='ltr'>{first} → {last}</bdi>" for name, first, last in pairs
            )
            head = words("about.card.before_and_after", split=words(f"word.{split}"))
            lines.append(f"{escape(head)} {figures}")
    if not told and before is not None and after is not None:
        lines.append(escape(words("about.card.log_loss", before=f"{before:.4f}", after=f"{after:.4f}")))
    note = (kept or {}).get("note")
    if isinstance(note, str) and note:
        lines.append(english(note))
    return lines


def _heatmap(card: Card, words: Wording) -> str:
    heatmap = card.heatmap
    if heatmap is None:
        return ""
    height, width = heatmap.shape
    method = words("about.card.heatmap", method=heatmap.method, cells=f"{height} × {width}")
    scale = words(
        "about.card.heatmap_scale", scale=f"{heatmap.scale:.2f}", clipped=percent(heatmap.validation_clipped, words)
    )
    checks = [
        *_gradient(heatmap.checks, words),
        *_random_head(heatmap.checks, words),
        *_occlusion(heatmap.checks, words),
    ]
    listed = "".join(f"<li>{escape(line)}</li>" for line in checks)
    more = f"<p>{escape(words('about.card.heatmap_checks'))}</p><ol>{listed}</ol>" if listed else ""
    return f"{_lines([escape(method), escape(scale)])}{more}"


def _gradient(checks: Mapping[str, Any], words: Wording) -> list[str]:
    found = [number(checks, "gradient_correlation", name) for name in ("mean", "smallest", "films")]
    if None in found:
        return []
    mean, smallest, films = (value or 0 for value in found)
    figures = {"mean": f"{mean:.3f}", "smallest": f"{smallest:.3f}", "films": f"{films:.0f}"}
    return [words("about.card.check.gradient", **figures)]


def _random_head(checks: Mapping[str, Any], words: Wording) -> list[str]:
    mean, films = (number(checks, "random_head", name) for name in ("mean_rank_correlation", "films"))
    if mean is None or films is None:
        return []
    return [
        words(
            "about.card.check.random_head", mean=f"{mean:.2f}".replace("-", f"{LEFT_TO_RIGHT}−"), films=f"{films:.0f}"
        )
    ]


def _occlusion(checks: Mapping[str, Any], words: Wording) -> list[str]:
    hottest, random = (number(checks, "occlusion", "logit", name) for name in ("hottest", "random"))
    films, covered = (number(checks, "occlusion", name) for name in ("films", "covered"))
    share = number(checks, "occlusion", "films_where_hottest_falls_further")
    if hottest is None or random is None or films is None or covered is None or share is None:
        return []
    return [
        words(
            "about.card.check.occlusion",
            covered=percent(covered, words, 0),
            hottest=f"{hottest:.2f}",
            random=f"{random:.2f}",
            films=f"{films:.0f}",
            share=percent(share, words),
        )
    ]


def _novelty(card: Card, words: Wording) -> str:
    novelty = card.novelty
    if novelty is None:
        return ""
    limit = words(
        "about.card.novelty",
        limit=f"{novelty.limit:.3f}",
        percentile=f"{novelty.limit_percentile:g}",
        films=f"{novelty.training_films:,}",
    )
    lines = [english(novelty.method), escape(limit)]
    unseen = (novelty.guard or {}).get("unseen")
    kinds = unseen.get("kinds") if isinstance(unseen, Mapping) else None
    pictures = number(unseen, "pictures") if isinstance(unseen, Mapping) else None
    if isinstance(kinds, list) and pictures is not None:
        told = [line for name in TREATMENTS if (line := _refused(unseen, name, words))]
        head = words("about.card.guard", pictures=f"{pictures:.0f}", kinds=len(kinds))
        lines.append(f"{escape(head)} {escape('; '.join(told))}. {english(', '.join(map(str, kinds)))}")
    if novelty.test_refused is not None:
        lines.append(escape(words("about.card.test_refused", share=percent(novelty.test_refused, words))))
    return _lines(lines)


def _refused(unseen: Mapping[str, Any] | None, treatment: str, words: Wording) -> str:
    refused, area = (number(unseen, treatment, name) for name in ("refused", "auroc"))
    if refused is None or area is None:
        return ""
    low, high = (number(unseen, treatment, f"refused_{end}") for end in ("low", "high"))
    share = _share(Metric(refused, low, high), words)
    return words(f"about.card.guard.{treatment}", share=share, auroc=f"{area:.4f}")


def _stress(card: Card, words: Wording) -> list[str]:
    """The changes that cost most accuracy, on test where it was measured."""
    table = as_robustness(card.stress)
    if table is None:
        return []
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
