"""Stored values of a DICOM film → greys, through the pipeline of PS3.4 section N.2.

Stored value → modality LUT or rescale → VOI LUT or window → presentation (MONOCHROME1 is inverted) → 8 bits.
A stored value has at most 16 bits, so the pipeline runs once over all values and is then one table look-up.
(`pydicom.pixels` has these steps one by one on whole pictures, and takes tables and windows as they are written, which
this does not.)
"""

import numpy as np

from train.radiograph.dicom.lut import GreyscaleTransform, LookupTable, Window
from train.radiograph.greys.grey_range import LEAST_LEVELS, robust_range
from train.radiograph.greys.greyscale import VALUES_LEFT_OUT
from train.radiograph.greys.pixel_values import count_values

_TAIL = 0.001  # share of the pixels at each end whose greys are not counted


def grey_table(rules: GreyscaleTransform, codes: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The grey of every code.

    A window or table that leaves the film fewer than 32 greys, where its own range has more, is not used.

    Args:
        rules: of the film.
        codes: uint8 or uint16 [H, W], each below 2**stored.

    Returns:
        uint8 [2**stored], and what is to be warned of.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _grey_table(rules, codes)


def _grey_table(rules: GreyscaleTransform, codes: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    values = np.arange(1 << rules.stored)
    if rules.signed:
        values = np.where(values < 1 << (rules.stored - 1), values, values - (1 << rules.stored))
    counts = count_values(codes, 0, len(values))
    padding = _padding(rules, values)
    if not counts[~padding].any():
        padding[:] = False
    counts[padding] = 0
    outputs = _modality(rules, values, counts)
    shown, notes = _shown(rules, outputs, counts)
    if rules.inverse:
        shown = 1 - shown
    shown[padding] = 0
    return np.rint(shown * 255).astype(np.uint8), notes


def _shown(rules: GreyscaleTransform, outputs: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """float64 [N] in 0..1, low values dark, and what is to be warned of."""
    shown = _voi(rules.voi, outputs, counts)
    if shown is not None and _levels(shown, counts) >= LEAST_LEVELS:
        return shown, ()
    own, notes = _own_range(rules, outputs, counts)
    if shown is None:
        return own, notes
    if _levels(own, counts) < LEAST_LEVELS:
        return shown, ()
    what = "window" if isinstance(rules.voi, Window) else "table of greys"
    return own, (f"the DICOM file's {what} leaves fewer than {LEAST_LEVELS} greys of the film: not used", *notes)


def _own_range(
    rules: GreyscaleTransform, outputs: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Greys without a window: 8-bit films are meant as they are; deeper ones fill an unknown part of their range."""
    if rules.stored <= 8:
        low, high = outputs.min(), outputs.max()
        return _between(outputs, low, high), ()
    values, places = np.unique(outputs[counts > 0], return_inverse=True)
    low, high = robust_range(values, np.bincount(places, counts[counts > 0]))
    return _between(outputs, low, high), (VALUES_LEFT_OUT,) if low > values[0] or high < values[-1] else ()


def _between(outputs: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((outputs - low) / max(high - low, np.finfo(float).tiny), 0, 1)


def _levels(shown: np.ndarray, counts: np.ndarray) -> int:
    """How many greys the film has, but for those of its rarest dark and bright pixels."""
    pixels = np.bincount(np.rint(shown * 255).astype(int), counts, minlength=256)
    below = np.cumsum(pixels)
    ordinary = (below > _TAIL * below[-1]) & (below - pixels < (1 - _TAIL) * below[-1])
    return int(np.count_nonzero(ordinary & (pixels > 0)))


def _padding(rules: GreyscaleTransform, values: np.ndarray) -> np.ndarray:
    """bool [N]: codes that fill the area outside the film (PS3.3 section C.7.5.1.1.2)."""
    if rules.padding is None:
        return np.zeros(len(values), bool)
    low, high = sorted(rules.padding)
    return (values >= low) & (values <= high)


def _modality(rules: GreyscaleTransform, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """float64 [N]: stored values through the modality LUT, or slope and intercept (PS3.3 section C.11.1)."""
    if isinstance(rules.modality, LookupTable):
        return rules.modality.entries[_steps(rules.modality, values, counts)]
    slope, intercept = rules.modality
    return values * slope + intercept


def _steps(table: LookupTable, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """int [N]: which entry each value has. Values outside the table have its first or its last.

    The first value that a table maps is written with a sign or without one, by rules that writers mix up (PS3.3
    section C.11.1.1 goes by the sign of the pixels). It is taken as covers more of the film; where both do, by the
    sign of the values.
    """
    rounded = np.rint(values)
    signed_first = table.first - 65536 if table.first >= 32768 else table.first
    candidates = (signed_first, table.first) if rounded.min() < 0 else (table.first, signed_first)
    covered = [counts[(rounded >= first) & (rounded < first + len(table.entries))].sum() for first in candidates]
    return np.clip(rounded - candidates[int(np.argmax(covered))], 0, len(table.entries) - 1).astype(int)


def _voi(voi: LookupTable | Window | None, outputs: np.ndarray, counts: np.ndarray) -> np.ndarray | None:
    """float64 [N] in 0..1: through the first VOI LUT or window (PS3.3 section C.11.2); None without one."""
    if voi is None:
        return None
    if isinstance(voi, LookupTable):
        # By the entries' own range: the descriptor, which says how many bits they have, is often wrong.
        low, high = robust_range(*np.unique(voi.entries, return_counts=True))
        return _between(voi.entries[_steps(voi, outputs, counts)], low, high)
    centre, width = voi.centre, voi.width
    if voi.function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (outputs - centre) / width, -700, 700)))
    if voi.function == "LINEAR_EXACT":
        return np.clip((outputs - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (outputs > centre - 0.5).astype(float)
    return np.clip((outputs - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
