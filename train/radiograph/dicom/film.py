"""DICOM radiographs → 8-bit grey films: what a file is, and which of it is the film.

`header` reads the elements before the pixels, `frame` finds the first frame, `pixels` decodes it,
and `greys` makes greys of it by what `lut` reads. An optional element that is empty, malformed or
contradictory is left out with a warning; only what pixels cannot do without refuses a film.
"""

import numpy as np

from train.radiograph.dicom.frame import read_frame_bytes
from train.radiograph.dicom.greys import grey_table
from train.radiograph.dicom.header import DAMAGED, DicomHeader, read_dicom_header, unread_syntax
from train.radiograph.dicom.lut import read_greyscale_transform
from train.radiograph.dicom.pixels import DECODABLE, PixelLayout, decode_stored_values
from train.radiograph.formats import MAX_FRAMES, LargeFilmError, RadiographError, check_pixels, only_the_first
from train.radiograph.greys.pixel_values import look_up

RADIOGRAPH_MODALITIES = frozenset({"CR", "DX", "DR", "RG", "PX", "XA", "RF", "OT"})

# Modalities that may be named in a message; anything else in that element might be somebody's name.
_OTHER_MODALITIES = frozenset(
    {
        "BI", "BMD", "CT", "DG", "DOC", "ECG", "EEG", "ES", "GM", "IO", "IVOCT", "IVUS", "KO", "LS", "MG", "MR",
        "NM", "OCT", "OP", "OPT", "PR", "PT", "REG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTRECORD", "RTSTRUCT", "SC",
        "SEG", "SM", "SR", "TG", "US", "VL", "XC",
    }
)  # fmt: skip
_COLOUR_STARTS = ("RGB", "YBR", "PALETTE", "HSV", "ARGB", "CMYK", "XYB")


def read_dicom(data: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read the first frame of a DICOM radiograph.

    Returns:
        uint8 [H, W], bright = dense, padding pixels black; and what is to be warned of.

    Raises:
        RadiographError: not a radiograph, no pixels, colour, compressed in a way that is not read, damaged.
    """
    try:
        header = read_dicom_header(data)
        _check_kind(header)
        if header.named and header.syntax not in DECODABLE:
            raise unread_syntax(header.syntax)
        layout = _pixel_layout(header)
        frame = read_frame_bytes(data, header, layout.frames)
        stored = decode_stored_values(frame, header.syntax, layout)
        transform = read_greyscale_transform(header, _is_inverse(header), layout, stored)
        table, grey_notes = grey_table(transform, stored.codes)
        notes = (*header.notes, *grey_notes, *only_the_first(layout.frames, "frames"))
        return look_up(table, stored.codes), notes
    except (RadiographError, LargeFilmError):
        raise
    except Exception:
        raise RadiographError(DAMAGED) from None


def _check_kind(header: DicomHeader) -> None:
    """Refuse what is no plain X-ray."""
    modality = header.text("Modality")
    if modality and modality not in RADIOGRAPH_MODALITIES:
        named = f"modality {modality}" if modality in _OTHER_MODALITIES else "an unknown modality"
        raise RadiographError(f"not a radiograph: {named}; expected CR, DX or another plain X-ray")
    samples, photometric = header.whole("SamplesPerPixel"), header.text("PhotometricInterpretation")
    if (samples or 1) != 1 or photometric.startswith(_COLOUR_STARTS):
        raise RadiographError("not a radiograph: a colour picture; expected MONOCHROME1 or MONOCHROME2")


def _is_inverse(header: DicomHeader) -> bool:
    """Whether low values are dense, which either of two elements says: the one does not undo the other."""
    photometric = header.text("PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        header.notes.append("the DICOM file does not say whether low values are dark: taken as MONOCHROME2")
    return header.text("PresentationLUTShape") == "INVERSE" or photometric == "MONOCHROME1"


def _pixel_layout(header: DicomHeader) -> PixelLayout:
    """How pixels are stored. Rows, columns and allocated bits are what they cannot do without.

    Raises:
        RadiographError: one of these is absent or no such number; too many pixels or frames.
    """
    rows, columns, allocated = (_needed(header, name) for name in ("Rows", "Columns", "BitsAllocated"))
    check_pixels(columns, rows)
    if allocated not in (8, 16):
        raise RadiographError("not a radiograph's pixels: expected 8 or 16 bits each in the DICOM file")
    frames = header.whole("NumberOfFrames") or 1
    if frames < 1:
        header.leave_out("NumberOfFrames")
    if frames > MAX_FRAMES:
        raise RadiographError(f"a DICOM file of more than {MAX_FRAMES} frames: expected a single film")
    high_bit, stored = header.whole("HighBit"), header.whole("BitsStored")
    if stored is None or not 1 <= stored <= allocated:
        header.leave_out("BitsStored")
        stored = high_bit + 1 if high_bit is not None and 0 <= high_bit < allocated else allocated
    if high_bit is None or not stored - 1 <= high_bit < allocated:
        header.leave_out("HighBit")
        high_bit = stored - 1
    return PixelLayout(
        rows, columns, max(frames, 1), allocated, stored, high_bit, header.whole("PixelRepresentation") == 1
    )


def _needed(header: DicomHeader, name: str) -> int:
    value = header.whole(name)
    if value is None:
        raise RadiographError(f"the DICOM file does not say its {name}: pixels cannot be read without; export it again")
    return value
