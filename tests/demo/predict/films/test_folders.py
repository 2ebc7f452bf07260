"""Folders as they come from hospitals, CDs and data tools: every film is found, and what is none is counted."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from demo.predict.films.paths import find_films
from train.common.errors import UsageError


def dicom(sop_class="1.2.840.10008.5.1.4.1.1.1", preamble=bytes(128)):
    """The start of a DICOM file, a radiograph if no other class is named."""
    uid = sop_class.encode() + b"\0" * (len(sop_class) % 2)
    group = b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01" + b"\x02\0\x02\0UI" + len(uid).to_bytes(2, "little") + uid
    return preamble + b"DICM\x02\0\0\0UL\x04\0" + len(group).to_bytes(4, "little") + group


FILMS = {
    "dicom": dicom(),
    "dicom behind a TIFF header": dicom(preamble=b"II*\0".ljust(128, b"\0")),
    "dicom without preamble": b"\x08\0\x05\0CS\x0a\0ISO_IR 100",
    "dicom without preamble, implicit": b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100",
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "tiff": b"II*\0\x08\0\0\0",
    "big-endian tiff": b"MM\0*\0\0\0\x08",
    "bigtiff": b"II+\0\x08\0\0\0",
    "bmp": b"BM" + bytes(12) + b"\x28\0\0\0",
    "webp": b"RIFF\x20\0\0\0WEBPVP8 ",
}
STRANGERS = {
    "a DICOMDIR": dicom("1.2.840.10008.1.3.10"),
    "a DICOM file without a picture": dicom("1.2.840.10008.5.1.4.1.1.88.33"),
    "an empty file": b"",
    "text": b"[autorun]\nopen=viewer.exe\n",
    "a file of an unknown kind": b"MZ\x90\0\x03",
    "a ZIP archive": b"PK\x03\x04",
    "a PDF document": b"%PDF-1.7",
    "a GIF picture": b"GIF89a",
}
# UIDs (whose last part looks like a suffix), numbers, storescp's and scanners' names, names that lie.
NAMES = [
    "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819",
    "CR.1.2.840.113619.2.55.3.604688",
    "1.2.840.113619.2.5.1",
    "IM000001",
    "I0000001.ima",
    "film.JPG.bak",
    "film.txt",
    "film.",
    "00000001",
]


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture
def top(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "top").mkdir()
    return Path("top")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", FILMS)
def test_a_film_is_found_whatever_its_name(top, kind, name):
    write(top / name, FILMS[kind])
    found = find_films(["top"])
    assert found.films == (f"top/{name}",)
    assert found.left_out.in_words() == ""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", STRANGERS)
def test_what_is_no_film_is_left_out_and_counted(top, kind, name):
    write(top / "film.png", b"")
    write(top / name, STRANGERS[kind])
    write(top / f"{name}2", STRANGERS[kind])
    found = find_films(["top"])
    assert found.films == ("top/film.png",)
    assert found.left_out.in_words() == (
        f"2 files left out, no films by their first bytes (2× {kind}); --all takes every file"
    )


def test_a_name_that_claims_to_be_a_film_is_held_to_it(top):
    for name in ("a.jpg", "b.DCM", "c.tif"):
        write(top / name, b"no film")
    assert find_films(["top"]).films == ("top/a.jpg", "top/b.DCM", "top/c.tif")


def test_a_dicom_cd_is_read_whole(top):
    for name, data in {
        "DICOMDIR": STRANGERS["a DICOMDIR"],
        "LOCKFILE": b"",
        "VERSION": b"1\n",
        "AUTORUN.INF": STRANGERS["text"],
        "logo.png": FILMS["png"],  # even with a picture of its own beside the folders
        "DICOM/S0001/IM000001": FILMS["dicom"],
        "DICOM/S0001/SR000001": STRANGERS["a DICOM file without a picture"],
        "DICOM/S0002/IM000001": FILMS["dicom"],
        "A/B/I1000000": FILMS["dicom"],
    }.items():
        write(top / name, data)
    found = find_films(["top"])
    assert found.films == (
        "top/logo.png",
        "top/A/B/I1000000",
        "top/DICOM/S0001/IM000001",
        "top/DICOM/S0002/IM000001",
    )
    assert found.left_out.files.total() == 5
    assert found.left_out.folders == 0


@pytest.mark.parametrize("data", [STRANGERS["a DICOMDIR"], FILMS["dicom"], b"", b"damaged"])
def test_a_damaged_table_of_contents_hides_no_film(top, data):
    write(top / "DICOMDIR", data)
    write(top / "film.png", b"")
    write(top / "A" / "I1", FILMS["dicom"])
    found = find_films(["top"])
    assert found.films == ("top/film.png", "top/A/I1")
    assert found.left_out.files == {"a DICOMDIR": 1}
    assert find_films(["top"], every_file=True).films == ("top/DICOMDIR", "top/film.png", "top/A/I1")


def test_sub_folders_beside_films_are_counted(top):
    write(top / "film.png", b"")
    write(top / "2023" / "film.png", b"")
    write(top / "2024" / "film.png", b"")
    assert find_films(["top"]).left_out.in_words() == "2 sub-folders not looked into; --recursive does"
    assert find_films(["top"], recursive=True).left_out.in_words() == ""


def test_a_folder_without_films_says_what_it_holds(top):
    write(top / "a" / "notes", b"text")
    write(top / "list.csv", b"text")
    with pytest.raises(UsageError, match=r"top: no film here, .*\(2 files left out.*2× text.*--all") as error:
        find_films(["top"])
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)


def test_a_linked_folder_is_read_under_its_name(top):
    write(Path("elsewhere/p2/film"), FILMS["dicom"])
    write(top / "p1" / "film", FILMS["dicom"])
    (top / "p2").symlink_to("../elsewhere/p2")
    (top / "p3").symlink_to("../elsewhere/p2")
    assert find_films(["top"]).films == ("top/p1/film", "top/p2/film")


@pytest.mark.parametrize("early", [True, False])
def test_the_name_that_is_no_link_wins(top, early):
    write(top / "m" / "film.png", b"")
    (top / ("a" if early else "z")).symlink_to("m")
    (top / "m" / ("a.png" if early else "z.png")).symlink_to("film.png")
    found = find_films(["top"], recursive=True)
    assert found.films == ("top/m/film.png",)
    assert found.left_out.in_words() == "1 link to films that are read already left out"


def test_links_into_hidden_stores_are_followed(top):
    """As git-annex and DVC lay out their films."""
    for number in range(3):
        write(top / ".git" / "annex" / str(number), FILMS["jpeg"])
        (top / f"film{number}").symlink_to(f".git/annex/{number}")
    assert find_films(["top"]).films == ("top/film0", "top/film1", "top/film2")


def test_links_that_go_round_or_nowhere_end(top):
    write(top / "a" / "film", FILMS["png"])
    (top / "a" / "up").symlink_to("..")
    (top / "a" / "self").symlink_to("self")
    (top / "b").symlink_to("c")
    (top / "c").symlink_to("b")
    (top / "gone").symlink_to("nowhere")
    (top / "root").symlink_to(top.resolve())
    os.mkfifo(top / "pipe")
    found = find_films(["top"], recursive=True)
    assert found.films == ("top/a/film",)
    assert found.left_out.files["no ordinary file"] == 1
    assert found.left_out.files["a link to nothing"] == 1
    assert found.left_out.files["a file that cannot be opened"] == 3


def test_a_link_to_nothing_that_is_named_as_a_film_is_an_error_of_that_film(top):
    (top / "film.png").symlink_to("not-fetched-yet")
    assert find_films(["top"]).films == ("top/film.png",)


def test_only_the_first_bytes_are_read_and_of_films_by_name_none(top, monkeypatch):
    write(top / "1.2.840.1", FILMS["dicom"] + bytes(10_000_000))
    for number in range(100):
        write(top / f"{number}.dcm", FILMS["dicom"])
    opened = []

    def count(path, mode="r", **options):
        opened.append(path)
        assert options == {"buffering": 0}  # no buffer reads further than asked
        return open(path, mode, **options)  # noqa: PTH123

    monkeypatch.setattr("train.radiograph.film_files.open", count, raising=False)
    assert len(find_films(["top"]).films) == 101
    assert opened == ["top/1.2.840.1"]


name = st.sampled_from([*NAMES, "x.png", "Röntgen", ".hidden", "__MACOSX"])
tree = st.dictionaries(
    st.lists(name, min_size=1, max_size=3).map(tuple), st.sampled_from([*FILMS.values(), *STRANGERS.values()])
)


def is_hidden(path):
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


@given(tree, st.lists(st.tuples(name, name), max_size=4))
@example({(".hidden",): FILMS["dicom"]}, [(".hidden", ".hidden")])
@example({("x.png",): FILMS["dicom"], (".hidden",): FILMS["dicom"]}, [(".hidden", ".hidden")])
def test_whatever_a_tree_holds_each_film_is_found_once(tmp_path_factory, files, links):
    top = tmp_path_factory.mktemp("tree")
    for parts, data in files.items():
        path = top.joinpath(*parts)
        if not any(parent.is_file() for parent in path.parents) and not path.is_dir():
            write(path, data)
    for link, target in links:
        if not os.path.lexists(top / f"{link}-link") and (top / target).exists():
            (top / f"{link}-link").symlink_to(target)
    expected = {
        path.resolve()
        for path in top.rglob("*")
        if path.is_file()
        and not is_hidden(path.relative_to(top))
        and (path.suffix == ".png" or path.read_bytes() in FILMS.values())
    }
    expected |= {
        inside.resolve()
        for link in top.glob("*-link")
        if not link.name.startswith(".")
        for inside in ([link] if link.is_file() else link.resolve().rglob("*"))
        if inside.is_file()
        and not is_hidden(inside.resolve().relative_to(link.resolve()))
        and (inside.suffix == ".png" or inside.read_bytes() in FILMS.values())
    }
    if not expected:
        with pytest.raises(UsageError):
            find_films([str(top)], recursive=True)
        return
    found = [Path(film).resolve() for film in find_films([str(top)], recursive=True).films]
    assert set(found) == expected
    assert len(found) == len(expected)
