"""A statistical model of one class of chest films, and films drawn from it that are no patient's.

Shape and grey are modelled together, as in the active appearance models of Cootes, Edwards & Taylor (IEEE TPAMI 23
(2001) 681): principal components over films brought into a common shape and their displacements. The leading
components carry posture, exposure and anatomy; the many that follow are the class's texture (ribs, vessels, grain),
whose covariance is kept where a blur would drop it. Every drawn film mixes all films of its class.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from train.common.errors import PneumoscopeError
from train.synthetic.registration import GRID, from_common_shape, to_common_shape

LEADING_VARIANCE = 0.95  # the leading components explain this share; the rest is texture
# Standard deviations of the drawn coefficients against the films' own: somewhat nearer to the mean than films are.
LEADING_SPREAD = 0.85
TEXTURE_SPREAD = 0.6
COEFFICIENT_LIMIT = 2.5  # in standard deviations
FEWEST_FILMS = 8

FIT_STEPS = 30  # of `fit_film_model`, for a progress bar

_PARTS = 20  # the pixels are handled in so many parts, so that the films never stand in memory as floats


class SynthesisError(PneumoscopeError):
    """No model can be fitted to the films, or no film drawn that is far enough from all of them."""


@dataclass(frozen=True, eq=False)
class FilmModel:
    """Principal components of one class, kept as weights of its films.

    Attributes:
        greys: uint8 [N, S·S], the films in the common shape.
        mean_grey: float32 [S·S].
        flows: float32 [N, GRID·GRID·2], their displacements.
        mixing: float32 [N, C]; column c makes, of the films less their mean, component c at one standard deviation.
        leading: how many of the C components are leading, the others are texture.
        leading_variance: share of the variance that they explain.
    """

    greys: np.ndarray
    mean_grey: np.ndarray
    flows: np.ndarray
    mixing: np.ndarray
    leading: int
    leading_variance: float

    @property
    def components(self) -> int:
        """C, at most N - 1."""
        return self.mixing.shape[1]


def fit_film_model(films: np.ndarray, flows: np.ndarray, advance: Callable[..., None] | None = None) -> FilmModel:
    """Fit the model to films of one class.

    Args:
        films: uint8 [N, S, S].
        flows: float32 [N, GRID, GRID, 2], as `train.synthetic.registration.align` gives them.
        advance: called with a number of steps done, FIT_STEPS in all.

    Raises:
        SynthesisError: fewer than FEWEST_FILMS films, or films that are all alike.
    """
    if len(films) < FEWEST_FILMS:
        raise SynthesisError(f"a class has {len(films)} training films: expected at least {FEWEST_FILMS} to fit")
    greys = np.empty((len(films), films[0].size), np.uint8)
    for row, film, flow in zip(greys, films, flows, strict=True):
        row[:] = to_common_shape(film, flow).ravel()
    mean_grey = greys.mean(axis=0, dtype=np.float32)
    shapes = flows.reshape(len(films), -1)
    shape_products = _products(shapes, shapes.mean(axis=0), None)
    grey_products = _products(greys, mean_grey, advance)
    if not np.trace(grey_products) > 0:
        raise SynthesisError("the training films of a class are all alike: expected different films")
    # Displacements are weighed so that shape and grey vary equally much.
    weight = np.trace(grey_products) / max(np.trace(shape_products), 1e-12)
    variances, vectors = np.linalg.eigh(grey_products + weight * shape_products)
    if advance is not None:
        advance(FIT_STEPS - _PARTS)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    kept = int((variances > 1e-9 * variances[0]).sum())
    explained = np.cumsum(variances[:kept]) / variances[:kept].sum()
    leading = int((explained < LEADING_VARIANCE).sum()) + 1
    mixing = (vectors[:, :kept] / np.sqrt(len(films))).astype(np.float32)
    return FilmModel(greys, mean_grey, shapes, mixing, leading, float(explained[leading - 1]))


def draw_film(model: FilmModel, generator: np.random.Generator) -> tuple[np.ndarray, float]:
    """Draw one film.

    Returns:
        uint8 [S, S], and the largest share of its own contrast with which any one training film enters, 0..1.
    """
    coefficients = np.clip(generator.standard_normal(model.components), -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT)
    coefficients[: model.leading] *= LEADING_SPREAD
    coefficients[model.leading :] *= TEXTURE_SPREAD
    shares = model.mixing @ coefficients.astype(np.float32)
    shares += (1 - shares.sum()) / len(shares)  # the mean film is an equal share of each
    grey = np.concatenate([shares @ model.greys[:, part].astype(np.float32) for part in _parts(model.greys)])
    side = round(np.sqrt(grey.size))
    flow = (shares @ model.flows).reshape(GRID, GRID, 2)
    film = from_common_shape(grey.reshape(side, side), flow)
    return np.clip(np.rint(film), 0, 255).astype(np.uint8), float(np.abs(shares).max())


def _parts(rows: np.ndarray) -> list[slice]:
    ends = np.linspace(0, rows.shape[1], _PARTS + 1).astype(int).tolist()
    return [slice(start, end) for start, end in itertools.pairwise(ends)]


def _products(rows: np.ndarray, mean: np.ndarray, advance: Callable[..., None] | None) -> np.ndarray:
    """float64 [N, N]: the scalar products of the rows less their mean; `advance` is called after each part."""
    products = np.zeros((len(rows), len(rows)))
    for part in _parts(rows):
        block = rows[:, part].astype(np.float32) - mean[part]
        products += block @ block.T
        if advance is not None:
            advance(1)
    return products
