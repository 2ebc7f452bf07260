"""The browser's films have the greys that Python's have; what the browser refuses, it refuses in Python's words."""

import struct
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest

from train.radiograph import RadiographError, read_with_warnings

from .dicom_films import compressed_dicoms, dicoms, streams
from .film_files import (
    COLOUR,
    DEEP,
    GREY,
    by_opencv,
    by_pillow,
    difference,
    lossless_jpegs,
    said,
    shades,
    tiff,
    tiffs,
    twelve_bit_jpegs,
)

pytestmark = pytest.mark.slow

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@pytest.fixture(scope="module")
def decoder(film_page):
    """The page without any network: it decodes."""
    assert film_page.load() == {"cards": [], "faults": {}}
    return film_page


def with_segment(jpeg, marker, body):
    """A JPEG with one more segment behind its first marker."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def turned(orientation):
    entry = struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + b"\0\0\0\0"
    return with_segment(by_opencv(".jpg", COLOUR), 0xE1, exif)


def jpegs():
    plain = by_opencv(".jpg", COLOUR)
    rgb = imagecodecs.jpeg8_encode(COLOUR, level=90, colorspace="RGB", outcolorspace="RGB")
    return {
        "grey": by_opencv(".jpg", GREY),
        "colour": plain,
        "colour at full size": by_opencv(".jpg", COLOUR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111),
        "colour of half width": by_opencv(".jpg", COLOUR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x211111),
        "progressive": by_opencv(".jpg", COLOUR, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "restarts": by_opencv(".jpg", COLOUR, cv2.IMWRITE_JPEG_RST_INTERVAL, 3),
        "rgb": rgb,
        "a profile": with_segment(plain, 0xE2, b"ICC_PROFILE\0\1\1" + bytes(200)),
        "a comment": with_segment(plain, 0xFE, b"somebody's words"),
        "a transform that never was": with_segment(plain, 0xEE, b"Adobe\0\x64\0\0\0\0\7"),
        "cmyk": by_pillow(COLOUR, "JPEG", "CMYK", quality=92),
        **{f"orientation {value}": turned(value) for value in range(1, 9)},
    }


def png(samples, depth, colour, *, interlaced=False, palette=None, deflate=zlib.compress):
    """A PNG of [H, W, C] samples without filters, for what no library writes."""
    height, width = samples.shape[:2]
    rows = b""
    for left, top, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        part = samples[top::down, left::across]
        if part.size:
            lines = part.reshape(len(part), -1)
            bits = np.unpackbits(lines.astype(">u2").view(np.uint8), axis=1).reshape(len(part), -1, 16)[
                ..., 16 - depth :
            ]
            packed = np.packbits(bits.reshape(len(part), -1), axis=1)
            rows += b"".join(b"\0" + line.tobytes() for line in packed)

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    colours = b"" if palette is None else chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    body = chunk(b"IHDR", header) + colours + chunk(b"IDAT", deflate(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def pngs():
    rng = np.random.default_rng(4)
    films = {
        "filtered grey": by_pillow(GREY, "PNG"),
        "filtered colour": by_pillow(COLOUR, "PNG"),
        "filtered 12 of 16 bits": by_opencv(".png", DEEP),
        "a dead pixel": by_opencv(".png", np.where(np.indices(DEEP.shape).sum(axis=0) == 0, 65535, DEEP).astype("u2")),
        "flat and deep": by_opencv(".png", np.full((30, 20), 700, np.uint16)),
        "transparent": by_pillow(np.dstack([COLOUR, shades(5)]), "PNG"),
    }
    kinds = {0: ((1, 2, 4, 8, 16), 1), 2: ((8, 16), 3), 3: ((1, 2, 4, 8), 1), 4: ((8, 16), 2), 6: ((8, 16), 4)}
    for colour, (depths, channels) in kinds.items():
        for depth in depths:
            samples = rng.integers(0, 2**depth, (23, 13, channels))
            palette = rng.integers(0, 256, (2**depth, 3)) if colour == 3 else None
            for interlaced in (False, True):
                name = f"colour type {colour}, {depth} bits{', interlaced' if interlaced else ''}"
                films[name] = png(samples, depth, colour, interlaced=interlaced, palette=palette)
    return films


def deflated(level, strategy=zlib.Z_DEFAULT_STRATEGY, behind=b"\0"):
    """A compressor that leaves bytes behind its stream."""

    def deflate(data):
        stream = zlib.compressobj(level, strategy=strategy)
        return stream.compress(data) + stream.flush() + behind

    return deflate


def films_with_bytes_behind_a_stream():
    whole, samples = shades(9, 60_000)[..., None], shades(8)[..., None]
    kinds = {
        "stored": deflated(0),
        "fixed codes": deflated(9, zlib.Z_FIXED),
        "codes of its own": deflated(9),
        "codes of its own, and much behind": deflated(6, behind=bytes(70_000)),
        "another stream behind": deflated(6, behind=zlib.compress(b"another")),
    }
    films = {f"PNG, {name}": png(whole, 16, 0, deflate=deflate) for name, deflate in kinds.items()}
    films |= {f"TIFF, {name}": tiff(samples, compression=8, rows=40, deflate=kind) for name, kind in kinds.items()}
    return films


def bmps():
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    words = np.random.default_rng(6).integers(0, 65536, (20, 8), np.uint16)
    header = struct.pack("<IiiHHIIiiII", 40, 8, -20, 1, 16, 3, words.nbytes, 0, 0, 0, 0) + masks
    bit_fields = b"BM" + struct.pack("<IHHI", 14 + len(header) + words.nbytes, 0, 0, 14 + len(header)) + header
    return {
        "grey": by_opencv(".bmp", GREY),
        "colour": by_opencv(".bmp", COLOUR),
        "one bit": by_pillow(GREY, "BMP", "1"),
        "palette": by_pillow(COLOUR, "BMP", "P"),
        "bit fields": bit_fields + words.tobytes(),
    }


def webps():
    return {
        "lossy": by_opencv(".webp", COLOUR, cv2.IMWRITE_WEBP_QUALITY, 80),
        "lossless": by_opencv(".webp", COLOUR, cv2.IMWRITE_WEBP_QUALITY, 101),
        "lossy and transparent": by_pillow(np.dstack([COLOUR, shades(5)]), "WEBP", quality=80),
        "turned": by_pillow(COLOUR, "WEBP", exif=turned(6)[12:12 + 26]),
    }  # fmt: skip


def differing(decoder, films):
    """Which films the browser reads otherwise than Python, and how."""
    found = {name: difference(data, decoder.read(data)) for name, data in films.items()}
    return {name: fault for name, fault in found.items() if fault}


def test_the_luma_of_any_jpeg_is_the_decoders_own(decoder):
    assert differing(decoder, jpegs()) == {}


def test_any_png_has_the_same_greys(decoder):
    assert differing(decoder, pngs()) == {}


def test_bytes_behind_a_stream_are_ignored_as_python_ignores_them(decoder):
    films = films_with_bytes_behind_a_stream()
    for film in films.values():
        read_with_warnings(film)
    assert differing(decoder, films) == {}


def test_any_bmp_has_the_same_greys(decoder):
    assert differing(decoder, bmps()) == {}


def test_a_webp_has_the_same_greys(decoder):
    assert differing(decoder, webps()) == {}


def test_a_dicom_film_has_the_same_greys_and_warnings(decoder, dicom):
    assert differing(decoder, dicoms(dicom)) == {}


def test_a_dicom_film_of_any_compression_has_the_same_greys(decoder, dicom):
    assert differing(decoder, compressed_dicoms(dicom)) == {}


def test_what_no_browser_decodes_has_the_same_greys(decoder):
    films = {name: data for make in (tiffs, lossless_jpegs, twelve_bit_jpegs) for name, data in make().items()}
    assert differing(decoder, dict(list(films.items())[::4])) == {}  # all of them in test_own_decoders.py


def test_a_jpeg_ls_file_has_the_same_greys(decoder):
    films = {f"{bits} bits": imagecodecs.jpegls_encode(shades(bits, 2**bits - 1)) for bits in (2, 8, 10, 16)}
    films["a comment"] = with_segment(films["10 bits"], 0xFE, b"somebody's words")
    assert differing(decoder, films) == {}


@pytest.mark.parametrize("name", ["JPEG 2000", "JPEG 2000 in tiles", "JPEG-LS"])
def test_a_compressed_stream_cut_short_or_changed_is_refused_wherever_python_refuses_it(decoder, dicom, name):
    syntax, whole = streams()[name]
    rng = np.random.default_rng(5)
    films = {f"{share} of it": whole[: int(len(whole) * share)] for share in (0.02, 0.3, 0.6, 0.9, 0.99)}
    for place in rng.integers(len(whole) // 3, len(whole), 12):
        films[f"byte {place}"] = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
    assert differing(
        decoder,
        {name: dicom(DEEP, bits=12, syntax=syntax, streams=[data]) for name, data in films.items()},
    ) == {}  # fmt: skip


@pytest.mark.parametrize("kind", ["jpeg", "png", "bmp", "webp", "dicom"])
def test_a_film_cut_short_is_refused_in_the_same_words(decoder, dicom, kind):
    whole = {
        "jpeg": by_opencv(".jpg", COLOUR, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "png": by_pillow(COLOUR, "PNG"),
        "bmp": by_opencv(".bmp", GREY),
        "webp": by_opencv(".webp", COLOUR),
        "dicom": dicom(DEEP, bits=12),
    }[kind]
    for share in (0.02, 0.3, 0.6, 0.9, 0.999):
        data = whole[: int(len(whole) * share)]
        with pytest.raises(RadiographError) as refused:
            read_with_warnings(data)
        assert said(decoder.read(data)["error"]) == str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Dear colleague,",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"PK\x03\x04" + bytes(40),
        b"\0\1\2\3" * 20,
        png(np.zeros((2, 2, 1), int), 8, 0)[:16] + struct.pack(">II", 30_000, 30_000) + bytes(20),
    ],
)
def test_what_is_no_film_is_refused_in_the_same_words(decoder, data):
    with pytest.raises(RadiographError) as refused:
        read_with_warnings(data)
    assert said(decoder.read(data)["error"]) == str(refused.value)


@pytest.mark.parametrize(
    ("key", "make"),
    [
        ("browser.no_alpha", lambda dicom: by_pillow(np.dstack([COLOUR, shades(5)]), "WEBP", lossless=True)),
    ],
)
def test_what_python_reads_and_the_browser_does_not_is_refused(decoder, dicom, key, make):
    data = make(dicom)
    read_with_warnings(data)
    assert decoder.read(data)["error"] == {"key": key, "values": {}}


@pytest.mark.parametrize(
    "options",
    [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 3)],
    ids=["sequential", "progressive", "restarts"],
)
def test_a_jpeg_with_a_byte_changed_is_refused_wherever_python_refuses_it(decoder, options):
    whole = by_opencv(".jpg", COLOUR, *options)
    rng = np.random.default_rng(7)
    faults, refusals, stricter = [], 0, 0
    for place in rng.integers(whole.index(b"\xff\xda"), len(whole), 60):
        data = whole[:place] + bytes([whole[place] ^ int(rng.integers(1, 256))]) + whole[place + 1 :]
        answer = decoder.read(data)
        try:
            greys = read_with_warnings(data)[0]
        except RadiographError as error:
            refusals += 1
            if answer["error"] is None or said(answer["error"]) != str(error):
                faults.append(place)
        else:
            # A strict decoder does not always notice a few bytes too many: it has read ahead.
            stricter += answer["error"] is not None
            if answer["error"] is None and not np.array_equal(answer["pixels"], greys):
                faults.append(place)
    assert faults == []
    assert 0 < refusals < 60
    assert stricter <= 2
