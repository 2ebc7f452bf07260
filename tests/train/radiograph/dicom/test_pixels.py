"""Compressed DICOM films: each method gives the stored pixels, all of them, or an error."""

import struct

import cv2
import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from train.radiograph import RadiographError, read_radiograph, read_with_warnings


def must_not_decode(*arguments, **options):
    pytest.fail("a decoder was called")


def shades(bits, dtype=np.uint16, shape=(60, 45)):
    """A smooth picture that fills the range of `bits`, signed or not."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal(shape), (0, 0), 3)
    codes = cv2.normalize(noise, None, 0, (1 << bits) - 1, cv2.NORM_MINMAX).round().astype(np.int64)
    return (codes - (1 << (bits - 1)) if np.dtype(dtype).kind == "i" else codes).astype(dtype)


def compressed(syntax, pixels, bits):
    """The stream of one frame: the stored bits without sign, as encoders write them."""
    codes = (pixels.astype(np.int64) & ((1 << bits) - 1)).astype(np.uint8 if bits <= 8 else np.uint16)
    if syntax == JPEGBaseline8Bit:
        return cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    if syntax == JPEGExtended12Bit:
        return imagecodecs.jpeg8_encode(codes, level=95, bitspersample=12)
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        predictor = 1 if syntax == JPEGLosslessSV1 else 6
        return imagecodecs.jpeg8_encode(codes, lossless=True, predictor=predictor, bitspersample=max(bits, 2))
    if syntax in (JPEGLSLossless, JPEGLSNearLossless):
        return imagecodecs.jpegls_encode(codes, level=2 if syntax == JPEGLSNearLossless else 0)
    if syntax == JPEG2000:
        return imagecodecs.jpeg2k_encode(codes, level=60, codecformat="j2k", bitspersample=bits)
    return imagecodecs.jpeg2k_encode(codes, level=0, codecformat="j2k", bitspersample=bits)


def film_of(dicom, syntax, pixels, bits, **elements):
    streams = None if syntax == RLELossless else [compressed(syntax, pixels, bits)]
    return dicom(pixels, syntax=syntax, bits=bits, streams=streams, **elements)


EXACT = (RLELossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless)
LOSSY = ((JPEGBaseline8Bit, 8), (JPEGExtended12Bit, 12), (JPEGLSNearLossless, 12), (JPEG2000, 12), (JPEG2000, 8))
STREAMS = (*((syntax, 12) for syntax in EXACT[1:]), *LOSSY)


class TestDecoding:
    @pytest.mark.parametrize("syntax", EXACT)
    @pytest.mark.parametrize(
        ("dtype", "bits"), [("u1", 8), ("u2", 10), ("u2", 12), ("u2", 15), ("u2", 16), ("i2", 12), ("i2", 16)]
    )
    def test_lossless_methods_give_what_is_stored(self, dicom, syntax, dtype, bits):
        pixels = shades(bits, dtype)
        plain = read_radiograph(dicom(pixels, bits=bits))
        assert plain.max() - plain.min() > 250
        np.testing.assert_array_equal(read_radiograph(film_of(dicom, syntax, pixels, bits)), plain)

    @pytest.mark.parametrize(("syntax", "bits"), LOSSY)
    def test_lossy_methods_come_near(self, dicom, syntax, bits):
        pixels = shades(bits, np.uint8 if bits == 8 else np.uint16)
        film = read_radiograph(film_of(dicom, syntax, pixels, bits))
        assert np.abs(film.astype(int) - read_radiograph(dicom(pixels, bits=bits))).max() <= 3

    def test_what_overshoots_white_stays_white(self, dicom):
        pixels = np.zeros((64, 64), np.uint16)
        pixels[13:50, 13:50] = 1023
        stream = imagecodecs.jpeg8_encode(pixels, level=60, bitspersample=12)
        assert imagecodecs.jpeg8_decode(stream).max() > 1023
        film = read_radiograph(dicom(pixels, syntax=JPEGExtended12Bit, bits=10, streams=[stream]))
        assert film[14:49, 14:49].min() > 200

    def test_signed_jpeg_2000_codestream(self, dicom):
        pixels = shades(16, np.int16)
        stream = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k")
        film = read_radiograph(dicom(pixels, syntax=JPEG2000Lossless, streams=[stream]))
        np.testing.assert_array_equal(film, read_radiograph(dicom(pixels)))

    def test_jpeg_2000_in_the_boxes_of_a_jp2_file(self, dicom):
        pixels = shades(12)
        stream = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="jp2", bitspersample=12)
        assert stream[4:8] == b"jP  "
        film = read_radiograph(dicom(pixels, bits=12, syntax=JPEG2000Lossless, streams=[stream]))
        np.testing.assert_array_equal(film, read_radiograph(dicom(pixels, bits=12)))

    @pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
    def test_first_frame_of_several_with_a_warning(self, dicom, syntax):
        frames = np.stack([shades(12), shades(12)[::-1], shades(12)])
        streams = [compressed(syntax, frame, 12) for frame in frames]
        data = dicom(frames, syntax=syntax, bits=12, streams=streams, NumberOfFrames=3)
        film, notes = read_with_warnings(data)
        np.testing.assert_array_equal(film, read_radiograph(dicom(frames[0], bits=12)))
        assert notes == ("the file holds 3 frames: only the first was read",)

    def test_frame_in_several_fragments(self, dicom):
        pixels = shades(12)
        stream = compressed(JPEGLSLossless, pixels, 12)
        split = encapsulate([stream], fragments_per_frame=4)
        assert split.count(b"\xfe\xff\x00\xe0") == 5
        data = dicom(pixels, bits=12, syntax=JPEGLSLossless, streams=[stream], PixelData=split)
        np.testing.assert_array_equal(read_radiograph(data), read_radiograph(dicom(pixels, bits=12)))

    def test_padding_and_window_hold_for_compressed_pixels_too(self, dicom):
        pixels = shades(12)
        pixels[:5] = 4095
        elements = {"WindowCenter": 2000, "WindowWidth": 1500, "PhotometricInterpretation": "MONOCHROME1"}
        for padding in ({}, {"PixelPaddingValue": 4095}):
            plain = read_radiograph(dicom(pixels, bits=12, **elements, **padding))
            film = read_radiograph(film_of(dicom, JPEG2000Lossless, pixels, 12, **elements, **padding))
            np.testing.assert_array_equal(film, plain)


class TestRefusal:
    @pytest.mark.parametrize(("syntax", "bits"), STREAMS)
    def test_streams_cut_anywhere_with_and_without_an_end(self, dicom, syntax, bits):
        pixels = shades(bits, np.uint8 if bits == 8 else np.uint16)
        stream = compressed(syntax, pixels, bits)
        for length in {len(stream) * part // 20 for part in range(20)} | {len(stream) - 3, len(stream) - 9}:
            for end in (b"", b"\xff\xd9"):
                cut = (stream[:length] or b"\0") + end
                with pytest.raises(RadiographError):
                    read_radiograph(dicom(pixels, bits=bits, syntax=syntax, streams=[cut]))

    def test_rle_cut_anywhere(self, dicom):
        pixels = shades(12)
        data = dicom(pixels, bits=12, syntax=RLELossless)
        start = data.index(b"\xfe\xff\x00\xe0", data.index(b"\xe0\x7f\x10\x00") + 20) + 8
        size = struct.unpack("<I", data[start - 4 : start])[0]
        stream = data[start : start + size]
        uid, named = JPEGLSLossless.encode(), RLELossless.encode().ljust(len(JPEGLSLossless), b"\0")
        for length in (size, *(size * part // 20 for part in range(1, 20)), size - 2, size - 4):
            film = dicom(pixels, bits=12, syntax=JPEGLSLossless, streams=[stream[:length]]).replace(uid, named)
            if length == size:
                np.testing.assert_array_equal(read_radiograph(film), read_radiograph(data))
                continue
            with pytest.raises(RadiographError):
                read_radiograph(film)

    @pytest.mark.parametrize(("syntax", "bits"), STREAMS)
    @pytest.mark.parametrize("lie", [{"Rows": 59}, {"Columns": 46}, {"Rows": 45, "Columns": 60}, {"Rows": 6000}])
    def test_header_and_stream_of_different_sizes(self, dicom, syntax, bits, lie):
        pixels = shades(bits, np.uint8 if bits == 8 else np.uint16)
        with pytest.raises(RadiographError):
            read_radiograph(film_of(dicom, syntax, pixels, bits, **lie))

    def test_colour_stream_in_a_grey_film(self, dicom):
        colour = np.dstack([shades(8, np.uint8)] * 3)
        for syntax, stream in (
            (JPEGLSLossless, imagecodecs.jpegls_encode(colour)),
            (JPEG2000Lossless, imagecodecs.jpeg2k_encode(colour, level=0, codecformat="j2k")),
        ):
            with pytest.raises(RadiographError):
                read_radiograph(dicom(colour[..., 0], syntax=syntax, streams=[stream]))

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (8, struct.pack(">I", 60_000)),  # width
            (24, struct.pack(">II", 1, 1)),  # a tile a pixel
            (24, struct.pack(">II", 0, 0)),
            (24, struct.pack(">II", 30, 60)),  # two tiles, one of them is not there
        ],
    )
    def test_jpeg_2000_header_that_lies_is_refused_before_decoding(self, dicom, place, value, monkeypatch):
        pixels = shades(12)
        stream = compressed(JPEG2000Lossless, pixels, 12)
        monkeypatch.setattr(imagecodecs, "jpeg2k_decode", must_not_decode)
        lying = stream[:place] + value + stream[place + len(value) :]
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(dicom(pixels, bits=12, syntax=JPEG2000Lossless, streams=[lying]))

    def test_jpeg_2000_of_endless_tiles(self, dicom, monkeypatch):
        stream = compressed(JPEG2000Lossless, shades(12), 12)
        sizes = struct.pack(">8I", 200, 200, 0, 0, 1, 1, 0, 0)
        tiles = (b"\xff\x90\0\x0a" + struct.pack(">HIBB", tile, 14, 0, 1) + b"\xff\x93" for tile in range(40_000))
        endless = stream[:8] + sizes + stream[40 : stream.index(b"\xff\x90")] + b"".join(tiles) + b"\xff\xd9"
        pixels = np.zeros((200, 200), np.uint16)
        monkeypatch.setattr(imagecodecs, "jpeg2k_decode", must_not_decode)
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(dicom(pixels, bits=12, syntax=JPEG2000Lossless, streams=[endless]))

    def test_jpeg_2000_without_the_later_parts_of_its_tile(self, dicom):
        pixels = shades(12)
        stream = compressed(JPEG2000Lossless, pixels, 12)
        count = stream.index(b"\xff\x90") + 11
        assert stream[count] == 1
        for parts in (2, 6):
            lacking = stream[:count] + bytes([parts]) + stream[count + 1 :]
            with pytest.raises(RadiographError, match="damaged"):
                read_radiograph(dicom(pixels, bits=12, syntax=JPEG2000Lossless, streams=[lacking]))

    @pytest.mark.parametrize("layers", [0x7FFF, 0xFFFF])
    def test_jpeg_2000_of_endless_layers(self, dicom, layers, monkeypatch):
        pixels = shades(12)
        stream = compressed(JPEG2000Lossless, pixels, 12)
        place = stream.index(b"\xff\x52") + 6
        monkeypatch.setattr(imagecodecs, "jpeg2k_decode", must_not_decode)
        endless = stream[:place] + struct.pack(">H", layers) + stream[place + 2 :]
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(dicom(pixels, bits=12, syntax=JPEG2000Lossless, streams=[endless]))
