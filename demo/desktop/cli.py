"""The command `desktop`, and `desktop build`."""

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from demo.predict.options import Models
from train.common.console import NOT_A_MEDICAL_DEVICE, Command, Debug, print_line, say, say_next

OPEN = "open"


class OpensByDefault(TyperGroup):
    """`desktop FILM` opens the window as `desktop open FILM` does."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # Typer's own
        """Put the default command first where none is named."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [OPEN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=OpensByDefault, rich_markup_mode=None)


@app.callback()
def desktop() -> None:
    """Open the desktop app (`desktop [FILM…]`), or build it as a folder that needs no Python (`desktop build`)."""


@app.command(OPEN, cls=Command, epilog=NOT_A_MEDICAL_DEVICE)
def open_app(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Films or a folder to read at once.", show_default=False)
    ] = None,
    models: Models = None,
    debug: Debug = False,
) -> None:
    """Open a window: drop a chest X-ray on it, see what both networks say. The default.

    Films are read on this machine; nothing is looked up on the internet, and no film is remembered.
    """
    from demo.desktop.app import open_window

    code = open_window(paths or [], models)
    if code:
        raise typer.Exit(code)


@app.command(cls=Command)
def build(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the folder and the archive go.")] = Path(
        "dist"
    ),
    models: Models = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the environment it is built in, for the next time with --keep.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Build the app as one folder and an archive that run without Python, a server or the internet.

    An environment of its own is made beside the result (from the package index), so that nothing else that is
    installed here gets in. It has to be built on the system it is for.
    """
    from demo.desktop.packaging.build import build_app, readable_size

    built = build_app(to, models, keep, say)
    print_line(built.folder)
    print_line(built.archive)
    say(f"folder {readable_size(built.folder)}, {readable_size(built.models)} of it models")
    say(f"archive {readable_size(built.archive)}")
    say_next(f"{built.program} --self-test FILM")
