"""The heatmaps over the film on screen: their layers, the legend, what is said where nothing stands out.

Which of them is seen is the page's own attribute `data-layer` ("none", "a", "b", or "ab" for both side by side), and
`heatmap.css` does the rest: no choice asks the server. A network that refuses the picture withholds its own heatmap and
the other one's (class "by-a" or "by-b") until its lid is opened, as it does with its number.
"""

from collections.abc import Mapping
from html import escape

from demo.inference.compare import Case, withheld_by
from demo.inference.heatmap_drawing import draw_heatmap
from demo.inference.heatmap_pictures import layer_uris, legend_svg
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.language.heatmap_sentences import faint_sentence, withheld_sentence
from export.bundle import Card

NONE, SIDE_BY_SIDE = "none", "ab"


def layers_html(case: Case, cards: Mapping[str, Card]) -> str:
    """Two pictures a network that lie over the film, hidden until asked for: its colours, and its lines above them."""
    layers, withheld = [], _withheld_classes(case)
    for reading in case.readings:
        if reading.heatmap is None:
            continue
        drawn = draw_heatmap(reading.heatmap, case.film.shape, cards[reading.network].prepare)
        state = f"{reading.network}{withheld.get(reading.network, '')}"
        layers += [
            f"<img class='layer {state}{kind}' alt='' draggable='false' src='{uri}'>"
            for kind, uri in zip((" colours", " lines"), layer_uris(drawn), strict=True)
        ]
    return "".join(layers)


def legend_html(case: Case, words: Wording) -> str:
    """The scale, and for each network in which nothing stands out, a sentence; seen with its heatmap only."""
    heatmaps = {reading.network: reading.heatmap for reading in case.readings if reading.heatmap is not None}
    if not heatmaps:
        return ""
    withheld, refusing = _withheld_classes(case), withheld_by(case.readings)
    faint = {name: faint_sentence(name, heatmap, words) for name, heatmap in heatmaps.items()}
    why = {name: withheld_sentence(name, by, words) for name, by in refusing.items() if name in heatmaps}
    said = "".join(
        f"<p class='said {kind} {name}{withheld.get(name, '')}'>{escape(sentence)}</p>"
        for kind, sentences in (("withheld", why), ("faint", faint))
        for name, sentence in sentences.items()
        if sentence
    )
    title, lines = escape(words("heatmap.scale")), escape(words("heatmap.lines"))
    return (
        f"<div class='heatmap-legend'><p class='scale'>{title}<span role='img' "
        f"aria-label='{title}, 0–1'>{legend_svg()}</span></p><p class='how'>{lines}</p>{said}</div>"
    )


def _withheld_classes(case: Case) -> dict[str, str]:
    """By network whose heatmap is withheld, the class that says by whose refusal."""
    return {name: f" by-{refusing}" for name, refusing in withheld_by(case.readings).items()}


def layer_choices(loaded: LoadedModels, words: Wording) -> list[tuple[str, str]]:
    """Film alone, each network that shows a heatmap, and both side by side, as (words, value of `data-layer`)."""
    networks = [name for name, classifier in loaded.classifiers.items() if "heatmap" in classifier.outputs]
    choices = [(words("compare.heatmap.none"), NONE), *((name.upper(), name) for name in networks)]
    return choices if len(networks) < 2 else [*choices, (" | ".join(map(str.upper, networks)), SIDE_BY_SIDE)]
