import io
import itertools
import zipfile
from contextlib import contextmanager
from pathlib import PurePosixPath
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.common.errors import UsageError
from train.data import fetch
from train.data.check import PUBLISHED_COUNTS
from train.data.cohort import index_cohort, split_cohort
from train.data.fetch import FetchError, fetch_public_set
from train.data.kaggle import KaggleError

NAMES = {
    "train/NORMAL": ["IM-0115-0001.jpeg", "IM-0117-0001.jpeg", "NORMAL2-IM-0115-0001.jpeg"],
    "train/PNEUMONIA": ["person1_bacteria_1.jpeg", "person1_bacteria_2.jpeg", "person2_virus_3.jpeg"],
    "val/NORMAL": ["NORMAL2-IM-1427-0001.jpeg"],
    "val/PNEUMONIA": ["person1946_bacteria_4874.jpeg"],
    "test/NORMAL": ["IM-0001-0001.jpeg"],
    "test/PNEUMONIA": ["person1_virus_6.jpeg", "person3_virus_15.jpeg"],
}
# Mendeley's third version: kind-patient-number, and no validation split.
MENDELEY_NAMES = {
    "train/NORMAL": ["NORMAL-28501-0001.jpeg", "NORMAL-28501-0002.jpeg", "NORMAL-32326-0001.jpeg", "IM-9-1.jpeg"],
    "train/PNEUMONIA": ["BACTERIA-7422-0001.jpeg", "BACTERIA-7422-0002.jpeg", "VIRUS-7422-0001.jpeg", "p.jpeg"],
    "test/NORMAL": ["NORMAL-11419-0001.jpeg"],
    "test/PNEUMONIA": ["BACTERIA-40699-0001.jpeg", "VIRUS-8001-0001.jpeg"],
}
FILMS = [f"{folder}/{name}" for folder, names in NAMES.items() for name in names]


@contextmanager
def no_bar(description, total):
    yield lambda n=1: None


@pytest.fixture(autouse=True)
def small_editions(monkeypatch):
    counts = {"train": {"normal": 3, "pneumonia": 3}, "validation": {"normal": 1, "pneumonia": 1}}
    monkeypatch.setitem(PUBLISHED_COUNTS, "Kaggle", {**counts, "test": {"normal": 1, "pneumonia": 2}})
    counts = {"train": {"normal": 4, "pneumonia": 4}, "validation": {"normal": 0, "pneumonia": 0}}
    monkeypatch.setitem(PUBLISHED_COUNTS, "Mendeley Data", {**counts, "test": {"normal": 1, "pneumonia": 2}})


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def download(handle, into, progress):
        raise AssertionError("a test must not reach for Kaggle")

    monkeypatch.setattr(fetch, "download", download)


def content(film):
    return f"the film {film}".encode() * 50


def members(names=NAMES, root="chest_xray"):
    return {f"{root}/{folder}/{name}": content(f"{folder}/{name}") for folder, films in names.items() for name in films}


def kaggle_members():
    """As Kaggle's archive is: the set, the set again below itself, and what macOS left."""
    macos = {f"chest_xray/__MACOSX/chest_xray/{film}": b"resource fork" for film in FILMS}
    macos |= {f"chest_xray/chest_xray/{folder}/._{names[0]}": b"fork" for folder, names in NAMES.items()}
    return macos | members(root="chest_xray/chest_xray") | members() | {"chest_xray/train/NORMAL/.DS_Store": b"Finder"}


