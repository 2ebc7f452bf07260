"""How unlike the training films a film is: Mahalanobis's distance in the network's own pooled features.

Lee et al. 2018 (arXiv:1807.03888) take the distance of a network's features from those of its training data as the
sign of a foreign picture. Here the features are the last feature map's means over all places, one Gaussian is fitted
to all training films, and two steps keep its covariance sound: shrinkage (Ledoit & Wolf, J. Multivar. Anal. 88, 2004),
and one common variance for all but the strongest COMPONENTS directions (probabilistic PCA, Tipping & Bishop, J. R.
Stat. Soc. B 61, 1999). The second makes the graph's constants 16 times smaller for B.

The distance to the nearest training films (Sun et al. 2022, arXiv:2204.06507) is as good against OOD images, but
in network A it overlooks a quarter of the chest films that lie on their side, and it would put a feature vector of
every single film into the file. `export.graph.novelty_checks` measures both.
"""

from dataclasses import dataclass

import keras
import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage

from train.common.errors import PneumoscopeError

METHOD = "Mahalanobis distance of the last feature map's means, Ledoit-Wolf shrinkage, over the root of their number"
#: Directions that keep a variance of their own.
COMPONENTS = 128
#: Share of the validation films that the limit lets through, in per cent.
LIMIT_PERCENTILE = 99.0
#: Fewest training films that a covariance is fitted to.
SMALLEST_FIT = 32
#: Smallest standard deviation of a feature, as a share of the largest: a unit that is silent on training films tells
#: a foreign picture by any answer, but not by a rounding error.
SMALLEST_SCALE = 1e-3


@dataclass(frozen=True, eq=False)
class NoveltyModel:
    """A Gaussian of features, d of them: novelty² = |c|² - |c · directions|² with c = (features - mean) / scale.

    Attributes:
        mean: float32 [d], of the training films.
        scale: float32 [d], > 0, such that |c|² is the squared distance if no direction had a variance of its own.
        directions: float32 [d, k], orthogonal columns of length √(1 - variance of the rest / variance of this one).
    """

    mean: np.ndarray
    scale: np.ndarray
    directions: np.ndarray

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Return the novelty of films: float [n, d] → float64 [n], about 1 for a film like the training films."""
        centred = (features.astype(np.float64) - self.mean) / self.scale
        along = centred @ self.directions.astype(np.float64)
        return np.sqrt(np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0))

    def in_graph(self, pooled: keras.KerasTensor) -> keras.KerasTensor:
        """Return the same in Keras: float32 [N, d] → float32 [N]."""
        ops = keras.ops
        centred = (pooled - self.mean) * (1 / self.scale)  # [N, d]
        along = ops.matmul(centred, self.directions)  # [N, k]
        squared = ops.sum(ops.square(centred), axis=-1) - ops.sum(ops.square(along), axis=-1)
        return ops.sqrt(ops.maximum(squared, 0.0))


def fit_novelty(features: np.ndarray, components: int = COMPONENTS) -> NoveltyModel:
    """Fit the Gaussian to the training films.

    Args:
        features: float [n, d], pooled; n at least SMALLEST_FIT.
        components: directions that keep a variance of their own; fewer where there are fewer features.

    Raises:
        PneumoscopeError: too few films, or a feature is no finite number.
    """
    count, wide = features.shape
    if count < SMALLEST_FIT:
        raise PneumoscopeError(
            f"novelty is measured against at least {SMALLEST_FIT} training films. Received: {count}; train with more"
        )
    if not np.isfinite(features).all():
        raise PneumoscopeError("the network's features of the training films are not all finite: train it again")
    features = features.astype(np.float64)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.maximum(scale, max(scale.max() * SMALLEST_SCALE, 1e-12))
    centred = (features - mean) / scale
    variances, directions = np.linalg.eigh(centred.T @ centred / count)
    variances, directions = np.maximum(variances[::-1], 0), directions[:, ::-1]  # the strongest first
    shrinkage = ledoit_wolf_shrinkage(centred, assume_centered=True)
    average = max(float(variances.mean()), 1e-6)
    variances = np.maximum((1 - shrinkage) * variances + shrinkage * average, average * 1e-4)
    kept = min(components, wide - 1)
    rest = float(variances[kept:].mean())
    lengths = np.sqrt(np.maximum(1 - rest / variances[:kept], 0))
    return NoveltyModel(
        mean=mean.astype(np.float32),
        scale=(scale * np.sqrt(rest * wide)).astype(np.float32),
        directions=np.ascontiguousarray(directions[:, :kept] * lengths, dtype=np.float32),
    )


def novelty_limit(distances: np.ndarray) -> float:
    """Choose the limit above which a film is refused: the LIMIT_PERCENTILE of the validation films' novelty, [n]."""
    return float(np.percentile(distances, LIMIT_PERCENTILE))
