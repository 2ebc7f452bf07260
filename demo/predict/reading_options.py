"""Options of `predict`: what is read, by which networks, and how it is printed."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from train.metrics.operating_choices import PointName

Network = Literal["a", "b", "both"]

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH",
        help="Films, folders of films, or patterns such as 'ward/*.dcm'; - reads one film from standard input.",
        show_default=False,
    ),
]
Manifest = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Read the films in the column `path` of this CSV or Parquet file, each relative to the file's own folder.",
    ),
]
Recursive = Annotated[
    bool,
    typer.Option("--recursive", help="Look into sub-folders too, also where a folder has films of its own."),
]
EveryFile = Annotated[
    bool,
    typer.Option(
        "--all",
        help="Take every file of a folder, hidden ones too, not only those that are films by content.",
    ),
]
ReadBy = Annotated[Network, typer.Option(help="Which network reads the films.")]
OperatingPoint = Annotated[
    PointName | None,
    typer.Option(
        help="Which threshold decides, all chosen on validation films: at least 95 % of pneumonias found "
        "(sensitivity_95), at least 95 % of healthy spared (specificity_95), found and spared alike (youden), "
        "most found per mistake (f1), the network's own 0.5 (half). By default the one the model's card "
        "names (youden).",
        show_default=False,
    ),
]
AsJsonList = Annotated[bool, typer.Option("--json", help="Print a JSON list, one object per film.")]
AsJsonLines = Annotated[
    bool, typer.Option("--jsonl", help="Print the same objects one per line, each as soon as it is there.")
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV, one row per film and network.")]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write --jsonl lines to FILE instead, leaving out the films it already has: the same command "
        "begins a run and goes on after a stop.",
    ),
]
Heatmaps = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write into DIR, for each film and network, the film with the evidence for pneumonia laid over it "
        "(JPEG; it shows the film, so guard it as the film itself).",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Give a verdict and a heatmap also where a network refuses a picture as unlike its training films; "
        "it stays marked as refused.",
    ),
]
