import os
from pathlib import Path

import pytest

from demo.film_paths import find_films, printable
from train.errors import UsageError


@pytest.fixture
def ward(tmp_path, monkeypatch):
    """ward/ with films on three levels, among files that are none."""
    names = [
        "b.PNG",
        "a.jpg",
        "IM000001",
        "c.dcm",
        "notes.txt",
        ".hidden.jpg",
        ".DS_Store",
        "deep/d.jpeg",
        "deep/er/e.dicom",
    ]
    for name in names:
        (tmp_path / "ward" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ward" / name).touch()
    monkeypatch.chdir(tmp_path)
    return Path("ward")


def test_a_folder_gives_its_readable_files_in_order(ward):
    found = find_films(["ward"])
    assert found.films == ("ward/IM000001", "ward/a.jpg", "ward/b.PNG", "ward/c.dcm")
    assert found.warnings == ()


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
        ("wa?d", ("ward/IM000001", "ward/a.jpg", "ward/b.PNG", "ward/c.dcm")),
    ],
)
def test_a_pattern_the_shell_left_alone(ward, pattern, films):
    assert find_films([pattern]).films == films
    assert find_films([str(ward.resolve().parent / pattern)]).films == tuple(str(Path.cwd() / film) for film in films)


def test_a_file_whose_name_looks_like_a_pattern(ward):
    (ward / "x[1].png").touch()
    assert find_films(["ward/x[1].png"]).films == ("ward/x[1].png",)


def test_each_film_once_in_the_order_given(ward):
    films = find_films(["ward/c.dcm", "ward", "ward/*.jpg"]).films
    assert films == ("ward/c.dcm", "ward/IM000001", "ward/a.jpg", "ward/b.PNG")


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
    with pytest.raises(UsageError, match=r"ward/empty: no film here \(looked for .*\.dcm"):
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
