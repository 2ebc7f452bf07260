"""Keeps a run folder true after every epoch, and gives a resumed training back what it had counted."""

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from train.common import atomic
from train.common.console import say
from train.common.errors import PneumoscopeError
from train.fitting.stage_parts import StageParts
from train.fitting.stages import Stage
from train.runs.resume import Origin, Progress, Record, add_record
from train.runs.run_folder import RunFolder, versions, write_history
from train.runs.settings import Settings

#: What EarlyStopping and ReduceLROnPlateau count from epoch to epoch.
COUNTERS = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")
#: On a GPU the loss is read after every so many steps, and after an epoch.
GPU_STEPS_PER_LOOK = 20


class DivergedLossError(PneumoscopeError):
    """The loss became no number: trained on, it would stay so."""


class TrainingCheckpoint(keras.callbacks.Callback):
    """Keeps last and best network, history and the progress bar; stops at a loss of NaN.

    It must be the last of the callbacks: an epoch is written down with what the others counted in it.
    """

    def __init__(
        self,
        run: RunFolder,
        settings: Settings,
        origin: Origin,
        progress: Progress,
        device: str,
        head_save_seconds: float = 0.0,
        *,
        writes: bool = True,
    ) -> None:
        """`head_save_seconds` and `writes` as `train.fitting.fit.fit` takes them."""
        super().__init__()
        self.run = run
        self.settings = settings
        self.origin = origin
        self.progress = progress
        self.device = device
        # A loss that is read is waited for: on a GPU, whose next step could be under way, now and then is enough.
        self.steps_per_look = 1 if device == "cpu" else GPU_STEPS_PER_LOOK
        self.saved_epochs = len(progress.rows)
        self.head_save_seconds = head_save_seconds
        self.best_head: list[np.ndarray] | None = None
        self.writes = writes
        self.seconds_before = progress.seconds
        self.started = time.monotonic()

    def enter(
        self,
        stage: Stage,
        network: keras.Model,
        parts: StageParts,
        counting: Sequence[keras.callbacks.Callback],
        advance: Callable[..., None],
    ) -> None:
        """Begin a stage or go on with it; epochs are counted on across stages so that no augmentation repeats.

        `network` is kept whole, though Keras may train but a part of it.
        """
        self.stage = stage
        self.network = network
        self.parts = parts
        self.counting = counting
        self.advance = advance
        self.epochs_before = len(self.progress.rows) - self.progress.epochs_in_stage
        self.save_seconds = self.head_save_seconds if parts.pooled else 0.0
        self.saved_at = time.process_time()
        self.best_head = None
        self.best_is_saved = True
        parts.tell_progress(lambda note: advance(0, note=note))
        # Keras looks at the first batches before an epoch begins: let them be this epoch's.
        parts.training.set_epoch(len(self.progress.rows))

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Give the other callbacks back what they had counted: Keras has just reset them."""
        for callback in self.counting:
            for name, value in self.progress.counters.get(type(callback).__name__, {}).items():
                setattr(callback, name, value)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Tell the loader the epoch and start the clock."""
        self.parts.training.set_epoch(self.epochs_before + epoch)
        self.epoch_started = self.last_batch_ended = time.monotonic()
        self.steps_done = 0
        self.learning_rate = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance the bar; refuse to go on with a loss that is no number."""
        self.last_batch_ended = time.monotonic()
        # Several steps at a time where Keras was told so, whose last may be counted beyond the epoch's end.
        before, self.steps_done = self.steps_done, min(batch + 1, len(self.parts.training))
        if self.steps_done // self.steps_per_look == before // self.steps_per_look:
            self.advance(self.steps_done - before)
            return
        loss = self._finite(float((logs or {})["loss"]), self.steps_done - 1)
        self.last_batch_ended = time.monotonic()
        self.advance(self.steps_done - before, note=f"epoch {len(self.progress.rows) + 1} loss {loss:.3f}")

    def _finite(self, loss: float, batch: int) -> float:
        epoch, saved = len(self.progress.rows) + 1, self.saved_epochs
        if not math.isfinite(loss):
            rate = float(self.model.optimizer.learning_rate)
            kept = f"the networks of epoch {saved} and before are kept" if saved else "no epoch was saved"
            raise DivergedLossError(
                f"the loss became {loss} in stage {self.stage.name}, epoch {epoch}, "
                f"step {batch + 1}, at learning rate {rate:g}; {kept}; try a lower --learning-rate"
            )
        return loss

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the epoch down: last.keras and history.csv, and best.keras where the epoch is the one to keep."""
        values = {key: float(value) for key, value in (logs or {}).items()}
        for name in ("loss", "val_loss"):  # the epoch's last step may break a network whose loss was still a number
            self._finite(values[name], len(self.parts.training) - 1)
        building = self.parts.take_building_seconds()  # before the clock was started
        seconds = self.last_batch_ended - self.epoch_started + building
        count = len(self.parts.training.images)
        progress = self.progress
        row: dict[str, object] = {
            "stage": self.stage.name,
            "epoch": len(progress.rows) + 1,
            "learning_rate": self.learning_rate,
            "seconds": time.monotonic() - self.epoch_started + building,
            "images_per_second": count / max(seconds, 1e-9),
            "image_size": self.stage.image_size,
        }
        for key in ("loss", "accuracy", "auroc", "val_loss", "val_accuracy", "val_auroc"):
            if key in values:
                row[key] = values[key]
        progress.rows.append(row)
        progress.images_seen += count
        progress.training_seconds += seconds
        progress.seconds = self.seconds_before + time.monotonic() - self.started
        progress.epochs_in_stage = epoch + 1
        progress.stage_finished = epoch + 1 >= self.stage.epochs or bool(self.model.stop_training)
        progress.steps = int(self.model.optimizer.iterations)
        progress.counters = {type(callback).__name__: _counts(callback) for callback in self.counting}
        progress.seeds = [np.array(state).tolist() for state in seed_states(self.network)]
        # Networks of other sides than the run's can be neither compared with its best nor evaluated.
        evaluated = self.stage.image_size == self.settings.prepare.image_size
        last = self.settings.keep == "last"
        if evaluated and (last or values["val_loss"] < progress.best_val_loss):
            progress.best_val_loss, progress.best_epoch = values["val_loss"], len(progress.rows)
        # A best.keras of an epoch that last.keras does not hold could not be told from a later one after a stop.
        best = progress.best_epoch == len(progress.rows)
        if best:
            self.best_is_saved = False
            self.best_head = self.parts.model.get_weights() if self.parts.pooled else None
        wanted = (not last and not self.best_is_saved) or len(progress.rows) % self.settings.save_every == 0
        soon = time.process_time() - self.saved_at < self.save_seconds
        if progress.stage_finished or (wanted and not soon):
            self._save(best=best)
        # What lies after the last save is trained again after a stop.
        if not self.writes:
            return
        write_history(self.run, progress.rows)
        auroc = f", val auroc {values['val_auroc']:.4f}" if "val_auroc" in values else ""
        say(
            f"{self.settings.network} {self.stage.name} epoch {row['epoch']}: loss {values['loss']:.4f}, "
            f"val loss {values['val_loss']:.4f}, val accuracy {values['val_accuracy']:.4f}{auroc}, "
            f"{row['images_per_second']:.1f} images/s"
        )

    def write_the_rest(self, network: keras.Model) -> None:
        """Write what follows from last.keras: best.keras if this epoch is the one to keep, and history.csv."""
        if self.progress.best_epoch == len(self.progress.rows):
            if self.writes:
                save_network(network, self.run.best_network)
            else:
                _save_nowhere(network)
        if self.writes:
            write_history(self.run, self.progress.rows)

    def take_best_head(self) -> bool:
        """Give the network the weights that best.keras holds; False where this process knows of no such."""
        if self.best_head is None:
            return False
        self.parts.model.set_weights(self.best_head)
        return True

    def _save(self, *, best: bool) -> None:
        """Write last.keras, and best.keras where that is still to be done, of this epoch or of one that has passed."""
        if not self.writes:
            _save_nowhere(self.network)
        elif best:
            with atomic.replace_file(self.run.best_network) as same:  # there after last.keras
                self._save_last(same)
        else:
            if not self.best_is_saved:  # last.keras, after it, says that it is there
                present = self.parts.model.get_weights()
                self.take_best_head()
                save_network(self.network, self.run.best_network)
                self.parts.model.set_weights(present)
            self._save_last()
        self.saved_epochs, self.saved_at, self.best_is_saved = len(self.progress.rows), time.process_time(), True

    def _save_last(self, same: Path | None = None) -> None:
        """Write last.keras; the network without the record becomes the file `same` too."""
        with atomic.replace_file(self.run.last_network) as temporary:
            self.network.save(temporary)
            if same is not None:
                shutil.copyfile(temporary, same)
            add_record(temporary, Record(self.origin, self.progress, self.device, versions()))


