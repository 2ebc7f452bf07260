"""Colours of the window, for a light and a dark system."""

from PySide6.QtGui import QColor, QGuiApplication, QPalette

from demo.language.colours import NETWORK_COLOURS

DARK_NETWORK_COLOURS = {"a": "#6cb0ff", "b": "#f5a45c"}  # both at least 4.5:1 on a dark window, as on the page
FAULT_COLOURS = ("#b91c1c", "#fca5a5")  # in light, in dark


def is_dark(palette: QPalette | None = None) -> bool:
    """Whether text is lighter than what it stands on: what the system's choice comes to."""
    palette = palette or QGuiApplication.palette()
    return (
        palette.color(QPalette.ColorRole.WindowText).lightness() > palette.color(QPalette.ColorRole.Window).lightness()
    )


def network_colour(network: str, palette: QPalette | None = None) -> QColor:
    """The colour that stands for a network."""
    return QColor((DARK_NETWORK_COLOURS if is_dark(palette) else NETWORK_COLOURS)[network])


def fault_colour(palette: QPalette | None = None) -> QColor:
    """The colour beside what went wrong."""
    return QColor(FAULT_COLOURS[is_dark(palette)])


def subdued(palette: QPalette | None = None) -> QColor:
    """Text of less weight, still at least 4.5:1."""
    return QColor("#b4b8bf" if is_dark(palette) else "#555b64")
