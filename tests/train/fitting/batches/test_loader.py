"""Films reach Keras as they were prepared, and augmentation depends on (seed, epoch, film) alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import hashlib

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.cohort import index_cohort
from train.data.prepared_films import read_whole_films
from train.fitting.batches.augmentation import crop_window
from train.fitting.batches.loader import FilmBatches
from train.fitting.devices.data_parallel import Share
from train.radiograph import PrepareSpec, prepare, read_radiograph
from train.runs.settings import AugmentationSettings

NOTHING = AugmentationSettings(rotation=0, zoom=0, shift=0)
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


def test_labels_and_weights_follow_their_films():
    images, numbers = films_of(10), np.arange(10)
    loader = batches(images, weights=numbers / 10)
    plain = batches(images)
    for index in range(len(loader)):
        films, labels, weights = loader[index]
        expected_films, expected = plain[index]
        assert np.array_equal(films, expected_films)
        assert np.array_equal(labels, expected)
        assert np.allclose(weights, expected / 10)


@pytest.mark.parametrize("mixup", [0, 0.4])
@pytest.mark.parametrize("workers", [2, 5])
def test_workers_change_nothing_whatever_is_asked_for_and_in_which_order(workers, mixup):
    ranges = EVERYTHING.model_copy(update={"mixup": mixup})
    one, many = (batches(films_of(23), workers=count, augmentation=ranges) for count in (1, workers))
    for epoch, indexes in ((0, range(6)), (1, range(6)), (1, (0, 5, 2, 2)), (4, range(6)), (3, (1, 0, 3))):
        for loader in (one, many):
            loader.set_epoch(epoch)
        for index in indexes:
            for part, same in zip(one[index], many[index], strict=True):
                assert np.array_equal(part, same)
        assert np.array_equal(one.pictures(np.arange(7)), many.pictures(np.arange(7)))


def test_threads_keep_no_batch_that_is_not_ahead():
    loader = batches(films_of(23), workers=2)
    for epoch, index in ((0, 5), (7, 0), (2, 1), (2, 2)):
        loader.set_epoch(epoch)
        loader[index]
        assert len(loader._coming) == 3  # twice the workers, less the one that was taken


@pytest.mark.parametrize("channels", [1, 3])
@given(seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 1000), alpha=st.floats(0.05, 10))
@settings(deadline=None, max_examples=20)
def test_mixup_blends_pictures_labels_and_weights_of_a_batch_alike(channels, seed, epoch, alpha):
    images, numbers = films_of(7), np.arange(7)
    mixed, plain = (
        batches(
            images,
            weights=1 + numbers / 10,
            augmentation=NOTHING.model_copy(update={"mixup": value}),
            seed=seed,
            channels=channels,
        )
        for value in (alpha, 0)
    )
    for loader in (mixed, plain):
        loader.set_epoch(epoch)
    for index in range(2):
        generator = np.random.default_rng((seed, epoch, index, 2))
        pictures, labels, weights = plain[index]
        partner = generator.permutation(len(pictures))
        share = generator.beta(alpha, alpha, len(pictures))
        got = mixed[index]
        assert [part.dtype for part in got] == [np.uint8, np.float32, np.float32]
        assert [part.shape for part in got] == [part.shape for part in plain[index]]
        for part, whole, slack in zip(got, (pictures, labels, weights), (0.51, 1e-5, 1e-5), strict=True):
            own = share.reshape(-1, *[1] * (whole.ndim - 1))
            assert np.allclose(part, own * whole + (1 - own) * whole[partner], atol=slack, rtol=0)


def test_mixup_is_for_training_alone():
    images = films_of(4)
    loader = batches(images, augmentation=None)
    assert np.array_equal(loader[0][0][..., 0], images)


def test_fit_sees_the_same_pictures_whatever_the_number_of_workers():
    """Through Keras's own training loop, which looks at batches when and as often as it likes."""
    ranges = EVERYTHING.model_copy(update={"noise": 4, "erase": 0.2, "mixup": 0.3})
    seen = [pictures_through_fit(ranges, workers) for workers in (1, 2, 4)]
    assert len(seen[0]) == len(set(seen[0])) == 3 * 6
    assert seen[0] == seen[1] == seen[2]


