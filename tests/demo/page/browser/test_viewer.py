"""The film viewer in a real browser: what is looked at, how closely, and from which film to which."""

import shutil

import cv2
import numpy as np
import pytest

from demo.evaluation.example_films import default_examples_folder

pytestmark = pytest.mark.slow  # drives a browser

DONE = ".verdict.positive, .verdict.negative, .verdict.refused"
FULL_SIZE = (6900, 7200)  # rows, columns: 49.7 million pixels


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    examples = [default_examples_folder() / f"synthetic-{name}.png" for name in ("normal-01", "pneumonia-03")]
    for example, name in zip(examples, ("one.png", "two.png"), strict=True):
        shutil.copy(example, folder / name)
    film = cv2.imread(str(examples[1]), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(folder / "large.jpg"), cv2.resize(film, FULL_SIZE[::-1], interpolation=cv2.INTER_LINEAR))
    deep = cv2.resize(film, (600, 800)).astype(np.uint16) * 257
    cv2.imwrite(str(folder / "deep.png"), deep)
    return folder


@pytest.fixture(params=[390, 1280, *(pytest.param(width, marks=pytest.mark.exhaustive) for width in (820, 1920))])
def page(visit, request):
    return visit(viewport={"width": request.param, "height": 844}, has_touch=request.param < 900)


@pytest.fixture
def wide(visit):
    return visit()


def opened(page, path):
    token = page.evaluate("document.querySelector('.viewer')?.dataset.film ?? ''")
    page.set_input_files("#drop input[type=file]", path)
    wait_for_another(page, token)


def wait_for_another(page, token):
    page.wait_for_function(
        "token => !('reading' in document.documentElement.dataset)"
        " && (document.querySelector('.viewer')?.dataset.film ?? '') !== token"
        " && document.querySelector('img.picture')?.naturalWidth > 0",
        arg=token,
    )


def frame(page):
    """Where the film lies in its viewport, and how large it is."""
    return page.evaluate(
        """() => {
            const view = document.querySelector(".view.one").getBoundingClientRect();
            const film = document.querySelector(".view.one .frame").getBoundingClientRect();
            return { x: film.left - view.left, y: film.top - view.top, width: film.width, height: film.height,
                     across: view.width, down: view.height };
        }"""
    )


def press(page, name):
    page.locator(f"[data-do={name}]").click()


def shade(page):
    """The grey of the film's middle as it is on screen, 0 to 255."""
    box = page.locator(".film").bounding_box()
    middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "width": 4, "height": 4}
    return float(cv2.imdecode(np.frombuffer(page.screenshot(clip=middle), np.uint8), cv2.IMREAD_GRAYSCALE).mean())


def test_a_film_fits_at_first_and_says_what_it_is(page, films):
    opened(page, films / "deep.png")
    at = frame(page)
    assert at["width"] <= at["across"] + 1
    assert at["height"] <= at["down"] + 1
    assert max(at["width"] / at["across"], at["height"] / at["down"]) > 0.99
    facts = page.locator(".viewer-facts").inner_text()
    for fact in ("deep.png", "600 × 800 pixels", "16 bits"):
        assert fact in facts


def test_the_column_is_about_half_the_page_and_as_high_as_the_screen(visit, films):
    for width, height in ((1280, 800), (1920, 1080)):
        page = visit(viewport={"width": width, "height": height})
        opened(page, films / "one.png")
        column = page.locator(".film-side").bounding_box()
        whole = page.locator(".compare").bounding_box()
        assert 0.52 < column["width"] / whole["width"] < 0.58
        assert column["y"] + column["height"] > height - 65  # the page's foot is below
        assert page.locator(".film").bounding_box()["height"] > 0.5 * height


