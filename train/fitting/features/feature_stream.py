"""Pooled features as a stream of TensorFlow's: read batch by batch from Python, they take a third of a head's time."""

from collections.abc import Iterator

import keras
import numpy as np

from train.fitting.features.frozen_features import FeatureBatches

#: Batches that are handed over at a time, to be cut apart there.
_BLOCK_BATCHES = 64


def stream_of(batches: FeatureBatches) -> object:
    """Return a `tf.data.Dataset` of the same batches in the same order, those of the epoch that is chosen as it begins.

    On other backends than TensorFlow it is the batches themselves.
    """
    if keras.config.backend() != "tensorflow":
        return batches
    import tensorflow as tf  # here: on another backend it may not be installed

    def blocks() -> Iterator[tuple[object, ...]]:
        for first in range(0, len(batches), _BLOCK_BATCHES):
            indices = range(first, min(first + _BLOCK_BATCHES, len(batches)))
            yield batches.of_rows(np.concatenate([batches.films.rows(index) for index in indices]))

    def cut(*block: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(block).batch(batches.films.batch_size)

    # Looked at here: what is wrong with features is an error of this thread, not one of the stream's.
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in map(np.asarray, batches[0]))
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    stream = tf.data.Dataset.from_generator(blocks, output_signature=signature).flat_map(cut)
    return stream.apply(tf.data.experimental.assert_cardinality(len(batches))).with_options(options)