def write_zip(path, entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def write_folder(root, entries):
    for name, data in entries.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def assert_whole(folder):
    assert files_in(folder) == {"chest_xray/SOURCE.txt", *(f"chest_xray/{film}" for film in FILMS)}
    for film in FILMS:
        assert (folder / "chest_xray" / film).read_bytes() == content(film)
    assert not (folder / fetch.WORK_FOLDER).exists()


class TestFromKaggle:
    def test_archive_with_everything_twice(self, tmp_path, monkeypatch):
        def download(handle, into, progress):
            assert handle == "paultimothymooney/chest-xray-pneumonia"
            return write_zip(into / "versions" / "2" / "archive.zip", kaggle_members())

        monkeypatch.setattr(fetch, "download", download)
        fetched = fetch_public_set(tmp_path / "new" / "data", None, no_bar)
        assert_whole(tmp_path / "new" / "data")
        assert (fetched.edition, fetched.already_there) == ("Kaggle", False)
        assert fetched.films == PUBLISHED_COUNTS["Kaggle"]
        note = (tmp_path / "new/data/chest_xray/SOURCE.txt").read_text()
        assert "CC BY 4.0" in note
        assert "Kermany" in note

    def test_mounted_folder_is_copied(self, tmp_path, monkeypatch):
        mounted = write_folder(tmp_path / "input", kaggle_members())
        before = files_in(mounted)
        monkeypatch.setattr(fetch, "download", lambda *_: mounted)
        fetch_public_set(tmp_path / "data", None, no_bar)
        assert_whole(tmp_path / "data")
        assert files_in(mounted) == before

    def test_failure_names_the_way_by_hand_and_leaves_nothing(self, tmp_path, monkeypatch):
        def download(handle, into, progress):
            raise KaggleError("Kaggle cannot be reached")

        monkeypatch.setattr(fetch, "download", download)
        with pytest.raises(KaggleError) as caught:
            fetch_public_set(tmp_path / "my data", None, no_bar)
        for words in ("cannot be reached", fetch.KAGGLE_PAGE, fetch.MENDELEY_PAGE, "my data' --from ARCHIVE"):
            assert words in str(caught.value)
        assert not (tmp_path / "my data").exists()

    def test_broken_download_is_kept(self, tmp_path, monkeypatch):
        def download(handle, into, progress):
            if not into.exists():
                into.mkdir()
                (into / "2.archive").write_bytes(b"half")
                raise KaggleError("broke")
            assert (into / "2.archive").read_bytes() == b"half"
            return write_zip(into / "archive.zip", kaggle_members())

        monkeypatch.setattr(fetch, "download", download)
        with pytest.raises(KaggleError):
            fetch_public_set(tmp_path / "data", None, no_bar)
        fetch_public_set(tmp_path / "data", None, no_bar)
        assert_whole(tmp_path / "data")

    def test_useless_download_is_thrown_away(self, tmp_path, monkeypatch):
        monkeypatch.setattr(fetch, "download", lambda _, into, __: write_zip(into / "archive.zip", {"readme": b"no"}))
        with pytest.raises(FetchError, match="holds no train and test folders"):
            fetch_public_set(tmp_path / "data", None, no_bar)
        assert not (tmp_path / "data").exists()

    def test_too_little_room(self, tmp_path, monkeypatch):
        monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000_000))
        with pytest.raises(UsageError, match=r"2\.0 GB are free .* 3\.7 GB are needed"):
            fetch_public_set(tmp_path / "data", None, no_bar)


