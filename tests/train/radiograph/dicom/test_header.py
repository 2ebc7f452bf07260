"""Optional elements that are empty, malformed or contradictory; one parser for the transfer syntax."""

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGLosslessSV1

from train.radiograph import FilmWarning, RadiographError, read_radiograph, read_with_warnings

PIXELS = np.linspace(0, 4095, 600).astype(np.uint16).reshape(20, 30)
RIGHT = np.rint(PIXELS * (255 / 4095))


def element(group, number, vr, value):
    value += b" " * (len(value) % 2)
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def before_the_pixels(film, *elements):
    at = film.index(b"\xe0\x7f\x10\x00")
    return film[:at] + b"".join(elements) + film[at:]


class TestOptionalElements:
    @pytest.mark.parametrize("compressed", [False, True])
    @pytest.mark.parametrize(
        ("keyword", "wrong"),
        [
            ("WindowCenter", element(0x28, 0x1050, b"DS", b"2047,5") + element(0x28, 0x1051, b"DS", b"4096")),
            ("WindowCenter", element(0x28, 0x1050, b"DS", b"AUTO") + element(0x28, 0x1051, b"DS", b"4096")),
            ("WindowCenter", element(0x28, 0x1050, b"DS", b"2047\\4095") + element(0x28, 0x1051, b"DS", b"4096")),
            ("WindowWidth", element(0x28, 0x1050, b"DS", b"2047") + element(0x28, 0x1051, b"DS", b"****")),
            ("WindowWidth", element(0x28, 0x1050, b"DS", b"2047") + element(0x28, 0x1051, b"DS", b"inf")),
            ("RescaleSlope", element(0x28, 0x1053, b"DS", b"1,0")),
            ("RescaleSlope", element(0x28, 0x1053, b"DS", b"0")),
            ("RescaleIntercept", element(0x28, 0x1052, b"DS", b"none")),
            ("HighBit", element(0x28, 0x102, b"US", b"")),
            ("HighBit", element(0x28, 0x102, b"US", struct.pack("<H", 7))),
            ("HighBit", element(0x28, 0x102, b"US", struct.pack("<H", 16))),
            ("BitsStored", element(0x28, 0x101, b"US", b"")),
            ("BitsStored", element(0x28, 0x101, b"US", struct.pack("<H", 0))),
            ("BitsStored", element(0x28, 0x101, b"US", struct.pack("<H", 17))),
            ("NumberOfFrames", element(0x28, 8, b"IS", b"1 of 1")),
            ("NumberOfFrames", element(0x28, 8, b"IS", b"-1")),
            ("PixelPaddingValue", element(0x28, 0x120, b"US", struct.pack("<2H", 4096, 4096))),
        ],
    )
    def test_is_left_out_with_a_warning(self, dicom, keyword, wrong, compressed):
        stream = [imagecodecs.jpeg8_encode(PIXELS, bitspersample=12, lossless=True)] if compressed else None
        options = {"syntax": JPEGLosslessSV1, "streams": stream} if compressed else {}
        data = before_the_pixels(dicom(PIXELS, bits=12, **options), wrong)
        film, notes = read_with_warnings(data)
        assert f"the DICOM element {keyword} cannot be used and is left out" in notes
        np.testing.assert_array_equal(film, RIGHT)

    @pytest.mark.parametrize("value", [None, b"", b"MONOCHROME", b"1"])
    def test_without_a_photometric_interpretation_low_values_are_dark(self, dicom, value):
        data = dicom(PIXELS, bits=12, PhotometricInterpretation=None)
        if value is not None:
            data = before_the_pixels(data, element(0x28, 4, b"CS", value))
        with pytest.warns(FilmWarning, match="taken as MONOCHROME2"):
            np.testing.assert_array_equal(read_radiograph(data), RIGHT)

    @pytest.mark.parametrize(
        "elements",
        [element(0x28, 2, b"US", b""), element(0x28, 4, b"CS", b"monochrome2"), element(0x28, 0x1050, b"DS", b"")],
    )
    def test_is_read_without_a_word(self, dicom, elements):
        np.testing.assert_array_equal(read_radiograph(before_the_pixels(dicom(PIXELS, bits=12), elements)), RIGHT)

    @pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated"])
    def test_what_pixels_cannot_do_without_is_named(self, dicom, keyword):
        with pytest.raises(RadiographError, match=f"does not say its {keyword}"):
            read_radiograph(dicom(PIXELS, bits=12, **{keyword: None}))

    @pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "PALETTE COLOR"])
    def test_colours_are_refused_whatever_their_samples(self, dicom, photometric):
        with pytest.raises(RadiographError, match="a colour picture"):
            read_radiograph(dicom(PIXELS, bits=12, PhotometricInterpretation=photometric))


class TestTransferSyntax:
    """A deflated file is inflated by nobody, however its syntax is written."""

    @pytest.fixture
    def no_inflating(self, monkeypatch):
        monkeypatch.setattr(zlib, "decompress", None)
        monkeypatch.setattr(zlib, "decompressobj", None)

    def meta(self, *elements):
        return b"\0" * 128 + b"DICM" + b"".join(elements) + zlib.compress(b"\0" * 100_000)[2:-4]

    @pytest.mark.parametrize("vr", [b"UI", b"LO", b"UN", b"UC", b"UT", b"UR"])
    def test_whatever_the_vr_of_elements_before_it(self, vr, no_inflating):
        long = vr in (b"UN", b"UC", b"UT", b"UR")
        odd = (
            struct.pack("<HH2s", 2, 3, vr) + (b"\0\0" + struct.pack("<I", 2) if long else struct.pack("<H", 2)) + b"12"
        )
        deflated = element(2, 0x10, b"UI", DeflatedExplicitVRLittleEndian.encode())
        with pytest.raises(RadiographError, match=r"not read \(Deflated Explicit VR Little Endian\)"):
            read_radiograph(self.meta(odd, deflated))

    def test_named_twice(self, no_inflating):
        plain = element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1\0")
        deflated = element(2, 0x10, b"UI", DeflatedExplicitVRLittleEndian.encode())
        with pytest.raises(RadiographError, match="names two transfer syntaxes"):
            read_radiograph(self.meta(plain, deflated))

    def test_written_without_a_vr(self, dicom):
        film = dicom(PIXELS, bits=12)
        end = 132 + 12 + int.from_bytes(film[140:144], "little")
        syntax = b"1.2.840.10008.1.2.1\0"
        meta = struct.pack("<HHI", 2, 0x10, len(syntax)) + syntax
        film_of_old = film[:132] + meta + film[end:]
        assert read_with_warnings(film_of_old)[1] == ()
        np.testing.assert_array_equal(read_radiograph(film_of_old), RIGHT)
