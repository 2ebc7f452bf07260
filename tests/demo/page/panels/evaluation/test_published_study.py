import re

import pytest

from demo.language.catalogue import wording
from demo.page.panels.evaluation.published_study import report_html
from export.bundle.evaluation import read_bundle_evaluation


def rows_of(html):
    rows = re.findall(r"<tr><th scope='row'>(.*?)</th>(.*?)</tr>", html)
    return [
        (
            re.sub(r"<small>.*", "", title),
            [re.sub(r"<.*?>", " ", cell).split() for cell in re.findall("<td>.*?</td>", cells)],
        )
        for title, cells in rows
    ]


def test_ours_beside_the_reports(tmp_path, evaluated_bundle):
    evaluations = {name: read_bundle_evaluation(evaluated_bundle(tmp_path, name)) for name in ("a", "b")}
    rows = rows_of(report_html(evaluations, wording("en")))
    ours = ["ours, test", "ours, validation", "ours, test, by the study&#x27;s protocol"]
    assert [title for title, _ in rows] == [
        *ours,
        "the report, test",
        *ours,
        "the report, test, head only",
        "the report, test",
    ]
    found = evaluations["a"]
    area = found.measured("test", "auroc")
    sensitivity = found.measured_at("test", "youden", "sensitivity")
    test = rows[0][1]
    assert test[0] == [f"{area.value:.3f}", f"{area.low:.3f}–{area.high:.3f}"]
    low, high = 100 * sensitivity.low, 100 * sensitivity.high
    assert test[2] == [f"{100 * sensitivity.value:.1f}", "%", f"{low:.1f}–{high:.1f}"]
    accuracy, f1, threshold = found.as_report("test")
    as_report = rows[2][1]
    assert as_report[1][:2] == [f"{100 * accuracy.value:.1f}", "%"]
    assert as_report[1][-2:] == ["at", "0.5"]
    assert as_report[4] == [f"{100 * f1.value:.1f}", "%", "at", f"{threshold:.3g}"]
    assert as_report[0] == as_report[2] == ["–"]
    assert rows[3][1] == [["–"], ["92.9", "%", "at", "0.5"], ["–"], ["–"], ["94.5", "%", "at", "0.5"]]
    assert rows[-1][1][4] == ["95.7", "%", "at", "0.8"]


@pytest.mark.parametrize("language", ["en", "he"])
def test_it_says_how_the_report_chose_its_threshold(tmp_path, evaluated_bundle, language):
    words = wording(language)
    html = report_html({"a": read_bundle_evaluation(evaluated_bundle(tmp_path))}, words)
    assert words("evaluation.report.how").split('"')[0] in html


def test_what_was_not_measured_is_left_out(tmp_path, evaluated_bundle):
    unread = read_bundle_evaluation(evaluated_bundle(tmp_path, test=False))
    assert [title for title, _ in rows_of(report_html({"a": unread}, wording("en")))] == [
        "ours, validation",
        "the report, test",
    ]


def test_a_broken_evaluation_is_said(tmp_path, evaluated_bundle):
    bundle = evaluated_bundle(tmp_path)
    bundle.contents["evaluation.json"] = b"{"
    html = report_html({"a": read_bundle_evaluation(bundle)}, wording("en"))
    assert "evaluation.json of Network A cannot be read" in html
    assert str(tmp_path) not in html
    assert [title for title, _ in rows_of(html)] == ["the report, test"]
