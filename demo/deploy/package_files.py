"""pneumoscope as files: the packages with what they read, as a wheel lays them out; and the versions it ran with."""

import re
import shutil
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from train.common.errors import UsageError

#: The checkout, or the folder of an installed package's neighbours: one rule finds everything in both.
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("train", "export", "demo")
NAME = "pneumoscope"
_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+)")


def copy_packages(to: Path) -> None:
    """Copy the three packages and pneumoscope's own metadata into a folder, which Python can then run from.

    The metadata lets `importlib.metadata` say the version, as where it is installed.
    """
    for package in PACKAGES:
        shutil.copytree(ROOT / package, to / package, ignore=shutil.ignore_patterns("__pycache__", "*.py[co]"))
    text = distribution(NAME).read_text("METADATA")
    if not text:
        raise UsageError("pneumoscope's own metadata are missing; install it: pip install .")
    folder = to / f"{NAME}-{version(NAME)}.dist-info"
    folder.mkdir()
    # Without the README, which is the longer part of it.
    (folder / "METADATA").write_text(text.partition("\n\n")[0] + "\n", encoding="utf-8")


def examples_folder() -> Path:
    """The synthetic films that came with pneumoscope."""
    return ROOT / "assets" / "examples"


def requirements(*extras: str, without: str = "") -> list[str]:
    """What pneumoscope and these extras of it need directly, each pinned by `pinned`.

    Args:
        extras: names of optional dependencies.
        without: a package to leave out, as the host brings it.
    """
    names = set()
    for line in distribution(NAME).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            names.add(canonicalize_name(requirement.name))
    return [f"{name}=={pinned(name)}" for name in sorted(names - {canonicalize_name(without)})]


def pinned(package: str) -> str:
    """The version the tests ran with; of a package that constraints.txt does not name, the one installed here.

    Raises:
        UsageError: it is neither named nor installed.
    """
    wanted = canonicalize_name(package)
    for path in (ROOT / "constraints.txt", ROOT / "assets" / "constraints.txt"):
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                if (pin := _PIN.match(line)) and canonicalize_name(pin["name"]) == wanted:
                    return pin["version"]
    try:
        return version(package)
    except PackageNotFoundError:
        raise UsageError(f"{package}: no version of it is known here; install pneumoscope[cpu,page]") from None
