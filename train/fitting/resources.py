"""What a training will need of memory and disk, roughly, and whether it is there: reported before the first step."""

import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from train.common.console import say_warning
from train.common.errors import PneumoscopeError
from train.data.cohort import Film
from train.data.prepared_films import MEMORY_LIMIT_BYTES, bytes_of_whole_films, side_for_crops
from train.runs.settings import Settings

FLOAT_BYTES = 4
#: Arrays as large as the trained weights that an optimizer keeps.
SLOTS = {"adam": 2, "rmsprop": 1, "momentum": 1, "sgd": 0}
MEMORY_TABLE = Path("/proc/meminfo")  # Linux; elsewhere free memory is not looked at


@dataclass(frozen=True)
class ResourceEstimate:
    """Bytes that a training will take.

    memory: films, weights, gradients, optimizer and a step's activations.
    disk: in the folder of the runs: last.keras, best.keras and the one that is being written.
    temporary: in the system's temporary folder, for films that memory shall not hold, and for films kept whole.
    """

    memory: int
    disk: int
    temporary: int


def estimate_resources(
    network: keras.Model, settings: Settings, films: int, *, begun: bool, whole_films: int = 0
) -> ResourceEstimate:
    """Estimate what a training takes where it takes most.

    Activations count twice, forward and backward; every weight counts as trained if B is fine-tuned or has a teacher.

    Args:
        network: in its first state, for films of any side.
        settings: of the run.
        films: of training and validation that are kept prepared.
        begun: the run's two checkpoints are there already.
        whole_films: bytes of the films that are kept whole, see `whole_films_of`.
    """
    side = _largest_side(settings)
    parameters = network.count_params()
    trained = parameters if settings.network != "b" else _trained(network)
    if settings.network == "b" and (settings.fine_tune.epochs or settings.teacher):
        trained = parameters
    checkpoint = FLOAT_BYTES * (parameters + SLOTS[settings.optimizer] * trained)
    pictures = films * side**2
    on_disk = pictures > MEMORY_LIMIT_BYTES
    activations = 2 * FLOAT_BYTES * settings.batch_size * _activations(network) * (side / network.input_shape[1]) ** 2
    return ResourceEstimate(
        memory=round(activations) + checkpoint + FLOAT_BYTES * trained + (0 if on_disk else pictures),
        disk=(1 if begun else 3) * checkpoint + (FLOAT_BYTES * parameters if settings.network == "backbone" else 0),
        temporary=(pictures if on_disk else 0) + whole_films,
    )


def whole_films_of(settings: Settings, root: Path, films: Sequence[Film]) -> int:
    """Return about how many bytes a run's training films take where they are kept whole for crops; 0 where not."""
    if settings.augmentation.crop == 1:
        return 0
    return bytes_of_whole_films(root, films, side_for_crops(_largest_side(settings), settings.augmentation.crop))


def _largest_side(settings: Settings) -> int:
    return max(settings.prepare.image_size, *(step.image_size for step in settings.progressive), 1)


def check_resources(needs: ResourceEstimate, runs: Path) -> None:
    """Warn where memory may not do, refuse where the disk will not.

    Raises:
        PneumoscopeError: less room on a disk than needed.
    """
    places = [(existing(runs), needs.disk), (Path(tempfile.gettempdir()), needs.temporary)]
    for place, needed in places:
        free = shutil.disk_usage(place).free
        if free < needed:
            raise PneumoscopeError(
                f"{place} has {_in_words(free)} of disk left and this training needs about {_in_words(needed)}: make "
                "room, or set PNEUMOSCOPE_RUNS (for films that do not fit into memory TMPDIR) to a folder with more"
            )
    free_memory = available_memory()
    if free_memory is not None and free_memory < needs.memory:
        say_warning(
            f"this training needs about {_in_words(needs.memory)} of memory and {_in_words(free_memory)} are free: "
            "if it is ended by the system, take a smaller --batch-size or --image-size"
        )


def existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that exists."""
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())


def available_memory() -> int | None:
    """Return the bytes of memory that the system could give now; None where it does not say."""
    try:
        lines = MEMORY_TABLE.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def _trained(network: keras.Model) -> int:
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


def _activations(network: keras.Model) -> int:
    """Numbers that the layers give out for one film."""
    return sum(math.prod(layer.output.shape[1:]) for layer in _leaves(network))


def _leaves(network: keras.Model) -> Iterator[keras.Layer]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def _in_words(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
