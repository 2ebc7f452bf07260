import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.batch import batch
from demo.batch.batch import BatchFilm, Upload, delete_uploads, evaluated, film_bytes, find_films, read_batch
from demo.batch.zip_archive import ArchiveError, open_archive
from demo.inference.compare import compare_film
from demo.inference.networks import load_models
from train.common.errors import UsageError
from train.metrics.operating_points import OPERATING_POINTS
from train.radiograph.formats import RadiographError


@pytest.fixture
def loaded(models):
    return load_models(models, "cpu")


@pytest.fixture
def films(tmp_path, write_film):
    """Twelve films from dark to bright."""
    return [Upload(f"{grey}.png", write_film(tmp_path / f"{grey}.png", grey)) for grey in range(20, 260, 20)]


@pytest.fixture
def ward(tmp_path, films):
    """An archive of three films, one that is text and one with a bad name."""
    path = tmp_path / "ward.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for film in films[:3]:
            archive.write(film.path, f"ward/{film.name}")
        archive.writestr("ward/text.jpg", b"this is text, not a film")
        archive.writestr("../evil.png", films[0].path.read_bytes())
        archive.writestr("ward/notes.txt", b"notes")
    return Upload("ward.zip", path)


def without_time(comparison):
    readings = {name: {**one, "milliseconds": 0} for name, one in comparison["readings"].items()}
    return {**comparison, "readings": readings}


def test_each_film_reads_as_predict_reads_it(loaded, films):
    found = find_films(films)
    read = [without_time(one) for one in read_batch(found.films, loaded.classifiers, "f1", at_once=2)]
    expected = [compare_film(film.name, loaded.classifiers, "f1", film.path.read_bytes()) for film in films]
    assert read == [without_time(one) for one in expected]
    assert {one["agree"] for one in read} == {True, False}


def test_bad_films_are_errors_and_stop_nothing(loaded, films, ward, tmp_path):
    (tmp_path / "text.png").write_text("text")
    uploads = [Upload("text.png", tmp_path / "text.png"), Upload("gone.png", tmp_path / "gone.png"), films[0]]
    text, gone, good = read_batch(find_films(uploads).films, loaded.classifiers)
    assert text["error"] == "text: expected a JPEG, PNG, TIFF, BMP, WebP or DICOM film"
    assert gone == {
        "path": "gone.png",
        "readings": {},
        "agree": None,
        "error": "the upload is not there any more: drop the file again",
    }
    assert good["error"] is None

    read = list(read_batch(find_films([ward]).films, loaded.classifiers, at_once=2))
    assert [one["path"] for one in read] == [
        "ward/20.png",
        "ward/40.png",
        "ward/60.png",
        "ward/text.jpg",
        "../evil.png",
    ]
    assert [one["error"] is None for one in read] == [True, True, True, False, False]
    assert "leads out" in read[4]["error"]


def test_names_carry_the_archive_only_where_it_is_not_alone(ward, films):
    assert find_films([ward]).left_out == 1
    assert [film.name for film in find_films([films[0], ward]).films][:2] == ["20.png", "ward.zip/ward/20.png"]


