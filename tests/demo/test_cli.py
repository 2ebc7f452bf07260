import subprocess
import sys

import pytest
from typer.testing import CliRunner

from demo import cli
from train.common.console import NOT_A_MEDICAL_DEVICE


def test_help_needs_nothing_heavy():
    code = "import sys\nfrom demo.cli import app\napp(['--help'], standalone_mode=False)\nprint(*sys.modules)\n"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    help_text, modules = process.stdout.rstrip("\n").rsplit("\n", 1)
    assert "predict" in help_text
    assert NOT_A_MEDICAL_DEVICE.split(":")[0] in help_text
    heavy = {"numpy", "cv2", "pydantic", "pydicom", "onnxruntime", "rich", "yaml", "tensorflow", "sklearn"}
    assert heavy & set(modules.split()) == set()


def test_without_arguments_it_helps():
    for arguments in ([], ["predict"]):
        assert "Usage: " in CliRunner().invoke(cli.app, arguments).output


def test_version():
    from importlib.metadata import version

    result = CliRunner().invoke(cli.app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"pneumoscope {version('pneumoscope')}\n")


def test_every_command_stands_flat_beside_predict():
    listed = CliRunner().invoke(cli.app, ["--help"]).stdout.split("Commands:\n")[1].split("\n\n")[0]
    commands = {line.split()[0] for line in listed.splitlines() if line[2] != " "}
    assert commands == {"demo", "desktop", "predict", "bench", "train", "evaluate", "study", "export", "data", "deploy"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        *([command, "--help"] for command in ("demo", "predict", "bench", "train", "evaluate", "export")),
        *(["desktop", command, "--help"] for command in ("open", "build")),
        *(["data", command, "--help"] for command in ("fetch", "check", "phantoms", "audit", "synthesize")),
    ],
    ids=" ".join,
)
def test_output_that_cannot_be_written_is_one_line_and_1(arguments):
    code = "from demo.cli import app; app()"
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        process = subprocess.run(
            [sys.executable, "-c", code, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: standard output cannot be written (No space left on device)")
