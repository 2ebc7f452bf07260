"""TIFF → grey samples of any depth: whole numbers of 8 to 32 bits and floats, as scanners and ImageJ write them.

libtiff gives the samples; what they mean (upright, black or white, a palette) is worked out here from the tags.
Only the compressions of TIFF 6.0 that tell when data is missing are read, and every strip must be whole.

Sources: TIFF 6.0 (Adobe, 1992); Adobe Photoshop TIFF Technical Notes (2002) for Deflate.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np

from train.radiograph.formats import (
    MAX_FRAMES,
    MAX_PIXELS,
    RadiographError,
    check_decoded_bytes,
    check_pixels,
    cut_short,
    damaged,
    only_the_first,
)
from train.radiograph.greys.greyscale import apply_orientation, luma
from train.radiograph.tiff_tags import ORIENTATION, TiffDirectory, TiffHeader, read_tiff_header

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_SIZES, _PLANAR = 273, 277, 278, 279, 284
_COLOUR_MAP, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_SIZES, _FORMAT = 320, 322, 323, 324, 325, 339

_PLAIN, _LZW, _PACKBITS = 1, 5, 32773
_DEFLATES = (8, 32946)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = 0, 1, 2, 3
_DTYPES = {
    (1, 8): "u1", (1, 16): "u2", (1, 32): "u4", (2, 8): "i1", (2, 16): "i2", (2, 32): "i4",
    (3, 16): "f2", (3, 32): "f4", (3, 64): "f8",
}  # fmt: skip
_UNSIGNED = 1
_INFLATED_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class _Layout:
    width: int
    height: int
    samples: int
    separate: bool  # planes one after the other instead of interleaved
    dtype: np.dtype
    compression: int
    photometric: int


def read_tiff(data: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read the first picture of a TIFF; what is wrong with the pages after it does not matter.

    Returns:
        The film, [H, W] of any real dtype, bright = the brighter value, upright; and what is to be warned of.

    Raises:
        RadiographError: cut short, damaged, too large, or stored in a way that is not read.
    """
    header = read_tiff_header(data)
    first = header.directory(data, header.first_offset)
    notes = _count_pages(header, data, first)
    layout = _layout(first)
    _check_strips(data, first, layout)
    try:
        picture = imagecodecs.tiff_decode(_with_rows_per_strip(data, first, layout), index=0)
    except Exception:
        raise damaged("TIFF") from None
    return apply_orientation(_grey(picture, first, layout), first.number(ORIENTATION, 1)), notes


def _count_pages(header: TiffHeader, data: bytes, first: TiffDirectory) -> tuple[str, ...]:
    """What is to be warned of: pages that are not read, or cannot be."""
    pages, offset, seen = 1, first.next_offset, {header.first_offset}
    while offset:
        if pages == MAX_FRAMES:
            raise RadiographError(f"a TIFF of more than {MAX_FRAMES} pictures: expected a single film")
        try:
            following = header.next_offset(data, offset)
        except RadiographError:
            following = offset
        if offset in seen or following == offset:
            return ("the TIFF's list of pages is broken: only the first page was read",)
        seen.add(offset)
        pages, offset = pages + 1, following
    return only_the_first(pages, "pages")


def _layout(tags: TiffDirectory) -> _Layout:
    width, height = tags.number(_WIDTH), tags.number(_HEIGHT)
    check_pixels(width, height)
    samples, photometric, compression = (
        tags.number(_SAMPLES, 1),
        tags.number(_PHOTOMETRIC, -1),
        tags.number(_COMPRESSION, 1),
    )
    # One value a sample, or one for all of them.
    bits, formats = set(tags.values(_BITS) or (1,)), set(tags.values(_FORMAT) or (_UNSIGNED,))
    dtype = _DTYPES.get((formats.pop(), bits.pop())) if len(bits) == len(formats) == 1 else None
    if dtype is None:
        raise _rare("of samples that are not 8, 16 or 32 bits deep")
    if compression not in (_PLAIN, _LZW, _PACKBITS, *_DEFLATES):
        raise _rare("compressed in another way than LZW, Deflate or PackBits")
    if photometric < 0:
        raise RadiographError("the TIFF does not say whether 0 is black or white (tag 262): save it anew with that tag")
    readable = {
        _WHITE_IS_ZERO: samples <= 2,
        _BLACK_IS_ZERO: samples <= 2,
        _RGB: samples in (3, 4) and dtype in ("u1", "u2"),
        _PALETTE: samples == 1 and dtype == "u1" and len(tags.values(_COLOUR_MAP)) == 3 * 256,
    }
    if samples < 1 or not readable.get(photometric, False):
        raise _rare("of other samples than grey, RGB or a palette")
    check_decoded_bytes(width * height, samples * np.dtype(dtype).itemsize)
    separate = samples > 1 and tags.number(_PLANAR, 1) == 2
    return _Layout(width, height, samples, separate, np.dtype(dtype), compression, photometric)


