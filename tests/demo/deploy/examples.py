"""Where the files are that a deployer copies."""

from pathlib import Path

CONTAINER = Path(__file__).resolve().parents[3] / "demo" / "deploy" / "container"
