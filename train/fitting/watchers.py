"""Callbacks that look on while a study's training is fitted: keep B's head, stop in time. No figure changes by them."""

import time

import keras

from train.common import atomic
from train.runs.run_folder import RunFolder


class StopInTime(keras.callbacks.Callback):
    """Begins no epoch that would not be finished in time, if it takes as long as the one before."""

    def __init__(self, ends_at: float, out_of_time: Exception) -> None:
        """`ends_at` as `time.time` counts, since processes share no other clock; `out_of_time` is raised then."""
        super().__init__()
        self.ends_at, self.out_of_time = ends_at, out_of_time
        self.epoch_began: float | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Compare clocks."""
        now = time.time()
        lasted = 0.0 if self.epoch_began is None else now - self.epoch_began
        if now + lasted >= self.ends_at:
            raise self.out_of_time
        self.epoch_began = now


class KeepHead(keras.callbacks.Callback):
    """Keeps B's best.keras as it is when fine-tuning begins."""

    def __init__(self, run: RunFolder, stage: str) -> None:
        super().__init__()
        self.run, self.stage = run, stage

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Keep it, unless this fine-tuning is one that was resumed."""
        if self.stage == "fine_tune" and not self.run.head_network.is_file():
            atomic.link_or_copy(self.run.best_network, self.run.head_network)


def free_networks() -> None:
    """Let go of the networks that this process has trained, before it trains the next."""
    keras.backend.clear_session()
