"""DICOM radiographs → 8-bit grey films, through the grey-scale pipeline of PS3.4 section N.2.

Stored value → modality LUT or rescale → VOI LUT or window → presentation (MONOCHROME1 is inverted) → 8 bits.
A stored value has at most 16 bits, so the pipeline runs once over all values and is then one table look-up.

Only the elements in `_ELEMENTS` are ever parsed: names, numbers and dates of patients are skipped, and no
error of pydicom's is passed on, for its text may quote them.
"""

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from train.film_header import RadiographError, check_pixels

RADIOGRAPH_MODALITIES = frozenset({"CR", "DX", "DR", "RG", "PX", "XA", "RF", "OT"})

# Modalities that may be named in a message; anything else in that element might be somebody's name.
_OTHER_MODALITIES = frozenset(
    {
        "BI", "BMD", "CT", "DG", "DOC", "ECG", "EEG", "ES", "GM", "IO", "IVOCT", "IVUS", "KO", "LS", "MG", "MR",
        "NM", "OCT", "OP", "OPT", "PR", "PT", "REG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTRECORD", "RTSTRUCT", "SC",
        "SEG", "SM", "SR", "TG", "US", "VL", "XC",
    }
)  # fmt: skip

# RLE is decoded by pydicom itself.
_DECODABLE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless)

_ELEMENTS = [
    "Modality", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "RescaleIntercept", "RescaleSlope", "ModalityLUTSequence", "VOILUTSequence",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationLUTShape", "PixelData",
]  # fmt: skip

_DAMAGED = "the DICOM file is damaged: its header and pixels do not fit together; export it again"

_parsing = threading.Lock()


def read_dicom(data: bytes) -> np.ndarray:
    """Read the first frame of a DICOM radiograph.

    Returns:
        uint8 [H, W], bright = dense; padding pixels are black.

    Raises:
        RadiographError: not a radiograph, no pixels, colour, compressed pixels, damaged.
    """
    try:
        with _quiet_pydicom():
            syntax = _transfer_syntax(data)
            if syntax == DeflatedExplicitVRLittleEndian:
                raise _compressed(syntax)  # before parsing: pydicom would inflate it without a limit
            dataset = pydicom.dcmread(io.BytesIO(data), force=True, specific_tags=_ELEMENTS)
            _check(dataset, syntax)
            codes = _codes(dataset, syntax)
            table = _tone_table(dataset, codes)
    except RadiographError:
        raise
    except Exception:
        raise RadiographError(_DAMAGED) from None
    return table[codes]


@contextmanager
def _quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings and log lines to ourselves: they quote values of the header.

    Both switches are global, so one film is parsed at a time.
    """
    logger = logging.getLogger("pydicom")
    with _parsing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, logger.disabled = logger.disabled, True
        try:
            yield
        finally:
            logger.disabled = before


def _transfer_syntax(data: bytes) -> UID | None:
    """Element (0002,0010), or None in a file without file meta information (PS3.10 section 7.1)."""
    position = 132 if data[128:132] == b"DICM" else 0
    while data[position : position + 2] == b"\x02\x00":
        element = data[position + 2 : position + 4]
        if data[position + 4 : position + 6] in (b"OB", b"OW", b"UN", b"UT", b"SQ"):
            length, start = int.from_bytes(data[position + 8 : position + 12], "little"), position + 12
        else:
            length, start = int.from_bytes(data[position + 6 : position + 8], "little"), position + 8
        if element == b"\x10\x00":
            return UID(data[start : start + length].decode("ascii", "replace").rstrip("\0 "))
        position = start + length
    return None


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
    if syntax is not None and syntax not in _DECODABLE:
        raise _compressed(syntax)


def _compressed(syntax: UID) -> RadiographError:
    # A registered name such as "JPEG 2000 Image Compression"; an unregistered UID is its own name.
    name = syntax.name if syntax.name != str(syntax) else "an unknown method"
    return RadiographError(
        f"the DICOM pixels are compressed ({name}): expected uncompressed or RLE; "
        "decompress the file first, for instance with gdcmconv --raw"
    )


def _codes(dataset: Dataset, syntax: UID | None) -> np.ndarray:
    """uint8 or uint16 [H, W]: the stored bits of the first frame as a number, without sign."""
    if syntax is None:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = _guessed_syntax(dataset)
    # Without pydicom's own correction of unused bits: it takes the lowest bits, whatever HighBit says.
    pixels = pixel_array(dataset, index=0, raw=True, correct_unused_bits=False)
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    high_bit = int(dataset.get("HighBit", stored - 1))
    if not stored - 1 <= high_bit < allocated:
        raise RadiographError(_DAMAGED)
    native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)  # big endian files are decoded as such
    codes = native.view(f"u{allocated // 8}")
    return (codes >> (high_bit + 1 - stored)) & codes.dtype.type((1 << stored) - 1)


def _guessed_syntax(dataset: Dataset) -> UID:
    """What pydicom found out by reading a file without file meta information."""
    implicit, little = dataset.original_encoding
    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _tone_table(dataset: Dataset, codes: np.ndarray) -> np.ndarray:
    """uint8 [2**BitsStored]: the grey of every code."""
    stored = int(dataset.BitsStored)
    signed = dataset.get("PixelRepresentation", 0) == 1
    values = np.arange(1 << stored)
    if signed:
        values = np.where(values < 1 << (stored - 1), values, values - (1 << stored))
    occurring = np.zeros(1 << stored, bool)
    occurring[codes] = True
    padding = _padding(dataset, values)
    if not (occurring & ~padding).any():
        padding[:] = False
    outputs = _modality(dataset, values)
    shown = _voi(dataset, outputs)
    if shown is None:
        # 8-bit films are meant as they are; deeper ones fill an unknown part of their range.
        scope = outputs if stored <= 8 else outputs[occurring & ~padding]
        low, high = scope.min(), scope.max()
        shown = np.clip((outputs - low) / max(high - low, np.finfo(float).tiny), 0, 1)
    inverse = str(dataset.get("PresentationLUTShape") or "").strip() == "INVERSE"
    if inverse or str(dataset.PhotometricInterpretation).strip() == "MONOCHROME1":
        shown = 1 - shown
    shown[padding] = 0
    return np.rint(shown * 255).astype(np.uint8)


def _padding(dataset: Dataset, values: np.ndarray) -> np.ndarray:
    """bool [N]: codes that fill the area outside the film (PS3.3 section C.7.5.1.1.2)."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return np.zeros(len(values), bool)
    limit = dataset.get("PixelPaddingRangeLimit")
    # Writers confuse the signed and the unsigned form: both mean the code with the same bits.
    low, high = sorted(_as_code(int(edge), values) for edge in (first, first if limit is None else limit))
    return (values >= low) & (values <= high)


