"""The header of a DICOM film: its elements up to the pixels, read with pydicom, and their values, read with patience.

Only the elements in `_ELEMENTS` are ever parsed: names, numbers and dates of patients are skipped, and no error of
pydicom's is passed on, for its text may quote them. File meta information is read here and not handed on, so that
pydicom never decides on a transfer syntax that was not checked: it would inflate a deflated file without a limit.

Source: DICOM PS3.10 section 7.1, PS3.5 section 7.
"""

import io
import logging
import math
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from train.radiograph.formats import RadiographError

DAMAGED = "the DICOM file is damaged: its header and pixels do not fit together; export it again"

_ELEMENTS = [
    "Modality", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "RescaleIntercept", "RescaleSlope", "ModalityLUTSequence", "VOILUTSequence",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationLUTShape",
]  # fmt: skip
_TAGS: list[BaseTag | int] = [Tag(name) for name in _ELEMENTS]

_PIXEL_DATA = 0x7FE00010
_TRANSFER_SYNTAX = b"\x10\x00"
_LONG_VRS = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_UNDEFINED_LENGTH = 0xFFFFFFFF
_MAX_READS = 200_000  # of a file: two or three an element; a radiograph has some hundred elements
_MAX_META_ELEMENTS = 1_000  # of group 0002, which defines 20
_MAX_ELEMENT_BYTES = 200_000  # the longest, a lookup table, has 131,072

_parsing = threading.Lock()


