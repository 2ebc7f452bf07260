"""A visitor's tabs, each with a session of its own: side by side, loaded again, gone back to, and when all is busy."""

import re
from base64 import b64decode

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.slow

READ = ".verdict.positive, .verdict.negative, .verdict.refused"


@pytest.fixture
def films(tmp_path):
    """Two films that can be told apart by their size."""
    paths = []
    for side in (300, 400):
        noise = np.random.default_rng(side).integers(0, 256, (side, side), np.uint8)
        paths.append(tmp_path / f"{side}.png")
        cv2.imwrite(str(paths[-1]), noise)
    return paths


def open_film(page, path):
    page.set_input_files("#drop input[type=file]", path)
    page.wait_for_selector(f".viewer-facts:has-text('{path.stem} × {path.stem}')")
    page.wait_for_selector(READ)


def width_in_report(page):
    """How wide the film is in a report, which the server makes of what it has kept for this tab."""
    panel = page.get_by_role("button", name="Save report")
    if not page.get_by_role("button", name="HTML", exact=True).is_visible():
        panel.click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="HTML", exact=True).click()
    pictures = re.findall(r"data:image/\w+;base64,([\w+/=]+)", saved.value.path().read_text())
    film = cv2.imdecode(np.frombuffer(b64decode(pictures[0]), np.uint8), cv2.IMREAD_UNCHANGED)
    return film.shape[1]


@pytest.mark.exhaustive
def test_two_tabs_keep_their_own_films(visit, films):
    one = visit()
    other = one.context.new_page()
    other.goto(one.url)
    other.wait_for_selector("#drop input[type=file]", state="attached")
    for page, path in zip((one, other), films, strict=True):
        open_film(page, path)
    for page, path in zip((one, other), films, strict=True):
        assert width_in_report(page) == int(path.stem)


def test_a_page_that_is_loaded_again_begins_anew_and_works(visit, films):
    page = visit()
    first = page.locator("meta[name=pneumoscope-session]").get_attribute("content")
    open_film(page, films[0])
    page.reload()
    page.wait_for_selector("#drop input[type=file]", state="attached")
    assert page.locator("meta[name=pneumoscope-session]").get_attribute("content") != first
    open_film(page, films[1])
    assert width_in_report(page) == 400


def test_back_and_forward(visit, films):
    page = visit()
    open_film(page, films[0])
    address = page.url
    page.goto("about:blank")
    page.go_back()
    page.wait_for_selector("#drop input[type=file]", state="attached")
    assert page.url.startswith(address.split("#")[0])
    open_film(page, films[1])
    assert width_in_report(page) == 400


def test_a_busy_page_says_so_and_reads_the_next_film(visit, films):
    page = visit(may_fail=True)
    busy = {"status": 503, "headers": {"retry-after": "2"}, "json": {"detail": "busy: too many films wait to be read"}}
    page.route("**/gradio_api/queue/join*", lambda route: route.fulfill(**busy), times=1)
    page.set_input_files("#drop input[type=file]", films[0])
    page.wait_for_selector(".toast-wrap:has-text('currently busy')")
    page.wait_for_function("!document.documentElement.dataset.reading")
    open_film(page, films[1])
