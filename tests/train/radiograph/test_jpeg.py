"""JPEGs that are not whole, and those that only look so."""

import struct

import numpy as np
import pytest
import simplejpeg

from train.radiograph import RadiographError, read_radiograph


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


class TestPartialJpegs:
    @pytest.mark.parametrize("colour", [False, True])
    def test_progressive_without_its_last_scans_but_with_an_end(self, films, colour):
        data = films["colour progressive.jpg" if colour else "progressive.jpg"]
        scans = [place for place in range(len(data)) if data.startswith(b"\xff\xda", place)]
        assert len(scans) >= 6
        for start in scans[1:]:
            # Huffman tables of the lost scan may stand before it.
            with pytest.raises(RadiographError, match="last scans are missing"):
                read_radiograph(data[:start] + b"\xff\xd9")

    def test_scan_of_a_component_is_missing(self):
        frame = segment(0xC0, struct.pack(">BHHB", 8, 8, 8, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]))
        quantities = segment(0xDB, b"\0" + b"\1" * 64)
        codes = segment(0xC4, b"\0" + b"\1" + bytes(15) + b"\0") + segment(0xC4, b"\x10" + b"\1" + bytes(15) + b"\0")
        scans = [segment(0xDA, bytes([1, name, 0, 0, 63, 0])) + b"\x3f" for name in (1, 2, 3)]
        start = b"\xff\xd8" + quantities + frame + codes
        assert (read_radiograph(start + b"".join(scans) + b"\xff\xd9") == 128).all()
        for lost in range(3):
            with pytest.raises(RadiographError, match="scans are missing"):
                read_radiograph(start + b"".join(scans[:lost] + scans[lost + 1 :]) + b"\xff\xd9")

    @pytest.mark.parametrize("name", ["grey.jpg", "colour.jpg", "restarts.jpg", "progressive.jpg", "12 bit.jpg"])
    def test_data_end_early_before_the_end_marker(self, films, name, capfd):
        data = films[name]
        start = data.index(b"\xff\xda") + 20
        after_255 = [place + 1 for place in range(start, len(data) - 30) if data[place] == 255]
        for end in (*range(start, len(data) - 8, 97), *after_255[:20], len(data) - 5):
            with pytest.raises(RadiographError):
                read_radiograph(data[:end] + b"\xff\xd9" + data)
        assert capfd.readouterr() == ("", "")

    def test_lost_restart_interval(self, films):
        data = films["restarts.jpg"]
        first, second = (data.index(b"\xff" + bytes([marker])) for marker in (0xD1, 0xD2))
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(data[:first] + data[second:])

    def test_rows_cut_from_the_header(self, films):
        data = films["grey.jpg"]
        height = data.index(b"\xff\xc0") + 5
        for rows in (8, 40, 72, 88, 400):
            with pytest.raises(RadiographError, match="damaged"):
                read_radiograph(data[:height] + struct.pack(">H", rows) + data[height + 2 :])

    def test_what_cameras_get_wrong_is_no_damage(self, films):
        data = films["grey.jpg"]
        whole = read_radiograph(data)
        for surplus in (1, 5, 40):
            film = read_radiograph(data[:-2] + b"\0" * surplus + b"\xff\xd9")
            np.testing.assert_array_equal(film, whole)
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(data[:-2] + b"\0" * 200 + b"\xff\xd9")
        last = data.index(b"\xff\xda") + 7
        assert data[last : last + 3] == b"\0\x3f\0"
        np.testing.assert_array_equal(read_radiograph(data[:last] + b"\0\0\0" + data[last + 3 :]), whole)
        revision = data.index(b"JFIF") + 5
        np.testing.assert_array_equal(read_radiograph(data[:revision] + b"\5" + data[revision + 1 :]), whole)

    def test_an_earlier_fault_is_not_hidden_by_surplus_bytes(self, films):
        data = films["restarts.jpg"]
        first, second = (data.index(b"\xff" + bytes([marker])) for marker in (0xD1, 0xD2))
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(data[: first + 2] + data[second:-2] + bytes(20) + b"\xff\xd9")
        with pytest.raises(ValueError, match="Corrupt"):  # what the tolerance rests on: the first fault is told
            simplejpeg.decode_jpeg(data[: first + 2] + data[second:-2] + bytes(20) + b"\xff\xd9", "GRAY", strict=True)
