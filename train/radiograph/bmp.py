"""BMP → grey samples: uncompressed pictures of any depth, and those whose channels are bit fields.

Bit fields are taken apart here: decoders divide by the masks of a file's header, or know some of them only.

Sources: the BITMAPFILEHEADER, BITMAPCOREHEADER and BITMAPINFOHEADER structures (Microsoft).
"""

import io

import numpy as np
from PIL import Image

from train.radiograph.formats import RadiographError, check_decoded_bytes, check_pixels, cut_short, damaged, decoded
from train.radiograph.greyscale import luma

_DEPTHS = {0: (1, 4, 8, 16, 24, 32), 3: (16, 32)}  # by compression: none, or bit fields
_CORE_HEADER, _INFO_HEADER = 12, 40
_BIT_FIELDS = 3
_TABLE_BITS = 16


def read_bmp(data: bytes) -> np.ndarray:
    """Read an uncompressed BMP; a file size in its header that is wrong does not matter.

    Returns:
        uint8 [H, W].

    Raises:
        RadiographError: cut short, damaged, too large, or compressed.
    """
    start, header_size = int.from_bytes(data[10:14], "little"), int.from_bytes(data[14:18], "little")
    if header_size == _CORE_HEADER:
        width, height = int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
        depth, compression = int.from_bytes(data[24:26], "little"), 0
    else:
        width = int.from_bytes(data[18:22], "little", signed=True)
        height = int.from_bytes(data[22:26], "little", signed=True)
        depth, compression = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    rows = abs(height)  # negative: the top row comes first
    check_pixels(width, rows)
    if depth not in _DEPTHS.get(compression, ()):
        raise RadiographError("a compressed or rare kind of BMP: save the film as a PNG")
    check_decoded_bytes(width * rows, 4)
    if start < 14 + header_size:
        raise damaged("BMP")
    if start + (width * depth + 31) // 32 * 4 * rows > len(data):
        raise cut_short("BMP")
    if compression != _BIT_FIELDS:
        return luma(decoded("BMP", _decode, data))
    picture = _bit_fields(data, start, (rows, width), depth)
    return luma(picture if height < 0 else picture[::-1])


def _decode(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["BMP"]) as picture:
        return np.asarray(picture if picture.mode == "L" else picture.convert("RGB"))


def _bit_fields(data: bytes, start: int, shape: tuple[int, int], depth: int) -> np.ndarray:
    """uint8 [H, W, 3], the first row in the file first; a channel without bits is 0."""
    place = 14 + _INFO_HEADER  # the masks of red, green and blue follow, as a part of the header or behind it
    masks = [int.from_bytes(data[at : at + 4], "little") for at in range(place, place + 12, 4)]
    bits = [mask.bit_length() - _lowest_bit(mask) for mask in masks]
    contiguous = all(mask >> _lowest_bit(mask) == (1 << count) - 1 for mask, count in zip(masks, bits, strict=True))
    disjoint = masks[0] | masks[1] | masks[2] == sum(masks)
    if not (any(masks) and contiguous and disjoint) or max(masks) >> depth or start < place + 12:
        raise damaged("BMP")
    height, width = shape
    row_words = (width * depth + 31) // 32 * (32 // depth)
    words = np.frombuffer(data, f"<u{depth // 8}", height * row_words, start).reshape(height, row_words)[:, :width]
    picture = np.zeros((height, width, 3), np.uint8)
    for channel, (mask, count) in enumerate(zip(masks, bits, strict=True)):
        if mask:
            surplus = max(count - _TABLE_BITS, 0)
            values = (words & words.dtype.type(mask)) >> words.dtype.type(_lowest_bit(mask) + surplus)
            most = (1 << (count - surplus)) - 1
            picture[..., channel] = np.rint(np.arange(most + 1) * (255 / most)).astype(np.uint8)[values]
    return picture


def _lowest_bit(mask: int) -> int:
    return (mask & -mask).bit_length() - 1 if mask else 0
