"""Films are read once, prepared or whole, and one that cannot be read stops no other."""

import numpy as np
import pytest

from train.common.errors import PneumoscopeError
from train.data.cohort import index_cohort
from train.data.prepared_films import (
    bytes_of_whole_films,
    prepare_films,
    prepare_films_once,
    read_whole_films,
    side_for_crops,
)
from train.radiograph import PrepareSpec, prepare, read_radiograph


def test_whole_films_are_shrunk_to_what_their_smallest_crop_needs(phantom_root):
    films = index_cohort(phantom_root).of_split("train")[:3]
    side = side_for_crops(16, 0.25)
    assert side == 32
    assert side_for_crops(16, 0.0001) == 64
    for film, image in zip(films, read_whole_films(phantom_root, films, side).images, strict=True):
        original = read_radiograph(phantom_root / film.path)
        assert min(image.shape) == min(side, *original.shape)
        assert image.shape[1] / image.shape[0] == pytest.approx(original.shape[1] / original.shape[0], rel=0.05)


def test_the_bytes_of_whole_films_are_known_before_they_are_read(phantom_root, tmp_path):
    films = index_cohort(phantom_root).of_split("train")
    for side in (16, 40, 10_000):
        written = read_whole_films(phantom_root, films, side).images.shape[1]
        assert bytes_of_whole_films(phantom_root, films, side) == pytest.approx(written, rel=0.1)
    assert bytes_of_whole_films(tmp_path, films, 16) == bytes_of_whole_films(phantom_root, [], 16) == 0


def test_unreadable_films_are_named_and_the_rest_goes_on(phantom_root, tmp_path):
    films = index_cohort(phantom_root).of_split("test")[:3]
    for film in films:
        (tmp_path / film.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / film.path).write_bytes((phantom_root / film.path).read_bytes())
    (tmp_path / films[1].path).write_text("no film")
    prepared = prepare_films(tmp_path, films, PrepareSpec(image_size=32))
    assert prepared.films == (films[0], films[2])
    assert [path for path, _ in prepared.unreadable] == [films[1].path]
    expected = prepare(read_radiograph(tmp_path / films[2].path), PrepareSpec(image_size=32))
    assert np.array_equal(prepared.images[1], expected)


def test_films_beyond_memory_are_mapped_and_equal(phantom_root):
    films = index_cohort(phantom_root).of_split("test")[:4]
    spec = PrepareSpec(image_size=32)
    mapped = prepare_films(phantom_root, films, spec, memory_limit_bytes=0)
    assert isinstance(mapped.images, np.memmap)
    assert np.array_equal(mapped.images, prepare_films(phantom_root, films, spec).images)


def test_a_full_folder_for_temporary_files_is_one_line(phantom_root, monkeypatch):
    monkeypatch.setattr("train.data.prepared_films.tempfile.TemporaryFile", lambda **_: open("/dev/full", "w+b"))  # noqa: PTH123, SIM115
    films = index_cohort(phantom_root).films[:3]
    with pytest.raises(PneumoscopeError, match=r"whole films cannot be kept in .*No space left.*TMPDIR"):
        read_whole_films(phantom_root, films, 32)


def test_films_are_read_once_until_one_of_them_changes(phantom_root, tmp_path):
    films = index_cohort(phantom_root).of_split("test")[:2]
    for film in films:
        (tmp_path / film.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / film.path).write_bytes((phantom_root / film.path).read_bytes())
    spec, told = PrepareSpec(image_size=32), []
    first = prepare_films_once(tmp_path, films, spec, told.append)
    assert np.array_equal(first.images, prepare_films(tmp_path, films, spec).images)
    assert prepare_films_once(tmp_path, films, spec, told.append) is first
    assert sum(told) == 2 * len(films)
    (tmp_path / films[0].path).write_text("no film")
    assert prepare_films_once(tmp_path, films, spec).films == films[1:]
    assert prepare_films_once(tmp_path, films, PrepareSpec(image_size=48)).images.shape == (1, 48, 48)
