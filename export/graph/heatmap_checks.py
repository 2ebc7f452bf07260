"""Whether a heatmap tells the truth: against automatic differentiation, against a random head, and by covering films.

The three are the usual sanity checks: a map must be the quantity it claims to be, must depend on what the network has
learnt (Adebayo et al. 2018, arXiv:1810.03292), and what it marks must matter to the score (Zeiler & Fergus 2014,
arXiv:1311.2901).
"""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf
from scipy.stats import pearsonr, spearmanr

from export.graph.fit_outputs import FilmMeasures, measure_films
from export.graph.heatmap import feature_model, head_of, network_of
from train.fitting.batches.loader import FilmBatches
from train.metrics.calibration_fit import Scale
from train.metrics.cluster_bootstrap import patient_interval, resample
from train.metrics.scores import logistic
from train.networks import logit_model

GRADIENT_FILMS = 32
OCCLUSION_FILMS = 128
TOP_ATTRIBUTION = 0.1  # share of the film's pixels that is covered
RANDOM_PLACES = 4  # a film
RANDOM_HEADS = 5


def check_heatmaps(
    network: keras.Model,
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    patients: Sequence[str],
    measures: FilmMeasures,
    scale: Scale,
) -> dict[str, Any]:
    """Run the three checks on validation films.

    Args:
        network: A or B.
        model: its `outputs_model`.
        images: uint8 [n, S, S].
        labels: int [n].
        patients: [n].
        measures: of these films.
        scale: of the calibration.

    Returns:
        {"gradient_correlation": …, "random_head": …, "occlusion": …}, each a JSON object with the number of films.
    """
    few = _spread(np.arange(len(images)), GRADIENT_FILMS)
    positive = _spread(np.flatnonzero(labels == 1), OCCLUSION_FILMS)
    return {
        "gradient_correlation": gradient_correlation(network, images[few], measures.contributions[few]),
        "random_head": random_head(network, model, images[few], measures.contributions[few]),
        "occlusion": occlusion(
            model, images[positive], measures.contributions[positive], [patients[row] for row in positive], scale
        ),
    }


def gradient_correlation(
    network: keras.Model, images: np.ndarray, contributions: np.ndarray
) -> dict[str, float | None]:
    """Correlate the closed-form maps, [n, h, w], with those that TensorFlow's GradientTape gives (Pearson)."""
    reference = gradient_maps(network, images)
    found = _correlations(pearsonr, contributions, reference)
    return {
        "films": len(found),
        "mean": float(found.mean()) if found.size else None,
        "smallest": float(found.min()) if found.size else None,
        "largest_difference": float(np.abs(contributions - reference).max()),
    }


