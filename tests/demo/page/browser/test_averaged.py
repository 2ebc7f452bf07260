"""The third reading below the cards in a real browser."""

import cv2
import numpy as np
import pytest

from demo.language.catalogue import wording

pytestmark = pytest.mark.slow  # drives a browser

WORDS = wording("en")


def test_a_film_gets_a_third_reading_with_test_before_validation(visit):
    page = visit()
    page.locator(".example button").first.click()
    averaged = page.locator("details.averaged")
    averaged.get_by_text("before calibration, threshold 0.540").wait_for()
    averaged.locator("summary").click()
    assert averaged.locator("tbody th").all_inner_texts() == ["test", "validation"]
    page.locator(".readings-side").get_by_label(WORDS("operating_point.f1")).check()
    averaged.get_by_text("threshold 0.448").wait_for()


def test_a_refused_picture_gets_none(visit, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    cv2.imwrite(str(tmp_path / "noise.png"), noise)
    page = visit()
    page.locator("#drop input[type=file]").set_input_files(tmp_path / "noise.png")
    refused = page.locator("p.averaged.refused")
    refused.wait_for()
    assert not any(character.isdigit() for character in refused.inner_text())
