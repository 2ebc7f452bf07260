import struct
import zlib
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from train.radiograph import PrepareSpec, RadiographError, prepare, read_radiograph
from train.radiograph.formats import MAX_BYTES, MAX_PIXELS

quick = settings(max_examples=60, deadline=None)


def must_not_decode(*arguments, **options):
    pytest.fail("a decoder was called")


def shades(height=120, width=90, seed=0):
    """A smooth random grey picture that fills 0..255."""
    noise = np.random.default_rng(seed).standard_normal((height, width)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def encode(suffix, picture, *options):
    done, data = cv2.imencode(suffix, picture, list(options))
    assert done
    return data.tobytes()


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, depth, colour, raw, *extra):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", zlib.compress(raw)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def exif(orientation):
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def with_jpeg_segment(data, marker, body):
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + data[2:]


def oriented(picture, orientation):
    """What the EXIF specification says the picture looks like."""
    return {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.T,
        6: np.rot90(picture, -1),
        7: np.rot90(picture, 2).T,
        8: np.rot90(picture),
    }[orientation]


class TestReading:
    @given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
    @quick
    def test_8_bit_png_keeps_its_values(self, picture):
        np.testing.assert_array_equal(read_radiograph(encode(".png", picture)), picture)

    @given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
    @quick
    def test_16_bit_png_is_scaled_by_its_own_range(self, picture):
        film = read_radiograph(encode(".png", picture))
        low, high = int(picture.min()), int(picture.max())
        expected = (picture.astype(float) - low) * 255 / max(high - low, 1)
        assert film.dtype == np.uint8
        assert np.abs(film - expected).max() <= 0.5 + 1e-9

    def test_12_bits_in_16_do_not_come_out_dark(self):
        film = read_radiograph(encode(".png", shades().astype(np.uint16) * 16))
        np.testing.assert_array_equal(film, shades())

    def test_16_bit_colour_png_is_weighed_before_it_is_scaled(self):
        grey = shades().astype(np.uint16) * 100
        film = read_radiograph(encode(".png", np.dstack([grey] * 3)))
        assert np.abs(film.astype(int) - shades()).max() <= 1

    @pytest.mark.parametrize("suffix", [".png", ".jpg"])
    def test_colour_becomes_luma(self, suffix):
        colour = np.dstack([shades(seed=seed) for seed in range(3)])
        film = read_radiograph(encode(suffix, colour, cv2.IMWRITE_JPEG_QUALITY, 100))
        expected = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
        assert np.abs(film.astype(int) - expected).max() <= 3

    def test_grey_jpeg_is_its_own_plane(self):
        data = encode(".jpg", shades())
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert expected.ndim == 2
        np.testing.assert_array_equal(read_radiograph(data), expected)

    def test_grey_as_colour_jpeg_gives_the_same_film_as_grey_jpeg(self):
        grey = encode(".jpg", shades(), cv2.IMWRITE_JPEG_QUALITY, 90)
        colour = encode(".jpg", np.dstack([shades()] * 3), cv2.IMWRITE_JPEG_QUALITY, 90)
        np.testing.assert_array_equal(read_radiograph(grey), read_radiograph(colour))

    def test_progressive_jpeg(self):
        plain = encode(".jpg", shades(), cv2.IMWRITE_JPEG_QUALITY, 90)
        progressive = encode(".jpg", shades(), cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
        assert plain != progressive
        np.testing.assert_array_equal(read_radiograph(plain), read_radiograph(progressive))

    def test_cmyk_jpeg(self):
        # As print shops write it: Adobe marker, inverted, only the black plate used.
        plates = encode(".jpg", shades(64, 64), cv2.IMWRITE_JPEG_QUALITY, 95)
        data = cmyk_of_black_plate(plates)
        film = read_radiograph(data)
        assert np.abs(film.astype(int) - read_radiograph(plates)).max() <= 2

    def test_palette_png(self):
        palette = bytes(value for index in range(256) for value in (255 - index,) * 3)
        indices = shades(20, 30)
        raw = b"".join(b"\0" + row.tobytes() for row in indices)
        film = read_radiograph(png(30, 20, 8, 3, raw, png_chunk(b"PLTE", palette)))
        np.testing.assert_array_equal(film, 255 - indices)

    @pytest.mark.parametrize("alpha", [0, 255])
    def test_transparency_is_ignored(self, alpha):
        picture = np.dstack([shades()] * 3 + [np.full_like(shades(), alpha)])
        np.testing.assert_array_equal(read_radiograph(encode(".png", picture)), shades())

    def test_grey_png_with_alpha(self):
        raw = b"".join(b"\0" + np.dstack([row, 255 - row]).tobytes() for row in shades(20, 30))
        np.testing.assert_array_equal(read_radiograph(png(30, 20, 8, 4, raw)), shades(20, 30))

    def test_one_bit_png(self):
        bits = shades(16, 24) > 127
        raw = b"".join(b"\0" + np.packbits(row).tobytes() for row in bits)
        np.testing.assert_array_equal(read_radiograph(png(24, 16, 1, 0, raw)), bits * np.uint8(255))

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation_of_a_jpeg(self, orientation):
        plain = encode(".jpg", shades(64, 48))
        turned = with_jpeg_segment(plain, 0xE1, b"Exif\0\0" + exif(orientation))
        np.testing.assert_array_equal(read_radiograph(turned), oriented(read_radiograph(plain), orientation))

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_exif_orientation_of_a_png(self, orientation, dtype):
        plain = encode(".png", shades(64, 48).astype(dtype))
        turned = plain[:33] + png_chunk(b"eXIf", exif(orientation)) + plain[33:]
        np.testing.assert_array_equal(read_radiograph(turned), oriented(read_radiograph(plain), orientation))

    def test_path_string_and_bytes_give_the_same(self, tmp_path):
        path = tmp_path / "film named .txt"
        path.write_bytes(encode(".png", shades()))
        for source in (path, str(path), path.read_bytes()):
            np.testing.assert_array_equal(read_radiograph(source), shades())

    def test_bytes_after_the_end_of_a_jpeg_are_ignored(self):
        data = encode(".jpg", shades())
        np.testing.assert_array_equal(read_radiograph(data + b"\0" * 500 + data), read_radiograph(data))

    @pytest.mark.parametrize("grey", [0, 127, 128, 129, 255])
    @pytest.mark.parametrize("shape", [(1, 1), (3, 50), (64, 64), (61, 67)])
    def test_flat_jpeg_is_no_damage(self, grey, shape):
        # 128 is what a decoder fills in for missing data.
        film = read_radiograph(encode(".jpg", np.full(shape, grey, np.uint8)))
        assert film.shape == shape
        assert np.abs(film.astype(int) - grey).max() <= 1


def cmyk_of_black_plate(grey_jpeg):
    """A four-component JPEG whose C, M and Y are empty: the grey scan is interleaved with flat blocks."""
    picture = cv2.imdecode(np.frombuffer(grey_jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    white = encode(".jpg", np.full_like(picture, 255), cv2.IMWRITE_JPEG_QUALITY, 95)
    tables, scans = {}, {}
    for name, data in (("black", grey_jpeg), ("white", white)):
        found, position = {}, 2
        while True:
            marker, length = data[position + 1], struct.unpack(">H", data[position + 2 : position + 4])[0]
            found.setdefault(marker, b"")
            found[marker] += data[position : position + 2 + length]
            position += 2 + length
            if marker == 0xDA:
                break
        tables[name], scans[name] = found, data[position:-2]
    assert tables["black"][0xC4] == tables["white"][0xC4]
    height, width = picture.shape
    adobe = b"\xff\xee" + struct.pack(">H5sHHHB", 14, b"Adobe", 100, 0, 0, 0)
    frame = struct.pack(">BHHB", 8, height, width, 4) + b"".join(bytes([i, 0x11, 0]) for i in range(1, 5))
    output = b"\xff\xd8" + adobe + tables["black"][0xDB] + tables["black"][0xC4]
    output += b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
    for component in range(1, 5):  # one scan a component: nothing needs interleaving
        scan = bytes([1, component, 0, 0, 63, 0])
        entropy = scans["black" if component == 4 else "white"]
        output += b"\xff\xda" + struct.pack(">H", len(scan) + 2) + scan + entropy
    return output + b"\xff\xd9"


class TestRefusal:
    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "empty"),
            (b"x", "text"),
            (b"a letter\nto the doctor", "text"),
            (b"\0\1\2\3" * 50, "unknown kind"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
            (b"GIF89a" + bytes(100), "GIF"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
            (b"\xff\x4f\xff\x51" + bytes(100), "JPEG 2000"),
            (b"PK\x03\x04" + bytes(100), "ZIP"),
            (b"%PDF-1.7", "PDF"),
            (b"\0\0\0\x1cftypavif" + bytes(50), "AVIF"),
            (b"\0\0\0\x1cftypheic" + bytes(50), "HEIC"),
            (b"BM is how this letter begins", "text"),
        ],
    )
    def test_what_is_no_film_is_named(self, data, words):
        with pytest.raises(RadiographError, match=words) as caught:
            read_radiograph(data)
        assert "expected a JPEG, PNG, TIFF, BMP, WebP or DICOM film" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_missing_file_and_folder(self, tmp_path):
        with pytest.raises(RadiographError, match="No such file") as caught:
            read_radiograph(tmp_path / "Jane Doe.png")
        assert "Jane" not in str(caught.value)
        with pytest.raises(RadiographError, match="not a regular file"):
            read_radiograph(tmp_path)

    def test_large_file_is_not_read_to_its_end(self, tmp_path):
        path = tmp_path / "large.jpg"
        with path.open("wb") as file:
            file.write(b"\xff\xd8\xff")
            file.truncate(MAX_BYTES * 20)
        with pytest.raises(RadiographError, match="larger than 100 MB"):
            read_radiograph(path)

    @pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (MAX_PIXELS + 1, 1), (0, 10), (10, 0)])
    def test_png_of_a_bad_size_is_refused_by_its_header(self, width, height, monkeypatch):
        monkeypatch.setattr(imagecodecs, "png_decode", must_not_decode)
        with pytest.raises(RadiographError, match=f"{width}×{height}"):
            read_radiograph(png(width, height, 8, 0, b""))

    @pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (0, 10), (10, 0)])
    def test_jpeg_of_a_bad_size_is_refused_by_its_header(self, width, height, monkeypatch):
        data = encode(".jpg", shades())
        frame = data.index(b"\xff\xc0")
        data = data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]
        monkeypatch.setattr(simplejpeg, "decode_jpeg", must_not_decode)
        with pytest.raises(RadiographError, match=f"{width}×{height}"):
            read_radiograph(data)

    def test_progressive_jpeg_of_endless_scans(self, monkeypatch):
        data = encode(".jpg", shades(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
        last = data.rindex(b"\xff\xda")
        monkeypatch.setattr(simplejpeg, "decode_jpeg", must_not_decode)
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(data[:-2] + data[last:-2] * 5000 + b"\xff\xd9")


@pytest.mark.real_data
class TestRealFilms:
    def test_native_film_shrinks_to_its_stored_twin(self, data_root: Path):
        films = sorted((data_root / "native").glob("*/*.jpeg"))
        assert len(films) == 40
        differences = []
        for path in films:
            twin = read_radiograph(data_root / "chest_xray" / "train" / path.parent.name / path.name)
            square = prepare(read_radiograph(path), PrepareSpec(twin.shape[0]))
            differences.append(np.abs(square.astype(float) - twin).mean())
        assert np.mean(differences) < 3
        assert max(differences) < 6

    def test_cut_films_are_refused(self, data_root: Path):
        for path in sorted((data_root / "native").glob("*/*.jpeg"))[::8]:
            data = path.read_bytes()
            for cut in (*range(1, 20), *(len(data) * part // 20 for part in range(1, 20))):
                with pytest.raises(RadiographError):
                    read_radiograph(data[:-cut])
