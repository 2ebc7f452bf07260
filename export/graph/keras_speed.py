"""How fast Keras itself runs a network, for `bench` to set beside ONNX Runtime; in a process of its own:

python -m export.graph.keras_speed a|b IMAGE_SIZE FILMS      → JSON on stdout
"""

import json
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from train.fitting.devices.device import choose_device

if TYPE_CHECKING:
    import keras

BATCHES = (1, 8, 32)
ROUNDS = 3


def films_per_second(network: str, image_size: int, films: int) -> dict[int, float]:
    """Run an untrained network of the default architecture; weights do not change the speed.

    Args:
        network: "a" or "b".
        image_size: S.
        films: how many a round takes; the best round counts.

    Returns:
        batch size → films/s.
    """
    from train.networks import build_network_a, build_network_b

    model = build_network_a(image_size) if network == "a" else build_network_b(image_size, backbone_weights="random")
    images = np.random.default_rng(0).integers(0, 256, (films, *model.input_shape[1:])).astype(np.float32)
    return {batch: _best(model, images, min(batch, films)) for batch in BATCHES}


def _best(model: "keras.Model", images: np.ndarray, batch: int) -> float:
    batches = [images[start : start + batch] for start in range(0, len(images) - batch + 1, batch)]
    model.predict_on_batch(batches[0])  # compiles
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for images_of_batch in batches:
            model.predict_on_batch(images_of_batch)
        seconds.append(time.perf_counter() - started)
    return len(batches) * batch / min(seconds)


if __name__ == "__main__":
    choose_device("cpu")
    print(json.dumps(films_per_second(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201
