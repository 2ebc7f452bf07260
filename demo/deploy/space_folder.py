"""The folder of a Gradio Space: its settings, requirements, pneumoscope itself, bundles, examples, what starts it."""

import shutil
from pathlib import Path

import yaml

from demo.deploy.package_files import copy_packages, examples_folder, pinned, requirements
from export.bundle import default_models_folder, find_bundles
from train.common.console import NOT_A_MEDICAL_DEVICE
from train.common.errors import UsageError

README = "README.md"
APP = "app.py"
PYTHON = "3.11"  # of constraints.txt; a Space's own default is older than what pneumoscope needs
#: Whose pages show a Space in a frame.
HUB_PAGES = "https://huggingface.co"
#: Where the host's own proxy asks from; no other can reach a Space.
PROXIES = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_COMMAND = " ".join(
    (
        f"demo --host 0.0.0.0 --port 7860 --no-browser --log text --frame-ancestors {HUB_PAGES}",
        *(f"--trusted-proxy {proxy}" for proxy in PROXIES),
    )
)

_APP = f'''"""Starts pneumoscope's page in this Space."""

import os

# Gradio would look for a page of its own making in this file, to load it anew whenever the file changes.
os.environ.pop("SYSTEM", None)

from demo.cli import app  # noqa: E402

if __name__ == "__main__":  # the processes that decode films import this file too
    app([*"{_COMMAND}".split(), "--allowed-host", os.environ.get("SPACE_HOST", "localhost")])
'''
_TEXT = f"""
# pneumoscope

Two convolutional networks read the same chest X-ray side by side and say whether it shows pneumonia.
**{NOT_A_MEDICAL_DEVICE}** Do not upload a patient's film: this page runs on somebody else's machine.

Made by `pneumoscope deploy space`; the next one replaces every file here.
"""


def build_space(to: Path, name: str, models: Path | None = None) -> None:
    """Write the folder that a Space is pushed from.

    Args:
        to: an empty folder, or one that is not there.
        name: the Space's, without its owner.
        models: folder with the networks to ship; None for those that came with pneumoscope.

    Raises:
        UsageError: the folder holds something, or there are no networks.
        BundleError: a network is damaged.
    """
    bundles = find_bundles(models or default_models_folder())
    if not bundles:
        raise UsageError(f"{models or default_models_folder()}: no network here; export one: pneumoscope export RUN")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"{to}: expected an empty folder or a new one; choose another")
    to.mkdir(parents=True, exist_ok=True)
    copy_packages(to)
    for network, bundle in bundles.items():
        shutil.copytree(bundle.folder, to / "assets" / "models" / network)
    if models is None and (compared := default_models_folder() / "comparison.json").is_file():
        shutil.copy(compared, to / "assets" / "models")
    shutil.copytree(examples_folder(), to / "assets" / "examples")
    # Gradio comes with the Space. What these need in turn is left to pip: the Space adds packages of its own beside.
    lines = requirements("cpu", "page", without="gradio")
    (to / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (to / APP).write_text(_APP, encoding="utf-8")
    (to / README).write_text(f"---\n{_front_matter(name)}---\n{_TEXT}", encoding="utf-8")


def _front_matter(name: str) -> str:
    """The Space's settings, which its host reads at the head of README.md."""
    settings = {
        "title": name,
        "emoji": "🩻",
        "colorFrom": "gray",
        "colorTo": "blue",
        "sdk": "gradio",
        "sdk_version": pinned("gradio"),
        "python_version": PYTHON,
        "app_file": APP,
        "license": "apache-2.0",
        "short_description": "Two networks read the same chest X-ray",
        "pinned": False,
    }
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
