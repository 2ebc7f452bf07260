"""All rows of `study run` in one display: a bar a study, what is running in it, and when all of it may be done."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from train.common.console import say
from train.common.errors import PneumoscopeError

if TYPE_CHECKING:
    from train.studies.definition import Training
    from train.studies.plan import FilmCounts
    from train.studies.status import Standing

#: Between two lines where there is no terminal.
LINE_SECONDS = 10
_RUNNING_SHOWN = 3
Show = Callable[[Sequence["Standing"]], None]


@contextmanager
def study_progress(films: "FilmCounts") -> Iterator[Show]:
    """Yield what is to be told now and then where the trainings stand; progress counts the time that they take.

    Args:
        films: at hand, by which the time is planned.
    """
    from rich.console import Console

    console = Console(stderr=True)
    work = _Work(films)
    if not console.is_terminal:
        yield _in_lines(work)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[done]}/{task.fields[count]} trainings"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        tasks = {}

        def show(found: Sequence["Standing"]) -> None:
            work.look(found)
            groups = {**_by_first_study(found), "all": found}
            for name, own in groups.items():
                if name not in tasks:
                    tasks[name] = progress.add_task(name, total=None, done=0, count=len(own), note="")
                done, total = work.seconds(own)
                note = ", ".join(map(running_note, _running(own)[:_RUNNING_SHOWN])) if name != "all" else ""
                progress.update(tasks[name], completed=done, total=total, done=_done(own), note=note)

        yield show


class _Work:
    """Seconds of planned work: how much there was at first, and how much is left."""

    def __init__(self, films: "FilmCounts") -> None:
        from train.runs.run_folder import runs_root
        from train.studies.speeds import measured_speeds

        self.films, self.speeds = films, measured_speeds(runs_root())
        self.first: dict[str, float] = {}
        self.left: dict[str, float] = {}

    def look(self, found: Sequence["Standing"]) -> None:
        from train.studies.plan import make_plan

        undone = [standing.training for standing in found if standing.state in ("waiting", "running")]
        planned = make_plan(undone, "", self.films, self.speeds).trainings
        self.left = {each.training.name: each.seconds for each in planned}
        for name, seconds in self.left.items():
            # More than before where epochs that a shorter row was to share are trained after all.
            self.first[name] = max(self.first.get(name, 0.0), seconds)

    def seconds(self, found: Sequence["Standing"]) -> tuple[float, float]:
        """What is done of the trainings since this began, and all there was to do."""
        names = [standing.training.name for standing in found]
        total = sum(self.first.get(name, 0.0) for name in names)
        return total - sum(self.left.get(name, 0.0) for name in names), total


def _in_lines(work: _Work) -> Show:
    started, last = time.monotonic(), -float(LINE_SECONDS)

    def show(found: Sequence["Standing"]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_SECONDS:
            return
        last = now
        work.look(found)
        done, total = work.seconds(found)
        left = f", {(now - started) / done * (total - done):.0f} s left" if done > 0 else ""
        running = "; ".join(map(running_note, _running(found)[:_RUNNING_SHOWN]))
        say(f"studies: {_done(found)}/{len(found)} trainings{left}{f'; {running}' if running else ''}")

    return show


def running_note(training: "Training") -> str:
    """Say which row runs and how far it is: "a-width 0.25 seed 0 epoch 3/16 val loss 0.21"."""
    from train.runs.finished import read_history
    from train.runs.run_folder import RunFolder, runs_root
    from train.studies.plan import epochs_of

    study, row = training.rows[0]
    try:
        history = read_history(RunFolder(runs_root() / training.name))
    except PneumoscopeError:  # no epoch yet
        history = []
    loss = f" val loss {float(history[-1]['val_loss']):.3f}" if history else ""
    epochs = sum(epochs_of(training.settings).values())
    return f"{study} {row} seed {training.seed} epoch {min(len(history) + 1, epochs)}/{epochs}{loss}"


def _running(found: Sequence["Standing"]) -> list["Training"]:
    return [standing.training for standing in found if standing.state == "running"]


def _done(found: Sequence["Standing"]) -> int:
    return sum(standing.state in ("complete", "diverged") for standing in found)


def _by_first_study(found: Sequence["Standing"]) -> Mapping[str, list["Standing"]]:
    """A training that several studies share stands under the first of them, or it would count twice."""
    groups: dict[str, list[Standing]] = {}
    for standing in found:
        groups.setdefault(standing.training.rows[0][0], []).append(standing)
    return groups
