"""The command `pneumoscope`: what demo, train and export can do, side by side."""

from typing import Annotated

import typer

from demo.bench.cli import app as bench_app
from demo.deploy.cli import app as deploy_app
from demo.desktop.cli import app as desktop_app
from demo.page.cli import app as demo_app
from demo.predict.cli import app as predict_app
from export.cli import app as export_app
from train.cli.data_commands import app as data_app
from train.cli.study.commands import app as study_app
from train.cli.train_command import app as train_app
from train.common.console import NOT_A_MEDICAL_DEVICE, print_line
from train.common.output import Program

app = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: typer's boxes name every flag's type and break the paragraphs
    # Typer's own tracebacks show local variables, and so perhaps what stands in a film's header.
    pretty_exceptions_enable=False,
    epilog=NOT_A_MEDICAL_DEVICE,
)


# Without a name of their own: their commands stand flat, in this order.
app.add_typer(demo_app, name="demo")
app.add_typer(predict_app)
app.add_typer(desktop_app, name="desktop")
app.add_typer(train_app)
app.add_typer(export_app)
app.add_typer(study_app, name="study")
app.add_typer(data_app, name="data")
app.add_typer(bench_app)
app.add_typer(deploy_app, name="deploy")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print_line(f"pneumoscope {version('pneumoscope')}")
        raise typer.Exit


@app.callback()
def pneumoscope(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Two neural networks read the same chest X-ray, side by side, and say whether it shows pneumonia.

    Network A is a small CNN trained from scratch, network B a ResNet50V2. Read your own films with
    `predict`; train, evaluate and export your own networks with the other commands.
    """
