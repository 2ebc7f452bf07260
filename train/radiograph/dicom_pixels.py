"""The first frame of a DICOM film → codes: the stored bits of each pixel as a number without sign.

Sources: DICOM PS3.5 section 8 and Annexes A and G (RLE); ITU-T T.800 Annex A (JPEG 2000 markers).
"""

from dataclasses import dataclass

import imagecodecs
import numpy as np
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from train.radiograph.dicom_lut import DAMAGED
from train.radiograph.formats import RadiographError
from train.radiograph.jpeg import decode_jpeg

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
_JPEG = (
    JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless,
)  # fmt: skip
_JPEG_2000 = (JPEG2000Lossless, JPEG2000)
DECODABLE = (*NATIVE, *_JPEG, *_JPEG_2000, RLELossless)

_MAX_TILES = 10_000  # of a JPEG 2000 picture; a film in 64 × 64 tiles has about 2,000
_MAX_LAYERS = 1_000
_LEAST_PRECINCT = 5  # exponent of its side: 32 pixels; smaller ones make more bookkeeping than picture
_MAX_SEGMENTS = 1_000
_MAX_TILE_PARTS = 100_000
_START_OF_CODESTREAM, _SIZES, _CODING_STYLE = b"\xff\x4f", b"\xff\x51", b"\xff\x52"
_START_OF_TILE, _END_OF_CODESTREAM = b"\xff\x90", b"\xff\xd9"


@dataclass(frozen=True)
class PixelLayout:
    """How the header says pixels are stored; `words` where 8-bit pixels stand in 16-bit words."""

    rows: int
    columns: int
    frames: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    words: bool


def decode_stored_values(frame: bytes, syntax: UID, layout: PixelLayout) -> np.ndarray:
    """Decode the first frame.

    Args:
        frame: all frames where they are not compressed, the first frame's stream where they are.
        syntax: one of DECODABLE.
        layout: what the header says.

    Returns:
        uint8 or uint16 [rows, columns], each code below 2**stored.

    Raises:
        RadiographError: damaged, not all there, or of another size than the header says.
    """
    if not layout.stored - 1 <= layout.high_bit < layout.allocated:
        raise RadiographError(DAMAGED)
    if syntax in NATIVE:
        pixels = _native(frame, syntax, layout)
    elif syntax == RLELossless:
        pixels = _rle(frame, layout)
    elif syntax in _JPEG_2000:
        pixels = _jpeg_2000(frame, layout)
    else:
        pixels = decode_jpeg(frame)
    if pixels.shape != (layout.rows, layout.columns) or pixels.dtype.kind not in "iu" or pixels.itemsize > 2:
        raise RadiographError(DAMAGED)
    codes = pixels.view(f"u{pixels.itemsize}")
    most = codes.dtype.type((1 << layout.stored) - 1)
    if syntax in NATIVE or layout.signed:
        return (codes >> (layout.high_bit + 1 - layout.stored)) & most
    # A lossy method may overshoot white; cut to its lowest bits it would come out black.
    return np.minimum(codes, most)


def _native(frames: bytes, syntax: UID, layout: PixelLayout) -> np.ndarray:
    order, count = ">" if syntax == ExplicitVRBigEndian else "<", layout.rows * layout.columns
    size = count * layout.allocated // 8
    if len(frames) < size * layout.frames:
        raise RadiographError(DAMAGED)
    if order == ">" and layout.allocated == 8 and layout.words:
        words = np.frombuffer(frames, "u1", count + count % 2)
        pixels = words.reshape(-1, 2)[:, ::-1].reshape(-1)[:count]
    else:
        pixels = np.frombuffer(frames, f"{order}u{layout.allocated // 8}", count)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False).reshape(layout.rows, layout.columns)


def _rle(frame: bytes, layout: PixelLayout) -> np.ndarray:
    dtype = np.dtype(f"u{layout.allocated // 8}")
    if int.from_bytes(frame[:4], "little") != dtype.itemsize:  # a segment a byte
        raise RadiographError(DAMAGED)
    # Into a buffer of the right size, since a byte of the stream may stand for 64 of the picture.
    buffer = bytearray(layout.rows * layout.columns * dtype.itemsize)
    decoded = imagecodecs.dicomrle_decode(frame, dtype, out=buffer)
    if len(decoded) != len(buffer):
        raise RadiographError(DAMAGED)
    return np.frombuffer(decoded, dtype).reshape(layout.rows, layout.columns)


def _jpeg_2000(frame: bytes, layout: PixelLayout) -> np.ndarray:
    # Some writers keep the boxes of a .jp2 file around the codestream.
    start = frame.find(_START_OF_CODESTREAM + _SIZES, 0, 1024)
    if start < 0:
        raise RadiographError(DAMAGED)
    tiles, position = _check_main_header(frame, start + 2, layout)
    _check_tiles(frame, position, tiles)
    return imagecodecs.jpeg2k_decode(frame[start:])


def _check_main_header(data: bytes, position: int, layout: PixelLayout) -> tuple[int, int]:
    """Refuse a main header that asks for another picture, or for endless work (T.800 Annex A.5).

    Returns:
        The number of tiles, and where the first of them starts.
    """
    tiles = 0
    for _ in range(_MAX_SEGMENTS):
        marker = data[position : position + 2]
        if marker == _START_OF_TILE:
            return tiles, position
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        body = data[position + 4 : position + 2 + length]
        if marker == _SIZES and len(body) == 39:  # of one component
            tiles = _count_tiles(body, layout)
        elif marker == _CODING_STYLE and len(body) >= 10:
            layers, precincts = int.from_bytes(body[2:4], "big"), body[10:] if body[0] & 1 else b""
            small = any(min(sides & 0x0F, sides >> 4) < _LEAST_PRECINCT for sides in precincts[1:])
            if layers > _MAX_LAYERS or small:
                raise RadiographError(DAMAGED)
        position += 2 + length
    raise RadiographError(DAMAGED)


def _count_tiles(sizes: bytes, layout: PixelLayout) -> int:
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top = (
        int.from_bytes(sizes[place : place + 4], "big") for place in range(2, 34, 4)
    )
    if (right - left, bottom - top) != (layout.columns, layout.rows) or not (tile_width and tile_height):
        raise RadiographError(DAMAGED)
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    if not 0 < tiles <= _MAX_TILES or sizes[37:39] != b"\1\1":  # a sample a pixel
        raise RadiographError(DAMAGED)
    return tiles


def _check_tiles(data: bytes, position: int, tiles: int) -> None:
    """Refuse a codestream that lacks a tile or a tile's later parts: the decoder would leave them grey or coarse."""
    seen: dict[int, int] = {}
    stated: dict[int, int] = {}  # often in a tile's last part only; 0 says nothing
    for _ in range(_MAX_TILE_PARTS):
        if data[position : position + 2] != _START_OF_TILE:
            break
        tile, length, count = (
            int.from_bytes(data[position + at : position + end], "big") for at, end in ((4, 6), (6, 10), (11, 12))
        )
        seen[tile] = seen.get(tile, 0) + 1
        stated[tile] = max(stated.get(tile, 0), count)
        position = position + length if length else data.rfind(_END_OF_CODESTREAM)
    whole = all(seen[tile] == (stated[tile] or 1) for tile in seen)
    if data[position : position + 2] != _END_OF_CODESTREAM or len(seen) != tiles or not whole:
        raise RadiographError(DAMAGED)
