import io
import stat
import struct
import threading
import warnings
import zipfile
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.batch import zip_archive
from demo.batch.zip_archive import ArchiveError, is_archive, open_archive

JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0"
DICOM = bytes(128) + b"DICM\x02\0\0\0UL\x04\0"
DICOMDIR = DICOM + b"\x02\0\0\0\x02\0\x02\0UI\x14\x001.2.840.10008.1.3.10\0"


@pytest.fixture
def pack(tmp_path):
    """Write an archive of (name or ZipInfo, bytes) → its path."""

    def write(*members, method=zipfile.ZIP_DEFLATED):
        path = tmp_path / "films.zip"
        with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "w", method) as archive:
            for name, data in members:
                archive.writestr(name, data)
        return path

    return write


def errors(path):
    with open_archive(path) as archive:
        return [member.error for member in archive.members]


def test_films_are_read_in_their_order(pack):
    path = pack(("b/2.png", b"second"), ("a/1.dcm", b"first"), ("noname", JPEG))
    with open_archive(path) as archive:
        assert [member.name for member in archive.members] == ["b/2.png", "a/1.dcm", "noname"]
        assert [archive.read(member.position) for member in archive.members] == [b"second", b"first", JPEG]


def test_folders_hidden_files_and_other_kinds_are_no_members(pack):
    path = pack(
        ("ward/", b""), ("__MACOSX/ward/._1.png", b"x"), (".DS_Store", b"x"), ("ward/.hidden/1.png", b"x"),
        ("ward/readme.txt", b"x"), ("ward/table.CSV", b"x"), ("ward/1.PNG", b"x"),
    )  # fmt: skip
    with open_archive(path) as archive:
        assert [member.name for member in archive.members] == ["ward/1.PNG"]
        assert archive.left_out == 2


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_films_are_known_by_their_content_whatever_their_names(pack, method):
    films = {
        "uid/1.2.840.113619.2.5.1": DICOM,
        "uid/CR.1.2.840.113619.2.55.3.604688": DICOM + bytes(10_000),
        "A/B/I1000000": DICOM,
        "film.txt": JPEG,
    }
    others = {"DICOMDIR": DICOMDIR, "LOCKFILE": b"", "VERSION": b"1\n", "data.1": b"text", "IM1": b"MZ\x90\0"}
    path = pack(*films.items(), *others.items(), method=method)
    with open_archive(path) as archive:
        assert {member.name: archive.read(member.position) for member in archive.members} == films
        assert archive.left_out == len(others)


def test_a_film_without_a_name_that_cannot_be_looked_at_says_why(pack):
    path = pack(("IM000001", DICOM), ("data.1", DICOM), method=zipfile.ZIP_BZIP2)
    assert errors(path) == ["packed by method 12: expected stored or deflated; pack the films again as an ordinary ZIP"]
    path = pack(("IM000001", DICOM * 10), ("data.1", DICOM * 10), method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"DICM", b"dicm"))
    assert errors(path) == [None]  # its checksum is wrong: reading it says so
    with open_archive(path) as archive, pytest.raises(ArchiveError, match="damaged inside"):
        archive.read(0)


def test_telling_a_member_unpacks_no_more_than_its_start(pack, monkeypatch):
    path = pack(("IM000001", DICOM + bytes(50_000_000)))
    asked = []
    read = zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda file, size=-1: asked.append(size) or read(file, size))
    assert "200 times its packed size" in errors(path)[0]
    path = pack(("IM000001", DICOM + bytes(9_000_000)))
    assert errors(path) == [None]
    assert asked == [512]


@pytest.mark.parametrize(
    "name",
    [
        "../1.png",
        "a/../../1.png",
        "/etc/1.png",
        "C:/1.png",
        "c:1.png",
        "..\\1.png",
        "\\\\server\\1.png",
        "a\\..\\1.png",
    ],
)
def test_a_name_that_leads_out_is_refused(pack, name):
    path = pack((name, b"x"), ("good.png", b"y"))
    with open_archive(path) as archive:
        assert archive.members[0].name == name
        assert "leads out of the archive" in archive.members[0].error
        with pytest.raises(ArchiveError, match="leads out"):
            archive.read(0)
        assert archive.read(1) == b"y"


@pytest.mark.parametrize("name", ["evil\0.png", "evil.png\0", "\0evil.png", "\0"])
def test_a_name_with_a_nul_is_refused(pack, name):
    path = pack((name.replace("\0", "~"), b"x"))
    path.write_bytes(path.read_bytes().replace(name.replace("\0", "~").encode(), name.encode()))
    with open_archive(path) as archive:
        (member,) = archive.members
    assert member.name == name
    assert "leads out" in member.error


@pytest.mark.parametrize(
    ("kind", "said"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "no regular"), (stat.S_IFBLK, "no regular")]
)
def test_links_and_devices_are_refused(pack, kind, said):
    entry = zipfile.ZipInfo("link.png")
    entry.external_attr = (kind | 0o777) << 16
    assert said in errors(pack((entry, b"/etc/passwd")))[0]


def test_of_one_name_only_the_first_is_read(pack):
    path = pack(("a/1.png", b"one"), ("a//./1.png", b"two"), ("a\\1.png", b"three"), ("a/1.png", b"four"))
    first, *others = errors(path)
    assert first is None
    assert all("another file of this name" in other for other in others)
    with open_archive(path) as archive:
        assert archive.read(0) == b"one"


def test_an_encrypted_film_is_refused(pack):
    path = pack(("1.png", b"x"))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    assert "encrypted" in errors(path)[0]


