"""Any film file → an 8-bit grey film.

Training, export and the demo all read films here and nowhere else. Reading goes in four
steps: detect the format, check the header (is it whole and sane), decode, scale to 8 bits (bright = dense).
"""

import warnings
from pathlib import Path

import numpy as np

from train.radiograph.formats import EXPECTED, MAX_BYTES, FilmWarning, RadiographError, detect_format
from train.radiograph.greys.greyscale import apply_orientation, to_8_bits

# What a scan of a folder looks for; reading itself goes by content. DICOM files often have no suffix.
READABLE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom", ".dic", ""}
)


def read_radiograph(source: str | Path | bytes) -> np.ndarray:
    """Read a film from a file or from the file's bytes.

    JPEG (8 bit grey, colour, CMYK; 12 bit, lossless and JPEG-LS in grey), PNG (8 and 16 bit; grey, RGB, palette), TIFF
    (8, 16 and 32 bit and floats; uncompressed, LZW, Deflate, PackBits), BMP, WebP, and DICOM radiographs (also with
    JPEG, JPEG-LS, JPEG 2000 and RLE inside). Of colours the luma is the film, transparency is ignored, EXIF orientation
    is honoured. 8-bit films keep their values; deeper ones are scaled by their own range, because 12-bit data in 16
    bits would otherwise come out nearly black; by the range of what is neither rare nor far from the rest. Of several
    frames or pages the first is read; animations are refused. A FilmWarning tells what was left out.

    Returns:
        uint8 [H, W], bright = dense (the MONOCHROME2 sense), at most 50 million pixels.

    Raises:
        RadiographError: no film, cut short, damaged, too large. The message does not name the file: the
            caller knows it, and a file's name may identify a patient.
    """
    film, notes = read_with_warnings(source)
    for note in notes:
        warnings.warn(note, FilmWarning, stacklevel=2)
    return film


def read_with_warnings(source: str | Path | bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a film as `read_radiograph` does, and return what it would warn of instead of warning.

    For whoever reads in threads: Python's warnings belong to the process, these to the film.

    Raises:
        RadiographError: as `read_radiograph`.
    """
    data = source if isinstance(source, bytes) else _read_bytes(Path(source))
    # The decoders are imported when a film of their kind comes: pydicom alone takes 0.2 s, most films are no DICOM.
    match detect_format(data):
        case "jpeg":
            from train.radiograph.jpeg import decode_jpeg, read_jpeg_header

            header = read_jpeg_header(data)
            return to_8_bits(apply_orientation(decode_jpeg(data, header), header.orientation))
        case "png":
            from train.radiograph.png import read_png

            return to_8_bits(read_png(data))
        case "webp":
            from train.radiograph.webp import read_webp

            return read_webp(data), ()
        case "bmp":
            from train.radiograph.bmp import read_bmp

            return read_bmp(data), ()
        case "tiff":
            from train.radiograph.tiff import read_tiff

            film, page_notes = read_tiff(data)
            film, grey_notes = to_8_bits(film)
            return film, page_notes + grey_notes
        case "dicom":
            from train.radiograph.dicom.film import read_dicom

            return read_dicom(data)


def _read_bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise RadiographError(f"not a regular file: {EXPECTED}")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RadiographError(f"cannot be opened: {error.strerror or 'the system refused'}") from None
