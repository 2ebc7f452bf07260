"""DICOM films: what is read, what is refused, and that nothing of a patient's gets out."""

import logging
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_voi_lut, pixel_array
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    RLELossless,
)

import train.radiograph.dicom.film
import train.radiograph.dicom.header
from train.radiograph import FilmWarning, RadiographError, read_radiograph, read_with_warnings

# What the fixture `dicom` writes about the patient.
IDENTIFIERS = ("Doe^Jane", "PAT-4711", "19991231", "1.2.826.0.1.3680043.8.498.4242", "St. Elsewhere", "ACC-0815")


def ramp(low, high, dtype=np.uint16, shape=(20, 30)):
    return np.linspace(low, high, shape[0] * shape[1]).astype(dtype).reshape(shape)


def scaled(values, low, high):
    return np.rint(np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255)


class TestPixels:
    @pytest.mark.parametrize(
        "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]
    )
    @pytest.mark.parametrize(
        ("dtype", "low", "high"), [(np.uint8, 0, 255), (np.uint16, 100, 4000), (np.int16, -1000, 3000)]
    )
    def test_every_uncompressed_syntax_and_rle(self, dicom, syntax, dtype, low, high):
        pixels = ramp(low, high, dtype, (21, 31))
        film = read_radiograph(dicom(pixels, syntax=syntax))
        assert film.dtype == np.uint8
        np.testing.assert_array_equal(film, scaled(pixels, low, high))

    def test_8_bits_stay_as_they_are(self, dicom):
        pixels = ramp(40, 90, np.uint8)
        np.testing.assert_array_equal(read_radiograph(dicom(pixels)), pixels)

    def test_deeper_films_without_a_window_are_scaled_by_their_own_range(self, dicom):
        pixels = ramp(300, 500)
        np.testing.assert_array_equal(read_radiograph(dicom(pixels, bits=12)), scaled(pixels, 300, 500))

    def test_flat_film_without_a_window_is_black(self, dicom):
        np.testing.assert_array_equal(read_radiograph(dicom(np.full((4, 6), 700, np.uint16))), 0)

    def test_bits_above_the_stored_ones_are_ignored(self, dicom):
        pixels = ramp(0, 1023)
        dirty = pixels | 0xA800
        clean_film = read_radiograph(dicom(pixels, bits=10))
        np.testing.assert_array_equal(read_radiograph(dicom(dirty, bits=10)), clean_film)

    def test_signed_12_bits_in_16(self, dicom):
        pixels = ramp(-2048, 2047, np.int16)
        unextended = (pixels.view(np.uint16) & 0x0FFF).view(np.int16)
        film = read_radiograph(dicom(unextended, bits=12))
        np.testing.assert_array_equal(film, scaled(pixels, -2048, 2047))

    def test_stored_bits_need_not_be_the_lowest(self, dicom):
        pixels = ramp(0, 4095)
        film = read_radiograph(dicom((pixels << 4) | 0xF, bits=12, HighBit=15))
        np.testing.assert_array_equal(film, scaled(pixels, 0, 4095))

    def test_first_frame_of_several_with_a_warning(self, dicom):
        frames = np.stack([ramp(0, 255, np.uint8), ramp(255, 0, np.uint8)])
        data = dicom(frames, NumberOfFrames=2)
        film, notes = read_with_warnings(data)
        np.testing.assert_array_equal(film, frames[0])
        assert notes == ("the file holds 2 frames: only the first was read",)
        with pytest.warns(FilmWarning, match="2 frames"):
            read_radiograph(data)

    def test_one_frame_needs_no_warning(self, dicom):
        for count in (None, 0, 1):
            elements = {} if count is None else {"NumberOfFrames": count}
            assert read_with_warnings(dicom(ramp(0, 255, np.uint8), **elements))[1] == ()

    def test_bytes_that_stand_in_big_endian_words(self, dicom):
        pixels = ramp(0, 255, np.uint8, (7, 5))
        swapped = np.append(pixels.ravel(), np.uint8(0)).reshape(-1, 2)[:, ::-1].ravel()[:36]
        data = dicom(pixels, syntax=ExplicitVRBigEndian, PixelData=swapped.tobytes())
        written = data.replace(b"\x7f\xe0\x00\x10OB", b"\x7f\xe0\x00\x10OW")
        assert written != data
        np.testing.assert_array_equal(read_radiograph(written), pixels)

    def test_threads_do_not_wait_for_each_others_pixels(self, dicom, monkeypatch):
        both_decoding = threading.Barrier(2, timeout=20)
        decode = train.radiograph.dicom.film.decode_stored_values

        def wait_for_the_other(*arguments):
            both_decoding.wait()
            return decode(*arguments)

        monkeypatch.setattr(train.radiograph.dicom.film, "decode_stored_values", wait_for_the_other)
        with ThreadPoolExecutor(2) as pool:
            films = list(pool.map(read_radiograph, [dicom(ramp(0, 255, np.uint8))] * 2))
        np.testing.assert_array_equal(*films)

    @pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
    def test_file_without_preamble(self, dicom, syntax):
        pixels = ramp(0, 4000)
        film = read_radiograph(dicom(pixels, syntax=syntax, preamble=False))
        np.testing.assert_array_equal(film, scaled(pixels, 0, 4000))


