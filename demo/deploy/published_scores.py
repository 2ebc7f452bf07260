"""Whose scored films a page of plain files, or a push, makes public: those that came with pneumoscope, or your own."""

from collections.abc import Mapping
from contextlib import suppress

from export.bundle import Bundle, default_models_folder
from export.bundle.scores import SCORES, read_bundle_scores
from train.common.console import say_warning
from train.common.errors import PneumoscopeError


def is_shipped(bundle: Bundle) -> bool:
    """Whether a bundle's scores are of the very films, of a public cohort, that came with pneumoscope."""
    shipped = default_models_folder() / bundle.card.network / SCORES
    return shipped.is_file() and shipped.read_bytes() == bundle.contents.get(SCORES)


def warn_of_own_scores(bundles: Mapping[str, Bundle], *, named: bool) -> None:
    """Say once how many films of one's own are made public by their scores.

    Args:
        bundles: what is published.
        named: scores.csv itself is, with the films' names; otherwise their probabilities and labels alone.
    """
    films: set[str] = set()
    for bundle in bundles.values():
        if SCORES in bundle.contents and not is_shipped(bundle):
            with suppress(PneumoscopeError):  # scores that nobody can read are missing, and said where they are shown
                films.update(film for scores in read_bundle_scores(bundle).values() for film in scores.films)
    if films:
        what = "names, probabilities and labels" if named else "probabilities and labels, without names,"
        say_warning(f"--models: this makes public the {what} of {len(films):,} scored films of yours (scores.csv)")
