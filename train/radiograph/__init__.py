"""A radiograph: any film file → 8-bit grey film (`read_radiograph`) → what a network is given (`prepare`)."""

from train.radiograph.formats import FilmWarning, RadiographError
from train.radiograph.preparing import ContrastRule, PrepareSpec, ResizeRule, centre_window, prepare
from train.radiograph.reading import READABLE_SUFFIXES, read_radiograph, read_with_warnings

__all__ = [
    "READABLE_SUFFIXES",
    "ContrastRule",
    "FilmWarning",
    "PrepareSpec",
    "RadiographError",
    "ResizeRule",
    "centre_window",
    "prepare",
    "read_radiograph",
    "read_with_warnings",
]
