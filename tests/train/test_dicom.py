import io
import logging
import struct
import zlib

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from train.radiograph import RadiographError, read_radiograph

SECRETS = ("Doe^Jane", "PAT-4711", "19991231", "1.2.826.0.1.3680043.8.498.4242", "St. Elsewhere", "ACC-0815")


def dicom(pixels, *, syntax=ExplicitVRLittleEndian, bits=None, preamble=True, **elements):
    """The bytes of a DICOM film; elements given as None are left out."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = SECRETS[3]
    meta.TransferSyntaxUID = syntax
    little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    if syntax == RLELossless:
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(
        None, {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=implicit, is_little_endian=little
    )
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, SECRETS[3]
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = SECRETS[:3]
    dataset.InstitutionName, dataset.AccessionNumber = SECRETS[4:]
    dataset.Modality = "CR"
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.SamplesPerPixel = 1
    allocated = 8 * pixels.itemsize
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored = allocated, bits or allocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    raw = pixels.astype(pixels.dtype.newbyteorder("<" if little else ">")).tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) % 2)
    dataset["PixelData"].VR = "OW" if allocated > 8 else "OB"
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    output = io.BytesIO()
    if preamble:
        dataset.save_as(output, enforce_file_format=True)
    else:
        buffer = pydicom.filebase.DicomFileLike(output)
        buffer.is_little_endian, buffer.is_implicit_VR = little, implicit
        pydicom.filewriter.write_dataset(buffer, dataset)
    return output.getvalue()


def lookup_table(entries, first, bits=16):
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = np.asarray(entries, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    return Sequence([item])


def ramp(low, high, dtype=np.uint16, shape=(20, 30)):
    return np.linspace(low, high, shape[0] * shape[1]).astype(dtype).reshape(shape)


def scaled(values, low, high):
    return np.rint(np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255)


def as_pydicom_shows(data):
    """The reference: pydicom's own modality and VOI steps, first to last grey of the output range."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    pixels = pixel_array(dataset, index=0)
    return apply_voi_lut(apply_modality_lut(pixels, dataset), dataset)


class TestPixels:
    @pytest.mark.parametrize(
        "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]
    )
    @pytest.mark.parametrize(
        ("dtype", "low", "high"), [(np.uint8, 0, 255), (np.uint16, 100, 4000), (np.int16, -1000, 3000)]
    )
    def test_every_uncompressed_syntax_and_rle(self, syntax, dtype, low, high):
        pixels = ramp(low, high, dtype, (21, 31))
        film = read_radiograph(dicom(pixels, syntax=syntax))
        assert film.dtype == np.uint8
        np.testing.assert_array_equal(film, scaled(pixels, low, high))

    def test_8_bits_stay_as_they_are(self):
        pixels = ramp(40, 90, np.uint8)
        np.testing.assert_array_equal(read_radiograph(dicom(pixels)), pixels)

    def test_deeper_films_without_a_window_are_scaled_by_their_own_range(self):
        pixels = ramp(300, 500)
        np.testing.assert_array_equal(read_radiograph(dicom(pixels, bits=12)), scaled(pixels, 300, 500))

    def test_flat_film_without_a_window_is_black(self):
        np.testing.assert_array_equal(read_radiograph(dicom(np.full((4, 6), 700, np.uint16))), 0)

    def test_bits_above_the_stored_ones_are_ignored(self):
        pixels = ramp(0, 1023)
        dirty = pixels | 0xA800
        clean_film = read_radiograph(dicom(pixels, bits=10))
        np.testing.assert_array_equal(read_radiograph(dicom(dirty, bits=10)), clean_film)

    def test_signed_12_bits_in_16(self):
        pixels = ramp(-2048, 2047, np.int16)
        unextended = (pixels.view(np.uint16) & 0x0FFF).view(np.int16)
        film = read_radiograph(dicom(unextended, bits=12))
        np.testing.assert_array_equal(film, scaled(pixels, -2048, 2047))

    def test_stored_bits_need_not_be_the_lowest(self):
        pixels = ramp(0, 4095)
        film = read_radiograph(dicom((pixels << 4) | 0xF, bits=12, HighBit=15))
        np.testing.assert_array_equal(film, scaled(pixels, 0, 4095))

    def test_first_frame_of_several(self):
        frames = np.stack([ramp(0, 255, np.uint8), ramp(255, 0, np.uint8)])
        np.testing.assert_array_equal(read_radiograph(dicom(frames, NumberOfFrames=2)), frames[0])

    @pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
    def test_file_without_preamble(self, syntax):
        pixels = ramp(0, 4000)
        film = read_radiograph(dicom(pixels, syntax=syntax, preamble=False))
        np.testing.assert_array_equal(film, scaled(pixels, 0, 4000))


