"""Network B on cached features learns what it learns on films, and its files are those of the whole network."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import csv
import json

import keras
import numpy as np
import pytest
from keras import layers

from train.common import array_store
from train.common.array_store import FeatureStore
from train.common.errors import PneumoscopeError
from train.data.cohort import index_cohort, split_cohort
from train.fitting import fit
from train.fitting.batches.loader import FilmBatches
from train.fitting.devices.device import Device
from train.fitting.features import frozen_features
from train.fitting.features.frozen_features import FeatureBatches, boundary_layers, cut_network
from train.fitting.stage_parts import stage_parts
from train.networks import BACKBONE_NAME, backbone_of, build_network_b, logit_model, unfreeze_for_fine_tuning
from train.radiograph import PrepareSpec
from train.runs.run_folder import create_run
from train.runs.settings import AugmentationSettings, make_settings

SIDE = 32
ROOM = 10**9
CPU = Device("cpu", "device: CPU (test)")


def small_network_b(seed=1):
    """A network of B's build and layer names, whose backbone has one residual block that a boundary can cut."""
    keras.utils.set_random_seed(seed)
    x = film = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(6, 3, strides=4, name="stem")(x)
    x = block = layers.BatchNormalization(name="stem_bn", momentum=0.5)(x)
    x = layers.Conv2D(8, 3, padding="same", strides=2, name="one")(x)
    x = layers.BatchNormalization(name="one_bn", momentum=0.5)(x)
    x = layers.ReLU(name="one_relu")(x)
    x = layers.Conv2D(6, 1, name="two", use_bias=False)(x)
    x = layers.Add(name="add")([x, layers.MaxPooling2D(1, strides=2, name="shortcut")(block)])
    x = layers.ReLU(name="out")(layers.BatchNormalization(name="out_bn", momentum=0.5)(x))
    backbone = keras.Model(film, x, name=BACKBONE_NAME)
    backbone.trainable = False
    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = backbone(layers.Rescaling(1 / 127.5, offset=-1, name="scale_to_minus1_1")(image))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.3, name="dense1_dropout")(layers.Dense(8, activation="relu", name="dense1")(x))
    logit = layers.Dense(1, name="logit")(x)
    return keras.Model(image, layers.Activation("sigmoid", name="probability")(logit), name="network_b")


def unfrozen(layer_name, seed=1):
    network = small_network_b(seed)
    names = [layer.name for layer in backbone_of(network).layers]
    return unfreeze_for_fine_tuning(network, names.index(layer_name))


def films_of(count, side=SIDE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side), dtype=np.uint8)


def film_batches(images=None, **changes):
    images = films_of(10) if images is None else images
    arguments = {"batch_size": 4, "channels": 3, "augmentation": AugmentationSettings(), "seed": 3} | changes
    return FilmBatches(images, np.arange(len(images)), **arguments)


def feature_batches(tmp_path, network=None, films=None, copies=2, limit_bytes=ROOM):
    cut = cut_network(small_network_b() if network is None else network)
    store = FeatureStore(tmp_path / "features", limit_bytes)
    return FeatureBatches(film_batches() if films is None else films, cut, store, copies, "training films")


def whole_epoch(batches, epoch):
    batches.set_epoch(epoch)
    return [batches[index] for index in range(len(batches))]


def same_features(ones, others):
    return all(np.array_equal(one[0], other[0]) for one, other in zip(ones, others, strict=True))


@pytest.fixture(autouse=True)
def _clean(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path))
    monkeypatch.delenv("PNEUMOSCOPE_CACHE", raising=False)


@pytest.fixture(scope="module", autouse=True)
def _free_memory():
    """Once: searching all that TensorFlow holds for what is free takes seconds."""
    yield
    keras.backend.clear_session()


def test_the_reports_boundary_is_found_in_the_residual_block_that_it_cuts():
    network = unfreeze_for_fine_tuning(build_network_b(64, backbone_weights="random"), 150)
    backbone = backbone_of(network)
    crossing = [backbone.layers[index] for index in boundary_layers(backbone, 150)]
    assert [layer.output.shape[1:] for layer in crossing] == [(2, 2, 256), (2, 2, 1024)]
    assert crossing[0].name == "conv4_block6_2_relu"
    assert isinstance(crossing[1], layers.MaxPooling2D)
    film = films_of(2, 64)[..., None].repeat(3, axis=-1)
    cut = cut_network(network)
    assert np.allclose(cut.trained(cut.fixed(film)), logit_model(network)(film), atol=1e-5)
    assert [v.path for v in cut.trained.trainable_variables] == [v.path for v in network.trainable_variables]


@pytest.mark.parametrize("layer", [None, "one", "one_bn", "one_relu", "two", "add", "out_bn"])
def test_a_cut_network_reads_films_as_the_whole_one(layer):
    network = small_network_b() if layer is None else unfrozen(layer)
    cut = cut_network(network)
    films = films_of(3)[..., None].repeat(3, axis=-1)
    assert np.allclose(cut.trained(cut.fixed(films)), logit_model(network)(films), atol=1e-6)
    assert [v.path for v in cut.trained.trainable_variables] == [v.path for v in network.trainable_variables]
    assert not cut.fixed.trainable_variables or layer is None


