"""A card's audit is read as far as it goes."""

import pytest

from export.bundle import default_models_folder, find_bundles
from export.bundle.audit import AuditFindings, Duplicates, as_findings
from export.bundle.metric import Metric


def test_the_shipped_cards_audits_are_whole():
    for bundle in find_bundles(default_models_folder()).values():
        found = as_findings(bundle.card.audit)
        assert found == AuditFindings.whole(bundle.card.audit)
        assert found.films == 5856
        assert found.exact_duplicates == Duplicates(
            groups=30, films=62, across_splits=0, across_classes=0, across_patients=1
        )
        assert found.metadata_baseline.columns == ("bytes",)
        assert found.metadata_baseline.test.auroc.value == pytest.approx(0.834, abs=5e-4)
        assert found.exposure["mean"].against_train["test"] == {"normal": 0.0629, "pneumonia": -0.1158}


def test_short_audits_have_plain_counts():
    found = as_findings({"films": 6, "patients": {"total": 3}, "near_duplicates": 2, "patients_across_splits": 1})
    assert (found.films, found.patients) == (6, 3)
    assert found.near_duplicates == Duplicates(total=2)
    assert found.patients_across_splits.patients == 1
    assert found.exact_duplicates is None
    assert as_findings(None) is None


def test_what_is_damaged_is_not_there():
    found = as_findings(
        {
            "films": -1,
            "exact_duplicates": "many",
            "near_duplicates": {"groups": True, "films": 3},
            "metadata_baseline": {"columns": "width", "auroc": {"value": 7}, "test": {"auroc": {"value": 0.5}}},
            "exposure": {"mean": {"against_train": {"test": {"normal": 2, "pneumonia": 0.5}}}, "size": 3},
            "size": [],
        }
    )
    assert found.films is None
    assert found.exact_duplicates is None
    assert found.near_duplicates == Duplicates(films=3)
    assert (found.metadata_baseline.columns, found.metadata_baseline.auroc) == ((), None)
    assert found.metadata_baseline.test.auroc == Metric(0.5)
    assert found.exposure["mean"].against_train["test"] == {"normal": None, "pneumonia": 0.5}
    assert list(found.exposure) == ["mean"]
    assert found.size == {}