class TestTone:
    def test_monochrome1_is_inverted(self):
        pixels = ramp(0, 255, np.uint8)
        film = read_radiograph(dicom(pixels, PhotometricInterpretation="MONOCHROME1"))
        np.testing.assert_array_equal(film, 255 - pixels)

    def test_presentation_inverse_says_the_same_as_monochrome1_and_does_not_undo_it(self):
        pixels = ramp(0, 255, np.uint8)
        for photometric in ("MONOCHROME1", "MONOCHROME2"):
            data = dicom(pixels, PhotometricInterpretation=photometric, PresentationLUTShape="INVERSE")
            np.testing.assert_array_equal(read_radiograph(data), 255 - pixels)

    @pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
    @pytest.mark.parametrize("window", [(2048, 4096), (1500, 700), ([900, 2000], [400, 100]), (30, 1.5)])
    def test_window_is_pydicoms(self, function, window):
        elements = {} if function is None else {"VOILUTFunction": function}
        data = dicom(ramp(0, 4095), bits=12, WindowCenter=window[0], WindowWidth=window[1], **elements)
        expected = as_pydicom_shows(data) / 4095 * 255
        assert np.abs(read_radiograph(data) - expected).max() <= 0.5 + 1e-6

    def test_window_of_one_grey_is_a_threshold(self):
        pixels = ramp(0, 100)
        film = read_radiograph(dicom(pixels, WindowCenter=50, WindowWidth=1))
        np.testing.assert_array_equal(film, (pixels >= 50) * 255)

    @pytest.mark.parametrize("window", [(50, 0), (50, -10), ("", ""), (None, 10)])
    def test_window_that_is_none_gives_way_to_the_own_range(self, window):
        elements = {
            name: value
            for name, value in zip(("WindowCenter", "WindowWidth"), window, strict=True)
            if value is not None
        }
        pixels = ramp(100, 900)
        np.testing.assert_array_equal(read_radiograph(dicom(pixels, **elements)), scaled(pixels, 100, 900))

    def test_window_is_applied_after_rescaling(self):
        data = dicom(ramp(0, 4095), bits=12, RescaleSlope=0.5, RescaleIntercept=-200, WindowCenter=500, WindowWidth=800)
        dataset = pydicom.dcmread(io.BytesIO(data))
        values = pixel_array(dataset) * 0.5 - 200
        expected = np.clip((values - 499.5) / 799 + 0.5, 0, 1) * 255
        assert np.abs(read_radiograph(data) - expected).max() <= 0.5 + 1e-6

    def test_negative_slope_inverts(self):
        pixels = ramp(0, 255, np.uint8)
        np.testing.assert_array_equal(
            read_radiograph(dicom(pixels, RescaleSlope=-1, RescaleIntercept=255)), 255 - pixels
        )

    def test_modality_lut(self):
        curve = np.rint(np.linspace(0, 1, 1024) ** 2 * 60000)
        pixels = ramp(0, 1100)
        data = dicom(pixels, bits=11, ModalityLUTSequence=lookup_table(curve, 0))
        expected = apply_modality_lut(pixels, pydicom.dcmread(io.BytesIO(data)))
        np.testing.assert_array_equal(read_radiograph(data), scaled(expected, 0, 60000))

    @pytest.mark.parametrize("bits", [10, 16])
    def test_voi_lut_wins_over_the_window(self, bits):
        top = (1 << bits) - 1
        curve = np.rint((1 - np.linspace(0, 1, 512) ** 3) * top)
        pixels = ramp(0, 1000)
        data = dicom(pixels, bits=10, VOILUTSequence=lookup_table(curve, 200, bits), WindowCenter=1, WindowWidth=1)
        expected = apply_voi_lut(pixels, pydicom.dcmread(io.BytesIO(data))) / top * 255
        assert np.abs(read_radiograph(data) - expected).max() <= 0.5 + 1e-6

    def test_padding_is_black_and_outside_the_range(self):
        pixels = ramp(1000, 2000)
        pixels[:, :5] = 65535
        for photometric, film_of in (("MONOCHROME2", lambda x: x), ("MONOCHROME1", lambda x: 255 - x)):
            film = read_radiograph(dicom(pixels, PixelPaddingValue=65535, PhotometricInterpretation=photometric))
            np.testing.assert_array_equal(film[:, :5], 0)
            low, high = pixels[:, 5:].min(), pixels[:, 5:].max()
            assert np.abs(film[:, 5:] - film_of(scaled(pixels[:, 5:], low, high))).max() <= 1

    def test_padding_range(self):
        pixels = ramp(0, 2000)
        film = read_radiograph(dicom(pixels, PixelPaddingValue=0, PixelPaddingRangeLimit=99))
        np.testing.assert_array_equal(film[pixels < 100], 0)
        lowest = pixels[pixels >= 100].min()
        np.testing.assert_array_equal(film[pixels >= 100], scaled(pixels[pixels >= 100], lowest, 2000))

    def test_padding_value_written_without_its_sign(self):
        pixels = ramp(0, 1000, np.int16)
        pixels[:, :5] = -2000
        data = dicom(pixels, PixelPaddingValue=-2000)
        wrong = data.replace(b"SS\x02\0" + struct.pack("<h", -2000), b"US\x02\0" + struct.pack("<H", 65536 - 2000))
        assert wrong != data
        np.testing.assert_array_equal(read_radiograph(wrong), read_radiograph(data))
        assert read_radiograph(data)[:, 5:].max() == 255

    def test_film_of_padding_alone_is_shown(self):
        np.testing.assert_array_equal(read_radiograph(dicom(np.full((4, 4), 7, np.uint8), PixelPaddingValue=7)), 7)


