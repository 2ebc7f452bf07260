"""The grey-scale pipeline of DICOM films, against pydicom's own steps."""

import io
import struct

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from train.radiograph import FilmWarning, read_radiograph, read_with_warnings


def lookup_table(entries, first, bits=16):
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = np.asarray(entries, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    return Sequence([item])


def ramp(low, high, dtype=np.uint16, shape=(20, 30)):
    return np.linspace(low, high, shape[0] * shape[1]).astype(dtype).reshape(shape)


def padded(dicom, pixels, value, limit):
    """A film of 12 bits with padding written as 32 signed bits, which hold every number that may be meant."""
    data = dicom(pixels, bits=12, PixelPaddingValue=1, **({} if limit is None else {"PixelPaddingRangeLimit": 2}))
    letters = b"SS" if pixels.dtype.kind == "i" else b"US"
    for element, number in ((0x120, value), (0x121, limit)):
        head = struct.pack("<2H", 0x28, element) + letters
        start = data.find(head)
        if number is not None:
            assert start > 0
            data = data[:start] + head[:4] + b"SL\4\0" + struct.pack("<i", number) + data[start + 10 :]
    return data


def scaled(values, low, high):
    return np.rint(np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255)


def as_pydicom_shows(data):
    """The reference: pydicom's own modality and VOI steps, first to last grey of the output range."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    pixels = pixel_array(dataset, index=0)
    return apply_voi_lut(apply_modality_lut(pixels, dataset), dataset)


class TestTone:
    def test_monochrome1_is_inverted(self, dicom):
        pixels = ramp(0, 255, np.uint8)
        film = read_radiograph(dicom(pixels, PhotometricInterpretation="MONOCHROME1"))
        np.testing.assert_array_equal(film, 255 - pixels)

    def test_presentation_inverse_says_the_same_as_monochrome1_and_does_not_undo_it(self, dicom):
        pixels = ramp(0, 255, np.uint8)
        for photometric in ("MONOCHROME1", "MONOCHROME2"):
            data = dicom(pixels, PhotometricInterpretation=photometric, PresentationLUTShape="INVERSE")
            np.testing.assert_array_equal(read_radiograph(data), 255 - pixels)

    @pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
    @pytest.mark.parametrize("window", [(2048, 4096), (1500, 700), ([900, 2000], [400, 100])])
    def test_window_is_pydicoms(self, dicom, function, window):
        elements = {} if function is None else {"VOILUTFunction": function}
        data = dicom(ramp(0, 4095), bits=12, WindowCenter=window[0], WindowWidth=window[1], **elements)
        expected = as_pydicom_shows(data) / 4095 * 255
        assert np.abs(read_radiograph(data) - expected).max() <= 0.5 + 1e-6

    def test_window_of_one_grey_is_a_threshold_where_the_film_has_no_more(self, dicom):
        pixels = ramp(0, 100) // 4
        film = read_radiograph(dicom(pixels, WindowCenter=12, WindowWidth=1))
        np.testing.assert_array_equal(film, (pixels >= 12) * 255)

    @pytest.mark.parametrize("window", [(50, 0), (50, -10), (None, 10), (50, None), ([1, 2], 10), (50, [1, 2])])
    def test_window_that_cannot_be_gives_way_to_the_own_range(self, dicom, window):
        elements = {
            name: value
            for name, value in zip(("WindowCenter", "WindowWidth"), window, strict=True)
            if value is not None
        }
        pixels = ramp(100, 900)
        with pytest.warns(FilmWarning, match=r"Window(Center|Width) cannot be used and is left out"):
            film = read_radiograph(dicom(pixels, **elements))
        np.testing.assert_array_equal(film, scaled(pixels, 100, 900))

    @pytest.mark.parametrize("window", [(30, 1.5), (20_000, 4096), (-20_000, 4096), (2000, 60_000), (900, 9)])
    def test_window_that_leaves_nothing_to_see_is_not_used(self, dicom, window):
        pixels = ramp(100, 3000)
        with pytest.warns(FilmWarning, match="window leaves fewer than 32 greys"):
            film = read_radiograph(dicom(pixels, bits=12, WindowCenter=window[0], WindowWidth=window[1]))
        np.testing.assert_array_equal(film, scaled(pixels, 100, 3000))

    def test_window_of_12_bits_on_a_film_of_8_is_not_used(self, dicom):
        pixels = ramp(0, 255, np.uint8)
        with pytest.warns(FilmWarning, match="window leaves fewer than 32 greys"):
            film = read_radiograph(dicom(pixels, WindowCenter=2048, WindowWidth=4096))
        np.testing.assert_array_equal(film, pixels)

    def test_greys_of_rare_pixels_do_not_make_a_window_worth_using(self, dicom):
        pixels = np.linspace(20_000, 24_000, 200 * 200).reshape(200, 200).astype(np.uint16)
        pixels[0, :35] = np.arange(1000, 3800, 80)
        film, notes = read_with_warnings(dicom(pixels, WindowCenter=2048, WindowWidth=4096))
        assert any("window leaves fewer than 32 greys" in note for note in notes)
        assert np.abs(film[1:] - scaled(pixels, 20_000, 24_000)[1:]).max() <= 1

    @pytest.mark.parametrize("window", [("", "")])
    def test_window_that_is_empty_gives_way_to_the_own_range(self, dicom, window):
        elements = {
            name: value
            for name, value in zip(("WindowCenter", "WindowWidth"), window, strict=True)
            if value is not None
        }
        pixels = ramp(100, 900)
        np.testing.assert_array_equal(read_radiograph(dicom(pixels, **elements)), scaled(pixels, 100, 900))

    def test_window_is_applied_after_rescaling(self, dicom):
        data = dicom(ramp(0, 4095), bits=12, RescaleSlope=0.5, RescaleIntercept=-200, WindowCenter=500, WindowWidth=800)
        dataset = pydicom.dcmread(io.BytesIO(data))
        values = pixel_array(dataset) * 0.5 - 200
        expected = np.clip((values - 499.5) / 799 + 0.5, 0, 1) * 255
        assert np.abs(read_radiograph(data) - expected).max() <= 0.5 + 1e-6

    def test_negative_slope_inverts(self, dicom):
        pixels = ramp(0, 255, np.uint8)
        np.testing.assert_array_equal(
            read_radiograph(dicom(pixels, RescaleSlope=-1, RescaleIntercept=255)), 255 - pixels
        )

    def test_modality_lut(self, dicom):
        curve = np.rint(np.linspace(0, 1, 1024) ** 2 * 60000)
        pixels = ramp(0, 1100)
        data = dicom(pixels, bits=11, ModalityLUTSequence=lookup_table(curve, 0))
        expected = apply_modality_lut(pixels, pydicom.dcmread(io.BytesIO(data)))
        np.testing.assert_array_equal(read_radiograph(data), scaled(expected, 0, 60000))

    @pytest.mark.parametrize("bits", [10, 16])
    def test_voi_lut_wins_over_the_window(self, dicom, bits):
        top = (1 << bits) - 1
        curve = np.rint((1 - np.linspace(0, 1, 512) ** 3) * top)
        pixels = ramp(0, 1000)
        data = dicom(pixels, bits=10, VOILUTSequence=lookup_table(curve, 200, bits), WindowCenter=1, WindowWidth=1)
        expected = apply_voi_lut(pixels, pydicom.dcmread(io.BytesIO(data))) / top * 255
        assert np.abs(read_radiograph(data) - expected).max() <= 0.5 + 1e-6

    def test_padding_is_black_and_outside_the_range(self, dicom):
        pixels = ramp(1000, 2000)
        pixels[:, :5] = 65535
        for photometric, film_of in (("MONOCHROME2", lambda x: x), ("MONOCHROME1", lambda x: 255 - x)):
            film = read_radiograph(dicom(pixels, PixelPaddingValue=65535, PhotometricInterpretation=photometric))
            np.testing.assert_array_equal(film[:, :5], 0)
            low, high = pixels[:, 5:].min(), pixels[:, 5:].max()
            assert np.abs(film[:, 5:] - film_of(scaled(pixels[:, 5:], low, high))).max() <= 1

    def test_padding_range(self, dicom):
        pixels = ramp(0, 2000)
        film = read_radiograph(dicom(pixels, PixelPaddingValue=0, PixelPaddingRangeLimit=99))
        np.testing.assert_array_equal(film[pixels < 100], 0)
        lowest = pixels[pixels >= 100].min()
        np.testing.assert_array_equal(film[pixels >= 100], scaled(pixels[pixels >= 100], lowest, 2000))

    def test_padding_value_written_without_its_sign(self, dicom):
        pixels = ramp(0, 1000, np.int16)
        pixels[:, :5] = -2000
        data = dicom(pixels, PixelPaddingValue=-2000)
        wrong = data.replace(b"SS\x02\0" + struct.pack("<h", -2000), b"US\x02\0" + struct.pack("<H", 65536 - 2000))
        assert wrong != data
        np.testing.assert_array_equal(read_radiograph(wrong), read_radiograph(data))
        assert read_radiograph(data)[:, 5:].max() == 255

    @pytest.mark.parametrize("value", [65536 - 2000, 65535, 4096, -2000, 70000])
    @pytest.mark.parametrize("limit", [None, 65535, 2000])
    def test_padding_that_no_pixel_can_have_blackens_none(self, dicom, value, limit):
        pixels = ramp(0, 4095, shape=(64, 64))
        with pytest.warns(FilmWarning, match="PixelPaddingValue cannot be used and is left out"):
            film = read_radiograph(padded(dicom, pixels, value, limit))
        np.testing.assert_array_equal(film, read_radiograph(dicom(pixels, bits=12)))

    @pytest.mark.parametrize("limit", [65535, 4096, 65536 - 2000])
    def test_a_limit_of_padding_that_no_pixel_can_have_is_left_out(self, dicom, limit):
        pixels = ramp(0, 4095, shape=(64, 64))
        with pytest.warns(FilmWarning, match="PixelPaddingRangeLimit cannot be used and is left out"):
            film = read_radiograph(padded(dicom, pixels, 3000, limit))
        np.testing.assert_array_equal(film, read_radiograph(dicom(pixels, bits=12, PixelPaddingValue=3000)))

    @pytest.mark.parametrize("written", [65536 - 2000, 4096 - 2000])
    def test_padding_of_signed_pixels_has_its_sign_in_16_bits_or_in_the_stored_ones(self, dicom, written):
        pixels = ramp(-2047, 2047, np.int16, (64, 64))
        film = read_radiograph(padded(dicom, pixels, written, None))
        assert film[pixels == -2000].tolist() == [0]
        np.testing.assert_array_equal(film[pixels > -2000], read_radiograph(dicom(pixels, bits=12))[pixels > -2000])

    def test_film_of_padding_alone_is_shown(self, dicom):
        np.testing.assert_array_equal(read_radiograph(dicom(np.full((4, 4), 7, np.uint8), PixelPaddingValue=7)), 7)

    @pytest.mark.parametrize(
        "elements",
        [
            {"RescaleSlope": 0},
            {"RescaleSlope": 1e305},
            {"RescaleIntercept": -1e308},
            {"ModalityLUTSequence": lookup_table([1, 2], 0, 0)},
            {"VOILUTSequence": lookup_table([1, 2], 0, 17)},
        ],
    )
    def test_numbers_that_cannot_be_are_left_out(self, dicom, elements):
        with pytest.warns(FilmWarning, match="cannot be used and is left out"):
            film = read_radiograph(dicom(ramp(0, 4095), **elements))
        np.testing.assert_array_equal(film, scaled(ramp(0, 4095), 0, 4095))

    @pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
    @pytest.mark.parametrize("window", [(1e-300, 1e-300), (-1e300, 1e-300), (0, 1e300), (1e300, 1e300)])
    def test_absurd_windows_are_not_used(self, dicom, function, window):
        data = dicom(ramp(0, 4095), WindowCenter=window[0], WindowWidth=window[1], VOILUTFunction=function)
        with pytest.warns(FilmWarning, match=r"not used|left out"):
            film = read_radiograph(data)
        np.testing.assert_array_equal(film, scaled(ramp(0, 4095), 0, 4095))


class TestLutBytes:
    """One identity table, written in every way that means the same."""

    def film(self, dicom, pixels, entries, first, *, bits=16, first_vr="US", data_vr="OW", **elements):
        order = ">" if elements.get("syntax") == ExplicitVRBigEndian else "<"
        table = Dataset()
        table.add_new("LUTDescriptor", first_vr, [len(entries), first & 0xFFFF if first_vr == "US" else first, bits])
        words = np.asarray(entries, f"{order}u2").tobytes() if data_vr == "OW" else np.asarray(entries).tolist()
        table.add_new("LUTData", data_vr, words)
        return read_radiograph(dicom(pixels, VOILUTSequence=Sequence([table]), **elements))

    @pytest.mark.parametrize("bits", [12, 14, 16])
    def test_the_entries_own_range_counts_not_the_descriptors(self, dicom, bits):
        film = self.film(dicom, ramp(0, 4095), np.arange(4096), 0, bits=bits)
        np.testing.assert_array_equal(film, scaled(ramp(0, 4095), 0, 4095))

    @pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
    @pytest.mark.parametrize("data_vr", ["OW", "US"])
    @pytest.mark.parametrize(("intercept", "first"), [(0, 0), (-1024, -1024), (40_000, 40_000)])
    @pytest.mark.parametrize("first_vr", ["US", "SS"])
    def test_sign_and_byte_order_are_those_of_the_pixels(self, dicom, syntax, data_vr, intercept, first, first_vr):
        first = first if first_vr == "US" else (first + 32768) % 65536 - 32768
        elements = {"RescaleSlope": 1, "RescaleIntercept": intercept} if intercept else {}
        pixels = ramp(0, 4095)
        film = self.film(
            dicom, pixels, np.arange(4096) * 16, first, first_vr=first_vr, data_vr=data_vr, bits=16, syntax=syntax,
            **elements,
        )  # fmt: skip
        np.testing.assert_array_equal(film, scaled(pixels, 0, 4095))

    @pytest.mark.parametrize("kept", [4095, 3000, 2100])
    def test_short_table_of_words_is_no_table_of_bytes(self, dicom, kept):
        table = lookup_table(np.arange(4096) * 16, 0)
        table[0].LUTData = table[0].LUTData[: 2 * kept]
        film = read_radiograph(dicom(ramp(0, 4095), bits=12, VOILUTSequence=table))
        np.testing.assert_array_equal(film, scaled(ramp(0, 4095), 0, kept - 1))

    @pytest.mark.parametrize("size", [256, 200])
    def test_table_of_bytes(self, dicom, size):
        table = lookup_table(np.arange(256), 0, 8)
        table[0].LUTData = bytes(range(size))
        film = read_radiograph(dicom(ramp(0, 255, np.uint8), VOILUTSequence=table))
        np.testing.assert_array_equal(film, scaled(ramp(0, 255, np.uint8), 0, size - 1))

    def test_one_wild_entry_does_not_set_the_greys(self, dicom):
        entries = np.arange(4096)
        entries[-1] = 65535
        film = self.film(dicom, ramp(0, 4094), entries, 0)
        assert np.abs(film - scaled(ramp(0, 4094), 0, 4094)).max() <= 1

    @pytest.mark.parametrize("sequence", ["ModalityLUTSequence", "VOILUTSequence"])
    @pytest.mark.parametrize(
        "change",
        [
            {"LUTDescriptor": None},
            {"LUTData": None},
            {"LUTDescriptor": None, "LUTData": None},
            {"LUTDescriptor": [0, 0, 0]},
            {"LUTDescriptor": [4096, 0]},
            {"LUTData": b""},
        ],
    )
    def test_item_without_a_table_is_left_out(self, dicom, sequence, change):
        table = lookup_table(np.arange(4096)[::-1], 0)
        for name, value in change.items():
            if value is None:
                delattr(table[0], name)
            else:
                setattr(table[0], name, value)
        with pytest.warns(FilmWarning, match=f"{sequence} cannot be used"):
            film = read_radiograph(
                dicom(ramp(0, 4095), bits=12, WindowCenter=2048, WindowWidth=4096, **{sequence: table})
            )
        np.testing.assert_array_equal(film, scaled(ramp(0, 4095), 0, 4095))
