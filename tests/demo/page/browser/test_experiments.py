"""The Experiments panel in a real browser: filters, plots, a command to copy, narrow screens, both languages."""

from pathlib import Path

import pytest

from demo.language.catalogue import wording
from train.studies.definition import Scale, studies, trainings_of
from train.studies.record import write_record
from train.studies.report import make_record

pytestmark = pytest.mark.slow  # drives a browser

MORE = pytest.mark.exhaustive

SCREENSHOTS = Path(__file__).resolve().parents[4] / "screenshots"  # ignored by git
SCALES = (Scale(), Scale(image_size=96))


@pytest.fixture(scope="module")
def running_page(open_page, make_study_training, tmp_path_factory):
    """The page with made-up figures: all of A's rows at two sizes, three seeds each; B's at one."""
    folder = tmp_path_factory.mktemp("studies")
    rows = [(study, row) for study in studies() for row in study.rows]
    measured = []
    for scale in SCALES:
        for training in trainings_of(rows, range(3), scale):
            if training.settings.network == "b" and scale.image_size:
                continue
            study, key = training.rows[0]
            row = next(row for one, row in rows if (one.name, row.key) == (study, key))
            accuracies = {stage: figures.accuracy - 0.01 for stage, figures in row.reported.items()}
            measured.append(
                make_study_training(training.rows, accuracies, training.seed, scale.label, run=training.name)
            )
    write_record(folder / "studies.json", make_record(measured))
    with open_page(environment={"PNEUMOSCOPE_STUDIES": str(folder)}) as page:
        yield page.url


def opened(visit, language="en", **settings):
    page = visit(locale=language, **settings)
    page.goto(f"{page.url.split('#')[0]}#experiments")
    page.reload()
    page.locator(".experiments .study-rows").first.wait_for()
    return page


def choose(page, label, option):
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option).click()


def test_the_tab_has_an_address_and_shows_the_first_study(visit):
    page = opened(visit)
    assert page.url.endswith("/#experiments")
    assert page.title() == "Experiments · pneumoscope"
    assert page.locator(".experiments .study-rows tbody tr").count() == 2
    page.locator(".experiments .js-plotly-plot").first.wait_for()
    assert "107 of the report's 107 rows are measured at full size" in page.locator(".experiments").inner_text()


def test_rows_are_filtered_by_network_and_study_and_sizes_stand_apart(visit):
    page = opened(visit)
    choose(page, "Study", "b-optimizer")
    page.wait_for_function("document.querySelectorAll('.experiments .study-rows tbody tr').length === 72")
    page.get_by_role("radio", name="A", exact=True).check()
    page.wait_for_function("document.querySelectorAll('.experiments .study-rows tbody tr').length < 72")
    assert page.locator(".experiments .study-rows tbody tr").count() == 1  # the first study that has rows of A
    choose(page, "Study", "All studies")
    page.wait_for_function("document.querySelectorAll('.experiments .study-rows').length === 7")
    choose(page, "Size of the runs", "reduced: 96 px")
    page.get_by_text("These runs are reduced (96 px)").wait_for()
    page.get_by_text("--image-size 96").first.wait_for(state="attached")


def test_a_rows_command_is_copied(visit):
    page = opened(visit, permissions=["clipboard-read", "clipboard-write"])
    row = page.locator(".experiments .study-rows tbody tr").nth(1)
    row.locator("summary").click()
    row.get_by_role("button", name="Copy: a-extra-dense 1").click()
    row.get_by_role("status").filter(has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "pneumoscope study run a-extra-dense --rows 1"


@pytest.mark.parametrize("language", ["en", pytest.param("he", marks=MORE)])
@pytest.mark.parametrize("width", [320, *(pytest.param(width, marks=MORE) for width in (390, 1280))])
def test_no_table_is_wider_than_its_place(visit, language, width):
    page = opened(visit, language, viewport={"width": width, "height": 844})
    choose(page, wording(language)("experiments.study"), "b-extra-dense")
    page.wait_for_function("document.querySelectorAll('.experiments .study-rows tbody tr').length === 10")
    page.wait_for_function(
        """() => document.documentElement.scrollWidth <= innerWidth
        && [...document.querySelectorAll('.experiments table')]
          .every((table) => table.offsetWidth <= table.parentElement.clientWidth + 1)"""
    )
    page.screenshot(path=SCREENSHOTS / f"experiments-{language}-{width}.png", full_page=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "he"])
def test_axe_finds_nothing_serious_in_all_studies(visit, language, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed here").Axe()
    page = opened(visit, language, color_scheme=theme)
    choose(page, wording(language)("experiments.study"), "a-width")
    page.wait_for_function("document.querySelectorAll('.experiments .study-rows tbody tr').length === 6")
    page.locator(".experiments summary").first.click()
    page.locator(".experiments .js-plotly-plot").nth(1).wait_for()
    page.screenshot(path=SCREENSHOTS / f"experiments-{language}-{theme}.png", full_page=True)
    found = [
        (violation["id"], [node["html"][:200] for node in violation["nodes"][:3]])
        for violation in axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert found == []


def test_the_language_changes_what_is_shown(visit):
    page = opened(visit)
    page.get_by_label("עברית").check()
    page.get_by_text("מסקנה", exact=True).wait_for()
    page.get_by_role("heading", name=wording("he")("experiments.title")).wait_for()
