"""Fixtures for the readers' tests: DICOM films made to order, and a whole film of every kind."""

from collections.abc import Callable

import cv2
import imagecodecs
import numpy as np
import pytest
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)


def _encode(suffix: str, picture: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, picture, list(options))[1].tobytes()


@pytest.fixture(scope="session")
def films(dicom: Callable[..., bytes]) -> dict[str, bytes]:
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
        "plain.dcm": dicom(deep, bits=12),
        "implicit.dcm": dicom(deep, bits=12, syntax=ImplicitVRLittleEndian, preamble=False),
        "big endian.dcm": dicom(deep, bits=12, syntax=ExplicitVRBigEndian),
        "rle.dcm": dicom(deep, bits=12, syntax=RLELossless),
        **{
            f"{name.name}.dcm": dicom(picture, syntax=name, streams=[stream])
            for name, (picture, stream) in streams.items()
        },
    }
