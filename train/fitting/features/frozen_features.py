"""Network B without its frozen part: the backbone's features are computed once per picture and kept on disk."""

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import keras
import numpy as np

from train.common.array_store import FeatureStore, Plan
from train.common.console import say_warning
from train.common.errors import PneumoscopeError
from train.common.remembered import once_per_array
from train.data.prepared_films import WholeFilms
from train.fitting.batches.loader import FilmBatches
from train.networks import backbone_of
from train.runs.run_folder import runs_root, versions
from train.runs.settings import Settings

#: Films per step while features are computed.
BATCH_SIZE = 32
#: Pooled features are small: kept as the network has them. Maps are large: half the bits (10 bits of fraction).
POOLED_DTYPE, MAPS_DTYPE = "float32", "float16"
#: Pictures whose bytes stand for the code that draws them, beside the settings that it is given.
_PROBE_PICTURES = 8

Tensor = TypeVar("Tensor", keras.KerasTensor, np.ndarray)


@dataclass(frozen=True)
class Cut:
    """Network B in two at the boundary between what a stage leaves as it is and what it trains.

    fixed: float32 [N, S, S, 3], grey in [0, 255], → one tensor or a tuple of them.
    trained: the same → B's logit [N, 1]. Its layers are B's own, so what it learns B has learnt.
    boundary: where the tensors come from: the layers' places in the backbone; none for the pooled features.
    dtype: of the tensors on disk.
    """

    fixed: keras.Model
    trained: keras.Model
    boundary: tuple[int, ...]
    dtype: str

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each tensor, without the batch."""
        return [tuple(tensor.shape[1:]) for tensor in self.fixed.outputs]

    @property
    def values(self) -> int:
        """How many numbers a picture has at the boundary."""
        return sum(math.prod(shape) for shape in self.shapes)

    @cached_property
    def weights_checksum(self) -> str:
        """SHA-256 of the fixed part's weights, which never change."""
        weights = hashlib.sha256()
        for weight in self.fixed.weights:
            weights.update(f"{weight.path} {tuple(weight.shape)}".encode())
            weights.update(np.ascontiguousarray(weight.numpy()).data)
        return weights.hexdigest()


def cut_network(network: keras.Model) -> Cut | None:
    """Cut network B where its frozen part ends: behind the pooling, or inside the backbone once that is unfrozen.

    Frozen layers run in inference mode, so a tensor at the boundary depends on the picture alone. None where the
    backbone has no frozen part.
    """
    backbone, pool, logit = backbone_of(network), network.get_layer("pool"), network.get_layer("logit").output
    first_trained = next((index for index, layer in enumerate(backbone.layers) if layer.trainable), None)
    if first_trained is None:
        return Cut(
            keras.Model(network.input, pool.output, name="fixed_part"),
            keras.Model(pool.output, logit, name="trained_part"),
            (),
            POOLED_DTYPE,
        )
    if not any(layer.weights for layer in backbone.layers[:first_trained]):
        return None
    boundary = boundary_layers(backbone, first_trained)
    crossing = tuple(backbone.layers[index].output for index in boundary)
    below = keras.Model(backbone.input, _alone(crossing))
    above = keras.Model(_alone(crossing), backbone.output)
    head = keras.Model(pool.input, logit)
    scaled = network.get_layer("scale_to_minus1_1").output
    inputs = _alone(tuple(keras.Input(tensor.shape[1:], dtype=tensor.dtype) for tensor in crossing))
    return Cut(
        keras.Model(network.input, below(scaled), name="fixed_part"),
        keras.Model(inputs, head(above(inputs)), name="trained_part"),
        boundary,
        MAPS_DTYPE,
    )


