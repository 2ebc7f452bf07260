"""JPEG → grey samples, of whole pictures only.

Decoders fill up what is missing: with grey, or with the blur of the first scans of a progressive picture. So the
markers are walked from the start to the end of the image, every coefficient must have had its last scan, and the
decoder must have found no fault: TurboJPEG's strict mode for 8 bits, CharLS (always strict) for JPEG-LS. For 12
bits and lossless JPEG there is no strict decoder: one that still waits for data takes more when it is given some.

Sources: ITU-T T.81 (JPEG) Annexes B, G and H; ITU-T T.87 (JPEG-LS) Annex C; EXIF 2.32 section 4.7.
"""

import re
from dataclasses import dataclass
from functools import partial

import cv2
import imagecodecs
import numpy as np
import simplejpeg

from train.radiograph.formats import RadiographError, check_pixels, cut_short, damaged, decoded
from train.radiograph.tiff_tags import exif_orientation

MAX_SCANS = 32  # of a progressive JPEG; encoders write about 10, each one walks the whole picture again

LOSSLESS_JPEG, JPEG_LS = 0xC3, 0xF7  # coding processes, by their frame header's marker
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {JPEG_LS}
_WHOLE_BLOCK = b"\x00\x3f\x00"  # how a sequential scan's header ends: all 64 coefficients, all bits
# Restart markers (D0 to D7) and TEM (01) stand alone and are skipped; JPEG-LS lets bytes below 128 follow a 255.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
_LS_MARKER = re.compile(rb"\xff([\x80-\xcf\xd8-\xfe])", re.DOTALL)
_MAX_SEGMENTS = 10_000  # 100 MB in the longest segments are 1,500

# Cameras leave some bytes between the data and its end; more of them mean that rows were cut from the header.
_SURPLUS = re.compile(r"\b(\d+) extraneous bytes before marker 0xd9")
_MAX_SURPLUS = 64
_UNNAMED_SUBSAMPLING = "subsampling level"  # TurboJPEG reads the customary ones only
_TAIL = 256  # bytes
_ADOBE_TRANSFORMS = {3: (0, 1), 4: (0, 2)}  # by components: none, or YCbCr and YCCK


@dataclass(frozen=True)
class JpegFrame:
    """A frame header: the coding process (its marker), bits a sample, size in pixels, the components' ids."""

    process: int
    precision: int
    width: int
    height: int
    components: tuple[int, ...]


