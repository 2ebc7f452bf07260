"""PNG, WebP and BMP → grey samples: whole files of a sane size are decoded, moving pictures refused.

Sources: W3C PNG 3rd edition sections 5 and 11, RFC 9649 (WebP), RFC 6386 section 9.1 (VP8),
the BITMAPFILEHEADER and BITMAPINFOHEADER structures (Microsoft).
"""

import re
import zlib
from collections.abc import Callable, Iterator

import imagecodecs
import numpy as np

from train.radiograph.formats import RadiographError, check_pixels, cut_short, damaged, moving
from train.radiograph.greyscale import apply_orientation, luma
from train.radiograph.tiff_tags import exif_orientation

_MAX_PNG_CHUNKS = 100_000  # 100 MB in the customary 8 kB chunks are 12,000
_MAX_WEBP_CHUNKS = 1_000  # a picture that does not move has about five

_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
_BMP_DEPTHS = {0: (1, 4, 8, 16, 24, 32), 3: (16, 32)}  # by compression: none, or bit fields
_WEBP_ANIMATION = 0x02
_WEBP_LEAST = {b"VP8X": 10, b"VP8 ": 10, b"VP8L": 5}  # bytes of the headers


def read_png(data: bytes) -> np.ndarray:
    """Read a PNG of any depth; its palette is looked up, transparency ignored, EXIF orientation undone.

    Returns:
        uint8 or uint16 [H, W].

    Raises:
        RadiographError: cut short, a checksum is wrong, too large, or animated.
    """
    orientation = 1
    for name, chunk in _png_chunks(data):
        if name == b"IHDR":
            _check_png_header(chunk[8:-4])
        elif name == b"acTL" and int.from_bytes(chunk[8:12], "big") > 1:
            raise moving("PNG")
        elif name == b"eXIf":
            orientation = exif_orientation(bytes(chunk[8:-4]))
    return apply_orientation(luma(_decoded("PNG", imagecodecs.png_decode, data)), orientation)


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
    for _ in range(_MAX_WEBP_CHUNKS):
        if position + 8 > end:
            break
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + min(size, 1 << 16)]  # headers are short, EXIF blocks below 64 kB
        if position + 8 + size > end:
            raise cut_short("WebP")
        if name in _WEBP_LEAST and size < _WEBP_LEAST[name]:
            raise damaged("WebP")
        if name == b"VP8X":
            if body[0] & _WEBP_ANIMATION:
                raise moving("WebP")
            check_pixels(1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
        elif name in (b"ANIM", b"ANMF"):
            raise moving("WebP")
        elif name in (b"VP8 ", b"VP8L"):
            check_pixels(*_webp_size(name, body))
            framed = True
        elif name == b"EXIF":
            orientation = exif_orientation(body.removeprefix(b"Exif\0\0"))
        position += 8 + size + size % 2
    if not framed or position + 8 <= end:
        raise damaged("WebP")
    return apply_orientation(luma(_decoded("WebP", imagecodecs.webp_decode, data[:end])), orientation)


def read_bmp(data: bytes) -> np.ndarray:
    """Read an uncompressed BMP.

    Returns:
        uint8 [H, W].

    Raises:
        RadiographError: cut short, damaged, too large, or compressed.
    """
    start, header_size = int.from_bytes(data[10:14], "little"), int.from_bytes(data[14:18], "little")
    if header_size == 12:
        width, height = int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
        depth, compression = int.from_bytes(data[24:26], "little"), 0
    else:
        width = int.from_bytes(data[18:22], "little", signed=True)
        height = abs(int.from_bytes(data[22:26], "little", signed=True))  # negative: the top row comes first
        depth, compression = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    check_pixels(width, height)
    if depth not in _BMP_DEPTHS.get(compression, ()):
        raise RadiographError("a compressed or rare kind of BMP: save the film as a PNG")
    if start < 14 + header_size:
        raise damaged("BMP")
    if start + (width * depth + 31) // 32 * 4 * height > len(data):
        raise cut_short("BMP")

    return luma(_decoded("BMP", imagecodecs.bmp_decode, data))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and bytes of each chunk, from IHDR to IEND; what follows the end is ignored."""
    view, position, name = memoryview(data), 8, b""
    for index in range(_MAX_PNG_CHUNKS):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if end > len(data):
            raise cut_short("PNG")
        name = data[position + 4 : position + 8]
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise damaged("PNG")
        if (index == 0) != (name == b"IHDR") or not re.fullmatch(rb"[A-Za-z]{4}", name):
            raise damaged("PNG")
        yield name, view[position:end]
        if name == b"IEND":
            return
        position = end
    raise damaged("PNG")


def _check_png_header(body: memoryview) -> None:
    if len(body) != 13:
        raise damaged("PNG")
    check_pixels(int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"))
    depth, colour, compression, filtering, interlacing = body[8:]
    if depth not in _PNG_DEPTHS.get(colour, ()) or compression or filtering or interlacing > 1:
        raise damaged("PNG")


def _webp_size(name: bytes, body: bytes) -> tuple[int, int]:
    if name == b"VP8L":
        packed = int.from_bytes(body[1:5], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    if body[3:6] != b"\x9d\x01\x2a":
        raise damaged("WebP")
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF


def _decoded(kind: str, decode: Callable[[bytes], np.ndarray | None], data: bytes) -> np.ndarray:
    try:
        picture = decode(data)
    except Exception:  # each decoder has an error of its own, and its text is of no use to a user
        picture = None
    if picture is None or picture.size == 0:
        raise damaged(kind)
    return picture
