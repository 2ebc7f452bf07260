"""What a stage fits: the network up to its logits, or the part of B that it trains, on cached features."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from train.common.console import say
from train.fitting.batches.loader import FilmBatches
from train.fitting.features.feature_stream import stream_of
from train.fitting.features.frozen_features import FeatureBatches, cut_network, store_of
from train.fitting.targets import compile_arguments
from train.networks import logit_model
from train.runs.settings import Settings

#: Steps of a head that Keras takes at a time: looked at one by one, half the time would go into the looking.
HEAD_STEPS = 32


@dataclass(frozen=True)
class StageParts:
    """What a stage fits, from what it reads to logits: all of the network, or the part of B that it trains."""

    model: keras.Model
    training: FilmBatches | FeatureBatches
    validation: FilmBatches | FeatureBatches

    @property
    def pooled(self) -> bool:
        """Whether a head is trained alone, on cached features: a step of it takes about a thousandth of a second."""
        return isinstance(self.training, FeatureBatches) and not self.training.cut.boundary

    def streams(self) -> tuple[object, object]:
        """Return training and validation in the form that Keras reads fastest; computes features that are not there."""
        if isinstance(self.training, FeatureBatches) and isinstance(self.validation, FeatureBatches) and self.pooled:
            return stream_of(self.training), stream_of(self.validation)
        return self.training, self.validation

    def compile_as(self, network: keras.Model, settings: Settings) -> None:
        """Compile what is fitted with the optimizer of the whole network, and the loss and metrics of the settings.

        The optimizer has its slots in the whole network's order and moves the same weights, so that a checkpoint of
        the network is one that it could have made itself.
        """
        network.optimizer.build(network.trainable_variables)
        steps = min(HEAD_STEPS, len(self.training)) if self.pooled else 1
        self.model.compile(optimizer=network.optimizer, steps_per_execution=steps, **compile_arguments(settings))

    def tell_progress(self, tell: Callable[[str], object]) -> None:
        """Have a note told while features are computed, such as `features of training films 320/3780`."""
        for batches in (self.training, self.validation):
            if isinstance(batches, FeatureBatches):
                batches.tell = tell

    def take_building_seconds(self) -> float:
        """Return the seconds spent on computing training features since this was last asked; 0 without a cache."""
        return self.training.take_building_seconds() if isinstance(self.training, FeatureBatches) else 0.0


def stage_parts(
    name: str, network: keras.Model, training: FilmBatches, validation: FilmBatches, settings: Settings
) -> StageParts:
    """Return what a stage fits: B's trained part on cached features where the settings want that and the limit lets it.

    Args:
        name: the stage's.
        network: with the stage's layers unfrozen; what its part learns it has learnt, layers are shared.
        training, validation: the films; training with augmentation.
        settings: of the run; `cache.copies` 0 and networks other than B have no cache.
    """
    whole = StageParts(logit_model(network), training, validation)
    if settings.network != "b" or settings.cache.copies == 0:
        return whole
    if settings.augmentation.mixup:
        say(f"stage {name} runs without a cache: mixup makes pictures of the films of a batch, no two batches alike")
        return whole
    if training.share.devices > 1:
        say(f"stage {name} runs without a cache: several devices share its batches")
        return whole
    cut = cut_network(network)
    if cut is None:
        say(f"stage {name} runs without a cache: it trains the whole backbone")
        return whole
    store = store_of(settings)
    parts = StageParts(
        cut.trained,
        FeatureBatches(training, cut, store, settings.cache.copies, "training films"),
        FeatureBatches(validation, cut, store, 1, "validation films"),
    )
    size = settings.cache.copies * parts.training.plan(0).file_bytes + parts.validation.plan(0).file_bytes
    if size > store.limit_bytes:
        say(
            f"stage {name} runs without a cache: its features take {size / 1e9:.1f} GB, "
            f"cache.limit_gb is {settings.cache.limit_gb:g}"
        )
        return whole
    say(f"stage {name} reads cached features: {settings.cache.copies} pictures of each film, {size / 1e9:.2f} GB")
    return parts