@dataclass(frozen=True)
class DicomHeader:
    """What stands before the pixels. Reading a value that cannot be read adds a note and gives None.

    Attributes:
        values: by keyword, of the elements that say what the pixels are and mean; None of one that cannot be converted.
        syntax: the transfer syntax named, or guessed where no file meta information names one.
        named: whether it is named.
        pixels_at: where the element of the pixels begins, or the end of the file.
        implicit: elements have no VR.
        notes: what is to be warned of, so far.
    """

    values: Mapping[str, Any]
    syntax: UID
    named: bool
    pixels_at: int
    implicit: bool
    notes: list[str] = field(default_factory=list)

    @property
    def order(self) -> str:
        """Byte order of its numbers, as NumPy writes it."""
        return ">" if self.syntax == ExplicitVRBigEndian else "<"

    def text(self, name: str) -> str:
        """The upper-case value of an element of text, "" without one."""
        value = self._value(name)
        return "" if value is None else str(value).strip().upper()

    def number(self, name: str) -> float | None:
        """The one number of an element; None where it is absent, empty, or anything else than one finite number."""
        numbers = self.numbers(name)
        if len(numbers) > 1:
            self.leave_out(name)
            return None
        return numbers[0] if numbers else None

    def whole(self, name: str) -> int | None:
        """`number`, as a whole number."""
        value = self.number(name)
        return None if value is None else int(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """The numbers of an element; none where it is absent, empty, or holds anything but finite numbers."""
        value = self._value(name)
        if value is None or (isinstance(value, str | bytes) and not value.strip()):
            return ()
        try:
            numbers = tuple(float(one) for one in (value if isinstance(value, MultiValue) else [value]))
        except (TypeError, ValueError, OverflowError):
            numbers = (math.nan,)
        if not all(map(math.isfinite, numbers)):
            self.leave_out(name)
            return ()
        return numbers

    def item(self, name: str) -> Dataset | None:
        """The first item of a sequence."""
        value = self._value(name)
        return value[0] if value and isinstance(value[0], Dataset) else None

    def leave_out(self, name: str) -> None:
        """Note that an element is not used."""
        note = f"the DICOM element {name} cannot be used and is left out"
        if note not in self.notes:
            self.notes.append(note)

    def _value(self, name: str) -> Any:  # noqa: ANN401 (whatever pydicom makes of it)
        value = self.values.get(name, "")
        if value is None:
            self.leave_out(name)
        return None if isinstance(value, MultiValue | str) and not value else value


def read_dicom_header(data: bytes) -> DicomHeader:
    """Read a header, and no more than it.

    Raises:
        RadiographError: it cannot be parsed, would take long to, or is deflated.
    """
    with _quiet_pydicom():
        named, start = _meta_information(data)
        if named == DeflatedExplicitVRLittleEndian:
            raise unread_syntax(named)
        syntax = named or _guessed_syntax(data, start)
        file = _Bounded(data)
        file.seek(start)
        little = syntax != ExplicitVRBigEndian
        elements = read_dataset(
            file, syntax == ImplicitVRLittleEndian, little, stop_when=_at_pixels, specific_tags=_TAGS
        )
        _check_lengths(elements)
        values = {name: _converted(elements, name) for name in _ELEMENTS if name in elements}
    return DicomHeader(values, syntax, named is not None, file.tell(), bool(elements.original_encoding[0]))


def unread_syntax(syntax: UID) -> RadiographError:
    """The error for a transfer syntax that is not read."""
    # A registered name such as "MPEG2 Main Profile / Main Level"; an unregistered UID is its own name.
    name = syntax.name if syntax.name != str(syntax) else "an unknown method"
    return RadiographError(
        f"the DICOM file is compressed in a way that is not read ({name}): expected none, JPEG, JPEG-LS, JPEG 2000 "
        "or RLE; decompress the file first, for instance with gdcmconv --raw"
    )


class _Bounded(io.BytesIO):
    """Bytes that may be read a limited number of times, so that no file keeps the parser busy for long."""

    _reads = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read as io.BytesIO does.

        Raises:
            RadiographError: for the 200,001st time.
        """
        self._reads += 1
        if self._reads > _MAX_READS:
            raise RadiographError(DAMAGED)
        return super().read(size)


@contextmanager
def _quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings and log lines to ourselves: they quote values of the header.

    Both switches are global, so one header is parsed at a time; pixels are decoded outside.
    """
    logger = logging.getLogger("pydicom")
    with _parsing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, logger.disabled = logger.disabled, True
        try:
            yield
        finally:
            logger.disabled = before


def _at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >= _PIXEL_DATA  # tags ascend: without pixels, what follows them is of no use either


def _meta_information(data: bytes) -> tuple[UID | None, int]:
    """The transfer syntax of element (0002,0010), if there is one, and where the elements after group 0002 begin."""
    position, syntax = (132 if data[128:132] == b"DICM" else 0), None
    for _ in range(_MAX_META_ELEMENTS):
        if data[position : position + 2] != b"\x02\x00":
            break
        element, vr = data[position + 2 : position + 4], data[position + 4 : position + 6]
        if not (vr.isalpha() and vr.isupper()):  # written without a VR, against the standard
            start, length = position + 8, int.from_bytes(data[position + 4 : position + 8], "little")
        elif vr in _LONG_VRS:
            start, length = position + 12, int.from_bytes(data[position + 8 : position + 12], "little")
        else:
            start, length = position + 8, int.from_bytes(data[position + 6 : position + 8], "little")
        if length == _UNDEFINED_LENGTH:
            raise RadiographError(DAMAGED)
        if element == _TRANSFER_SYNTAX:
            before, syntax = syntax, UID(data[start : start + length].decode("ascii", "replace").strip("\0 "))
            if before not in (None, syntax):
                raise RadiographError("the DICOM file names two transfer syntaxes: expected one; export it again")
        position = start + length
    return syntax or None, position


def _guessed_syntax(data: bytes, start: int) -> UID:
    """Of elements without file meta information: a VR is two capitals; groups are small numbers."""
    vr = data[start + 4 : start + 6]
    if not (vr.isalpha() and vr.isupper()):
        return ImplicitVRLittleEndian
    return ExplicitVRBigEndian if int.from_bytes(data[start : start + 2], "little") > 0xFF else ExplicitVRLittleEndian


def _check_lengths(dataset: Dataset) -> None:
    """Refuse elements whose values would take long to convert, before anything converts them."""
    for tag in dataset.keys():  # noqa: SIM118 (iterating over a Dataset itself converts the values)
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement):
            if len(element.value or b"") > _MAX_ELEMENT_BYTES:
                raise RadiographError(DAMAGED)
        elif element.VR == "SQ":
            for item in element.value:
                _check_lengths(item)


def _converted(elements: Dataset, name: str) -> Any:  # noqa: ANN401
    """The value of an element, "" where it is empty, None where pydicom's converters fail."""
    try:
        value = elements.get(name)
    except Exception:  # they raise what they like
        return None
    return "" if value is None else value
