"""What is said beside a heatmap in which nothing stands out, and in place of one that means nothing."""

import numpy as np

from demo.inference.heatmap_drawing import STANDS_OUT, strongest_place
from demo.language.catalogue import Wording, wording
from demo.language.numbers import isolated, percent


def faint_sentence(network: str, heatmap: np.ndarray, words: Wording) -> str:
    """How strong a network's strongest place is, where it is too weak for a line; an empty text where it is not.

    Args:
        network: "a" or "b".
        heatmap: float [h, w], 0..1 on its fixed scale.
        words: of the language.
    """
    strongest = strongest_place(heatmap)
    if strongest >= STANDS_OUT:
        return ""
    if strongest == 0:
        return words("heatmap.nothing", network=network.upper())
    # Rounded down: 24.9 % is below a quarter.
    share = f"<{percent(0.01, words, 0)}" if strongest < 0.01 else percent(int(strongest * 100) / 100, words, 0)
    return words("heatmap.faint", network=network.upper(), share=isolated(share, words))


def withheld_sentence(network: str, refusing: str, words: Wording) -> str:
    """Why a network's heatmap is not shown, by `demo.inference.compare.withheld_by`."""
    if network == refusing:
        return words("heatmap.withheld", network=network.upper())
    return words("compare.unreliable", refusing=refusing.upper(), other=network.upper())


def english_caption(network: str, heatmap: np.ndarray, refusing: str = "") -> list[str]:
    """The lines below a picture of the command line.

    Whose heatmap it is and of what, that another network refuses the film, and `faint_sentence` if it says anything.
    """
    words = wording("en")
    scale = f"{words(f'network.{network}')}. {words('heatmap.scale')}"
    remark = withheld_sentence(network, refusing, words) if refusing else ""
    return [scale, *filter(None, (remark, faint_sentence(network, heatmap, words)))]
