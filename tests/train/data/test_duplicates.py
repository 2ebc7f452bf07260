"""Copies come in groups, and those that spoil an evaluation come first."""

import numpy as np

from train.data.cohort import Film
from train.data.duplicates import count_groups, exact_groups, near_groups


def film(name, patient="p1", label=0, split="train"):
    return Film(name, patient, label, split, "unknown")


FILMS = [film("a"), film("b"), film("c", "p2", 1), film("d", "p2", 1), film("e", "p3"), film("f", "p4", split="test")]


def test_exact_groups_count_what_they_cross():
    groups = exact_groups(FILMS, ["1", "1", "2", "2", "3", "3"])
    assert [[member.path for member in group.films] for group in groups] == [["e", "f"], ["a", "b"], ["c", "d"]]
    assert count_groups(groups) == {
        "groups": 3,
        "films": 6,
        "copies": 3,
        "across_splits": 1,
        "across_classes": 0,
        "across_patients": 1,
    }
    mixed = exact_groups(FILMS, ["1", "2", "1", "3", "4", "4"])
    assert [[member.path for member in group.films] for group in mixed] == [["e", "f"], ["a", "c"]]
    crossing = exact_groups(FILMS, ["1", "2", "1", "1", "3", "4"])
    assert count_groups(crossing) == {
        "groups": 1,
        "films": 3,
        "copies": 2,
        "across_splits": 0,
        "across_classes": 1,
        "across_patients": 1,
    }


def test_near_groups_leave_out_those_that_are_byte_for_byte_equal():
    hashes = np.random.default_rng(0).random((6, 256)) < 0.5
    hashes[1] = hashes[0]
    hashes[5] = hashes[4]
    hashes[5, :3] ^= True
    groups, closest = near_groups(FILMS, ["1", "1", "2", "3", "4", "5"], hashes)
    assert [[member.path for member in group.films] for group in groups] == [["e", "f"]]
    assert groups[0].across_splits
    assert 80 < closest < 128


def test_no_films_no_groups():
    assert exact_groups([], []) == ()
    assert near_groups([], [], np.zeros((0, 256), dtype=bool)) == ((), None)
