import pytest

from export.graph import keras_speed


@pytest.mark.parametrize("network", ["a", pytest.param("b", marks=pytest.mark.exhaustive)])
def test_every_batch_size_has_its_speed(network, monkeypatch):
    monkeypatch.setattr(keras_speed, "BATCHES", (1, 2, 32))
    monkeypatch.setattr(keras_speed, "ROUNDS", 1)
    calls, measure = [], keras_speed._best

    def counted(model, images, batch):
        calls.append((len(images), batch))
        return measure(model, images, batch)

    monkeypatch.setattr(keras_speed, "_best", counted)
    rates = keras_speed.films_per_second(network, 32, 3)
    assert calls == [(3, 1), (3, 2), (3, 3)]
    assert list(rates) == [1, 2, 32]
    assert all(rate > 0 for rate in rates.values())
