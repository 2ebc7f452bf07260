"""DICOM films of every kind that the browser reads, compressed ones too; written by the fixture `dicom`."""

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from .film_files import DEEP, GREY, by_opencv, by_pillow


def table(first, entries, bits):
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(entries), first, bits], list(map(int, entries))
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    return [item]


def dicoms(dicom):
    signed = DEEP.astype(np.int16) - 2000
    words = np.linspace(0, 65535, 4096).astype(int)
    return {
        "plain": dicom(DEEP, bits=12),
        "implicit": dicom(DEEP, bits=12, syntax=ImplicitVRLittleEndian, preamble=False),
        "big endian": dicom(DEEP, bits=12, syntax=ExplicitVRBigEndian),
        "big endian bytes": dicom(GREY, syntax=ExplicitVRBigEndian),
        "run lengths": dicom(DEEP, bits=12, syntax=RLELossless),
        "run lengths of bytes": dicom(GREY, syntax=RLELossless),
        "jpeg": dicom(GREY, syntax=JPEGBaseline8Bit, streams=[by_opencv(".jpg", GREY)]),
        "monochrome 1": dicom(DEEP, bits=12, PhotometricInterpretation="MONOCHROME1"),
        "signed": dicom(signed, bits=16),
        "window": dicom(DEEP, bits=12, WindowCenter=2000, WindowWidth=1500),
        "two windows": dicom(DEEP, bits=12, WindowCenter=[1800, 40], WindowWidth=[2500, 80]),
        "sigmoid": dicom(DEEP, bits=12, WindowCenter=2000, WindowWidth=900, VOILUTFunction="SIGMOID"),
        "exact window": dicom(DEEP, bits=12, WindowCenter=2000, WindowWidth=900, VOILUTFunction="LINEAR_EXACT"),
        "window beside the film": dicom(DEEP, bits=12, WindowCenter=30000, WindowWidth=10),
        "rescaled": dicom(
            DEEP, bits=12, RescaleSlope="-0.5", RescaleIntercept="12", WindowCenter=-900, WindowWidth=900
        ),
        "slope of 0": dicom(DEEP, bits=12, RescaleSlope=0),
        "padding": dicom(DEEP, bits=12, PixelPaddingValue=0),
        "padding beyond the stored bits": dicom(DEEP, bits=12, PixelPaddingValue=65535),
        "range of padding beyond them": dicom(DEEP, bits=12, PixelPaddingValue=63536, PixelPaddingRangeLimit=65535),
        "range of padding": dicom(DEEP, bits=12, PixelPaddingValue=4095, PixelPaddingRangeLimit=3900),
        "modality table": dicom(DEEP, bits=12, ModalityLUTSequence=table(0, words[::-1] // 16, 12)),
        "table of greys": dicom(DEEP, bits=12, VOILUTSequence=table(100, words[:3000], 16)),
        "bits above the stored": dicom(DEEP | 0x7000, bits=12),
        "two frames": dicom(np.stack([DEEP, DEEP[::-1]]), bits=12, NumberOfFrames=2),
        "no polarity": dicom(DEEP, bits=12, PhotometricInterpretation=None),
        "inverse by its shape": dicom(DEEP, bits=12, PresentationLUTShape="INVERSE"),
    }


def streams(picture=DEEP, bits=12):
    """Compressed streams of DICOM: name → syntax and stream."""
    tiled = by_pillow(picture, "JPEG2000", tile_size=(32, 32), no_jp2=True)
    boxed = by_pillow(picture, "JPEG2000", irreversible=False)
    return {
        "JPEG 2000": (JPEG2000Lossless, jpeg_2000(picture, bits)),
        "JPEG 2000, lossy": (JPEG2000, jpeg_2000(picture, bits, level=45, reversible=False)),
        "JPEG 2000 in tiles": (JPEG2000Lossless, tiled),
        "JPEG 2000 in boxes": (JPEG2000Lossless, boxed),
        "JPEG 2000 under no compression": (ExplicitVRLittleEndian, jpeg_2000(picture, bits)),
        "JPEG-LS": (JPEGLSLossless, imagecodecs.jpegls_encode(picture)),
        "JPEG-LS, near": (JPEGLSNearLossless, imagecodecs.jpegls_encode(picture, level=3)),
        "lossless JPEG": (
            JPEGLosslessSV1,
            imagecodecs.jpeg8_encode(picture, lossless=True, bitspersample=bits, predictor=1),
        ),
    }


def jpeg_2000(picture, bits, level=0, *, reversible=True):
    return imagecodecs.jpeg2k_encode(picture, level=level, reversible=reversible, bitspersample=bits, codecformat="j2k")


def compressed_dicoms(dicom):
    signed = DEEP.astype(np.int16) - 2000
    byte = GREY.astype(np.int8)
    twelve = imagecodecs.jpeg8_encode(DEEP, level=90, bitspersample=12)
    white = np.where(np.indices(DEEP.shape)[1] // 4 % 2, 0, 4095).astype(np.uint16)
    films = {name: dicom(DEEP, bits=12, syntax=syntax, streams=[data]) for name, (syntax, data) in streams().items()}
    shallow = {
        f"{name}, 8 bits": dicom(GREY, syntax=syntax, streams=[data])
        for name, (syntax, data) in streams(GREY, 8).items()
    }
    signs = {
        f"{name}, {'lossless' if lossless else 'lossy'}": dicom(
            picture, bits=bits, syntax=JPEG2000,
            streams=[jpeg_2000(picture, bits, level=0 if lossless else 40, reversible=lossless)],
        )
        for name, picture, bits in (("signed", signed, 16), ("signed bytes", byte, 8))
        for lossless in (True, False)
    }  # fmt: skip
    return films | shallow | signs | {
        "JPEG of 12 bits": dicom(DEEP, bits=12, syntax=JPEGExtended12Bit, streams=[twelve]),
        "overshooting": dicom(
            white, bits=12, syntax=JPEG2000, streams=[jpeg_2000(white, 12, level=30, reversible=False)]
        ),
        "fewer bits than said": dicom(DEEP, bits=16, syntax=JPEG2000, streams=[jpeg_2000(DEEP, 12)]),
        "fewer bits than said, lossy": dicom(
            DEEP, bits=16, syntax=JPEG2000, WindowCenter=2000, WindowWidth=1500, PixelPaddingValue=2000,
            streams=[jpeg_2000(DEEP, 12, level=45, reversible=False)],
        ),
        "two frames": dicom(
            DEEP, bits=12, syntax=JPEGLSLossless, NumberOfFrames=2,
            streams=[imagecodecs.jpegls_encode(DEEP), imagecodecs.jpegls_encode(DEEP[::-1].copy())],
        ),
        "another size": dicom(GREY, syntax=JPEG2000, streams=[jpeg_2000(GREY.T.copy(), 8)]),
    }  # fmt: skip
