import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from export.bundle import (
    BUNDLE_FILES,
    BundleError,
    Card,
    card_matches_metadata,
    default_models_folder,
    find_bundles,
    metadata_of,
    read_bundle,
    write_bundle,
)

FILES = {"evaluation.json": b"{}", "scores.csv": b"film\n", "history.csv": b"epoch\n", "README.md": b"# A\n"}


@pytest.fixture
def bundle(tmp_path, tiny_bundle):
    return tiny_bundle(tmp_path / "models")


def edit_card(bundle, change):
    path = bundle.folder / "card.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def one_line(error):
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_bundle_is_read_back_as_written(bundle):
    again = read_bundle(bundle.folder)
    assert again == bundle
    assert again.model.read_bytes()
    assert again.card.prepare.image_size == 8
    assert set(again.card.checksums) == set(BUNDLE_FILES) - {"card.json"}
    assert {path.name for path in bundle.folder.iterdir()} == set(BUNDLE_FILES)


def test_a_centre_crop_is_in_the_card_and_in_the_model_where_there_is_one(tmp_path, tiny_bundle):
    prepare = {"image_size": 8, "resize": "squash", "contrast": "none"}
    for name, written in (("all", prepare), ("centre", prepare | {"centre_crop": 0.8})):
        bundle = read_bundle(tiny_bundle(tmp_path / name, "a", prepare=prepare | {"centre_crop": 1.0} | written).folder)
        assert json.loads((bundle.folder / "card.json").read_text())["prepare"] == written
        assert json.loads(metadata_of(bundle.card)["prepare"]) == written
        assert bundle.card.prepare.centre_crop == written.get("centre_crop", 1)


def test_the_card_is_plain_json_with_the_keys_of_the_design(bundle):
    card = json.loads((bundle.folder / "card.json").read_text())
    assert card["format"] == 1
    assert card["classes"] == ["normal", "pneumonia"]
    assert card["prepare"] == {"image_size": 8, "resize": "squash", "contrast": "none"}
    assert card["calibration"] == {"method": "temperature", "temperature": 2.0, "selected_on": "validation"}
    assert card["default_operating_point"] == "youden"
    assert card["novelty_limit"] is None
    assert card["metrics"]["test"] is None


def test_unknown_keys_survive_at_every_level(tmp_path, tiny_card):
    card = tiny_card(
        reader_study={"films": 3},
        parity={"films": 64, "largest_probability_difference": 0, "decisions_changed": 0, "device": "cpu"},
    )
    again = read_bundle(write_bundle(tmp_path / "a", card, b"model", FILES).folder).card
    assert again.model_extra["reader_study"] == {"films": 3}
    assert again.parity.model_extra["device"] == "cpu"


@pytest.mark.parametrize("name", sorted(set(BUNDLE_FILES) - {"card.json"}))
def test_a_changed_byte_is_found_in_every_file(bundle, name):
    path = bundle.folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError) as error:
        read_bundle(bundle.folder)
    assert name in one_line(error)
    assert "pneumoscope export RUN" in one_line(error)


@pytest.mark.parametrize("name", BUNDLE_FILES)
def test_what_was_verified_is_what_is_told_of_whatever_comes_after(bundle, name):
    verified = read_bundle(bundle.folder)
    before = (bundle.folder / name).read_bytes()
    (bundle.folder / name).write_bytes(b"{}")
    assert verified.contents[name] == before
    assert set(verified.contents) == set(verified.files) == set(BUNDLE_FILES)


@pytest.mark.parametrize("name", BUNDLE_FILES)
def test_a_missing_file_is_named(bundle, name):
    (bundle.folder / name).unlink()
    with pytest.raises(BundleError) as error:
        read_bundle(bundle.folder)
    assert str(bundle.folder / name) in one_line(error)
    assert "missing" in one_line(error)


def test_a_card_cut_short_anywhere_is_refused(bundle):
    path = bundle.folder / "card.json"
    text = path.read_bytes()
    for length in [0, 1, *range(2, len(text) - 2, 97)]:
        path.write_bytes(text[:length])
        with pytest.raises(BundleError) as error:
            read_bundle(bundle.folder)
        assert "card.json" in one_line(error)