def test_an_archive_that_cannot_be_read_is_one_line(films, tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("notes.txt", b"x")
    found = find_films([Upload(name, tmp_path / name) for name in ("broken.zip", "empty.zip")] + films[:1])
    assert [film.name for film in found.films] == ["20.png"]
    assert [line.split(":")[0] for line in found.refused] == ["broken.zip", "empty.zip"]
    assert "holds no film" in found.refused[1]


def test_a_batch_has_a_most(films, ward, monkeypatch):
    monkeypatch.setattr(batch, "MAX_FILMS", 6)
    found = find_films([*films[:2], ward, *films[2:9]])
    assert len(found.films) == 6
    assert found.too_many == 3
    assert found.refused == ("ward.zip: 5 films: expected at most 6 in a batch; split it",)


def test_an_upload_that_is_named_often_is_looked_at_once(films, ward, monkeypatch):
    opened = []
    monkeypatch.setattr(batch, "open_archive", lambda path: opened.append(path) or open_archive(path))
    once = find_films([films[5], ward])
    assert find_films([films[5], ward] + [films[5], Upload("again.zip", ward.path)] * 500) == once
    assert opened == [ward.path] * 2


def test_archives_of_too_many_entries_together_are_refused_unopened(films, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "MAX_ENTRIES", 5)
    uploads = []
    for number in range(3):
        path = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for folder in range(3):
                archive.writestr(f"{folder}/", b"")
            archive.write(films[number].path, films[number].name)
        uploads.append(Upload(path.name, path))
    found = find_films(uploads)
    assert [film.name for film in found.films] == [f"{number}.zip/{films[number].name}" for number in range(2)]
    assert found.refused == ("2.zip: the archives before it hold 8 files: expected at most 5; split the batch",)


def test_a_film_is_read_again_from_file_and_archive(films, ward):
    assert film_bytes(find_films(films).films[3]) == films[3].path.read_bytes()
    members = find_films([ward]).films
    assert film_bytes(members[1]) == films[1].path.read_bytes()
    with pytest.raises(ArchiveError, match="leads out"):
        film_bytes(members[4])
    ward.path.unlink()
    with pytest.raises(ArchiveError, match="cannot be opened"):
        film_bytes(members[1])
    with pytest.raises(RadiographError, match="not there any more"):
        film_bytes(BatchFilm("x.png", ward.path))


def test_an_archive_that_went_in_between_gives_errors(loaded, ward):
    found = find_films([ward])
    ward.path.unlink()
    assert all("not there any more" in one["error"] for one in read_batch(found.films[:3], loaded.classifiers))


def test_a_stop_keeps_what_was_read(loaded, films, monkeypatch):
    begun = []
    monkeypatch.setattr(batch, "compare_film", lambda name, *_, **__: begun.append(name) or {"path": name})
    stopped = threading.Event()
    read = []
    for one in read_batch(find_films(films).films, loaded.classifiers, at_once=2, is_stopped=stopped.is_set):
        read.append(one["path"])
        if len(read) == 3:
            stopped.set()
    assert read == ["20.png", "40.png", "60.png"]
    assert len(begun) <= 3 + batch.AHEAD * 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch")]


def test_few_films_are_begun_ahead_of_the_one_that_is_waited_for(loaded, films, monkeypatch):
    begun = []

    class Counting(ThreadPoolExecutor):
        def submit(self, job):
            begun.append(job)
            return super().submit(job)

    monkeypatch.setattr("demo.predict.look_ahead.ThreadPoolExecutor", Counting)
    reading = read_batch(find_films(films).films, loaded.classifiers, at_once=2)
    next(reading)
    assert len(begun) == 2 * batch.AHEAD
    assert len(list(reading)) == len(films) - 1


def test_only_as_many_films_as_are_read_at_once_are_in_memory(loaded, films, monkeypatch):
    held, most, lock = [0], [0], threading.Lock()
    whole = threading.Barrier(2, timeout=10)
    compare, load = batch.compare_film, batch._bytes_of

    def counted(film, archives):
        with lock:
            held[0] += 1
            most[0] = max(most[0], held[0])
        return load(film, archives)

    def compared(*arguments, **options):
        whole.wait()  # both workers hold a film now
        found = compare(*arguments, **options)
        with lock:
            held[0] -= 1
        return found

    monkeypatch.setattr(batch, "_bytes_of", counted)
    monkeypatch.setattr(batch, "compare_film", compared)
    assert len(list(read_batch(find_films(films).films, loaded.classifiers, at_once=2))) == len(films)
    assert most == [2]


@given(st.integers(0, 255), st.sampled_from(OPERATING_POINTS), st.sampled_from(OPERATING_POINTS))
def test_judging_again_is_reading_again(judge_again, grey, first, second):
    again, anew = judge_again(grey, first, second)
    assert again == anew


@pytest.fixture(scope="module")
def judge_again(tmp_path_factory, tiny_bundle, write_film):
    folder = tmp_path_factory.mktemp("judge")
    tiny_bundle(folder / "models", "a", {"weight": 8.0, "bias": -4.0})
    tiny_bundle(folder / "models", "b", {"weight": 20.0, "bias": -18.0, "novelty": True}, novelty_limit=0.9)
    loaded = load_models(folder / "models", "cpu")

    def judge(grey, first, second):
        data = write_film(folder / "film.png", grey).read_bytes()
        before, anew = (compare_film("film.png", loaded.classifiers, point, data) for point in (first, second))
        return without_time(evaluated(before, loaded.cards, second)), without_time(anew)

    return judge


def test_a_probability_at_the_threshold_stays_positive(loaded, films):
    """The threshold of a card may be a network's own float32, which has more digits than are printed."""
    comparison = compare_film("x.png", loaded.classifiers, "youden", films[5].path.read_bytes())
    exact = float(np.float32(comparison["readings"]["a"]["probability"]))
    card = loaded.cards["a"]
    point = card.operating_points["f1"].model_copy(update={"threshold": exact})
    cards = {**loaded.cards, "a": card.model_copy(update={"operating_points": {"f1": point}})}
    assert evaluated(comparison, cards, "f1")["readings"]["a"]["positive"] is True
    with pytest.raises(UsageError, match="operating point"):
        evaluated(comparison, cards, "youden")


def test_deleting_uploads_takes_only_their_own_folders(tmp_path):
    uploads = [Upload(name, tmp_path / name / name) for name in ("alone", "beside", "gone")]
    for upload in uploads[:2]:
        upload.path.parent.mkdir()
        upload.path.write_bytes(b"film")
    (tmp_path / "beside" / "another").write_bytes(b"film")
    delete_uploads(uploads)
    delete_uploads(uploads)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["another", "beside"]
