"""A class that bytes or sides give away is found, chance is called chance, and what cannot be told has a reason."""

import json

import numpy as np
import pytest

from train.audit import metadata_baseline as baseline_module
from train.audit.metadata_baseline import metadata_baseline


def cohort(patients=40, shift=0.0, seed=0, films_each=2):
    """Films of as many normal as ill patients; ill patients' files are smaller by `shift` (natural logarithm)."""
    generator = np.random.default_rng(seed)
    ids = np.repeat([f"p{number}" for number in range(patients)], films_each)
    labels = np.repeat(np.arange(patients) % 2, films_each)
    # Films of a patient are alike.
    size = np.exp(10 + np.repeat(generator.normal(0, 0.3, patients), films_each) - shift * labels)
    traits = np.stack([np.full(len(ids), 224), np.full(len(ids), 224), np.rint(size)], axis=1)
    return traits, labels, ids, np.zeros(len(ids), dtype=bool)


def test_bytes_that_give_the_class_away():
    baseline = metadata_baseline(*cohort(shift=0.8))
    assert baseline.columns == ("bytes",)
    assert baseline.constant_columns == ("width", "height")
    auroc = baseline.cross_validated.auroc
    assert 0.8 < auroc.low < auroc.value < auroc.high <= 1
    assert (baseline.cross_validated.films, baseline.cross_validated.patients, baseline.folds) == (80, 40, 5)
    assert baseline.test is None


def test_a_shape_gives_the_class_away_though_no_side_does():
    traits, labels, ids, test = cohort(patients=60, films_each=1)
    sides = np.random.default_rng(1).integers(500, 3000, len(ids))
    traits[:, 0], traits[:, 1] = np.where(labels == 1, 1.5 * sides, 1.2 * sides), sides
    baseline = metadata_baseline(traits, labels, ids, test)
    assert baseline.columns == ("width", "height", "bytes")
    assert baseline.cross_validated.auroc.value > 0.95


def test_a_perfect_separation_claims_no_certainty():
    baseline = metadata_baseline(*cohort(shift=5))
    assert baseline.cross_validated.auroc.value == baseline.cross_validated.auroc.high == 1
    assert baseline.cross_validated.auroc.low < 0.99


def test_a_patients_films_are_kept_together(monkeypatch):
    traits, labels, ids, test = cohort()
    # Bytes name the patient, so that what a fit was shown can be told from what it was asked.
    traits[:, 2] = [1000 + int(name[1:]) for name in ids]
    fitted, asked = baseline_module._fitted, []

    def watched(logs, labels, others):
        assert not set(logs.ravel()) & set(others.ravel())
        asked.extend(others.ravel())
        return fitted(logs, labels, others)

    monkeypatch.setattr(baseline_module, "_fitted", watched)
    assert metadata_baseline(traits, labels, ids, test).folds == 5
    assert sorted(asked) == sorted(np.log(traits[:, 2]))


def test_chance_is_not_taken_for_knowledge():
    assert metadata_baseline(*cohort(patients=60)).cross_validated.auroc.low < 0.5


def test_test_films_are_scored_by_a_fit_on_the_others():
    traits, labels, ids, _ = cohort(patients=80, shift=1.0)
    test = np.array([int(name[1:]) >= 40 for name in ids])
    done = []
    baseline = metadata_baseline(traits, labels, ids, test, done.append)
    assert baseline.cross_validated.films == baseline.test.films == 80
    assert baseline.test.auroc.value > 0.9
    assert sum(done) == 4000
    turned = np.where(test, 1 - labels, labels)
    assert metadata_baseline(traits, turned, ids, test).test.auroc.value < 0.1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda traits, labels, ids: (traits, labels * 0, ids), "films of one class only"),
        (lambda traits, labels, ids: (traits, labels, np.repeat("one", len(ids))), "1 patients: expected at least 20"),
        (lambda traits, labels, ids: (traits * 0 + 7, labels, ids), "all films have the same width, height, bytes"),
        (lambda traits, labels, ids: (traits * np.nan, labels, ids), "not a number"),
        (lambda traits, labels, ids: (traits[:0], labels[:0], ids[:0]), "no readable films"),
        (lambda traits, labels, ids: (traits, (ids == "p0") * 1, ids), "one class is of a single patient"),
    ],
)
def test_what_cannot_be_told_has_a_reason(change, reason):
    traits, labels, ids, _ = cohort()
    traits, labels, ids = change(traits, labels, ids)
    baseline = metadata_baseline(traits, labels, ids, np.zeros(len(ids), dtype=bool))
    assert reason in baseline.cross_validated.reason
    written = json.loads(json.dumps(baseline.as_json(), allow_nan=False))
    assert written["auroc"] == {"value": None, "low": None, "high": None}
    assert written["reason"] == baseline.cross_validated.reason


def test_too_few_test_patients_leave_the_rest():
    traits, labels, ids, _ = cohort(shift=0.6)
    baseline = metadata_baseline(traits, labels, ids, np.isin(ids, ["p0", "p1"]))
    assert "2 patients: expected at least 20" in baseline.test.reason
    assert baseline.cross_validated.reason is None