def boundary_layers(backbone: keras.Model, from_layer: int) -> tuple[int, ...]:
    """Return whose outputs cross from the layers below `from_layer` to the others, a residual block cut or not.

    A layer above without weights that makes its input no larger (ReLU, pooling) is counted below: from 150,
    ResNet50V2's boundary is `conv4_block6_2_relu` and block 6's `max_pooling2d_2`, a quarter of that block's input.

    Returns:
        Places in `backbone.layers`, ascending.
    """
    makers: dict[int, int] = {}
    below: set[int] = set()
    crossing: set[int] = set()
    for index, layer in enumerate(backbone.layers):
        makers[id(layer.output)] = index
        inputs = keras.tree.flatten(layer.input)
        sources = {makers[id(tensor)] for tensor in inputs}
        smaller = sum(map(_size, inputs)) >= _size(layer.output)
        if index < from_layer or (not layer.variables and smaller and sources <= below):
            below.add(index)
        else:
            crossing |= sources & below
    return tuple(sorted(crossing))


def _alone(tensors: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    """Return a single tensor without its tuple: what Keras has for a model of one input."""
    return tensors[0] if len(tensors) == 1 else tensors


def _size(tensor: keras.KerasTensor) -> int:
    return math.prod(side or 1 for side in tensor.shape[1:])


class FeatureBatches(keras.utils.PyDataset):
    """What `FilmBatches` gives, with the features at a cut in place of the pictures.

    Each item is (float [batch, …] or a tuple of them, *targets). Epoch e has the order of the films' epoch e and the
    pictures of their epoch e modulo `copies`, computed when first asked for and kept in the store. Where the store
    cannot keep them they are computed again whenever their turn comes: slower, the same numbers.
    """

    def __init__(self, films: FilmBatches, cut: Cut, store: FeatureStore, copies: int, name: str) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.films, self.cut, self.store, self.copies, self.name = films, cut, store, copies, name
        self.images = films.images
        self.tell: Callable[[str], object] = lambda _note: None
        self._facts = _facts_of(films, cut)
        self._kept: dict[int, np.ndarray] = {}
        self._copy: int | None = None
        self._building_seconds = 0.0
        self._warned = False

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order and pictures the next batches have; computes features that are not there."""
        copy = epoch % self.copies
        if copy != self._copy:
            self._features = self._kept[copy] if copy in self._kept else self._features_of(copy)
            self._copy = copy
        self.films.set_epoch(epoch)

    def take_building_seconds(self) -> float:
        """Return the seconds spent on computing features since this was last asked."""
        seconds, self._building_seconds = self._building_seconds, 0.0
        return seconds

    def plan(self, copy: int) -> Plan:
        """Return what the store knows the features of one picture per film by; changes the films' epoch."""
        self.films.set_epoch(copy)
        count = len(self.images)
        probe = self.films.pictures(np.arange(min(count, _PROBE_PICTURES)))
        facts = {**self._facts, "pictures": hashlib.sha256(probe.data).hexdigest()}
        if self.films.augmentation is not None:
            facts |= {"seed": self.films.seed, "copy": copy, "augmentation": self.films.augmentation.model_dump()}
        if self.films.spec is not None:
            facts["prepare"] = asdict(self.films.spec)
        return Plan(facts, count, self.cut.values, self.cut.dtype)

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, index: int) -> tuple[object, ...]:
        return self.of_rows(self.films.rows(index))

    def of_rows(self, rows: np.ndarray) -> tuple[object, ...]:
        """Return what an item holds, of any films instead of a batch's, int [n]."""
        if self._copy is None:
            self.set_epoch(0)
        block = self._features[rows]  # [n, values]
        tensors, first = [], 0
        for shape, tensor in zip(self.cut.shapes, self.cut.trained.inputs, strict=True):
            last = first + math.prod(shape)
            tensors.append(block[:, first:last].reshape(-1, *shape).astype(tensor.dtype))
            first = last
        return _alone(tuple(tensors)), *self.films.targets(rows)

    def _features_of(self, copy: int) -> np.ndarray:
        plan = self.plan(copy)
        found = self.store.find(plan)
        if found is None:
            started = time.monotonic()
            found = self._kept_features(plan)
            if found is None:
                self._features = np.empty(0)  # the old ones go before the new ones take their memory
                return self._computed_in_memory(plan, started)
            self._building_seconds += time.monotonic() - started
        self._kept[copy] = found
        return found

    def _kept_features(self, plan: Plan) -> np.ndarray | None:
        try:
            with self.store.writing(plan) as append:
                if append is not None:
                    for block in self._blocks():
                        append(block)
            return self.store.find(plan)
        except OSError as error:
            if not self._warned:
                say_warning(f"features cannot be kept ({error.strerror}): the backbone runs again in every epoch")
            self._warned = True
            return None

    def _computed_in_memory(self, plan: Plan, started: float) -> np.ndarray:
        features = np.empty((plan.rows, plan.values), plan.dtype)
        first = 0
        for block in self._blocks():
            features[first : first + len(block)] = block
            first += len(block)
        self._building_seconds += time.monotonic() - started
        return features

    def _blocks(self) -> Iterator[np.ndarray]:
        """Yield the features of the films' present epoch in the films' own order, float [n, values]."""
        rows = np.arange(len(self.images))
        for first in range(0, len(rows), BATCH_SIZE):
            part = rows[first : first + BATCH_SIZE]
            self.tell(f"features of {self.name} {first}/{len(rows)}")
            tensors = keras.tree.flatten(self.cut.fixed.predict_on_batch(self.films.pictures(part)))
            block = np.concatenate([np.reshape(tensor, (len(part), -1)) for tensor in tensors], axis=1)
            with np.errstate(over="ignore"):
                block = block.astype(self.cut.dtype)
            if not np.isfinite(block).all():
                raise PneumoscopeError(
                    f"the backbone's features are no numbers, or too large for {self.cut.dtype}: "
                    "expected finite weights; train with --no-cache"
                )
            yield block


