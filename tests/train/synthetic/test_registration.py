import cv2
import numpy as np
import pytest

from train.synthetic.phantom import draw_phantom
from train.synthetic.registration import GRID, SMOOTHING, align, from_common_shape, to_common_shape

SIDE = 96


@pytest.fixture(scope="module")
def film():
    return draw_phantom(np.random.default_rng(1), np.random.default_rng(2), 0, False, SIDE)


@pytest.fixture(scope="module")
def shifted(film):
    """The same film moved to and fro by up to 6 pixels."""
    places = [(x, y) for x in (-6, 0, 6) for y in (-6, 0, 6)]
    return np.stack(
        [
            cv2.warpAffine(film, np.float32([[1, 0, x], [0, 1, y]]), (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101)
            for x, y in places
        ]
    )


def test_displaced_films_come_to_lie_on_one_another(shifted):
    done = []
    flows = align(shifted, np.ones(len(shifted), bool), lambda: done.append(1))
    assert flows.shape == (len(shifted), GRID, GRID, 2)
    assert flows.dtype == np.float32
    assert len(done) == len(SMOOTHING) * len(shifted)
    aligned = np.stack([to_common_shape(*pair) for pair in zip(shifted, flows, strict=True)])
    inner = np.s_[:, 12:-12, 12:-12]
    assert aligned[inner].std(axis=0).mean() < 0.3 * shifted[inner].std(axis=0).mean()
    np.testing.assert_allclose(flows.mean(axis=0), 0, atol=1e-6)
    # A film that lies 6 pixels to the right is fetched from 6 pixels to the right.
    np.testing.assert_allclose(flows[-1, 8:-8, 8:-8].mean(axis=(0, 1)) * SIDE, (6, 6), atol=1)


def test_only_the_shapers_make_the_template(shifted):
    films = np.concatenate([shifted, 255 - shifted])  # all together their mean is flat
    flows = align(films, np.arange(18) < 9)[:9]
    spread = (flows - flows.mean(axis=0))[:, 8:-8, 8:-8].mean(axis=(1, 2)) * SIDE
    expected = [(x, y) for x in (-6, 0, 6) for y in (-6, 0, 6)]
    np.testing.assert_allclose(spread, expected, atol=1.5)


def test_there_and_back(film):
    x = np.linspace(0, np.pi, GRID, dtype=np.float32)
    wave = np.sin(x)[:, None] * np.sin(x)
    flow = np.stack([0.06 * wave, -0.04 * wave], axis=-1)
    there = to_common_shape(film, flow)
    back = from_common_shape(there.astype(np.float32), flow)
    assert there.dtype == np.uint8
    moved = np.abs(there.astype(np.float32) - film).mean()
    assert np.abs(back - film).mean() < 0.3 * moved
