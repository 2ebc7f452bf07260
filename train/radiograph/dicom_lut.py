"""Stored values of a DICOM film → greys, through the pipeline of PS3.4 section N.2.

Stored value → modality LUT or rescale → VOI LUT or window → presentation (MONOCHROME1 is inverted) → 8 bits.
A stored value has at most 16 bits, so the pipeline runs once over all values and is then one table look-up.
"""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from train.radiograph.formats import RadiographError

_LARGEST_OUTPUT = 1e300  # beyond it differences overflow

DAMAGED = "the DICOM file is damaged: its header and pixels do not fit together; export it again"


@dataclass(frozen=True)
class LookupTable:
    """Entries (float64 [N]), the first value they map, and how many bits an entry has (PS3.3 section C.11.1.1)."""

    entries: np.ndarray
    first: int
    bits: int


@dataclass(frozen=True)
class Window:
    """Centre, width and function of a VOI window (PS3.3 section C.11.2)."""

    centre: float
    width: float
    function: str


@dataclass(frozen=True)
class GreyscaleTransform:
    """All that a header says about the meaning of stored values; nothing that says whose they are.

    Attributes:
        stored: bits of a value, 1 to 16.
        signed: two's complement.
        padding: first and last value outside the film, or None.
        modality: a table, or (slope, intercept).
        voi: a table, a window, or None for the film's own range.
        inverse: low values are dense.
    """

    stored: int
    signed: bool
    padding: tuple[int, int] | None
    modality: LookupTable | tuple[float, float]
    voi: LookupTable | Window | None
    inverse: bool


def read_greyscale_transform(dataset: Dataset) -> GreyscaleTransform:
    """Take the rules out of a header.

    Raises:
        RadiographError: a table or a rescaling that cannot be.
    """
    first = dataset.get("PixelPaddingValue")
    limit = dataset.get("PixelPaddingRangeLimit")
    padding = None if first is None else (int(first), int(first if limit is None else limit))
    modality: LookupTable | tuple[float, float]
    if dataset.get("ModalityLUTSequence"):
        modality = _lookup_table(dataset.ModalityLUTSequence[0])
    else:
        slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
        line = (1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept))
        if line[0] == 0 or not np.isfinite(line).all():
            raise RadiographError(DAMAGED)
        modality = line
    shape = str(dataset.get("PresentationLUTShape") or "").strip()
    return GreyscaleTransform(
        stored=int(dataset.BitsStored),
        signed=dataset.get("PixelRepresentation", 0) == 1,
        padding=padding,
        modality=modality,
        voi=_lookup_table(dataset.VOILUTSequence[0]) if dataset.get("VOILUTSequence") else _window(dataset),
        # Both say that low values are dense: the one does not undo the other.
        inverse=shape == "INVERSE" or str(dataset.PhotometricInterpretation).strip() == "MONOCHROME1",
    )


def tone_table(rules: GreyscaleTransform, codes: np.ndarray) -> np.ndarray:
    """The grey of every code.

    Args:
        rules: of the film.
        codes: uint8 or uint16 [H, W], each below 2**stored.

    Returns:
        uint8 [2**stored].

    Raises:
        RadiographError: the header's numbers leave the range of numbers.
    """
    with np.errstate(over="ignore"):
        return _tone_table(rules, codes)


def _tone_table(rules: GreyscaleTransform, codes: np.ndarray) -> np.ndarray:
    values = np.arange(1 << rules.stored)
    if rules.signed:
        values = np.where(values < 1 << (rules.stored - 1), values, values - (1 << rules.stored))
    occurring = np.zeros(1 << rules.stored, bool)
    occurring[codes] = True
    padding = _padding(rules, values)
    if not (occurring & ~padding).any():
        padding[:] = False
    outputs = _modality(rules, values)
    if not (np.abs(outputs) < _LARGEST_OUTPUT).all():
        raise RadiographError(DAMAGED)
    shown = _voi(rules, outputs)
    if shown is None:
        # 8-bit films are meant as they are; deeper ones fill an unknown part of their range.
        scope = outputs if rules.stored <= 8 else outputs[occurring & ~padding]
        low, high = scope.min(), scope.max()
        shown = np.clip((outputs - low) / max(high - low, np.finfo(float).tiny), 0, 1)
    if rules.inverse:
        shown = 1 - shown
    shown[padding] = 0
    return np.rint(shown * 255).astype(np.uint8)


def _padding(rules: GreyscaleTransform, values: np.ndarray) -> np.ndarray:
    """bool [N]: codes that fill the area outside the film (PS3.3 section C.7.5.1.1.2)."""
    if rules.padding is None:
        return np.zeros(len(values), bool)
    # Writers confuse the signed and the unsigned form: both mean the code with the same bits.
    low, high = sorted(_as_code(edge, values) for edge in rules.padding)
    return (values >= low) & (values <= high)


def _as_code(value: int, values: np.ndarray) -> int:
    if values.min() <= value <= values.max():
        return value
    return int(values[value % len(values)])


def _modality(rules: GreyscaleTransform, values: np.ndarray) -> np.ndarray:
    """float64 [N]: stored values through the modality LUT, or slope and intercept (PS3.3 section C.11.1)."""
    if isinstance(rules.modality, LookupTable):
        entries = rules.modality.entries
        return entries[np.clip(values - rules.modality.first, 0, len(entries) - 1)]
    slope, intercept = rules.modality
    return values * slope + intercept


def _voi(rules: GreyscaleTransform, outputs: np.ndarray) -> np.ndarray | None:
    """float64 [N] in 0..1: through the first VOI LUT or window (PS3.3 section C.11.2); None without one."""
    if isinstance(rules.voi, LookupTable):
        entries = rules.voi.entries
        steps = np.clip(np.rint(outputs) - rules.voi.first, 0, len(entries) - 1).astype(int)
        # LUTDescriptor says how many bits an entry has, and is often wrong: entries never exceed the range.
        return entries[steps] / max((1 << rules.voi.bits) - 1, entries.max())
    if rules.voi is None:
        return None
    centre, width = rules.voi.centre, rules.voi.width
    if rules.voi.function == "SIGMOID" and width > 0:
        return 1 / (1 + np.exp(np.clip(-4 * (outputs - centre) / width, -700, 700)))
    if rules.voi.function == "LINEAR_EXACT" and width > 0:
        return np.clip((outputs - centre) / width + 0.5, 0, 1)
    if rules.voi.function == "LINEAR" and width >= 1:
        if width == 1:
            return (outputs > centre - 0.5).astype(float)
        return np.clip((outputs - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    return None


def _window(dataset: Dataset) -> Window | None:
    centre, width = _first_number(dataset, "WindowCenter"), _first_number(dataset, "WindowWidth")
    if centre is None or width is None:
        return None
    return Window(centre, width, str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper())


def _first_number(dataset: Dataset, name: str) -> float | None:
    value = dataset.get(name)
    if isinstance(value, MultiValue):
        value = value[0] if len(value) else None
    if value is None or not np.isfinite(float(value)):
        return None
    return float(value)


def _lookup_table(item: Dataset) -> LookupTable:
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    count = count or 65536
    data = item.LUTData
    entries = (
        np.frombuffer(data, "<u2" if len(data) >= 2 * count else "u1")
        if isinstance(data, bytes)
        else np.atleast_1d(np.asarray(data)) & 0xFFFF
    )
    if len(entries) < count or not 1 <= bits <= 16:
        raise RadiographError(DAMAGED)
    return LookupTable(entries[:count].astype(np.float64), first, bits)
