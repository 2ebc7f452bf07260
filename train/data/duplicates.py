"""Films that lie in a cohort more than once: byte for byte, or nearly so."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.data.cohort import Film
from train.data.film_hash import closest_apart, first_of_group


@dataclass(frozen=True)
class Group:
    """Films that are one film.

    Attributes:
        films: at least two, in the cohort's order.
        digests: SHA-256 (hex) of each one's file.
    """

    films: tuple[Film, ...]
    digests: tuple[str, ...]

    @property
    def across_splits(self) -> bool:
        """Whether the films lie in several splits."""
        return len({film.split for film in self.films}) > 1

    @property
    def across_classes(self) -> bool:
        """Whether the films carry both labels."""
        return len({film.label for film in self.films}) > 1

    @property
    def across_patients(self) -> bool:
        """Whether the films are listed as several patients'."""
        return len({film.patient for film in self.films}) > 1

    @property
    def identical(self) -> bool:
        """Whether all files are equal byte for byte."""
        return len(set(self.digests)) == 1


def exact_groups(films: Sequence[Film], digests: Sequence[str]) -> tuple[Group, ...]:
    """Films whose files are equal byte for byte, in groups; those across splits, classes, patients come first."""
    return _groups(films, digests, digests)


def near_groups(
    films: Sequence[Film], digests: Sequence[str], hashes: NDArray[np.bool_]
) -> tuple[tuple[Group, ...], int | None]:
    """Films that look equal though not all of their files are.

    Args:
        films: N films.
        digests: SHA-256 of each.
        hashes: bool [N, 256], see `train.data.film_hash`.

    Returns:
        The groups, sorted as `exact_groups`, and in how many signs the closest films that are no copies differ.
    """
    first = first_of_group(hashes)
    found = _groups(films, digests, first.tolist())
    return tuple(group for group in found if not group.identical), closest_apart(hashes, first)


def count_groups(groups: Sequence[Group]) -> dict[str, int]:
    """How many groups, films in them, films beyond the first of each, and groups across splits, classes, patients."""
    films = sum(len(group.films) for group in groups)
    return {
        "groups": len(groups),
        "films": films,
        "copies": films - len(groups),
        "across_splits": sum(group.across_splits for group in groups),
        "across_classes": sum(group.across_classes for group in groups),
        "across_patients": sum(group.across_patients for group in groups),
    }


def _groups(films: Sequence[Film], digests: Sequence[str], keys: Sequence[Hashable]) -> tuple[Group, ...]:
    rows = defaultdict(list)
    for row, key in enumerate(keys):
        rows[key].append(row)
    groups = [
        Group(tuple(films[row] for row in members), tuple(digests[row] for row in members))
        for members in rows.values()
        if len(members) > 1
    ]
    # The sort is stable: among equally grave groups the cohort's order stays.
    return tuple(
        sorted(groups, key=lambda group: (not group.across_splits, not group.across_classes, not group.across_patients))
    )
