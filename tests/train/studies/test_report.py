import re
from html.parser import HTMLParser

import pytest

from train.common.console import NOT_A_MEDICAL_DEVICE
from train.studies.definition import studies
from train.studies.record import read_record
from train.studies.report import make_record
from train.studies.report_pages import report_page, write_report

ALL_ROWS = sum(len(study.rows) for study in studies())


class Cells(HTMLParser):
    """The rows of a page's tables: lists of cells, each a list of lines."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.in_cell = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append([])
            self.in_cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.in_cell = False

    def handle_data(self, data):
        if self.in_cell:
            self.rows[-1][-1].append(data)


@pytest.fixture
def measured(make_study_training):
    """Seeds of two rows at full size, one of another at a reduced one."""
    reference = [("reference-runs", "a"), ("a-width", "1.0"), ("a-extra-dense", "0")]
    found = [make_study_training(reference, {"train": 0.92 + seed / 1000}, seed) for seed in range(3)]
    found += [make_study_training([("a-extra-dense", "1")], {"train": 0.90 + seed / 999}, seed) for seed in range(3)]
    return [*found, make_study_training([("b-dropout", "0.3")], {"head": 0.9, "fine_tune": 0.93}, scale="96 px")]


def row_of(page, key, stage, accuracy):
    rows = [cells for cells in Cells(page).rows if len(cells) == 12]
    return next(cells for cells in rows if (cells[0][0], cells[1][0], cells[2][0]) == (key, stage, accuracy))


def test_a_row_stands_measured_beside_reported_with_interval_and_range(measured):
    page = report_page("index.html", make_record(measured))
    row = row_of(page, "1", "trained", "91.5 %")
    assert row[3] == ["90.1 %", "[88.1–92.1]", "seeds 90.0 to 90.2"]
    assert row[5] == ["0.099", "seeds 0.098 to 0.100"]
    assert row[7][:2] == ["90.1 %", "at 0.40"]
    assert row[8][0] == "89.1 %"  # a point lower at the threshold from validation
    assert row[10][0] == "91.1 %"
    assert row[11] == ["3"]


def test_no_figure_stands_that_was_not_measured():
    page = report_page("index.html", make_record(()))
    rows = [cells for cells in Cells(page).rows if len(cells) == 12 and cells[0][0] != "row"]
    assert sum(1 for row in rows if row[1][0] != "head trained") == ALL_ROWS
    for row in rows:
        for measured in (3, 5, 7, 8, 9, 10, 11):
            assert row[measured] == ["–"], row
    assert page.count("not measured") >= 2 * len(make_record(()).conclusions)
    assert "reproduced</td>" not in page


@pytest.mark.parametrize("name", ["README.md", "index.html"])
def test_reduced_runs_stand_apart_and_say_so(measured, name):
    page = report_page(name, make_record(measured))
    assert "b-dropout, reduced size (96 px)" in page
    assert "b-dropout, full size" not in page
    assert "a-extra-dense, full size" in page
    assert "a-extra-dense, reduced size" not in page


@pytest.mark.parametrize("name", ["README.md", "index.html"])
def test_every_surface_says_what_it_is_not(name):
    assert NOT_A_MEDICAL_DEVICE in report_page(name, make_record(()))


def test_the_page_needs_neither_network_nor_script(measured):
    page = report_page("index.html", make_record(measured))
    assert not re.search(r"<script|<link|<img|@import|url\(|https?:", page)
    assert 'href="#part-2"' in page
    for at in range(2, page.count('id="part-') + 1):
        assert f'href="#part-{at}"' in page
    assert "prefers-color-scheme: dark" in page


def test_a_conclusion_says_its_outcome_its_seeds_and_its_figures(measured):
    page = report_page("index.html", make_record(measured))
    rows = [cells for cells in Cells(page).rows if len(cells) == 5]
    found = next(cells for cells in rows if cells[1][0].startswith("One more hidden layer"))
    assert found[2] == ["reproduced", "in 3 of 3 seeds, test films"]
    assert found[4][1] == "a-extra-dense/0 92.1 % against a-extra-dense/1 90.1 %"


def test_markdown_holds_the_same_tables_and_no_text_breaks_them(measured):
    text = report_page("README.md", make_record(measured))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert any(
        line.startswith("| 1 | trained | 91.5 % | 90.1 %<br>\\[88.1–92.1\\]<br>seeds 90.0 to 90.2 |") for line in lines
    )
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    heads = [at for at, line in enumerate(lines) if set(line) <= set("| -")]
    assert len(heads) > 15
    for at in heads:
        assert widths[at - 1] == widths[at] == widths[min(at + 1, len(lines) - 1)]


def test_effects_that_hold_are_listed_and_the_others_counted(make_study_training):
    few = [make_study_training([("reference-runs", "a")], {"train": 0.92})]
    few += [make_study_training([("a-extra-dense", "1")], {"train": 0.9})]
    page = report_page("index.html", make_record(few))
    assert "3 effects: 0 hold, 0 not shown, 3 with not enough seeds" in page


def test_what_another_machine_measured_is_kept_and_what_is_measured_anew_takes_its_place(tmp_path, make_study_training):
    width, dropout = [("a-width", "0.5")], [("a-dropout", "0.5")]
    before = make_record([make_study_training(width, {"train": 0.9}), make_study_training(dropout, {"train": 0.7})])
    files = write_report(tmp_path, before)
    assert [path.name for path in files] == ["studies.json", "README.md", "index.html"]
    now = make_record([make_study_training(width, {"train": 0.95})], read_record(tmp_path / "studies.json"))
    found = {training.rows[0]: training.stages["train"].test.half.accuracy.value for training in now.trainings}
    assert found == {("a-width", "0.5"): 0.95, ("a-dropout", "0.5"): 0.7}
    gone = make_study_training([("a-width", "9.0")], {"train": 0.5})
    assert len(make_record([gone], now).trainings) == 2  # a row that no study has any more


def test_a_row_that_is_trained_by_other_settings_now_has_no_seed_twice(make_study_training):
    shared = [("a-width", "1.0"), ("a-dropout", "0.1")]
    old = make_study_training(shared, {"train": 0.9}, run="study-old")
    before = make_record([old, make_study_training(shared, {"train": 0.8}, scale="96 px", run="study-small")])
    # Another default gives the same row's training another name.
    record = make_record([make_study_training([("a-width", "1.0")], {"train": 0.95}, run="study-new")], before)
    assert {(one.run, one.rows) for one in record.trainings} == {
        ("study-new", (("a-width", "1.0"),)),
        ("study-old", (("a-dropout", "0.1"),)),
        ("study-small", tuple(shared)),
    }
    edited = before.study("a-dropout").model_copy(
        update={"rows": tuple(row.model_copy(update={"settings": {}}) for row in before.study("a-dropout").rows)}
    )
    others = tuple(study if study.name != "a-dropout" else edited for study in before.studies)
    record = make_record([], before.model_copy(update={"studies": others}))
    assert {one.rows for one in record.trainings} == {(("a-width", "1.0"),)}


def test_one_run_may_be_of_two_scales(make_study_training):
    before = make_record([make_study_training([("a-width", "0.5")], {"train": 0.9}, run="study-one")])
    again = make_study_training([("a-width", "0.5")], {"train": 0.9}, scale="16 epochs at most", run="study-one")
    assert {one.scale for one in make_record([again], before).trainings} == {"full", "16 epochs at most"}


def test_the_cost_of_a_row_is_told_by_network_size_and_machine(measured):
    costs = make_record(measured).costs
    assert [(cost.network, cost.scale, cost.trainings, cost.median) for cost in costs] == [
        ("a", "full", 6, 101.0),
        ("b", "96 px", 1, 100.0),
    ]
    assert (costs[0].low, costs[0].high) == (100.0, 102.0)


def test_a_row_of_ones_own_that_the_report_does_not_have_is_shown(make_study_training):
    record = make_record([make_study_training([("a-width", "0.5")], {"train": 0.9})])
    width = record.study("a-width")
    rows = tuple(row.model_copy(update={"reported": {}}) for row in width.rows)
    own = record.model_copy(update={"studies": (width.model_copy(update={"rows": rows}),)})
    assert row_of(report_page("index.html", own), "0.5", "trained", "–")[3][0] == "90.0 %"


def test_a_training_that_diverged_is_in_the_row(make_study_training):
    lost = make_study_training([("a-optimizer", "adam-0.1-8")], {}, diverged=True)
    row = row_of(report_page("index.html", make_record([lost])), "adam-0.1-8", "trained", "62.5 %")
    assert row[3] == ["–"]
    assert row[11] == ["1", "1 diverged"]


def test_a_stage_that_was_not_trained_has_no_seeds(make_study_training):
    head = make_study_training([("b-dropout", "0.3")], {"head": 0.9}, scale="B's head alone")
    page = report_page("index.html", make_record([head]))
    assert row_of(page, "0.3", "head trained", "91.5 %")[11] == ["1"]
    assert row_of(page, "0.3", "fine-tuned", "93.3 %")[11] == ["–"]
