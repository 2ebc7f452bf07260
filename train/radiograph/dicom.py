"""DICOM radiographs → 8-bit grey films: what a file is, and which of it is the film.

Only the elements in `_ELEMENTS` are ever parsed: names, numbers and dates of patients are skipped, and no
error of pydicom's is passed on, for its text may quote them. `dicom_pixels` decodes, `dicom_tone` makes greys.
"""

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from train.radiograph.dicom_lut import DAMAGED, GreyscaleTransform, read_greyscale_transform, tone_table
from train.radiograph.dicom_pixels import DECODABLE, NATIVE, PixelLayout, decode_stored_values
from train.radiograph.formats import MAX_FRAMES, RadiographError, check_pixels

RADIOGRAPH_MODALITIES = frozenset({"CR", "DX", "DR", "RG", "PX", "XA", "RF", "OT"})

# Modalities that may be named in a message; anything else in that element might be somebody's name.
_OTHER_MODALITIES = frozenset(
    {
        "BI", "BMD", "CT", "DG", "DOC", "ECG", "EEG", "ES", "GM", "IO", "IVOCT", "IVUS", "KO", "LS", "MG", "MR",
        "NM", "OCT", "OP", "OPT", "PR", "PT", "REG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTRECORD", "RTSTRUCT", "SC",
        "SEG", "SM", "SR", "TG", "US", "VL", "XC",
    }
)  # fmt: skip

_ELEMENTS = [
    "Modality", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "RescaleIntercept", "RescaleSlope", "ModalityLUTSequence", "VOILUTSequence",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationLUTShape", "PixelData",
]  # fmt: skip

_PIXEL_DATA = 0x7FE00010
_MAX_READS = 200_000  # of a file: two or three an element; a radiograph has some hundred elements
_MAX_META_ELEMENTS = 1_000  # of group 0002, which defines 20
_MAX_ELEMENT_BYTES = 200_000  # but for the pixels; the longest, a lookup table, has 131,072

_parsing = threading.Lock()


@dataclass(frozen=True)
class _Picture:
    """The first frame as the file holds it, and what it means."""

    frame: bytes
    syntax: UID
    layout: PixelLayout
    tone: GreyscaleTransform
    frames: int


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


def read_dicom(data: bytes) -> tuple[np.ndarray, int]:
    """Read the first frame of a DICOM radiograph.

    Returns:
        uint8 [H, W], bright = dense, padding pixels black; and the number of frames.

    Raises:
        RadiographError: not a radiograph, no pixels, colour, compressed in a way that is not read, damaged.
    """
    try:
        with _quiet_pydicom():
            picture = _parse(data)
        codes = decode_stored_values(picture.frame, picture.syntax, picture.layout)
        return tone_table(picture.tone, codes)[codes], picture.frames
    except RadiographError:
        raise
    except Exception:
        raise RadiographError(DAMAGED) from None


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


def _parse(data: bytes) -> _Picture:
    named = _transfer_syntax(data)
    if named == DeflatedExplicitVRLittleEndian:
        raise _compressed(named)  # before parsing: pydicom would inflate it without a limit
    dataset = pydicom.dcmread(_Bounded(data), force=True, specific_tags=_ELEMENTS)
    _check_lengths(dataset)
    _check(dataset, named)
    syntax = named or _guessed_syntax(dataset)
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > MAX_FRAMES:
        raise RadiographError(f"a DICOM file of more than {MAX_FRAMES} frames: expected a single film")
    stored = int(dataset.BitsStored)
    element = dataset["PixelData"]
    layout = PixelLayout(
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        frames=max(frames, 1),
        allocated=int(dataset.BitsAllocated),
        stored=stored,
        high_bit=int(dataset.get("HighBit", stored - 1)),
        signed=dataset.get("PixelRepresentation", 0) == 1,
        words=element.VR == "OW",
    )
    frame = element.value
    if syntax not in NATIVE:
        frame = get_frame(_Bounded(frame), 0, number_of_frames=layout.frames)
    return _Picture(frame, syntax, layout, read_greyscale_transform(dataset), layout.frames)


def _transfer_syntax(data: bytes) -> UID | None:
    """Element (0002,0010), or None in a file without file meta information (PS3.10 section 7.1)."""
    position = 132 if data[128:132] == b"DICM" else 0
    for _ in range(_MAX_META_ELEMENTS):
        if data[position : position + 2] != b"\x02\x00":
            break
        element = data[position + 2 : position + 4]
        if data[position + 4 : position + 6] in (b"OB", b"OW", b"UN", b"UT", b"SQ"):
            length, start = int.from_bytes(data[position + 8 : position + 12], "little"), position + 12
        else:
            length, start = int.from_bytes(data[position + 6 : position + 8], "little"), position + 8
        if element == b"\x10\x00":
            return UID(data[start : start + length].decode("ascii", "replace").rstrip("\0 "))
        position = start + length
    return None


def _guessed_syntax(dataset: Dataset) -> UID:
    """What pydicom found out by reading a file without file meta information."""
    implicit, little = dataset.original_encoding
    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _check_lengths(dataset: Dataset) -> None:
    """Refuse elements whose values would take long to convert, before anything converts them."""
    for tag in dataset.keys():  # noqa: SIM118 (iterating over a Dataset itself converts the values)
        element = dataset.get_item(tag)
        if tag == _PIXEL_DATA:
            continue
        if isinstance(element, RawDataElement):
            if len(element.value or b"") > _MAX_ELEMENT_BYTES:
                raise RadiographError(DAMAGED)
        elif element.VR == "SQ":
            for item in element.value:
                _check_lengths(item)


def _check(dataset: Dataset, syntax: UID | None) -> None:
    modality = str(dataset.get("Modality") or "").strip().upper()
    if modality and modality not in RADIOGRAPH_MODALITIES:
        named = f"modality {modality}" if modality in _OTHER_MODALITIES else "an unknown modality"
        raise RadiographError(f"not a radiograph: {named}; expected CR, DX or another plain X-ray")
    if "PixelData" not in dataset:
        raise RadiographError("the DICOM file holds no picture: expected a radiograph with pixel data")
    photometric = str(dataset.get("PhotometricInterpretation") or "").strip()
    if dataset.get("SamplesPerPixel", 1) != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise RadiographError("not a radiograph: a colour picture; expected MONOCHROME1 or MONOCHROME2")
    check_pixels(int(dataset.Columns), int(dataset.Rows))
    if dataset.BitsAllocated not in (8, 16) or not 1 <= dataset.BitsStored <= dataset.BitsAllocated:
        raise RadiographError("not a radiograph's pixels: expected 8 or 16 bits each in the DICOM file")
    if syntax is not None and syntax not in DECODABLE:
        raise _compressed(syntax)


def _compressed(syntax: UID) -> RadiographError:
    # A registered name such as "MPEG2 Main Profile / Main Level"; an unregistered UID is its own name.
    name = syntax.name if syntax.name != str(syntax) else "an unknown method"
    return RadiographError(
        f"the DICOM file is compressed in a way that is not read ({name}): expected none, JPEG, JPEG-LS, JPEG 2000 "
        "or RLE; decompress the file first, for instance with gdcmconv --raw"
    )
