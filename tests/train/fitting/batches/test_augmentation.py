"""Augmentation changes a film within its ranges, the same way for the same draws, and one change at a time."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from train.fitting.batches.augmentation import augment, crop_window, erased_window, training_picture
from train.radiograph import PrepareSpec, prepare
from train.runs.settings import AugmentationSettings

NOTHING = AugmentationSettings(rotation=0, zoom=0, shift=0)
RANGES = {
    "rotation": 20,
    "zoom": 0.2,
    "shift": 0.1,
    "brightness": 0.2,
    "contrast": 0.4,
    "gamma": 0.5,
    "flip": True,
    "blur": 2,
    "noise": 12,
    "jpeg": 40,
}
EVERYTHING = AugmentationSettings(**RANGES)


def film_of(seed, side=24):
    noise = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1)


def only(**ranges):
    return NOTHING.model_copy(update=ranges)


def changed(image, ranges, seed):
    return augment(image, ranges, np.random.default_rng(seed))


@st.composite
def augmentations(draw):
    """Any settings: each change off or at some range."""
    floats = {"rotation": 180, "zoom": 0.9, "shift": 0.9, "brightness": 0.9, "contrast": 0.9, "gamma": 3}
    floats |= {"blur": 20, "noise": 128}
    values = {name: draw(st.just(0) | st.floats(0, most)) for name, most in floats.items()}
    return AugmentationSettings(**values, flip=draw(st.booleans()), jpeg=draw(st.integers(0, 100)))


@settings(deadline=None, max_examples=60)
@given(ranges=augmentations(), seed=st.integers(0, 2**32 - 1), side=st.integers(8, 40))
def test_any_augmentation_keeps_shape_type_and_original_and_is_reproducible(ranges, seed, side):
    image = film_of(seed, side)
    before = image.copy()
    first = changed(image, ranges, seed)
    assert (first.shape, first.dtype) == ((side, side), np.uint8)
    assert np.array_equal(first, changed(image, ranges, seed))
    assert np.array_equal(image, before)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), side=st.integers(8, 40))
def test_ranges_of_0_change_nothing(seed, side):
    assert np.array_equal(changed(film_of(seed, side), NOTHING, seed), film_of(seed, side))


@settings(deadline=None, max_examples=30)
@example(seed=51435360, name="noise")  # adds to half a grey level
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(["blur", "noise", "jpeg"]))
def test_a_new_change_goes_on_top_of_the_others_as_they_were(seed, name):
    """What is switched on last sees what the others drew without it: it changes their picture, not their draws."""
    rest = AugmentationSettings(**{key: RANGES[key] for key in RANGES if key not in ("blur", "noise", "jpeg")})
    draws = np.random.default_rng(seed)
    draws.uniform(-1, 1, 8)
    drawn = dict(zip(("blur", "noise", "jpeg"), draws.uniform(0, 1, 3), strict=True))[name]
    picture = changed(film_of(seed, 32), rest, seed)
    got = changed(film_of(seed, 32), rest.model_copy(update={name: RANGES[name]}), seed)
    if name == "blur":
        expected = cv2.GaussianBlur(picture, (0, 0), drawn * 2 * 32 / 224, borderType=cv2.BORDER_REPLICATE)
    elif name == "noise":
        field = draws.standard_normal((32, 32), dtype=np.float32)
        exact = np.clip(picture + np.float64(field * np.float32(drawn * 12)), 0, 255)
        # Half a grey level is rounded up or down, as OpenCV adds in single or double precision.
        assert np.abs(got - exact).max() < 0.5 + 1e-4
        return
    else:
        code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, round(40 + drawn * 60)])[1]
        expected = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(got, expected)


def test_the_draws_of_before_are_the_draws_of_now():
    """The film that these settings gave when blur, noise and JPEG were not there: runs stay what they were."""
    settings_of_before = AugmentationSettings(rotation=0, zoom=0, shift=0, brightness=0.2, gamma=0.5)
    _, _, _, _, brightness, _, gamma, _ = np.random.default_rng((1, 2, 3)).uniform(-1, 1, 8)
    grey = (np.full((8, 8), 100) / 255) ** (2 ** (gamma * 0.5)) + brightness * 0.2
    got = augment(np.full((8, 8), 100, np.uint8), settings_of_before, np.random.default_rng((1, 2, 3)))
    assert np.array_equal(got, np.rint(grey * 255))


def test_rotation_turns_about_the_centre():
    image = np.zeros((33, 33), np.uint8)
    image[12:21, 12:21] = 200
    for seed in range(5):
        moments = cv2.moments(changed(image, only(rotation=30), seed))
        centre = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
        assert centre == pytest.approx((16, 16), abs=0.1)


def test_flip_mirrors_left_and_right_about_half_the_time():
    image = np.zeros((16, 16), np.uint8)
    image[:, :3] = 255
    flipped = [changed(image, only(flip=True), seed)[0, -1] == 255 for seed in range(100)]
    assert 30 < sum(flipped) < 70


def test_brighter_means_brighter_on_average_over_both_signs():
    image = np.full((16, 16), 128, np.uint8)
    means = [changed(image, only(brightness=0.2), seed).mean() for seed in range(50)]
    assert min(means) >= 128 - 52
    assert max(means) <= 128 + 52
    assert max(means) - min(means) > 60


def test_noise_has_the_deviation_that_is_asked_for_at_most():
    image = np.full((64, 64), 128, np.uint8)
    deviations = [changed(image, only(noise=10), seed).std() for seed in range(60)]
    assert min(deviations) < 1
    assert 9 < max(deviations) < 10.5
    assert np.mean(deviations) == pytest.approx(5, abs=1)


def test_noise_is_cut_and_does_not_wrap_around():
    for grey in (0, 255):
        noisy = changed(np.full((32, 32), grey, np.uint8), only(noise=20), 0)
        assert abs(int(np.median(noisy)) - grey) <= 1
        assert np.ptp(noisy) < 100


def test_blur_is_in_pixels_of_a_film_of_224():
    def width(side, seed):
        """Standard deviation of how an edge is smeared, as a share of the side."""
        image = np.zeros((side, side), np.uint8)
        image[:, side // 2 :] = 255
        steps = np.diff(changed(image, only(blur=10), seed).astype(float).mean(axis=0))
        places = np.arange(side - 1) - side // 2 + 1
        return np.sqrt((steps * places**2).sum() / steps.sum()) / side

    widths = [width(224, seed) for seed in range(12)]
    assert min(widths) < 5 / 224 < max(widths)
    assert max(widths) <= 10.2 / 224
    assert width(448, 3) == pytest.approx(width(224, 3), rel=0.05)


def test_jpeg_never_falls_below_the_quality_asked_for():
    image = film_of(1, 64)
    worst = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], cv2.IMREAD_GRAYSCALE)

    def error(picture):
        return np.abs(picture.astype(int) - image).mean()

    errors = [error(changed(image, only(jpeg=20), seed)) for seed in range(30)]
    assert max(errors) <= error(worst) * 1.05
    assert max(errors) > 3 * min(errors)


@given(
    shape=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    share=st.floats(0.001, 1),
    aspect=st.floats(1, 10),
    draws=st.tuples(*[st.floats(0, 1, exclude_max=True)] * 4),
)
def test_a_crop_lies_in_the_film_and_has_the_share_that_was_drawn(shape, share, aspect, draws):
    ranges = AugmentationSettings(crop=share, crop_aspect=aspect)
    rows, columns = crop_window(shape, ranges, np.array(draws))
    height, width = rows.stop - rows.start, columns.stop - columns.start
    assert 0 <= rows.start < rows.stop <= shape[0]
    assert 0 <= columns.start < columns.stop <= shape[1]
    drawn = (share + draws[0] * (1 - share)) * shape[0] * shape[1]
    assert abs(height * width - drawn) <= (height + width) / 2 + 0.25 or min(height, width) == 1  # both sides rounded
    relative = (width / height) / (shape[1] / shape[0])
    slack = (1 + 0.51 / max(1, height - 0.5)) * (1 + 0.51 / max(1, width - 0.5))
    assert 1 / aspect / slack <= relative <= aspect * slack or min(height, width) == 1


def test_a_crop_reaches_every_corner_and_both_ends_of_its_ranges():
    ranges = AugmentationSettings(crop=0.25, crop_aspect=1)
    ends = [crop_window((100, 80), ranges, np.array([0, 0.5, place, place])) for place in (0, 1 - 1e-9)]
    assert ends == [(slice(0, 50), slice(0, 40)), (slice(50, 100), slice(40, 80))]
    assert crop_window((100, 80), ranges, np.array([1 - 1e-12, 0, 0.5, 0.5])) == (slice(0, 100), slice(0, 80))


@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_a_crop_leaves_the_other_changes_as_they_were(seed):
    film, spec, key = film_of(seed, 48), PrepareSpec(image_size=24), (1, 2, 3)
    ranges = EVERYTHING.model_copy(update={"crop": 0.2})
    window = crop_window(film.shape, ranges, np.random.default_rng((*key, 1)).uniform(0, 1, 4))
    expected = augment(prepare(film[window], spec), EVERYTHING, np.random.default_rng(key))
    assert np.array_equal(training_picture(film, ranges, spec, key), expected)
    at_reading = PrepareSpec(image_size=24, centre_crop=0.6)  # of whole films; a crop is shown as it is
    assert np.array_equal(training_picture(film, ranges, at_reading, key), expected)
    prepared = prepare(film, spec)
    plain = augment(prepared, EVERYTHING, np.random.default_rng(key))
    assert np.array_equal(training_picture(prepared, EVERYTHING, None, key), plain)


def test_equalise_mixes_in_what_the_contrast_rule_would_make():
    film = (film_of(3) // 4 + 90).astype(np.uint8)
    mixed = [training_picture(film, only(equalise=1), None, (0, epoch, 0)) for epoch in range(30)]
    spread = [float(picture.std()) for picture in mixed]
    assert film.std() <= min(spread) < max(spread) <= cv2.equalizeHist(film).std() + 1
    assert max(spread) - min(spread) > 0.6 * (cv2.equalizeHist(film).std() - film.std())
    assert np.array_equal(training_picture(film, NOTHING, None, (0, 0, 0)), film)


@given(
    shape=st.tuples(st.integers(1, 600), st.integers(1, 600)),
    share=st.floats(0, 0.99),
    draws=st.tuples(*[st.floats(0, 1, exclude_max=True)] * 4),
)
def test_an_erased_rectangle_lies_in_the_picture_and_has_the_share_that_was_drawn(shape, share, draws):
    rows, columns = erased_window(shape, AugmentationSettings(erase=share), np.array(draws))
    height, width = rows.stop - rows.start, columns.stop - columns.start
    drawn = share * draws[0] * shape[0] * shape[1]
    if drawn < 1:
        assert height == width == 0
        return
    assert 0 <= rows.start < rows.stop <= shape[0]
    assert 0 <= columns.start < columns.stop <= shape[1]
    assert abs(height * width - drawn) <= (height + width) / 2 + 0.25 or min(height, width) == 1  # both sides rounded


@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_erasing_puts_one_flat_rectangle_on_the_picture_as_it_was(seed):
    film, key = film_of(seed, 48), (seed, 2, 3)
    ranges = EVERYTHING.model_copy(update={"erase": 0.4})
    draws = np.random.default_rng((*key, 1)).uniform(0, 1, 10)[5:]
    rows, columns = erased_window((48, 48), ranges, draws[:4])
    expected = training_picture(film, EVERYTHING, None, key)
    expected[rows, columns] = int(draws[4] * 256)
    assert np.array_equal(training_picture(film, ranges, None, key), expected)


def test_erasing_reaches_the_share_asked_for_and_greys_of_all_kinds():
    film = np.zeros((64, 64), np.uint8)
    pictures = [training_picture(film, only(erase=0.3), None, (0, epoch, 0)) for epoch in range(60)]
    shares = [(picture > 0).mean() for picture in pictures]
    assert max(shares) <= 0.32
    assert max(shares) > 0.25
    greys = [picture.max() for picture in pictures]
    assert min(greys) < 40
    assert max(greys) > 215
