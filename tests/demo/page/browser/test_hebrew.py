"""The page in Hebrew, in a real browser: what is spoken, where things stand, and how it is come by."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # drives a browser
MORE = pytest.mark.exhaustive

SCREENSHOTS = Path(__file__).resolve().parents[4] / "screenshots"  # ignored by git
HEBREW = re.compile("[א-ת]")
READY = {"compare": "#drop", "evaluation": ".evaluation .matrix", "batch": ".batch", "about": ".about"}
#: Names that Hebrew writes in Latin letters, checksums, and each language in its own.
NAMES = re.compile(r"English|pneumoscope|PDF|HTML|CSV|JSON|[A-Z]{1,6}|[\da-f]{12,}")
SPOKEN = """() => [...document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')].flatMap((element) =>
    ['aria-label', 'title', 'placeholder', 'alt'].map((name) => element.getAttribute(name)).filter(Boolean))"""


@pytest.fixture
def hebrew(visit):
    """The page of a visitor whose browser asks for Hebrew, the fonts and words in place."""

    def open_hebrew(**settings):
        page = visit(locale="he-IL", **settings)
        page.wait_for_selector("html[dir=rtl]")
        page.get_by_role("tab", name="השוואה").wait_for()
        return page

    return open_hebrew


def open_tab(page, tab):
    page.locator(f"[data-tab-id={tab}]").click()
    page.locator(READY[tab]).first.wait_for()


@pytest.mark.parametrize("locale", ["ar", *(pytest.param(locale, marks=MORE) for locale in ("en-GB", "de-DE"))])
def test_who_asks_for_another_language_gets_english(visit, locale):
    page = visit(locale=locale)
    page.wait_for_function("document.documentElement.lang === 'en'")
    page.get_by_role("tab", name="Compare").wait_for()


def test_a_choice_wins_over_the_browser_and_stays(hebrew):
    page = hebrew()
    page.get_by_label("English").check()
    page.get_by_role("tab", name="Compare").wait_for()
    page.reload()
    page.get_by_role("tab", name="Compare").wait_for()
    page.wait_for_selector("#drop input[type=file]", state="attached")
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["en", "ltr"]


def test_what_the_browser_asks_for_is_no_choice_to_be_kept(hebrew):
    page = hebrew()
    assert "he" not in (page.evaluate("localStorage.getItem('pneumoscope-language')") or "")


@pytest.mark.parametrize("tab", READY)
def test_whatever_a_screen_reader_speaks_is_hebrew(hebrew, tab):
    page = hebrew()
    page.locator(".example button").first.click()
    page.wait_for_selector(".verdict.positive, .verdict.negative")
    open_tab(page, tab)
    page.screenshot(path=SCREENSHOTS / f"hebrew-{tab}.png", full_page=True)
    spoken = page.evaluate(SPOKEN)
    assert len(spoken) > 5
    assert [text for text in spoken if not HEBREW.search(text) and not NAMES.fullmatch(text)] == []
    assert [text for text in spoken if re.search("slider for|input for|upload", text)] == []


def test_gradios_words_are_english_again_in_english(hebrew):
    page = hebrew()
    page.get_by_role("button", name="לחיצה לבחירת קבצים").first.wait_for()
    page.get_by_label("English").check()
    page.get_by_role("button", name="Click to upload or drop files").first.wait_for()
    # Label by label, as Gradio draws them anew.
    page.wait_for_function(f"({SPOKEN})().every((text) => text === 'עברית' || !/[\\u0590-\\u05ff]/.test(text))")


@pytest.mark.parametrize("width", [pytest.param(390, marks=MORE), 1280])
def test_dots_words_and_fields_stand_on_their_side(hebrew, width):
    page = hebrew(viewport={"width": width, "height": 900})
    for label in page.locator(".choice label, .heatmap-choice fieldset label, .language label").all():
        if label.is_visible():
            dot, word = label.locator("input").bounding_box(), label.locator("span").first.bounding_box()
            assert dot["x"] - (word["x"] + word["width"]) >= 4  # the dot is right of its word, and not on it
    page.locator(".report button").first.click()
    field = page.locator(".report textarea, .report input").first
    field.wait_for()
    page.screenshot(path=SCREENSHOTS / f"hebrew-report-{width}.png", full_page=True)
    for label in page.locator(".report [data-testid=block-info]").all():
        words = label.evaluate(
            "label => { const range = document.createRange(); range.selectNodeContents(label);"
            " return range.getBoundingClientRect().right; }"
        )
        box = field.bounding_box()
        assert abs(words - (box["x"] + box["width"])) < 16
    field.fill("שלום")
    assert field.evaluate("field => getComputedStyle(field).direction") == "rtl"


def test_no_axis_title_lies_on_numbers(hebrew):
    page = hebrew()
    open_tab(page, "evaluation")
    page.locator("[data-section=evaluation-curves]").click()
    page.wait_for_function("document.querySelectorAll('.plot .main-svg .ytitle').length >= 4")
    overlaps = page.evaluate("""() => [...document.querySelectorAll('.js-plotly-plot')].flatMap((plot) =>
        [['.ytitle', '.ytick text'], ['.xtitle', '.xtick text']].flatMap(([title, ticks]) =>
            [...plot.querySelectorAll(title)].flatMap((name) => [...plot.querySelectorAll(ticks)].filter((tick) => {
                const [a, b] = [name.getBoundingClientRect(), tick.getBoundingClientRect()];
                return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
            }).map((tick) => `${name.textContent} on ${tick.textContent}`))))""")
    assert overlaps == []


def test_why_a_file_is_not_read_is_said_in_hebrew(hebrew, tmp_path):
    page = hebrew()
    (tmp_path / "text.jpg").write_text("no film")
    page.set_input_files("#drop input[type=file]", tmp_path / "text.jpg")
    fault = page.locator(".fault", has_text="text.jpg")
    fault.wait_for()
    assert "טקסט: נדרש צילום" in fault.inner_text()
    page.screenshot(path=SCREENSHOTS / "hebrew-fault.png", full_page=True)


def test_a_toast_is_hebrew_and_right_to_left(hebrew):
    page = hebrew()
    page.locator(".report button").first.click()
    page.get_by_role("button", name="PDF", exact=True).click()
    toast = page.locator(".toast-wrap").first
    toast.get_by_text("אין צילום").wait_for()
    page.screenshot(path=SCREENSHOTS / "hebrew-toast.png")
    assert toast.evaluate("toast => getComputedStyle(toast).direction") == "rtl"
    assert not re.search("[A-Za-z]{3}", toast.inner_text())
    spoken = [text for text in page.evaluate(SPOKEN) if not HEBREW.search(text) and not NAMES.fullmatch(text)]
    assert spoken == []
