"""Damaged, cut, lying and malicious files: each ends as a whole film or as one line, soon, small and in silence."""

import io
import json
import struct
import subprocess
import sys
import time
import zipfile
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.radiograph import RadiographError, read_radiograph, read_with_warnings

SECONDS = 5


def shades(height=80, width=60, top=255, dtype=np.uint8):
    noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((height, width)), (0, 0), 3)
    return cv2.normalize(noise, None, 0, top, cv2.NORM_MINMAX).round().astype(dtype)


def encode(suffix, picture, *options):
    done, data = cv2.imencode(suffix, picture, list(options))
    assert done
    return data.tobytes()


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, stream, *extra):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + png_chunk(b"IDAT", stream) + png_chunk(b"IEND", b"")


def raw_rows(picture):
    return b"".join(b"\0" + row.tobytes() for row in picture)


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


SUBTYPES = 26


def ends_well(data):
    """Read and time a film: it, or None where it is refused in one line."""
    started, reason, film = time.monotonic(), "", None
    try:
        film, _ = read_with_warnings(data)
    except RadiographError as error:
        reason = str(error)
    assert time.monotonic() - started < SECONDS
    assert "\n" not in reason
    assert film is None or (film.dtype == np.uint8 and film.ndim == 2)
    return film


class TestEveryKind:
    def test_whole_films_are_read_whatever_their_name(self, films, tmp_path):
        assert len(films) == SUBTYPES
        for data in films.values():
            path = tmp_path / "film.svg"
            path.write_bytes(data)
            assert read_radiograph(path).shape == (80, 60)

    @pytest.mark.parametrize("kind", range(SUBTYPES))
    def test_cut_at_20_points_and_at_its_last_bytes(self, films, kind, capfd):
        data = list(films.values())[kind]
        whole = read_radiograph(data)
        for length in {len(data) * part // 20 for part in range(20)} | {len(data) - lost for lost in (1, 2, 3, 9)}:
            film = ends_well(data[:length])
            # The last bytes of a TIFF or DICOM file may be none of the picture's.
            assert film is None or (length > len(data) - 10 and np.array_equal(film, whole))
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("kind", range(SUBTYPES))
    def test_half_of_it_was_never_written(self, films, kind, capfd):
        data = list(films.values())[kind]
        whole = read_radiograph(data)
        film = ends_well(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
        # Without compression and checksum zeros are pixels like others.
        assert film is None or (kind and film.shape == whole.shape and b"\0" * 2000 not in data)
        assert capfd.readouterr() == ("", "")

    @given(data=st.data())
    @settings(max_examples=400, deadline=None)
    def test_changed_bytes(self, films, data):
        film = bytearray(data.draw(st.sampled_from(list(films.values()))))
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.one_of(st.integers(0, len(film) - 1), st.integers(0, min(400, len(film) - 1))))
            film[place] = data.draw(st.one_of(st.sampled_from([0, 1, 127, 128, 255]), st.integers(0, 255)))
        ends_well(bytes(film))

    @given(data=st.data())
    @settings(max_examples=200, deadline=None)
    def test_bytes_left_out_or_put_in(self, films, data):
        film = data.draw(st.sampled_from(list(films.values())))
        place, lost = data.draw(st.integers(0, len(film))), data.draw(st.integers(0, 12))
        ends_well(film[:place] + data.draw(st.binary(max_size=12)) + film[place + lost :])

    @given(
        st.binary(max_size=400),
        st.sampled_from(
            (
                *(b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\0" * 128 + b"DICM", b"RIFF\x90\1\0\0WEBPVP8 "),
                *(b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0\x10" + bytes(7)),
                b"BM" + bytes(12) + b"\x28\0\0\0",
            )
        ),
    )
    @settings(max_examples=300, deadline=None)
    def test_any_bytes(self, tail, start):
        ends_well(start + tail)

    def test_one_pixel(self, dicom):
        pixel = np.full((1, 1), 77, np.uint8)
        for data in (
            *(encode(suffix, pixel) for suffix in (".png", ".bmp", ".tiff")),
            encode(".webp", np.dstack([pixel] * 3), cv2.IMWRITE_WEBP_QUALITY, 101),
            dicom(pixel),
            imagecodecs.jpegls_encode(pixel),
        ):
            np.testing.assert_array_equal(read_radiograph(data), pixel)


class TestOddities:
    def test_odd_colour_profiles_are_ignored_in_silence(self, films, capfd):
        for body in (b"", b"x\0\0junk", b"x\0\0" + zlib.compress(b"junk" * 99), b"x\0\0" + zlib.compress(bytes(10**7))):
            for name in (b"iCCP", b"zTXt", b"tIME", b"gAMA", b"sRGB"):
                data = films["grey.png"]
                film = read_radiograph(data[:33] + png_chunk(name, body) + data[33:])
                np.testing.assert_array_equal(film, shades())
        data = films["grey.jpg"]
        for body in (b"", b"ICC_PROFILE\0\1\1junk", b"ICC_PROFILE\0\7\2" + bytes(60_000)):
            film = read_radiograph(data[:2] + segment(0xE2, body) + data[2:])
            np.testing.assert_array_equal(film, read_radiograph(data))
        assert capfd.readouterr() == ("", "")

    def test_moving_pictures(self, films):
        data = films["grey.png"]
        animation = png_chunk(b"acTL", struct.pack(">II", 2, 0))
        with pytest.raises(RadiographError, match="an animated PNG: expected a single picture"):
            read_radiograph(data[:33] + animation + data[33:])
        still = png_chunk(b"acTL", struct.pack(">II", 1, 0))
        np.testing.assert_array_equal(read_radiograph(data[:33] + still + data[33:]), shades())
        gif = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
        frame = b"\x21\xf9\x04\0\x0a\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
        with pytest.raises(RadiographError, match="a GIF picture: expected"):
            read_radiograph(gif + frame * 2 + b";")

    def test_archive_in_an_archive(self, films, tmp_path):
        inner, outer = io.BytesIO(), io.BytesIO()
        for buffer, name, data in ((inner, "film.jpg", films["grey.jpg"]), (outer, "films.zip", inner)):
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr(name, data if isinstance(data, bytes) else data.getvalue())
        (tmp_path / "film.jpg").write_bytes(outer.getvalue())
        with pytest.raises(RadiographError, match="a ZIP archive: expected"):
            read_radiograph(tmp_path / "film.jpg")

    @given(place=st.integers(0, 10**6), change=st.integers(1, 255))
    @settings(max_examples=100, deadline=None)
    def test_png_tells_every_changed_byte(self, films, place, change):
        data = bytearray(films["grey.png"][:33] + png_chunk(b"tEXt", b"Comment\0" * 20) + films["grey.png"][33:])
        data[place % len(data)] ^= change
        with pytest.raises(RadiographError):
            read_radiograph(bytes(data))

    @pytest.mark.parametrize(
        "stream",
        [
            zlib.compress(raw_rows(shades()))[:-4] + b"abcd",
            zlib.compress(raw_rows(shades()[:40])),
            zlib.compress(raw_rows(shades()))[:900],
            zlib.compress(b"\x09" + raw_rows(shades())[1:]),
            b"",
        ],
        ids=["wrong checksum", "half the rows", "cut", "unknown filter", "nothing"],
    )
    def test_png_whose_checksums_are_right_and_whose_data_are_not(self, stream, capfd):
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(png(60, 80, stream))
        assert capfd.readouterr() == ("", "")

    def test_deflated_tiff_with_a_wrong_checksum(self, films):
        data = films["deflate.tif"]
        start = data.index(b"\x78")
        inflater = zlib.decompressobj()
        inflater.decompress(data[start:])
        end = len(data) - len(inflater.unused_data)
        with pytest.raises(RadiographError, match="cut short"):
            read_radiograph(data[: end - 4] + b"abcd" + data[end:])


class TestBombs:
    @pytest.mark.parametrize(
        ("start", "repeated", "megabytes"),
        [
            (b"\xff\xd8", b"\xff\xe5\0\2", 20),
            (b"\xff\xd8", b"\xff", 20),
            (encode(".jpg", shades())[:-2], b"\xff\xd0", 20),
            (b"\x89PNG\r\n\x1a\n", png_chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 0, 0, 0, 0)), 20),
            (b"RIFF" + struct.pack("<I", 4 + 90_000_000) + b"WEBP", b"abcd\0\0\0\0", 90),
            (b"\0" * 128 + b"DICM", b"\x02\0\x02\0UI\0\0", 90),
        ],
        ids=["JPEG segments", "JPEG fill bytes", "JPEG restarts", "PNG chunks", "WebP chunks", "DICOM meta elements"],
    )
    def test_endless_headers(self, start, repeated, megabytes):
        assert ends_well(start + repeated * (megabytes * 1_000_000 // len(repeated))) is None

    def test_a_picture_of_20000_squared_costs_no_memory(self, tmp_path, dicom):
        side = 20_000
        deflate = zlib.compressobj(9)
        stream = deflate.compress(bytes(side * (side + 1))) + deflate.flush()
        files = {
            "bomb.png": png(side, side, stream),
            "bomb.dcm": dicom(np.zeros((1, 1), np.uint8)).replace(
                *(b"\x28\0\x10\0US\x02\0" + struct.pack("<H", rows) for rows in (1, side))
            ).replace(*(b"\x28\0\x11\0US\x02\0" + struct.pack("<H", columns) for columns in (1, side))),
            "bomb.tif": b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHIIHHIII", 256, 4, 1, side, 257, 4, 1, side, 0),
        }  # fmt: skip
        assert len(files["bomb.png"]) < 500_000
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        code = """
import json, resource, sys, time
import train.radiograph.dicom.film, train.radiograph.jpeg, train.radiograph.png, train.radiograph.tiff
from train.radiograph import RadiographError, read_radiograph
results = {}
for path in sys.argv[1:]:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    try:
        read_radiograph(path)
        reason = "read"
    except RadiographError as error:
        reason = str(error)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    results[path] = [reason, grown / 1024, time.monotonic() - started]
print(json.dumps(results))
"""
        run = subprocess.run(
            [sys.executable, "-c", code, *(tmp_path / name for name in files)], capture_output=True, text=True
        )
        assert run.stderr == ""
        for reason, megabytes, seconds in json.loads(run.stdout).values():
            assert reason.startswith("20000×20000 pixels are more than the limit of 50 million")
            assert megabytes < 5
            assert seconds < SECONDS


def test_predict_survives_them_all(films, tmp_path, tiny_bundle):
    """One folder of whole, cut and bent films through the command itself: no traceback, no native line."""
    tiny_bundle(tmp_path / "models")
    folder = tmp_path / "films"
    folder.mkdir()
    for name, data in films.items():
        bent = bytearray(data)
        bent[len(data) // 3 :: 97] = bytes(len(bent[len(data) // 3 :: 97]))
        suffix = name.rpartition(".")[2]
        for number, content in enumerate((data, data[: len(data) * 2 // 3], bytes(bent), data[::-1])):
            (folder / f"{name.partition('.')[0]} {number}.{suffix}").write_bytes(content)
    odd = png_chunk(b"iCCP", b"x\0\0junk"), png_chunk(b"tIME", b"1")
    (folder / "odd.png").write_bytes(png(60, 80, zlib.compress(raw_rows(shades()) + b"surplus"), *odd))
    arguments = ["predict", str(folder), "--models", str(tmp_path / "models"), "--network", "a", "--csv"]
    run = subprocess.run(
        [sys.executable, "-c", "from demo.cli import app; app()", *arguments], capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stdout + run.stderr
    assert len(run.stdout.splitlines()) == 2 + 4 * SUBTYPES
    known = ("error:", "warning:", "device:", "Not a medical device")
    assert [line for line in run.stderr.splitlines() if not line.startswith(known)] == []
