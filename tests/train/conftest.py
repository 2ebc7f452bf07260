"""Fixtures for the readers' tests: DICOM films made to order, and a whole film of every kind."""

import io
from collections.abc import Callable, Sequence

import cv2
import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)


def make_dicom(
    pixels: np.ndarray,
    *,
    syntax: str = ExplicitVRLittleEndian,
    bits: int | None = None,
    preamble: bool = True,
    streams: Sequence[bytes] | None = None,
    **elements: object,
) -> bytes:
    """The bytes of a DICOM film.

    Args:
        pixels: [H, W] or [frames, H, W].
        syntax: transfer syntax; a compressed one (but for RLE) needs `streams`.
        bits: BitsStored.
        preamble: write 128 bytes, "DICM" and the file meta information before the dataset.
        streams: compressed frames.
        elements: set on the dataset by keyword; those given as None are left out.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.4242"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    dataset = FileDataset(
        None, {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=implicit, is_little_endian=little
    )
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Doe^Jane", "PAT-4711", "19991231"
    dataset.InstitutionName, dataset.AccessionNumber = "St. Elsewhere", "ACC-0815"
    dataset.Modality, dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "CR", "MONOCHROME2", 1
    allocated = 8 * pixels.itemsize
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored = allocated, bits or allocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    raw = pixels.astype(pixels.dtype.newbyteorder("<" if little else ">")).tobytes()
    dataset.PixelData = encapsulate(list(streams)) if streams else raw + b"\0" * (len(raw) % 2)
    dataset["PixelData"].VR = "OW" if allocated > 8 and not streams else "OB"
    dataset["PixelData"].is_undefined_length = bool(streams)
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


@pytest.fixture(scope="session")
def dicom() -> Callable[..., bytes]:
    """`make_dicom`."""
    return make_dicom


def _encode(suffix: str, picture: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, picture, list(options))[1].tobytes()


@pytest.fixture(scope="session")
def films() -> dict[str, bytes]:
    """A whole film of every kind, 80 × 60 pixels: name → bytes."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((80, 60)), (0, 0), 3)
    grey = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).round().astype(np.uint8)
    deep = cv2.normalize(noise, None, 0, 4095, cv2.NORM_MINMAX).round().astype(np.uint16)
    colour = np.dstack([grey, grey[::-1], grey])
    progressive = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    streams = {
        JPEGBaseline8Bit: (grey, _encode(".jpg", grey)),
        JPEGLosslessSV1: (deep, imagecodecs.jpeg8_encode(deep, lossless=True, bitspersample=12)),
        JPEGLSLossless: (deep, imagecodecs.jpegls_encode(deep)),
        JPEG2000Lossless: (deep, imagecodecs.jpeg2k_encode(deep, level=0, codecformat="j2k")),
    }
    return {
        "grey.jpg": _encode(".jpg", grey),
        "colour.jpg": _encode(".jpg", colour),
        "restarts.jpg": _encode(".jpg", grey, cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
        "progressive.jpg": _encode(".jpg", grey, *progressive),
        "colour progressive.jpg": _encode(".jpg", colour, *progressive),
        "12 bit.jpg": imagecodecs.jpeg8_encode(deep, level=90, bitspersample=12),
        "lossless.jpg": imagecodecs.jpeg8_encode(deep, lossless=True, bitspersample=12),
        "ls.jpg": imagecodecs.jpegls_encode(deep),
        "grey.png": _encode(".png", grey),
        "deep.png": _encode(".png", deep),
        "colour.png": _encode(".png", colour),
        "grey.bmp": _encode(".bmp", grey),
        "lossy.webp": _encode(".webp", colour, cv2.IMWRITE_WEBP_QUALITY, 80),
        "lossless.webp": _encode(".webp", colour, cv2.IMWRITE_WEBP_QUALITY, 101),
        "plain.tif": _encode(".tiff", deep, cv2.IMWRITE_TIFF_COMPRESSION, 1),
        "lzw.tif": _encode(".tiff", grey, cv2.IMWRITE_TIFF_COMPRESSION, 5),
        "deflate.tif": imagecodecs.tiff_encode(deep, compression=8),
        "float.tif": imagecodecs.tiff_encode(deep.astype(np.float32), tile=(32, 32)),
        "plain.dcm": make_dicom(deep, bits=12),
        "implicit.dcm": make_dicom(deep, bits=12, syntax=ImplicitVRLittleEndian, preamble=False),
        "big endian.dcm": make_dicom(deep, bits=12, syntax=ExplicitVRBigEndian),
        "rle.dcm": make_dicom(deep, bits=12, syntax=RLELossless),
        **{
            f"{name.name}.dcm": make_dicom(picture, syntax=name, streams=[stream])
            for name, (picture, stream) in streams.items()
        },
    }