def store_folder() -> Path:
    """Return where features are kept: `PNEUMOSCOPE_CACHE`, or `.cache/features` among the runs."""
    named = os.environ.get("PNEUMOSCOPE_CACHE")
    return Path(named) if named else runs_root() / ".cache" / "features"


def store_of(settings: Settings) -> FeatureStore:
    """Return the store that a run's features are kept in."""
    return FeatureStore(store_folder(), int(settings.cache.limit_gb * 1e9))


def head_logits(network: keras.Model, images: np.ndarray, settings: Settings) -> np.ndarray | None:
    """Return the logits of prepared films by B's features in the store, uint8 [n, S, S] → float32 [n].

    None where the backbone was trained, or nothing is cached.
    """
    if settings.fine_tune.epochs or settings.teacher or settings.cache.copies == 0:
        return None
    for layer in backbone_of(network).layers:
        layer.trainable = False  # in a network that is read from its file the input layer is not
    cut = cut_network(network)
    if cut is None:
        return None
    films = FilmBatches(images, np.zeros(len(images)), batch_size=BATCH_SIZE, channels=3)
    features = FeatureBatches(films, cut, store_of(settings), 1, "films")
    logits = [cut.trained.predict_on_batch(features[index][0]) for index in range(len(features))]
    return np.concatenate(logits).reshape(-1)


def _checksum_of(images: np.ndarray | WholeFilms, channels: int) -> str:
    checksum = hashlib.sha256(f"{images.shape} {channels}".encode())
    for row in range(len(images)):
        checksum.update(np.ascontiguousarray(images[row]).data)
    return checksum.hexdigest()


_of_array: Callable[[np.ndarray, int], str] = once_per_array(_checksum_of)


def _facts_of(films: FilmBatches, cut: Cut) -> dict[str, object]:
    """Return what decides features besides the pictures' draws: weights, boundary, films as prepared, libraries.

    The films' bytes say which films there are, in which order, split and preparation: better than their names.
    """
    images, channels = films.images, films.channels
    matter = ("backend", keras.config.backend(), "jaxlib", "keras", "opencv-python-headless")
    return {
        "weights": cut.weights_checksum,
        "boundary": [*cut.boundary, *([*shape] for shape in cut.shapes), cut.fixed.outputs[0].dtype],
        "films": _of_array(images, channels) if isinstance(images, np.ndarray) else _checksum_of(images, channels),
        "versions": {name: version for name, version in versions().items() if name in matter},
    }
