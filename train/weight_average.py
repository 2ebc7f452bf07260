"""The running average of a network's weights while it trains, and the network judged and kept with it.

Polyak & Juditsky (SIAM J. Control Optim. 1992;30:838) average the path of the weights; here exponentially, as
Keras's `ema_momentum` does, with two differences. The average of the first steps is short, as in TensorFlow's
ExponentialMovingAverage: the momentum at step t is min(momentum, (1 + t) / (10 + t)), so that the random first
weights are soon forgotten. And the BatchNormalization statistics are averaged with the weights, by the same rule:
those at hand belong to the last step's weights, not to the average's.
"""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf


class WeightAverage(keras.callbacks.Callback):
    """Keeps the average during one `fit` and puts it in place while validation runs.

    Training itself goes on with the plain weights. A momentum of None does nothing at all. `network` is whose weights
    are averaged, where `fit` is of a part of it.
    """

    def __init__(self, momentum: float | None, network: keras.Model | None = None) -> None:
        super().__init__()
        self.network = network
        self.momentum = momentum
        self.steps = 0
        self._averages: list[keras.Variable] | None = None
        self._weights: list[keras.Variable] = []

    @property
    def values(self) -> list[np.ndarray]:
        """The averages, one array per weight that training moves: with `steps` all there is to keep for a resume."""
        return [np.array(average) for average in self._averages or ()]

    def restore(self, network: keras.Model, steps: int, values: list[np.ndarray]) -> None:
        """Go on with a network from what `steps` and `values` were; call it before `fit`."""
        self.steps = steps
        self._weights = moving_weights(network)
        self._averages = [keras.Variable(value, trainable=False) for value in values]

    def on_train_begin(self, _logs: dict[str, float] | None = None) -> None:
        """Find the weights that training moves, and begin with them where nothing was restored."""
        self._weights = []
        if self.momentum is not None:
            self._weights = moving_weights(self.model if self.network is None else self.network)
        if self._averages is None:
            # By way of NumPy: given a weight's own tensor, Keras would make the average the weight itself.
            self._averages = [keras.Variable(np.array(weight), trainable=False) for weight in self._weights]
        pairs = [(weight.value, average.value) for weight, average in zip(self._weights, self._averages, strict=True)]

        def move(share: tf.Tensor) -> None:
            for weight, average in pairs:
                average.assign_add((weight - average) * tf.cast(share, average.dtype))

        # One graph: variable by variable from Python takes ten times as long.
        self._move = tf.function(move)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 (Keras's)
        """Move every average towards its weight."""
        if self.momentum is None:
            return
        self.steps += 1
        self._move(tf.constant(1 - momentum_at(self.steps, self.momentum), tf.float32))

    def on_test_begin(self, _logs: dict[str, float] | None = None) -> None:
        """Put the averages in place for validation."""
        self._training = self._exchange([average.value for average in self._averages or ()])

    def on_test_end(self, _logs: dict[str, float] | None = None) -> None:
        """Put the weights that training goes on with back."""
        self._exchange(self._training)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the averages in the network inside the block: for saving it as it was judged."""
        training = self._exchange([average.value for average in self._averages or ()])
        try:
            yield
        finally:
            self._exchange(training)

    def _exchange(self, values: list[object]) -> list[np.ndarray]:
        before = [np.array(weight) for weight in self._weights]
        for weight, value in zip(self._weights, values, strict=True):
            weight.assign(value)
        return before


def momentum_at(step: int, momentum: float) -> float:
    """Momentum of a step, counted from 1."""
    return min(momentum, (1 + step) / (10 + step))


def moving_weights(network: keras.Model) -> list[keras.Variable]:
    """The weights that training moves: the trainable ones, and the statistics of BatchNormalization that is not frozen.

    Seeds, counts and frozen layers are left out: their average is what they are.
    """
    return [*network.trainable_weights, *_statistics(network)]


def _statistics(layer: keras.layers.Layer) -> Iterator[keras.Variable]:
    if isinstance(layer, keras.Model):
        for inner in layer.layers:
            yield from _statistics(inner)
    elif isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
        yield from (layer.moving_mean, layer.moving_variance)
