"""Novelty: small for films like the training films, large for others, and the same in the graph."""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.graph.novelty import SMALLEST_FIT, fit_novelty, novelty_limit
from export.graph.novelty_checks import (
    OODImages,
    as_thumbnail,
    blurred_to,
    detector_figures,
    kinds_to_choose_on,
    nearest_neighbours,
    read_ood_images,
    sharpness,
)
from train.common.errors import PneumoscopeError
from train.radiograph import PrepareSpec


@pytest.fixture(scope="module")
def features():
    """Correlated, of very different sizes, one feature always 0."""
    generator = np.random.default_rng(0)
    mixed = generator.normal(size=(600, 12)) @ generator.normal(size=(12, 12)) * np.logspace(-1, 1, 12) + 5
    mixed[:, 3] = 0
    return mixed.astype(np.float32)


def test_a_film_like_the_training_films_has_about_1(features):
    found = fit_novelty(features[:400], 6).distance(features[400:])
    assert 0.8 < np.median(found) < 1.2
    assert 1 < novelty_limit(found) < 2.5


@pytest.mark.parametrize("components", [2, 6, 500])
def test_what_breaks_the_features_pattern_is_far(features, components):
    model = fit_novelty(features, components)
    limit = novelty_limit(model.distance(features))
    shuffled = np.stack([np.random.default_rng(row).permuted(features[:, row]) for row in range(12)], axis=1)
    assert np.median(model.distance(shuffled)) > (limit if components > 2 else 1)
    silent = features.copy()
    silent[:, 3] = features[:, 0].std()  # an answer of the unit that never answers
    assert (model.distance(silent) > model.distance(features)).all()


def test_with_every_direction_it_is_mahalanobis(features):
    from sklearn.covariance import ledoit_wolf

    known = np.delete(features, 3, axis=1).astype(np.float64)
    scaled = (known - known.mean(axis=0)) / known.std(axis=0)
    covariance, _ = ledoit_wolf(scaled, assume_centered=True)
    expected = np.sqrt(np.einsum("nd,de,ne->n", scaled, np.linalg.inv(covariance), scaled) / 11)
    assert fit_novelty(known, 11).distance(known) == pytest.approx(expected, rel=1e-3)


def test_the_graph_says_the_same(features):
    model = fit_novelty(features, 6)
    pooled = keras.Input((12,))
    found = keras.Model(pooled, model.in_graph(pooled)).predict_on_batch(features * 3)
    assert found == pytest.approx(model.distance(features * 3), rel=1e-3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([0.0, 1e-8, 1.0, 1e6]))
def test_any_features_give_numbers(seed, wide, size):
    features = np.random.default_rng(seed).normal(0, size, (SMALLEST_FIT, wide + 1)).astype(np.float32)
    found = fit_novelty(features).distance(np.concatenate([features, features + 1]))
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_too_few_films_and_broken_features_are_one_line(features):
    with pytest.raises(PneumoscopeError, match=r"at least 32 training films\. Received: 31"):
        fit_novelty(features[:31])
    broken = features.copy()
    broken[5, 2] = np.nan
    with pytest.raises(PneumoscopeError, match="not all finite"):
        fit_novelty(broken)


def test_the_limit_lets_99_of_100_through():
    assert novelty_limit(np.arange(101.0)) == 99


def pictures(count, seed=0):
    generator = np.random.default_rng(seed)
    return np.stack(
        [cv2.GaussianBlur(generator.integers(0, 256, (64, 64), dtype=np.uint8), (0, 0), 1) for _ in range(count)]
    )


def test_a_blurred_picture_is_as_sharp_as_asked_and_never_sharper():
    image = pictures(1)[0]
    target = sharpness(image) / 2
    assert sharpness(blurred_to(image, target)) == pytest.approx(target, rel=0.1)
    assert blurred_to(image, sharpness(image)) is image
    large = cv2.resize(image, (224, 224), interpolation=cv2.INTER_NEAREST)
    assert sharpness(as_thumbnail(large)) < sharpness(large)


def test_half_of_the_kinds_is_the_same_half_each_time():
    kinds = ["b", "a", "c", "a", "e", "d"]
    chosen = kinds_to_choose_on(kinds)
    assert len(chosen) == 2
    assert chosen == kinds_to_choose_on(sorted(kinds)) < set(kinds)


def test_the_guards_figures_are_of_both_halves():
    def pool(images):
        flat = images.astype(np.float32)
        return np.stack([flat.mean(axis=(1, 2)), flat.std(axis=(1, 2)), np.abs(np.diff(flat)).mean(axis=(1, 2))], 1)

    films = pictures(60)
    foreign = OODImages(255 - pictures(8, 1) // 4, tuple("aabbccdd"))
    train = pool(pictures(100, 2))
    model = fit_novelty(train)
    limit = novelty_limit(model.distance(pool(films)))
    found = detector_figures(pool, model.distance, limit, train, films, pool(films), foreign)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert sorted(found["choosing"]["kinds"] + found["unseen"]["kinds"]) == list("abcd")
    for half in ("choosing", "unseen"):
        for treatment in ("as_is", "thumbnails", "blurred"):
            assert found[half][treatment]["auroc"] > 0.99
            assert found[half][treatment]["refused"] == 1.0
            assert 0.3 < found[half][treatment]["refused_low"] < 0.8  # four pictures
            assert found[half][treatment]["auroc_low"] < 1 == found[half][treatment]["auroc_high"]
            assert found[half][treatment]["nearest_neighbours_auroc"] > 0.99
        assert found[half]["as_is"]["films_refused"] <= 0.02


def test_the_nearest_neighbour_is_found():
    train = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    found = nearest_neighbours(train)(train)
    scaled = (train - train.mean(axis=0)) / train.std(axis=0)
    expected = np.sort(np.linalg.norm(scaled[:, None] - scaled[None], axis=2), axis=1)[:, 4]
    assert found == pytest.approx(expected, abs=1e-3)


def test_foreign_pictures_are_read_from_their_table(tmp_path):
    spec = PrepareSpec(image_size=32)
    assert read_ood_images(tmp_path, spec) is None
    folder = tmp_path / "ood"
    folder.mkdir()
    (folder / "cat.png").write_bytes(cv2.imencode(".png", np.full((9, 9), 77, np.uint8))[1].tobytes())
    (folder / "index.csv").write_text("file,kind\ncat.png,cat\n")
    found = read_ood_images(tmp_path, spec)
    assert found.kinds == ("cat",)
    assert (found.images == 77).all()
    (folder / "index.csv").write_text("file,kind\ngone.png,cat\n")
    with pytest.raises(PneumoscopeError, match=r"gone\.png"):
        read_ood_images(tmp_path, spec)
    (folder / "index.csv").write_text("picture\ncat.png\n")
    with pytest.raises(PneumoscopeError, match="columns file and kind"):
        read_ood_images(tmp_path, spec)