def _check_strips(data: bytes, tags: TiffDirectory, layout: _Layout) -> None:
    """Refuse a film whose strips or tiles are not all there and whole."""
    tiled = _TILE_WIDTH in tags.entries
    if tiled:
        width, height = tags.number(_TILE_WIDTH), tags.number(_TILE_HEIGHT)
    else:
        width, height = layout.width, min(tags.number(_ROWS_PER_STRIP, 0) or layout.height, layout.height)
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise damaged("TIFF")
    down = -(-layout.height // height)
    pieces = -(-layout.width // width) * down * (layout.samples if layout.separate else 1)
    row_bytes = width * layout.dtype.itemsize * (1 if layout.separate else layout.samples)
    for index, (offset, size) in enumerate(_pieces(tags, pieces)):
        last_strip = not tiled and index % down == down - 1
        least = row_bytes * (layout.height - (down - 1) * height if last_strip else height)
        if offset + (size or 0) > len(data):
            raise cut_short("TIFF")
        size = len(data) - offset if size is None else size
        whole = size >= least
        if layout.compression in _DEFLATES:
            whole = least <= _inflated_size(memoryview(data)[offset : offset + size], row_bytes * height)
        elif layout.compression != _PLAIN:
            whole = size > 0  # the decoder counts these itself
        if not whole:
            raise cut_short("TIFF")


def _pieces(tags: TiffDirectory, count: int) -> Iterator[tuple[int, int | None]]:
    """Where each strip or tile stands and how many bytes it has; None where the file does not say.

    Some writers keep the places of tiles in the tags of strips, as libtiff lets them.
    """
    offsets = tags.values(_TILE_OFFSETS) or tags.values(_STRIP_OFFSETS)
    sizes = tags.values(_TILE_SIZES) or tags.values(_STRIP_SIZES) or (0,) * count
    if len(offsets) != count or len(sizes) != count:
        raise damaged("TIFF")
    for offset, size in zip(offsets, sizes, strict=True):
        yield offset, size or None


def _with_rows_per_strip(data: bytes, tags: TiffDirectory, layout: _Layout) -> bytes:
    """The file, with one strip of all rows where it says that a strip has none; libtiff refuses that."""
    if tags.number(_ROWS_PER_STRIP, 1) != 0:
        return data
    dtype, _, place = tags.entries[_ROWS_PER_STRIP]
    rows = np.array(layout.height, dtype).tobytes()
    return data[:place] + rows + data[place + len(rows) :]


def _inflated_size(stream: memoryview | bytes, most: int) -> int:
    """Bytes a Deflate stream holds, its checksum verified; -1 for a damaged or an endless one."""
    inflater, size = zlib.decompressobj(), 0
    try:
        while not inflater.eof:
            size += len(piece := inflater.decompress(stream, _INFLATED_AT_ONCE))
            stream = inflater.unconsumed_tail
            if size > most or not (piece or stream):
                return -1
    except zlib.error:
        return -1
    return size


def _grey(picture: np.ndarray, tags: TiffDirectory, layout: _Layout) -> np.ndarray:
    shape: tuple[int, ...] = (layout.height, layout.width)
    if layout.separate:
        picture = np.moveaxis(picture, 0, -1)
    elif layout.samples > 1:
        shape = (*shape, layout.samples)
    if picture.shape[: len(shape)] != shape or picture.dtype.newbyteorder("=") != layout.dtype:
        raise damaged("TIFF")
    if layout.photometric == _PALETTE:
        colours = np.array(tags.values(_COLOUR_MAP), np.uint16).reshape(3, 256).T
        # Some writers fill the low half of the 16 bits only.
        colours = (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
        return luma(colours[np.newaxis])[0][picture]
    film = luma(picture)
    if layout.photometric == _WHITE_IS_ZERO:
        return -film if film.dtype.kind == "f" else ~film  # ~ mirrors whole numbers, signed or not
    return film


def _rare(how: str) -> RadiographError:
    return RadiographError(f"a TIFF {how}: save the film as an uncompressed grey TIFF or as a PNG")
