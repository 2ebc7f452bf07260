"""The page on narrow screens, with the keyboard alone, for a screen reader, and in colours that the system forces."""

from pathlib import Path

import pytest

from demo.evaluation.example_films import default_examples_folder

pytestmark = pytest.mark.slow  # drives a browser

MORE = pytest.mark.exhaustive
TABS = ("compare", "evaluation", "experiments", "batch", "about")
FILMS = [default_examples_folder() / f"synthetic-{name}.png" for name in ("normal-01", "pneumonia-03")]
SCREENSHOTS = Path(__file__).resolve().parents[4] / "screenshots"  # ignored by git
WIDER = """() => [...document.querySelectorAll("table")].filter((table) => table.offsetParent
    && table.offsetWidth > table.parentElement.clientWidth + 1).map((table) => table.className)"""
CONTRAST = """(part) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const painted = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
        .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
        .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
    let behind = part;
    while (behind && painted(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
    const [one, two] = [light(painted(getComputedStyle(part).color)),
        behind ? light(painted(getComputedStyle(behind).backgroundColor)) : 1];
    return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
}"""


def read_example(page, number=1):
    page.locator(".example button").nth(number).click()
    page.locator(".viewer[data-film]").wait_for()
    page.wait_for_function("!('reading' in document.documentElement.dataset)")


def open_tab(page, tab):
    page.locator(f"[role=tab][data-tab-id={tab}]").click()
    ready = {"compare": "#drop", "evaluation": ".evaluation .matrix", "batch": "#batch-drop", "about": ".about"}
    ready["experiments"] = ".experiments .study-rows"
    page.locator(ready[tab]).first.wait_for()


@pytest.mark.parametrize("width", [320, *(pytest.param(width, marks=MORE) for width in (390, 820))])
def test_the_verdicts_stand_above_the_film_on_the_first_screen(visit, width):
    page = visit(viewport={"width": width, "height": 640 if width == 320 else 844})
    page.set_input_files("#drop input[type=file]", FILMS[1])
    strip = page.locator(".verdict-strip")
    strip.wait_for()
    page.wait_for_function("!('reading' in document.documentElement.dataset)")
    page.wait_for_function("document.querySelector('.verdict-strip').getBoundingClientRect().top >= 0")
    text = strip.inner_text()
    for said in ("pneumonia likely", "A and B agree."):
        assert said in text
    box, film = strip.bounding_box(), page.locator(".film").bounding_box()
    assert 0 <= box["y"] < box["y"] + box["height"] <= film["y"] < 400


def test_from_900_pixels_on_the_cards_say_it_alone(visit):
    page = visit(viewport={"width": 900, "height": 800})
    read_example(page)
    assert not page.locator(".verdict-strip").is_visible()


@pytest.mark.parametrize("width", [320, *(pytest.param(width, marks=MORE) for width in (480, 640, 768, 899))])
def test_no_table_is_wider_than_its_place(visit, width):
    page = visit(viewport={"width": width, "height": 844})
    read_example(page)
    open_tab(page, "batch")
    page.set_input_files("#batch-drop input[type=file]", FILMS)
    page.get_by_role("button", name="CSV").wait_for()
    for tab in TABS:
        open_tab(page, tab)
        page.wait_for_function(f"({WIDER})().length === 0")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab


def test_a_table_that_became_a_list_is_still_a_table_to_a_screen_reader(visit):
    page = visit(viewport={"width": 390, "height": 844})
    open_tab(page, "about")
    page.locator("table.stacked").first.wait_for(state="attached")
    roles = page.locator("table.stacked").first.evaluate(
        "table => [table, table.rows[1], table.rows[1].cells[1]].map((part) => part.getAttribute('role'))"
    )
    assert roles == ["table", "row", "cell"]
    label = page.locator("table.stacked td").first
    assert label.get_attribute("data-column") == page.locator("table.stacked thead th").nth(1).text_content().strip()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_function("document.querySelector('table.stacked') === null")


def test_a_batch_is_cards_on_a_phone_and_still_sorted(visit):
    page = visit(viewport={"width": 390, "height": 844})
    open_tab(page, "batch")
    page.set_input_files("#batch-drop input[type=file]", FILMS)
    page.get_by_role("button", name="CSV").wait_for()
    first, second = (page.locator("#batch-readings tbody tr").nth(row).bounding_box() for row in (0, 1))
    assert second["y"] >= first["y"] + first["height"]
    assert first["x"] + first["width"] <= 390
    page.locator("button[data-sort=a]").click()
    page.wait_for_selector("th[aria-sort=descending] button[data-sort=a]")
    assert "pneumonia-03" in page.locator("#batch-readings tbody tr").first.inner_text()
    page.screenshot(path=SCREENSHOTS / "batch-cards.png", full_page=True)