def save_network(network: keras.Model, path: Path) -> None:
    """Write a network that scoring and export read, whole or not at all."""
    with atomic.replace_file(path) as temporary:
        network.save(temporary)


def _save_nowhere(network: keras.Model) -> None:
    """Save along with the process that keeps the run: what Keras computes for it, all of them have to."""
    with tempfile.TemporaryDirectory() as folder:
        network.save(Path(folder) / "discarded.keras")


def seed_states(network: keras.Model) -> list[keras.Variable]:
    """Return the state of each random generator in a network (its dropout layers'), int [2], in its order.

    Keras leaves them out of what it saves.
    """
    return [variable for variable in network.variables if variable.name == "seed_generator_state"]


def restore(network: keras.Model, run: RunFolder, progress: Progress) -> None:
    """Give a compiled network the state of a run's last epoch: weights, optimizer, random generators.

    Raises:
        PneumoscopeError: last.keras does not fit the network.
    """
    network.optimizer.build(network.trainable_variables)
    try:
        network.load_weights(run.last_network)
    except Exception as error:  # h5py and Keras raise a different type for every way a file can be wrong
        reason = " ".join(str(error).split())[:200]
        raise PneumoscopeError(
            f"{run.last_network} does not fit the network ({reason}): start over with --new"
        ) from error
    states = seed_states(network)
    if int(network.optimizer.iterations) != progress.steps or len(states) != len(progress.seeds):
        raise PneumoscopeError(
            f"{run.last_network} does not hold the state of its optimizer after {progress.steps} steps: start over "
            "with --new"
        )
    for state, value in zip(states, progress.seeds, strict=True):
        state.assign(np.array(value, state.dtype))


def carry_over(network: keras.Model, larger: keras.Model) -> None:
    """Give the same network for another side of films all weights and the random generators' states."""
    larger.set_weights(network.get_weights())
    for old, new in zip(seed_states(network), seed_states(larger), strict=True):
        new.assign(old)


def _counts(callback: keras.callbacks.Callback) -> dict[str, float | int | None]:
    found = {name: getattr(callback, name) for name in COUNTERS if hasattr(callback, name)}
    return {name: value if value is None or isinstance(value, int) else float(value) for name, value in found.items()}
