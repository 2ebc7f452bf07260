"""The first frame of a DICOM film → codes: the stored bits of each pixel as a number without sign.

One rule for every transfer syntax: bits above the stored ones are no part of a pixel (PS3.5 section 8.1.1). Only a
lossy stream overshoots, and is cut at white instead. Where a stream has fewer bits than the header says, it is the
stream that counts.

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

from train.radiograph.dicom.frame import FrameBytes
from train.radiograph.dicom.header import DAMAGED
from train.radiograph.formats import RadiographError
from train.radiograph.jpeg import JPEG_LS, LOSSLESS_JPEG, decode_jpeg, read_jpeg_header

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
_MAX_RUNS = 5_000_000  # of an RLE segment: a byte each, for some seconds
_REVERSIBLE = 1  # of the two wavelets, the one of whole numbers
_START_OF_JPEG = b"\xff\xd8\xff"
_START_OF_CODESTREAM, _SIZES, _CODING_STYLE = b"\xff\x4f", b"\xff\x51", b"\xff\x52"
_START_OF_TILE, _END_OF_CODESTREAM = b"\xff\x90", b"\xff\xd9"


@dataclass(frozen=True)
class PixelLayout:
    """How the header says pixels are stored; `high_bit` is at least `stored` - 1 and below `allocated`."""

    rows: int
    columns: int
    frames: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool


@dataclass(frozen=True)
class StoredValues:
    """The decoded pixels.

    Attributes:
        codes: uint8 or uint16 [rows, columns], each below 2**bits.
        bits: the stored ones of the header, or of the stream where it has fewer.
        rescaled: a lossy stream of fewer bits: the header's tables and windows are of other values.
    """

    codes: np.ndarray
    bits: int
    rescaled: bool


@dataclass(frozen=True)
class _Samples:
    """What a decoder gave: samples of either sign, how many bits of each are coded, whether the method is lossy."""

    pixels: np.ndarray
    precision: int
    lossy: bool = False


def decode_stored_values(frame: FrameBytes, syntax: UID, layout: PixelLayout) -> StoredValues:
    """Decode the first frame.

    Args:
        frame: all frames where they are not compressed, the first frame's stream where they are.
        syntax: one of DECODABLE.
        layout: what the header says.

    Raises:
        RadiographError: damaged, not all there, or of another size than the header says.
    """
    samples = _decode(frame, syntax, layout)
    pixels = samples.pixels
    if pixels.shape != (layout.rows, layout.columns) or pixels.dtype.kind not in "iu" or pixels.itemsize > 2:
        raise RadiographError(DAMAGED)
    if samples.precision < layout.stored:
        return StoredValues(_lowest_bits(pixels, samples.precision), samples.precision, samples.lossy)
    high_bit = layout.high_bit if layout.high_bit < samples.precision else layout.stored - 1
    shift = high_bit + 1 - layout.stored
    if samples.lossy:
        # Cut to its lowest bits, what overshoots white would come out black.
        least, most = 0, (1 << layout.stored) - 1
        if pixels.dtype.kind == "i":
            least, most = -(1 << (layout.stored - 1)), (1 << (layout.stored - 1)) - 1
        if least or not layout.signed:
            pixels, shift = np.clip(pixels >> shift, least, most), 0
    return StoredValues(_lowest_bits(pixels, layout.stored, shift), layout.stored, rescaled=False)


def _lowest_bits(pixels: np.ndarray, bits: int, shift: int = 0) -> np.ndarray:
    codes = pixels.view(f"u{pixels.itemsize}")
    return (codes >> shift) & codes.dtype.type((1 << bits) - 1)


def _decode(frame: FrameBytes, syntax: UID, layout: PixelLayout) -> _Samples:
    data = frame.data
    # What is in fragments under a syntax without compression may be compressed all the same: its first bytes say.
    if syntax in _JPEG or (frame.in_fragments and syntax in NATIVE and data.startswith(_START_OF_JPEG)):
        return _jpeg(data, syntax)
    if syntax in _JPEG_2000 or (frame.in_fragments and syntax in NATIVE and data.startswith(_START_OF_CODESTREAM)):
        return _jpeg_2000(data, layout)
    if syntax == RLELossless:
        return _rle(data, layout)
    return _Samples(_native(frame, syntax, layout), layout.allocated)


def _jpeg(data: bytes, syntax: UID) -> _Samples:
    header = read_jpeg_header(data)
    lossy = syntax == JPEGLSNearLossless if header.frame.process == JPEG_LS else header.frame.process != LOSSLESS_JPEG
    return _Samples(decode_jpeg(data, header), header.frame.precision, lossy)


def _native(frame: FrameBytes, syntax: UID, layout: PixelLayout) -> np.ndarray:
    order, count = ">" if syntax == ExplicitVRBigEndian else "<", layout.rows * layout.columns
    size = count * layout.allocated // 8
    if len(frame.data) < size * frame.frames:
        raise RadiographError(DAMAGED)
    if order == ">" and layout.allocated == 8 and frame.in_words:
        words = np.frombuffer(frame.data, "u1", count + count % 2)
        pixels = words.reshape(-1, 2)[:, ::-1].reshape(-1)[:count]
    else:
        pixels = np.frombuffer(frame.data, f"{order}u{layout.allocated // 8}", count)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False).reshape(layout.rows, layout.columns)


def _rle(frame: bytes, layout: PixelLayout) -> _Samples:
    segments = int.from_bytes(frame[:4], "little")  # a segment a byte
    if not 1 <= segments <= layout.allocated // 8:
        raise RadiographError(DAMAGED)
    dtype = np.dtype(f"u{segments}")
    # Into a buffer of the right size, since a byte of the stream may stand for 64 of the picture.
    shape = (layout.rows, layout.columns)
    buffer = bytearray(layout.rows * layout.columns * dtype.itemsize)
    try:
        decoded = imagecodecs.dicomrle_decode(frame, dtype, out=buffer)
    except Exception:  # it minds bytes after the last run
        return _Samples(_rle_with_surplus(frame, segments, dtype, shape), 8 * segments)
    if len(decoded) != len(buffer):
        raise RadiographError(DAMAGED)
    return _Samples(np.frombuffer(decoded, dtype).reshape(shape), 8 * segments)


def _rle_with_surplus(frame: bytes, segments: int, dtype: np.dtype, shape: tuple[int, int]) -> np.ndarray:
    """Decode run by run, and stop when the picture is whole (PS3.5 Annex G.3)."""
    offsets = [int.from_bytes(frame[4 * index : 4 * index + 4], "little") for index in range(1, segments + 1)]
    planes = np.zeros((*shape, segments), np.uint8)
    for index, (start, end) in enumerate(zip(offsets, [*offsets[1:], len(frame)], strict=True)):
        plane = _unpack_runs(frame[start:end], shape[0] * shape[1])
        planes[..., index] = np.frombuffer(plane, np.uint8).reshape(shape)
    return planes.view(dtype.newbyteorder(">")).reshape(shape).astype(dtype)  # the highest byte has the first segment


def _unpack_runs(segment: bytes, size: int) -> bytes:
    plane, position = bytearray(), 0
    for _ in range(_MAX_RUNS):
        if len(plane) >= size or position >= len(segment):
            break
        head = segment[position]
        if head < 128:
            plane += segment[position + 1 : position + 2 + head]
            position += 2 + head
        elif head > 128:
            plane += segment[position + 1 : position + 2] * (257 - head)
            position += 2
        else:
            position += 1
    if len(plane) < size:
        raise RadiographError(DAMAGED)
    return bytes(plane[:size])


def _jpeg_2000(frame: bytes, layout: PixelLayout) -> _Samples:
    # Some writers keep the boxes of a .jp2 file around the codestream.
    start = frame.find(_START_OF_CODESTREAM + _SIZES, 0, 1024)
    if start < 0:
        raise RadiographError(DAMAGED)
    main = _check_main_header(frame, start + 2, layout)
    end = _check_tiles(frame, main.end, main.tiles)
    picture = imagecodecs.jpeg2k_decode(frame[start:end] + _END_OF_CODESTREAM)
    return _Samples(picture, main.precision, main.lossy)


@dataclass(frozen=True)
class _MainHeader:
    """Of a JPEG 2000 codestream: how many tiles, where the first one starts, bits a sample, whether it may be lossy."""

    tiles: int
    end: int
    precision: int
    lossy: bool


def _check_main_header(data: bytes, position: int, layout: PixelLayout) -> _MainHeader:
    """Refuse a main header that asks for another picture, or for endless work (T.800 Annex A.5)."""
    tiles, precision, lossy = 0, 0, True
    for _ in range(_MAX_SEGMENTS):
        marker = data[position : position + 2]
        if marker == _START_OF_TILE:
            return _MainHeader(tiles, position, precision, lossy)
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        body = data[position + 4 : position + 2 + length]
        if marker == _SIZES and len(body) == 39:  # of one component
            tiles, precision = _count_tiles(body, layout), (body[36] & 0x7F) + 1
        elif marker == _CODING_STYLE and len(body) >= 10:
            layers, precincts = int.from_bytes(body[2:4], "big"), body[10:] if body[0] & 1 else b""
            small = any(min(sides & 0x0F, sides >> 4) < _LEAST_PRECINCT for sides in precincts[1:])
            if layers > _MAX_LAYERS or small:
                raise RadiographError(DAMAGED)
            lossy = body[9] != _REVERSIBLE
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


def _check_tiles(data: bytes, position: int, tiles: int) -> int:
    """Refuse a codestream that lacks a tile or a tile's later parts: the decoder would leave them grey or coarse.

    It need not say how many parts a tile has, nor that it ends: then all that it begins must be there by its length.

    Returns:
        Where its last part ends.
    """
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
    whole = all(seen[tile] == (stated[tile] or seen[tile]) for tile in seen)
    # Without an end marker nothing follows but the byte that makes a fragment's length even; where none follows, a last
    # byte of 0 may be that one, in the place of a byte that was cut off.
    closed = data[position : position + 2] == _END_OF_CODESTREAM
    ended = closed or data[position:] == b"\0" or (position == len(data) and data[-1] != 0)
    if position < 0 or position > len(data) or not ended or len(seen) != tiles or not whole:
        raise RadiographError(DAMAGED)
    return position
