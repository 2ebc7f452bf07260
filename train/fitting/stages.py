"""The stages of a run: what trains, on films of which side, for how long and at which starting rate."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import keras

from train.fitting.distillation import unfreeze_for_distillation
from train.networks import unfreeze_for_fine_tuning
from train.runs.settings import Settings


@dataclass(frozen=True)
class Stage:
    """A stretch of training with one side of films, one set of trainable weights, one optimizer, one starting rate.

    `enter` makes the network ready for it; the stages before it were entered then.
    """

    name: str
    epochs: int
    learning_rate: float
    image_size: int
    enter: Callable[[keras.Model], object] = field(default=lambda _network: None)


def stages_of(settings: Settings) -> tuple[Stage, ...]:
    """Return the stages of a run: one for A and the backbone, head and fine-tuning for B (report, task 2).

    B with a teacher has a single stage, `distil`, which trains all of it.

    Before them stands a stage per step of progressive resizing (Howard et al. 2018, DAWNBench), `train_96` or
    `head_96` for 96 pixels, which trains what the first stage does.
    """
    size, rate = settings.prepare.image_size, settings.learning_rate
    name = "head" if settings.network == "b" else "train"
    enter: Callable[[keras.Model], object] = lambda _network: None  # noqa: E731
    if settings.teacher:
        name, enter = "distil", partial(unfreeze_for_distillation, batch_norm_momentum=settings.batch_norm_momentum)
    stages = [
        Stage(f"{name}_{step.image_size}", step.epochs, rate, step.image_size, enter) for step in settings.progressive
    ]
    if settings.epochs > 0:  # a head on a random backbone would learn nothing that its fine-tuning keeps
        stages.append(Stage(name, settings.epochs, rate, size, enter))
    fine_tune = settings.fine_tune
    if settings.network == "b" and fine_tune.epochs > 0 and not settings.teacher:
        stages.append(
            Stage(
                "fine_tune",
                fine_tune.epochs,
                fine_tune.learning_rate or rate / 10,
                size,
                lambda network: unfreeze_for_fine_tuning(network, fine_tune.from_layer),
            )
        )
    return tuple(stages)
