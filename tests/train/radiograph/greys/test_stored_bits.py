import cv2
import numpy as np
import pytest

from train.radiograph.greys.stored_bits import stored_bits

FILM = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48) * 20


def encoded(suffix, film):
    return cv2.imencode(suffix, film)[1].tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
def test_a_film_of_8_bits(suffix):
    assert stored_bits(encoded(suffix, (FILM >> 8).astype(np.uint8))) == 8


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_film_of_16_bits(suffix):
    assert stored_bits(encoded(suffix, FILM)) == 16


def test_a_jpeg_with_filling_before_its_frame():
    data = encoded(".jpg", (FILM >> 8).astype(np.uint8))
    comment = b"\xff\xfe\x00\x06note"
    assert stored_bits(data[:2] + comment + b"\xff" + data[2:]) == 8


def test_a_dicom_file_says_how_many_of_its_bits_are_used(dicom):
    assert stored_bits(dicom(FILM >> 4, bits=12)) == 12


@pytest.mark.parametrize("data", [b"", b"no film", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0"])
def test_what_does_not_say_has_none(data):
    assert stored_bits(data) is None


def test_a_cut_file_never_raises(dicom):
    for whole in (encoded(".jpg", (FILM >> 8).astype(np.uint8)), encoded(".tif", FILM), dicom(FILM >> 4, bits=12)):
        for length in range(0, len(whole), 7):
            assert stored_bits(whole[:length]) in (None, 8, 12, 16)
