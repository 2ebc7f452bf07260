"""The command `deploy`."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from demo.predict.options import Models
from train.common.console import Command, Debug, print_line, say, say_next
from train.common.errors import UsageError

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)

DryRun = Annotated[
    Path | None,
    typer.Option("--dry-run", metavar="DIR", help="Only write what would be pushed to this new or empty folder."),
]
Private = Annotated[bool, typer.Option("--private", help="Make a new Space private: only you see it.")]


@app.callback()
def deploy() -> None:
    """Put the page on another host; docs/hosting.md compares the ways."""


@app.command(cls=Command)
def space(
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The Space: made if need be, replaced if there.")],
    models: Models = None,
    dry_run: DryRun = None,
    private: Private = False,
    debug: Debug = False,
) -> None:
    """Push the page to a Gradio Space of Hugging Face, with your own token (HF_TOKEN, or `hf auth login`).

    Whoever opens it uploads films to that host. The hub may ask for a paid plan. HF_ENDPOINT names another hub.
    """
    from demo.deploy.hub import check_name, push_folder
    from demo.deploy.space_folder import build_space

    check_name(name)
    if models is not None and not private and dry_run is None:
        raise UsageError(
            "--models: a Space shows its files to everyone, and scores.csv names your films; add --private"
        )
    own = name.split("/")[1]
    if dry_run is not None:
        build_space(dry_run, own, models)
        print_line(dry_run)
        say_next(f"pneumoscope deploy space {name}")
        return
    with tempfile.TemporaryDirectory(prefix="pneumoscope-space-") as made:
        folder = Path(made) / "space"
        say("building the Space")
        build_space(folder, own, models)
        say("pushing it")
        print_line(push_folder(folder, name, "space", private=private, sdk="gradio"))
    say("The hub now installs and starts it, which takes minutes; its page shows the log.")