@pytest.mark.parametrize("name", ["inner.zip", "inner.tar.gz", "inner.7Z"])
def test_an_archive_in_the_archive_is_refused(pack, name):
    assert "an archive inside" in errors(pack((name, b"x")))[0]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_stored_and_deflated_films_are_read(pack, method):
    assert f"packed by method {method}" in errors(pack(("1.png", b"x"), method=method))[0]


def test_a_bomb_is_refused_by_its_ratio(pack):
    bomb, film = bytes(zip_archive.RATIO_COUNTS_FROM_BYTES), bytes(zip_archive.RATIO_COUNTS_FROM_BYTES - 1)
    path = pack(("bomb.png", bomb), ("flat.png", film))
    assert errors(path) == [ANY, None]
    assert "200 times its packed size" in errors(path)[0]


def test_a_film_that_is_declared_too_large_is_refused(pack):
    path = pack(("1.png", b"x" * 100))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, zip_archive.MAX_BYTES + 1)
    path.write_bytes(data)
    assert "larger than 100 MB" in errors(path)[0]


def test_films_that_are_too_large_together_refuse_the_archive(pack, monkeypatch):
    monkeypatch.setattr(zip_archive, "MAX_UNPACKED_BYTES", 1000)
    assert errors(pack(("1.png", bytes(500)), ("2.png", bytes(500)), ("../3.png", bytes(500)))) == [None, None, ANY]
    with pytest.raises(ArchiveError, match="expected at most"):
        open_archive(pack(("1.png", bytes(500)), ("2.png", bytes(501))))


def test_a_declared_size_that_lies_gives_no_more_than_it_says(pack):
    path = pack(("1.png", bytes(range(256)) * 1000))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 300)
    path.write_bytes(data)
    with open_archive(path) as archive, pytest.raises(ArchiveError, match="damaged inside"):
        archive.read(0)


def test_a_damaged_film_does_not_stop_the_others(pack):
    path = pack(("1.png", b"a" * 500), ("2.png", b"b" * 500), method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"a" * 500, b"A" * 500))
    with open_archive(path) as archive:
        with pytest.raises(ArchiveError, match="damaged inside the archive"):
            archive.read(0)
        assert archive.read(1) == b"b" * 500
        with pytest.raises(ArchiveError, match="no film of this archive"):
            archive.read(7)


def test_a_directory_is_not_read_when_it_is_too_large(pack, monkeypatch):
    path = pack(*((f"{number:0200}.png", b"") for number in range(20)))
    assert len(errors(path)) == 20
    monkeypatch.setattr(zip_archive, "MAX_DIRECTORY_BYTES", 4000)
    with pytest.raises(ArchiveError, match="too many files"):
        open_archive(path)


def test_what_is_no_archive_is_one_line(tmp_path, pack):
    whole = pack(("1.png", b"x")).read_bytes()
    path = tmp_path / "broken.zip"
    for data in (b"", b"text", whole[: len(whole) // 2], b"PK\x05\x06" + b"\xff" * 18):
        path.write_bytes(data)
        with pytest.raises(ArchiveError, match=r"^cannot be opened: expected a whole ZIP archive"):
            open_archive(path)
    with pytest.raises(ArchiveError, match=r"^cannot be opened"):
        open_archive(tmp_path / "absent.zip")


def test_what_counts_as_an_archive():
    assert is_archive("ward.ZIP", b"text")
    assert is_archive("ward", b"PK\x03\x04")
    assert not is_archive("film.png", b"\x89PNG")


def test_threads_may_read_at_once(pack):
    films = [bytes([number]) * 10_000 for number in range(20)]
    path = pack(*((f"{number}.png", film) for number, film in enumerate(films)))
    found = {}
    with open_archive(path) as archive:

        def read(number):
            found[number] = archive.read(number)

        threads = [threading.Thread(target=read, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [found[number] for number in range(20)] == films


def packed(names):
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"film " * 20)
    return buffer.getvalue()


piece = st.sampled_from(["..", ".", "", "ward", "C:", "__MACOSX", "1.png", "x.zip", ".hidden"]) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8
)
names = st.lists(
    st.lists(piece, min_size=1, max_size=4).flatmap(lambda parts: st.sampled_from(["/".join(parts), "\\".join(parts)])),
    min_size=1,
    max_size=6,
).map(lambda found: [name for name in found if name.strip("\0") == name != ""] or ["1.png"])


@given(names)
def test_whatever_names_an_archive_has_each_is_a_film_or_an_error(tmp_path_factory, names):
    path = tmp_path_factory.getbasetemp() / "names.zip"
    path.write_bytes(packed(names))
    with open_archive(path) as archive:
        accepted = [member for member in archive.members if member.error is None]
        for member in accepted:
            parts = member.name.replace("\\", "/").split("/")
            assert ".." not in parts
            assert parts[0] not in ("", "__MACOSX")
            assert archive.read(member.position) == b"film " * 20
        plain = [tuple(p for p in m.name.replace("\\", "/").split("/") if p not in ("", ".")) for m in accepted]
        assert len(set(plain)) == len(plain)


GOOD = packed(["1.png", "ward/2.dcm", "3.jpg"])


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=12), st.integers(0, len(GOOD)))
def test_whatever_bytes_an_archive_has_it_is_read_or_refused(tmp_path_factory, changes, kept):
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    path = tmp_path_factory.getbasetemp() / "bytes.zip"
    path.write_bytes(data[: kept if not changes else None])
    refusals = []
    try:
        with open_archive(path) as archive:
            for member in archive.members:
                try:
                    assert len(archive.read(member.position)) <= zip_archive.MAX_BYTES + 1
                except ArchiveError as error:
                    refusals.append(str(error))
    except ArchiveError as error:
        refusals.append(str(error))
    assert all(line and "\n" not in line for line in refusals)
