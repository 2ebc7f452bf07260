"""A network over films, for what `heatmap` and `novelty` need: scale, Gaussian, limit, and their part of the card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from export.bundle.card import HeatmapCard, NoveltyCard
from export.graph.convert import GraphOutputs
from export.graph.heatmap import HEAD_INPUTS, METHODS, SCALE_PERCENTILE, HeadWithOutputs, feature_model, map_scale
from export.graph.novelty import LIMIT_PERCENTILE, METHOD, fit_novelty, novelty_limit
from export.graph.novelty_checks import share_above
from train.common.console import progress_bar
from train.fitting.batches.loader import FilmBatches

Json = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class FilmMeasures:
    """What a network makes of n films, up to the constants that depend on the training films.

    Attributes:
        logits: float32 [n].
        contributions: float32 [n, h, w], signed, in units of the logit; see `export.graph.heatmap`.
        constants: float32 [n]; with the contributions' sum they are the logits.
        pooled: float32 [n, C], the last feature map's means over all places.
    """

    logits: np.ndarray
    contributions: np.ndarray
    constants: np.ndarray
    pooled: np.ndarray


def outputs_model(network: keras.Model) -> keras.Model:
    """Return a view of network A or B whose outputs are the fields of `FilmMeasures`; weights are shared."""
    features = feature_model(network)
    pooled = keras.ops.mean(features.output, axis=(1, 2))
    return keras.Model(network.input, [*HeadWithOutputs(network)(features.output), pooled])


def measure_films(
    model: keras.Model, images: np.ndarray, description: str = "measuring", batch_size: int = 32
) -> FilmMeasures:
    """Run `outputs_model` over prepared films, uint8 [n, S, S]."""
    batch_size = min(batch_size, len(images))
    batches = FilmBatches(images, np.zeros(len(images)), batch_size=batch_size, channels=model.input_shape[3])
    parts = []
    with progress_bar(description, len(images)) as advance:
        for index in range(len(batches)):
            films, _ = batches[index]
            # A last batch as long as the others: Keras compiles the model again for every length.
            full = np.concatenate([films, np.zeros((batch_size - len(films), *films.shape[1:]), films.dtype)])
            parts.append([np.asarray(part)[: len(films)] for part in model.predict_on_batch(full)])
            advance(len(films))
    return FilmMeasures(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@dataclass(frozen=True, eq=False)
class FittedOutputs:
    """The graph's constants and the limit that goes into the card."""

    graph: GraphOutputs
    limit: float
    train: FilmMeasures
    validation: FilmMeasures


def fit_outputs(model: keras.Model, train_images: np.ndarray, validation_images: np.ndarray) -> FittedOutputs:
    """Take scale and Gaussian from the training films, the limit from the validation films.

    Args:
        model: `outputs_model` of a network.
        train_images: uint8 [n, S, S].
        validation_images: uint8 [m, S, S].

    Raises:
        PneumoscopeError: too few training films, or a broken network.
    """
    train = measure_films(model, train_images, "outputs: training films")
    validation = measure_films(model, validation_images, "outputs: validation films")
    novelty = fit_novelty(train.pooled)
    scale = map_scale(train.contributions.max(axis=(1, 2)))
    limit = novelty_limit(novelty.distance(validation.pooled))
    return FittedOutputs(GraphOutputs(scale, novelty), limit, train, validation)


@dataclass(frozen=True, eq=False)
class MeasuredNetwork:
    """A network on its way into a graph.

    Attributes:
        network: A or B.
        opened: its `outputs_model`.
        fitted: the graph's constants, from its training and validation films.
        validation: its validation films, uint8 [n, S, S].
    """

    network: keras.Model
    opened: keras.Model
    fitted: FittedOutputs
    validation: np.ndarray


def heatmap_card(name: str, fitted: FittedOutputs, checks: Json) -> HeatmapCard:
    """Say in the card what the heatmap of network "a" or "b" is; `checks` as `check_heatmaps` gives them."""
    shown = fitted.validation.contributions.max(axis=(1, 2)) / fitted.graph.scale
    return HeatmapCard(
        method=METHODS[name],
        layer=f"input of {HEAD_INPUTS[name]}",
        shape=fitted.train.contributions.shape[1:],
        scale=fitted.graph.scale,
        scale_percentile=SCALE_PERCENTILE,
        scale_from=f"largest contribution to the logit of each of {len(fitted.train.logits)} training films",
        validation_clipped=float((shown > 1).mean()),
        checks=dict(checks),
    )


def novelty_card(fitted: FittedOutputs, guard: Json | None, test: FilmMeasures | None) -> NoveltyCard:
    """Say in the card what novelty is.

    Args:
        fitted: the constants.
        guard: as `detector_figures` gives it; None without OOD images.
        test: of the test films, only to report; None as long as the run's test films have not been read.
    """
    return NoveltyCard(
        method=METHOD,
        features=fitted.train.pooled.shape[1],
        training_films=len(fitted.train.pooled),
        limit=fitted.limit,
        limit_percentile=LIMIT_PERCENTILE,
        selected_on="validation",
        guard=dict(guard) if guard is not None else None,
        **({} if test is None else _test_refused(fitted, test)),
    )


def _test_refused(fitted: FittedOutputs, test: FilmMeasures) -> dict[str, float]:
    share = share_above(fitted.graph.novelty.distance(test.pooled), fitted.limit)
    return {"test_refused": share.value, "test_refused_low": share.low, "test_refused_high": share.high}
