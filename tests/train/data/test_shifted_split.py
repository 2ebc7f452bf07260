"""The shifted validation: whole patients, both classes everywhere, the films whose exposure misleads, never test."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.common.errors import PneumoscopeError
from train.data.cohort import Cohort, CohortError, Film, read_split, write_split
from train.data.shifted_split import (
    EXPOSURES,
    SHIFTED_SHARES,
    exposure,
    exposures_of,
    family_patients,
    misleading_patients,
    split_for_training,
    with_shifted,
)


def cohort_of(patients_per_class, seed):
    """Films of 1 to 4 per patient, two families of healthy ones, and a few of test under the same patients' ids."""
    draw = np.random.default_rng(seed)
    films = []
    for label, kind in enumerate(("normal", "bacterial")):
        for number in range(patients_per_class):
            family = ("IM" if number % 3 else "NORMAL2-IM") if label == 0 else "person"
            patient = f"{family}-{number:04d}"
            splits = draw.choice(["train", "validation"], size=draw.integers(1, 5)).tolist()
            splits += ["test"] if number % 5 == 0 else []
            films += [
                Film(f"{split}/{patient}-{index}.png", patient, label, split, kind)
                for index, split in enumerate(splits)
            ]
    return Cohort(Path("nowhere"), tuple(sorted(films, key=lambda film: film.path)))


def outside_test(cohort):
    return tuple(film for film in cohort.films if film.split != "test")


def exposures_by_label(films, seed):
    """Ill films bright, healthy ones dark, with an overlap."""
    draw = np.random.default_rng(seed)
    return draw.normal(size=(len(films), EXPOSURES)) + np.array([[1.5 * film.label] for film in films])


def shifted_by(rule, cohort, seed):
    films = outside_test(cohort)
    if rule == "family":
        return family_patients(films, seed)
    return misleading_patients(films, exposures_by_label(films, seed), seed)


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(
    patients=st.integers(8, 20),
    seed=st.integers(0, 10**6),
    rule=st.sampled_from(["exposure", "family"]),
    fraction=st.floats(0.1, 0.5),
)
def test_parts_are_of_different_patients_with_both_classes_and_test_stays(patients, seed, rule, fraction):
    cohort = cohort_of(patients, seed)
    held_out = shifted_by(rule, cohort, seed)
    split = with_shifted(cohort, held_out, seed, fraction)
    assert [film.path for film in split.films] == [film.path for film in cohort.films]
    assert split.of_split("test") == cohort.of_split("test")
    whose = {name: {film.patient for film in split.of_split(name)} for name in ("train", "validation", "shifted")}
    assert whose["shifted"] == set(held_out)
    assert not whose["train"] & whose["validation"]
    assert not (whose["train"] | whose["validation"]) & whose["shifted"]
    for name in whose:
        assert {film.label for film in split.of_split(name)} == {0, 1}
    assert shifted_by(rule, cohort, seed) == held_out
    assert with_shifted(cohort, held_out, seed, fraction) == split


def test_misleading_films_are_held_out_up_to_their_share():
    films = outside_test(cohort_of(100, 0))
    exposures = exposures_by_label(films, 1)
    held_out = misleading_patients(films, exposures, seed=0)
    brightness, labels = exposures.mean(axis=1), np.array([film.label for film in films])
    away = np.array([film.patient in held_out for film in films])
    for label, share in enumerate(SHIFTED_SHARES):
        mine = labels == label
        assert share - 0.05 < away[mine].mean() <= share
    # Held out: healthy films brighter than the healthy ones that stay, ill ones darker.
    assert brightness[away & (labels == 0)].mean() > brightness[~away & (labels == 0)].mean() + 0.3
    assert brightness[away & (labels == 1)].mean() < brightness[~away & (labels == 1)].mean() - 0.3


def test_a_film_that_cannot_be_read_does_not_decide():
    films = outside_test(cohort_of(30, 0))
    exposures = exposures_by_label(films, 1)
    lost = films[0].patient
    exposures[[film.patient == lost for film in films]] = np.nan
    assert lost not in misleading_patients(films, exposures, seed=0)


def test_the_smaller_family_is_held_out_whole():
    films = outside_test(cohort_of(40, 0))
    held_out = family_patients(films, seed=0)
    healthy = {film.patient for film in films if film.label == 0}
    assert held_out & healthy == {patient for patient in healthy if patient.startswith("NORMAL2-IM-")}
    ill = [film.patient in held_out for film in films if film.label == 1]
    assert SHIFTED_SHARES[1] - 0.05 < np.mean(ill) <= SHIFTED_SHARES[1]
    assert family_patients(films, seed=1) != held_out


def test_exposure_is_of_grey_values_and_border():
    film = np.full((100, 100), 200, np.uint8)
    film[:5] = film[-5:] = 0
    film[:, :5] = film[:, -5:] = 0
    measured = exposure(film)
    assert measured.shape == (EXPOSURES,)
    assert measured[0] == 0
    assert measured[6] == 200
    assert measured[-2:].tolist() == [0, 1]
    assert exposure(np.full((8, 8), 9, np.uint8))[-1] == 1
    assert exposure(np.full((8, 8), 10, np.uint8))[-1] == 0


def test_exposures_are_read_from_the_files_and_never_from_test(phantom_root, monkeypatch):
    from train.data.cohort import index_cohort

    cohort = index_cohort(phantom_root)
    read = []
    monkeypatch.setattr(
        "train.data.shifted_split.exposures_of", lambda root, films, _: read.extend(films) or np.zeros(0)
    )
    monkeypatch.setattr(
        "train.data.shifted_split.misleading_patients", lambda films, *_: frozenset(f.patient for f in films[::4])
    )
    split = split_for_training(cohort, 0, 0.2, "exposure")
    assert tuple(read) == outside_test(cohort)
    assert split.of_split("test") == cohort.of_split("test")
    monkeypatch.undo()
    some = [*cohort.films[:2], dataclasses.replace(cohort.films[0], path="gone.png")]
    rows = exposures_of(phantom_root, some)
    assert np.isfinite(rows[:2]).all()
    assert np.isnan(rows[2]).all()


@pytest.mark.parametrize("rule", ["exposure", "family"])
def test_a_split_file_keeps_the_shifted_films(tmp_path, rule):
    cohort = cohort_of(10, 0)
    split = with_shifted(cohort, shifted_by(rule, cohort, 0), 0, 0.2)
    write_split(split, tmp_path / "split.csv")
    assert read_split(tmp_path / "split.csv", cohort.root).of_split("shifted") == split.of_split("shifted")


def test_what_cannot_be_held_out_is_one_line():
    with pytest.raises(CohortError, match=r"2 patients of class normal.*at least three"):
        misleading_patients(outside_test(cohort_of(2, 0)), np.zeros((0, EXPOSURES)), 0)
    films = [dataclasses.replace(film, path=f"x/{index}.png") for index, film in enumerate(cohort_of(9, 0).films)]
    with pytest.raises(CohortError, match=r"two families IM- and NORMAL2-IM-.*use exposure"):
        family_patients(films, 0)
    with pytest.raises(
        PneumoscopeError, match=r"the shifted validation films are of \d+ patients: expected at least 20"
    ):
        split_for_training(cohort_of(10, 0), 0, 0.2, "family")
