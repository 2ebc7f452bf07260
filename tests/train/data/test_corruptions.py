"""Each change does what it says and no more, the same every time; blacking out takes what it says and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from train.common.errors import PneumoscopeError
from train.data.corruptions import (
    AS_IT_IS,
    CORRUPTIONS,
    LUNGS_ONLY,
    VIEWS,
    CorruptionSpec,
    blacked_out,
    blacked_out_films,
    changed,
    corrupt_films,
)
from train.radiograph import PrepareSpec, prepare


@pytest.fixture(scope="module")
def film(phantom_root):
    from train.data.cohort import index_cohort
    from train.radiograph import read_radiograph

    return prepare(read_radiograph(phantom_root / index_cohort(phantom_root).films[0].path), PrepareSpec(128))


@pytest.mark.parametrize("side", [8, 32, 225])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_change_gives_a_film_of_every_size_and_leaves_its_own_alone(name, side):
    film = np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8)
    before = film.copy()
    result = changed(film, name, 3)
    assert (result.dtype, result.shape) == (np.uint8, (side, side))
    assert np.array_equal(film, before)
    assert not np.shares_memory(result, film)
    # A blur of a fifth of a pixel, as that of the small films is, changes nothing.
    assert np.array_equal(result, film) == (name == AS_IT_IS or (name == "blur" and side < 64))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_change_is_the_same_every_time_and_drawn_film_by_film(film, name):
    assert np.array_equal(changed(film, name, 5), changed(film, name, 5))
    others = [changed(film, name, index) for index in range(8)]
    drawn = name in ("noise", "rotation", "letters")
    assert any(not np.array_equal(others[0], other) for other in others[1:]) == drawn
    assert any(not np.array_equal(others[0], changed(film, name, 0, seed)) for seed in range(1, 9)) == drawn


def test_tones_move_as_far_as_they_say():
    ramp = np.tile(np.arange(60, 188, dtype=np.uint8), (128, 1))
    assert (changed(ramp, "brighter", 0).astype(int) - ramp == 38).all()
    assert (changed(ramp, "darker", 0).astype(int) - ramp == -38).all()
    for name, factor in (("more_contrast", 1.15), ("less_contrast", 0.85)):
        result = changed(ramp, name, 0)
        assert result.mean() == pytest.approx(ramp.mean(), abs=0.5)
        assert result.std() == pytest.approx(factor * ramp.std(), rel=0.01)
    assert changed(ramp, "gamma_0.7", 0)[0, 67] == round(255 * (127 / 255) ** 0.7)
    assert changed(ramp, "gamma_1.4", 0)[0, 67] == round(255 * (127 / 255) ** 1.4)
    noise = changed(ramp, "noise", 0).astype(float) - ramp
    assert noise.std() == pytest.approx(10, rel=0.05)


def test_frames_and_corners_are_black_and_the_middle_is_untouched():
    film = np.full((200, 200), 90, np.uint8)
    corners, border = changed(film, "masked_corners", 0), changed(film, "border", 0)
    assert np.count_nonzero(corners == 0) == 4 * 30 * 30
    assert corners[0, 0] == corners[0, -1] == corners[-1, 0] == corners[-1, -1] == 0
    assert np.count_nonzero(border == 0) == 200**2 - 180**2
    letters = changed(film, "letters", 0)
    for result in (corners, border, letters):
        assert (result[60:140, 60:140] == 90).all()
    rows, columns = np.nonzero(letters == 255)
    assert 8 <= np.ptp(rows) + 1 <= 20  # the letters' height, 7 % of the side
    assert rows.size > 20
    assert columns.size > 20


def test_geometry_turns_and_crops_about_the_middle():
    film = np.zeros((201, 201), np.uint8)
    film[100, 180] = 255
    film = np.maximum(film, changed(film, "blur", 0) * 4)
    rows = []
    for index in range(8):
        result = changed(film, "rotation", index)
        rows.append(np.unravel_index(result.argmax(), result.shape)[0] - 100)
    assert {abs(row) for row in rows} == {7}  # 80 · sin 5°
    assert set(rows) == {-7, 7}
    column = np.unravel_index(changed(film, "crop", 0).argmax(), film.shape)[1]
    assert column - 100 == pytest.approx(80 / 0.9, abs=1.5)


def test_what_takes_detail_takes_detail(film):
    def detail(one):
        return np.abs(np.diff(one.astype(float), axis=1)).mean()

    rng = np.random.default_rng(1)
    grainy = np.clip(film + rng.normal(0, 8, film.shape), 0, 255).astype(np.uint8)
    for name in ("blur", "half_size", "jpeg_30"):
        assert detail(changed(grainy, name, 0)) < 0.8 * detail(grainy), name


@pytest.mark.parametrize("contrast", ["none", "stretch", "clahe", "equalise"])
@pytest.mark.parametrize("resize", ["squash", "crop"])
@pytest.mark.parametrize("centre_crop", [1, 0.7])
def test_a_film_as_it_is_is_prepared_as_ever(film, contrast, resize, centre_crop):
    spec = PrepareSpec(64, resize, contrast, centre_crop)
    parts = CorruptionSpec.of(spec)
    tall = film[:, :100]
    corrupted = corrupt_films(prepare(tall, parts.sized)[None], AS_IT_IS, parts)[0]
    assert np.array_equal(corrupted, prepare(tall, spec))


def test_a_contrast_rule_sees_the_changed_film(film):
    parts = CorruptionSpec.of(PrepareSpec(64, contrast="stretch"))
    sized = prepare(film, parts.sized)
    low_contrast = np.clip(sized * 0.4 + 60, 0, 255).astype(np.uint8)[None]
    plain, darker = (corrupt_films(low_contrast, name, parts) for name in (AS_IT_IS, "darker"))
    # Stretched to the full range after the change, the two are the same film again.
    assert np.abs(plain.astype(int) - darker).max() <= 3
    assert (
        np.abs(corrupt_films(low_contrast, "darker", replace(parts, toned=PrepareSpec(64))).astype(int) - plain).max()
        > 30
    )


def test_batches_make_no_difference(film):
    parts = CorruptionSpec.of(PrepareSpec(128))
    images = np.stack([film, film, film])
    whole = corrupt_films(images, "noise", parts)
    pieces = [corrupt_films(images[:2], "noise", parts), corrupt_films(images[2:], "noise", parts, first=2)]
    assert np.array_equal(whole, np.concatenate(pieces))


def test_a_film_loses_its_lungs_or_all_else():
    film = np.random.default_rng(0).integers(1, 256, (32, 32)).astype(np.uint8)
    lungs = np.zeros((32, 32), bool)
    lungs[8:20, 4:14] = True
    before = film.copy()
    without, only = (blacked_out(film, lungs, view) for view in VIEWS)
    assert np.array_equal(without == 0, lungs)
    assert np.array_equal(only == 0, ~lungs)
    assert np.array_equal(without + only, film)
    assert np.array_equal(film, before)
    with pytest.raises(PneumoscopeError, match="unknown view 'heart'"):
        blacked_out(film, lungs, "heart")


def test_the_contrast_rule_comes_after():
    spec = CorruptionSpec.of(PrepareSpec(32, contrast="equalise"))
    film = np.random.default_rng(0).integers(60, 90, (32, 32)).astype(np.uint8)
    lungs = np.zeros((32, 32), bool)
    lungs[8:20, 4:28] = True
    (shown,) = blacked_out_films(film[None], lungs[None], LUNGS_ONLY, spec)
    assert np.array_equal(shown, prepare(np.where(lungs, film, 0).astype(np.uint8), spec.toned))
    assert shown[lungs].max() == 255
