"""The tables of the Experiments panel as HTML: conclusions, rows with their settings to copy, what a row costs."""

from collections.abc import Callable, Collection, Sequence
from html import escape

from demo.language.catalogue import Wording, wording
from demo.language.numbers import isolated, percent
from demo.page.panels.tables import wide_table
from demo.plots.history import stage_name
from demo.plots.studies import ACCURACY_AT_HALF, points
from train.studies.record import (
    Conclusion,
    Decided,
    Effect,
    Figures,
    Interval,
    OverSeeds,
    Row,
    StudiesRecord,
    Study,
    figures_of,
    over_seeds,
    run_command,
)

FULL = "full"
DASH = "–"


def conclusions_html(record: StudiesRecord, network: str, studies: Sequence[str], scale: str, words: Wording) -> str:
    """The conclusions that look at any of these studies, each with its outcome in both ways of counting."""
    found = [
        conclusion
        for conclusion in record.conclusions
        if network in ("", conclusion.network) and any(row.split("/")[0] in studies for row in conclusion.rows)
    ]
    if not found:
        return ""
    rows = "".join(_conclusion(conclusion, scale, words) for conclusion in found)
    columns = [words("experiments.conclusion"), words("experiments.as_report"), words("experiments.as_we")]
    heads = [escape(column) for column in columns]
    table = wide_table("conclusions", scale_name(scale, words), heads, f"<tbody>{rows}</tbody>")
    how = escape(words("experiments.conclusions.how"))
    return f"<h2>{escape(words('experiments.conclusions'))}</h2><p class='how'>{how}</p>{table}"


def rows_html(record: StudiesRecord, study: Study, network: str, scale: str, words: Wording) -> str:
    """A study's rows, one for each setting and stage: the report's figures beside ours, the command that trains it."""
    rows = [row for row in study.rows if network in ("", row.network)]
    body = "".join(_row(record, study, row, stage, scale, words) for row in rows for stage in row.stages)
    columns = [
        words("experiments.row"),
        words("experiments.reported"),
        words("experiments.as_report"),
        words("experiments.as_we"),
        "AUROC",
        words("evaluation.axis.loss"),
        words("experiments.settings"),
    ]
    title = study_title(study, words)
    notes = "".join(
        f"<li><bdi lang='en' dir='ltr'>{escape(note)}</bdi></li>"
        for note in (*study.notes, *(f"{row.key}: {note}" for row in rows for note in row.notes))
    )
    if notes:
        notes = (
            f"<details class='how'><summary>{escape(words('experiments.notes'))}</summary><ul>{notes}</ul></details>"
        )
    heads = [escape(column) for column in columns]
    caption = words("experiments.rows.caption", size=scale_name(scale, words))
    return f"<h2>{escape(title)}</h2>{wide_table('study-rows', caption, heads, f'<tbody>{body}</tbody>')}{notes}"


def costs_html(record: StudiesRecord, networks: Collection[str], scale: str, words: Wording) -> str:
    """What training a row took, in a sentence for each of these networks and each machine."""
    items = "".join(
        "<li>"
        + escape(
            words(
                "experiments.cost",
                network=cost.network.upper(),
                seconds=f"{cost.median:,.0f}",
                low=f"{cost.low:,.0f}",
                high=f"{cost.high:,.0f}",
                trainings=cost.trainings,
                device=cost.device,
            )
        )
        + "</li>"
        for cost in record.costs
        if cost.scale == scale and cost.network in networks
    )
    return f"<h2>{escape(words('experiments.costs'))}</h2><ul class='told'>{items}</ul>" if items else ""


def study_title(study: Study, words: Wording) -> str:
    """A study by its name and what it varies: translated where the catalogue says the very same."""
    key = f"experiments.study.{study.name.replace('-', '_')}"
    title = words(key) if wording("en").texts.get(key) == study.title else study.title
    return f"{study.name}: {title}"


def scale_name(scale: str, words: Wording) -> str:
    """A scale as the visitor chooses it."""
    return words("experiments.full") if scale == FULL else words("experiments.reduced", scale=isolated(scale, words))


def _conclusion(conclusion: Conclusion, scale: str, words: Wording) -> str:
    key = f"experiments.conclusion.{conclusion.key.replace('-', '_')}"
    is_known = wording("en").texts.get(key) == conclusion.text
    text = escape(words(key)) if is_known else f"<bdi lang='en' dir='ltr'>{escape(conclusion.text)}</bdi>"
    decided = {one.counting: one for one in conclusion.decided if one.scale == scale}
    why = next((one.why for one in decided.values() if one.counting == "half" and one.why), "")
    told = f"<small class='why' lang='en' dir='ltr'>{escape(why)}</small>" if why else ""
    cells = "".join(f"<td>{_outcome(decided.get(counting), words)}</td>" for counting in ("half", "chosen"))
    badge = f"<span class='badge {conclusion.network}'>{conclusion.network.upper()}</span>"
    return f"<tr><th scope='row'>{badge} {text}{told}</th>{cells}</tr>"


