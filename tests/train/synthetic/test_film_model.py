import numpy as np
import pytest

from train.synthetic.film_model import COEFFICIENT_LIMIT, FEWEST_FILMS, SynthesisError, draw_film, fit_film_model
from train.synthetic.registration import GRID, from_common_shape

SIDE, COUNT = 32, 40


@pytest.fixture(scope="module")
def films():
    """Films of one bright and one dark half whose contrast and exposure differ, and grain."""
    generator = np.random.default_rng(3)
    pattern = np.where(np.arange(SIDE) < SIDE // 2, -1.0, 1.0)[None, :]
    contrast, exposure = generator.normal(40, 8, COUNT), generator.normal(120, 10, COUNT)
    grain = generator.normal(0, 3, (COUNT, SIDE, SIDE))
    return np.rint(exposure[:, None, None] + contrast[:, None, None] * pattern + grain).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def model(films):
    return fit_film_model(films, np.zeros((COUNT, GRID, GRID, 2), np.float32))


def test_components_are_the_films_principal_components(films, model):
    centred = films.reshape(COUNT, -1).astype(np.float64)
    centred -= centred.mean(axis=0)
    variances = np.linalg.svd(centred, compute_uv=False) ** 2 / COUNT
    ours = ((model.mixing.T @ centred) ** 2).sum(axis=1)
    assert model.components == COUNT - 1
    np.testing.assert_allclose(ours, variances[: COUNT - 1], rtol=1e-3)
    explained = np.cumsum(variances) / variances.sum()
    assert explained[model.leading - 1] >= 0.95 > explained[model.leading - 2]
    assert model.leading_variance == pytest.approx(explained[model.leading - 1], abs=1e-4)


def test_drawn_films_have_the_mean_and_spread_of_their_class(films, model):
    drawn = np.stack([draw_film(model, np.random.default_rng(seed))[0] for seed in range(300)]).astype(np.float64)
    assert drawn.shape == (300, SIDE, SIDE)
    np.testing.assert_allclose(drawn.mean(axis=0), films.mean(axis=0), atol=3)
    # 0.85 of the films' deviation in exposure; 0.6 of it in grain, which is texture.
    exposure = drawn.mean(axis=(1, 2)).std() / films.mean(axis=(1, 2)).std()
    assert 0.75 < exposure < 0.92
    halves = (np.s_[:, :, : SIDE // 2], np.s_[:, :, SIDE // 2 :])
    grain = [np.mean([values[half].std(axis=(1, 2)).mean() for half in halves]) for values in (drawn, films)]
    assert 0.5 < grain[0] / grain[1] < 0.9


def test_no_film_enters_with_more_than_its_limit(model):
    bound = COEFFICIENT_LIMIT * np.abs(model.mixing).sum(axis=1).max() + 1
    for seed in range(20):
        film, share = draw_film(model, np.random.default_rng(seed))
        assert film.dtype == np.uint8
        assert 1 / COUNT < share < min(1, bound)


def test_shapes_are_drawn_too(films):
    x = np.linspace(0, np.pi, GRID)
    wave = np.sin(x)[:, None] * np.sin(x)
    amplitudes = np.random.default_rng(0).normal(0, 0.08, COUNT)
    flows = (amplitudes[:, None, None, None] * np.stack([wave, 0 * wave], axis=-1)).astype(np.float32)
    # In the common shape the edge of every film lies in the middle.
    moved = np.stack([from_common_shape(film, flow) for film, flow in zip(films, flows, strict=True)])
    moving = fit_film_model(moved, flows)
    drawn = (draw_film(moving, np.random.default_rng(seed))[0][SIDE // 2].astype(int) for seed in range(40))
    edges = [int(np.argmax(row > (row.min() + row.max()) / 2)) for row in drawn]
    # Of the films' own: 0.08 of the side where the wave is highest.
    assert 0.6 < np.std(edges) / (0.08 * SIDE) < 1.1


def test_same_generator_same_film(model):
    first, second, third = (draw_film(model, np.random.default_rng(seed))[0] for seed in (4, 4, 5))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_too_few_films(films):
    with pytest.raises(SynthesisError, match="7 training films: expected at least 8"):
        fit_film_model(films[: FEWEST_FILMS - 1], np.zeros((FEWEST_FILMS - 1, GRID, GRID, 2), np.float32))


def test_films_that_are_all_alike(films):
    with pytest.raises(SynthesisError, match="all alike"):
        fit_film_model(np.repeat(films[:1], 9, axis=0), np.zeros((9, GRID, GRID, 2), np.float32))
