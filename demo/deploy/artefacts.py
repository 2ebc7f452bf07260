"""What a release is checked by: `python -m demo.deploy.artefacts DIR` writes a bill of materials and checksums.

    DIR/*.whl, *.tar.gz      the package, from `python -m build`
    DIR/sbom.cdx.json        every package that runs with it, CycloneDX
    DIR/SHA256SUMS           of all of these; `sha256sum -c SHA256SUMS` checks them

Needs a checkout and the extra `dev`; it is for whoever makes a release, and nothing of it is committed.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from demo.deploy.package_files import ROOT
from train.common.atomic import write_bytes
from train.common.console import Command, Debug, print_line, say
from train.common.errors import PneumoscopeError, UsageError

SUMS = "SHA256SUMS"
SBOM = "sbom.cdx.json"
EXTRAS = "cpu,page,metrics"


def make_artefacts(to: Path, say: Callable[[str], None] = say) -> tuple[Path, ...]:
    """Build the package, list what it runs with, and sum all of it up.

    Args:
        to: a folder; what is there already is left alone, but for files of these names.
        say: told what goes on.

    Returns:
        The files that were made.

    Raises:
        UsageError: this is no checkout.
        PneumoscopeError: a step failed.
    """
    if not (ROOT / "pyproject.toml").is_file():
        raise UsageError("artefacts are made from a checkout of the repository; this is an installed package")
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pneumoscope-artefacts-") as folder:
        say("building the package")
        built = Path(folder) / "dist"
        _run([sys.executable, "-m", "build", "--outdir", str(built), str(ROOT)])
        say("listing what it runs with")
        environment = Path(folder) / "venv"
        _run([sys.executable, "-m", "venv", str(environment)])
        (wheel,) = built.glob("*.whl")
        python = str(environment / "bin" / "python")
        constraints = ("-c", str(ROOT / "constraints.txt"))
        _run([python, "-m", "pip", "install", "--quiet", *constraints, f"{wheel}[{EXTRAS}]"])
        packages = [to / path.name for path in built.iterdir()]
        for path in packages:
            write_bytes(path, (built / path.name).read_bytes())
        write_bytes(to / SBOM, bill_of_materials(python))
    sums = to / SUMS
    write_bytes(sums, checksums(to, [path.name for path in (*packages, to / SBOM)]))
    return (*packages, to / SBOM, sums)


def bill_of_materials(python: str) -> bytes:
    """Every package of an environment with its version and licence, as CycloneDX in JSON, the same each time.

    Args:
        python: the environment's interpreter.
    """
    command = (sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON")
    made = _run([*command, "--pyproject", str(ROOT / "pyproject.toml"), python])
    content = json.loads(made)
    content["metadata"]["component"]["version"] = version("pneumoscope")
    return json.dumps(content, indent=2, sort_keys=True).encode() + b"\n"


def checksums(folder: Path, names: Sequence[str]) -> bytes:
    """SHA-256 of files of a folder as `sha256sum` writes them, in the order of their names."""
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(names)]
    return "".join(lines).encode()


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no word why").splitlines()
        raise PneumoscopeError(f"{' '.join(command[1:4])} failed ({lines[-1]}); install the extra dev, and look at it")
    return done.stdout


app = typer.Typer(rich_markup_mode=None)


@app.command(cls=Command)
def artefacts(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the files.")],
    debug: Debug = False,  # noqa: ARG001
) -> None:
    """Build the package, a bill of materials (CycloneDX) and a list of checksums."""
    for path in make_artefacts(to):
        print_line(path)


if __name__ == "__main__":
    app()
