import os
from pathlib import Path

import pytest

from demo.predict.films.names import printable
from demo.predict.films.paths import find_films
from train.common.errors import UsageError


@pytest.fixture
def ward(tmp_path, monkeypatch):
    """ward/ with films on three levels, among files that are none."""
    names = [
        "b.PNG",
        "a.jpg",
        "c.dcm",
        ".hidden.jpg",
        ".DS_Store",
        "deep/d.jpeg",
        "deep/er/e.dicom",
    ]
    for name in names:
        (tmp_path / "ward" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ward" / name).touch()
    (tmp_path / "ward" / "IM000001").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "ward" / "notes.txt").write_text("nothing")
    monkeypatch.chdir(tmp_path)
    return Path("ward")


def test_a_folder_gives_its_readable_files_in_order(ward):
    found = find_films(["ward"])
    assert found.films == ("ward/IM000001", "ward/a.jpg", "ward/b.PNG", "ward/c.dcm")
    assert found.warnings == ()
    assert found.left_out.in_words() == (
        "1 file left out, no films by their first bytes (1× text); --all takes every file; "
        "1 sub-folder not looked into; --recursive does"
    )


def test_every_file_of_a_folder_is_taken_when_asked_for(ward):
    found = find_films(["ward"], every_file=True)
    assert found.films == tuple(
        f"ward/{name}" for name in (".DS_Store", ".hidden.jpg", "IM000001", "a.jpg", "b.PNG", "c.dcm", "notes.txt")
    )
    assert found.left_out.in_words(with_options=False) == "1 sub-folder not looked into"


def test_recursive_gives_the_sub_folders_too(ward):
    films = find_films(["ward"], recursive=True).films
    assert films == (*find_films(["ward"]).films, "ward/deep/d.jpeg", "ward/deep/er/e.dicom")


def test_a_folder_of_folders_is_read_through(ward):
    for name in ("a.jpg", "b.PNG", "c.dcm", "IM000001"):
        (ward / name).unlink()
    assert find_films(["ward"]).films == ("ward/deep/d.jpeg", "ward/deep/er/e.dicom")


def test_a_link_back_up_does_not_go_round_for_ever(ward):
    (ward / "deep" / "up").symlink_to(ward.resolve(), target_is_directory=True)
    assert len(find_films(["ward"], recursive=True).films) == 6


def test_a_file_is_taken_whatever_its_name(ward):
    assert find_films(["ward/notes.txt", "ward/.hidden.jpg"]).films == ("ward/notes.txt", "ward/.hidden.jpg")


@pytest.mark.parametrize(
    ("pattern", "films"),
    [
        ("ward/*.jpg", ("ward/a.jpg",)),
        ("ward/[ab].*", ("ward/a.jpg", "ward/b.PNG")),
        ("ward/**/*.d*", ("ward/c.dcm", "ward/deep/er/e.dicom")),
        ("**/*.jpeg", ("ward/deep/d.jpeg",)),
        ("w*/**/e.*", ("ward/deep/er/e.dicom",)),
        ("ward/deep/**", ("ward/deep/d.jpeg", "ward/deep/er/e.dicom")),
        ("wa?d", ("ward/IM000001", "ward/a.jpg", "ward/b.PNG", "ward/c.dcm")),
    ],
)
def test_a_pattern_the_shell_left_alone(ward, pattern, films):
    assert find_films([pattern]).films == films
    assert find_films([str(ward.resolve().parent / pattern)]).films == tuple(str(Path.cwd() / film) for film in films)


def test_a_pattern_does_not_go_round_either(ward):
    for name in ("up", "again"):
        (ward / "deep" / name).symlink_to("..")
        (ward / name).symlink_to("deep")
    assert find_films(["ward/**/*.jpeg"]).films == ("ward/deep/d.jpeg",)
    assert find_films(["ward/**/**/*.dicom"]).films == ("ward/deep/er/e.dicom",)
    assert find_films(["ward/**/**/*.jpg"]).films == ("ward/a.jpg",)
    assert find_films([f"{ward.resolve()}/**/e.*"]).films == (f"{ward.resolve()}/deep/er/e.dicom",)


def test_a_file_whose_name_looks_like_a_pattern(ward):
    (ward / "x[1].png").touch()
    assert find_films(["ward/x[1].png"]).films == ("ward/x[1].png",)


def test_each_film_once_in_the_order_given(ward):
    once = ("ward/c.dcm", "ward/IM000001", "ward/a.jpg", "ward/b.PNG")
    assert find_films(["ward/c.dcm", "ward", "ward/*.jpg"]).films == once
    assert find_films(["ward/c.dcm", "ward", str(ward.resolve()), "./ward"]).films == once


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone.png", "gone.png: no such file"),
        ("ward/*.bmp", "matches no file"),
        ("", "no such file"),
        ("dangling.png", "link to nothing"),
    ],
)
def test_a_path_that_leads_nowhere_is_wrong_use(ward, path, message):
    Path("dangling.png").symlink_to("nowhere")
    with pytest.raises(UsageError, match=message) as error:
        find_films(["ward/a.jpg", path])
    assert error.value.exit_code == 2


def test_no_film_at_all_is_wrong_use(ward):
    (ward / "empty").mkdir()
    with pytest.raises(UsageError, match=r"ward/empty: no film here, .*expected JPEG, PNG"):
        find_films(["ward/empty"])