def test_the_wheel_zooms_at_the_pointer(wide, films):
    opened(wide, films / "one.png")
    box = wide.locator(".view.one").bounding_box()
    across, down = 300, 180
    before = frame(wide)
    wide.mouse.move(box["x"] + across, box["y"] + down)
    for _ in range(4):
        wide.mouse.wheel(0, -200)
    wide.wait_for_function("before => document.querySelector('.frame').getBoundingClientRect().width > 1.5 * before",
                           arg=before["width"])  # fmt: skip
    after = frame(wide)
    # The film's place under the pointer is the one it was.
    for place, start, length in ((across, "x", "width"), (down, "y", "height")):
        assert (place - after[start]) / after[length] == pytest.approx(
            (place - before[start]) / before[length], abs=0.004
        )


def test_a_zoomed_film_is_dragged_and_double_click_fits_it(wide, films):
    opened(wide, films / "one.png")
    fitted = frame(wide)
    for _ in range(6):
        press(wide, "in")
    before = frame(wide)
    box = wide.locator(".film").bounding_box()
    wide.mouse.move(box["x"] + 200, box["y"] + 200)
    wide.mouse.down()
    wide.mouse.move(box["x"] + 260, box["y"] + 150, steps=4)
    wide.mouse.up()
    after = frame(wide)
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((60, -50), abs=1)
    wide.mouse.dblclick(box["x"] + 200, box["y"] + 200)
    assert frame(wide) == pytest.approx(fitted, abs=0.5)


def test_keys_zoom_fit_and_show_pixels_one_to_one(wide, films):
    opened(wide, films / "deep.png")
    wide.locator(".film").focus()
    fitted = frame(wide)
    wide.keyboard.press("1")
    assert frame(wide)["width"] == pytest.approx(600, abs=0.5)
    assert "100 %" in wide.locator(".viewer-facts").inner_text()
    wide.keyboard.press("+")
    assert frame(wide)["width"] == pytest.approx(750, abs=0.5)
    wide.keyboard.press("0")
    assert frame(wide) == pytest.approx(fitted, abs=0.5)


def test_two_fingers_zoom(visit, films):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    opened(page, films / "one.png")
    before = frame(page)
    page.locator(".film").scroll_into_view_if_needed()
    box = page.locator(".film").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def touch(kind, *apart):
        points = [{"x": x + side * one, "y": y, "id": number} for one in apart for number, side in ((0, -1), (1, 1))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 40)
    for apart in (50, 60, 80, 100, 120):
        touch("touchMove", apart)
    touch("touchEnd")
    assert frame(page)["width"] / before["width"] == pytest.approx(3, rel=0.15)
    assert page.evaluate("visualViewport.scale") == 1  # the film and not the page


def test_invert_and_the_grey_window_change_what_is_seen_and_say_so(wide, films):
    opened(wide, films / "one.png")
    before, note = shade(wide), wide.locator(".display-only")
    assert not note.is_visible()
    wide.locator(".film").focus()
    wide.keyboard.press("i")
    assert shade(wide) == pytest.approx(255 - before, abs=3)
    assert note.is_visible()
    assert wide.locator("[data-do=invert]").get_attribute("aria-pressed") == "true"
    wide.keyboard.press("i")
    press(wide, "window")
    slider = wide.locator("[data-grey=width]")
    slider.fill("50")
    expected = np.clip((before / 255 - 0.25) / 0.5, 0, 1) * 255
    assert shade(wide) == pytest.approx(expected, abs=4)
    press(wide, "reset")
    assert shade(wide) == pytest.approx(before, abs=2)


def test_alt_and_drag_sets_the_grey_window(wide, films):
    opened(wide, films / "one.png")
    box = wide.locator(".film").bounding_box()
    wide.keyboard.down("Alt")
    wide.mouse.move(box["x"] + 200, box["y"] + 200)
    wide.mouse.down()
    wide.mouse.move(box["x"] + 100, box["y"] + 240, steps=3)
    wide.mouse.up()
    wide.keyboard.up("Alt")
    assert wide.locator("[data-grey=width]").input_value() == "75"
    assert wide.locator("[data-grey=level]").input_value() == "40"
    assert wide.locator(".display-only").is_visible()


