import json

import pytest

from export.bundle import default_models_folder, find_bundles
from export.bundle.metric import Metric
from export.bundle.robustness import Robustness, RobustnessError, all_corruptions, as_robustness, read_robustness

FIGURE = {"value": 0.9, "low": 0.8, "high": 0.95}
TABLE = {
    "network": "a",
    "split_fingerprint": "0" * 64,
    "operating_point": "youden",
    "intervals": "95 %: resamples of patients",
    "validation": {
        "changes": {
            "as_it_is": {"what": "nothing", "accuracy": FIGURE, "auroc": FIGURE, "probability_shift": {"value": 0.0}},
            "blur": {"what": "blur", "accuracy": FIGURE | {"value": 0.5}, "auroc": {"value": 7}},
            "odd": {"what": "nobody knows", "auroc": FIGURE},
            "broken": None,
        }
    },
    "test": None,
}


@pytest.fixture
def bundle(tmp_path, tiny_bundle):
    """Write a tiny bundle and a stress table beside its model, known to its checksums: (table or text) → bundle."""

    def make(table):
        made = tiny_bundle(tmp_path)
        text = table if isinstance(table, str) else json.dumps(table)
        made.contents["stress.json"] = text.encode()
        made.card.checksums["stress.json"] = "0" * 64
        return made

    return make


def test_a_table_is_read_as_far_as_it_goes(bundle):
    stress = read_robustness(bundle(TABLE))
    assert [change.name for change in stress.validation.changes] == ["as_it_is", "blur"]  # with an accuracy
    unchanged, blur = stress.validation.changes
    assert unchanged.accuracy == Metric(0.9, 0.8, 0.95)
    assert unchanged.probability_shift == Metric(0.0)
    assert blur.what == "blur"
    assert blur.auroc is None  # 7 is none
    assert stress.test.changes == ()
    assert (stress.operating_point, stress.intervals) == ("youden", "95 %: resamples of patients")


def test_a_bundle_without_a_table_has_none(tmp_path, tiny_bundle):
    made = tiny_bundle(tmp_path)
    assert read_robustness(made) is None
    made.contents["stress.json"] = json.dumps(TABLE).encode()  # not of this bundle: its checksums do not know it
    assert read_robustness(made) is None


@pytest.mark.parametrize(
    "change", [{"network": "b"}, {"split_fingerprint": "1" * 64}, {"validation": None}, {"format": 2}, "{", "[]"]
)
def test_another_networks_or_a_spoilt_table_is_an_error(bundle, change):
    with pytest.raises(RobustnessError):
        read_robustness(bundle(change if isinstance(change, str) else {**TABLE, **change}))


@pytest.mark.parametrize("found", [None, 3, {}, {"validation": 1}, {"validation": {"changes": []}}])
def test_what_is_no_table_is_none(found):
    assert as_robustness(found) is None


def test_the_changes_of_both_networks_are_each_told_once():
    other = {"validation": {"changes": {"noise": {"accuracy": FIGURE}, "blur": {"accuracy": FIGURE}}}}
    by_network = {"a": as_robustness(TABLE), "b": as_robustness(other)}
    assert [change.name for change in all_corruptions(by_network, "validation")] == [
        "as_it_is",
        "blur",
        "noise",
    ]
    assert all_corruptions(by_network, "test") == []


@pytest.mark.parametrize(
    ("blur", "place"),
    [
        ({"auroc": {"value": 7}}, r"changes\.1\.auroc: expected value, low, high in 0\.\.1"),
        ({"auroc": {"value": 0.9, "low": -0.1, "high": 1}}, r"changes\.1\.auroc"),
        ({"accuracy": {"value": None}}, "changes: expected changes, each with its accuracy"),
        ({"what": 3}, r"changes\.1\.what: expected a text"),
    ],
)
def test_read_whole_what_is_out_of_bounds_is_named(blur, place):
    changes = {"as_it_is": {"accuracy": FIGURE}, "blur": {"accuracy": FIGURE, **blur}}
    with pytest.raises(ValueError, match=place) as error:
        Robustness.whole({"format": 1, "validation": {"films": 3, "changes": changes}, "test": None})
    assert "\n" not in str(error.value)


def test_the_shipped_tables_are_whole():
    for bundle in find_bundles(default_models_folder()).values():
        table = Robustness.whole(json.loads(bundle.contents["stress.json"]))
        assert table == read_robustness(bundle)
        assert len(table.validation.changes) == 16
