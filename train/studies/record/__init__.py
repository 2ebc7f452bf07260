"""studies.json: what the studies set, what the report printed, what was measured here, and what follows from it.

One writer (`pneumoscope study report`) and one reader, for the report's pages and for the page's panel. Whoever reads
it needs pydantic alone.
"""

from train.studies.record.file import (
    STUDIES,
    read_record,
    run_command,
    write_record,
)
from train.studies.record.over_seeds import (
    OverSeeds,
    by_scale,
    figures_of,
    grouped,
    over_seeds,
    split_of,
)
from train.studies.record.shape import (
    COUNTINGS,
    STAGES,
    AtThreshold,
    Conclusion,
    Cost,
    Counting,
    Decided,
    Effect,
    Figures,
    Interval,
    Outcome,
    Reported,
    ReportedTable,
    Row,
    Setting,
    Split,
    StageFigures,
    StudiesRecord,
    Study,
    Training,
    Verdict,
)

__all__ = [
    "COUNTINGS",
    "STAGES",
    "STUDIES",
    "AtThreshold",
    "Conclusion",
    "Cost",
    "Counting",
    "Decided",
    "Effect",
    "Figures",
    "Interval",
    "Outcome",
    "OverSeeds",
    "Reported",
    "ReportedTable",
    "Row",
    "Setting",
    "Split",
    "StageFigures",
    "StudiesRecord",
    "Study",
    "Training",
    "Verdict",
    "by_scale",
    "figures_of",
    "grouped",
    "over_seeds",
    "read_record",
    "run_command",
    "split_of",
    "write_record",
]
