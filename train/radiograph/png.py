"""PNG → grey samples: whole, single pictures of a sane size.

libpng leaves by a long jump where it finds a fault, and what was allocated until then stays: a PNG cut short costs its
whole picture at every try. So all that libpng could find is looked for first: chunks, checksums, and the stream of
pixels, row by row.

Source: W3C PNG 3rd edition sections 5, 7 to 11.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np

from train.radiograph.formats import check_decoded_bytes, check_pixels, cut_short, damaged, decoded, moving
from train.radiograph.greys.greyscale import apply_orientation, luma
from train.radiograph.tiff_tags import exif_orientation

_MAX_CHUNKS = 100_000  # 100 MB in the customary 8 kB chunks are 12,000
_MAX_SURPLUS = 1 << 16  # bytes after the last row; some encoders fill up
_NEEDED = (b"IHDR", b"PLTE", b"IDAT", b"IEND")

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_LAST_FILTER = 4
# First column, first row, and the steps between those of a pass (section 8.1)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(frozen=True)
class PngHeader:
    """IHDR: size in pixels, bits a sample, colour type, and whether the rows come in seven passes."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @property
    def passes(self) -> list[tuple[int, int]]:
        """Rows of each pass, and the bytes of one with its filter's."""
        steps = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        sides = [(-(-(self.width - x) // dx), -(-(self.height - y) // dy)) for x, y, dx, dy in steps]
        bits = self.depth * _SAMPLES[self.colour]
        return [(rows, 1 + (columns * bits + 7) // 8) for columns, rows in sides if columns > 0 and rows > 0]


def read_png(data: bytes) -> np.ndarray:
    """Read a PNG of any depth; its palette is looked up, transparency ignored, EXIF orientation undone.

    Returns:
        uint8 or uint16 [H, W].

    Raises:
        RadiographError: cut short, a checksum is wrong, too large, or animated.
    """
    orientation, kept = 1, []
    for name, chunk in _chunks(data):
        if name == b"acTL" and int.from_bytes(chunk[8:12], "big") > 1:
            raise moving("PNG")
        if name == b"eXIf":
            orientation = exif_orientation(bytes(chunk[8:-4]))
        elif name in _NEEDED:
            kept.append((name, chunk))
        elif name[:1].isupper():
            raise damaged("PNG")  # a chunk that a decoder must not go on without knowing
    header = _read_header(kept[0][1][8:-4])
    if header.colour == _PALETTE:
        _check_palette(kept)
    _check_rows(header, b"".join(chunk[8:-4] for name, chunk in kept if name == b"IDAT"))
    # libpng is given what was checked and nothing else.
    checked = data[:8] + b"".join(chunk for _, chunk in kept)
    return apply_orientation(luma(decoded("PNG", imagecodecs.png_decode, checked)), orientation)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and bytes of each chunk, from IHDR to IEND; what follows the end is ignored."""
    view, position = memoryview(data), 8
    for index in range(_MAX_CHUNKS):
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


def _read_header(body: memoryview) -> PngHeader:
    if len(body) != 13:
        raise damaged("PNG")
    width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    check_pixels(width, height)
    depth, colour, compression, filtering, interlacing = body[8:]
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlacing > 1:
        raise damaged("PNG")
    # A palette's colours, or what is narrower than a byte, are decoded to bytes.
    check_decoded_bytes(width * height, max(depth // 8, 1) * (4 if colour == _PALETTE else _SAMPLES[colour]))
    return PngHeader(width, height, depth, colour, interlacing == 1)


def _check_palette(kept: list[tuple[bytes, memoryview]]) -> None:
    """Refuse a picture whose palette is missing, comes too late, or is no list of colours."""
    names = [name for name, _ in kept]
    size = len(kept[1][1]) - 12
    if names.count(b"PLTE") != 1 or names[1] != b"PLTE" or size % 3 or not 0 < size <= 3 * 256:
        raise damaged("PNG")


def _check_rows(header: PngHeader, stream: bytes) -> None:
    """Refuse pixels that are not all there, or rows filtered in a way that does not exist."""
    size = sum(rows * row_bytes for rows, row_bytes in header.passes)
    inflater = zlib.decompressobj()
    try:
        pixels = inflater.decompress(stream, size)
        inflater.decompress(inflater.unconsumed_tail, _MAX_SURPLUS)
    except zlib.error:
        raise damaged("PNG") from None
    if len(pixels) < size or not inflater.eof:
        raise damaged("PNG")
    start = 0
    for rows, row_bytes in header.passes:
        end = start + rows * row_bytes
        if np.frombuffer(pixels, np.uint8)[start:end:row_bytes].max() > _LAST_FILTER:
            raise damaged("PNG")
        start = end