@pytest.mark.parametrize("text", [b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}'])
def test_json_that_is_no_card_is_refused(bundle, text):
    (bundle.folder / "card.json").write_bytes(text)
    with pytest.raises(BundleError) as error:
        read_bundle(bundle.folder)
    assert "card.json" in one_line(error)


def test_no_folder(tmp_path):
    with pytest.raises(BundleError, match="no such bundle folder"):
        read_bundle(tmp_path / "a")


@pytest.mark.parametrize(
    ("where", "value", "named"),
    [
        (("operating_points", "youden", "threshold"), 0, "operating_points.youden.threshold"),
        (("operating_points", "youden", "threshold"), 1, "operating_points.youden.threshold"),
        (("operating_points", "f1", "threshold"), float("nan"), "operating_points.f1.threshold"),
        (("operating_points", "f1", "selected_on"), "test", "operating_points.f1.selected_on"),
        (("operating_points",), {}, "operating_points"),
        (("calibration", "temperature"), 0, "calibration.temperature"),
        (("calibration", "temperature"), float("inf"), "calibration.temperature"),
        (("calibration", "selected_on"), "test", "calibration.selected_on"),
        (("classes",), ["normal"], "classes"),
        (("classes",), ["normal", "bacterial", "viral"], "classes"),
        (("classes",), ["normal", "normal"], "classes"),
        (("prepare", "image_size"), 0, "image_size"),
        (("prepare", "resize"), "stretch", "resize"),
        (("prepare", "centre_crop"), 0, "centre_crop"),
        (("default_operating_point",), "best", "default_operating_point"),
        (("network",), "c", "network"),
        (("placeholder",), True, "placeholder_reason"),
        (("checksums",), {}, "checksums"),
        (("checksums", "../a/model.onnx"), "0", "checksums"),
        (("checksums", "model\0.onnx"), "0", "checksums"),
        (("format",), 2, "upgrade pneumoscope"),
    ],
)
def test_a_wrong_entry_is_named(bundle, where, value, named):
    def change(card):
        *parents, key = where
        for parent in parents:
            card = card[parent]
        card[key] = value

    edit_card(bundle, change)
    with pytest.raises(BundleError) as error:
        read_bundle(bundle.folder)
    assert named in one_line(error)


@pytest.mark.parametrize("key", ["operating_points", "calibration", "split_fingerprint", "placeholder", "parity"])
def test_a_lacking_entry_is_named(bundle, key):
    edit_card(bundle, lambda card: card.pop(key))
    with pytest.raises(BundleError, match=key):
        read_bundle(bundle.folder)


def test_the_card_is_frozen(tiny_card):
    with pytest.raises(ValueError, match="frozen"):
        tiny_card().network = "b"


def test_write_replaces_the_whole_folder(tmp_path, tiny_card):
    folder = tmp_path / "a"
    write_bundle(folder, tiny_card(), b"old", {**FILES, "left-over.bin": b"x"})
    assert (folder / "left-over.bin").exists()
    write_bundle(folder, tiny_card(), b"new", FILES)
    assert {path.name for path in folder.iterdir()} == set(BUNDLE_FILES)
    assert (folder / "model.onnx").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_refused_write_leaves_the_old_bundle_alone(tmp_path, tiny_card):
    folder = write_bundle(tmp_path / "a", tiny_card(), b"old", FILES).folder
    with pytest.raises(BundleError, match=r"scores\.csv"):
        write_bundle(folder, tiny_card(), b"new", {name: FILES[name] for name in FILES if name != "scores.csv"})
    bad = tiny_card(metrics={"validation": {"auroc": object()}})
    with pytest.raises(BundleError, match="cannot be JSON"):
        write_bundle(folder, bad, b"new", FILES)
    with pytest.raises(BundleError, match="checksum"):
        write_bundle(folder, tiny_card(), b"new", {**FILES, "../outside": b"x"})
    assert read_bundle(folder).model.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [folder]


def test_an_undefined_metric_becomes_null(tmp_path, tiny_card):
    card = tiny_card(metrics={"validation": {"ppv": float("nan")}})
    again = read_bundle(write_bundle(tmp_path / "a", card, b"model", FILES).folder).card
    assert again.metrics.validation == {"ppv": None}
    assert card_matches_metadata(again, metadata_of(card)) == []


def test_files_beyond_the_required_ones_are_checked_too(tmp_path, tiny_card):
    folder = write_bundle(tmp_path / "a", tiny_card(), b"model", {**FILES, "extra.csv": b"x"}).folder
    (folder / "extra.csv").write_bytes(b"y")
    with pytest.raises(BundleError, match=r"extra\.csv"):
        read_bundle(folder)


def test_find_bundles_gives_those_that_are_there(tmp_path, tiny_bundle):
    assert find_bundles(tmp_path) == {}
    tiny_bundle(tmp_path, "b")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".gitkeep").touch()
    assert list(find_bundles(tmp_path)) == ["b"]
    tiny_bundle(tmp_path, "a")
    assert list(find_bundles(tmp_path)) == ["a", "b"]
    assert list(find_bundles(tmp_path, ["b"])) == ["b"]


def test_find_bundles_takes_a_bundle_itself(tmp_path, tiny_bundle):
    folder = tiny_bundle(tmp_path, "b").folder
    assert list(find_bundles(folder)) == ["b"]
    assert find_bundles(folder, ["a"]) == {}


def test_find_bundles_never_skips_a_bad_bundle(tmp_path, tiny_bundle):
    tiny_bundle(tmp_path, "a")
    (tiny_bundle(tmp_path, "b").folder / "card.json").unlink()
    with pytest.raises(BundleError, match=r"card\.json"):
        find_bundles(tmp_path)
    assert list(find_bundles(tmp_path, ["a"])) == ["a"]


