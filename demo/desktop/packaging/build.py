"""`desktop build`: an environment of its own, PyInstaller in it, then what PyInstaller cannot know."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from export.bundle import find_bundles
from train.common.errors import PneumoscopeError, UsageError

ROOT = Path(__file__).resolve().parents[3]
PACKAGING = Path(__file__).parent
DESKTOP_ASSETS = ROOT / "assets" / "desktop"
NAME = "pneumoscope"
KEPT = ".pneumoscope-build"  # beside the result, where the environment is kept
#: What a folder holds that a build made.
MARKS = ("_internal", "pneumoscope.metainfo.xml")
LICENCE_FILE = re.compile(r"(LICEN[CS]E|COPYING|NOTICE|AUTHORS)", re.IGNORECASE)
BUILDS = ("altgraph", "packaging", "pip", "pyinstaller", "setuptools")  # the build's own tools are not in the app


class BuildError(PneumoscopeError):
    """A step of the build failed."""


@dataclass(frozen=True)
class Built:
    """What a build made.

    Attributes:
        folder: the app; `models` and `program` are in it.
        archive: the same, packed.
    """

    folder: Path
    models: Path
    program: Path
    archive: Path


def build_app(to: Path, models: Path | None, keep: bool, say: Callable[[str], None]) -> Built:
    """Build the app for the system this runs on.

    Args:
        to: folder for the result; what an earlier build left there is replaced.
        models: folder with the networks to ship; None for those that came with pneumoscope.
        keep: leave the environment there, so that the next build that keeps it need not make it.
        say: told what goes on.

    Raises:
        UsageError: this is no checkout, there are no networks, or what stands in the result's place is no build.
        BuildError: pip or PyInstaller failed.
    """
    if not (ROOT / "pyproject.toml").is_file() or not DESKTOP_ASSETS.is_dir():
        raise UsageError("the app is built from a checkout of the repository; this is an installed package")
    shipped = models or ROOT / "assets" / "models"
    if not find_bundles(shipped):
        raise UsageError(f"{shipped}: no model of network a or b here; export one: pneumoscope export RUN")
    to = to.resolve()
    folder = to / NAME
    _check_place(folder)
    to.mkdir(parents=True, exist_ok=True)
    work = to / KEPT if keep else Path(tempfile.mkdtemp(prefix=f"{KEPT}-", dir=to))
    try:
        python = _environment(work / "venv", say)
        say("freezing the app")
        _run([python, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "ERROR",
              "--distpath", work / "dist", "--workpath", work / "work", PACKAGING / "pneumoscope.spec"])  # fmt: skip
        frozen = work / "dist" / NAME
        say("leaving out what films do not need")
        if sys.platform == "linux":
            strip_symbols(frozen)
        _add_licences(work / "venv", frozen / "licences")
        for bundle in find_bundles(shipped).values():
            shutil.copytree(bundle.folder, frozen / "models" / bundle.card.network)
        for name in ("pneumoscope.svg", "pneumoscope.desktop", "pneumoscope.metainfo.xml", "README.txt"):
            shutil.copy(DESKTOP_ASSETS / name, frozen)
        _check_place(folder)  # again: minutes have gone by
        if folder.exists():
            shutil.rmtree(folder)
        shutil.move(frozen, folder)
        say("packing it")
        archive = _pack(folder, to)
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)
    program = folder / (f"{NAME}.exe" if sys.platform == "win32" else NAME)
    return Built(folder, folder / "models", program, archive)


def strip_symbols(frozen: Path) -> None:
    """Take the symbols for debuggers out: some builds of Python bring 20 MB of them, imagecodecs' modules 10 MB.

    All other wheels stay as their makers left them.
    """
    for pattern in ("libpython*.so*", "python3*/**/*.so", "imagecodecs/*.so"):
        for library in frozen.glob(f"_internal/{pattern}"):
            _run(["strip", "--strip-unneeded", library])


def readable_size(path: Path) -> str:
    """Size of a file or of all files below a folder, in megabytes of 1,000,000 bytes; links count nothing."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:.0f} MB"


def _check_place(folder: Path) -> None:
    """Refuse to replace what no build made.

    Raises:
        UsageError: somebody else's file or folder is there, or the checkout itself.
    """
    if not os.path.lexists(folder):
        return
    is_ours = folder.is_dir() and not folder.is_symlink() and all((folder / mark).exists() for mark in MARKS)
    if not is_ours or ROOT.is_relative_to(folder):
        raise UsageError(f"{folder}: expected nothing there, or an earlier build; choose another folder with --to")


def _environment(folder: Path, say: Callable[[str], None]) -> Path:
    """An environment with what the app is made of, pneumoscope itself among it; its Python."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-warn-script-location",
    ]
    if not python.is_file():
        say("making an environment of its own")
        _run([sys.executable, "-m", "venv", folder])
        _run([*pip, "-c", ROOT / "constraints.txt", "-r", PACKAGING / "requirements.txt"])
    _run([*pip, "--no-deps", "--force-reinstall", ROOT])
    return python


def _run(command: Sequence[str | Path]) -> None:
    # Without the caller's own packages: only what the environment holds may get in.
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=settings, check=False)  # noqa: S603  # our own commands
    if done.returncode:
        last = " ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise BuildError(f"{' '.join(map(str, command[1:4]))} failed: {last or f'exit code {done.returncode}'}")


def _add_licences(environment: Path, to: Path) -> None:
    """The licence texts of everything that is in the app, a folder a package; Qt's own are in assets."""
    to.mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE", to / "pneumoscope-LICENSE.txt")
    packages = next(environment.glob("lib/python*/site-packages"), environment / "Lib" / "site-packages")
    for metadata in sorted(packages.glob("*.dist-info")):
        owner = metadata.name.removesuffix(".dist-info")
        if owner.lower().startswith(BUILDS):
            continue
        texts = [
            path
            for path in metadata.rglob("*")
            if path.is_file() and LICENCE_FILE.search(str(path.relative_to(metadata)))
        ]
        for text in [*texts, metadata / "METADATA"]:
            target = to / owner / text.relative_to(metadata)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(text, target)
    for extra in ("imagecodecs/licenses", "onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"):
        source = packages / extra
        if source.is_dir():
            shutil.copytree(source, to / extra.replace("/", "-"))
        elif source.is_file():
            shutil.copy(source, to / extra.replace("/", "-"))
    shutil.copytree(DESKTOP_ASSETS / "licences", to / "Qt")


def _pack(folder: Path, to: Path) -> Path:
    system = {"linux": "linux", "win32": "windows", "darwin": "macos"}[sys.platform]
    name = f"{NAME}-{version(NAME)}-{system}-{os.uname().machine if hasattr(os, 'uname') else 'x86_64'}"
    if sys.platform == "linux":
        archive = to / f"{name}.tar.xz"
        with tarfile.open(archive, "w:xz", preset=6) as packed:
            packed.add(folder, name, filter=_nobody)
        return archive
    archive = to / f"{name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(folder.rglob("*")):
            packed.write(file, Path(name) / file.relative_to(folder))
    return archive


def _nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    # Who built it is nobody's concern.
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
