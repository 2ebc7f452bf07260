"""What stands around a whole JPEG, JPEG 2000 or TIFF, and the bits of its samples that count."""

import io
import struct

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from train.radiograph import FilmWarning, RadiographError, read_radiograph, read_with_warnings

NOISE = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((80, 60)), (0, 0), 3)
GREY = cv2.normalize(NOISE, None, 0, 255, cv2.NORM_MINMAX).round().astype(np.uint8)
DEEP = cv2.normalize(NOISE, None, 0, 4095, cv2.NORM_MINMAX).round().astype(np.uint16)
NAMES = ["grey.jpg", "colour.jpg", "progressive.jpg", "colour progressive.jpg", "12 bit.jpg", "lossless.jpg", "ls.jpg"]


def segments(jpeg):
    """Where each segment before the first scan's data starts."""
    place = 2
    while jpeg[place + 1] != 0xDA:
        yield place
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    yield place


class TestJpeg:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("filler", [b"\0", b"\0" * 200, b"\xff\0", b"junk", b"\xff\xff\xff"])
    def test_filler_between_segments(self, films, name, filler):
        right = read_radiograph(films[name])
        for place in segments(films[name]):
            data = films[name][:place] + filler + films[name][place:]
            np.testing.assert_array_equal(read_radiograph(data), right)

    @pytest.mark.parametrize("name", ["grey.jpg", "colour.jpg", "progressive.jpg"])
    @pytest.mark.parametrize("body", [b"Adobe\0\x64\0\0\0\0\2", b"Adobe\0\x64\0\0\0\0\xff", b"Adobe", b"Adobe\0\x64\0"])
    def test_odd_adobe_segment(self, films, name, body):
        data = films[name][:2] + b"\xff\xee" + struct.pack(">H", len(body) + 2) + body + films[name][2:]
        np.testing.assert_array_equal(read_radiograph(data), read_radiograph(films[name]))

    @pytest.mark.parametrize("colours", ["YCBCR", "CMYK"])
    @pytest.mark.parametrize("subsampling", [0, 1, 2, "4:1:1"])
    def test_any_subsampling(self, colours, subsampling):
        planes = [GREY] * 3 if colours == "YCBCR" else [255 - GREY] * 3 + [np.zeros_like(GREY)]
        buffer = io.BytesIO()
        picture = Image.fromarray(np.dstack(planes), "RGB" if colours == "YCBCR" else "CMYK")
        picture.save(buffer, "JPEG", quality=95, subsampling=subsampling)
        assert np.abs(read_radiograph(buffer.getvalue()).astype(int) - GREY).mean() < 3


class TestJpeg2000:
    STREAM = imagecodecs.jpeg2k_encode(DEEP, codecformat="j2k", reversible=True, level=0, bitspersample=12)

    def test_without_an_end_marker(self, dicom):
        right = read_radiograph(dicom(DEEP, bits=12, syntax=JPEG2000Lossless, streams=[self.STREAM]))
        no_end = dicom(DEEP, bits=12, syntax=JPEG2000Lossless, streams=[self.STREAM[:-2]])
        np.testing.assert_array_equal(read_radiograph(no_end), right)

    @pytest.mark.parametrize("parts", [0, 1])
    @pytest.mark.parametrize("end", [b"\xff\xd9", b""])
    def test_number_of_parts_that_is_not_said(self, dicom, parts, end):
        stream = bytearray(self.STREAM[:-2] + end)
        stream[stream.index(b"\xff\x90") + 11] = parts
        film = read_radiograph(dicom(DEEP, bits=12, syntax=JPEG2000Lossless, streams=[bytes(stream)]))
        np.testing.assert_array_equal(film, np.rint(DEEP * (255 / 4095)))

    def test_cut_without_an_end_marker(self, dicom):
        for lost in (*range(3, 20), 100, len(self.STREAM) // 2):
            with pytest.raises(RadiographError):
                read_radiograph(dicom(DEEP, bits=12, syntax=JPEG2000Lossless, streams=[self.STREAM[:-lost]]))


def tiff(tags, link=0):
    """An uncompressed TIFF of one strip, with these tags in the place of the right ones; None leaves out."""
    height, width = GREY.shape
    right = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: height, 279: GREY.size}
    entries = {tag: value for tag, value in {**right, **tags}.items() if value is not None}
    start = 8 + 2 + 12 * len(entries) + 4
    for place in (273, 324):
        if place in entries:
            entries[place] = start
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", link)


