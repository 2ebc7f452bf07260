"""Compare in a real browser: what a visitor sees is what `predict` says."""

import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from demo.evaluation.example_films import default_examples_folder
from demo.evaluation.operating_point_choices import shared_points
from demo.evaluation.track_record import read_track_record
from demo.language.catalogue import wording
from demo.language.numbers import rounded
from export.bundle import default_models_folder, find_bundles

pytestmark = pytest.mark.slow  # drives a browser

MORE = pytest.mark.exhaustive
DONE = ".verdict.positive, .verdict.negative, .verdict.refused, .fault"


@pytest.fixture(scope="module")
def films(tmp_path_factory, dicom):
    """The same kind of film in three formats, each file of its own."""
    folder = tmp_path_factory.mktemp("films")
    names = ("normal-01", "pneumonia-03", "pneumonia-04")
    drawn = [
        cv2.imread(str(default_examples_folder() / f"synthetic-{name}.png"), cv2.IMREAD_GRAYSCALE) for name in names
    ]
    cv2.imwrite(str(folder / "one.jpg"), drawn[0])
    cv2.imwrite(str(folder / "two.png"), drawn[1])
    (folder / "three.dcm").write_bytes(dicom(drawn[2].astype(np.uint16) * 16, bits=12))
    return folder


@pytest.fixture(scope="module")
def predicted(films):
    """What `predict --json` says of each film, by file name."""
    command = [sys.executable, "-c", "from demo.cli import app; app()", "predict", str(films), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {entry["path"].rsplit("/", 1)[-1]: entry for entry in found}


@pytest.fixture
def page(visit):
    return visit()


def upload(page, path):
    page.set_input_files("#drop input[type=file]", path)


def column(page, network):
    return page.locator(f".network.{network}")


def numbers(page, network):
    return column(page, network).locator("dd").all_inner_texts()


@pytest.mark.parametrize("name", ["one.jpg", pytest.param("two.png", marks=MORE), "three.dcm"])
def test_an_upload_is_read_by_both_networks_as_predict_reads_it(page, films, predicted, name):
    upload(page, films / name)
    page.wait_for_selector(DONE)
    for network, expected in predicted[name]["readings"].items():
        verdict = "pneumonia likely" if expected["positive"] else "no sign of pneumonia"
        assert column(page, network).locator(".verdict").inner_text() == verdict
        assert numbers(page, network)[:2] == [rounded(expected["probability"]), rounded(expected["threshold"])]
    agreement = page.locator(".agreement").inner_text()
    assert agreement.startswith("A and B agree." if predicted[name]["agree"] else "A and B disagree.")
    assert page.locator(".film img.picture").evaluate("picture => picture.naturalWidth") == 224
    assert "Jane" not in page.content()


def test_another_operating_point_redraws_both_without_reading_again(page, films):
    upload(page, films / "one.jpg")
    page.wait_for_selector(DONE)
    before = {network: numbers(page, network) for network in "ab"}
    page.get_by_label("At least 95 % of healthy spared").check()
    page.wait_for_function(
        "before => document.querySelector('.network.a dd:nth-child(2)').parentElement.parentElement"
        ".querySelectorAll('dd')[1].innerText !== before",
        arg=before["a"][1],
    )
    for network in "ab":
        after = numbers(page, network)
        assert after[0] == before[network][0]
        assert after[1] != before[network][1]
        assert after[2:] == before[network][2:]  # the very same logit and milliseconds: no network ran


def test_operating_points_stand_by_threshold_and_say_what_they_reached_on_test(page):
    cards = {name: bundle.card for name, bundle in find_bundles(default_models_folder()).items()}
    choices = page.locator(".choice.reached label").all_inner_texts()
    names = [choice.split("\n")[0].strip() for choice in choices]
    assert names == [wording("en")(f"operating_point.{name}") for name in shared_points(cards.values())]
    assert all("On test: A finds" in choice and "B finds" in choice for choice in choices)
    checked = page.locator(".choice.reached input:checked").get_attribute("value")
    assert checked == cards["a"].default_operating_point == "youden"


@pytest.mark.parametrize("forced", ["none", pytest.param("active", marks=MORE)])
@pytest.mark.parametrize("width", [390, *(pytest.param(width, marks=MORE) for width in (820, 1280, 1920))])
def test_what_a_number_was_worth_stands_inside_its_card(visit, films, width, forced):
    page = visit(viewport={"width": width, "height": 900}, forced_colors=forced)
    upload(page, films / "one.jpg")
    page.wait_for_selector(DONE)
    record = read_track_record(find_bundles(default_models_folder()))
    for network in "ab":
        card = column(page, network)
        shown = float(numbers(page, network)[0].lstrip("<>"))
        strip = card.get_by_role("img", name="of 20 dots filled: pneumonia")
        found = record.alike(network, shown)[0]
        filled = strip.locator("circle.ill").count()
        assert strip.get_attribute("aria-label").startswith(f"{filled} of 20")
        assert abs(filled - found.dots) <= 3  # the number on screen is rounded
        assert strip.locator("circle").count() == 20
        text = card.locator(".worth").inner_text()
        assert text.index("test films that") < text.index("On validation")
        # A filled dot and a ring differ, and neither has the colour of what is under it.
        under = card.evaluate("card => getComputedStyle(card).backgroundColor")
        look = "circle => [getComputedStyle(circle).fill, getComputedStyle(circle).stroke]"
        for fill, stroke in strip.locator("circle.ill").evaluate_all(f"all => all.map({look})"):
            assert fill == stroke != under
        for fill, stroke in strip.locator("circle.well").evaluate_all(f"all => all.map({look})"):
            assert fill == "none"
            assert stroke != under
        box = card.bounding_box()
        for part in (".worth", ".record", ".dots", ".numbers"):
            inner = card.locator(part).bounding_box()
            assert inner["x"] >= box["x"], part
            assert inner["x"] + inner["width"] <= box["x"] + box["width"] + 1, part


@pytest.mark.parametrize("language", ["en", pytest.param("he", marks=MORE)])
def test_beside_a_network_that_refuses_the_other_goes_grey(visit, films, tmp_path, language):
    # So blurred that A has never seen the like, and B finds nothing strange about it.
    blurred = cv2.GaussianBlur(cv2.imread(str(films / "two.png"), cv2.IMREAD_GRAYSCALE), (61, 61), 0)
    cv2.imwrite(str(tmp_path / "blurred.png"), blurred)
    page, words = visit(), wording(language)
    if language == "he":
        page.get_by_label("עברית").check()
        page.wait_for_selector("html[dir=rtl]")
    upload(page, tmp_path / "blurred.png")
    page.wait_for_selector(DONE)
    assert column(page, "a").locator(".verdict").inner_text() == words("verdict.refused")
    other = column(page, "b")
    assert "unreliable" in other.get_attribute("class")
    warning = words("compare.unreliable", refusing="A", other="B")
    assert other.locator(".why").inner_text() == warning
    assert warning in page.locator(".agreement").inner_text()
    assert other.locator(".worth, .record").count() == 0
    fill = other.locator(".fill").evaluate("fill => getComputedStyle(fill).backgroundColor")
    red, green, blue = map(int, re.findall(r"\d+", fill)[:3])
    assert max(red, green, blue) - min(red, green, blue) < 25  # grey
    # Another film, and the card is its own again.
    upload(page, films / "one.jpg")
    page.wait_for_selector(".network.b:not(.unreliable) .worth")


def test_a_file_that_is_no_film_gets_a_calm_line_and_the_page_goes_on(page, films, predicted, tmp_path):
    (tmp_path / "text.jpg").write_text("this is no picture\n" * 100)
    (tmp_path / "large.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(30_000_000))
    for name in ("text.jpg", "large.jpg"):
        upload(page, tmp_path / name)
        fault = page.locator(".fault", has_text=name)
        fault.wait_for()
        assert "could not be read as a film" in fault.inner_text()
        assert str(tmp_path) not in page.content()
        upload(page, films / "one.jpg")
        page.wait_for_selector(".verdict.positive, .verdict.negative")
        assert numbers(page, "a")[0] == rounded(predicted["one.jpg"]["readings"]["a"]["probability"])


def test_a_film_dropped_anywhere_on_compare_is_read(page, films):
    data = (films / "two.png").read_bytes()
    page.evaluate(
        """(bytes) => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
            const target = document.querySelector(".film");
            target.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
        }""",
        list(data),
    )
    page.wait_for_selector(DONE)


def test_a_reload_in_the_middle_of_a_reading_leaves_a_page_that_works(page, films):
    upload(page, films / "one.jpg")
    page.reload()
    page.wait_for_selector("#drop")
    upload(page, films / "two.png")
    page.wait_for_selector(DONE)


def test_two_visitors_keep_their_own_films(visit, films, predicted):
    first, second = visit(), visit()
    upload(first, films / "one.jpg")
    upload(second, films / "two.png")
    for page, name in ((first, "one.jpg"), (second, "two.png")):
        page.wait_for_selector(DONE)
        page.get_by_label("Most found per mistake (F1)").check()
        page.get_by_label("Found and spared alike (Youden)").check()
        expected = predicted[name]["readings"]["a"]
        assert numbers(page, "a")[0] == rounded(expected["probability"])


def test_an_example_is_opened_with_the_keyboard_alone(page):
    example = page.locator(".example button").first
    for _ in range(30):
        page.keyboard.press("Tab")
        if example.evaluate("button => button === document.activeElement"):
            break
    else:
        raise AssertionError("the first example is not reached with 30 presses of Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(DONE)


@pytest.mark.parametrize(("button", "start"), [("PDF", b"%PDF-"), ("HTML", b"<!DOCTYPE html>")])
def test_the_report_is_saved(page, films, button, start):
    upload(page, films / "one.jpg")
    page.wait_for_selector(DONE)
    page.get_by_role("button", name="Save report").click()
    page.get_by_label("Label (optional)").fill("bed 7 <b>")
    with page.expect_download() as saved:
        page.get_by_role("button", name=button, exact=True).click()
    data = saved.value.path().read_bytes()
    assert data[:15].lower().startswith(start.lower())
    assert saved.value.suggested_filename.endswith(button.lower())
    assert b"one.jpg" not in data
    if button == "HTML":
        assert b"bed 7 &lt;b&gt;" in data
