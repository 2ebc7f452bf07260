"""The command `deploy`."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from demo.predict.options import Models
from train.common.console import Command, Debug, print_line, say, say_next
from train.common.errors import UsageError

if TYPE_CHECKING:
    from demo.browser.packages import Libraries as FoundLibraries
    from demo.inference.networks import LoadedModels

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)

DryRun = Annotated[
    Path | None,
    typer.Option("--dry-run", metavar="DIR", help="Only write what would be pushed to this new or empty folder."),
]
Libraries = Annotated[
    Path | None,
    typer.Option(
        "--libraries",
        metavar="DIR",
        envvar="PNEUMOSCOPE_NODE_MODULES",
        help="Folder node_modules with the page's libraries; without it npm fetches them.",
    ),
]
Private = Annotated[bool, typer.Option("--private", help="Make a new one private: only you see it.")]


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
    _refuse_to_show_films(models, private=private, dry_run=dry_run, what="Space")
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


@app.command(cls=Command)
def static(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write: new, empty, or written by this before.")],
    models: Models = None,
    libraries: Libraries = None,
    single_file: Annotated[
        bool,
        typer.Option("--single-file", help="Write one HTML file (90 MB) that needs no web server: DIR is its name."),
    ] = False,
    debug: Debug = False,
) -> None:
    """Write the page as plain files for any web server: both networks run in the visitor's own browser.

    No film leaves that browser. The libraries come from npm, pinned, or from a folder that npm installed them into.
    """
    from demo.deploy.static.folder import build_files, folder_files, write_folder
    from demo.deploy.static.single_file import single_file as in_one
    from train.common.atomic import write_bytes

    loaded, found = _parts_of_page(models, libraries)
    if single_file:
        if to.is_dir():
            raise UsageError(f"{to}: is a folder; name the file to write, as in pneumoscope.html")
        write_bytes(to, in_one(build_files(loaded, found)))
        print_line(to)
        return
    write_folder(to, folder_files(loaded, found))
    print_line(to)
    say_next(f"python3 -m http.server --bind 127.0.0.1 --directory {to} 8000")


@app.command(cls=Command)
def static_space(
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The Space: made if need be, replaced if there.")],
    models: Models = None,
    libraries: Libraries = None,
    dry_run: DryRun = None,
    private: Private = False,
    debug: Debug = False,
) -> None:
    """Push the page of `deploy static` as a static Space of Hugging Face, with your own token.

    Films stay in the browser of whoever opens it. Such a Space costs nothing and never sleeps.
    """
    from demo.deploy.hub import check_name, push_folder
    from demo.deploy.static.folder import folder_files, write_folder
    from demo.deploy.static.space import README, space_readme

    check_name(name)
    loaded, found = _parts_of_page(models, libraries)
    files = folder_files(loaded, found) | {README: space_readme(name.split("/")[1])}
    if dry_run is not None:
        write_folder(dry_run, files)
        print_line(dry_run)
        say_next(f"pneumoscope deploy static-space {name}")
        return
    with tempfile.TemporaryDirectory(prefix="pneumoscope-space-") as made:
        folder = Path(made) / "space"
        write_folder(folder, files)
        say("pushing it")
        print_line(push_folder(folder, name, "space", private=private, sdk="static"))


@app.command(cls=Command)
def model(
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The model: made if need be, replaced if there.")],
    models: Models = None,
    dry_run: DryRun = None,
    private: Private = False,
    debug: Debug = False,
) -> None:
    """Push the bundles to a model repository of Hugging Face, with a card that has their measured figures."""
    from demo.deploy.hub import check_name, push_folder
    from demo.deploy.model_folder import build_model

    check_name(name)
    _refuse_to_show_films(models, private=private, dry_run=dry_run, what="model repository")
    own = name.split("/")[1]
    if dry_run is not None:
        build_model(dry_run, own, models)
        print_line(dry_run)
        say_next(f"pneumoscope deploy model {name}")
        return
    with tempfile.TemporaryDirectory(prefix="pneumoscope-model-") as made:
        folder = Path(made) / "model"
        build_model(folder, own, models)
        say("pushing it")
        print_line(push_folder(folder, name, "model", private=private))


def _parts_of_page(models: Path | None, libraries: Path | None) -> tuple["LoadedModels", "FoundLibraries"]:
    """What the page of plain files is made of."""
    from demo.browser.packages import get_libraries
    from demo.deploy.published_scores import warn_of_own_scores
    from demo.inference.networks import load_models

    say("getting the libraries")
    found = get_libraries(libraries)
    say("drawing the page")
    loaded = load_models(models, "cpu")
    if not loaded.classifiers:
        raise UsageError(f"{loaded.folder_name}: no network here; export one: pneumoscope export RUN")
    warn_of_own_scores(loaded.bundles, named=False)
    return loaded, found


def _refuse_to_show_films(models: Path | None, *, private: bool, dry_run: Path | None, what: str) -> None:
    if models is not None and not private and dry_run is None:
        raise UsageError(
            f"--models: a {what} shows its files to everyone, and scores.csv names your films; add --private"
        )