class TestRefusal:
    @pytest.mark.parametrize("modality", ["CT", "MR", "US", "MG", "SR", "RTDOSE"])
    def test_other_modalities(self, dicom, modality):
        with pytest.raises(RadiographError, match=f"not a radiograph: modality {modality}"):
            read_radiograph(dicom(ramp(0, 255, np.uint8), Modality=modality))

    @pytest.mark.parametrize("modality", ["CR", "DX", "DR", "RG", "PX", "XA", "RF", "OT", "", None])
    def test_radiographs_modalities(self, dicom, modality):
        assert read_radiograph(dicom(ramp(0, 255, np.uint8), Modality=modality)).max() == 255

    def test_no_pixels(self, dicom):
        with pytest.raises(RadiographError, match="no picture"):
            read_radiograph(dicom(ramp(0, 255, np.uint8), PixelData=None))

    @pytest.mark.parametrize("elements", [{"PhotometricInterpretation": "PALETTE COLOR"}, {"SamplesPerPixel": 3}])
    def test_colour(self, dicom, elements):
        with pytest.raises(RadiographError, match="colour"):
            read_radiograph(dicom(ramp(0, 255, np.uint8), **elements))

    def test_32_bits(self, dicom):
        with pytest.raises(RadiographError, match="8 or 16 bits"):
            read_radiograph(dicom(ramp(0, 255, np.uint32)))

    @pytest.mark.parametrize(
        ("syntax", "name"), [(MPEG2MPML, "MPEG2"), (HTJ2KLossless, "JPEG 2000"), ("1.2.3", "unkn")]
    )
    def test_methods_that_are_not_read(self, dicom, syntax, name):
        data = dicom(ramp(0, 255, np.uint8), syntax=syntax, streams=[b"\xff\x4f\xff\x51" + bytes(50)])
        with pytest.raises(RadiographError, match=rf"compressed in a way that is not read \(.*{name}.*gdcmconv"):
            read_radiograph(data)

    def test_deflated_file_is_never_inflated(self, dicom, monkeypatch):
        data = dicom(ramp(0, 255, np.uint8), syntax=DeflatedExplicitVRLittleEndian)
        monkeypatch.setattr(zlib, "decompress", None)
        with pytest.raises(RadiographError, match="compressed"):
            read_radiograph(data)

    @pytest.mark.parametrize(
        "elements",
        [
            {"Rows": 0},
            {"Columns": 0},
            {"Rows": 60000, "Columns": 60000},
            {"Rows": 21},
            {"Columns": 31},
            {"Rows": None},
            {"NumberOfFrames": 2},
            {"NumberOfFrames": 1001},
        ],
    )
    def test_headers_that_lie(self, dicom, elements):
        with pytest.raises(RadiographError):
            read_radiograph(dicom(ramp(0, 255, np.uint8), **elements))

    def test_cut_anywhere(self, dicom):
        data = dicom(ramp(0, 4000), bits=12)
        for length in range(len(data)):
            with pytest.raises(RadiographError):
                read_radiograph(data[:length])

    @pytest.mark.parametrize(
        "filling",
        [
            b"".join(struct.pack("<HH2sH", 0x0029, 0x1000 + index, b"LO", 0) for index in range(200)) * 400,
            b"\x29\0\x01\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff" * 5_000,
            b"\x29\0\x01\x10SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\0\0\0\0" * 90_000,
        ],
        ids=["many elements", "deep sequences", "many items"],
    )
    def test_headers_that_would_take_for_ever_to_parse(self, dicom, filling, monkeypatch):
        monkeypatch.setattr(train.radiograph.dicom.header, "_MAX_READS", 20_000)
        data = dicom(ramp(0, 255, np.uint8))
        pixels = data.index(b"\xe0\x7f\x10\x00")
        with pytest.raises(RadiographError, match=r"damaged|holds no picture"):
            read_radiograph(data[:pixels] + filling + data[pixels:])

    def test_value_that_would_take_long_to_convert(self, dicom):
        data = dicom(ramp(0, 255, np.uint8), syntax=ImplicitVRLittleEndian, WindowWidth=5)
        place = data.index(b"\x28\0\x51\x10")
        centre = b"\x28\0\x50\x10" + struct.pack("<I", 300_000) + b"1\\" * 150_000
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(data[:place] + centre + data[place:])

    def test_messages_logs_and_warnings_hold_nothing_of_the_header(self, dicom, capfd, caplog, recwarn):
        caplog.set_level(logging.DEBUG)
        films = [
            {"Modality": "DOE_JANE"},
            {"PixelData": None},
            {"PhotometricInterpretation": "DOE_JANE"},
            {"Rows": 999},
            {"PresentationLUTShape": "Doe^Jane and much too long for a code string"},
        ]
        messages = []
        data = dicom(ramp(0, 255, np.uint8))
        cases = [dicom(ramp(0, 255, np.uint8), **elements) for elements in films]
        cases += [data[:length] for length in range(140, len(data), 7)]
        syntax = ExplicitVRLittleEndian.encode() + b"\0"
        assert data.count(syntax) == 1
        cases += [data.replace(syntax, b"Doe^Jane".ljust(len(syntax), b"\0"))]
        for case in cases:
            recwarn.clear()
            caplog.clear()
            capfd.readouterr()
            try:
                read_radiograph(case)
            except RadiographError as error:
                messages += [str(error), repr(error.__cause__)]
            messages += [*capfd.readouterr(), caplog.text, *(str(warning.message) for warning in recwarn)]
        text = " ".join(messages)
        assert "expected" in text
        for secret in (*IDENTIFIERS, "DOE_JANE", "Jane"):
            assert secret not in text