@pytest.mark.parametrize("width", [320, *(pytest.param(width, marks=MORE) for width in (390, 820))])
def test_every_heatmap_choice_can_be_reached(visit, width):
    page = visit(viewport={"width": width, "height": 844}, has_touch=True)
    read_example(page)
    for choice in page.locator(".heatmap-choice label:has(input[type=radio])").all():
        box = choice.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
        choice.tap()
        assert choice.locator("input").is_checked()


def test_arrows_choose_among_radios(visit):
    page = visit()
    read_example(page, 0)
    group = page.locator(".choice input[type=radio]")
    page.wait_for_function("new Set([...document.querySelectorAll('.choice input')].map(one => one.name)).size === 1")
    before = page.locator(".network.a .numbers dd").nth(1).inner_text()
    group.first.focus()
    page.keyboard.press("ArrowDown")
    assert group.nth(1).is_checked()
    page.keyboard.press("ArrowDown")
    page.wait_for_function(
        "before => document.querySelectorAll('.network.a .numbers dd')[1].innerText !== before", arg=before
    )
    page.get_by_label("עברית").check()
    page.wait_for_selector("html[dir=rtl]")
    page.wait_for_function("new Set([...document.querySelectorAll('.choice input')].map(one => one.name)).size === 1")
    assert group.nth(2).is_checked()


def test_arrows_go_from_tab_to_tab(visit):
    page = visit()
    chosen = page.locator("[role=tab][aria-selected=true]")
    page.locator("[role=tab][data-tab-id=compare]").focus()
    for key, tab in (("ArrowLeft", "about"), ("ArrowRight", "compare"), ("End", "about"), ("Home", "compare")):
        page.keyboard.press(key)
        page.wait_for_function(f"document.activeElement.dataset.tabId === '{tab}'")
        assert chosen.get_attribute("data-tab-id") == tab
    page.get_by_label("עברית").check()
    page.wait_for_selector("html[dir=rtl]")
    page.locator("[role=tab][data-tab-id=compare]").focus()
    page.keyboard.press("ArrowLeft")
    assert chosen.get_attribute("data-tab-id") == "evaluation"


def test_a_word_is_explained_with_a_button(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    read_example(page)
    word = page.locator(".network.a button.explains").first
    word.focus()
    page.keyboard.press("Enter")
    note = page.locator("#explanation")
    note.wait_for()
    assert len(note.inner_text()) > 20
    assert word.get_attribute("aria-expanded") == "true"
    assert word.evaluate("word => document.getElementById(word.getAttribute('aria-describedby')).textContent")
    box = note.bounding_box()
    assert 0 <= box["x"] < box["x"] + box["width"] <= 390
    page.keyboard.press("Escape")
    note.wait_for(state="hidden")
    page.wait_for_function("document.querySelector('.network.a button.explains').ariaExpanded === 'false'")
    word.tap()
    note.wait_for()
    word.tap()
    note.wait_for(state="hidden")


def test_the_verdicts_are_announced(visit):
    page = visit()
    voice = page.locator("#page-says")
    assert voice.get_attribute("role") == "status"
    page.set_input_files("#drop input[type=file]", FILMS[1])
    page.locator("#page-says", has_text="A pneumonia likely").wait_for(state="attached")
    said = voice.text_content()
    assert "B pneumonia likely" in said
    assert "A and B agree." in said


@pytest.mark.parametrize("theme", [pytest.param("light", marks=MORE), "dark"])
def test_the_selected_tab_and_the_button_for_a_pdf_are_easy_to_read(visit, theme):
    page = visit(color_scheme=theme)
    read_example(page)
    page.get_by_role("button", name="Save report").click()
    for part in (page.locator("[role=tab][aria-selected=true]"), page.get_by_role("button", name="PDF", exact=True)):
        assert part.evaluate(CONTRAST) >= 4.5


def test_forced_colours_show_every_state(visit):
    page = visit(forced_colors="active")
    read_example(page)
    page.locator("[data-do=invert]").click()
    page.locator("[data-do=invert][aria-pressed=true]").wait_for()
    background = "part => getComputedStyle(part).backgroundColor"
    for chosen, other in (
        ("[role=tab][aria-selected=true]", "[role=tab][aria-selected=false]"),
        ("[data-do=invert]", "[data-do=window]"),
        (".bar .fill", ".bar"),
    ):
        assert page.locator(chosen).first.evaluate(background) != page.locator(other).first.evaluate(background)
    outline = "part => getComputedStyle(part).outlineStyle"
    assert page.locator(".choice label.selected").evaluate(outline) == "solid"
    border = "part => getComputedStyle(part).borderTopStyle"
    assert page.locator(".theme").evaluate(border) == "solid"  # else it is a word like any other
    # What is around a film stays black.
    assert page.locator(".film").evaluate(background) == "rgb(0, 0, 0)"
    assert page.locator(".bar .mark").first.evaluate(background) != page.locator(".bar").first.evaluate(background)
    page.screenshot(path=SCREENSHOTS / "compare-forced-colours.png")
