"""How films come to the page, in a real browser: dropped or pasted on any tab, several at once, one after another."""

import zipfile

import pytest

from demo.evaluation.example_films import default_examples_folder

pytestmark = pytest.mark.slow  # drives a browser

MORE = pytest.mark.exhaustive
TABS = ("Compare", "Evaluation", "Batch", "About")
ONE = default_examples_folder() / "synthetic-normal-01.png"
TWO = default_examples_folder() / "synthetic-pneumonia-03.png"
HAND = """([kind, target, files]) => {
    const data = new DataTransfer();
    for (const [name, bytes] of files)
        data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
    const how = { bubbles: true, cancelable: true };
    const event = kind === "paste" ? new ClipboardEvent(kind, { clipboardData: data, ...how })
        : new DragEvent(kind, { dataTransfer: data, ...how });
    document.querySelector(target).dispatchEvent(event);
}"""


@pytest.fixture
def page(visit):
    return visit()


def hand(page, kind, *files, target="body"):
    page.evaluate(HAND, [kind, target, [(name, list(path.read_bytes())) for name, path in files]])


def hold(page):
    """Keep uploads back until the function that is returned is called."""
    held = []
    page.route("**/gradio_api/upload*", lambda route: held.append(route))
    return lambda: [route.continue_() for route in held]


def name_shown(page, name):
    page.locator(".viewer-facts .name", has_text=name).wait_for()


@pytest.mark.parametrize(
    ("tab", "kind"),
    [
        ("Evaluation", "drop"),
        ("About", "paste"),
        *(
            pytest.param(*more, marks=MORE)
            for more in (("Compare", "drop"), ("Compare", "paste"), ("Evaluation", "paste"), ("About", "drop"))
        ),
    ],
)
def test_a_film_dropped_or_pasted_on_any_tab_is_read(page, tab, kind):
    page.get_by_role("tab", name=tab, exact=True).click()
    hand(page, kind, ("mine.png", ONE))
    name_shown(page, "mine.png")
    assert page.get_by_role("tab", name="Compare", exact=True).get_attribute("aria-selected") == "true"
    assert page.locator(".network.a .verdict").inner_text() == "no sign of pneumonia"


@pytest.mark.parametrize("target", ["#drop", *(pytest.param(target, marks=MORE) for target in ("body", ".film"))])
def test_several_films_become_a_batch_with_a_word(page, target):
    hand(page, "drop", ("one.png", ONE), ("two.png", TWO), target=target)
    page.get_by_role("status").filter(has_text="2 files: they are read as a batch.").wait_for()
    assert page.get_by_role("tab", name="Batch").get_attribute("aria-selected") == "true"
    page.get_by_role("button", name="CSV").wait_for()
    assert page.locator("#batch-readings tbody tr").count() == 2


def test_an_archive_is_a_batch_and_so_is_what_is_dropped_on_batch(page, tmp_path):
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.write(ONE, "one.png")
        archive.write(TWO, "two.png")
    hand(page, "drop", ("films.zip", tmp_path / "films.zip"))
    page.get_by_role("button", name="CSV").wait_for()
    assert page.locator("#batch-readings tbody tr").count() == 2
    hand(page, "drop", ("one.png", ONE), target="#batch-drop")
    page.wait_for_function("document.querySelectorAll('#batch-readings tbody tr').length === 1")


def test_text_that_is_dragged_or_pasted_is_left_alone(page):
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.setData("text/plain", "no film");
        for (const event of [new DragEvent("drop", { dataTransfer: data, bubbles: true }),
                             new ClipboardEvent("paste", { clipboardData: data, bubbles: true })])
            document.body.dispatchEvent(event);
    }""")
    assert page.locator(".preview").count() == 0
    assert page.locator(".film.empty").is_visible()


def test_what_is_read_is_named_and_seen_at_once_and_old_readings_stand_back(page):
    page.locator(".example button").first.click()
    page.wait_for_selector(".verdict.negative")
    page.wait_for_function("!document.querySelector('.preview')")
    release = hold(page)
    hand(page, "drop", ("<b>ward</b> 7.png", TWO))
    preview = page.locator(".preview")
    assert preview.inner_text() == "Reading <b>ward</b> 7.png…"
    assert preview.locator("img").evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 224
    assert page.locator("#page-says").inner_text() == "Reading <b>ward</b> 7.png…"
    assert float(page.locator(".readings").evaluate("cards => getComputedStyle(cards).opacity")) < 0.5
    assert page.locator("#compare-panel").get_attribute("aria-busy") == "true"
    release()
    page.wait_for_selector(".verdict.positive")
    preview.wait_for(state="detached")
    assert page.locator(".readings").evaluate("cards => getComputedStyle(cards).opacity") == "1"
    page.locator("#page-says", has_text="pneumonia likely").wait_for(state="attached")


def test_the_label_of_the_field_is_not_overprinted_while_a_film_is_sent(page):
    release = hold(page)
    page.set_input_files("#drop input[type=file]", ONE)
    page.locator(".preview").wait_for()
    seen = page.evaluate("""() => [...document.querySelectorAll("#drop *")].filter((part) =>
        part.childNodes.length && [...part.childNodes].some((one) => one.nodeType === 3 && one.data.trim())
        && getComputedStyle(part).visibility === "visible" && part.offsetParent)
        .map((part) => part.innerText.trim())""")
    assert seen == ["Choose a film (JPEG, PNG, TIFF, WebP, DICOM)"]
    release()
    name_shown(page, ONE.name)


def test_of_films_opened_while_one_is_read_the_last_is_shown(page):
    release = hold(page)
    hand(page, "drop", ("first.png", ONE))
    page.locator(".example button").nth(1).click()
    hand(page, "drop", ("last.png", TWO))
    release()
    page.unroute("**/gradio_api/upload*")
    name_shown(page, "last.png")
    page.wait_for_function("!('reading' in document.documentElement.dataset)")
    assert page.locator(".place").is_hidden() or page.locator(".place").inner_text() == "2 of 2"


def test_a_film_that_cannot_be_sent_leaves_the_page_as_it_was(visit):
    page = visit(may_fail=True)
    page.locator(".example button").first.click()
    page.wait_for_selector(".verdict.negative")
    page.route("**/gradio_api/upload*", lambda route: route.fulfill(status=500, body="no"))
    hand(page, "drop", ("lost.png", TWO))
    page.wait_for_function("!('reading' in document.documentElement.dataset)")
    assert page.locator(".preview").count() == 0
    assert page.locator(".network.a .verdict").inner_text() == "no sign of pneumonia"
    page.unroute("**/gradio_api/upload*")
    hand(page, "drop", ("found.png", TWO))
    name_shown(page, "found.png")
