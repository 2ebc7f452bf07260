"""How the page looks and can be used: themes, languages, widths, keyboard, screen reader.

Its screenshots stay in an ignored folder, to be looked at.
"""

from pathlib import Path

import pytest

from demo.language.catalogue import wording

pytestmark = pytest.mark.slow  # drives a browser

MORE = pytest.mark.exhaustive

TABS = ("compare", "evaluation", "experiments", "batch", "about")
READY = {"compare": "#drop", "evaluation": ".evaluation .matrix", "batch": ".batch", "about": ".about"}
READY["experiments"] = ".experiments .study-rows"
LANGUAGES = ("en", "he")
CROWDED = (Path(__file__).parent / "crowded.js").read_text(encoding="utf-8")
SCREENSHOTS = Path(__file__).resolve().parents[4] / "screenshots"  # ignored by git


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


def speak(page, language):
    if language == "he":
        page.get_by_label("עברית").check()
        page.wait_for_selector("html[dir=rtl]")
        page.get_by_text("שתי רשתות קוראות").wait_for()


def open_tab(page, tab, language):
    page.get_by_role("tab", name=wording(language)(f"tab.{tab}"), exact=True).click()
    page.locator(READY[tab]).first.wait_for()


def open_example(page):
    page.locator(".example button").first.click()
    page.wait_for_selector(".verdict.positive, .verdict.negative")


def some(*first: tuple[object, ...], of: tuple[object, ...]) -> list[object]:
    """Each language with each of these states: the first ones always, the others when asked for."""
    every = [(language, state) for language in LANGUAGES for state in of]
    return [pytest.param(*each, marks=() if each in first else MORE) for each in every]


@pytest.mark.parametrize(("language", "theme"), some(("he", "light"), of=("light", "dark")))
def test_axe_finds_nothing_serious_on_any_tab(visit, language, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed here").Axe()
    page = visit(color_scheme=theme)
    open_example(page)
    speak(page, language)
    found = []
    for tab in TABS:
        open_tab(page, tab, language)
        page.screenshot(path=SCREENSHOTS / f"{tab}-{language}-{theme}.png", full_page=True)
        # What else there is to find is not described element by element, which takes longest.
        for violation in axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                nodes = [node["html"][:200] for node in violation["nodes"][:3]]
                found.append((tab, violation["id"], len(violation["nodes"]), nodes))
    assert found == []


@pytest.mark.parametrize("language", ["he", pytest.param("en", marks=MORE)])
def test_nothing_scrolls_sideways_on_a_phone(visit, language):
    page = visit(viewport={"width": 390, "height": 844})
    open_example(page)
    speak(page, language)
    for tab in TABS:
        open_tab(page, tab, language)
        page.screenshot(path=SCREENSHOTS / f"{tab}-{language}-phone.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab


@pytest.mark.parametrize(("language", "width"), some(("he", 390), of=(390, 820, 1280, 1920)))
def test_no_words_overlap_touch_or_are_cut(visit, language, width):
    page = visit(viewport={"width": width, "height": 900}, has_touch=width < 900)
    speak(page, language)
    open_example(page)
    page.locator(".heatmap-choice").get_by_text("A | B", exact=True).click()
    page.wait_for_selector(".film .view.two")
    for tab in TABS:
        open_tab(page, tab, language)
        if tab == "evaluation":
            page.locator("[data-section=evaluation-curves]").click()
            page.wait_for_selector(".plot-card.roc .main-svg")
            # Where no pointer hovers, Plotly's buttons would stay on the legend.
            assert page.locator(".plot-card.roc .modebar").is_visible() == (width >= 900)
        page.screenshot(path=SCREENSHOTS / f"{tab}-{language}-{width}.png", full_page=True)
        assert page.evaluate(CROWDED) == [], tab


def test_where_the_keyboard_is_stands_above_the_film(visit):
    page = visit()
    open_example(page)
    page.locator("[data-do=full]").focus()
    page.keyboard.press("Tab")
    ring = page.evaluate("""() => {
        const style = getComputedStyle(document.activeElement, "::after");
        return [document.activeElement.className, style.borderTopStyle, style.borderTopWidth, Number(style.zIndex)];
    }""")
    assert ring[0].split()[0] == "film"
    assert ring[1:] == ["solid", "3px", 3]


@pytest.mark.parametrize("language", ["he", pytest.param("en", marks=MORE)])
def test_the_bar_of_evaluation_is_low(visit, language):
    page = visit()
    speak(page, language)
    open_tab(page, "evaluation", language)
    split, point, sliders = (
        page.locator(f".evaluation-bar {part}").first.bounding_box() for part in (".split", ".point", ".sliders")
    )
    for part in (split, sliders):
        assert abs(part["y"] + part["height"] - point["y"] - point["height"]) < 12  # all on one line


def assert_on_screen(page, *parts):
    for part in parts:
        box = page.locator(part).first.bounding_box()
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= 800, part


@pytest.mark.parametrize("language", ["he", pytest.param("en", marks=MORE)])
def test_the_first_screen_needs_no_scrolling(visit, language):
    page = visit()
    speak(page, language)
    assert_on_screen(page, ".film", "#drop", ".examples", ".heatmap-choice", ".foot")
    open_example(page)
    assert_on_screen(page, ".film", "#drop", ".heatmap-choice", ".network.a .verdict", ".network.b .verdict")


def test_the_language_turns_the_page_and_stays_after_a_reload(visit):
    page = visit()
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["en", "ltr"]
    speak(page, "he")
    page.get_by_role("tab", name="השוואה").wait_for()
    assert page.locator(".network.a").bounding_box()["x"] > page.locator(".network.b").bounding_box()["x"]
    page.reload()
    page.wait_for_selector("html[dir=rtl]")
    page.get_by_role("tab", name="השוואה").wait_for()
    page.get_by_label("English").check()
    page.wait_for_selector("html[dir=ltr]")
    page.get_by_role("tab", name="Compare").wait_for()


def test_the_theme_follows_the_system_until_the_visitor_chooses(visit):
    page = visit(color_scheme="dark")
    shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0)"
    assert page.evaluate(shade) < 150
    page.get_by_role("button", name="Light or dark").click()
    page.wait_for_function(f"{shade} > 600")
    page.reload()
    page.wait_for_selector("#drop input[type=file]", state="attached")
    page.wait_for_function(f"{shade} > 600")


def test_a_tab_is_opened_with_the_keyboard(visit):
    page = visit()
    page.get_by_role("tab", name="Compare").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=tab][aria-selected=true]:has-text('Evaluation')")
