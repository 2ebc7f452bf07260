import cv2
import keras
import numpy as np
import pytest

from train.data.cohort import read_split
from train.fitting import scoring
from train.fitting.fit import build_network
from train.fitting.scoring import load_network, predict_logits
from train.networks import build_network_a
from train.radiograph import PrepareSpec, prepare, read_radiograph
from train.radiograph.preparing import centre_window
from train.runs.run_folder import RunFolder, begin
from train.runs.settings import make_settings
from train.synthetic.lungs import lungs_of


@pytest.mark.parametrize("count", [5, 32, 70])
def test_logits_are_the_networks_own_and_every_step_has_one_length(count, monkeypatch):
    network = build_network_a(32, width=0.1)
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32), dtype=np.uint8)
    lengths, predict_on_batch = [], keras.Model.predict_on_batch

    def watched(self, batch):
        lengths.append(len(batch))
        return predict_on_batch(self, batch)

    monkeypatch.setattr(keras.Model, "predict_on_batch", watched)
    logits = predict_logits(network, images, channels=1, batch_size=32)
    assert set(lengths) == {32}  # another length would compile the network anew
    probabilities = np.asarray(network(images[..., np.newaxis], training=False)).reshape(-1)
    assert logits.shape == (count,)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), probabilities, atol=1e-6)


def test_a_network_trained_in_16_bits_is_read_in_float32(tmp_path):
    settings = make_settings("a", {"prepare.image_size": 32, "width": 0.1, "mixed_precision": "bfloat16"})
    run = RunFolder(tmp_path)
    begin(run, settings)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        trained = build_network(settings)
        trained.save(run.best_network)
        network = load_network(run)
        assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    finally:
        keras.mixed_precision.set_global_policy("float32")
    films = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 1)).astype(np.float32)
    for saved, loaded in zip(trained.get_weights(), network.get_weights(), strict=True):
        assert np.array_equal(saved, loaded)
    coarse, fine = (np.asarray(model(films, training=False), np.float32) for model in (trained, network))
    assert fine == pytest.approx(coarse, abs=0.02)
    assert not np.array_equal(fine, coarse)


def test_a_network_that_reads_the_centre_is_shown_it_without_the_lungs_of_the_film(
    copied_run, phantom_root, monkeypatch
):
    text = copied_run.settings.read_text()
    assert "  centre_crop: 1.0" in text
    copied_run.settings.write_text(text.replace("  centre_crop: 1.0", "  centre_crop: 0.7"))
    cohort = read_split(copied_run.split, phantom_root)
    template = scoring.lung_template(cohort)
    seen, blacken = [], scoring.blacked_out_films

    def watched(images, lungs, view, spec):
        seen.append(lungs)
        return blacken(images, lungs, view, spec)

    monkeypatch.setattr(scoring, "blacked_out_films", watched)
    scoring.score_blacked_out(copied_run, cohort, "validation", template)
    film = cohort.of_split("validation")[0]
    whole = prepare(read_radiograph(phantom_root / film.path), PrepareSpec(32))
    centre = lungs_of(whole, template)[centre_window(whole.shape, 0.7)]
    expected = cv2.resize(centre.astype(np.float32), (32, 32)) >= 0.5
    shown = seen[0][0]
    assert np.logical_and(shown, expected).sum() > 0.9 * np.logical_or(shown, expected).sum()
