"""WebP → grey samples: whole, single pictures of a sane size.

Sources: RFC 9649 (WebP), RFC 6386 section 9.1 (VP8).
"""

import imagecodecs
import numpy as np

from train.radiograph.formats import check_pixels, cut_short, damaged, decoded, moving
from train.radiograph.greys.greyscale import apply_orientation, luma
from train.radiograph.tiff_tags import exif_orientation

_MAX_CHUNKS = 1_000  # a picture that does not move has about five
_ANIMATION = 0x02
_LEAST = {b"VP8X": 10, b"VP8 ": 10, b"VP8L": 5}  # bytes of the headers


def read_webp(data: bytes) -> np.ndarray:
    """Read a WebP, lossy or lossless; EXIF orientation is undone.

    Returns:
        uint8 [H, W].

    Raises:
        RadiographError: cut short, damaged, too large, or animated.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise cut_short("WebP")
    orientation, framed, position = 1, False, 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > end:
            break
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + min(size, 1 << 16)]  # headers are short, EXIF blocks below 64 kB
        if position + 8 + size > end:
            raise cut_short("WebP")
        if name in _LEAST and size < _LEAST[name]:
            raise damaged("WebP")
        if name == b"VP8X":
            if body[0] & _ANIMATION:
                raise moving("WebP")
            check_pixels(1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
        elif name in (b"ANIM", b"ANMF"):
            raise moving("WebP")
        elif name in (b"VP8 ", b"VP8L"):
            check_pixels(*_size(name, body))
            framed = True
        elif name == b"EXIF":
            orientation = exif_orientation(body.removeprefix(b"Exif\0\0"))
        position += 8 + size + size % 2
    if not framed or position + 8 <= end:
        raise damaged("WebP")
    return apply_orientation(luma(decoded("WebP", imagecodecs.webp_decode, data[:end])), orientation)


def _size(name: bytes, body: bytes) -> tuple[int, int]:
    if name == b"VP8L":
        packed = int.from_bytes(body[1:5], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    if body[3:6] != b"\x9d\x01\x2a":
        raise damaged("WebP")
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
