import cv2
import numpy as np
import pytest

from train.synthetic.nearest_film import MEASURES, measure_neighbours, nearest_of, too_near

SIDE = 80


def noise(seed):
    rough = np.random.default_rng(seed).standard_normal((SIDE, SIDE)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 2), None, 20, 235, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.fixture(scope="module")
def films():
    return np.stack([noise(seed) for seed in range(60)])


@pytest.fixture(scope="module")
def neighbours(films):
    return measure_neighbours(films, [f"p{number}" for number in range(len(films))])


@pytest.mark.parametrize(
    "change",
    [
        lambda film: film,
        lambda film: film[:, ::-1],
        lambda film: cv2.convertScaleAbs(film, alpha=0.7, beta=30),
        lambda film: cv2.resize(film, (200, 170), interpolation=cv2.INTER_LINEAR),
        lambda film: cv2.GaussianBlur(film, (0, 0), 1),
    ],
    ids=["itself", "mirrored", "exposed otherwise", "resized", "blurred"],
)
def test_a_training_film_is_known_again(films, neighbours, change):
    nearest = nearest_of(change(films[7]), neighbours)
    assert too_near(nearest, neighbours.limits)
    assert all(found.percentile == 0 for found in nearest.values())
    assert nearest["film"].distance < 0.35
    assert nearest["film"].correlation == pytest.approx(1 - nearest["film"].distance ** 2 / 2, abs=1e-4)


def test_it_is_told_which_way_round(films, neighbours):
    assert not nearest_of(films[7], neighbours)["film"].mirrored
    assert nearest_of(films[7][:, ::-1], neighbours)["film"].mirrored


def test_other_films_are_seldom_too_near(neighbours):
    found = [nearest_of(noise(seed), neighbours) for seed in range(1000, 1040)]
    # The limit is the 5th percentile of films like these, by each of two measures.
    assert sum(too_near(nearest, neighbours.limits) for nearest in found) <= 10
    assert 30 < np.median([nearest["film"].percentile for nearest in found]) < 70


def test_one_measure_suffices_to_be_too_near(neighbours):
    nearest = nearest_of(noise(1000), neighbours)
    for measure in MEASURES:
        limits = {**neighbours.limits, measure: nearest[measure].distance + 0.01}
        assert too_near(nearest, limits)


def test_detail_sees_what_exposure_hides(films, neighbours):
    shade = np.linspace(0, 200, SIDE)[:, None]
    hidden = np.clip(films[7] * 0.12 + shade, 0, 255).astype(np.uint8)
    nearest = nearest_of(hidden, neighbours)
    assert nearest["film"].distance > 1.2
    assert nearest["detail"].distance < 0.9 < neighbours.limits["detail"]


def test_distances_between_patients_agree_with_numpy(films, neighbours):
    small = np.stack([cv2.resize(film, (64, 64), interpolation=cv2.INTER_AREA) for film in films]).astype(float)
    flipped = small[:, :, ::-1].reshape(60, -1)
    both = np.corrcoef(np.concatenate([small.reshape(60, -1), flipped]))[:60]
    for index in range(60):
        both[index, [index, 60 + index]] = -1
    expected = np.sort(np.sqrt(2 - 2 * both.max(axis=1)))
    np.testing.assert_allclose(neighbours.between["film"], expected, atol=1e-3)
    assert neighbours.limits["film"] == pytest.approx(np.percentile(expected, 5), abs=1e-3)


def test_films_of_one_patient_and_copies_do_not_count(films):
    near = np.clip(films[:30].astype(int) + np.random.default_rng(0).integers(-6, 7, films[:30].shape), 0, 255)
    doubled = np.concatenate([films, near.astype(np.uint8), films[30:]])
    # The second film of a patient is his own; the copies of the others lie under another name.
    patients = [f"p{n}" for n in range(60)] + [f"p{n}" for n in range(30)] + [f"q{n}" for n in range(30)]
    plain = measure_neighbours(films, [f"p{n}" for n in range(60)]).between["film"]
    with_doubles = measure_neighbours(doubled, patients).between["film"]
    assert len(with_doubles) == 120
    assert with_doubles[0] == pytest.approx(plain[0], abs=0.05)


def test_a_flat_film_resembles_none(neighbours):
    nearest = nearest_of(np.full((SIDE, SIDE), 128, np.uint8), neighbours)
    assert [found.distance for found in nearest.values()] == [1, 1]


@pytest.mark.parametrize("patients", [["p", "p", "p"], ["p", "q", "r"]])
def test_nothing_to_compare(films, patients):
    with pytest.raises(ValueError, match="two patients"):
        measure_neighbours(np.repeat(films[:1], 3, axis=0), patients)
