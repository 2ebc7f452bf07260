"""The app's start: the window, or `--self-test FILE` for whoever checks a build."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from train.common.errors import PneumoscopeError, UsageError

HOW_TO_INSTALL = "pip install 'pneumoscope[cpu,desktop]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the app of a build. Returns the exit code: 0 done, 1 a film or a model cannot be read, 2 wrong use."""
    parser = argparse.ArgumentParser("pneumoscope-desktop", description="Open a window that reads chest films.")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="films or a folder to read at once")
    parser.add_argument("--models", type=Path, metavar="DIR", help="folder with the models a and b")
    parser.add_argument("--self-test", metavar="FILE", help="print what `pneumoscope predict FILE --json` prints")
    parser.add_argument("--measure", metavar="FILE", help="read a film in the window, print the times, and quit")
    given = parser.parse_args(arguments)
    models = given.models or models_beside_the_app()
    try:
        if given.self_test is not None:
            return self_test(given.self_test, models)
        if given.measure is not None:
            return open_window([given.measure], models, measured=True)
        return open_window(given.paths, models)
    except PneumoscopeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def models_beside_the_app() -> Path | None:
    """The folder `models` beside a frozen app; None elsewhere, where those that came with pneumoscope are meant."""
    return Path(sys.executable).resolve().parent / "models" if getattr(sys, "frozen", False) else None


def open_window(paths: Sequence[str] = (), models: Path | None = None, measured: bool = False) -> int:
    """Open the window and stay until it is closed; `measured` tells how long the first film takes, and closes it.

    Raises:
        UsageError: Qt for Python is not installed, or there is no screen.
    """
    check_screen()
    qt_application = import_qt()
    from demo.desktop.settings import DesktopSettings, forget_folders, use_own_dialogs
    from demo.desktop.window import MainWindow
    from demo.desktop.workers.film_reader import FilmReader

    use_own_dialogs()
    application = qt_application(["pneumoscope"])
    application.setApplicationName("pneumoscope")
    application.setDesktopFileName("pneumoscope")
    application.setStyle("Fusion")  # the one style that follows light and dark everywhere
    set_icon(application)
    forget_folders()
    reader = FilmReader(models, preload=import_panels)
    window = MainWindow(reader, DesktopSettings())
    if measured:
        from demo.desktop.startup_timing import Stopwatch

        Stopwatch(window)
    # Not earlier: a thread that imports would keep the window from being drawn.
    window.film.view.first_drawn.connect(reader.open_networks)
    window.show()
    window.open_paths([os.path.abspath(path) for path in paths])  # noqa: PTH100  # links stay links
    return application.exec()


def import_panels() -> None:
    """Import the panels that the window gets after its first picture, so that it finds them imported."""
    import demo.desktop.deferred_panels  # noqa: F401


def self_test(film: str, models: Path | None = None) -> int:
    """Print a film's readings as `predict --json` does, from the same functions, without a window.

    Raises:
        UsageError, BundleError: as opening bundles and networks does.
    """
    from demo.inference.classifier import load_classifier
    from demo.predict.films.paths import find_films
    from demo.predict.results import as_json
    from demo.predict.stream import read_films
    from export.bundle import default_models_folder, find_bundles

    folder = models or default_models_folder()
    bundles = find_bundles(folder)
    if not bundles:
        raise UsageError(f"{folder}: no model of network a or b here")
    classifiers = {name: load_classifier(bundle) for name, bundle in bundles.items()}
    comparisons = list(read_films(find_films([film]).films, classifiers))
    sys.stdout.buffer.write(as_json(comparisons))
    sys.stdout.flush()
    return 1 if any(comparison["error"] is not None for comparison in comparisons) else 0


def import_qt() -> type:
    """Qt's QApplication.

    Raises:
        UsageError: Qt for Python is not installed, or its libraries do not load.
    """
    try:
        from PySide6.QtWidgets import QApplication
    except ModuleNotFoundError:
        raise UsageError(f"the window needs Qt for Python; {HOW_TO_INSTALL}") from None
    except ImportError as error:
        raise UsageError(f"Qt for Python cannot be imported ({error}); install the library that it names") from error
    return QApplication


def check_screen() -> None:
    """Refuse to start where Qt would end the process because there is no screen.

    Raises:
        UsageError: no X11 and no Wayland on Linux.
    """
    chosen = os.environ.get("QT_QPA_PLATFORM")
    if sys.platform != "linux" or chosen or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    raise UsageError("no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set); start it on a desktop")


def set_icon(application: object) -> None:
    """Give windows the icon, where it came with the app."""
    from PySide6.QtGui import QIcon

    icon = Path(__file__).resolve().parents[2] / "assets" / "desktop" / "pneumoscope.svg"
    if icon.is_file():
        application.setWindowIcon(QIcon(str(icon)))  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
