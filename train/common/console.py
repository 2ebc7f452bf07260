"""What all command-line modules share: one-line errors, progress with ETA, tables, JSON, the next command."""

import errno
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup

from train.common.errors import PneumoscopeError
from train.common.output import escaped
from train.common.printable_json import json_bytes

NOT_A_MEDICAL_DEVICE = "Not a medical device: for research and teaching, never for diagnosis or treatment."

#: `progress_bar`, or what stands in for it: told what is done and how much of it there is.
Progress = Callable[[str, int], AbstractContextManager[Callable[..., None]]]

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


class Command(TyperCommand):
    """A Typer command that ends in one clear line instead of a traceback, unless `--debug` is given."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # Typer's own signature
        """Run the command, as `_errors_in_one_line` says."""
        with _errors_in_one_line(ctx):
            return super().invoke(ctx)


class CommandGroup(TyperGroup):
    """A command that has further ones below it, and ends as `Command` does."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # Typer's own signature
        """Run the command, as `_errors_in_one_line` says."""
        with _errors_in_one_line(ctx):
            return super().invoke(ctx)


@contextmanager
def _errors_in_one_line(ctx: typer.Context) -> Iterator[None]:
    """A PneumoscopeError becomes one line on stderr and the error's exit code.

    So does what the system refuses about a file: a full disk, a folder where a file should be, no permission.
    """
    try:
        yield
    except PneumoscopeError as error:
        if ctx.params.get("debug"):
            raise
        say_error(str(error))
        raise typer.Exit(error.exit_code) from None
    except OSError as error:
        if ctx.params.get("debug"):
            raise
        say_error(refusal_in_words(error))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        say_error("stopped by Ctrl-C; what was finished is kept")
        raise typer.Exit(1) from None


def say(text: str = "") -> None:
    """Print a line of information to stderr, so that stdout stays the result."""
    _say("\n".join(map(_harmless, text.split("\n"))))


def say_error(message: str) -> None:
    """Print an error as one line to stderr."""
    _say(f"{typer.style('error:', fg='red', bold=True)} {_one_line(message)}")


def say_warning(message: str) -> None:
    """Print a warning as one line to stderr."""
    _say(f"{typer.style('warning:', fg='yellow', bold=True)} {_one_line(message)}")


def say_next(command: str) -> None:
    """Print the command a user would run next."""
    say(f"next: {command}")


def print_line(text: object) -> None:
    """Print a line of the result to stdout."""
    # The stream by its name: left to itself, click writes UTF-8 where the encoding is ASCII, which it takes for a slip.
    typer.echo(text, file=sys.stdout)


def print_json(value: object) -> None:
    """Print a value as JSON to stdout, as `json_bytes` gives it."""
    typer.echo(json_bytes(value, indent=2), nl=False)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a result table to stdout; columns whose cells are all numbers are set flush right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) for row in rows) and bool(rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(escaped("–" if cell is None else str(cell))) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, 160))
    console.print(table)


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[..., None]]:
    """Show a progress bar with rate and ETA on stderr; yields `advance(n=1, note="")`.

    Off a terminal the bar is replaced by a line at most every ten seconds, so that a log stays readable.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_progress(description, total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    # Results go to stdout while the bar runs: it must not draw them into its own stream.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task(description, total=total, note="")

        def advance(n: int = 1, note: str | None = None) -> None:
            if note is not None:
                progress.update(task, note=note)
            progress.update(task, advance=n)

        yield advance


def _line_progress(description: str, total: int) -> Callable[..., None]:
    import time

    started = last = time.monotonic()
    done = 0

    def advance(n: int = 1, note: str | None = None) -> None:
        nonlocal done, last
        done += n
        now = time.monotonic()
        if now - last >= 10:
            last = now
            left = f", {(now - started) / done * (total - done):.0f} s left" if done else ""
            say(f"{description}: {done}/{total}{left}{'' if note is None else ', ' + note}")

    return advance


def _say(line: str) -> None:
    typer.echo(line, file=sys.stderr, err=True)


def refusal_in_words(error: OSError) -> str:
    """What the system refuses about a file, and what to do."""
    what = "" if error.filename is None else f"{error.filename!s}: "
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        advice = "make room, or choose another place"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "choose a place that is yours to write"
    else:
        advice = "check the path; --debug shows where"
    return f"{what}the system refuses ({error.strerror or error}); {advice}"


def _one_line(message: str) -> str:
    # A file's name may hold anything, terminal commands too.
    return _harmless(" ".join(message.split()))


def _harmless(line: str) -> str:
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line)
