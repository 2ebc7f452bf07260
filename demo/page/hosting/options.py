"""Options of `demo` for whoever hosts the page for others; docs/hosting.md shows them at work."""

from pathlib import Path
from typing import Annotated, Literal

import typer

RootPath = Annotated[
    str,
    typer.Option(
        metavar="PATH",
        envvar="GRADIO_ROOT_PATH",
        help="Where a proxy shows the page, /films for instance; the proxy takes it off what it passes on.",
    ),
]
TrustedProxies = Annotated[
    list[str] | None,
    typer.Option(
        "--trusted-proxy",
        metavar="ADDRESS",
        help="Believe X-Forwarded-… from this address or network as from this machine; repeatable.",
    ),
]
TlsCert = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Serve HTTPS with this certificate (PEM, its chain behind it).")
]
TlsKey = Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's key (PEM, without a password).")]
FrameAncestors = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ORIGIN", help="Let pages of this origin show the page in a frame; repeatable, nobody's by default."
    ),
]
Log = Annotated[
    Literal["json", "text"] | None,
    typer.Option(help="Write a line for each answer to standard error; no film, file, person or address is in it."),
]
Metrics = Annotated[bool, typer.Option("--metrics", help="Answer /metrics for Prometheus.")]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host",
        metavar="NAME",
        help="Name under which visitors ask for the page, films.example.org or *.example.org, beside the address it "
        "listens on; repeatable. Whoever asks under another is turned away.",
    ),
]
ClientQuota = Annotated[
    int, typer.Option(metavar="MB", min=1, help="Films that one address may have here before they are read, 10⁶ bytes.")
]
UploadQuota = Annotated[int, typer.Option(metavar="MB", min=1, help="The same of all addresses together.")]
