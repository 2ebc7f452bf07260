import dataclasses
import hashlib
import json
import shutil
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from train.common.errors import UsageError
from train.data.cohort import index_cohort, split_cohort
from train.radiograph import PrepareSpec, RadiographError, prepare, read_radiograph
from train.synthetic import film_folder
from train.synthetic.film_folder import MOST_TRIES, SYNTHESIS, make_synthetic_films
from train.synthetic.film_model import SynthesisError
from train.synthetic.nearest_film import measure_neighbours, nearest_of
from train.synthetic.phantom_folder import make_phantoms

SIDE = 48


@contextmanager
def no_bar(description, total):
    yield lambda *_: None


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "phantoms"
    make_phantoms(folder, 20, seed=3, image_size=64)
    return folder


def make(folder, root, count=2, seed=5, split_seed=1, image_size=SIDE, progress=no_bar):
    return make_synthetic_films(folder, root, count, seed, split_seed, image_size, progress)


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "films"
    return folder, make(folder, root)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_lies_in_the_folder(made, root):
    folder, synthesis = made
    names = [f"synthetic-{name}-0{number}.png" for name in ("normal", "pneumonia") for number in (1, 2)]
    assert [film.film for film in synthesis.films] == names
    assert sorted(contents(folder)) == [SYNTHESIS, *names]
    told = json.loads((folder / SYNTHESIS).read_text())
    assert told == {"format": 1, **json.loads(json.dumps(dataclasses.asdict(synthesis)))}
    for film in synthesis.films:
        data = (folder / film.film).read_bytes()
        assert film.sha256 == hashlib.sha256(data).hexdigest()
        assert read_radiograph(data).shape == (SIDE, SIDE)
        assert film.drawn_as in film.film
    cohort = split_cohort(index_cohort(root), 1)
    assert synthesis.split_fingerprint == cohort.fingerprint
    assert sum(model.films for model in synthesis.training.values()) == len(cohort.of_split("train"))


def test_same_seed_same_bytes(made, root, tmp_path):
    make(tmp_path / "again", root)
    assert contents(tmp_path / "again") == contents(made[0])


def test_another_seed_other_films(made, root, tmp_path):
    other = make(tmp_path / "other", root, seed=6)
    assert not {film.sha256 for film in other.films} & {film.sha256 for film in made[1].films}


def test_every_film_is_as_far_as_it_says(made, root):
    folder, synthesis = made
    listed = split_cohort(index_cohort(root), 1).of_split("train")
    spec = PrepareSpec(image_size=SIDE)
    films = np.stack([prepare(read_radiograph(root / film.path), spec) for film in listed])
    neighbours = measure_neighbours(films, [film.patient for film in listed])
    for film in synthesis.films:
        nearest = nearest_of(read_radiograph(folder / film.film), neighbours)
        assert nearest == film.nearest
        assert all(nearest[measure].distance >= limit - 1e-4 for measure, limit in synthesis.limits.items())
        assert film.largest_share < 1
    for measure, distances in synthesis.between_patients.items():
        assert distances["5"] == synthesis.limits[measure]
        assert list(distances.values()) == sorted(distances.values())


def test_classes_differ_as_their_training_films_do(made, root):
    folder, _ = made
    films = {"normal": [], "pneumonia": []}
    for film in split_cohort(index_cohort(root), 1).of_split("train"):
        films[("normal", "pneumonia")[film.label]].append(
            cv2.resize(read_radiograph(root / film.path), (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(float)
        )
    axis = np.mean(films["pneumonia"], axis=0) - np.mean(films["normal"], axis=0)
    scores = {
        name: np.mean([(axis * read_radiograph(path)).mean() for path in folder.glob(f"synthetic-{name}-*.png")])
        for name in films
    }
    assert scores["pneumonia"] > scores["normal"]


def test_validation_and_test_films_are_never_opened(made, root, tmp_path):
    shutil.copytree(root, tmp_path / "data")
    for film in split_cohort(index_cohort(root), 1).films:
        if film.split != "train":
            (tmp_path / "data" / film.path).write_bytes(b"no film")
    make(tmp_path / "films", tmp_path / "data")
    assert contents(tmp_path / "films") == contents(made[0])


def test_a_training_film_that_cannot_be_read_is_named(root, tmp_path):
    shutil.copytree(root, tmp_path / "data")
    broken = split_cohort(index_cohort(root), 1).of_split("train")[3].path
    (tmp_path / "data" / broken).write_bytes(b"no film")
    with pytest.raises(RadiographError, match=rf"{broken}.*data check"):
        make(tmp_path / "films", tmp_path / "data")
    assert not (tmp_path / "films").exists()


@pytest.fixture
def draw_copies(monkeypatch, root):
    """Let the model draw a training film: always, or only so many times."""
    film = split_cohort(index_cohort(root), 1).of_split("train")[0]
    copy = prepare(read_radiograph(root / film.path), PrepareSpec(image_size=SIDE))[:, ::-1].copy()
    draw = film_folder.draw_film

    def start(times):
        left = iter(range(times))
        monkeypatch.setattr(
            film_folder, "draw_film", lambda *given: draw(*given) if next(left, None) is None else (copy, 1.0)
        )

    return start


def test_a_film_that_is_too_near_is_drawn_again(root, tmp_path, draw_copies):
    draw_copies(3)
    synthesis = make(tmp_path / "films", root)
    assert synthesis.films[0].tries >= 4
    assert all(film.largest_share < 1 for film in synthesis.films)


def test_films_that_are_always_too_near(root, tmp_path, draw_copies):
    draw_copies(10**6)
    with pytest.raises(SynthesisError, match=f"{MOST_TRIES} normal films in a row"):
        make(tmp_path / "films", root)
    assert list(tmp_path.iterdir()) == []


def test_progress_reaches_its_end(root, tmp_path):
    bars = {}

    @contextmanager
    def count(description, total):
        bars[description] = [0, total]

        def advance(n=1, note=None):
            bars[description][0] += n

        yield advance

    make(tmp_path / "films", root, count=1, progress=count)
    assert len(bars) == 6
    assert all(done == total > 0 for done, total in bars.values())


def test_too_few_training_films(tmp_path):
    make_phantoms(tmp_path / "few", 6, seed=0, image_size=32)
    with pytest.raises(SynthesisError, match="expected at least 8"):
        make(tmp_path / "films", tmp_path / "few")


@pytest.mark.parametrize(
    "wrong",
    [{"count": 0}, {"count": 100}, {"seed": -1}, {"split_seed": 2**32}, {"image_size": 31}, {"image_size": 513}],
)
def test_arguments_out_of_range(root, tmp_path, wrong):
    with pytest.raises(UsageError, match="Received"):
        make(tmp_path / "films", root, **wrong)


@pytest.mark.parametrize("name", ["mine.txt", "synthetic-normal-01.jpg", "synthetic-normal-01.png"])
def test_other_files_are_never_replaced(root, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match="other files"):
        make(tmp_path, root)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_the_folders_place(root, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="not a folder"):
        make(tmp_path / "file", root)


def test_synthetic_films_are_replaced(made, root, tmp_path):
    shutil.copytree(made[0], tmp_path / "films")
    make(tmp_path / "films", root, count=1)
    assert len(contents(tmp_path / "films")) == 3