class TestByHand:
    @pytest.mark.parametrize("root", [".", "chest_xray", "archive/chest_xray"])
    def test_archive_wherever_the_set_lies_in_it(self, tmp_path, root):
        archive = write_zip(tmp_path / "archive.zip", members(root=root))
        fetch_public_set(tmp_path / "data", archive, no_bar)
        assert_whole(tmp_path / "data")

    def test_archive_in_the_folder_itself(self, tmp_path):
        archive = write_zip(tmp_path / "data" / "archive.zip", kaggle_members())
        fetch_public_set(tmp_path / "data", archive, no_bar)
        archive.unlink()
        assert_whole(tmp_path / "data")

    def test_mendeley_edition_gets_a_table(self, tmp_path):
        archive = write_zip(tmp_path / "ChestXRay2017.zip", members(MENDELEY_NAMES))
        assert fetch_public_set(tmp_path / "data", archive, no_bar).edition == "Mendeley Data"
        cohort = index_cohort(tmp_path / "data")
        films = {PurePosixPath(film.path).name: film for film in cohort.films}
        assert films["NORMAL-28501-0001.jpeg"].patient == films["NORMAL-28501-0002.jpeg"].patient
        assert films["BACTERIA-7422-0002.jpeg"].patient == films["VIRUS-7422-0001.jpeg"].patient
        assert (films["VIRUS-7422-0001.jpeg"].subtype, films["BACTERIA-7422-0001.jpeg"].subtype) == (
            "viral",
            "bacterial",
        )
        assert films["IM-9-1.jpeg"].patient == "IM-9"
        assert {film.split for film in cohort.films} == {"train", "test"}
        assert len({film.patient for film in cohort.films}) == 8
        split_cohort(cohort, seed=0)
        assert fetch_public_set(tmp_path / "data", None, no_bar).already_there

    def test_source_that_does_not_exist(self, tmp_path):
        with pytest.raises(UsageError, match="does not exist"):
            fetch_public_set(tmp_path / "data", tmp_path / "archive.zip", no_bar)
        assert not (tmp_path / "data").exists()

    @pytest.mark.parametrize("missing", ["train/NORMAL/IM-0117-0001.jpeg", "test/PNEUMONIA/person1_virus_6.jpeg"])
    def test_incomplete_archive(self, tmp_path, missing):
        entries = {name: data for name, data in kaggle_members().items() if not name.endswith(missing)}
        with pytest.raises(FetchError, match=r"not the whole set: train \d/3.*expected train 3/3, validation 1/1"):
            fetch_public_set(tmp_path / "data", write_zip(tmp_path / "archive.zip", entries), no_bar)
        assert not (tmp_path / "data").exists()

    def test_second_copy_serves_where_the_first_is_incomplete(self, tmp_path):
        entries = kaggle_members()
        del entries["chest_xray/train/NORMAL/IM-0117-0001.jpeg"]
        fetch_public_set(tmp_path / "data", write_zip(tmp_path / "archive.zip", entries), no_bar)
        assert_whole(tmp_path / "data")

    def test_damaged_archives(self, tmp_path):
        whole = write_zip(tmp_path / "archive.zip", members()).read_bytes()
        flipped = bytearray(whole)
        flipped[whole.index(content("test/PNEUMONIA/person1_virus_6.jpeg")) + 5] ^= 1
        for data in (bytes(flipped), whole[: len(whole) // 2], b"", b"<html>sign in</html>"):
            (tmp_path / "archive.zip").write_bytes(data)
            with pytest.raises(FetchError, match="no whole ZIP archive") as caught:
                fetch_public_set(tmp_path / "data", tmp_path / "archive.zip", no_bar)
            assert "\n" not in str(caught.value)
            assert not (tmp_path / "data" / "chest_xray").exists()

    @given(st.lists(st.sampled_from(["..", ".", "", "/", "train", "NORMAL", "a.jpeg", "...jpeg", "x"]), max_size=8))
    def test_no_name_in_an_archive_leads_out_of_the_folder(self, parts):
        groups = fetch._grouped([("/".join(["..", *parts]), 1, io.BytesIO), ("/".join(parts), 1, io.BytesIO)])
        for entry in itertools.chain.from_iterable(groups.values()):
            split, class_folder, film = entry.place
            assert (split, class_folder) == ("train", "NORMAL")
            assert film == "a.jpeg"


class TestFolder:
    @pytest.fixture
    def archive(self, tmp_path):
        return write_zip(tmp_path / "archive.zip", kaggle_members())

    def test_whole_set_stays_as_it_is(self, tmp_path):
        data = write_folder(tmp_path / "data", members() | {"notes.txt": b"mine", f"{fetch.WORK_FOLDER}/x": b"left"})
        fetched = fetch_public_set(data, None, no_bar)
        assert fetched.already_there
        assert files_in(data) == {"notes.txt", *(f"chest_xray/{film}" for film in FILMS)}

    @pytest.mark.parametrize(
        ("entries", "words"),
        [
            ({"thesis.docx": b"mine"}, r"holds other files, thesis\.docx among them"),
            ({"chest_xray/train/NORMAL/IM-0115-0001.jpeg": b"film"}, "is not the whole public set: move it away"),
            ({"cohort.csv": b"path,label,patient\n"}, "holds other files"),
        ],
    )
    def test_other_files_are_never_touched(self, tmp_path, archive, entries, words):
        data = write_folder(tmp_path / "data", entries)
        with pytest.raises(UsageError, match=words):
            fetch_public_set(data, archive, no_bar)
        assert files_in(data) == set(entries)

    def test_folder_that_is_a_file(self, tmp_path, archive):
        with pytest.raises(UsageError, match="is not a folder"):
            fetch_public_set(archive, None, no_bar)
        with pytest.raises(UsageError, match="cannot be written"):
            fetch_public_set(archive / "data", archive, no_bar)

    def test_hidden_files_do_not_matter(self, tmp_path, archive):
        data = write_folder(tmp_path / "data", {".DS_Store": b"Finder"})
        fetch_public_set(data, archive, no_bar)
        assert (data / ".DS_Store").exists()
        assert (data / "chest_xray").exists()

    @pytest.mark.parametrize("stopped_after", [1, 5, len(FILMS)])
    def test_interrupted_unpacking_goes_on(self, tmp_path, archive, stopped_after):
        @contextmanager
        def stopping_bar(description, total):
            count = itertools.count(1)

            def advance(n=1):
                if next(count) == stopped_after:
                    raise KeyboardInterrupt

            yield advance

        data = tmp_path / "data"
        with pytest.raises(KeyboardInterrupt):
            fetch_public_set(data, archive, stopping_bar)
        assert not (data / "chest_xray").exists()
        kept = data / fetch.WORK_FOLDER / "chest_xray"
        assert len(files_in(kept)) == stopped_after
        write_folder(kept, {"train/NORMAL/.IM-0117-0001.jpeg": b"half", "train/NORMAL/other.jpeg": b"no film of it"})
        first = next(iter(sorted(path for path in kept.rglob("*.jpeg") if path.name in str(FILMS))))
        before = first.stat().st_mtime_ns
        fetch_public_set(data, archive, no_bar)
        assert_whole(data)
        assert (data / "chest_xray" / first.relative_to(kept)).stat().st_mtime_ns == before

    def test_killed_between_table_and_films(self, tmp_path):
        archive = write_zip(tmp_path / "archive.zip", members(MENDELEY_NAMES))
        data = write_folder(
            tmp_path / "data", {"cohort.csv": b"path,label,patient\nx,1,p\n", f"{fetch.WORK_FOLDER}/x": b"left"}
        )
        fetch_public_set(data, archive, no_bar)
        assert len(index_cohort(data).films) == 11

    def test_folder_that_cannot_be_written(self, tmp_path, archive, monkeypatch):
        def refuse(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(fetch.shutil, "copyfileobj", refuse)
        with pytest.raises(UsageError, match="data cannot be written: No space left on device"):
            fetch_public_set(tmp_path / "data", archive, no_bar)
        assert not (tmp_path / "data" / "chest_xray").exists()
