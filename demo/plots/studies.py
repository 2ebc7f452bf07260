"""A study's rows as plots: measured accuracy beside the report's, and what each change of the settings does."""

import math
from collections.abc import Mapping, Sequence

from demo.language.catalogue import Wording
from demo.language.colours import NETWORK_COLOURS
from demo.language.numbers import isolated, percent
from demo.plots.described import DescribedPlot
from demo.plots.history import stage_name
from demo.plots.parts import Figure, Json, axis, figure_text, guide, make_figure, numbers
from train.studies.record import STAGES, Effect, OverSeeds, Row, StudiesRecord, Study, figures_of, over_seeds

ROW = 26  # pixels
ROOM = 110  # pixels, for legend and axis
APART = 0.2  # of a row, from its middle: one stage above the other
SYMBOLS = {"train": "circle", "head": "diamond", "fine_tune": "circle"}
ACCURACY_AT_HALF = "accuracy_at_half"  # the figure of the effects that are drawn
BEYOND = 0.02  # of the axis


def described_rows(record: StudiesRecord, study: Study, network: str, scale: str, words: Wording) -> DescribedPlot:
    """A row per setting: the report's accuracy (open mark) and the measured one with its interval (filled).

    Args:
        record: that the study is of.
        study: whose rows are drawn.
        network: "a" or "b"; of a study with both, the rows of one.
        scale: of the trainings.
        words: of the language.
    """
    rows = [row for row in study.rows if row.network == network]
    stages = STAGES[network]
    measured = {
        (row.key, stage): found
        for row in rows
        for stage in stages
        if (found := measured_accuracy(record, study, row, stage, scale)) is not None
    }
    figure = _rows_figure(study, rows, stages, measured, words)
    sentences = tuple(_told(rows, stage, measured, words) for stage in stages)
    title = words("experiments.plot.rows", study=study.name, network=network.upper())
    return DescribedPlot(title, words("experiments.plot.rows.how"), sentences, (), figure)


def described_effects(
    effects: Sequence[Effect], study: Study, network: str, stage: str, words: Wording
) -> DescribedPlot:
    """The difference that each change of a study makes to the accuracy at 0.5, with its interval over seeds.

    Args:
        effects: of the study at one scale, on one split, and of the figure that is drawn; at least one.
        study, network, stage: what they are of, for title and colour.
        words: of the language.
    """
    holding = [effect for effect in effects if effect.verdict == "holds"]
    tested = [effect for effect in effects if effect.p_holm is not None]
    if not tested:
        told = words("experiments.plot.effects.untested", seeds=max(len(effect.seeds) for effect in effects))
    else:
        told = words("experiments.plot.effects.told", holding=len(holding), tested=len(tested))
    named = tuple(
        words("experiments.plot.effects.one", change=effect.level, points=isolated(points(effect.difference), words))
        for effect in holding
    )
    title = words("experiments.plot.effects", study=study.name, stage=stage_name(stage, words))
    how = words("experiments.plot.effects.how", split=words(f"word.{effects[0].split}"))
    return DescribedPlot(title, how, (told, *named), (), _effects_figure(effects, study, network, words))


def measured_accuracy(record: StudiesRecord, study: Study, row: Row, stage: str, scale: str) -> OverSeeds | None:
    """A row's accuracy at 0.5 on the test films over its seeds; None where these were not read with it."""
    figures = figures_of(record.of_row(study.name, row.key, scale), stage, "test")
    return over_seeds(each.half.accuracy for each in figures)


