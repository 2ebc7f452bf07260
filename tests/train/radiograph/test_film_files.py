"""Whether a file of a folder is a film: its name where that says so, its first bytes where it does not."""

import os

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.radiograph import RadiographError, read_radiograph
from train.radiograph.film_files import describe_no_film, is_named_as_film
from train.radiograph.formats import START_BYTES, describe_stranger, detect_format

PICTURE = np.tile(np.arange(200, dtype=np.uint8), (300, 1))
STARTS = [
    *(
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0",
        b"MM\0*",
        b"BM" + bytes(12) + b"\x28\0\0\0",
        b"RIFF\0\0\0\0WEBP",
    ),
    *(bytes(128) + b"DICM", b"\x08\0\x05\0CS\x0a\0ISO_IR 100", b"\x02\0\0\0UL\x04\0"),
    *(b"GIF8", b"PK\x03\x04", b"text", b""),
]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp", ".webp"])
def test_a_film_needs_no_name(tmp_path, suffix):
    path = tmp_path / "1.2.840.113619.2.5.1"
    path.write_bytes(cv2.imencode(suffix, PICTURE)[1].tobytes())
    assert describe_no_film(path) is None
    assert read_radiograph(path).shape == PICTURE.shape


@given(st.sampled_from(STARTS), st.binary(max_size=1000))
def test_the_first_bytes_say_what_the_whole_file_says(start, rest):
    data = start + rest
    try:
        detect_format(data)
        is_film = True
    except RadiographError as error:
        is_film = False
        reason = str(error)
    found = describe_stranger(data[:START_BYTES])
    assert (found is None) == is_film
    if found is not None:
        assert reason.startswith(found) or not data


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        ("1.2.840.10008.5.1.4.1.1.1", None),  # computed radiography
        ("1.2.840.10008.5.1.4.1.1.1.1", None),  # digital X-ray
        ("1.2.840.10008.5.1.4.1.1.7", None),  # secondary capture
        ("1.2.840.10008.5.1.4.1.1.2", None),  # CT: a picture, which reading refuses by name
        ("1.2.840.10008.1.3.10", "a DICOMDIR"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "a DICOM file without a picture"),  # presentation state
        ("1.2.840.10008.5.1.4.1.1.88.59", "a DICOM file without a picture"),  # key object selection
        ("1.2.840.10008.5.1.4.1.1.104.1", "a DICOM file without a picture"),  # encapsulated PDF
        ("1.2.840.10008.5.1.4.1.1.9.1.1", "a DICOM file without a picture"),  # ECG
        ("1.2.840.10008.5.1.4.1.1.66.4", None),  # segmentation
    ],
)
@pytest.mark.parametrize("preamble", [bytes(128) + b"DICM", b""])
def test_of_dicom_the_class_decides(uid, expected, preamble):
    value = uid.encode() + b"\0" * (len(uid) % 2)
    group = b"\x02\0\0\0UL\x04\0\x90\0\0\0" + b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01"
    assert describe_stranger(preamble + group + b"\x02\0\x02\0UI" + bytes([len(value), 0]) + value) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.JPG", True),
        ("a.b.dcm", True),
        ("x/a.tiff", True),
        ("1.2.840", False),
        ("a", False),
        (".png", False),
        ("a.", False),
    ],
)
def test_what_a_name_claims(name, expected):
    assert is_named_as_film(name) == expected


def test_what_is_no_ordinary_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    assert describe_no_film(tmp_path / "pipe") == "no ordinary file"
    assert describe_no_film(tmp_path / "gone") == "a link to nothing"
    assert describe_no_film(tmp_path) == "no ordinary file"
