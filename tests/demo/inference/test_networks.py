import pytest

from demo.inference.networks import load_models


def test_both_networks_are_opened_a_first(models):
    loaded = load_models(models, "cpu")
    assert list(loaded.classifiers) == list(loaded.cards) == list(loaded.bundles) == ["a", "b"]
    assert loaded.faults == {}


def test_a_missing_network_leaves_the_other(tmp_path, tiny_bundle):
    tiny_bundle(tmp_path, "b")
    loaded = load_models(tmp_path, "cpu")
    assert list(loaded.classifiers) == ["b"]
    assert loaded.faults == {}


def test_a_damaged_network_leaves_the_other_and_says_why(models):
    (models / "a" / "model.onnx").write_bytes(b"\0")
    loaded = load_models(models, "cpu")
    assert list(loaded.classifiers) == ["b"]
    assert list(loaded.faults) == ["a"]
    assert "model.onnx" in loaded.faults["a"]
    assert "\n" not in loaded.faults["a"]
    assert str(models) not in loaded.faults["a"]


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_no_network_at_all_is_no_error(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    loaded = load_models(tmp_path / folder, "cpu")
    assert (dict(loaded.classifiers), dict(loaded.faults)) == ({}, {})
