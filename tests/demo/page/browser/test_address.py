"""The tab in the address, and About's code and bundles to take, in a real browser."""

import json
import subprocess
import sys
from zipfile import ZipFile

import pytest

from demo.language.catalogue import wording

pytestmark = pytest.mark.slow  # drives a browser

READY = {"compare": "#drop", "evaluation": ".evaluation .matrix", "batch": ".batch", "about": ".about"}
READY["experiments"] = ".experiments .study-rows"
SELECTED = "[role=tab][aria-selected=true][data-tab-id={}]"


def reached(page, tab):
    page.wait_for_selector(SELECTED.format(tab))
    page.locator(READY[tab]).first.wait_for()


def test_every_tab_has_an_address_that_survives_a_reload(visit, running_page):
    page = visit()
    assert page.url == f"{running_page}/"
    for tab in ("evaluation", "experiments", "batch", "about"):
        page.get_by_role("tab", name=wording("en")(f"tab.{tab}"), exact=True).click()
        page.wait_for_url(f"{running_page}/#{tab}")
        assert page.title() == f"{wording('en')(f'tab.{tab}')} · pneumoscope"
        page.reload()
        reached(page, tab)
        assert page.url == f"{running_page}/#{tab}"


def test_back_and_forward_go_through_the_tabs(visit, running_page):
    page = visit()
    for tab in ("batch", "about"):
        page.get_by_role("tab", name=wording("en")(f"tab.{tab}"), exact=True).click()
        page.wait_for_url(f"{running_page}/#{tab}")
    page.go_back()
    reached(page, "batch")
    page.go_back()
    reached(page, "compare")
    assert page.url == f"{running_page}/"
    page.go_forward()
    reached(page, "batch")


def test_an_address_leads_to_a_part_of_a_tab_and_one_that_is_none_to_the_first(visit, running_page):
    page = visit()
    page.goto(f"{running_page}/?x=1#about-privacy")
    reached(page, "about")
    page.wait_for_function(
        "Math.abs(document.getElementById('about-privacy').getBoundingClientRect().top) < innerHeight / 2"
    )
    page.goto(f"{running_page}/?x=2#/../<b>nothing")
    reached(page, "compare")


def test_an_address_keeps_no_film(visit):
    page = visit()
    page.locator(".example button").first.click()
    page.wait_for_selector(".verdict.positive, .verdict.negative")
    page.get_by_role("tab", name="Batch").click()
    page.get_by_role("tab", name="Compare").click()
    assert page.url.endswith("/#compare")
    page.reload()
    page.wait_for_selector(".film.empty")
    assert page.locator(".verdict.positive, .verdict.negative").count() == 0


def test_the_code_is_copied_with_the_pages_own_address_and_runs(visit, running_page, tmp_path):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{running_page}/#about-program")
    reached(page, "about")
    button = page.get_by_role("button", name="Copy: One film, in Python with gradio_client")
    button.click()
    page.get_by_role("status").filter(has_text="Copied").wait_for()
    code = page.evaluate("navigator.clipboard.readText()")
    assert f'Client("{running_page}", verbose=False)' in code
    (tmp_path / "film.jpg").write_bytes(b"no film")
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["error"].startswith("text: expected a JPEG")


def test_the_code_is_copied_where_a_browser_gives_no_clipboard(visit, running_page):
    page = visit(permissions=["clipboard-read"])
    page.goto(f"{running_page}/#about-program")
    page.add_script_tag(content="Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    reached(page, "about")
    page.evaluate("document.addEventListener('copy', () => (window.copied = String(getSelection())))")
    page.get_by_role("button", name="Copy: One film, with curl").click()
    page.wait_for_function("window.copied")
    assert page.evaluate("window.copied").startswith(f"PAGE={running_page}\n")


def test_a_bundle_is_downloaded_from_about(visit, running_page):
    page = visit()
    page.goto(f"{running_page}/#about-program")
    reached(page, "about")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download bundle A").click()
    assert saved.value.suggested_filename == "pneumoscope-a.zip"
    with ZipFile(saved.value.path()) as archive:
        assert archive.testzip() is None
        assert "a/model.onnx" in archive.namelist()