def points(difference: float) -> str:
    """A difference of shares in percentage points: "−1.4"."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def _told(rows: Sequence[Row], stage: str, measured: Mapping[tuple[str, str], OverSeeds], words: Wording) -> str:
    found = {row.key: measured[row.key, stage] for row in rows if (row.key, stage) in measured}
    named = stage_name(stage, words)
    if not found:
        return words("experiments.plot.rows.none", stage=named)
    best = max(found, key=lambda key: found[key].mean)
    reported = {row.key: row.reported_of(stage).accuracy for row in rows}
    both = {key: value for key, value in reported.items() if value is not None}
    return words(
        "experiments.plot.rows.told",
        stage=named,
        measured=len(found),
        rows=len(rows),
        best=best,
        accuracy=percent(found[best].mean, words),
        reported_best=max(both, key=both.__getitem__, default="–"),
        reported=percent(max(both.values(), default=math.nan), words),
    )


def _rows_figure(
    study: Study,
    rows: Sequence[Row],
    stages: Sequence[str],
    measured: Mapping[tuple[str, str], OverSeeds],
    words: Wording,
) -> Figure:
    traces: list[Json] = []
    for number, stage in enumerate(stages):
        aside = 0 if len(stages) == 1 else APART * (2 * number - 1)
        traces += [_reported(rows, stage, aside, words), _measured(rows, stage, aside, measured, words)]
    known = [value for trace in traces for value in trace["x"]]
    lows = [found.interval_low or found.mean for found in measured.values()]
    low = min([*known, *lows], default=0.0)
    x = axis(
        figure_text(words("evaluation.axis.accuracy"), words), max(low - BEYOND, 0.0), 1 + BEYOND / 2, tickformat=".0%"
    )
    return make_figure(f"study-{study.name}", traces, words, x, _keys([row.key for row in rows]), **_size(len(rows)))


def _reported(rows: Sequence[Row], stage: str, aside: float, words: Wording) -> Json:
    known = [(number, row.key, row.reported_of(stage).accuracy) for number, row in enumerate(rows)]
    found = [(number, key, share) for number, key, share in known if share is not None]
    label = figure_text(words("experiments.plot.reported", stage=stage_name(stage, words)), words)
    return _marks(
        label,
        f"{SYMBOLS[stage]}-open",
        rows[0].network,
        [share for _, _, share in found],
        [number + aside for number, _, _ in found],
        [f"<b>{key}</b><br>{label} {percent(share, words)}" for _, key, share in found],
    )


def _measured(
    rows: Sequence[Row], stage: str, aside: float, measured: Mapping[tuple[str, str], OverSeeds], words: Wording
) -> Json:
    found = [(n, row.key, measured[row.key, stage]) for n, row in enumerate(rows) if (row.key, stage) in measured]
    label = figure_text(words("experiments.plot.measured", stage=stage_name(stage, words)), words)
    seeds = figure_text(words("experiments.seeds"), words)
    texts = [
        f"<b>{key}</b><br>{label} {percent(one.mean, words)}<br>{seeds}: {one.seeds}, "
        f"{100 * one.low:.1f}–{100 * one.high:.1f}"
        for _, key, one in found
    ]
    means = [one.mean for _, _, one in found]
    limits = [(one.interval_low or one.mean, one.interval_high or one.mean) for _, _, one in found]
    trace = _marks(label, SYMBOLS[stage], rows[0].network, means, [n + aside for n, _, _ in found], texts)
    return trace | {"error_x": _bars(means, limits, rows[0].network)}


def _effects_figure(effects: Sequence[Effect], study: Study, network: str, words: Wording) -> Figure:
    traces = []
    for held in (True, False):
        found = [(n, effect) for n, effect in enumerate(effects) if (effect.verdict == "holds") == held]
        if not found:
            continue
        label = figure_text(words("experiments.plot.holds" if held else "experiments.plot.not_shown"), words)
        differences = [100 * effect.difference for _, effect in found]
        limits = [
            (
                100 * (one.difference if one.low is None else one.low),
                100 * (one.difference if one.high is None else one.high),
            )
            for _, one in found
        ]
        texts = [f"<b>{effect.level}</b> − {effect.against}<br>{points(effect.difference)}" for _, effect in found]
        symbol = "square" if held else "square-open"
        trace = _marks(label, symbol, network, differences, [n for n, _ in found], texts)
        traces.append(trace | {"error_x": _bars(differences, limits, network)})
    x = axis(figure_text(words("experiments.plot.points"), words))
    nothing = {**guide((0, 0), (0, 1)), "yref": "paper"}
    y = _keys([effect.level for effect in effects])
    name = f"effects-{study.name}"
    return make_figure(name, traces, words, x, y, shapes=[nothing], **_size(len(effects)))


def _marks(name: str, symbol: str, network: str, x: Sequence[float], y: Sequence[float], texts: Sequence[str]) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": numbers(x),
        "y": numbers(y),
        "marker": {"symbol": symbol, "size": 8, "color": NETWORK_COLOURS[network]},
        "text": list(texts),
        "hovertemplate": "%{text}<extra></extra>",
    }


def _bars(values: Sequence[float], limits: Sequence[tuple[float, float]], network: str) -> Json:
    return {
        "type": "data",
        "symmetric": False,
        "array": numbers([high - value for value, (_, high) in zip(values, limits, strict=True)]),
        "arrayminus": numbers([value - low for value, (low, _) in zip(values, limits, strict=True)]),
        "color": NETWORK_COLOURS[network],
        "thickness": 1.5,
        "width": 3,
    }


def _keys(keys: Sequence[str]) -> Json:
    return axis("", len(keys) - 0.5, -0.5, tickvals=list(range(len(keys))), ticktext=list(keys), automargin=True)


def _size(rows: int) -> Json:
    return {"height": ROOM + ROW * rows, "margin": {"l": 120, "r": 14, "t": 8, "b": 48}}
