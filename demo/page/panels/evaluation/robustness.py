"""How the networks fare on films that were changed harmlessly, as HTML."""

from collections.abc import Mapping
from html import escape

from demo.language.catalogue import Wording, wording
from demo.page.panels.tables import figure_cell, wide_table
from export.bundle.robustness import Corruption, Robustness, all_corruptions

#: Changes whose names are no keys of the catalogue as they stand.
KEYS = {"gamma_0.7": "gamma_low", "gamma_1.4": "gamma_high"}


def robustness_html(by_network: Mapping[str, Robustness], split: str, words: Wording) -> str:
    """A row per change, three figures per network; a sentence for a network that was not measured on this split.

    Args:
        by_network: of the networks that were measured at all, by name.
        split: "validation" or "test".
        words: of the language.
    """
    measured = {name: table.of(split).changes for name, table in by_network.items() if table.of(split).changes}
    notices = "".join(
        f"<p class='notice'>{escape(_unmeasured(name, split, words))}</p>"
        for name in by_network
        if name not in measured
    )
    head = (
        f"<h2>{escape(words('evaluation.stress'))}</h2><p class='how'>{escape(words('evaluation.stress.how'))}</p>"
        f"{notices}"
    )
    if not measured:
        return head
    columns = [escape(words("evaluation.stress.change"))]
    for name in measured:
        figures = (words("evaluation.accuracy"), "AUROC", words("evaluation.stress.shift"))
        columns += [f"<span class='network-column {name}'>{name.upper()}</span> {escape(text)}" for text in figures]
    rows = ""
    for change in all_corruptions(by_network, split):
        cells = ""
        for changes in measured.values():
            found = next((each for each in changes if each.name == change.name), None)
            cells += "".join(f"<td>{cell}</td>" for cell in _cells(found, words))
        rows += f"<tr><th scope='row'>{corruption_html(change, words)}</th>{cells}</tr>"
    caption = words(
        "evaluation.stress.caption", split=words(f"word.{split}"), point=_points(by_network, measured, words)
    )
    return head + wide_table("stress", caption, columns, f"<tbody>{rows}</tbody>")


def corruption_html(change: Corruption, words: Wording) -> str:
    """What was done to the films: translated where the catalogue says the very same, otherwise as it is told."""
    key = f"evaluation.stress.what.{KEYS.get(change.name, change.name)}"
    if change.what and wording("en").texts.get(key) == change.what:
        return escape(words(key))
    return f"<bdi lang='en' dir='ltr'>{escape(change.what or change.name)}</bdi>"


def corruption_name(change: Corruption, words: Wording) -> str:
    """The change in a word or two, for a plot; plain text. One that is not known keeps its own name."""
    key = f"evaluation.stress.name.{KEYS.get(change.name, change.name)}"
    return words(key) if key in words.texts else change.name


def _cells(change: Corruption | None, words: Wording) -> list[str]:
    if change is None:
        return [figure_cell(None, words)] * 3
    return [
        figure_cell(change.accuracy, words),
        figure_cell(change.auroc, words, share=False),
        figure_cell(change.probability_shift, words, share=False),
    ]


def _points(by_network: Mapping[str, Robustness], measured: Mapping[str, object], words: Wording) -> str:
    keys = dict.fromkeys(f"operating_point.{by_network[name].operating_point}" for name in measured)
    return ", ".join(words(key) if key in words.texts else "–" for key in keys)


def _unmeasured(network: str, split: str, words: Wording) -> str:
    return words("evaluation.stress.unmeasured", network=words(f"network.{network}"), split=words(f"word.{split}"))
