"""The decision curve: net benefit of each network, of both averaged, of calling all films pneumonia, and none.

Vickers & Elkin, Med Decis Making 2006;26:565. All are computed from calibrated probabilities, for the share of films
with pneumonia in the split itself.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from demo.language.catalogue import Wording
from demo.plots.parts import INK, Figure, Json, ScoredNetwork, axis, figure_text, line, make_figure
from train.metrics.net_benefit import net_benefit, treat_all

#: The decision thresholds of the curve: every hundredth between the ends.
THRESHOLDS: NDArray[np.float64] = np.arange(1, 100) / 100
DASHES = {"average": "8px,3px,2px,3px", "all": "2px,3px", "none": "solid"}
WIDTHS = {"average": 2, "all": 1.5, "none": 1}
LOWEST, ROOM = -0.1, 0.05  # where the axis begins, and what it has above the best that is possible

Scored = tuple[NDArray[np.int64], NDArray[np.float64]]  # labels and probabilities


def net_benefit_figure(networks: Sequence[ScoredNetwork], average: Scored | None, words: Wording) -> Figure:
    """Net benefit against the probability from which one would act.

    Args:
        networks: at least one.
        average: labels and averaged probabilities of the same films, where there are two networks.
        words: for axes and legend.
    """
    low, high = (figure_text(words(f"evaluation.axis.{name}"), words) for name in ("decision_threshold", "net_benefit"))
    hover = f"{low} %{{x:.2f}}<br>{high} %{{y:.3f}}"
    traces: list[Json] = []
    for scored in networks:
        benefit = net_benefit(scored.labels, scored.probabilities, THRESHOLDS)
        trace = line(scored.network, THRESHOLDS, benefit, scored.name, f"<b>{scored.name}</b><br>{hover}")
        traces.append(trace | {"meta": scored.network})
    prevalence = networks[0].prevalence
    strategies = {} if average is None else {"average": net_benefit(*average, THRESHOLDS)}
    strategies |= {"all": treat_all(THRESHOLDS, prevalence), "none": np.zeros_like(THRESHOLDS)}
    for name, benefit in strategies.items():
        key = "evaluation.against.average" if name == "average" else f"evaluation.net_benefit.{name}"
        label = figure_text(words(key), words)
        stroke = {"color": INK, "width": WIDTHS[name], "dash": DASHES[name]}
        trace = line(networks[0].network, THRESHOLDS, benefit, label, f"<b>{label}</b><br>{hover}")
        traces.append(trace | {"line": stroke, "meta": name})
    return make_figure(
        "net-benefit", traces, words, axis(low, -0.01, 1.01), axis(high, LOWEST, prevalence + ROOM), shapes=[]
    )