def test_a_network_that_trains_from_its_first_layer_is_not_cut():
    assert cut_network(unfreeze_for_fine_tuning(small_network_b(), 0)) is None


@pytest.mark.parametrize("layer", [None, "one_relu"])
def test_a_step_on_features_changes_the_weights_as_a_step_on_films_does(layer):
    films, labels = films_of(6)[..., None].repeat(3, axis=-1), np.array([[0], [1]] * 3)
    networks = [small_network_b() if layer is None else unfrozen(layer) for _ in range(2)]
    before = [weight.copy() for weight in networks[0].get_weights()]
    whole = logit_model(networks[0])
    whole.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    whole.train_on_batch(films, labels)
    cut = cut_network(networks[1])
    fixed = cut.fixed.predict_on_batch(films)
    part = cut.trained
    part.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    part.train_on_batch(fixed, labels)
    changed = 0
    for old, film, feature in zip(before, networks[0].get_weights(), networks[1].get_weights(), strict=True):
        assert np.allclose(film, feature, atol=1e-5)
        changed += not np.allclose(old, feature, atol=1e-4)
    assert changed == (4 if layer is None else 4 + 4 + 1)  # the head, the norm, the convolution


def test_features_are_those_of_the_pictures_the_loader_draws_in_the_order_it_draws(tmp_path):
    network = small_network_b()
    batches = feature_batches(tmp_path, network, copies=2)
    films, cut = film_batches(), cut_network(network)
    for epoch in range(2):
        films.set_epoch(epoch)
        for index, (tensor, labels) in enumerate(whole_epoch(batches, epoch)):
            pictures, expected = films[index]
            assert np.allclose(tensor, cut.fixed(pictures), atol=1e-5)
            assert np.array_equal(labels, expected)


def test_pictures_repeat_after_the_copies_in_the_order_of_the_epoch(tmp_path):
    batches, films = feature_batches(tmp_path, copies=2), film_batches()
    epochs = [np.concatenate([tensor for tensor, _ in whole_epoch(batches, epoch)]) for epoch in range(3)]
    assert not np.allclose(epochs[0], epochs[2])
    assert np.allclose(np.sort(epochs[0], axis=0), np.sort(epochs[2], axis=0))
    assert not np.allclose(np.sort(epochs[0], axis=0), np.sort(epochs[1], axis=0), atol=1e-3)
    films.set_epoch(2)
    assert all(np.array_equal(batches[index][1], films[index][1]) for index in range(len(films)))


def test_the_same_network_and_films_find_their_features_and_others_do_not(tmp_path):
    name = feature_batches(tmp_path).plan(0).name
    assert feature_batches(tmp_path).plan(0).name == name
    changed = films_of(10)
    changed[9, 5, 5] ^= 1
    others = [
        feature_batches(tmp_path).plan(1),
        feature_batches(tmp_path, small_network_b(seed=2)).plan(0),
        feature_batches(tmp_path, unfrozen("one_bn")).plan(0),
        feature_batches(tmp_path, unfrozen("one_relu")).plan(0),
        feature_batches(tmp_path, films=film_batches(changed)).plan(0),
        feature_batches(tmp_path, films=film_batches(films_of(9))).plan(0),
        feature_batches(tmp_path, films=film_batches(films_of(10)[::-1])).plan(0),
        feature_batches(tmp_path, films=film_batches(seed=4)).plan(0),
        feature_batches(tmp_path, films=film_batches(augmentation=AugmentationSettings(rotation=5))).plan(0),
        feature_batches(tmp_path, films=film_batches(augmentation=None)).plan(0),
    ]
    assert len({plan.name for plan in others} | {name}) == len(others) + 1


def test_features_of_crops_are_told_apart_by_how_crops_are_prepared(tmp_path):
    crops = AugmentationSettings(crop=0.3)
    specs = [PrepareSpec(SIDE), PrepareSpec(SIDE, centre_crop=0.8)]
    plans = [feature_batches(tmp_path, films=film_batches(augmentation=crops, spec=spec)).plan(0) for spec in specs]
    assert [plan.facts["prepare"]["centre_crop"] for plan in plans] == [1, 0.8]
    assert plans[0].name != plans[1].name


def test_validation_films_have_the_same_features_whatever_the_seed(tmp_path):
    plans = [feature_batches(tmp_path, films=film_batches(augmentation=None, seed=s)).plan(0) for s in (1, 2)]
    assert plans[0].name == plans[1].name


