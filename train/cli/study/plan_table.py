"""What `study run --dry-run` prints."""

from typing import TYPE_CHECKING, Any

from train.common.console import print_json, print_table, say

if TYPE_CHECKING:
    from train.studies.plan import Plan

_KINDS = {
    "a_train": "A",
    "b_features": "B's features",
    "b_head": "B's head",
    "b_fine_tune": "B's fine-tuning",
}


def print_plan(plan: "Plan", *, as_json: bool) -> None:
    """Print a plan: as JSON, or a line a study, where a training that several studies share counts for the first."""
    if as_json:
        print_json(plan.as_json())
        return
    from train.studies.definition import studies

    named = {study for planned in plan.trainings for study, _ in planned.training.rows}
    rows: list[list[Any]] = []
    for study in (study.name for study in studies() if study.name in named):
        own = [planned for planned in plan.trainings if planned.training.rows[0][0] == study]
        asked = sum(name == study for planned in plan.trainings for name, _ in planned.training.rows)
        finished = sum(planned.state == "finished" for planned in own)
        begun = sum(planned.state == "begun" for planned in own)
        disk = sum(planned.disk_bytes for planned in own if planned.state != "finished")
        rows.append(
            [
                *(study, asked, len(own), finished, begun, sum(planned.epochs for planned in own)),
                *(duration(sum(planned.seconds for planned in own)), size(disk)),
            ]
        )
    total = [sum(column) for column in zip(*(row[1:6] for row in rows), strict=True)]
    rows.append(["all", *total, duration(plan.seconds), size(plan.disk_bytes)])
    columns = ("study", "rows × seeds", "trainings", "finished", "begun", "epochs left", "time, about", "disk, about")
    print_table(f"To train: {plan.scale}", columns, rows)
    if plan.shared_bytes:
        features = f"{duration(plan.shared_seconds)}, {size(plan.shared_bytes)}"
        say(f"in the last line, besides: network B's features, which its rows share: {features}")
    say(_basis(plan))
    say("Nothing was trained. Epochs are the most: early stopping may end sooner. Trainings one after the other.")


def duration(seconds: float) -> str:
    """Return a stretch of time in the units that a reader plans by: "40 s", "12 min", "3.5 h", "4 days"."""
    for limit, unit, name in ((90, 1, "s"), (5_400, 60, "min")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 3_600:.1f} h" if seconds < 48 * 3_600 else f"{seconds / 86_400:.1f} days"


def size(count: int) -> str:
    """Return bytes as MB or GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _basis(plan: "Plan") -> str:
    """By what the times are reckoned: finished runs, or a guess, for each network that is trained."""
    networks = {planned.training.settings.network for planned in plan.trainings}
    kinds = [kind for kind in _KINDS if kind[0] in networks]
    measured = [f"{_KINDS[kind]} by {plan.speeds.runs[kind]}" for kind in kinds if kind in plan.speeds.runs]
    guessed = [_KINDS[kind] for kind in kinds if kind not in plan.speeds.runs]
    said = []
    if measured:
        said.append(f"times measured in finished runs here ({plan.speeds.device}): {', '.join(measured)}")
    if guessed:
        said.append(f"a guess, from two CPU cores elsewhere: {', '.join(guessed)}")
    return "; ".join(said)
