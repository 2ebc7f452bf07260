"""The panels that the window gets after its first picture, and what the first panel needs for a film.

Importing this takes longer than drawing the window.
"""

from demo.desktop.drawing.film_images import film_layer, grey_picture
from demo.desktop.panels.cards_panel import CardsPanel
from demo.desktop.panels.curves_panel import CurvesPanel
from demo.desktop.panels.folder_panel import FolderPanel
from demo.desktop.panels.reading_values import operating_points, reached
from demo.evaluation.operating_point_choices import default_point

__all__ = [
    "CardsPanel",
    "CurvesPanel",
    "FolderPanel",
    "default_point",
    "film_layer",
    "grey_picture",
    "operating_points",
    "reached",
]
