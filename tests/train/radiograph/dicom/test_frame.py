"""What stands around a whole picture in a DICOM file does not refuse it."""

import struct

import imagecodecs
import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, RLELossless

from train.radiograph import FilmWarning, RadiographError, read_radiograph

PIXELS = np.linspace(0, 4095, 600).astype(np.uint16).reshape(20, 30)
RIGHT = np.rint(PIXELS * (255 / 4095))
STREAM = imagecodecs.jpeg8_encode(PIXELS, bitspersample=12, lossless=True)
CLOSED = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def item(body):
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(body) + len(body) % 2) + body + b"\0" * (len(body) % 2)


def with_items(film, *items, end=CLOSED):
    """The film, with these items in the place of its pixels."""
    at = film.index(b"\xe0\x7f\x10\x00")
    return film[:at] + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + b"".join(map(item, items)) + end


@pytest.fixture
def jpeg(dicom):
    return dicom(PIXELS, bits=12, syntax=JPEGLosslessSV1, streams=[STREAM])


class TestTail:
    @pytest.mark.parametrize(
        "end",
        [
            b"",
            b"\0" * 16,
            struct.pack("<HHI", 0xFFFE, 0xE00D, 0),
            struct.pack("<HHI", 0xFFFE, 0xE0DD, 0xFFFFFFFF),
            b"\xff" * 64,
            CLOSED + b"\0" * 3_000_000,
        ],
        ids=["none", "zeros", "of an item", "of undefined length", "ones", "zeros behind"],
    )
    def test_fragments_however_they_are_closed(self, jpeg, end):
        np.testing.assert_array_equal(read_radiograph(with_items(jpeg, b"", STREAM, end=end)), RIGHT)

    @pytest.mark.parametrize("tail", [b"\0" * 8, b"\0" * 3_000_000, b"\xff" * 64, b"\xff\x0f" * 496, b"no DICOM"])
    def test_whatever_follows_pixels_without_compression(self, dicom, tail):
        np.testing.assert_array_equal(read_radiograph(dicom(PIXELS, bits=12) + tail), RIGHT)


class TestFragments:
    @pytest.mark.parametrize("table", [b"", struct.pack("<I", 0), struct.pack("<2I", 0, 40), b"\xff" * 40])
    def test_offset_table_of_one_frame_does_not_matter(self, jpeg, table):
        half = len(STREAM) // 2 & ~1
        np.testing.assert_array_equal(read_radiograph(with_items(jpeg, table, STREAM[:half], STREAM[half:])), RIGHT)

    def test_without_an_offset_table(self, jpeg):
        np.testing.assert_array_equal(read_radiograph(with_items(jpeg, STREAM)), RIGHT)

    def test_pixels_without_compression(self, dicom):
        np.testing.assert_array_equal(read_radiograph(with_items(dicom(PIXELS, bits=12), b"", PIXELS.tobytes())), RIGHT)

    @pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEG2000Lossless])
    def test_compressed_pixels_under_a_syntax_without_compression(self, dicom, syntax):
        j2k = imagecodecs.jpeg2k_encode(PIXELS, codecformat="j2k", reversible=True, level=0, bitspersample=12)
        stream = STREAM if syntax == JPEGLosslessSV1 else j2k
        np.testing.assert_array_equal(read_radiograph(with_items(dicom(PIXELS, bits=12), b"", stream)), RIGHT)

    @pytest.mark.parametrize("table", [True, False])
    def test_first_of_several_frames_in_several_fragments(self, dicom, table):
        half, other = (
            len(STREAM) // 2 & ~1,
            imagecodecs.jpeg8_encode(PIXELS[::-1].copy(), bitspersample=12, lossless=True),
        )
        parts = [STREAM[:half], STREAM[half:], other[:half], other[half:]]
        second = sum(8 + len(part) + len(part) % 2 for part in parts[:2])
        film = dicom(PIXELS, bits=12, syntax=JPEGLosslessSV1, streams=[STREAM], NumberOfFrames=2)
        with pytest.warns(FilmWarning, match="2 frames"):
            read = read_radiograph(with_items(film, struct.pack("<2I", 0, second) if table else b"", *parts))
        np.testing.assert_array_equal(read, RIGHT)

    def test_surplus_behind_rle(self, dicom):
        film = dicom(PIXELS, bits=12, syntax=RLELossless)
        start = film.index(b"\xfe\xff\x00\xe0", film.index(b"\xe0\x7f\x10\x00") + 20) + 8
        stream = film[start : start + int.from_bytes(film[start - 4 : start], "little")]
        np.testing.assert_array_equal(read_radiograph(with_items(film, b"", stream + b"\0\x07" * 50)), RIGHT)

    def test_nothing_in_the_fragments(self, jpeg):
        for items in ((), (b"",), (b"", b"")):
            with pytest.raises(RadiographError):
                read_radiograph(with_items(jpeg, *items))

    @pytest.mark.parametrize("lost", [2, 3, 9, 200])
    def test_last_fragment_is_cut(self, jpeg, lost):
        with pytest.raises(RadiographError):
            read_radiograph(with_items(jpeg, b"", STREAM, end=b"")[:-lost])
