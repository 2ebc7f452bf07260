"""The heatmaps over the film on screen: their layers, the legend, what is said where nothing stands out.

Which of them is seen is the page's own attribute `data-layer` ("none", "a", "b", or "ab" for both side by side), and
`heatmap.css` does the rest: no choice asks the server.
"""

from collections.abc import Mapping
from html import escape

from demo.inference.compare import Case
from demo.inference.heatmap_drawing import draw_heatmap
from demo.inference.heatmap_pictures import layer_uris, legend_svg
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.language.heatmap_sentences import faint_sentence
from export.bundle import Card

NONE, SIDE_BY_SIDE = "none", "ab"


def layers_html(case: Case, cards: Mapping[str, Card]) -> str:
    """Two pictures a network that lie over the film, hidden until asked for: its colours, and its lines above them."""
    layers = []
    for reading in case.readings:
        if reading.heatmap is None:
            continue
        drawn = draw_heatmap(reading.heatmap, case.film.shape, cards[reading.network].prepare)
        state = f"{reading.network}{' refused' if reading.refused else ''}"
        layers += [
            f"<img class='layer {state}{kind}' alt='' draggable='false' src='{uri}'>"
            for kind, uri in zip((" colours", " lines"), layer_uris(drawn), strict=True)
        ]
    return "".join(layers)


def legend_html(case: Case, words: Wording) -> str:
    """The scale, and for each network in which nothing stands out, a sentence; seen with its heatmap only."""
    heatmaps = [(reading, reading.heatmap) for reading in case.readings if reading.heatmap is not None]
    if not heatmaps:
        return ""
    sentences = [(reading, faint_sentence(reading.network, heatmap, words)) for reading, heatmap in heatmaps]
    faint = "".join(
        f"<p class='faint {reading.network}{' refused' if reading.refused else ''}'>{escape(sentence)}</p>"
        for reading, sentence in sentences
        if sentence
    )
    title, lines = escape(words("heatmap.scale")), escape(words("heatmap.lines"))
    return (
        f"<div class='heatmap-legend'><p class='scale'>{title}<span role='img' "
        f"aria-label='{title}, 0–1'>{legend_svg()}</span></p><p class='how'>{lines}</p>{faint}</div>"
    )


def layer_choices(loaded: LoadedModels, words: Wording) -> list[tuple[str, str]]:
    """Film alone, each network that shows a heatmap, and both side by side, as (words, value of `data-layer`)."""
    networks = [name for name, classifier in loaded.classifiers.items() if "heatmap" in classifier.outputs]
    choices = [(words("compare.heatmap.none"), NONE), *((name.upper(), name) for name in networks)]
    return choices if len(networks) < 2 else [*choices, (" | ".join(map(str.upper, networks)), SIDE_BY_SIDE)]
