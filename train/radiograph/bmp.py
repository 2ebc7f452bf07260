"""BMP → grey samples: uncompressed pictures of any depth, with a palette, channels, or bit fields.

There is nothing to decode, so no decoder is asked: they divide by a header's masks, or know some headers only.

Sources: the BITMAPFILEHEADER, BITMAPCOREHEADER and BITMAPINFOHEADER structures (Microsoft).
"""

from dataclasses import dataclass

import numpy as np

from train.radiograph.formats import RadiographError, check_decoded_bytes, check_pixels, cut_short, damaged
from train.radiograph.greys.greyscale import luma

_CORE_HEADER, _INFO_HEADER = 12, 40  # bytes of the headers that begin all others
_BIT_FIELDS = 3
_DEPTHS = {0: (1, 4, 8, 16, 24, 32), _BIT_FIELDS: (16, 32)}  # by compression
_MASKS = {16: (0x7C00, 0x03E0, 0x001F), 32: (0xFF0000, 0xFF00, 0xFF)}  # where the file gives none
_TABLE_BITS = 16


@dataclass(frozen=True)
class _Header:
    start: int
    size: int
    width: int
    height: int  # negative: the top row comes first
    depth: int
    compression: int

    @property
    def row_bytes(self) -> int:
        return (self.width * self.depth + 31) // 32 * 4


def read_bmp(data: bytes) -> np.ndarray:
    """Read an uncompressed BMP; a file size in its header that is wrong does not matter.

    Returns:
        uint8 [H, W].

    Raises:
        RadiographError: cut short, damaged, too large, or compressed.
    """
    header = _read_header(data)
    rows = abs(header.height)
    check_pixels(header.width, rows)
    if header.depth not in _DEPTHS.get(header.compression, ()):
        raise RadiographError("a compressed or rare kind of BMP: save the film as a PNG")
    check_decoded_bytes(header.width * rows, 4)
    if header.start < 14 + header.size:
        raise damaged("BMP")
    if header.start + header.row_bytes * rows > len(data):
        raise cut_short("BMP")
    lines = np.frombuffer(data, np.uint8, header.row_bytes * rows, header.start).reshape(rows, -1)
    if header.depth <= 8:
        film = _palette(data, header)[_indices(lines, header)]
    elif header.depth == 24:
        film = luma(lines[:, : 3 * header.width].reshape(rows, -1, 3)[..., ::-1])
    else:
        film = luma(_channels(lines.view(f"<u{header.depth // 8}")[:, : header.width], _masks(data, header)))
    return np.ascontiguousarray(film if header.height < 0 else film[::-1])


def _read_header(data: bytes) -> _Header:
    def number(start: int, size: int, signed: bool = False) -> int:
        return int.from_bytes(data[start : start + size], "little", signed=signed)

    start, size = number(10, 4), number(14, 4)
    if size == _CORE_HEADER:
        return _Header(start, size, number(18, 2), number(20, 2), number(24, 2), 0)
    return _Header(start, size, number(18, 4, True), number(22, 4, True), number(28, 2), number(30, 4))


def _palette(data: bytes, header: _Header) -> np.ndarray:
    """uint8 [2**depth]: the grey of each index; black for those without a colour."""
    entry = 3 if header.size == _CORE_HEADER else 4
    first = 14 + header.size
    count = min((header.start - first) // entry, 1 << header.depth)
    colours = np.frombuffer(data, np.uint8, count * entry, first).reshape(count, entry)
    greys = np.zeros(1 << header.depth, np.uint8)
    if count:
        greys[:count] = luma(colours[np.newaxis, :, 2::-1])[0]
    return greys


def _indices(lines: np.ndarray, header: _Header) -> np.ndarray:
    if header.depth == 8:
        return lines[:, : header.width]
    bits = np.unpackbits(lines, axis=1)[:, : header.width * header.depth]
    return bits if header.depth == 1 else np.packbits(bits.reshape(len(lines), -1, 4), axis=2)[..., 0] >> 4


def _masks(data: bytes, header: _Header) -> tuple[int, int, int]:
    """Of red, green and blue.

    Raises:
        RadiographError: they overlap, have holes, or reach beyond a pixel's bits.
    """
    if header.compression != _BIT_FIELDS:
        return _MASKS[header.depth]
    place = 14 + _INFO_HEADER  # a part of longer headers, and behind the shortest
    red, green, blue = (int.from_bytes(data[at : at + 4], "little") for at in range(place, place + 12, 4))
    masks = red, green, blue
    contiguous = all((mask // max(mask & -mask, 1)) & (mask // max(mask & -mask, 1) + 1) == 0 for mask in masks)
    disjoint = red | green | blue == sum(masks)
    if not (any(masks) and contiguous and disjoint) or max(masks) >> header.depth or header.start < place + 12:
        raise damaged("BMP")
    return masks


def _channels(words: np.ndarray, masks: tuple[int, int, int]) -> np.ndarray:
    """uint8 [H, W, 3] of words; a channel without bits is 0."""
    picture = np.zeros((*words.shape, 3), np.uint8)
    for channel, mask in enumerate(masks):
        if mask:
            lowest = (mask & -mask).bit_length() - 1
            surplus = max(mask.bit_length() - lowest - _TABLE_BITS, 0)
            values = (words & words.dtype.type(mask)) >> words.dtype.type(lowest + surplus)
            most = mask >> (lowest + surplus)
            picture[..., channel] = np.rint(np.arange(most + 1) * (255 / most)).astype(np.uint8)[values]
    return picture
