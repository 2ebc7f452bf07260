"""BMP: nothing of a header is divided by or trusted unchecked; whole pictures of any writer are read."""

import contextlib
import io
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from train.radiograph import RadiographError, read_radiograph

GREY = np.add.outer(np.arange(40) * 3, np.arange(30) * 4).astype(np.uint8)


def bit_fields(masks, depth, height=2, width=3, header=40, words=None):
    """A BMP of bit fields, top row first."""
    row = (width * depth + 31) // 32 * 4
    start = 14 + max(header, 52)
    words = np.zeros((height, width), f"<u{depth // 8}") if words is None else words
    body = b"".join(line.tobytes().ljust(row, b"\0") for line in words)
    info = struct.pack("<IiiHHIIiiII", header, width, -height, 1, depth, 3, len(body), 0, 0, 0, 0)
    return (
        struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start)
        + (info + struct.pack("<3I", *masks)).ljust(start - 14, b"\0")
        + body
    )


class TestBmp:
    @pytest.mark.parametrize("depth", [16, 32])
    @pytest.mark.parametrize(
        "masks",
        [
            (0, 0, 0),
            (0xFF00, 0x0FF0, 0x000F),
            (0x0505, 0x00F0, 0x0A00),
            (0x1F0000000, 0, 0),
            (0xF800, 0xF800, 0x001F),
        ],
        ids=["none", "overlap", "holes", "too high", "the same"],
    )
    def test_masks_that_cannot_be(self, masks, depth):
        masks = tuple(mask & 0xFFFFFFFF for mask in masks)
        if masks[0] == 0xF0000000 and depth == 32:
            pytest.skip("the highest bits of 32")
        with pytest.raises(RadiographError, match="BMP is damaged"):
            read_radiograph(bit_fields(masks, depth))

    @pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
    @pytest.mark.parametrize(
        ("depth", "masks"),
        [
            (16, (0xF800, 0x07E0, 0x001F)),
            (16, (0x7C00, 0x03E0, 0x001F)),
            (16, (0xFF00, 0x00FF, 0)),
            (16, (0, 0xFFFF, 0)),
            (32, (0xFF0000, 0xFF00, 0xFF)),
            (32, (0x3FF00000, 0xFFC00, 0x3FF)),
            (32, (0, 0xFFFFFFFF, 0)),
        ],
    )
    def test_channels_are_taken_apart_by_their_masks(self, depth, masks, header):
        words = np.random.default_rng(1).integers(0, 1 << depth, (5, 7), dtype=np.uint64)
        channels = []
        for mask in masks:
            shift = (mask & -mask).bit_length() - 1 if mask else 0
            channels.append((words & mask) / mask * 255 if mask else np.zeros(words.shape))
            assert mask == 0 or (mask >> shift) & 1
        expected = cv2.cvtColor(np.rint(np.dstack(channels)).astype(np.uint8), cv2.COLOR_RGB2GRAY)
        film = read_radiograph(bit_fields(masks, depth, 5, 7, header, words.astype(f"<u{depth // 8}")))
        assert np.abs(film.astype(int) - expected).max() <= 1

    @given(st.binary(min_size=54, max_size=54), st.sampled_from([12, 40, 52, 56, 64, 108, 124]))
    @settings(max_examples=300, deadline=None)
    def test_any_header_ends_in_a_film_or_one_line(self, body, header):
        data = b"BM" + body[:12] + struct.pack("<I", header) + body[12:] + bytes(2000)
        with contextlib.suppress(RadiographError):
            assert read_radiograph(data).ndim == 2

    @pytest.mark.parametrize("size", [0, 7, 2**32 - 1])
    def test_file_size_in_the_header_does_not_matter(self, size):
        data = cv2.imencode(".bmp", GREY)[1].tobytes()
        np.testing.assert_array_equal(read_radiograph(data[:2] + struct.pack("<I", size) + data[6:]), GREY)

    @pytest.mark.parametrize("depth", [8, 24])
    def test_core_header(self, depth):
        palette = b"".join(bytes([grey] * 3) for grey in range(256)) if depth == 8 else b""
        rows = GREY[::-1] if depth == 8 else np.repeat(GREY[::-1], 3, axis=1)
        body = b"".join(row.tobytes().ljust(-(-len(row) // 4) * 4, b"\0") for row in rows)
        start = 26 + len(palette)
        head = struct.pack("<2sIHHIIHHHH", b"BM", start + len(body), 0, 0, start, 12, 30, 40, 1, depth)
        np.testing.assert_array_equal(read_radiograph(head + palette + body), GREY)

    @pytest.mark.parametrize("depth", [1, 4, 8])
    @pytest.mark.parametrize("top_first", [False, True])
    def test_every_depth_of_indices_against_pillow(self, depth, top_first):
        width, height = 37, 20
        indices = np.random.default_rng(depth).integers(0, 1 << depth, (height, width))
        colours = np.random.default_rng(1).integers(0, 256, (1 << depth, 4)).astype(np.uint8)
        colours[:, 3] = 0
        bits = (indices[..., np.newaxis] >> np.arange(depth - 1, -1, -1)) & 1
        rows = [np.packbits(row.ravel()).tobytes() for row in bits]
        body = b"".join(row.ljust(-(-len(row) // 4) * 4, b"\0") for row in rows)
        start, shown = 54 + colours.size, -height if top_first else height
        head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, start, 40, width, shown, 1, depth, 0, 0, 0, 0, 0, 0)
        data = head + colours.tobytes() + body
        with Image.open(io.BytesIO(data)) as picture:
            expected = cv2.cvtColor(np.asarray(picture.convert("RGB")), cv2.COLOR_RGB2GRAY)
        np.testing.assert_array_equal(read_radiograph(data), expected)

    def test_palette_in_a_file_without_indices(self):
        data = cv2.imencode(".bmp", np.dstack([GREY] * 3))[1].tobytes()
        with_palette = data[:10] + struct.pack("<I", 54 + 1024) + data[14:46] + struct.pack("<I", 256) + data[50:54]
        np.testing.assert_array_equal(read_radiograph(with_palette + bytes(1024) + data[54:]), GREY)
