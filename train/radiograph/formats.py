"""What a film's first bytes say it is, and the limits every format is held to before anything is decoded.

Decoders trust headers: a 390 kB PNG may ask for 800 MB, and a JPEG cut short may come back with a grey lower
half. So each format's headers are walked by hand in its own module (`jpeg`, `png`, `webp`, `bmp`, `tiff`, `dicom`), and
only a whole file of a sane size reaches a decoder.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import numpy as np

from train.common.errors import PneumoscopeError

# The decoders log what they find odd in a file; without any handler Python would print that to stderr.
logging.getLogger("imagecodecs").addHandler(logging.NullHandler())

FilmKind = Literal["jpeg", "png", "tiff", "bmp", "webp", "dicom"]

MAX_BYTES = 100_000_000
MAX_PIXELS = 50_000_000  # the largest published film of the set has 5.6 M, a 43 cm detector at 0.1 mm has 18 M
MAX_DECODED_BYTES = 200_000_000  # of one film's samples: 50 million of 32 bits, or 33 million of 16-bit RGB
LARGE_PIXELS = 20_000_000  # more than a detector has; of such films a server decodes one at a time
START_BYTES = 512  # what `describe_stranger` needs of a file
MAX_FRAMES = 1_000  # of a DICOM file, or pages of a TIFF; an angiography has a few hundred

EXPECTED = "expected a JPEG, PNG, TIFF, BMP, WebP or DICOM film"

_large_waits = ContextVar("large_waits", default=False)
_JPEG_START = re.compile(rb"\xff\xd8.{,400}?\xff[\xc0-\xfe]", re.DOTALL)  # some writers put filler in between
MEDIA_DIRECTORY = "a DICOMDIR"  # the table of contents of a CD, as `describe_stranger` names it

# Media Storage SOP Class UID, (0002,0002), whose group is always explicit VR little endian (PS3.10 section 7.1).
_DICOM_CLASS = re.compile(rb"\x02\x00\x02\x00UI..([0-9.]+)", re.DOTALL)
_MEDIA_DIRECTORY = b"1.2.840.10008.1.3.10"
# Waveforms, presentation states, raw data and registrations, value maps, structured reports, documents (PS3.4 annex B).
_CLASSES_WITHOUT_PICTURE = tuple(
    b"1.2.840.10008.5.1.4.1.1." + part for part in (b"9.", b"11.", b"66.1", b"66.2", b"66.3", b"67", b"88.", b"104.")
)

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_STRANGERS = (
    (b"GIF8", "a GIF picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"NRRD", "an NRRD volume"),
)


class RadiographError(PneumoscopeError):
    """A film that cannot be read. The message names neither the file nor anything of the patient's."""


class LargeFilmError(Exception):
    """A film is larger than LARGE_PIXELS where that has to wait: see `large_films_wait`."""


class FilmWarning(UserWarning):
    """A film was read, but there is something its reader should know: it had several frames, for instance."""


def detect_format(data: bytes) -> FilmKind:
    """Detect a film's format from its first bytes, whatever it is called.

    Raises:
        RadiographError: empty, larger than MAX_BYTES, or no format that is read here.
    """
    if not data:
        raise RadiographError(f"the file is empty: {EXPECTED}")
    if len(data) > MAX_BYTES:
        raise RadiographError(f"larger than {MAX_BYTES // 1_000_000} MB: {EXPECTED} below that size")
    if _JPEG_START.match(data):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    # Before TIFF: the 128 free bytes of a DICOM file may hold a TIFF header (PS3.10 section 7.1).
    if data[128:132] == b"DICM" or _is_dicom_without_preamble(data):
        return "dicom"
    if data.startswith(_TIFF_STARTS):
        return "tiff"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    raise RadiographError(f"{_describe(data)}: {EXPECTED}")


