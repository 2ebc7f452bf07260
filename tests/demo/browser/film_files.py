"""Films of every kind as files, made of random greys, and where the browser reads them otherwise than Python."""

import io
import struct
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import imagecodecs
import numpy as np
from PIL import Image

from demo.language.catalogue import wording
from train.radiograph import RadiographError, read_with_warnings


def shades(seed: int = 0, most: int = 255, shape: tuple[int, int] = (81, 59)) -> np.ndarray:
    """A soft picture of random greys from 0 to `most`."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal(shape), (0, 0), 3)
    return cv2.normalize(noise, None, 0, most, cv2.NORM_MINMAX).round().astype(np.uint16 if most > 255 else np.uint8)


GREY, DEEP = shades(), shades(most=4095)
COLOUR = np.dstack([shades(1), shades(2), shades(3)])


def by_pillow(picture: np.ndarray, kind: str, mode: str | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(picture)
    (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


def by_opencv(suffix: str, picture: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, picture, list(options))[1].tobytes()


def lossless_jpegs() -> dict[str, bytes]:
    """Lossless JPEG of every predictor and of depths between."""
    return {
        f"{bits} bits, predictor {predictor}": imagecodecs.jpeg8_encode(
            shades(bits, 2**bits - 1), lossless=True, bitspersample=bits, predictor=predictor
        )
        for predictor in range(1, 8)
        for bits in (8, 11, 12, 16)
    }


def twelve_bit_jpegs() -> dict[str, bytes]:
    """JPEG of 12 bits: soft, and of noise that overshoots black and white."""
    noise = np.random.default_rng(9).integers(0, 2, (43, 77), np.uint16) * 4095
    pictures = {"soft": DEEP, "noise": noise}
    return {
        f"{name}, quality {level}": imagecodecs.jpeg8_encode(picture, level=level, bitspersample=12)
        for name, picture in pictures.items()
        for level in (5, 60, 90, 100)
    }


def tiff(
    samples: np.ndarray,
    *,
    order: str = "<",
    big: bool = False,
    compression: int = 1,
    photometric: int = 1,
    rows: int | None = None,
    tile: tuple[int, int] | None = None,
    separate: bool = False,
    predictor: bool = False,
    further: Mapping[int, tuple[int, ...]] | None = None,
    pages: tuple[int, ...] = (0,),
    deflate: Callable[[bytes], bytes] = imagecodecs.zlib_encode,
) -> bytes:
    """A TIFF of [H, W, C] samples, for what no library writes.

    Args:
        order: "<" or ">".
        big: offsets of 64 bits (BigTIFF).
        rows: of a strip; all where it is None.
        tile: height and width of tiles instead of strips.
        further: tag → values (LONG), instead of or beside those that follow from the rest.
        pages: where the directory's successor stands.
        deflate: compressor of compression 8.
    """
    height, width, channels = samples.shape
    planes = [samples[..., [channel]] for channel in range(channels)] if separate else [samples]
    pieces = [
        _packed(piece, order, compression, predictor, deflate)
        for plane in planes
        for piece in _pieces(plane, rows, tile)
    ]
    offset_tag, size_tag = (324, 325) if tile else (273, 279)
    header = 16 if big else 8
    offsets = np.cumsum([header, *map(len, pieces)])
    tags: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: (samples.itemsize * 8,) * channels,
        259: (compression,),
        262: (photometric,),
        offset_tag: tuple(map(int, offsets[:-1])),
        277: (channels,),
        size_tag: tuple(map(len, pieces)),
        **({322: (tile[1],), 323: (tile[0],)} if tile else {278: (rows or height,)}),
        **({284: (2,)} if separate else {}),
        **({317: (2,)} if predictor else {}),
        **(further or {}),
    }
    pointer, count = ("Q", "Q") if big else ("I", "H")
    place = int(offsets[-1]) + struct.calcsize("=" + count) + len(tags) * (20 if big else 12) + struct.calcsize(pointer)
    entries, values = b"", b""
    for tag, numbers in sorted(tags.items()):
        body = struct.pack(f"{order}{len(numbers)}I", *numbers)
        kept = body if len(body) <= struct.calcsize(pointer) else struct.pack(order + pointer, place + len(values))
        values += b"" if kept is body else body
        entries += struct.pack(f"{order}HH{pointer}", tag, 4, len(numbers)) + kept.ljust(
            struct.calcsize(pointer), b"\0"
        )
    directory = struct.pack(order + count, len(tags)) + entries + struct.pack(order + pointer, pages[0]) + values
    start = struct.pack(order + "HHHQ", 43, 8, 0, offsets[-1]) if big else struct.pack(order + "HI", 42, offsets[-1])
    return {"<": b"II", ">": b"MM"}[order] + start + b"".join(pieces) + directory


def _pieces(plane: np.ndarray, rows: int | None, tile: tuple[int, int] | None) -> list[np.ndarray]:
    height, width = plane.shape[:2]
    if tile is None:
        return [plane[top : top + (rows or height)] for top in range(0, height, rows or height)]
    padded = np.pad(plane, ((0, -height % tile[0]), (0, -width % tile[1]), (0, 0)))
    return [
        padded[top : top + tile[0], left : left + tile[1]]
        for top in range(0, height, tile[0])
        for left in range(0, width, tile[1])
    ]


def _packed(
    piece: np.ndarray, order: str, compression: int, predictor: bool, deflate: Callable[[bytes], bytes]
) -> bytes:
    if predictor:
        piece = np.concatenate([piece[:, :1], np.diff(piece, axis=1)], axis=1)
    plain = piece.astype(piece.dtype.newbyteorder(order)).tobytes()
    encoders: dict[int, Callable[[bytes], bytes]] = {
        1: bytes, 5: imagecodecs.lzw_encode, 8: deflate, 32946: imagecodecs.zlib_encode,
        32773: imagecodecs.packbits_encode,
    }  # fmt: skip
    return bytes(encoders[compression](plain))


def bits_reversed(samples: np.ndarray) -> np.ndarray:
    """uint8 samples with their lowest bit first."""
    return np.packbits(np.unpackbits(samples[..., np.newaxis], axis=-1)[..., ::-1], axis=-1)[..., 0]


def tiffs() -> dict[str, bytes]:
    """TIFF of every layout that the browser reads."""
    rng = np.random.default_rng(11)
    grey, deep, pair = GREY[..., None], DEEP[..., None], np.dstack([GREY, shades(8)])
    deep_colour = np.dstack([shades(seed, 60_000) for seed in (1, 2, 3)])
    noise = rng.integers(0, 65536, (210, 190, 1), np.uint16)  # LZW's table runs full
    flat = np.full((300, 200, 1), 7, np.uint8)
    colours = {320: tuple(map(int, rng.integers(0, 65536, 768)))}
    pale_colours = {320: tuple(map(int, rng.integers(0, 256, 768)))}
    films = {
        "by OpenCV": by_opencv(".tiff", GREY),
        "by OpenCV, deep": by_opencv(".tiff", DEEP),
        "by Pillow, colour": by_pillow(COLOUR, "TIFF"),
        "by Pillow, a palette": by_pillow(COLOUR, "TIFF", "P"),
        "by Pillow, LZW": by_pillow(COLOUR, "TIFF", compression="tiff_lzw"),
        "by Pillow, Deflate": by_pillow(DEEP, "TIFF", compression="tiff_adobe_deflate"),
        "by Pillow, PackBits": by_pillow(GREY, "TIFF", compression="packbits"),
        "white is zero": tiff(grey, photometric=0),
        "white is zero, deep": tiff(deep, photometric=0, order=">"),
        "a palette": tiff(grey, photometric=3, further=colours),
        "a palette of low halves": tiff(grey, photometric=3, further=pale_colours),
        "grey and alpha": tiff(pair, further={338: (2,)}),
        "RGB and alpha": tiff(np.dstack([COLOUR, GREY]), photometric=2, further={338: (2,)}),
        "deep RGB": tiff(deep_colour, photometric=2, compression=8, predictor=True),
        "noise, LZW": tiff(noise, compression=5),
        "flat, LZW": tiff(flat, compression=5),
        "strips without sizes": tiff(grey, further={279: (0,)}),
        "rows of 0": tiff(grey, further={278: (0,)}),
        "a dead pixel": tiff(np.where(np.indices(deep.shape).sum(axis=0) == 0, 65535, deep).astype(np.uint16)),
        "a broken list of pages": tiff(grey, pages=(7,)),
        "two pages": by_pillow(GREY, "TIFF", save_all=True, append_images=[Image.fromarray(GREY)]),
        "lowest bit first": tiff(bits_reversed(grey), further={266: (2,)}),
        **{f"orientation {value}": tiff(grey, further={274: (value,)}) for value in (2, 5, 6, 8)},
    }  # fmt: skip
    for order in "<>":
        for compression in (1, 5, 8, 32946, 32773):
            for big in (False, True):
                name = f"order {order}, compression {compression}{', 64 bits' if big else ''}"
                options = {"order": order, "compression": compression, "big": big}
                films[f"{name}, strips"] = tiff(deep, rows=7, predictor=compression in (5, 8), **options)
                films[f"{name}, tiles"] = tiff(COLOUR, photometric=2, tile=(16, 32), **options)
                films[f"{name}, planes"] = tiff(COLOUR, photometric=2, rows=30, separate=True, **options)
    return films


def said(line: Mapping[str, Any]) -> str:
    """A line of the browser's, in English."""
    texts = wording("en").texts
    return texts[line["key"]].format(**{name: texts.get(value, value) for name, value in line["values"].items()})


def difference(data: bytes, answer: Mapping[str, Any]) -> str | None:
    """How the browser's answer differs from what Python says of a film; None where it does not."""
    try:
        greys, warnings = read_with_warnings(data)
    except RadiographError as error:
        found = "read" if answer["error"] is None else said(answer["error"])
        return None if found == str(error) else f"{found}, for: {error}"
    if answer["error"] is not None:
        return said(answer["error"])
    if not np.array_equal(answer["pixels"], greys):
        return "other greys"
    return None if tuple(map(said, answer["notes"])) == warnings else f"warns of {answer['notes']}"
