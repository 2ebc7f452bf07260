import keras
import numpy as np
import pytest

from train.networks import build_network_a
from train.scoring import predict_logits


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
    chances = np.asarray(network(images[..., np.newaxis], training=False)).reshape(-1)
    assert logits.shape == (count,)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), chances, atol=1e-6)