def describe_stranger(start: bytes) -> str | None:
    """What a file is, in words, that is no film; None for one that may be a film.

    Args:
        start: the file's first START_BYTES, or all of a shorter one.
    """
    if not start:
        return "an empty file"
    try:
        kind = detect_format(start)
    except RadiographError:
        return _describe(start)
    if kind == "dicom":
        found = _DICOM_CLASS.search(start)
        sop_class = b"" if found is None else found[1]
        if sop_class == _MEDIA_DIRECTORY:
            return MEDIA_DIRECTORY
        if sop_class.startswith(_CLASSES_WITHOUT_PICTURE):
            return "a DICOM file without a picture"
    return None


@contextmanager
def large_films_wait() -> Iterator[None]:
    """Have readers stop at the header of a film of more than LARGE_PIXELS, by LargeFilmError, while a block lasts."""
    token = _large_waits.set(True)
    try:
        yield
    finally:
        _large_waits.reset(token)


def check_pixels(width: int, height: int) -> None:
    """Refuse a picture without pixels or with more than MAX_PIXELS.

    Raises:
        RadiographError: the size is out of bounds.
        LargeFilmError: as `large_films_wait` has it.
    """
    if width < 1 or height < 1:
        raise RadiographError(f"the header gives a size of {width}×{height}: expected at least one pixel")
    if width * height > MAX_PIXELS:
        raise RadiographError(
            f"{width}×{height} pixels are more than the limit of {MAX_PIXELS // 1_000_000} million: "
            "scale the film down first"
        )
    if width * height > LARGE_PIXELS and _large_waits.get():
        raise LargeFilmError


def check_decoded_bytes(pixels: int, bytes_a_pixel: int) -> None:
    """Refuse a picture whose decoded samples would take more than MAX_DECODED_BYTES.

    Raises:
        RadiographError: they would.
    """
    if pixels * bytes_a_pixel > MAX_DECODED_BYTES:
        raise RadiographError(
            f"{pixels * bytes_a_pixel // 1_000_000} MB of samples are more than the limit of "
            f"{MAX_DECODED_BYTES // 1_000_000} MB: save the film in 8 or 16 bits of grey"
        )


def cut_short(kind: str) -> RadiographError:
    """The error for a file whose end is missing."""
    return RadiographError(f"the {kind} is cut short: its end is missing; copy or download it again")


def damaged(kind: str) -> RadiographError:
    """The error for a file whose parts contradict each other."""
    return RadiographError(f"the {kind} is damaged: its parts do not fit together; copy or download it again")


def moving(kind: str) -> RadiographError:
    """The error for an animation: no radiograph moves, and its first frame may be anything."""
    return RadiographError(f"an animated {kind}: expected a single picture")


def decoded(kind: str, decode: Callable[[bytes], np.ndarray | None], data: bytes) -> np.ndarray:
    """What a decoder makes of a file.

    Raises:
        RadiographError: the decoder fails, or makes nothing.
    """
    try:
        picture = decode(data)
    except Exception:  # each decoder has an error of its own, and its text is of no use to a user
        picture = None
    if picture is None or picture.size == 0:
        raise damaged(kind)
    return picture


def only_the_first(count: int, of_what: str) -> tuple[str, ...]:
    """What is to be warned of where a file holds several pictures."""
    return (f"the file holds {count} {of_what}: only the first was read",) if count > 1 else ()


def _is_dicom_without_preamble(data: bytes) -> bool:
    """Old files start with their first element: group 0002 or 0008, little endian, with or without a VR."""
    if len(data) < 16 or data[:2] not in (b"\x02\x00", b"\x08\x00") or data[3] != 0:
        return False
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    return explicit or int.from_bytes(data[4:8], "little") <= 64


def _describe(data: bytes) -> str:
    for signature, name in _STRANGERS:
        if data.startswith(signature):
            return name
    if data[4:8] == b"ftyp":
        return "an AVIF picture" if data[8:11] == b"avi" else "an HEIC picture or a video"
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        return "an SVG, XML or web page"
    if not any(byte < 9 or 13 < byte < 32 or byte == 127 for byte in start):
        return "text"
    return "a file of an unknown kind"
