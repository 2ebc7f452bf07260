"""How fast trainings are: measured from the finished runs of studies, guessed where there are none."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from train.common.errors import PneumoscopeError
from train.runs.finished import Json, read_environment, read_history
from train.runs.run_folder import RunFolder, settings_of
from train.runs.settings import Settings

#: A first epoch so many times as long as the shortest one computed features; else they were there already.
_COMPUTING = 5


@dataclass(frozen=True)
class Speeds:
    """Seconds by which a plan is reckoned. A film that validation looks at counts as a third of one trained on.

    a_train: of network A of width 1, for a film of a megapixel; A's time grows with its width.
    b_features: of B's frozen layers, for a picture of a megapixel.
    b_head: of B's head on such features, for a picture of any size.
    b_fine_tune: of the layers that fine-tuning trains, on such features, for a picture of a megapixel.
    around: of a training beside its epochs: starting, preparing films, evaluating. Always a guess.
    runs: how many finished runs each of the others was measured on; one that is not named is a guess.
    device: of these runs.
    """

    a_train: float
    b_features: float
    b_head: float
    b_fine_tune: float
    around: float
    runs: dict[str, int]
    device: str | None

    def epoch_seconds(self, stage: str, megapixels: float, width: float, training: int, validation: int) -> float:
        """Return about how long an epoch takes, its films' features at hand."""
        seen = _seen(training, validation)
        if stage == "head":
            return self.b_head * seen
        return (self.a_train * width if stage == "train" else self.b_fine_tune) * megapixels * seen


#: Two cores of a CPU: A at 96 px, B at 160 px.
GUESS = Speeds(a_train=0.37, b_features=1.4, b_head=0.0002, b_fine_tune=2.2, around=30, runs={}, device=None)


def measured_speeds(folder: Path) -> Speeds:
    """Return the speeds of the finished trainings of studies in a folder, on the device of the latest of them.

    Of each speed the median over runs; `GUESS` for what no run tells.
    """
    found = [(run, environment) for run, environment in _finished(folder)]
    if not found:
        return GUESS
    device = max(found, key=lambda pair: pair[0].environment.stat().st_mtime)[1].get("device")
    by_kind: dict[str, list[float]] = defaultdict(list)
    for run, environment in found:
        if environment.get("device") != device:
            continue
        try:
            for kind, seconds in _speeds_of(run, settings_of(run), environment["films"]):
                by_kind[kind].append(seconds)
        except (PneumoscopeError, KeyError, TypeError, ValueError):
            continue  # a damaged or foreign run tells no speed; `study run` itself says what is wrong with it
    medians = {kind: median(values) for kind, values in by_kind.items()}
    return replace(GUESS, **medians, runs={kind: len(values) for kind, values in by_kind.items()}, device=str(device))


def _finished(folder: Path) -> Iterator[tuple[RunFolder, Json]]:
    for path in sorted(folder.glob("study-*/environment.json")):
        run = RunFolder(path.parent)
        try:
            yield run, read_environment(run)
        except PneumoscopeError:
            continue


def _speeds_of(run: RunFolder, settings: Settings, films: dict[str, int]) -> Iterator[tuple[str, float]]:
    """What a run tells: the name of a speed, and its seconds."""
    seen, megapixels = _seen(films["train"], films["validation"]), settings.prepare.image_size**2 / 1e6
    seconds: dict[str, list[float]] = defaultdict(list)
    for row in read_history(run):
        seconds[row["stage"]].append(float(row["seconds"]))
    if settings.network == "a":
        # The median epoch: a machine that did something else for a while says nothing of the next training.
        yield "a_train", median(seconds["train"]) / (seen * megapixels * settings.width)
    if settings.network == "b" and settings.cache.copies:
        if head := seconds["head"]:
            yield "b_head", min(head) / seen
            if max(head) > _COMPUTING * min(head):
                yield "b_features", max(head) / (films["train"] * megapixels)
        if len(fine_tune := seconds["fine_tune"]) > settings.cache.copies:
            yield "b_fine_tune", min(fine_tune) / (seen * megapixels)


def _seen(training: int, validation: int) -> float:
    return training + validation / 3