class TestRefusal:
    @pytest.mark.parametrize("modality", ["CT", "MR", "US", "MG", "SR", "RTDOSE"])
    def test_other_modalities(self, modality):
        with pytest.raises(RadiographError, match=f"not a radiograph: modality {modality}"):
            read_radiograph(dicom(ramp(0, 255, np.uint8), Modality=modality))

    @pytest.mark.parametrize("modality", ["CR", "DX", "DR", "RG", "PX", "XA", "RF", "OT", "", None])
    def test_radiographs_modalities(self, modality):
        assert read_radiograph(dicom(ramp(0, 255, np.uint8), Modality=modality)).max() == 255

    def test_no_pixels(self):
        with pytest.raises(RadiographError, match="no picture"):
            read_radiograph(dicom(ramp(0, 255, np.uint8), PixelData=None))

    @pytest.mark.parametrize("elements", [{"PhotometricInterpretation": "PALETTE COLOR"}, {"SamplesPerPixel": 3}])
    def test_colour(self, elements):
        with pytest.raises(RadiographError, match="colour"):
            read_radiograph(dicom(ramp(0, 255, np.uint8), **elements))

    def test_32_bits(self):
        with pytest.raises(RadiographError, match="8 or 16 bits"):
            read_radiograph(dicom(ramp(0, 255, np.uint32)))

    @pytest.mark.parametrize(("syntax", "name"), [(JPEG2000Lossless, "JPEG 2000"), (JPEGBaseline8Bit, "JPEG Baseline")])
    def test_compressed_pixels(self, syntax, name):
        pixels = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" + bytes(50)])
        data = dicom(ramp(0, 255, np.uint8))
        dataset = pydicom.dcmread(io.BytesIO(data))
        dataset.PixelData, dataset.file_meta.TransferSyntaxUID = pixels, syntax
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        output = io.BytesIO()
        dataset.save_as(output, enforce_file_format=True)
        with pytest.raises(RadiographError, match=rf"compressed \({name}.*expected uncompressed"):
            read_radiograph(output.getvalue())

    def test_deflated_file_is_never_inflated(self, monkeypatch):
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
            {"BitsStored": 0},
            {"BitsStored": 9},
            {"HighBit": 3},
            {"PhotometricInterpretation": None},
            {"RescaleSlope": 0},
            {"ModalityLUTSequence": lookup_table([1, 2], 0, 0)},
        ],
    )
    def test_headers_that_lie(self, elements):
        with pytest.raises(RadiographError):
            read_radiograph(dicom(ramp(0, 255, np.uint8), **elements))

    def test_cut_anywhere(self):
        data = dicom(ramp(0, 4000), bits=12)
        for length in range(len(data)):
            with pytest.raises(RadiographError):
                read_radiograph(data[:length])

    def test_messages_logs_and_warnings_hold_nothing_of_the_header(self, capfd, caplog, recwarn):
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
        for secret in (*SECRETS, "DOE_JANE", "Jane"):
            assert secret not in text


@pytest.mark.real_data
class TestRealFiles:
    def test_every_file_ends_as_it_should(self, data_root):
        reasons = {
            "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm": "JPEG Baseline",
            "Fake_MONOHR1.dcm": "JPEG Baseline",
            "966.dcm": "JPEG 2000",
            "966_fixed.dcm": "JPEG 2000",
            "NM_Kakadu44_SOTmarkerincons.dcm": "JPEG 2000",
            "RG1_J2KI.dcm": "JPEG 2000",
            "RG1_JLSN.dcm": "JPEG-LS",
            "RG2_JPLY_fixed.dcm": "JPEG Extended",
            "RG3_J2KR.dcm": "JPEG 2000",
            "CT_small.dcm": "modality CT",
            "MR_small.dcm": "modality MR",
            "examples_ybr_color.dcm": "modality US",
            "reportsi.dcm": "modality SR",
            "rtdose.dcm": "modality RTDOSE",
        }
        files = {path.name: path for path in (data_root / "dicom").iterdir()}
        assert set(files) == {"RG1_UNCR.dcm", *reasons}
        for name, reason in reasons.items():
            with pytest.raises(RadiographError, match=reason):
                read_radiograph(files[name])

    def test_uncompressed_chest_is_whole_and_the_right_way_round(self, data_root):
        film = read_radiograph(data_root / "dicom" / "RG1_UNCR.dcm")
        assert film.shape == (1955, 1841)
        dataset = pydicom.dcmread(data_root / "dicom" / "RG1_UNCR.dcm")
        window = apply_voi_lut(pixel_array(dataset), dataset) / 32767
        assert np.abs(film - (1 - window) * 255).max() <= 0.5 + 1e-6
        # The spine is dense, the lungs beside it are not.
        spine, lung = film[700:1100, 870:930].mean(), film[700:1100, 450:650].mean()
        assert spine > lung + 20
