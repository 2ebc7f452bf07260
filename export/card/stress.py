"""A run's robustness table on its way into the bundle: is it of this evaluation, and what the card repeats of it."""

import json
import math
from collections.abc import Mapping
from typing import Any

from train.common.errors import PneumoscopeError
from train.metrics.scores import SCORED_SPLITS
from train.runs.network_identity import network_checksum
from train.runs.run_folder import RunFolder

FORMAT = 1
#: The figures of a change that the card repeats; stress.json has more.
SHOWN = ("accuracy", "auroc", "probability_shift")
UNCHANGED = "as_it_is"
#: Two passes over the same films differ by less.
SAME_AUROC = 1e-3

Json = dict[str, Any]


def read_robustness(run: RunFolder, evaluation: Mapping[str, Any]) -> tuple[bytes, Json] | None:
    """Read a run's stress.json for its bundle.

    Args:
        run: the run.
        evaluation: of the run.

    Returns:
        The file as it is, and the card's summary: operating_point, and for "validation" and "test" (None where not
        measured) films, patients and changes: name → {what, accuracy, auroc, probability_shift}, each figure with its
        interval. None where the run has no stress.json.

    Raises:
        PneumoscopeError: it is damaged, of another split, or of other scores.
    """
    again = f"measure it again: pneumoscope evaluate {run.name} --stress"
    try:
        text = run.stress.read_bytes()
        table = json.loads(text)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise PneumoscopeError(f"{run.stress}: cannot be read as JSON ({error}); {again}") from None
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise PneumoscopeError(f"{run.stress}: expected a stress table of format {FORMAT}; {again}")
    for key in ("network", "split_fingerprint"):
        if table.get(key) != evaluation[key]:
            what = "network" if key == "network" else "split"
            raise PneumoscopeError(f"{run.stress}: is of another {what} than the run's evaluation; {again}")
    # Files from before the checksum stood in them are told by threshold and figures, below.
    if "weights" in table and run.best_network.is_file() and table["weights"] != network_checksum(run):
        raise PneumoscopeError(f"{run.stress}: is of another network than {run.best_network.name} of the run; {again}")
    try:
        summary = {split: _summary(table[split]) if table.get(split) else None for split in SCORED_SPLITS}
        point = table["operating_point"]
        fits = math.isclose(table["threshold"], evaluation["thresholds"][point], rel_tol=1e-6)
        fits &= all(_fits(summary[split], evaluation.get(split)) for split in SCORED_SPLITS)
    except (KeyError, TypeError, AttributeError) as error:
        raise PneumoscopeError(f"{run.stress}: is no whole stress table (at {error}); {again}") from None
    if not fits:
        raise PneumoscopeError(f"{run.stress}: is of other scores than the run's evaluation; {again}")
    return text, {"operating_point": point, **summary}


def _summary(part: Mapping[str, Any]) -> Json:
    changes = {
        name: {"what": str(row["what"]), **{figure: _figure(row[figure]) for figure in SHOWN}}
        for name, row in part["changes"].items()
    }
    return {"films": part["films"], "patients": part["patients"], "changes": changes}


def _figure(figure: Mapping[str, Any]) -> Json:
    return {key: figure[key] for key in ("value", "low", "high")}


def _fits(summary: Json | None, evaluated: Mapping[str, Any] | None) -> bool:
    """Whether the unchanged films got the evaluation's figures."""
    if summary is None:
        return True
    if not evaluated:
        return False
    metrics, unchanged = evaluated["metrics"], summary["changes"][UNCHANGED]
    areas = unchanged["auroc"]["value"], metrics["auroc"]["value"]
    return summary["films"] == metrics["n"] and math.isclose(*areas, abs_tol=SAME_AUROC)