def test_a_bundle_in_the_other_networks_folder_is_refused(tmp_path, tiny_bundle):
    shutil.copytree(tiny_bundle(tmp_path / "from", "a").folder, tmp_path / "models" / "b")
    with pytest.raises(BundleError, match="network 'a', expected 'b'"):
        find_bundles(tmp_path / "models")


def test_the_default_models_folder_lies_beside_the_packages():
    import export

    assert default_models_folder() == Path(export.__file__).parents[1] / "assets" / "models"


def test_metadata_repeats_the_card_as_text(tiny_card):
    metadata = metadata_of(tiny_card(title="Ťiny", novelty_limit=3.5))
    assert metadata["title"] == "Ťiny"
    assert metadata["format"] == "1"
    assert metadata["placeholder"] == "false"
    assert metadata["novelty_limit"] == "3.5"
    assert json.loads(metadata["classes"]) == ["normal", "pneumonia"]
    assert json.loads(metadata["operating_points"])["youden"]["threshold"] == 0.4
    assert "checksums" not in metadata


def test_a_card_read_back_matches_the_metadata_made_before(bundle, tiny_card):
    assert card_matches_metadata(read_bundle(bundle.folder).card, metadata_of(tiny_card())) == []


def test_differing_keys_are_named(tiny_card):
    card = tiny_card()
    metadata = metadata_of(card)
    assert card_matches_metadata(card, metadata) == []
    assert card_matches_metadata(card, {**metadata, "onnx.infer": "onnxruntime.quant"}) == []
    assert card_matches_metadata(tiny_card(licence="MIT", title="Other"), metadata) == ["licence", "title"]
    assert card_matches_metadata(card, {**metadata, "novelty_rule": "x"}) == ["novelty_rule"]
    del metadata["commit"]
    assert card_matches_metadata(card, metadata) == ["commit"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    threshold=st.floats(0, 1, exclude_min=True, exclude_max=True),
    temperature=st.floats(1e-6, 1e6),
    extra=values,
    title=st.text(),
)
def test_any_card_survives_json_unchanged(tiny_card, threshold, temperature, extra, title):
    points = {
        name: {"threshold": threshold, "selected_on": "validation"}
        for name in ("f1", "youden", "sensitivity_95", "specificity_95")
    }
    calibration = {"temperature": temperature, "selected_on": "validation"}
    card = tiny_card(operating_points=points, calibration=calibration, title=title, later=extra)
    again = Card.model_validate(json.loads(json.dumps(card.model_dump(mode="json"))))
    assert again == card
    assert card_matches_metadata(again, metadata_of(card)) == []


def test_a_card_from_before_heatmap_and_novelty_still_matches_its_model(tiny_card):
    card = tiny_card()
    assert not {"heatmap", "novelty"} & metadata_of(card).keys()
    assert card_matches_metadata(card, metadata_of(card)) == []


def test_the_cards_two_limits_must_be_one(tiny_card):
    novelty = {"method": "m", "features": 2, "training_films": 40, "limit": 1.5, "limit_percentile": 99}
    novelty["selected_on"] = "validation"
    assert "novelty" in metadata_of(tiny_card(novelty=novelty, novelty_limit=1.5))
    with pytest.raises(ValidationError, match=r"novelty\.limit"):
        tiny_card(novelty=novelty, novelty_limit=1.4)


def test_a_platt_scale_is_kept_and_an_older_card_stays_as_it_was(tmp_path, tiny_card):
    scale = {"method": "platt", "temperature": 0.8, "offset": -0.9, "selected_on": "validation"}
    card = tiny_card(calibration=scale)
    assert json.loads(metadata_of(card)["calibration"]) == scale
    assert card.calibration.calibrated(np.array([0.8])) == pytest.approx([0.1])
    # A model made before there were offsets repeats its card without one.
    assert "offset" not in metadata_of(tiny_card())["calibration"]
    assert tiny_card().calibration.calibrated(np.array([4.0])) == pytest.approx([2.0])
    with pytest.raises(ValidationError, match="method temperature has no offset"):
        tiny_card(calibration=scale | {"method": "temperature"})


def test_a_stress_table_is_checked_like_the_rest(bundle, tmp_path, tiny_card):
    assert "stress.json" not in bundle.contents
    (bundle.folder / "stress.json").write_text("{}")
    assert "stress.json" not in read_bundle(bundle.folder).contents  # put there by hand: no checksum vouches for it
    with_stress = write_bundle(tmp_path / "b", tiny_card(), b"model", FILES | {"stress.json": b"{}"})
    assert read_bundle(with_stress.folder).contents["stress.json"] == b"{}"
    (with_stress.folder / "stress.json").write_text("{ }")
    with pytest.raises(BundleError, match=r"stress\.json: differs from its checksum"):
        read_bundle(with_stress.folder)


def test_entries_a_card_has_not_are_not_in_its_model(tiny_card):
    later = {"heatmap", "novelty", "stress", "audit", "training_cost", "monai"}
    assert not later & set(metadata_of(tiny_card()))
    assert "stress" in metadata_of(tiny_card(stress={"operating_point": "youden"}))
