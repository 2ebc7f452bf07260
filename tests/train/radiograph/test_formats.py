"""Every picture format that is read, in its depths, colours and orientations; `test_radiograph` has JPEG and PNG."""

import struct
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from train.radiograph import (
    READABLE_SUFFIXES,
    FilmWarning,
    RadiographError,
    formats,
    read_radiograph,
    read_with_warnings,
)
from train.radiograph.formats import LargeFilmError, large_films_wait

quick = settings(max_examples=60, deadline=None)
small = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)
TURNS = {
    1: lambda film: film,
    2: lambda film: film[:, ::-1],
    3: lambda film: film[::-1, ::-1],
    4: lambda film: film[::-1],
    5: lambda film: film.T,
    6: lambda film: np.rot90(film, -1),
    7: lambda film: np.rot90(film, 2).T,
    8: lambda film: np.rot90(film),
}


def must_not_decode(*arguments, **options):
    pytest.fail("a decoder was called")


def shades(height=60, width=45, top=255, dtype=np.uint8):
    noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((height, width)), (0, 0), 3)
    return cv2.normalize(noise, None, 0, top, cv2.NORM_MINMAX).round().astype(dtype)


def encode(suffix, picture, *options):
    done, data = cv2.imencode(suffix, picture, list(options))
    assert done
    return data.tobytes()


def scaled(film):
    """A film by its own range, in exact arithmetic as far as doubles go."""
    low, high = float(film.min()), float(film.max())
    return (film.astype(float) / 2 - low / 2) / (high / 2 - low / 2) * 255 if high > low else np.zeros(film.shape)


def tiff(picture, *, order="<", big=False, rows=None, deflate=False, pages=1, **tags):
    """A TIFF of strips; `tags` are `t262=1` and the like and win over what the picture asks for; None leaves out."""
    height, width = picture.shape[:2]
    rows = rows or height
    strips = [picture[top : top + rows] for top in range(0, height, rows)]
    strips = [strip.astype(strip.dtype.newbyteorder(order)).tobytes() for strip in strips]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    start, pointer = (16, "Q") if big else (8, "I")
    offsets = [start + sum(map(len, strips[:index])) for index in range(len(strips))]
    samples = 1 if picture.ndim == 2 else picture.shape[2]
    entries = {
        256: [width], 257: [height], 258: [picture.itemsize * 8] * samples, 259: [8 if deflate else 1],
        262: [2 if samples > 2 else 1], 273: offsets, 277: [samples], 278: [rows], 279: list(map(len, strips)),
        339: [{"u": 1, "i": 2, "f": 3}[picture.dtype.kind]] * samples,
    }  # fmt: skip
    entries |= {int(name[1:]): value if isinstance(value, list) else [value] for name, value in tags.items()}
    entries = {tag: values for tag, values in entries.items() if values != [None]}
    body = b"".join(strips)
    body += b"\0" * (-len(body) % 8)
    first = start + len(body)
    for page in range(pages):
        directory, long_values = b"", b""
        room = struct.calcsize(pointer)
        place = start + len(body)
        after = place + struct.calcsize("<" + ("Q" if big else "H")) + len(entries) * (4 + 2 * room) + room
        for tag, values in sorted(entries.items()):
            kind = 3 if tag in (258, 259, 262, 274, 277, 284, 320, 339) else 16 if big else 4
            packed = struct.pack(f"{order}{len(values)}{ {3: 'H', 4: 'I', 16: 'Q'}[kind] }", *values)
            if len(packed) > room:
                packed, long_values = struct.pack(order + pointer, after + len(long_values)), long_values + packed
            directory += struct.pack(f"{order}HH{pointer}", tag, kind, len(values)) + packed.ljust(room, b"\0")
        following = after + len(long_values) + -(after + len(long_values)) % 8 if page + 1 < pages else 0
        directory = struct.pack(order + ("Q" if big else "H"), len(entries)) + directory
        body += directory + struct.pack(order + pointer, following) + long_values
        body += b"\0" * (-len(body) % 8)
    mark, version = (b"II" if order == "<" else b"MM"), struct.pack(order + "H", 43 if big else 42)
    return mark + version + (struct.pack(order + "HHQ", 8, 0, first) if big else struct.pack(order + "I", first)) + body


def exif(orientation):
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def riff(*chunks):
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_chunk(data):
    size = struct.unpack("<I", data[16:20])[0]
    return data[12:16], data[20 : 20 + size]