def test_an_empty_folder_beside_films_is_only_told(ward):
    (ward / "empty").mkdir()
    found = find_films(["ward/empty", "ward/a.jpg"])
    assert found.films == ("ward/a.jpg",)
    assert len(found.warnings) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_a_folder_that_cannot_be_opened_is_told_once(ward):
    (ward / "deep").chmod(0)
    try:
        with pytest.raises(UsageError, match="cannot be opened") as error:
            find_films(["ward/deep"])
    finally:
        (ward / "deep").chmod(0o755)
    assert str(error.value).count("cannot be opened") == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"plain film.png", "plain film.png"),
        ("Röntgen ירוק.png".encode(), "Röntgen ירוק.png"),
        (b"two\nlines\x1b[31m.png", "two\\nlines\\x1b[31m.png"),
        (b"caf\xe9.png", "caf\\xe9.png"),
    ],
)
def test_printable(name, shown):
    assert printable(os.fsdecode(name)) == shown


def test_a_dash_is_standard_input_and_nothing_else_is(ward):
    (ward / "-").write_bytes(b"\xff\xd8\xff\xe0")
    assert find_films(["ward/a.jpg", "-", "-"]).films == ("ward/a.jpg", "-")
    os.chdir(ward)
    assert find_films(["."]).films == ("./-", "IM000001", "a.jpg", "b.PNG", "c.dcm")
    assert find_films(["?"]).films == ("./-",)
    assert find_films(["./-"]).films == ("./-",)
    assert find_films(["."], every_file=True).films[0] == "./-"
    Path("list.csv").write_text("path\n-\n")
    assert find_films([], manifest="list.csv").films == ("./-",)


def test_a_manifest_names_films_relative_to_itself(ward):
    absolute = ward.resolve() / "deep" / "d.jpeg"
    (ward / "list.csv").write_text(f"label,path\n0,a.jpg\n1,deep/../c.dcm\n1,{absolute}\n0,gone.png\n0,a.jpg\n\n")
    films = ("ward/a.jpg", "ward/deep/../c.dcm", str(absolute), "ward/gone.png")
    assert find_films([], manifest="ward/list.csv").films == films
    assert find_films(["ward/b.PNG", "ward/a.jpg"], manifest="ward/list.csv").films == (
        "ward/b.PNG",
        "ward/a.jpg",
        *films[1:],
    )


def test_a_manifest_from_a_spreadsheet_with_any_name_in_it(ward):
    rows = b'\xef\xbb\xbfpath,label\r\n"a, b.jpg",0\r\ncaf\xe9.png,1\r\n"two\nlines.png",1\r\n'
    (ward / "list.csv").write_bytes(rows)
    assert find_films([], manifest="ward/list.csv").films == (
        "ward/a, b.jpg",
        os.fsdecode(b"ward/caf\xe9.png"),
        "ward/two\nlines.png",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"file,label\na.jpg,0\n",
            "list.csv: expected CSV with a column 'path' in its first line, found 'file', 'label'",
        ),
        (b"path;label\na.jpg;0\n", "found 'path;label'"),
        (b"", "found an empty file"),
        (b"path\n", "list.csv: names no film"),
        (b"path,label\na.jpg,0\n,1\n", "list.csv: line 3 has no path"),
        (b"label,path\n0,a.jpg\n1\n", "list.csv: line 3 has no path"),
        (b"path\n" + b"x" * 200_000, "list.csv: no CSV file"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "list.csv: expected CSV"),
        (None, "ward: no manifest that can be read .a folder."),
    ],
)
def test_a_manifest_that_is_none_is_wrong_use(ward, content, message):
    path = ward
    if content is not None:
        path = ward / "list.csv"
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as error:
        find_films([], manifest=str(path))
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_manifest_that_is_not_there_is_wrong_use(ward):
    with pytest.raises(UsageError, match=r"gone\.csv: no manifest that can be read .No such file"):
        find_films([], manifest="gone.csv")


def test_a_manifest_as_parquet(ward):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow reads Parquet, not installed here")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"label": [0, 1], "path": ["b.png", "/a.png"]}), ward / "list.parquet")
    assert find_films([], manifest=str(ward / "list.parquet")).films == (str(ward / "b.png"), "/a.png")
    for columns, message in (
        ({"file": ["a.png"]}, "expected Parquet with a column 'path', found 'file'"),
        ({"path": [1, 2]}, "expected text in the column 'path', found int64"),
        ({"path": [b"a.png"]}, "expected text in the column 'path', found binary"),
        ({"path": ["a.png", None]}, "row 2 has no path"),
    ):
        parquet.write_table(pyarrow.table(columns), ward / "list.parquet")
        with pytest.raises(UsageError, match=message):
            find_films([], manifest=str(ward / "list.parquet"))
    (ward / "list.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(UsageError, match=r"list\.parquet: no Parquet file"):
        find_films([], manifest=str(ward / "list.parquet"))


def test_films_in_a_storage_need_an_output(ward):
    (ward / "list.csv").write_text("path\ns3://bucket/film.png\n")
    for paths, manifest in ((["s3://bucket/film.png"], None), ([], str(ward / "list.csv"))):
        with pytest.raises(UsageError, match=r"s3://bucket/film\.png: .* read with --output DIR"):
            find_films(paths, manifest=manifest)