def _outcome(decided: Decided | None, words: Wording) -> str:
    outcome = decided.outcome if decided else "not_measured"
    shown = f"<span class='outcome {outcome}'>{escape(words(f'experiments.{outcome}'))}</span>"
    if decided is None or not decided.seeds:
        return shown
    values = {"holds": decided.holds_in, "seeds": decided.seeds, "split": words(f"word.{decided.split}")}
    return f"{shown}<small>{escape(words('experiments.in_seeds', **values))}</small>"


def _row(record: StudiesRecord, study: Study, row: Row, stage: str, scale: str, words: Wording) -> str:
    trainings = record.of_row(study.name, row.key, scale)
    test = figures_of(trainings, stage, "test")
    reported = row.reported_of(stage)
    of_report = [percent(reported.accuracy, words) if reported.accuracy is not None else DASH]
    if reported.f1 is not None:
        at = f" ({reported.threshold:g})" if reported.threshold is not None else ""
        of_report.append(f"F1 {percent(reported.f1, words)}{at}")
    loss = [] if reported.loss is None else [words("experiments.loss.reported", loss=f"{reported.loss:.3f}")]
    measured_loss = over_seeds(each.loss for each in test)
    effect = next(
        (
            one
            for one in record.effects
            if (one.study, one.kind, one.level, one.stage, one.scale) == (study.name, "row", row.key, stage, scale)
            and (one.figure, one.split) == (ACCURACY_AT_HALF, "test")  # as the figure that it stands below
        ),
        None,
    )
    name = f"<bdi dir='ltr'>{escape(row.key)}</bdi>"
    if len(row.stages) > 1:
        name += f"<small>{escape(stage_name(stage, words))}</small>"
    cells = (
        _lines(of_report),
        _lines(_measured(test, lambda figures: figures.half.accuracy, words)) + _effect(effect, words),
        _lines(_measured(test, lambda figures: figures.chosen.accuracy, words)),
        _lines(_measured(test, lambda figures: figures.auroc, words, share=False)),
        _lines([DASH if measured_loss is None else f"{measured_loss.mean:.3f}", *loss]),
        _settings(study, row, scale, words) if stage == row.stages[-1] else "",
    )
    return f"<tr><th scope='row'>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _measured(
    figures: Sequence[Figures], read: Callable[[Figures], Interval], words: Wording, *, share: bool = True
) -> list[str]:
    found = over_seeds(read(each) for each in figures)
    if found is None:
        return [DASH]
    return [percent(found.mean, words) if share else f"{found.mean:.3f}", *_around(found, words, share)]


def _around(found: OverSeeds, words: Wording, share: bool) -> list[str]:
    def shown(value: float) -> str:
        return f"{100 * value:.1f}" if share else f"{value:.3f}"

    lines = []
    if found.interval_low is not None and found.interval_high is not None:
        lines.append(f"[{shown(found.interval_low)}–{shown(found.interval_high)}]")
    if found.seeds > 1:
        lines.append(words("experiments.range", seeds=found.seeds, low=shown(found.low), high=shown(found.high)))
    return lines


def _lines(lines: Sequence[str]) -> str:
    first, *rest = (escape(line) for line in lines)
    small = "".join(f"<small><bdi>{line}</bdi></small>" for line in rest)
    return f"<div class='figure'><bdi>{first}</bdi>{small}</div>"


def _effect(effect: Effect | None, words: Wording) -> str:
    if effect is None:
        return ""
    told = words(
        f"experiments.effect.{effect.verdict}",
        points=isolated(points(effect.difference), words),
        against=effect.against,
    )
    return f"<small class='effect'>{escape(told)}</small>"


def _settings(study: Study, row: Row, scale: str, words: Wording) -> str:
    settings = "".join(
        f"<li><bdi dir='ltr'>{escape(name)}: {escape(str(value))}</bdi></li>" for name, value in row.settings.items()
    )
    copy, copied = (escape(words(f"about.program.{key}"), quote=True) for key in ("copy", "copied"))
    label = escape(words("about.program.copy_what", what=f"{study.name} {row.key}"), quote=True)
    command = escape(run_command(study.name, [row.key], scale))
    return (
        f"<details class='settings'><summary aria-label='{escape(words('experiments.settings'))}: {escape(row.key)}'>"
        f"{escape(words('experiments.settings'))}</summary><ul>{settings}</ul>"
        f"<div class='code'><code dir='ltr' lang='en' translate='no'>{command}</code>"
        f"<button type='button' class='copy' aria-label='{label}' data-copied='{copied}'>{copy}</button>"
        f"<span class='copy-status' role='status'></span></div></details>"
    )