class TestTiff:
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("big", [False, True])
    @pytest.mark.parametrize("rows", [None, 7])
    @pytest.mark.parametrize("deflate", [False, True])
    def test_8_bits_keep_their_values_however_they_are_laid_out(self, order, big, rows, deflate):
        data = tiff(shades(), order=order, big=big, rows=rows, deflate=deflate)
        np.testing.assert_array_equal(read_radiograph(data), shades())

    @given(
        picture=st.sampled_from(["u2", "u4", "i1", "i2", "i4"]).flatmap(lambda dtype: arrays(dtype, small)),
        order=st.sampled_from("<>"),
    )
    @quick
    def test_other_whole_numbers_are_scaled_by_their_own_range(self, picture, order):
        film = read_radiograph(tiff(picture, order=order))
        assert film.dtype == np.uint8
        assert np.abs(film - scaled(picture)).max() <= 0.5 + 1e-6

    @given(
        st.sampled_from([(np.float16, 16), (np.float32, 32), (np.float64, 64)]).flatmap(
            lambda kind: arrays(
                kind[0], small, elements=st.floats(allow_nan=False, allow_infinity=False, width=kind[1])
            )
        )
    )
    @quick
    def test_floats_are_scaled_by_their_own_range(self, picture):
        film = read_radiograph(tiff(picture))
        if float(picture.max()) / 2 - float(picture.min()) / 2 > 1e-300:
            assert np.abs(film - scaled(picture)).max() <= 0.5 + 1e-6

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_float_that_is_no_number_is_refused(self, value, dtype):
        picture = shades(dtype=dtype)
        picture[3, 4] = value
        with pytest.raises(RadiographError, match="NaN or infinite"):
            read_radiograph(tiff(picture))

    def test_flat_film_is_black(self):
        for dtype in (np.uint16, np.int16, np.float32, np.float64):
            np.testing.assert_array_equal(read_radiograph(tiff(np.full((4, 5), 7, dtype))), 0)

    @pytest.mark.parametrize(("suffix", "compression"), [("lzw", 5), ("packbits", 32773), ("old deflate", 32946)])
    def test_other_writers_compressions(self, suffix, compression, capfd):
        for picture in (shades(), shades(top=60_000, dtype=np.uint16)):
            data = encode(".tiff", picture, cv2.IMWRITE_TIFF_COMPRESSION, compression)
            assert np.abs(read_radiograph(data) - scaled(picture)).max() <= 0.5 + 1e-6
        capfd.readouterr()  # OpenCV grumbles at the old Deflate that it writes

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    def test_tiles_and_predictors(self, dtype):
        picture = shades(70, 50, 255, dtype)
        data = imagecodecs.tiff_encode(picture, compression=8, tile=(32, 32), predictor=True)
        assert data.count(b"\x42\x01") + data.count(b"\x01\x42")  # tag 322
        np.testing.assert_array_equal(read_radiograph(data), shades(70, 50))

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
    def test_white_is_zero_is_inverted(self, dtype):
        picture = shades(top=255, dtype=dtype)
        np.testing.assert_array_equal(read_radiograph(tiff(picture, t262=0)), 255 - shades())

    @pytest.mark.parametrize("top", [255, 65535])
    def test_colour_becomes_luma_and_alpha_is_ignored(self, top):
        dtype = np.uint8 if top == 255 else np.uint16
        colour = np.dstack([shades(top=top, dtype=dtype)[::step, :: abs(step)] for step in (1, -1, 1)])
        grey = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY)
        expected = read_radiograph(tiff(grey))
        alpha = np.full((60, 45, 1), 9, dtype)
        planes = np.concatenate([colour[..., index] for index in range(3)])
        parts = 60 * 45 * colour.itemsize
        separate = tiff(planes, t257=60, t258=[8 * colour.itemsize] * 3, t262=2, t277=3, t278=60, t284=2, t339=[1] * 3,
                        t273=[8, 8 + parts, 8 + 2 * parts], t279=[parts] * 3)  # fmt: skip
        for data in (tiff(colour), tiff(np.dstack([colour, alpha])), tiff(np.dstack([grey, alpha])), separate):
            np.testing.assert_array_equal(read_radiograph(data), expected)

    @pytest.mark.parametrize("unit", [1, 257])
    def test_palette(self, unit):
        colours = [(255 - index) * unit for index in range(256)] * 3
        np.testing.assert_array_equal(read_radiograph(tiff(shades(), t262=3, t320=colours)), 255 - shades())

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    def test_orientation(self, orientation, dtype):
        film = read_radiograph(tiff(shades(dtype=dtype), t274=orientation))
        np.testing.assert_array_equal(film, TURNS[orientation](shades()))

    def test_first_of_several_pages_with_a_warning(self):
        data = tiff(shades(), pages=3)
        film, notes = read_with_warnings(data)
        np.testing.assert_array_equal(film, shades())
        assert notes == ("the file holds 3 pages: only the first was read",)
        with pytest.warns(FilmWarning, match="3 pages"):
            read_radiograph(data)

    @pytest.mark.parametrize(
        ("tags", "words"),
        [
            ({"t259": 7}, "compressed in another way"),
            ({"t259": 4}, "compressed in another way"),
            ({"t258": 12}, "8, 16 or 32 bits"),
            ({"t339": 6}, "8, 16 or 32 bits"),
            ({"t262": 6}, "grey, RGB or a palette"),
            ({"t262": 3}, "grey, RGB or a palette"),
            ({"t256": 60_000, "t257": 60_000}, "60000×60000 pixels"),
            ({"t256": 0}, "0×60"),
        ],
    )
    def test_rare_kinds_are_named(self, tags, words):
        with pytest.raises(RadiographError, match=words):
            read_radiograph(tiff(shades(), **tags))

    @pytest.mark.parametrize(
        "tags",
        [
            {"t257": 61},
            {"t256": 46},
            {"t256": 44_000},
            {"t278": 30},
            {"t273": 10_000},
            {"t273": None},
            {"t279": 60 * 45 - 1},
            {"t279": 2**32 - 1},
            {"t277": 2},
            {"t277": 0},
            {"t322": 2**31, "t323": 2**31, "t324": 8, "t325": 2700},
            {"t322": 0, "t323": 16, "t324": 8, "t325": 2700},
            {"t322": 64, "t323": 64, "t324": 8, "t325": 2700},
        ],
    )
    def test_tags_that_lie(self, tags, monkeypatch):
        monkeypatch.setattr(imagecodecs, "tiff_decode", must_not_decode)
        with pytest.raises(RadiographError, match=r"cut short|damaged|TIFF of other"):
            read_radiograph(tiff(shades(), **tags))

    def test_tag_named_twice(self):
        data = tiff(shades())
        twice = data.replace(struct.pack("<HHI", 339, 3, 1), struct.pack("<HHI", 277, 3, 1))
        assert twice != data
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(twice)

    def test_directories_in_a_circle_and_endless_ones(self):
        data = bytearray(tiff(shades(), pages=2))
        first = struct.unpack("<I", data[4:8])[0]
        entries = struct.unpack("<H", data[first : first + 2])[0]
        link = first + 2 + 12 * entries
        data[link : link + 4] = struct.pack("<I", first)
        with pytest.warns(FilmWarning, match="list of pages is broken"):
            np.testing.assert_array_equal(read_radiograph(bytes(data)), shades())
        data[first : first + 2] = b"\xff\xff"
        with pytest.raises(RadiographError, match="damaged"):
            read_radiograph(bytes(data))
        with pytest.raises(RadiographError, match="more than 1000 pictures"):
            read_radiograph(tiff(shades(2, 2), pages=1002))


