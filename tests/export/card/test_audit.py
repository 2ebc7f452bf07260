"""The audit's findings go into the card only where they are of the run's films."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.card.audit import DEFAULT_AUDIT, _small, find_audit, read_audit
from train.common.errors import PneumoscopeError, UsageError
from train.data.cohort import Cohort, Film

FILMS = tuple(Film(f"{n}.png", f"p{n // 2}", n % 2, "train", "unknown") for n in range(6))
AUROC = {"value": 0.8, "low": 0.7, "high": 0.9}


def audit(**changes):
    return {
        "format": 1,
        "films": {"total": 6, "readable": 6},
        "patients": {"total": 3},
        "exact_duplicates": {"groups": 1, "films": 2},
        "near_duplicates": {"limit": 20, "groups": 0},
        "patients_across_splits": {"patients": 0},
        "metadata_baseline": {"columns": ["bytes"], "constant_columns": ["width"], "auroc": AUROC},
        "exposure": {"mean": {"groups": {"train": {"normal": {}}}, "against_train": {"test": {"normal": 0.1}}}},
        **changes,
    }


def write(folder, value):
    path = folder / "audit.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_findings_are_kept_without_the_spread_of_each_group(tmp_path):
    found = read_audit(write(tmp_path, audit(split_fingerprint=None, secret="x")), FILMS)
    assert (found["films"], found["patients"]) == (6, 3)
    assert found["exact_duplicates"] == {"groups": 1, "films": 2}
    assert found["metadata_baseline"]["auroc"] == AUROC
    assert found["exposure"] == {"mean": {"against_train": {"test": {"normal": 0.1}}}}
    assert "secret" not in found


def test_plain_counts_will_do(tmp_path):
    found = read_audit(write(tmp_path, {"format": 1, "films": 6, "patients": 3, "exact_duplicates": 2}), FILMS)
    assert found == {"films": 6, "patients": 3, "exact_duplicates": 2}


@pytest.mark.parametrize(
    "changes", [{"films": 7}, {"patients": {"total": 4}}, {"films": None}, {"split_fingerprint": "0" * 64}]
)
def test_an_audit_of_other_films_is_refused(tmp_path, changes):
    with pytest.raises(UsageError, match="data audit") as error:
        read_audit(write(tmp_path, audit(**changes)), FILMS)
    assert "\n" not in str(error.value)


def test_the_fingerprint_of_the_split_is_known(tmp_path):
    path = write(tmp_path, audit(split_fingerprint=Cohort(tmp_path, FILMS).fingerprint))
    assert read_audit(path, FILMS)["films"] == 6


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', "[" * 100_000])
def test_a_damaged_audit_is_one_line(tmp_path, text):
    with pytest.raises(PneumoscopeError, match=r"audit\.json"):
        read_audit(write(tmp_path, text), FILMS)
    with pytest.raises(PneumoscopeError, match="no such file"):
        read_audit(tmp_path / "gone.json", FILMS)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"metadata_baseline": {"auroc": {"value": 1.2}}}, r"metadata_baseline\.auroc: expected value, low, high in 0"),
        ({"near_duplicates": {"groups": -1}}, r"near_duplicates\.groups: expected a count"),
        ({"near_duplicates": "none"}, "near_duplicates: expected an object or a count"),
        (
            {"patients_across_splits": {"films": {"train": 1.5}}},
            r"patients_across_splits\.films\.train: expected a count",
        ),
        ({"exposure": {"mean": {"against_train": {"test": {"normal": -2}}}}}, r"exposure\.mean\.against_train"),
        ({"films": {"total": "6"}}, "films: expected a count"),
    ],
)
def test_figures_out_of_bounds_are_one_line(tmp_path, changes, place):
    with pytest.raises(PneumoscopeError, match=f"is no whole audit \\(at {place}") as error:
        read_audit(write(tmp_path, audit(**changes)), FILMS)
    assert "\n" not in str(error.value)
    assert "make it again: pneumoscope data audit DIR" in str(error.value)


def test_what_was_not_defined_is_no_damage(tmp_path):
    undefined = {"value": None, "low": None, "high": None}
    baseline = {"columns": [], "auroc": undefined, "reason": "one class", "test": None}
    found = read_audit(write(tmp_path, audit(metadata_baseline=baseline, split_fingerprint=None)), FILMS)
    assert found["metadata_baseline"] == baseline


def test_by_default_the_working_directorys_is_taken_if_it_fits(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert find_audit(None, FILMS) is None
    write(DEFAULT_AUDIT.parent, audit())
    assert find_audit(None, FILMS)["films"] == 6
    write(DEFAULT_AUDIT.parent, audit(films=9))
    assert find_audit(None, FILMS) is None
    assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(UsageError):
        find_audit(DEFAULT_AUDIT, FILMS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=30)
@given(json_values)
def test_whatever_is_kept_is_json(value):
    json.dumps(_small(value), allow_nan=False)
