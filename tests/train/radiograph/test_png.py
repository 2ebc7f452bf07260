"""PNG: nothing is left for libpng to find, which would leave its memory behind; rows of every kind count."""

import resource
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.radiograph import RadiographError, read_radiograph

GREY = np.add.outer(np.arange(40) * 3, np.arange(30) * 4).astype(np.uint8)


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, depth, colour, stream, *, interlaced=0, extra=()):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", stream), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class TestPng:
    def test_a_cut_stream_costs_nothing_at_the_hundredth_try(self):
        rows = bytes(2001) * 2000
        data = png(2000, 2000, 8, 0, zlib.compress(rows)[:-40])
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(data)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(50):
            with pytest.raises(RadiographError, match="damaged"):
                read_radiograph(data)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB; leaked: 200,000

    def test_no_fault_is_left_for_the_decoder_to_find(self, monkeypatch):
        monkeypatch.setattr(imagecodecs, "png_decode", lambda data: pytest.fail("the decoder was called"))
        rows = b"".join(b"\0" + row.tobytes() for row in GREY)
        streams = [zlib.compress(rows)[:-3], zlib.compress(rows[:-1]), zlib.compress(b"\5" + rows[1:]), b"", b"abc"]
        streams.append(zlib.compress(rows + bytes(100_000)))
        for stream in streams:
            with pytest.raises(RadiographError):
                read_radiograph(png(30, 40, 8, 0, stream))
        palette = chunk(b"PLTE", bytes(768))
        for extra in (
            (),
            (palette, palette),
            (chunk(b"PLTE", bytes(7)),),
            (chunk(b"PLTE", b""),),
            (chunk(b"CgBI", b"1"), palette),
        ):
            with pytest.raises(RadiographError):
                read_radiograph(png(30, 40, 8, 3, zlib.compress(rows), extra=extra))

    @given(
        st.sampled_from([(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (4, 8), (4, 16), (6, 8), (6, 16)]),
        st.integers(1, 40),
        st.integers(1, 40),
        st.booleans(),
    )
    @settings(max_examples=150, deadline=None)
    def test_rows_of_every_kind_are_counted_right(self, kind, width, height, interlaced):
        (colour, depth), samples = kind, {0: 1, 2: 3, 4: 2, 6: 4}[kind[0]]
        steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        rows = b""
        for left, top, right, down in steps if interlaced else [(0, 0, 1, 1)]:
            columns = len(range(left, width, right))
            rows += (b"\0" + b"\x55" * -(-columns * samples * depth // 8)) * (
                len(range(top, height, down)) if columns else 0
            )
        read = read_radiograph(png(width, height, depth, colour, zlib.compress(rows), interlaced=int(interlaced)))
        assert read.shape == (height, width)
        with pytest.raises(RadiographError):
            read_radiograph(png(width, height, depth, colour, zlib.compress(rows[:-1]), interlaced=int(interlaced)))