def _as_code(value: int, values: np.ndarray) -> int:
    if values.min() <= value <= values.max():
        return value
    return int(values[value % len(values)])


def _modality(dataset: Dataset, values: np.ndarray) -> np.ndarray:
    """float64 [N]: stored values through the modality LUT, or slope and intercept (PS3.3 section C.11.1)."""
    if dataset.get("ModalityLUTSequence"):
        table, first, _ = _lookup_table(dataset.ModalityLUTSequence[0])
        return table[np.clip(values - first, 0, len(table) - 1)]
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    slope = 1.0 if slope is None else float(slope)
    intercept = 0.0 if intercept is None else float(intercept)
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        raise RadiographError(_DAMAGED)
    return values * slope + intercept


def _voi(dataset: Dataset, outputs: np.ndarray) -> np.ndarray | None:
    """float64 [N] in 0..1: through the first VOI LUT or window (PS3.3 section C.11.2); None without one."""
    if dataset.get("VOILUTSequence"):
        table, first, bits = _lookup_table(dataset.VOILUTSequence[0])
        steps = np.clip(np.rint(outputs) - first, 0, len(table) - 1).astype(int)
        # LUTDescriptor says how many bits an entry has, and is often wrong: entries never exceed the range.
        return table[steps] / max((1 << bits) - 1, table.max())
    centre, width = _first_number(dataset, "WindowCenter"), _first_number(dataset, "WindowWidth")
    if centre is None or width is None:
        return None
    function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    if function == "SIGMOID" and width > 0:
        return 1 / (1 + np.exp(np.clip(-4 * (outputs - centre) / width, -700, 700)))
    if function == "LINEAR_EXACT" and width > 0:
        return np.clip((outputs - centre) / width + 0.5, 0, 1)
    if function == "LINEAR" and width >= 1:
        if width == 1:
            return (outputs > centre - 0.5).astype(float)
        return np.clip((outputs - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    return None


def _first_number(dataset: Dataset, name: str) -> float | None:
    value = dataset.get(name)
    if isinstance(value, pydicom.multival.MultiValue):
        value = value[0] if len(value) else None
    if value is None or not np.isfinite(float(value)):
        return None
    return float(value)


def _lookup_table(item: Dataset) -> tuple[np.ndarray, int, int]:
    """A LUT's entries as float64, the first value it maps, and its bits an entry (PS3.3 section C.11.1.1)."""
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    count = count or 65536
    data = item.LUTData
    entries = (
        np.frombuffer(data, "<u2" if len(data) >= 2 * count else "u1")
        if isinstance(data, bytes)
        else np.atleast_1d(np.asarray(data)) & 0xFFFF
    )
    if len(entries) < count or not 1 <= bits <= 16:
        raise RadiographError(_DAMAGED)
    return entries[:count].astype(np.float64), first, bits