@pytest.mark.real_data
class TestRealFiles:
    def test_every_file_ends_as_it_should(self, data_root):
        shapes = {
            "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm": (1024, 1024),
            "966_fixed.dcm": (2128, 2000),
            "Fake_MONOHR1.dcm": (1024, 1024),
            "NM_Kakadu44_SOTmarkerincons.dcm": (2500, 2048),
            "RG1_J2KI.dcm": (1955, 1841),
            "RG1_JLSN.dcm": (1955, 1841),
            "RG1_UNCR.dcm": (1955, 1841),
            "RG2_JPLY_fixed.dcm": (2140, 1760),
            "RG3_J2KR.dcm": (1760, 1760),
        }
        reasons = {
            "966.dcm": "damaged",
            "CT_small.dcm": "modality CT",
            "MR_small.dcm": "modality MR",
            "examples_ybr_color.dcm": "modality US",
            "reportsi.dcm": "modality SR",
            "rtdose.dcm": "modality RTDOSE",
        }
        files = {path.name: path for path in (data_root / "dicom").iterdir()}
        assert set(files) == {*shapes, *reasons}
        for name, reason in reasons.items():
            with pytest.raises(RadiographError, match=reason) as caught:
                read_radiograph(files[name])
            assert "\n" not in str(caught.value)
        for name, shape in shapes.items():
            film, notes = read_with_warnings(files[name])
            assert (film.shape, notes) == (shape, ())
            assert film.std() > 20

    def test_one_chest_in_three_syntaxes(self, data_root):
        raw, near_lossless, lossy = (
            read_radiograph(data_root / "dicom" / f"RG1_{name}.dcm").astype(int) for name in ("UNCR", "JLSN", "J2KI")
        )
        assert np.abs(near_lossless - raw).max() <= 2
        assert np.abs(lossy - raw).max() <= 6

    def test_monochrome1_twin_is_inverted(self, data_root):
        twin = next((data_root / "dicom").glob("1.2.276*.dcm"))
        inverted = read_radiograph(data_root / "dicom" / "Fake_MONOHR1.dcm")
        np.testing.assert_array_equal(inverted, 255 - read_radiograph(twin))

    def test_uncompressed_chest_is_whole_and_the_right_way_round(self, data_root):
        film = read_radiograph(data_root / "dicom" / "RG1_UNCR.dcm")
        assert film.shape == (1955, 1841)
        dataset = pydicom.dcmread(data_root / "dicom" / "RG1_UNCR.dcm")
        window = apply_voi_lut(pixel_array(dataset), dataset) / 32767
        assert np.abs(film - (1 - window) * 255).max() <= 0.5 + 1e-6
        # The spine is dense, the lungs beside it are not.
        spine, lung = film[700:1100, 870:930].mean(), film[700:1100, 450:650].mean()
        assert spine > lung + 20