def test_full_screen_and_back(wide, films):
    opened(wide, films / "one.png")
    before = frame(wide)
    wide.locator(".film").focus()
    wide.keyboard.press("f")
    wide.wait_for_function("document.querySelector('[data-do=full]').ariaPressed === 'true'")
    wide.wait_for_function("before => document.querySelector('.view').clientWidth > before", arg=before["across"] * 1.5)
    assert wide.locator(".heatmap-choice").is_visible()
    opened(wide, films / "two.png")  # another film leaves it as it is
    assert wide.locator("[data-do=full]").get_attribute("aria-pressed") == "true"
    wide.locator(".film").focus()
    wide.keyboard.press("f")
    wide.wait_for_function("document.querySelector('[data-do=full]').ariaPressed === 'false'")


def test_a_film_of_fifty_megapixels_is_seen_at_once_and_whole_when_zoomed(wide, films):
    opened(wide, films / "large.jpg")
    picture = wide.locator(".view.one img.picture")
    assert picture.evaluate("picture => picture.naturalWidth") == 1600
    assert "7,200 × 6,900 pixels" in wide.locator(".viewer-facts").inner_text()
    press(wide, "actual")
    wide.wait_for_function(f"document.querySelector('img.picture').naturalWidth === {FULL_SIZE[1]}")
    wide.wait_for_function("document.querySelector('.viewer-facts .detail').textContent === ''")
    assert frame(wide)["width"] == pytest.approx(FULL_SIZE[1], abs=1)
    wide.get_by_label("עברית").check()  # the film is drawn anew, and looked at as before
    wide.wait_for_selector("html[dir=rtl]")
    wide.get_by_text("פיקסלים").wait_for()
    wide.wait_for_function(f"document.querySelector('img.picture').naturalWidth === {FULL_SIZE[1]}")
    assert frame(wide)["width"] == pytest.approx(FULL_SIZE[1], abs=1)


def test_detail_that_comes_after_the_next_film_is_left(wide, films):
    opened(wide, films / "large.jpg")
    press(wide, "actual")
    opened(wide, films / "one.png")
    assert wide.locator("img.picture").evaluate("picture => picture.naturalWidth") == 224
    assert "224 × 224" in wide.locator(".viewer-facts").inner_text()
    press(wide, "in")
    assert wide.locator("img.picture").evaluate("picture => picture.naturalWidth") == 224


def test_arrows_go_through_the_films_of_the_session(wide, films):
    opened(wide, films / "one.png")
    assert not wide.locator("[data-do=next]").is_visible()
    opened(wide, films / "two.png")
    wide.locator(".place", has_text="2 of 2").wait_for()
    token = wide.locator(".viewer").get_attribute("data-film")
    wide.locator(".film").focus()
    wide.keyboard.press("ArrowLeft")
    wait_for_another(wide, token)
    wide.locator(".place", has_text="1 of 2").wait_for()
    assert wide.locator(".viewer-facts .name").inner_text() == "one.png"
    assert wide.locator("[data-do=previous]").is_disabled()
    assert wide.evaluate("document.activeElement.className").startswith("film")  # the next arrow goes on
    token = wide.locator(".viewer").get_attribute("data-film")
    wide.keyboard.press("ArrowRight")
    wait_for_another(wide, token)
    wide.locator(".place", has_text="2 of 2").wait_for()
    assert wide.locator(".viewer-facts .name").inner_text() == "two.png"


@pytest.fixture
def batch(wide, films, tmp_path):
    (tmp_path / "broken.jpg").write_text("no picture")
    wide.get_by_role("tab", name="Batch").click()
    uploads = [films / "one.png", tmp_path / "broken.jpg", films / "two.png"]
    wide.set_input_files("#batch-drop input[type=file]", uploads)
    wide.get_by_role("button", name="CSV").wait_for()
    wide.get_by_role("button", name="one.png").click()
    wide.locator(".place", has_text="1 of 2").wait_for()
    return wide


