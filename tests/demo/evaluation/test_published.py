from demo.evaluation.published import published


def test_the_reports_figures_as_printed():
    rows = {(row.network, row.stage): row for row in published()}
    assert list(rows) == [("a", "train"), ("b", "head"), ("b", "fine_tune")]
    assert (rows["a", "train"].accuracy, rows["a", "train"].f1, rows["a", "train"].threshold) == (0.92948, 0.94458, 0.5)
    assert (rows["b", "head"].accuracy, rows["b", "head"].f1) == (0.91025, None)
    best = rows["b", "fine_tune"]
    assert (best.accuracy, best.f1, best.threshold) == (0.931, 0.95718, 0.8)
