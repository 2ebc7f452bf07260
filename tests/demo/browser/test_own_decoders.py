"""What no browser decodes and no library is taken for, decoded in Node: it needs nothing from npm."""

import base64
import json

import cv2
import imagecodecs
import numpy as np
import pytest

from .film_files import DEEP, GREY, by_opencv, difference, lossless_jpegs, shades, tiff, tiffs, twelve_bit_jpegs


@pytest.fixture
def read_in_node(node, tmp_path):
    """Films → what demo/browser/radiograph/reading.js says of them."""

    def run(films):
        (tmp_path / "cases.json").write_text(json.dumps([len(film) for film in films]))
        (tmp_path / "films").write_bytes(b"".join(films))
        node("read.mjs", tmp_path / "cases.json", tmp_path / "films", tmp_path / "out.json")
        answers = json.loads((tmp_path / "out.json").read_text())
        for answer in answers:
            if answer["error"] is None:
                pixels = np.frombuffer(base64.b64decode(answer["pixels"]), np.uint8)
                answer["pixels"] = pixels.reshape(answer["height"], answer["width"])
        return answers

    return run


def differing(read_in_node, films):
    answers = read_in_node(list(films.values()))
    found = {name: difference(data, answer) for (name, data), answer in zip(films.items(), answers, strict=True)}
    return {name: fault for name, fault in found.items() if fault}


@pytest.mark.parametrize("make", [tiffs, lossless_jpegs, twelve_bit_jpegs])
def test_a_film_has_the_greys_that_python_reads(read_in_node, make):
    assert differing(read_in_node, make()) == {}


def test_it_says_how_deep_a_film_is_stored(read_in_node):
    films = [tiff(GREY[..., None]), tiff(DEEP[..., None]), imagecodecs.jpeg8_encode(DEEP, level=90, bitspersample=12)]
    assert [answer["bits"] for answer in read_in_node(films)] == [8, 16, 12]


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_a_tiff_cut_short_or_damaged_is_refused_in_the_same_words(read_in_node, compression):
    whole = tiff(DEEP[..., None], compression=compression, rows=20)
    shares = {f"{share} of it": whole[: int(len(whole) * share)] for share in (0.02, 0.3, 0.6, 0.9, 0.999)}
    faults = {
        "a strip beyond the end": tiff(DEEP[..., None], compression=compression, further={273: (10**8,)}),
        "too few strips": tiff(DEEP[..., None], compression=compression, rows=20, further={273: (8,)}),
        "more rows than there are": tiff(DEEP[..., None], compression=compression, further={257: (200,)}),
    }
    assert differing(read_in_node, shares | faults) == {}


def test_a_tiff_that_python_does_not_read_is_refused_in_the_same_words(read_in_node):
    films = {
        "64 bits": tiff(GREY[..., None].astype(np.uint64)),
        "JPEG inside": tiff(GREY[..., None], further={259: (7,)}),
        "no photometric": tiff(GREY[..., None], photometric=1, further={262: ()}),
        "CMYK": tiff(np.dstack([GREY] * 4), photometric=5),
        "no pixels": tiff(GREY[..., None], further={256: (0,)}),
        "too many pixels": tiff(GREY[..., None], further={256: (10_000,), 257: (10_000,)}),
        "a tag twice": tiff(GREY[..., None]).replace(b"\x15\x01\x04\0", b"\x16\x01\x04\0"),
    }
    assert differing(read_in_node, films) == {}


@pytest.mark.parametrize("dtype", ["i1", "i2", "u4", "f4", "f8"])
def test_a_tiff_of_deeper_samples_is_refused_here(read_in_node, dtype):
    kinds = {"i": (2,), "u": (1,), "f": (3,)}
    film = tiff(GREY[..., None].astype(dtype), further={339: kinds[dtype[0]]})
    assert difference(film, {"error": None, "pixels": None}) == "other greys"  # Python reads it
    assert read_in_node([film])[0]["error"]["key"] == "browser.no_deep_tiff"


@pytest.mark.parametrize("make", [lossless_jpegs, twelve_bit_jpegs])
def test_a_jpeg_with_a_byte_changed_is_refused_or_read_as_python_reads_it(read_in_node, make):
    rng = np.random.default_rng(3)
    films = {}
    for name, whole in make().items():
        place = int(rng.integers(whole.index(b"\xff\xda") + 12, len(whole) - 2))
        films[f"{name}, byte {place}"] = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        films[f"{name}, without its last part"] = whole[: len(whole) * 2 // 3] + b"\xff\xd9"
    answers = read_in_node(list(films.values()))
    for (name, data), answer in zip(films.items(), answers, strict=True):
        # Libjpeg, which Python has for these, goes on over a code that is none; here the film is refused.
        assert answer["error"] is not None or difference(data, answer) is None, name
    assert sum(answer["error"] is not None for answer in answers) >= len(films) // 2


def test_a_progressive_jpeg_of_twelve_bits_is_refused(read_in_node):
    sequential = imagecodecs.jpeg8_encode(DEEP, level=90, bitspersample=12)
    at = sequential.index(b"\xff\xc1") + 1
    film = sequential[:at] + b"\xc2" + sequential[at + 1 :]
    assert read_in_node([film])[0]["error"]["key"] in ("browser.no_deep_jpeg", "reader.jpeg_scans")


def test_other_films_are_read_in_node_too(read_in_node):
    films = {
        "png": by_opencv(".png", DEEP),
        "bmp": by_opencv(".bmp", cv2.merge([GREY, shades(1), shades(2)])),
        "text": b"Dear colleague,",
    }
    assert differing(read_in_node, films) == {}
