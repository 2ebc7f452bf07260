"""The errors a user may meet. Each message is one line: what is wrong, what was expected, what to do."""

from pathlib import Path


class PneumoscopeError(Exception):
    """The user's data or files are wrong. The command line prints the message and exits with 1."""

    exit_code = 1


class UsageError(PneumoscopeError):
    """Something was asked for that cannot be: an unknown setting, a device that is absent. Exit code 2."""

    exit_code = 2


def made_by(path: Path, option: str = "") -> str:
    """The command that makes a damaged or missing file of a run's folder, or of a bundle, anew.

    Args:
        path: of the file.
        option: of `evaluate`, with its leading space.
    """
    if (path.parent / "card.json").is_file():
        return "pneumoscope export RUN, of the run that the bundle is from"
    return f"pneumoscope evaluate {path.parent.name}{option}"
