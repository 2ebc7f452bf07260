"""One study as it stands in its file: strict, so that a slip of a figure or a key is found and not trained."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from train.common.errors import UsageError
from train.runs.settings_file import read_settings
from train.studies.record import STAGES

#: Settings that the command gives to every row, with what it gives them by; no row may set them itself.
OF_THE_COMMAND = {
    "network": "network beside key",
    "seed": "--seeds",
    "split_seed": "every row, 0",
    "prepare.image_size": "--image-size",
    "films_per_class": "--films-per-class",
    "backbone_weights": "--backbone-weights",
}

_MOST_FAULTS = 3  # that one line names
_SHOWN = 80  # characters of a value in it
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Network = Literal["a", "b"]
_Text = Annotated[str, Field(min_length=1)]
#: What stands in a file name and is typed on a command line without quotes.
_Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FiguresEntry(_Strict):
    """What the report prints of one stage on the test films; what it does not give is left out."""

    accuracy: _Share | None = None
    loss: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    f1: _Share | None = None
    threshold: _Share | None = None


class RowEntry(_Strict):
    """A row: its settings are added to the study's fixed ones."""

    key: _Key
    network: _Network | None = None
    settings: dict[str, object]
    reported: dict[str, FiguresEntry] = {}
    notes: list[_Text] = []

    @model_validator(mode="after")
    def _leaves_the_commands_settings(self) -> Self:
        _refuse_the_commands(self.settings)
        return self


class StudyFile(_Strict):
    """A whole file. `network` is the rows' own where a study has rows of both."""

    title: _Text
    section: _Text
    network: _Network | None = None
    counted: bool = True
    varies: list[_Text]
    fixed: dict[str, object] = {}
    notes: list[_Text] = []
    rows: Annotated[list[RowEntry], Field(min_length=1)]

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        _refuse_the_commands(self.fixed)
        keys: set[str] = set()
        for row in self.rows:
            if row.key in keys:
                raise ValueError(f"row {row.key} comes twice")
            keys.add(row.key)
            if (row.network is None) == (self.network is None):
                raise ValueError(f"row {row.key}: expected a network either of the study or of each row")
            if twice := row.settings.keys() & self.fixed.keys():
                raise ValueError(f"row {row.key}: {min(twice)} is fixed for all rows already")
            network = self.network_of(row)
            if foreign := sorted(row.reported.keys() - set(STAGES[network])):
                raise ValueError(
                    f"row {row.key}: reported.{foreign[0]} is no stage of network {network}: "
                    f"expected {' and '.join(STAGES[network])}"
                )
        set_by_rows = {key for row in self.rows for key in row.settings}
        if set(self.varies) != set_by_rows and self.varies:
            odd = min(set(self.varies) ^ set_by_rows)
            raise ValueError(f"varies: expected what the rows set, {', '.join(sorted(set_by_rows))}. Odd: {odd}")
        return self

    def network_of(self, row: RowEntry) -> _Network:
        """Return the network of a row: its own, or the study's."""
        network = row.network or self.network
        assert network is not None
        return network


class ReportedTable(_Strict):
    """Figures that the report takes from elsewhere: shown beside the studies, never trained.

    rows: a cell for each of `columns`.
    """

    title: _Text
    section: _Text
    columns: Annotated[list[_Text], Field(min_length=1)]
    rows: Annotated[list[list[str | int | float]], Field(min_length=1)]
    notes: list[_Text] = []

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number}: expected {len(self.columns)} cells. Received: {len(row)}")
        return self


def read_study_file(path: Path) -> StudyFile:
    """Read the file of a study.

    Raises:
        UsageError: it cannot be read, or a key or figure of it is wrong: one line that names file, row and key.
    """
    return _read(path, StudyFile)


def read_reported_table(path: Path) -> ReportedTable:
    """Read the file of a table of reported figures.

    Raises:
        UsageError: as for `read_study_file`.
    """
    return _read(path, ReportedTable)


_File = TypeVar("_File", bound=_Strict)


def _read(path: Path, kind: type[_File]) -> _File:
    values = read_settings(path)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        faults = [_in_words(values, fault) for fault in error.errors()]
        more = [f"and {len(faults) - _MOST_FAULTS} more"] if len(faults) > _MOST_FAULTS else []
        raise UsageError(f"{path}: {'; '.join([*faults[:_MOST_FAULTS], *more])}") from None


def _in_words(values: dict[str, Any], fault: Any) -> str:  # noqa: ANN401  # pydantic's ErrorDetails
    """A fault with the key it is at, a row by its own key."""
    place = list(fault["loc"])
    where = ""
    if place[:1] == ["rows"] and len(place) > 1:
        row = values["rows"][place[1]]
        key = row.get("key") if isinstance(row, dict) else None
        where, place = f"row {key if key is not None else place[1] + 1}: ", place[2:]
    key = ".".join(map(str, place))
    if fault["type"] == "value_error":
        return f"{where}{key}{': ' if key else ''}{fault['ctx']['error']}"
    if fault["type"] == "extra_forbidden":
        return f"{where}unknown key {key}"
    if fault["type"] == "missing":
        return f"{where}{key} is missing"
    return f"{where}{key}: {fault['msg'].lower()}. Received: {repr(fault['input'])[:_SHOWN]}"


def _refuse_the_commands(settings: dict[str, object]) -> None:
    for key, given_by in OF_THE_COMMAND.items():
        if key in settings:
            raise ValueError(f"{key} is given by {given_by}, not by a row")
    for key, value in settings.items():
        if isinstance(value, dict):
            raise ValueError(
                f"{key}: expected a dotted key for each of its parts, such as {key}.{min(value, default='…')}"
            )
