"""Where the evidence is: a closed-form map of what each place of the last feature map adds to the logit.

Behind the last feature map both networks are piecewise linear: a Flatten (A) or a mean over all places (B), dense
layers with ReLU, the logit. Their gradient therefore needs no automatic differentiation: it is a product of the dense
weights with the ReLUs' masks, and the graph can hold it. For A the map is HiResCAM (Draelos & Carin 2020,
arXiv:2011.08891), gradient times activation at each place, because behind a Flatten each place has weights of its own,
which Grad-CAM's mean over places would mix. For B, where all places share their weights, it is Grad-CAM (Selvaraju et
al. 2017, arXiv:1610.02391), which is the same formula there. In both, the sum of the map plus the constant terms is
the logit.
"""

import keras
import numpy as np

METHODS = {"a": "HiResCAM", "b": "Grad-CAM"}
#: The layer that stands between the last feature map and the head.
HEAD_INPUTS = {"a": "flatten", "b": "pool"}
#: Of the training films' largest contributions. Not their maximum, which a single odd film sets; and high enough that
#: the map of nearly every film keeps its shape instead of being clipped.
SCALE_PERCENTILE = 99.5
#: The scale of a network whose maps are all dark, as one that answers the same to every film.
SMALLEST_SCALE = 1e-6


def network_of(network: keras.Model) -> str:
    """Return "a" or "b": which of the two networks a model is."""
    names = {layer.name for layer in network.layers}
    return next(name for name, layer in HEAD_INPUTS.items() if layer in names)


def head_of(network: keras.Model) -> list[keras.layers.Dense]:
    """Return the dense layers from the last feature map to the logit, in the order of the data."""
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]


def feature_model(network: keras.Model) -> keras.Model:
    """Return a view of network A or B whose output is the last feature map, float32 [N, h, w, C]; it shares weights."""
    features = network.get_layer(HEAD_INPUTS[network_of(network)]).input
    return keras.Model(network.input, features, name=f"{network.name}_features")


class HeadWithOutputs(keras.layers.Layer):
    """The head of network A or B, computed so that what each place adds to the logit is seen on the way."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__(name="head")
        self._first, *self._others = head_of(network)
        self._pooled = network_of(network) == "b"
        self.built = True

    def call(self, features: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
        """Map the last feature map [N, h, w, C] to the logit, the contributions to it and its constant terms.

        Returns:
            logit [N]; contributions [N, h, w], signed, in units of the logit; constant [N], what the biases add.
            The logit is the contributions' sum and the constant.
        """
        ops = keras.ops
        height, width, channels = features.shape[1:]
        places = ops.reshape(features, (-1, height * width, channels))
        if self._pooled:
            terms = None
            summed = ops.matmul(ops.mean(places, axis=1), self._first.kernel)  # [N, units]
        else:
            # Flatten and the first dense layer, with the sum over the places taken last: its terms make the map, and
            # the kernel, which is most of A's memory, is read once.
            kernel = ops.reshape(self._first.kernel, (height * width, channels, -1))
            terms = ops.matmul(ops.transpose(places, (1, 0, 2)), kernel)  # [h * w, N, units]
            summed = ops.sum(terms, axis=0)
        hidden = [ops.relu(summed + self._first.bias)]
        *between, last = self._others
        for layer in between:
            hidden.append(ops.relu(ops.matmul(hidden[-1], layer.kernel) + layer.bias))
        logit = ops.squeeze(ops.matmul(hidden[-1], last.kernel) + last.bias, -1)  # [N]

        # Back again: d logit / d hidden layer passes where its ReLU is open, that is where the layer is not 0.
        gradient, constant = ops.transpose(last.kernel), last.bias  # [1, units], [1]
        for layer, activation in zip(reversed((self._first, *between)), reversed(hidden), strict=True):
            gradient = gradient * ops.sign(activation)  # [N, units]
            constant = constant + ops.sum(gradient * layer.bias, axis=-1)
            if layer is not self._first:
                gradient = ops.matmul(gradient, ops.transpose(layer.kernel))
        if terms is None:
            weights = ops.matmul(self._first.kernel, ops.expand_dims(gradient, -1))  # [N, C, 1]
            contributions = ops.matmul(places, weights) / (height * width)  # [N, h * w, 1]
        else:
            contributions = ops.transpose(ops.sum(terms * gradient, axis=-1))  # [N, h * w]
        return logit, ops.reshape(contributions, (-1, height, width)), constant


def shown_map(contributions: keras.KerasTensor, scale: float) -> keras.KerasTensor:
    """Make a signed map the graph's `heatmap`: what speaks for pneumonia, 0..1, float32 [N, h, w].

    The scale is the same for every film, so that the map of a healthy film stays dark.
    """
    return keras.ops.clip(contributions / scale, 0.0, 1.0)


def map_scale(largest: np.ndarray) -> float:
    """Choose the scale from the training films.

    Args:
        largest: of each training film the largest contribution of a place, float [n], in units of the logit.

    Returns:
        Their SCALE_PERCENTILE, at least SMALLEST_SCALE.
    """
    return max(float(np.percentile(largest, SCALE_PERCENTILE)), SMALLEST_SCALE)