class TestBmp:
    @pytest.mark.parametrize("flip", [False, True])
    def test_grey_and_colour(self, flip):
        grey = shades(61, 47)
        colour = np.dstack([grey, grey[::-1], grey])
        for picture, expected in ((grey, grey), (colour, cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY))):
            data = bytearray(encode(".bmp", picture))
            if flip:  # a negative height: the top row stands first
                data[22:26] = struct.pack("<i", -61)
            np.testing.assert_array_equal(read_radiograph(bytes(data)), expected[::-1] if flip else expected)

    def test_palette_and_one_bit(self):
        data = bytearray(encode(".bmp", shades()))
        for index in range(256):
            data[54 + 4 * index : 57 + 4 * index] = bytes([255 - index]) * 3
        np.testing.assert_array_equal(read_radiograph(bytes(data)), 255 - shades())
        bits = shades(16, 32) > 127
        header = struct.pack("<IiiHHIIiiII", 40, 32, 16, 1, 1, 0, 0, 0, 0, 2, 0) + b"\0\0\0\0\xff\xff\xff\0"
        data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 62) + header + np.packbits(bits[::-1], axis=1).tobytes()
        np.testing.assert_array_equal(read_radiograph(data), bits * np.uint8(255))

    @pytest.mark.parametrize(
        ("place", "value", "words"),
        [
            (18, struct.pack("<ii", 60_000, 60_000), "60000×60000 pixels"),
            (18, struct.pack("<ii", 1, -(2**31)), "1×2147483648 pixels"),
            (18, struct.pack("<ii", -45, 60), "at least one pixel"),
            (18, struct.pack("<ii", 49, 60), "cut short"),
            (18, struct.pack("<ii", 45, 61), "cut short"),
            (10, struct.pack("<I", 10), "damaged"),
            (28, struct.pack("<H", 12), "rare"),
            (30, struct.pack("<I", 1), "compressed"),
        ],
    )
    def test_header_that_lies(self, place, value, words, monkeypatch):
        data = encode(".bmp", shades())
        monkeypatch.setattr(imagecodecs, "bmp_decode", must_not_decode)
        with pytest.raises(RadiographError, match=words):
            read_radiograph(data[:place] + value + data[place + len(value) :])