@dataclass(frozen=True)
class JpegHeader:
    """What the markers of a whole JPEG say.

    Attributes:
        frame: the frame header.
        orientation: what EXIF says, 1 to 8; 1 is upright.
        end: where the end-of-image marker stands.
        edits: (start, end, bytes instead) of what the strict decoder minds though the picture does not need it.
    """

    frame: JpegFrame
    orientation: int
    end: int
    edits: tuple[tuple[int, int, bytes], ...]


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Walk a JPEG's markers from start to end of image; what follows the end is ignored, as decoders do.

    Raises:
        RadiographError: cut short, damaged in a header, a scan is missing, too large, or of a rare process.
    """
    position, scans, marker_of = 2, 0, _MARKER
    frame, orientation, edits, adobe = None, 1, [], None
    in_scan = False  # what follows a start of scan is coded data
    missing: dict[int, list[int]] = {}  # component → bits still to come, by coefficient
    for _ in range(_MAX_SEGMENTS):
        # After a start of scan this runs over the coded data, where 255 is followed by 0 or a restart marker.
        found = marker_of.search(data, position)
        if found is None:
            raise cut_short("JPEG")
        if found.start() > position and not in_scan:
            edits.append((position, found.start(), b""))  # filler between two segments
        marker, position = found[1][0], found.end()
        in_scan = marker == 0xDA
        if marker == 0xD9:
            break
        length = int.from_bytes(data[position : position + 2], "big")
        if position + max(length, 2) > len(data):
            raise cut_short("JPEG")
        if marker == 0xD8 or length < 2:
            raise damaged("JPEG")
        body = data[position + 2 : position + length]
        if marker in _FRAME_HEADERS:
            if frame is not None:
                raise damaged("JPEG")
            frame = _read_frame(marker, body)
            marker_of = _LS_MARKER if marker == JPEG_LS else _MARKER
            missing = {name: [1] * (64 if marker == _PROGRESSIVE else 1) for name in frame.components}
        elif marker == 0xDA:
            scans += 1
            if frame is None or scans > MAX_SCANS:
                raise damaged("JPEG")
            parameters = _read_scan(frame, body, missing)
            if frame.process in _SEQUENTIAL and parameters != _WHOLE_BLOCK:
                # They have no meaning in a sequential scan; some telephones write others.
                edits.append((position + length - len(_WHOLE_BLOCK), position + length, _WHOLE_BLOCK))
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = exif_orientation(body[6:])
        elif marker == 0xEE and body.startswith(b"Adobe"):
            adobe = (found.start(), position + length, body)
        elif marker == 0xE2:
            edits.append((found.start(), position + length, b""))  # a colour profile, which may be damaged
        elif marker == 0xE0 and body.startswith(b"JFIF\0") and body[5:6] not in (b"\1", b"\2"):
            edits.append((position + 7, position + 8, b"\1"))  # a revision of JFIF that never was
        position += length
    else:
        raise damaged("JPEG")
    if frame is None or not scans:
        raise damaged("JPEG")
    if any(any(coefficients) for coefficients in missing.values()):
        raise RadiographError("the JPEG is not whole: its last scans are missing; copy or download it again")
    if adobe is not None:
        edits += _adobe_edits(*adobe, len(frame.components))
    return JpegHeader(frame, orientation, found.start(), tuple(sorted(edits)))


def decode_jpeg(data: bytes, header: JpegHeader | None = None) -> np.ndarray:
    """Decode a JPEG to grey, as it is stored: EXIF orientation is not undone.

    Baseline, extended and progressive JPEG of 8 bits (grey, YCbCr: the luma plane; RGB; CMYK), and grey JPEG of 12
    bits, lossless JPEG and JPEG-LS.

    Returns:
        uint8 [H, W]; uint16 where a sample has more than 8 bits.

    Raises:
        RadiographError: see `read_jpeg_header`; or the coded data are damaged or not all there.
    """
    header = header or read_jpeg_header(data)
    frame = header.frame
    data, end = _edited(data, header)
    if frame.process in (*_SEQUENTIAL, _PROGRESSIVE) and frame.precision == 8:
        film = _decode_8_bits(data, end, frame)
    elif len(frame.components) != 1:
        raise RadiographError("a colour JPEG of a rare kind: save the film as an 8-bit JPEG or a PNG")
    elif frame.process == JPEG_LS:
        # CharLS 2 spins for seconds on damaged data without an end marker; the header's walk has found one.
        film = decoded("JPEG", imagecodecs.jpegls_decode, data[: end + 2])
    else:
        film = _decode_patiently(data, end)
    if film.shape != (frame.height, frame.width):
        raise damaged("JPEG")
    return film


def _read_frame(marker: int, body: bytes) -> JpegFrame:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise damaged("JPEG")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    frame = JpegFrame(marker, body[0], width, height, tuple(body[6 : 6 + 3 * body[5] : 3]))
    check_pixels(width, height)
    if marker not in (*_SEQUENTIAL, _PROGRESSIVE, LOSSLESS_JPEG, JPEG_LS):
        raise RadiographError("a JPEG of a rare kind (hierarchical or arithmetic): save the film as a PNG")
    depths = range(2, 17) if marker in (LOSSLESS_JPEG, JPEG_LS) else (8, 12)
    if not 1 <= len(frame.components) <= 4 or frame.precision not in depths:
        raise damaged("JPEG")
    return frame


def _read_scan(frame: JpegFrame, body: bytes, missing: dict[int, list[int]]) -> bytes:
    """Note which coefficients of which components a scan completes (T.81 sections B.2.3 and G.1.1.1).

    Returns:
        Its three last bytes: first and last coefficient, and the bits it begins and ends with.
    """
    count = body[0] if body else 0
    if not 1 <= count <= 4 or len(body) != 4 + 2 * count:
        raise damaged("JPEG")
    first, last, bits = body[-3:]
    for component in body[1:-3:2]:
        if component not in missing or (frame.process == _PROGRESSIVE and not first <= last < 64):
            raise damaged("JPEG")
        if frame.process == _PROGRESSIVE:
            missing[component][first : last + 1] = [bits & 0x0F] * (last + 1 - first)
        else:
            missing[component][0] = 0
    return body[-3:]


def _adobe_edits(start: int, end: int, body: bytes, components: int) -> list[tuple[int, int, bytes]]:
    """What makes an Adobe segment one that decoders know: a transform that never was is the customary one."""
    known = _ADOBE_TRANSFORMS.get(components)
    if len(body) < 12:
        return [(start, end, b"")]
    if known is None or body[11] in known:
        return []
    return [(end - len(body) + 11, end - len(body) + 12, bytes([known[1]]))]


def _edited(data: bytes, header: JpegHeader) -> tuple[bytes, int]:
    """The file with the header's edits made, and where its end-of-image marker stands then."""
    pieces, position, end = [], 0, header.end
    for start, stop, instead in header.edits:
        pieces += [data[position:start], instead]
        position, end = stop, end + len(instead) - (stop - start)
    return b"".join([*pieces, data[position:]]), end  # the same object where there is nothing to edit


def _decode_8_bits(data: bytes, end: int, frame: JpegFrame) -> np.ndarray:
    colours = "CMYK" if len(frame.components) == 4 else "GRAY"
    try:
        picture = simplejpeg.decode_jpeg(data, colours, strict=True)
    except ValueError as error:
        surplus = _SURPLUS.search(str(error))  # TurboJPEG tells the first fault: nothing was wrong before it
        if _UNNAMED_SUBSAMPLING in str(error):
            picture = _decode_patiently(data, end, "CMYK" if colours == "CMYK" else "GRAYSCALE")
        elif surplus is None or int(surplus[1]) > _MAX_SURPLUS:
            raise damaged("JPEG") from None
        else:
            picture = simplejpeg.decode_jpeg(data, colours, strict=False)
    if colours == "GRAY":
        return picture if picture.ndim == 2 else picture[..., 0]
    # As Adobe's programs store it, and so everybody: inverted, 255 is no ink.
    black = picture[..., 3:].astype(np.uint16)
    return cv2.cvtColor(((picture[..., :3] * black + 127) // 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)


def _decode_patiently(data: bytes, end: int, colours: str | None = None) -> np.ndarray:
    """Decode with libjpeg, which is not strict, and refuse a picture whose end is missing."""
    decode = imagecodecs.jpeg8_decode if colours is None else partial(imagecodecs.jpeg8_decode, outcolorspace=colours)
    film = decoded("JPEG", decode, data)
    # A decoder that has all it needs ignores more data before the end; one that waits for the rest takes it, and
    # comes to another picture: missing bits are read as 0, the first of these is 1. (After 255, 0 is no data.)
    more = b"\0" * (data[end - 1] == 0xFF) + b"\xaa" * _TAIL
    if not np.array_equal(decoded("JPEG", decode, data[:end] + more + data[end:]), film):
        raise RadiographError("the JPEG is damaged: its last part is missing; copy or download it again")
    return film
