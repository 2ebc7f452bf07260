"""The rules by which the stored values of a DICOM film become greys, as its header gives them (PS3.3 section C.11).

What cannot be used is left out with a note: a table without entries, a window that is no pair of numbers, a slope of 0.
"""

from dataclasses import dataclass

import numpy as np
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from train.radiograph.dicom.header import DicomHeader
from train.radiograph.dicom.pixels import PixelLayout, StoredValues

_LARGEST_OUTPUT = 1e300  # beyond it differences overflow
_MOST_STORED = 65535
_LEAST_WIDTHS = {"LINEAR": 1.0, "LINEAR_EXACT": 0.0, "SIGMOID": 0.0}  # by function; others do not exist


@dataclass(frozen=True)
class LookupTable:
    """A table of PS3.3 section C.11.1.1.

    Attributes:
        entries: float64 [N]; fewer than the descriptor says where the data end before.
        first: the 16 bits of the first value that it maps. Whether they have a sign is told by the values that come.
    """

    entries: np.ndarray
    first: int


@dataclass(frozen=True)
class Window:
    """Centre, width and function of a VOI window that can be (PS3.3 section C.11.2)."""

    centre: float
    width: float
    function: str


@dataclass(frozen=True)
class GreyscaleTransform:
    """All that a header says about the meaning of stored values; nothing that says whose they are.

    Attributes:
        stored: bits of a value, 1 to 16.
        signed: two's complement.
        padding: first and last value outside the film, each one that a pixel may have, in either order; or None.
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


def read_greyscale_transform(
    header: DicomHeader, inverse: bool, layout: PixelLayout, values: StoredValues
) -> GreyscaleTransform:
    """Take the rules out of a header; of pixels that a lossy stream has rescaled, no table, window or padding."""
    if values.rescaled:
        header.notes.append(
            "the pixels have fewer bits than the DICOM header says: its tables and windows are left out"
        )
    padding = _padding(header, values.bits, layout.signed) if not values.rescaled else None
    modality = _lookup_table(header, "ModalityLUTSequence") if not values.rescaled else None
    voi = (_lookup_table(header, "VOILUTSequence") or _window(header)) if not values.rescaled else None
    return GreyscaleTransform(values.bits, layout.signed, padding, modality or _rescale(header), voi, inverse)


def _padding(header: DicomHeader, bits: int, signed: bool) -> tuple[int, int] | None:
    """First and last value outside the film; what no pixel can have is left out (PS3.3 section C.7.5.1.1.2)."""
    first = _padding_edge(header, "PixelPaddingValue", bits, signed)
    if first is None:
        return None
    limit = _padding_edge(header, "PixelPaddingRangeLimit", bits, signed)
    return first, first if limit is None else limit


def _padding_edge(header: DicomHeader, name: str, bits: int, signed: bool) -> int | None:
    edge = header.whole(name)
    if edge is None:
        return None
    # Writers confuse the signed and the unsigned form, but in the element's 16 bits: the stored ones alone, fewer of
    # them, are those of some grey of an unsigned film too.
    if -(1 << 15) <= edge < 1 << 16:
        edge %= 1 << 16
        edge -= 1 << 16 if signed and edge >= 1 << 15 else 0
        edge -= 1 << bits if signed and 1 << (bits - 1) <= edge < 1 << bits else 0
    least = -(1 << (bits - 1)) if signed else 0
    if least <= edge < least + (1 << bits):
        return edge
    header.leave_out(name)
    return None


def _rescale(header: DicomHeader) -> tuple[float, float]:
    slope, intercept = header.number("RescaleSlope"), header.number("RescaleIntercept")
    slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    if slope != 0 and abs(slope) * _MOST_STORED + abs(intercept) < _LARGEST_OUTPUT:
        return slope, intercept
    header.leave_out("RescaleSlope")
    return 1.0, 0.0


def _window(header: DicomHeader) -> Window | None:
    """The first of the windows: pairs of a centre and a width."""
    centres, widths = header.numbers("WindowCenter"), header.numbers("WindowWidth")
    if len(centres) != len(widths):
        header.leave_out("WindowCenter")
        return None
    if not centres:
        return None
    function = header.text("VOILUTFunction") or "LINEAR"
    if widths[0] < _LEAST_WIDTHS.get(function, np.inf) or widths[0] <= 0:
        header.leave_out("WindowWidth")
        return None
    return Window(centres[0], widths[0], function)


def _lookup_table(header: DicomHeader, name: str) -> LookupTable | None:
    """The table in the first item of a sequence; None, and a note, if the item holds none."""
    item = header.item(name)
    if item is None:
        return None
    descriptor = _words(item, "LUTDescriptor", header.order)
    data = _raw_bytes(item, "LUTData", header.order)
    if descriptor is None or len(descriptor) != 3 or data is None or not 1 <= descriptor[2] <= 16:
        header.leave_out(name)
        return None
    count, first, bits = int(descriptor[0]) or 65536, int(descriptor[1]), int(descriptor[2])
    # Bytes where there is one an entry; a table of words that ends early is a short table of words.
    bytewise = len(data) in (count, count + 1) or (bits <= 8 and len(data) < count)
    entries = np.frombuffer(data, "u1") if bytewise else np.frombuffer(data[: len(data) // 2 * 2], f"{header.order}u2")
    if len(entries) == 0:
        header.leave_out(name)
        return None
    return LookupTable(entries[:count].astype(np.float64), first)


def _words(item: Dataset, name: str, order: str) -> np.ndarray | None:
    data = _raw_bytes(item, name, order)
    return None if data is None or len(data) % 2 else np.frombuffer(data, f"{order}u2")


def _raw_bytes(item: Dataset, name: str, order: str) -> bytes | None:
    """The bytes of an element as they stand in the file; pydicom's values hang on the VR, which is often wrong."""
    element: DataElement | RawDataElement | None = item.get_item(name) if name in item else None
    value = None if element is None else element.value
    if value is None or isinstance(value, bytes):
        return value
    numbers = list(value) if isinstance(value, MultiValue | list) else [value]
    return np.array([int(number) & 0xFFFF for number in numbers], f"{order}u2").tobytes()