class TestWebp:
    def test_lossless_and_lossy(self):
        colour = np.dstack([shades()] * 3)
        np.testing.assert_array_equal(read_radiograph(encode(".webp", colour, cv2.IMWRITE_WEBP_QUALITY, 101)), shades())
        film = read_radiograph(encode(".webp", colour, cv2.IMWRITE_WEBP_QUALITY, 95))
        assert np.abs(film.astype(int) - shades()).max() <= 12

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
    def test_exif_orientation(self, orientation, prefix):
        frame = webp_chunk(encode(".webp", np.dstack([shades()] * 3), cv2.IMWRITE_WEBP_QUALITY, 101))
        size = struct.pack("<I", 44)[:3] + struct.pack("<I", 59)[:3]
        data = riff((b"VP8X", b"\x08\0\0\0" + size), frame, (b"EXIF", prefix + exif(orientation)))
        np.testing.assert_array_equal(read_radiograph(data), TURNS[orientation](shades()))

    def test_animation_is_refused(self):
        frame = webp_chunk(encode(".webp", np.dstack([shades()] * 3)))
        header = (b"VP8X", b"\x02\0\0\0" + bytes(6))
        for chunks in ([header, frame], [(b"ANIM", bytes(6)), frame]):
            with pytest.raises(RadiographError, match="an animated WebP: expected a single picture"):
                read_radiograph(riff(*chunks))

    def test_cut(self):
        data = encode(".webp", np.dstack([shades()] * 3))
        for length in range(12, len(data), 97):
            with pytest.raises(RadiographError, match="cut short"):
                read_radiograph(data[:length])

    @pytest.mark.parametrize("quality", [80, 101])
    def test_size_in_the_header(self, quality, monkeypatch):
        name, body = webp_chunk(encode(".webp", np.dstack([shades()] * 3), cv2.IMWRITE_WEBP_QUALITY, quality))
        if name == b"VP8L":
            body = body[:1] + struct.pack("<I", 16_383 | 16_383 << 14) + body[5:]
            side = 16_384
        else:
            body, side = body[:6] + struct.pack("<HH", 16_383, 16_383) + body[10:], 16_383
        monkeypatch.setattr(imagecodecs, "webp_decode", must_not_decode)
        with pytest.raises(RadiographError, match=f"{side}×{side} pixels are more"):
            read_radiograph(riff((name, body)))
        with pytest.raises(RadiographError, match="pixels are more"):
            read_radiograph(riff((b"VP8X", bytes(4) + b"\xff" * 6), (name, body)))


def test_every_suffix_that_a_folder_is_searched_for_is_lower_case_and_stands_for_something_read():
    assert {"", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom"} <= READABLE_SUFFIXES
    assert all(suffix == suffix.lower() for suffix in READABLE_SUFFIXES)
    assert not {".gif", ".svg", ".pdf", ".avif", ".zip"} & READABLE_SUFFIXES


def test_a_large_film_of_any_kind_stops_at_its_header_where_it_has_to_wait(films, monkeypatch):
    monkeypatch.setattr(formats, "LARGE_PIXELS", 80 * 60 - 1)
    for name, data in films.items():
        with large_films_wait(), pytest.raises(LargeFilmError):
            read_radiograph(data)
        assert read_radiograph(data).size == 80 * 60, name
    monkeypatch.setattr(formats, "LARGE_PIXELS", 80 * 60)
    with large_films_wait():
        assert all(read_radiograph(data).size == 80 * 60 for data in films.values())
