"""What a film's bytes say about themselves before anything is decoded: kind, size, wholeness.

Decoders trust headers: a 390 kB PNG may ask for 800 MB, and a JPEG cut short may come back with a grey lower
half. So the headers are read here by hand, and only a whole file of a sane size reaches a decoder.

Sources: ITU-T T.81 Annex B (JPEG markers), W3C PNG 3rd edition section 5 (chunks), DICOM PS3.10 section 7.
"""

import re
import zlib
from typing import Literal

from train.errors import PneumoscopeError

FilmKind = Literal["jpeg", "png", "dicom"]

MAX_BYTES = 100_000_000
MAX_PIXELS = 50_000_000  # the largest published film of the set has 5.6 M, a 43 cm detector at 0.1 mm has 18 M
MAX_SCANS = 32  # of a progressive JPEG; encoders write about 10, each one walks the whole picture again
MAX_CHUNKS = 100_000  # of a PNG; 100 MB in the customary 8 kB chunks are 12,000

EXPECTED = "expected a JPEG, PNG or DICOM film"

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STRANGERS = (
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
)


class RadiographError(PneumoscopeError):
    """A film that cannot be read. The message names neither the file nor anything of the patient's."""


def sniff(data: bytes) -> FilmKind:
    """Tell the kind of a film from its first bytes, whatever it is called.

    Raises:
        RadiographError: empty, larger than MAX_BYTES, or no kind of film that is read here.
    """
    if not data:
        raise RadiographError(f"the file is empty: {EXPECTED}")
    if len(data) > MAX_BYTES:
        raise RadiographError(f"larger than {MAX_BYTES // 1_000_000} MB: {EXPECTED} below that size")
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(_PNG_SIGNATURE):
        return "png"
    if data[128:132] == b"DICM" or _is_dicom_without_preamble(data):
        return "dicom"
    raise RadiographError(f"{_describe(data)}: {EXPECTED}")


def check_pixels(width: int, height: int) -> None:
    """Refuse a picture without pixels or with more than MAX_PIXELS.

    Raises:
        RadiographError: the size is out of bounds.
    """
    if width < 1 or height < 1:
        raise RadiographError(f"the header gives a size of {width}×{height}: expected at least one pixel")
    if width * height > MAX_PIXELS:
        raise RadiographError(
            f"{width}×{height} pixels are more than the limit of {MAX_PIXELS // 1_000_000} million: "
            "scale the film down first"
        )


def check_jpeg(data: bytes) -> int:
    """Walk a JPEG's markers from start to end of image; what follows the end is ignored, as decoders do.

    Returns:
        Where the end-of-image marker stands.

    Raises:
        RadiographError: cut short, damaged between the scans, too large, or not 8 bits a sample.
    """
    position, framed, scans = 2, False, 0
    while True:
        # After a start of scan this runs over the coded data, where 255 is followed by 0 or a restart marker.
        found = _MARKER.search(data, position)
        if found is None:
            raise _cut_short("JPEG")
        marker, position = found[1][0], found.end()
        if marker == 0xD9:
            break
        if 0xD0 <= marker <= 0xD7 or marker == 0x01:
            continue  # restarts and TEM have no length
        length = int.from_bytes(data[position : position + 2], "big")
        if position + max(length, 2) > len(data):
            raise _cut_short("JPEG")
        if marker in _FRAME_HEADERS:
            if framed or length < 8:
                raise _damaged("JPEG")
            _check_frame(data[position + 2 : position + length])
            framed = True
        elif marker == 0xDA:
            scans += 1
        elif marker == 0xD8 or length < 2:
            raise _damaged("JPEG")
        position += length
    if not framed or not scans or scans > MAX_SCANS:
        raise _damaged("JPEG")
    return found.start()


def check_png(data: bytes) -> None:
    """Walk a PNG's chunks from header to end, checksums included.

    Raises:
        RadiographError: cut short, a checksum is wrong, or too large.
    """
    position, name = len(_PNG_SIGNATURE), b""
    for index in range(MAX_CHUNKS):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if end > len(data):
            raise _cut_short("PNG")
        name = data[position + 4 : position + 8]
        checksum = int.from_bytes(data[end - 4 : end], "big")
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != checksum:
            raise _damaged("PNG")
        if (index == 0) != (name == b"IHDR"):
            raise _damaged("PNG")
        if index == 0:
            body = data[position + 8 : end - 4]
            check_pixels(int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"))
        if name == b"IEND":
            return
        position = end
    raise _damaged("PNG")


def _check_frame(body: bytes) -> None:
    precision = body[0]
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    check_pixels(width, height)
    if precision != 8:
        raise RadiographError(f"a JPEG of {precision} bits: expected 8 bits; save it as a 16-bit PNG instead")


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
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "a WebP picture"
    if data[4:8] == b"ftyp":
        return "an AVIF, HEIC or video file"
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        return "an SVG, XML or web page"
    if not any(byte < 9 or 13 < byte < 32 or byte == 127 for byte in start):
        return "text"
    return "a file of an unknown kind"


def _cut_short(kind: str) -> RadiographError:
    return RadiographError(f"the {kind} is cut short: its end is missing; copy or download it again")


def _damaged(kind: str) -> RadiographError:
    return RadiographError(f"the {kind} is damaged: its parts do not fit together; copy or download it again")