def test_arrows_go_through_a_batch_and_back_to_its_row(batch):
    token = batch.locator(".viewer").get_attribute("data-film")
    batch.locator(".film").focus()
    batch.keyboard.press("ArrowRight")
    wait_for_another(batch, token)
    batch.locator(".place", has_text="2 of 2").wait_for()
    assert batch.locator(".viewer-facts .name").inner_text() == "two.png"
    press(batch, "back")
    batch.wait_for_function("document.activeElement.dataset.film === '2'")
    assert batch.get_by_role("button", name="two.png").is_visible()


def test_a_batch_that_is_cleared_takes_its_arrows_along(batch):
    batch.get_by_role("tab", name="Batch").click()
    batch.get_by_role("button", name="Clear").click()
    batch.locator("#batch-readings table").wait_for(state="detached")
    batch.get_by_role("tab", name="Compare").click()
    for part in ("back", "previous", "next"):
        batch.locator(f"[data-do={part}]").wait_for(state="hidden")
    batch.locator(".film").focus()
    batch.keyboard.press("ArrowRight")  # nothing happens, and nothing fails
    press(batch, "in")
    assert batch.locator(".viewer-facts .name").inner_text() == "one.png"


def test_a_and_b_side_by_side_move_together(wide, films):
    opened(wide, films / "two.png")
    wide.evaluate("document.documentElement.dataset.layer = 'ab'")
    wide.locator(".view.two").wait_for()
    for _ in range(3):
        press(wide, "in")
    one, two = (wide.locator(f".view.{view} .frame") for view in ("one", "two"))
    assert one.evaluate("frame => frame.style.cssText") == two.evaluate("frame => frame.style.cssText")
    assert wide.locator(".view.one .layer.a.colours").is_visible()
    assert not wide.locator(".view.one .layer.b.colours").is_visible()
    assert wide.locator(".view.two .layer.b.colours").is_visible()
    wide.evaluate("document.documentElement.dataset.layer = 'none'")
    wide.locator(".view.two").wait_for(state="detached")


def test_a_slow_browser_that_is_given_film_after_film_shows_the_last(wide, films):
    wide.context.new_cdp_session(wide).send("Emulation.setCPUThrottlingRate", {"rate": 6})
    for name in ("one.png", "deep.png", "two.png"):
        wide.set_input_files("#drop input[type=file]", films / name)
    wide.locator(".viewer-facts .name", has_text="two.png").wait_for(timeout=30_000)
    wide.wait_for_function("!('reading' in document.documentElement.dataset)")
    press(wide, "in")
    assert "224 × 224" in wide.locator(".viewer-facts").inner_text()
    assert wide.locator(".preview").count() == 0


def test_two_tabs_of_one_visitor_keep_their_own_films(wide, films, running_page):
    opened(wide, films / "one.png")
    other = wide.context.new_page()
    other.goto(running_page)
    other.wait_for_selector("#drop input[type=file]", state="attached")
    assert other.locator(".film.empty").is_visible()
    opened(other, films / "large.jpg")
    press(other, "actual")
    other.wait_for_function(f"document.querySelector('img.picture').naturalWidth === {FULL_SIZE[1]}")
    assert wide.locator(".viewer-facts .name").inner_text() == "one.png"
    press(wide, "in")
    assert wide.locator("img.picture").evaluate("picture => picture.naturalWidth") == 224


def test_without_webgl_a_film_is_looked_at_all_the_same(visit, films):
    page = visit(before="HTMLCanvasElement.prototype.getContext = () => null; delete window.WebGLRenderingContext;")
    opened(page, films / "one.png")
    before = shade(page)
    press(page, "in")
    press(page, "invert")
    assert shade(page) == pytest.approx(255 - before, abs=12)