def pictures_through_fit(ranges, workers):
    """Hashes of the batches that a network is given in epochs 0 to 2, in their order."""
    loader = batches(films_of(23), augmentation=ranges, workers=workers)
    seen = []

    class Seeing(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, images):
            seen.append(hashlib.sha256(keras.ops.convert_to_numpy(images)).hexdigest())
            return self.dense(keras.ops.reshape(keras.ops.cast(images, "float32"), (-1, 24 * 24)))

    network = Seeing()
    network(np.zeros((1, 24, 24, 1), np.uint8))
    seen.clear()
    network.compile(optimizer=keras.optimizers.SGD(1e-6), loss="mse", run_eagerly=True)
    tell = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: loader.set_epoch(epoch))
    network.fit(loader, epochs=3, shuffle=False, verbose=0, callbacks=[tell])
    return seen


def test_crops_are_taken_of_whole_films_before_they_are_prepared(phantom_root):
    films = index_cohort(phantom_root).of_split("train")[:6]
    whole = read_whole_films(phantom_root, films, 10_000)
    originals = [read_radiograph(phantom_root / film.path) for film in films]
    assert [image.shape for image in whole.images] == [film.shape for film in originals]
    assert all(np.array_equal(image, film) for image, film in zip(whole.images, originals, strict=True))
    ranges = NOTHING.model_copy(update={"crop": 0.3})
    spec = PrepareSpec(image_size=16, contrast="equalise")
    loader = FilmBatches(whole.images, np.zeros(6), batch_size=6, channels=1, augmentation=ranges, seed=1, spec=spec)
    for row, picture in zip(loader.rows(0), loader[0][0][..., 0], strict=True):
        window = crop_window(originals[row].shape, ranges, np.random.default_rng((1, 0, row, 1)).uniform(0, 1, 4))
        assert np.array_equal(picture, prepare(originals[row][window], spec))


def shared(films, share, augmentation=None, batch_size=6, weights=None):
    images = np.arange(films, dtype=np.uint8)[:, np.newaxis, np.newaxis] * np.ones((1, 8, 8), np.uint8)
    labels = np.arange(films) % 2
    return FilmBatches(
        images, labels, weights, batch_size=batch_size, channels=1, augmentation=augmentation, seed=3, share=share
    )


UNCHANGED = AugmentationSettings(rotation=0, zoom=0, shift=0)


@pytest.mark.parametrize("augmentation", [None, UNCHANGED, UNCHANGED.model_copy(update={"mixup": 0.4})])
def test_processes_together_feed_what_one_feeds(augmentation):
    alone = shared(17, Share(2), augmentation)
    both = [shared(17, Share(2, 2, process), augmentation) for process in (0, 1)]
    assert len(alone) == len(both[0]) == 3
    for index in range(3):
        parts = [batches[index] for batches in both]
        assert len(parts[0][0]) == len(parts[1][0])
        for whole, *halves in zip(alone[index], *parts, strict=True):
            np.testing.assert_array_equal(np.concatenate(halves), whole)


def test_films_that_are_added_for_the_devices_weigh_nothing():
    batches = shared(17, Share(4), batch_size=8)
    assert [len(batches[index][0]) for index in range(3)] == [8, 8, 4]
    weights = np.concatenate([batches[index][2] for index in range(3)])[:, 0]
    assert weights[:17] == pytest.approx(20 / 17)
    assert (weights[17:] == 0).all()


def test_an_epoch_leaves_out_fewer_films_than_devices_and_other_ones_each_time():
    batches, left_out = shared(19, Share(4), UNCHANGED, batch_size=8), set()
    for epoch in range(4):
        batches.set_epoch(epoch)
        seen = np.concatenate([batches.rows(index) for index in range(len(batches))])
        assert len(set(seen)) == 16
        left_out |= set(range(19)) - set(seen)
    assert len(left_out) > 3
