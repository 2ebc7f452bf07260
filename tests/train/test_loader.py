"""Films reach Keras as they were prepared, and augmentation depends on (seed, epoch, film) alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from train.cohort import index_cohort
from train.loader import FilmBatches, prepare_films
from train.radiograph import PrepareSpec, prepare, read_radiograph
from train.settings import AugmentationSettings

EVERYTHING = AugmentationSettings(rotation=20, zoom=0.2, shift=0.1, brightness=0.1, contrast=0.2, gamma=0.3, flip=True)


def films_of(count, side=24, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side), dtype=np.uint8)


def batches(images, **changes):
    arguments = {"batch_size": 4, "channels": 1, "augmentation": EVERYTHING, "seed": 3} | changes
    return FilmBatches(images, np.arange(len(images)), **arguments)


def in_film_order(loader):
    """The films of one pass, sorted by the label, which is the film's number."""
    read = [loader[index] for index in range(len(loader))]
    images, labels = (np.concatenate(parts) for parts in zip(*read, strict=True))
    return images[np.argsort(labels[:, 0])]


def test_without_augmentation_films_come_as_they_are_and_in_order():
    images = films_of(10)
    loader = batches(images, augmentation=None)
    got = np.concatenate([loader[index][0] for index in range(len(loader))])
    assert got.dtype == np.uint8
    assert np.array_equal(got[..., 0], images)


def test_channels_are_copies_of_the_grey_film():
    images, _ = batches(films_of(3), channels=3)[0]
    assert images.shape == (3, 24, 24, 3)
    assert np.array_equal(images[..., 0], images[..., 2])


def test_every_film_is_seen_once_an_epoch_in_an_order_of_its_own():
    loader = batches(films_of(10))
    orders = []
    for epoch in range(2):
        loader.set_epoch(epoch)
        orders.append(np.concatenate([loader[index][1] for index in range(len(loader))])[:, 0])
        assert sorted(orders[-1]) == list(range(10))
    assert not np.array_equal(*orders)


def test_augmentation_depends_on_seed_epoch_and_film_alone():
    images = films_of(10)
    first, again = batches(images), batches(images, batch_size=3)
    for loader in (first, again):
        loader.set_epoch(5)
    again[2]  # reading ahead or twice changes nothing
    assert np.array_equal(in_film_order(first), in_film_order(again))
    first.set_epoch(6)
    assert not np.array_equal(in_film_order(first), in_film_order(again))
    first.set_epoch(5)
    other_seed = batches(images, seed=4)
    other_seed.set_epoch(5)
    assert not np.array_equal(in_film_order(first), in_film_order(other_seed))


def test_labels_and_weights_follow_their_films_also_by_output():
    images, numbers = films_of(10), np.arange(10)
    loader = FilmBatches(
        images,
        {"probability": numbers, "kind_logit": numbers + 100},
        {"probability": numbers / 10, "kind_logit": numbers * 0},
        batch_size=4,
        channels=1,
        augmentation=EVERYTHING,
        seed=3,
    )
    plain = batches(images)
    for index in range(len(loader)):
        films, labels, weights = loader[index]
        expected_films, expected = plain[index]
        assert np.array_equal(films, expected_films)
        assert np.array_equal(labels["probability"], expected)
        assert np.array_equal(labels["kind_logit"], expected + 100)
        assert np.allclose(weights["probability"], expected / 10)
        assert weights["kind_logit"].shape == expected.shape
    assert len(batches(images, weights=numbers)[0]) == 3


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
