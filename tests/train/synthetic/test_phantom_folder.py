from pathlib import Path

import numpy as np
import pytest

from train.common.errors import UsageError
from train.data.cohort import index_cohort, split_cohort
from train.radiograph import read_radiograph
from train.synthetic.phantom import draw_phantom
from train.synthetic.phantom_folder import make_phantoms


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantoms") / "films"
    assert make_phantoms(folder, 60, seed=3, image_size=64) == 120
    return folder


@pytest.fixture(scope="module")
def films(folder):
    cohort = index_cohort(folder)
    pictures = np.array([read_radiograph(folder / film.path) for film in cohort.films])
    return pictures, np.array([film.label for film in cohort.films])


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def area_under_curve(scores, labels):
    ill, well = scores[labels == 1][:, None], scores[labels == 0][None, :]
    return ((ill > well) + 0.5 * (ill == well)).mean()


class TestFolder:
    def test_is_a_cohort_with_patients_and_kinds(self, folder):
        cohort = index_cohort(folder)
        assert [len(cohort.of_split(split)) for split in ("train", "validation", "test")] == [90, 6, 24]
        assert {film.subtype for film in cohort.films} == {"normal", "bacterial", "viral"}
        patients = {film.patient for film in cohort.films}
        assert all(patient.startswith("phantom") for patient in patients)
        assert len(patients) < len(cohort.films)
        places = {(film.patient, film.split, film.label) for film in cohort.films}
        assert len(places) == len(patients)

    def test_can_be_split(self, folder):
        split = split_cohort(index_cohort(folder), seed=0)
        assert {film.label for film in split.of_split("validation")} == {0, 1}

    def test_smallest_count_can_be_split(self, tmp_path):
        make_phantoms(tmp_path / "films", 4, seed=0, image_size=32)
        split = split_cohort(index_cohort(tmp_path / "films"), seed=0)
        assert {film.label for film in split.of_split("validation")} == {0, 1}

    def test_same_seed_same_bytes_and_another_seed_other_films(self, tmp_path):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            make_phantoms(tmp_path / name, 4, seed, image_size=32)
        assert contents(tmp_path / "a") == contents(tmp_path / "b")
        films = [{data for path, data in contents(tmp_path / name).items() if path.suffix == ".png"} for name in "ac"]
        assert not films[0] & films[1]

    def test_phantoms_may_be_replaced(self, tmp_path):
        make_phantoms(tmp_path / "films", 6, seed=1, image_size=32)
        make_phantoms(tmp_path / "films", 4, seed=1, image_size=32)
        assert len(index_cohort(tmp_path / "films").films) == 8
        assert [path.name for path in tmp_path.iterdir()] == ["films"]

    def test_empty_folder_is_taken(self, tmp_path):
        make_phantoms(tmp_path, 4, seed=1, image_size=32)
        assert len(index_cohort(tmp_path).films) == 8

    def test_the_folder_one_is_in_is_left_alone(self, tmp_path, monkeypatch):
        (tmp_path / "inner").mkdir()
        monkeypatch.chdir(tmp_path / "inner")
        for place in (Path(), tmp_path):
            with pytest.raises(UsageError, match="the folder you are in"):
                make_phantoms(place, 4, seed=1, image_size=32)

    def test_other_folders_and_files_are_left_alone(self, tmp_path):
        (tmp_path / "thesis.txt").write_text("years of work")
        for place in (tmp_path, tmp_path / "thesis.txt"):
            with pytest.raises(UsageError, match="choose"):
                make_phantoms(place, 4, seed=1)
        assert contents(tmp_path).keys() == {(tmp_path / "thesis.txt").relative_to(tmp_path)}

    def test_films_beside_phantoms_are_not_deleted(self, tmp_path):
        make_phantoms(tmp_path / "films", 4, seed=1, image_size=32)
        own = tmp_path / "films" / "chest_xray" / "train" / "NORMAL" / "IM-0001-0001.jpeg"
        own.write_bytes(b"mine")
        with pytest.raises(UsageError, match="other files"):
            make_phantoms(tmp_path / "films", 4, seed=1, image_size=32)
        assert own.read_bytes() == b"mine"

    @pytest.mark.parametrize("values", [{"count_per_class": 3}, {"image_size": 16}, {"image_size": 5000}, {"seed": -1}])
    def test_arguments_out_of_range(self, tmp_path, values):
        with pytest.raises(UsageError, match="Received"):
            make_phantoms(tmp_path / "films", **({"count_per_class": 4, "seed": 0} | values))
        assert not (tmp_path / "films").exists()

    def test_advance_is_called_once_a_film(self, tmp_path):
        steps = []
        make_phantoms(tmp_path / "films", 4, seed=0, image_size=32, advance=lambda: steps.append(1))
        assert len(steps) == 8


class TestFilms:
    def test_fill_the_grey_range(self, films):
        pictures, _ = films
        assert pictures.shape == (120, 64, 64)
        assert pictures.std(axis=(1, 2)).min() > 25
        assert pictures.min(axis=(1, 2)).max() < 40
        assert (pictures == 255).mean() < 0.15

    def test_lungs_are_darker_than_spine_and_body(self, films):
        normal = films[0][films[1] == 0].mean(axis=0)
        lungs = (normal[24:40, 14:24].mean(), normal[24:40, 40:50].mean())
        assert max(lungs) + 40 < normal[24:40, 30:34].mean()
        assert max(lungs) + 40 < normal[58:, 20:44].mean()

    def test_brightness_and_contrast_do_not_give_the_class_away(self, films):
        pictures, labels = films
        for figure in (pictures.mean(axis=(1, 2)), pictures.std(axis=(1, 2)), np.median(pictures, axis=(1, 2))):
            assert 0.3 < area_under_curve(figure, labels) < 0.7

    @pytest.mark.parametrize("virus", [False, True])
    def test_pneumonia_is_added_inside_the_lungs_and_nowhere_else(self, virus):
        for seed in range(20):
            well, ill = (
                draw_phantom(np.random.default_rng(seed), np.random.default_rng(99), label, virus, 64).astype(int)
                for label in (0, 1)
            )
            added = ill - well
            assert added.min() >= -1
            assert added.max() > 12
            assert added[:, :2].max() <= 1
            assert added[:, -2:].max() <= 1
            assert added[60:].max() <= 1
            assert (added > 6).mean() < 0.25
            assert well[added > 6].mean() < well[20:40, 30:34].mean()
