"""Batch in a real browser: one bad file never stops the rest, and what is saved is what `predict` prints."""

import csv
import json
import shutil
import zipfile

import pytest

from demo.evaluation.example_films import default_examples_folder
from demo.inference.compare import compare_film
from demo.inference.networks import load_models
from demo.predict.results import CSV_COLUMNS

pytestmark = pytest.mark.slow  # drives a browser


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch")
    for number, name in enumerate(("normal-01", "pneumonia-01", "normal-02", "pneumonia-02")):
        shutil.copy(default_examples_folder() / f"synthetic-{name}.png", folder / f"film{number}.png")
    (folder / "broken.jpg").write_text("no picture")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def predicted(films):
    loaded = load_models(device="cpu")
    return {path.name: compare_film(path, loaded.classifiers) for path in films}


@pytest.fixture
def page(visit):
    page = visit()
    page.get_by_role("tab", name="Batch").click()
    return page


def read(page, files):
    page.set_input_files("#batch-drop input[type=file]", files)
    page.get_by_role("button", name="CSV").wait_for()


def saved(page, button):
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value.path().read_text(encoding="utf-8")


def without_time(comparison):
    readings = {name: reading | {"milliseconds": 0} for name, reading in comparison["readings"].items()}
    return comparison | {"readings": readings, "path": comparison["path"].rsplit("/", 1)[-1]}


def test_a_batch_with_a_bad_file_is_saved_as_predict_prints_it(page, films, predicted):
    read(page, films)
    assert page.locator("#batch-readings tbody tr").count() == 5
    assert "4 of 5" in page.locator(".batch-summary").inner_text()
    assert page.locator("tr.unread").count() == 1
    found = json.loads(saved(page, "JSON"))
    assert [entry["path"] for entry in found] == [path.name for path in films]
    for entry in found:
        if entry["error"] is None:
            assert without_time(entry) == without_time(predicted[entry["path"]])
    rows = list(csv.DictReader(saved(page, "CSV").splitlines()))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == 10
    assert [row["network"] for row in rows[:2]] == ["a", "b"]


def test_a_zip_is_read_like_its_films(page, films, tmp_path):
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        for path in films:
            archive.write(path, f"ward/{path.name}")
    read(page, tmp_path / "films.zip")
    assert page.locator("#batch-readings tbody tr").count() == 5


def test_a_row_opens_in_compare(page, films, predicted):
    read(page, films)
    page.get_by_role("button", name="film2.png").click()
    page.wait_for_selector("[role=tab][aria-selected=true]:has-text('Compare')")
    page.wait_for_selector(".network.a .numbers")
    expected = predicted["film2.png"]["readings"]["a"]["positive"]
    verdict = page.locator(".network.a .verdict").inner_text()
    assert verdict == ("pneumonia likely" if expected else "no sign of pneumonia")


def test_the_table_is_sorted_by_probability(page, films):
    read(page, films)
    page.locator("button[data-sort=a]").click()
    page.wait_for_selector("th[aria-sort=descending] button[data-sort=a]")
    shown = page.locator("#batch-readings tbody tr:not(.unread) td:nth-child(3)").all_inner_texts()
    numbers = [float(text.strip("<>")) for text in shown]
    assert numbers == sorted(numbers, reverse=True)
