"""B's heads on cached features: quicker in several ways, and the same heads."""

from pathlib import Path

import keras
import numpy as np
import pytest

from train.common.array_store import FeatureStore
from train.common.errors import UsageError
from train.data.cohort import index_cohort, split_cohort
from train.fitting import checkpointing, stage_parts
from train.fitting.batches.loader import FilmBatches
from train.fitting.devices.device import Device
from train.fitting.features import feature_stream
from train.fitting.features.frozen_features import Cut, FeatureBatches
from train.fitting.fit import fit, make_ready
from train.fitting.scoring import load_network, score_run
from train.runs.finished import read_history
from train.runs.resume import read_record
from train.runs.run_folder import create_run
from train.runs.settings import AugmentationSettings, make_settings

pytestmark = pytest.mark.usefixtures("small_backbone")

CPU = Device("cpu", "device: CPU (test)")
#: The lowest validation loss is not the last epoch's.
SETTINGS = {
    "prepare.image_size": 32,
    "backbone_weights": "random",
    "batch_size": 8,
    "films_per_class": 20,
    "epochs": 4,
    "fine_tune.epochs": 0,
    "optimizer": "momentum",
    "learning_rate": 0.5,
}


@pytest.fixture(scope="module")
def cohort(phantom_root):
    return split_cohort(index_cohort(phantom_root), seed=0, validation_fraction=0.3)


def trained(cohort, runs, monkeypatch, name, *, stop_after=None, **how):
    monkeypatch.setenv("PNEUMOSCOPE_RUNS", str(runs / name))
    settings = make_settings("b", SETTINGS)
    run = create_run("head", settings)
    if stop_after is not None:
        write = checkpointing.write_history

        def stopping_write(run, rows):
            write(run, rows)
            if len(rows) == stop_after:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(checkpointing, "write_history", stopping_write)
            with pytest.raises(KeyboardInterrupt):
                fit(run, settings, make_ready(settings, cohort), CPU, **how)
    network = fit(run, settings, make_ready(settings, cohort, read_record(run)), CPU, **how)
    for weight, kept in zip(network.weights, load_network(run).weights, strict=True):
        assert np.array_equal(weight, kept), weight.path
    return run


def assert_same_head(run, reference):
    for one, other in ((run.best_network, reference.best_network), (run.last_network, reference.last_network)):
        networks = [keras.saving.load_model(path, compile=False) for path in (one, other)]
        for weight, expected in zip(networks[0].weights, networks[1].weights, strict=True):
            assert np.array_equal(weight, expected), weight.path
    rows, expected = map(read_history, (run, reference))
    for row, other in zip(rows, expected, strict=True):
        assert {key: row[key] for key in ("loss", "val_loss", "val_auroc", "learning_rate")} == {
            key: other[key] for key in ("loss", "val_loss", "val_auroc", "learning_rate")
        }
    assert read_record(run).progress.best_epoch == read_record(reference).progress.best_epoch < len(rows)


@pytest.mark.exhaustive
def test_several_steps_at_a_time_train_the_same_head(cohort, tmp_path, monkeypatch):
    several = trained(cohort, tmp_path, monkeypatch, "several")
    monkeypatch.setattr(stage_parts, "HEAD_STEPS", 1)
    assert_same_head(several, trained(cohort, tmp_path, monkeypatch, "single"))


def test_a_stream_of_batches_trains_the_same_head(cohort, tmp_path, monkeypatch):
    stream = trained(cohort, tmp_path, monkeypatch, "stream")
    monkeypatch.setattr(stage_parts, "stream_of", lambda batches: batches)
    assert_same_head(stream, trained(cohort, tmp_path, monkeypatch, "batches"))


def test_a_stream_has_every_epochs_own_order_and_more_batches_than_a_block(monkeypatch):
    monkeypatch.setattr(feature_stream, "_BLOCK_BATCHES", 3)
    images = np.random.default_rng(0).integers(0, 256, (23, 8, 8), np.uint8)
    films = FilmBatches(
        images, np.arange(23), np.arange(23) / 7, batch_size=4, channels=1, augmentation=AugmentationSettings(), seed=3
    )
    inputs = keras.Input((8, 8, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    cut = Cut(keras.Model(inputs, pooled), keras.Model(pooled, keras.layers.Dense(1)(pooled)), (), "float32")
    batches = FeatureBatches(films, cut, FeatureStore(Path("/nowhere"), 0), 1, "films")
    monkeypatch.setattr(batches, "_kept_features", lambda _plan: None)
    stream = feature_stream.stream_of(batches)
    orders = []
    for epoch in range(2):
        batches.set_epoch(epoch)
        found = list(stream.as_numpy_iterator())
        assert len(found) == len(batches) == 6
        for batch, expected in zip(found, batches, strict=True):
            for part, other in zip(batch, expected, strict=True):
                assert np.array_equal(part, other)
        orders.append(np.concatenate([labels for _, labels, _ in found]).tolist())
    assert orders[0] != orders[1]


@pytest.mark.usefixtures("eager_steps")
def test_few_saves_keep_the_same_networks_and_a_kill_between_them_trains_the_same_head(cohort, tmp_path, monkeypatch):
    reference = trained(cohort, tmp_path, monkeypatch, "each epoch")
    saved = []
    save = keras.Model.save
    monkeypatch.setattr(keras.Model, "save", lambda network, path: (saved.append(path), save(network, path)))
    assert_same_head(trained(cohort, tmp_path, monkeypatch, "few", head_save_seconds=1e6), reference)
    assert len(saved) == 2  # best.keras and last.keras, once the head is trained
    assert_same_head(trained(cohort, tmp_path, monkeypatch, "stopped", stop_after=3, head_save_seconds=1e6), reference)


@pytest.mark.usefixtures("eager_steps")
def test_a_head_is_scored_from_its_features_as_from_its_films(cohort, tmp_path, monkeypatch):
    run = trained(cohort, tmp_path, monkeypatch, "run")
    films, again = score_run(run, cohort, "validation")
    monkeypatch.setattr("train.fitting.scoring.predict_logits", lambda *_: pytest.fail("the whole network runs"))
    features, again_then = score_run(run, cohort, "validation", cached=True)
    assert features.films == films.films
    assert again_then == again
    assert np.allclose(features.logits, films.logits, atol=1e-5)
    assert not np.allclose(features.logits, features.logits[0])
    assert load_network(run).input_shape == (None, 32, 32, 3)


def test_a_layer_that_the_backbone_does_not_have_is_refused_before_a_head_is_trained(cohort):
    def ready(**changes):
        return make_ready(make_settings("b", SETTINGS | {"fine_tune.from_layer": 500} | changes), cohort)

    with pytest.raises(UsageError, match=r"a layer of the backbone, 0 to .* Received: 500"):
        ready(**{"fine_tune.epochs": 1})
    ready()  # no fine-tuning, no layer to begin from