def gradient_maps(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """HiResCAM (A) or Grad-CAM (B), signed, by automatic differentiation: uint8 [n, S, S] → float32 [n, h, w]."""
    features_of = feature_model(network)
    head = keras.Model(features_of.output, logit_model(network).output)
    batches = FilmBatches(images, np.zeros(len(images)), batch_size=8, channels=network.input_shape[3])
    maps = []
    for index in range(len(batches)):
        features = tf.convert_to_tensor(features_of(batches[index][0], training=False))
        with tf.GradientTape() as tape:
            tape.watch(features)
            logit = tf.reduce_sum(head(features, training=False))
        gradient = tape.gradient(logit, features)
        if network_of(network) == "b":
            gradient = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        maps.append(tf.reduce_sum(features * gradient, axis=-1).numpy())
    return np.concatenate(maps)


def random_head(
    network: keras.Model, model: keras.Model, images: np.ndarray, contributions: np.ndarray, seed: int = 0
) -> dict[str, float | None]:
    """Compare the maps, [n, h, w], with those of the same network under a head that has learnt nothing.

    `model` is the network's `outputs_model`; the network is afterwards as before.

    Returns:
        The mean rank correlation (Spearman) over films and RANDOM_HEADS heads, and the mean of its size without sign.
    """
    generator = np.random.default_rng(seed)
    learnt = [layer.get_weights() for layer in head_of(network)]
    found: list[float] = []
    try:
        for _ in range(RANDOM_HEADS):
            for layer, (kernel, bias) in zip(head_of(network), learnt, strict=True):
                limit = np.sqrt(6 / sum(kernel.shape))  # Glorot & Bengio, as Keras draws a new layer
                layer.set_weights([generator.uniform(-limit, limit, kernel.shape), np.zeros_like(bias)])
            other = measure_films(model, images, "heatmap: a random head").contributions
            found.extend(_correlations(spearmanr, contributions, other))
    finally:
        for layer, weights in zip(head_of(network), learnt, strict=True):
            layer.set_weights(weights)
    return {
        "films": len(images),
        "heads": RANDOM_HEADS,
        "mean_rank_correlation": float(np.mean(found)) if found else None,
        "mean_absolute_rank_correlation": float(np.abs(found).mean()) if found else None,
    }


def occlusion(
    model: keras.Model,
    images: np.ndarray,
    contributions: np.ndarray,
    patients: Sequence[str],
    scale: Scale,
    seed: int = 0,
) -> dict[str, Any]:
    """Cover each film's tenth of highest attribution with its mean grey, and a random tenth: how far the score falls.

    The random tenth is that one moved to another place (around the film's edges), so that both have the same
    area and as good as the same outline. Intervals are 95 % over patients (`train.metrics.cluster_bootstrap`).

    Args:
        model: `outputs_model` of A or B.
        images: uint8 [n, S, S], pneumonia films.
        contributions: float32 [n, h, w], of these films.
        patients: [n].
        scale: for the probability.
        seed: of the places.
    """
    generator = np.random.default_rng(seed)
    side = images.shape[1]
    top_attribution = np.stack([_top_attribution_pixels(one, side) for one in contributions])
    before = measure_films(model, images, "occlusion: uncovered").logits
    hot = before - measure_films(model, _covered(images, top_attribution), "occlusion: top attribution").logits
    drops, falls = [], []
    for _ in range(RANDOM_PLACES):
        moved = np.stack([np.roll(one, generator.integers(0, side, 2), (0, 1)) for one in top_attribution])
        after = measure_films(model, _covered(images, moved), "occlusion: random").logits
        drops.append(before - after)
        falls.append(logistic(scale.calibrated(before)) - logistic(scale.calibrated(after)))
    random_control, random_control_fall = np.mean(drops, axis=0), np.mean(falls, axis=0)
    hot_fall = logistic(scale.calibrated(before)) - logistic(scale.calibrated(before - hot))
    return {
        "films": len(images),
        "covered": TOP_ATTRIBUTION,
        "logit": _paired(hot, random_control, patients),
        "probability": _paired(hot_fall, random_control_fall, patients),
        "films_where_hottest_falls_further": float((hot > random_control).mean()),
    }


def _correlations(measure: Callable[..., Any], maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Correlate maps one by one; a pair of which one has no contrast, such as a map of one place, is left out."""
    pairs = [(one.ravel(), other.ravel()) for one, other in zip(maps, others, strict=True)]
    return np.array([measure(one, other)[0] for one, other in pairs if np.ptp(one) > 0 and np.ptp(other) > 0])


def _paired(top_attribution: np.ndarray, random_control: np.ndarray, patients: Sequence[str]) -> dict[str, float]:
    difference = (top_attribution - random_control).astype(np.float64)

    def mean(weights: np.ndarray) -> dict[str, np.ndarray]:
        films = weights.sum(axis=1)
        unknown = np.full(len(weights), np.nan)
        return {"difference": np.divide(weights @ difference, films, out=unknown, where=films > 0)}

    interval = patient_interval(float(difference.mean()), resample(patients, mean)["difference"])
    return {
        "hottest": float(top_attribution.mean()),
        "random": float(random_control.mean()),
        "difference": interval.value,
        "low": interval.low,
        "high": interval.high,
    }


def _top_attribution_pixels(contributions: np.ndarray, side: int) -> np.ndarray:
    """The TOP_ATTRIBUTION share of a film's pixels, bool [S, S], in the map as it is drawn: smoothly enlarged."""
    fine = cv2.resize(contributions.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    order = np.argsort(fine, axis=None)[-round(TOP_ATTRIBUTION * side * side) :]
    mask = np.zeros(side * side, dtype=bool)
    mask[order] = True
    return mask.reshape(side, side)


def _covered(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    grey = np.rint(images.mean(axis=(1, 2), keepdims=True)).astype(np.uint8)
    return np.where(masks, grey, images)


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the rows, evenly spread."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]
