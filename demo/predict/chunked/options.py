"""Options of `predict --output`."""

from typing import Annotated, Literal

import typer

Engine = Literal["local", "ray"]
PartForm = Literal["jsonl", "parquet"]

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        metavar="DIR",
        help="Read any number of films in chunks, each a part file in DIR (a folder, s3://…, gs://…): the same command "
        "goes on after a stop. Films may then be URLs too. With --csv the parts are printed as one table.",
    ),
]
EngineName = Annotated[
    Engine | None,
    typer.Option(
        "--engine", help="With --output: processes of this machine (local), or actors of Ray.", show_default="local"
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="With --output: how many read chunks.", show_default="one a processor"),
]
ChunkSize = Annotated[
    int | None, typer.Option("--chunk", min=1, help="With --output: films in a chunk.", show_default="at most 256")
]
Parts = Annotated[
    PartForm | None,
    typer.Option(help="With --output: what the parts are; parquet needs pyarrow.", show_default="jsonl"),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="With --engine ray: the cluster to join; by default $RAY_ADDRESS, or else a Ray of this machine alone.",
        show_default=False,
    ),
]
NumGpus = Annotated[
    float | None,
    typer.Option("--num-gpus", min=0, help="With --engine ray: GPUs of each worker, as 0.25.", show_default="0"),
]
