"""What stands in studies.json, entry by entry."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

FORMAT: Literal[1] = 1
#: The stages after which a network is measured: the names that `train.fitting.stages` gives them.
STAGES = {"a": ("train",), "b": ("head", "fine_tune")}

Setting = bool | int | float | str | None
Split = Literal["validation", "test"]
#: How calls are made of a network's probabilities: at 0.5, as the report counts, or at the threshold that was chosen
#: on the validation films, as we do.
Counting = Literal["half", "chosen"]
COUNTINGS: tuple[Counting, ...] = ("half", "chosen")
Outcome = Literal["reproduced", "not_reproduced", "not_measured"]
Verdict = Literal["holds", "not_shown", "few_seeds", "incomplete"]


class Entry(BaseModel):
    """A part of the record: what it does not know is refused, and so is what is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Interval(Entry):
    """A figure, 0..1, and its 95 % interval over patients; None where the figure is undefined."""

    value: float | None
    low: float | None
    high: float | None


class AtThreshold(Entry):
    """What a network's calls are worth at one threshold on its uncalibrated probability."""

    threshold: float
    accuracy: Interval
    balanced_accuracy: Interval
    sensitivity: Interval
    specificity: Interval
    f1: Interval


class Figures(Entry):
    """One network on the films of one split.

    positives: films with pneumonia.
    loss: binary cross-entropy, in nats.
    half: at 0.5, as the report counts.
    chosen: at the threshold that was chosen on the validation films.
    f1_maximum, f1_maximum_at: the highest F1 over all thresholds of these very films, as the report counts.
    """

    films: int
    patients: int
    positives: int
    loss: float
    auroc: Interval
    half: AtThreshold
    chosen: AtThreshold
    f1_maximum: float | None
    f1_maximum_at: float

    @property
    def prevalence(self) -> float:
        """Share of the films with pneumonia."""
        return self.positives / self.films

    def at(self, counting: Counting) -> AtThreshold:
        """The figures at one of the two thresholds."""
        return self.half if counting == "half" else self.chosen


class StageFigures(Entry):
    """The network at the end of a stage; `test` is None until the test films were read with it."""

    validation: Figures
    test: Figures | None = None

    def of(self, split: Split) -> Figures | None:
        """The figures of a split."""
        return self.validation if split == "validation" else self.test


class Training(Entry):
    """One training: a setting with one seed.

    rows: (study, row key) that it is the training of.
    diverged: its loss became no number; it may lack stages then.
    operating_point: how the threshold `Figures.chosen` is at was chosen: "youden".
    stages: stage → figures of the network that it ended with.
    epochs: trained, of all stages.
    seconds: of the training; None where the run does not say.
    """

    run: str
    network: Literal["a", "b"]
    scale: str
    seed: int
    rows: tuple[tuple[str, str], ...]
    diverged: bool
    operating_point: str
    stages: dict[str, StageFigures]
    epochs: int
    seconds: float | None
    device: str
    commit: str | None
    versions: dict[str, str]


class Reported(Entry):
    """What the report prints of one stage, on its test films; None: nothing."""

    accuracy: float | None = None
    loss: float | None = None
    f1: float | None = None
    threshold: float | None = None


class Row(Entry):
    """One setting of a study: its settings by dotted key, what the report prints by stage."""

    key: str
    network: Literal["a", "b"]
    settings: dict[str, Setting]
    reported: dict[str, Reported]
    notes: tuple[str, ...] = ()

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages after which its network is measured."""
        return STAGES[self.network]

    def reported_of(self, stage: str) -> Reported:
        """What the report prints of a stage; a row of one's own has nothing reported."""
        return self.reported.get(stage, Reported())


class Study(Entry):
    """Rows that belong together; `counted` among the report's 107."""

    name: str
    title: str
    section: str
    network: str
    varies: tuple[str, ...]
    counted: bool
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


class ReportedTable(Entry):
    """Figures that the report takes from elsewhere; nothing of it is trained here."""

    name: str
    title: str
    section: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]
    notes: tuple[str, ...] = ()


class Effect(Entry):
    """What one change of the settings does to one figure, in pairs of trainings with the same seed.

    study: whose rows are looked at; the effects of a study with the same kind, scale, stage, split and figure are one
        family, over which Holm's procedure corrects.
    kind: "row", a row against the network's reference run; or "level", a level of a grid against the reference's, as
        the mean over all other settings.
    level: the row's key, or "learning_rate 0.1".
    against: likewise, of what it is compared with.
    figure: "accuracy_at_half", "accuracy" (at the threshold from validation), "auroc".
    seeds: that both sides have.
    cells, of_cells: settings that both sides have at every one of these seeds, of all there are; 1 of a row.
    difference, low, high: mean over seeds and its 95 % interval (Student's t); None below three seeds.
    p, p_holm: two-sided; corrected for the family.
    """

    study: str
    kind: Literal["row", "level"]
    scale: str
    stage: str
    split: Split
    figure: str
    level: str
    against: str
    seeds: tuple[int, ...]
    cells: int
    of_cells: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    family: int
    verdict: Verdict


class Decided(Entry):
    """A conclusion held against the rows measured at one scale, counted in one way.

    outcome: by the means over seeds.
    why: the figures that decided, in words; "" where not measured.
    seeds: that have all the rows; the rule was also asked seed by seed:
    holds_in: in how many of them it holds.
    """

    scale: str
    split: Split
    counting: Counting
    outcome: Outcome
    why: str
    seeds: int
    holds_in: int


class Conclusion(Entry):
    """What the report's figures say, in our words, and the rule that decides whether ours say it too.

    decided: one entry a scale and way of counting; none where nothing was measured at all.
    """

    key: str
    section: str
    network: Literal["a", "b"]
    stage: str
    rows: tuple[str, ...]
    text: str
    rule: str
    decided: tuple[Decided, ...]


class Cost(Entry):
    """What a training of a row costs: seconds of so many trainings on one device; median, least and most."""

    network: Literal["a", "b"]
    scale: str
    device: str
    trainings: int
    median: float
    low: float
    high: float


class StudiesRecord(Entry):
    """The whole file.

    date: when it was written, ISO 8601.
    commit: of the code that wrote it.
    """

    format: Literal[1] = FORMAT
    date: str
    commit: str | None
    studies: tuple[Study, ...]
    tables: tuple[ReportedTable, ...]
    trainings: tuple[Training, ...]
    effects: tuple[Effect, ...]
    conclusions: tuple[Conclusion, ...]
    costs: tuple[Cost, ...]

    @property
    def scales(self) -> tuple[str, ...]:
        """The scales at which something was measured, the full one first."""
        return tuple(
            sorted({training.scale for training in self.trainings}, key=lambda label: (label != "full", label))
        )

    def study(self, name: str) -> Study:
        """The study of a name; KeyError where there is none."""
        for study in self.studies:
            if study.name == name:
                return study
        raise KeyError(name)

    def of_row(self, study: str, key: str, scale: str) -> tuple[Training, ...]:
        """The trainings of a row at a scale, by seed."""
        found = (training for training in self.trainings if training.scale == scale and (study, key) in training.rows)
        return tuple(sorted(found, key=lambda training: training.seed))