def test_the_backbone_runs_once_per_picture_and_again_only_for_a_damaged_file(tmp_path, monkeypatch):
    first = feature_batches(tmp_path)
    expected = [whole_epoch(first, epoch) for epoch in range(2)]
    assert first.take_building_seconds() > 0
    del first
    blocks = FeatureBatches._blocks
    monkeypatch.setattr(FeatureBatches, "_blocks", lambda _: pytest.fail("the backbone ran"))
    again = feature_batches(tmp_path)
    got = [whole_epoch(again, epoch) for epoch in range(2)]
    assert again.take_building_seconds() == 0
    assert all(
        np.array_equal(a[0], b[0]) for x, y in zip(expected, got, strict=True) for a, b in zip(x, y, strict=True)
    )
    monkeypatch.setattr(FeatureBatches, "_blocks", blocks)
    for path in (tmp_path / "features").iterdir():
        content = bytearray(path.read_bytes())
        content[-9] ^= 64
        path.write_bytes(content)
    healed = whole_epoch(feature_batches(tmp_path), 1)
    assert same_features(expected[1], healed)


def test_a_full_disk_costs_time_and_changes_nothing(tmp_path, monkeypatch, capsys):
    expected = whole_epoch(feature_batches(tmp_path / "with room"), 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(array_store, "_allocate", full)
    batches = feature_batches(tmp_path / "without")
    whole_epoch(batches, 0)
    got = whole_epoch(batches, 1)
    assert same_features(expected, got)
    assert capsys.readouterr().err.count("No space left on device") == 1
    assert list((tmp_path / "without" / "features").iterdir()) == []


def test_features_too_large_for_their_dtype_are_refused(tmp_path):
    network = unfrozen("one_relu")
    norm = backbone_of(network).get_layer("stem_bn")
    norm.gamma.assign(norm.gamma * 1e8)
    with pytest.raises(PneumoscopeError, match=r"too large for float16.*--no-cache"):
        feature_batches(tmp_path, network).set_epoch(0)


@pytest.mark.parametrize(
    ("changes", "layer", "words"),
    [
        ({"cache.copies": 0}, None, ""),
        ({"cache.limit_gb": 1e-6}, None, "runs without a cache: its features take 0.0 GB, cache.limit_gb is 1e-06"),
        ({}, "stem", "runs without a cache: it trains the whole backbone"),
        ({"augmentation.mixup": 0.2}, None, "runs without a cache: mixup"),
    ],
)
def test_a_stage_that_cannot_be_cached_fits_the_whole_network(changes, layer, words, capsys):
    network = small_network_b() if layer is None else unfreeze_for_fine_tuning(small_network_b(), 0)
    films = film_batches()
    parts = stage_parts("head", network, films, films, make_settings("b", changes))
    assert parts.model.layers == network.layers[:-1]  # all of it up to the logits
    assert parts.training is films
    assert parts.take_building_seconds() == 0
    assert words in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_on_features_has_the_history_and_the_files_of_a_run_on_films(phantom_root, monkeypatch, eager_steps):
    monkeypatch.setattr(fit, "build_network", lambda settings: small_network_b(settings.seed))
    monkeypatch.setattr(frozen_features, "BATCH_SIZE", 20)
    cohort = split_cohort(index_cohort(phantom_root), seed=0, validation_fraction=0.3)
    changes = {"prepare.image_size": SIDE, "batch_size": 16, "films_per_class": 20, "epochs": 2, "fine_tune.epochs": 2}
    changes |= {"fine_tune.from_layer": [layer.name for layer in backbone_of(small_network_b()).layers].index("two")}
    rows, networks = [], []
    for copies in (4, 0):
        settings = make_settings("b", {**changes, "cache.copies": copies})
        run = create_run(None, settings)
        fit.fit(run, settings, fit.make_ready(settings, cohort), CPU)
        with run.history.open() as file:
            rows.append(list(csv.DictReader(file)))
        networks.append(keras.saving.load_model(run.last_network))
        best = keras.saving.load_model(run.best_network, compile=False)
        assert best.input_shape == (None, SIDE, SIDE, 3)
        assert json.loads(run.environment.read_text())["images_per_second"] > 0
    assert [row["stage"] for row in rows[0]] == ["head", "head", "fine_tune", "fine_tune"]
    for cached, plain in zip(*rows, strict=True):
        assert set(cached) == set(plain)
        for name in ("loss", "val_loss", "val_auroc", "learning_rate"):
            assert float(cached[name]) == pytest.approx(float(plain[name]), abs=1e-3)
    for cached, plain in zip(networks[0].weights, networks[1].weights, strict=True):
        assert np.allclose(cached, plain, atol=1e-3)
    for cached, plain in zip(networks[0].optimizer.variables, networks[1].optimizer.variables, strict=True):
        assert np.allclose(cached, plain, atol=1e-3)


def test_no_cache_is_a_setting_of_network_b_alone(run_command, phantom_root):
    result = run_command("train", "a", "--no-cache", "--data", phantom_root)
    assert result.exit_code == 2
    assert "cache does not belong to network a" in result.stderr


def test_the_folder_is_among_the_runs_unless_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(tmp_path))
    monkeypatch.delenv("PNEUMOSCOPE_CACHE", raising=False)
    assert frozen_features.store_folder() == tmp_path / ".cache" / "features"
    monkeypatch.setenv("PNEUMOSCOPE_CACHE", str(tmp_path / "elsewhere"))
    assert frozen_features.store_folder() == tmp_path / "elsewhere"