class TestTiff:
    @pytest.mark.parametrize("tags", [{279: None}, {279: 0}, {278: 0}, {278: None}, {279: 0, 278: 0}])
    def test_strips_whose_size_is_not_said(self, tags):
        np.testing.assert_array_equal(read_radiograph(tiff(tags) + GREY.tobytes()), GREY)
        with pytest.raises(RadiographError, match="cut short"):
            read_radiograph(tiff(tags) + GREY.tobytes()[:-1])

    @pytest.mark.parametrize("link", [8, 0x7FFFFFFF, 1_000, 3])
    def test_broken_next_page(self, link):
        film, notes = read_with_warnings(tiff({}, link) + GREY.tobytes())
        np.testing.assert_array_equal(film, GREY)
        assert len(notes) == 1

    def test_places_of_tiles_in_the_tags_of_strips(self):
        tile = np.zeros((128, 128), np.uint8)
        tile[:80, :60] = GREY
        data = tiff({278: None, 279: None, 322: 128, 323: 128}) + tile.tobytes()
        np.testing.assert_array_equal(read_radiograph(data), GREY)

    def test_without_a_photometric_interpretation_the_reason_is_named(self):
        with pytest.raises(RadiographError, match="whether 0 is black or white"):
            read_radiograph(tiff({262: None}) + GREY.tobytes())

    def test_more_bytes_than_a_film_may_take(self):
        with pytest.raises(RadiographError, match="320 MB of samples are more than the limit of 200 MB"):
            read_radiograph(tiff({256: 5000, 257: 4000, 258: 64, 277: 2, 339: 3}))


class TestBitsThatCount:
    """Bits above the stored ones are no part of a pixel, whatever the transfer syntax (PS3.5 section 8.1.1)."""

    OVERLAY = DEEP | np.where(np.indices(DEEP.shape).sum(0) % 7 == 0, np.uint16(0x8000), np.uint16(0))

    @pytest.mark.parametrize("encode", [
        (ExplicitVRLittleEndian, None),
        (ExplicitVRBigEndian, None),
        (RLELossless, None),
        (JPEGLosslessSV1, lambda film: imagecodecs.jpeg8_encode(film, bitspersample=16, lossless=True)),
        (JPEGLSLossless, imagecodecs.jpegls_encode),
        (JPEG2000Lossless, lambda film: imagecodecs.jpeg2k_encode(film, codecformat="j2k", reversible=True, level=0)),
        (JPEG2000, lambda film: imagecodecs.jpeg2k_encode(film, codecformat="j2k", reversible=True, level=0)),
    ])  # fmt: skip
    @pytest.mark.parametrize("window", [{}, {"WindowCenter": 2048, "WindowWidth": 4096}])
    def test_overlay_in_the_unused_bits(self, dicom, encode, window):
        syntax, stream = encode
        streams = None if stream is None else [stream(self.OVERLAY)]
        film = read_radiograph(dicom(self.OVERLAY, bits=12, syntax=syntax, streams=streams, **window))
        np.testing.assert_array_equal(film, np.rint(DEEP * (255 / 4095)))

    @pytest.mark.parametrize("stored", [8, 10, 12, 16])
    @pytest.mark.parametrize("encode", [
        (JPEGBaseline8Bit, lambda film: imagecodecs.jpeg8_encode(film, level=100)),
        (JPEGLosslessSV1, lambda film: imagecodecs.jpeg8_encode(film, lossless=True)),
        (JPEGLSLossless, imagecodecs.jpegls_encode),
        (JPEG2000Lossless, lambda film: imagecodecs.jpeg2k_encode(film, codecformat="j2k", reversible=True, level=0)),
    ])  # fmt: skip
    @pytest.mark.parametrize("window", [{}, {"WindowCenter": 2048, "WindowWidth": 4096}])
    def test_8_bit_stream_under_a_deeper_header(self, dicom, encode, stored, window):
        syntax, stream = encode
        deep = GREY.astype(np.uint16)
        film, _ = read_with_warnings(dicom(deep, bits=stored, syntax=syntax, streams=[stream(GREY)], **window))
        assert np.abs(film.astype(int) - GREY).max() <= 1

    def test_window_of_a_lossless_stream_of_fewer_bits_holds(self, dicom):
        stream = imagecodecs.jpeg8_encode(DEEP, bitspersample=12, lossless=True)
        window = {"WindowCenter": 1000, "WindowWidth": 1500}
        right = read_radiograph(dicom(DEEP, bits=16, **window))
        film = read_radiograph(dicom(DEEP, bits=16, syntax=JPEGLosslessSV1, streams=[stream], **window))
        np.testing.assert_array_equal(film, right)

    @pytest.mark.parametrize("padding", [{"PixelPaddingValue": 2000}, {"PixelPaddingValue": 100}])
    def test_padding_of_the_stored_bits_is_not_that_of_rescaled_pixels(self, dicom, padding):
        stream, deep = [imagecodecs.jpeg8_encode(GREY, level=100)], GREY.astype(np.uint16)
        plain, notes = read_with_warnings(dicom(deep, bits=12, syntax=JPEGBaseline8Bit, streams=stream))
        film = read_with_warnings(dicom(deep, bits=12, syntax=JPEGBaseline8Bit, streams=stream, **padding))
        np.testing.assert_array_equal(film[0], plain)
        assert film[1] == notes

    def test_rescaled_pixels_warn_of_the_window_left_out(self, dicom):
        stream = [imagecodecs.jpeg8_encode(GREY, level=100)]
        film = dicom(GREY.astype(np.uint16), bits=12, syntax=JPEGBaseline8Bit, streams=stream)
        with pytest.warns(FilmWarning, match="fewer bits than the DICOM header says"):
            read_radiograph(film)
