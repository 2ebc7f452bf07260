import pytest

from demo.inference.networks import open_readers


def test_both_networks_are_opened_a_first(models):
    readers = open_readers(models, "cpu")
    assert list(readers.classifiers) == list(readers.cards) == list(readers.bundles) == ["a", "b"]
    assert readers.faults == {}


def test_a_missing_network_leaves_the_other(tmp_path, tiny_bundle):
    tiny_bundle(tmp_path, "b")
    readers = open_readers(tmp_path, "cpu")
    assert list(readers.classifiers) == ["b"]
    assert readers.faults == {}


def test_a_damaged_network_leaves_the_other_and_says_why(models):
    (models / "a" / "model.onnx").write_bytes(b"\0")
    readers = open_readers(models, "cpu")
    assert list(readers.classifiers) == ["b"]
    assert list(readers.faults) == ["a"]
    assert "model.onnx" in readers.faults["a"]
    assert "\n" not in readers.faults["a"]
    assert str(models) not in readers.faults["a"]


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_no_network_at_all_is_no_error(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    readers = open_readers(tmp_path / folder, "cpu")
    assert (dict(readers.classifiers), dict(readers.faults)) == ({}, {})
