"""`export` from the command line: a whole, verified bundle, or nothing and one clear line."""

import json
import shutil

import numpy as np
import pytest

from export.bundle import BUNDLE_FILES, BundleError, find_bundles, read_bundle
from train.scores import logistic, read_scores


def error_line(result):
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_the_bundle_is_whole_and_verified(exported_models):
    bundle = read_bundle(exported_models / "a")
    assert {path.name for path in bundle.folder.iterdir()} == set(BUNDLE_FILES)
    card = bundle.card
    assert (card.network, card.placeholder, card.prepare.image_size) == ("a", False, 32)
    assert card.parity.films >= 64
    assert card.parity.largest_probability_difference <= 1e-4
    assert card.metrics.test is None
    assert "phantoms" in card.data
    assert card.heatmap.method == "HiResCAM"
    assert card.heatmap.scale > 0
    assert card.heatmap.checks["occlusion"]["films"] >= 20
    assert card.novelty.limit == card.novelty_limit > 0
    assert (card.novelty.guard, card.novelty.test_refused) == (None, None)
    assert card.parity.largest_novelty_difference <= 1e-3


def test_noise_is_refused_and_a_phantom_is_not(exported_models, phantom_root):
    from demo.classifier import load_classifier
    from train.cohort import index_cohort
    from train.radiograph import read_radiograph

    classifier = load_classifier(find_bundles(exported_models)["a"])
    films = [read_radiograph(phantom_root / film.path) for film in index_cohort(phantom_root).of_split("test")[:20]]
    readings = classifier.read_batch(films)
    assert sum(reading.refused for reading in readings) <= 5  # few training films, so a coarse covariance
    assert all(reading.heatmap.shape == (1, 1) for reading in readings)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    assert classifier.read(noise).refused


def test_the_card_in_words_says_what_matters(exported_models):
    words = (exported_models / "a" / "README.md").read_text()
    for part in ("Not a medical device", "Intended use", "Operating points", "youden (default)", "not read", "Parity"):
        assert part in words


def test_onnxruntime_alone_can_use_the_model(exported_models, trained_run, phantom_root):
    """Nothing of ours but the reader: the metadata says how to prepare and where to cut."""
    import cv2
    import onnxruntime

    session = onnxruntime.InferenceSession(str(exported_models / "a" / "model.onnx"))
    metadata = session.get_modelmeta().custom_metadata_map
    prepare = json.loads(metadata["prepare"])
    assert (prepare["resize"], prepare["contrast"]) == ("squash", "none")
    side = prepare["image_size"]
    threshold = json.loads(metadata["operating_points"])["youden"]["threshold"]
    scores = read_scores(trained_run.scores)
    agree = 0
    for film, logit in list(zip(scores.films, scores.logits, strict=True))[:20]:
        grey = cv2.imdecode(np.fromfile(phantom_root / film, np.uint8), cv2.IMREAD_GRAYSCALE)
        image = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)[np.newaxis, ..., np.newaxis]
        got_logit, probability = session.run(["logit", "probability"], {"image": image})
        assert got_logit[0] == pytest.approx(logit, abs=1e-3)
        agree += (probability[0] >= threshold) == (calibrated(metadata, logit) >= np.log(threshold / (1 - threshold)))
    assert agree == 20


def calibrated(metadata, logit):
    scale = json.loads(metadata["calibration"])
    return logit / scale["temperature"] + scale["offset"]


def test_the_network_trains_on_and_the_graph_is_given_the_same_array(exported_models, phantom_root):
    from demo.classifier import load_classifier
    from train.cohort import index_cohort
    from train.loader import FilmBatches, prepare_films
    from train.radiograph import read_radiograph

    classifier = load_classifier(find_bundles(exported_models)["a"])
    films = index_cohort(phantom_root).of_split("test")[:8]
    prepared = prepare_films(phantom_root, films, classifier.bundle.card.prepare)
    trained_on, _ = FilmBatches(prepared.images, np.zeros(8), batch_size=8, channels=1)[0]
    for row, film in enumerate(films):
        given = classifier.prepared(read_radiograph(phantom_root / film.path))
        assert given.dtype == trained_on.dtype == np.uint8
        assert np.array_equal(given[0], trained_on[row])


def test_predict_says_what_the_trained_network_said(exported_models, trained_run, phantom_root, run_command):
    scores = read_scores(trained_run.scores)
    films = [phantom_root / film for film in scores.films]
    result = run_command("predict", *films, "--json", "--models", exported_models)
    assert result.exit_code == 0, result.stderr
    got = {entry["path"]: entry["readings"]["a"]["probability"] for entry in json.loads(result.stdout)}
    expected = logistic(read_bundle(exported_models / "a").card.calibration.calibrated(scores.logits))
    assert [got[str(film)] for film in films] == pytest.approx(expected, abs=1e-4)


def test_the_best_of_several_runs_is_exported(copied_run, phantom_root, run_command, tmp_path):
    worse = tmp_path / "runs" / "worse"
    shutil.copytree(copied_run.folder, worse)
    evaluation = json.loads((worse / "evaluation.json").read_text())
    evaluation["validation"]["metrics"]["auroc"]["value"] = 0.01
    (worse / "evaluation.json").write_text(json.dumps(evaluation))
    result = run_command("export", "worse", "tiny", "--data", phantom_root, "--json")
    assert result.exit_code == 0, result.output
    assert [row["run"] for row in json.loads(result.stdout)] == ["tiny"]


def test_runs_of_different_splits_are_not_compared(copied_run, phantom_root, run_command, tmp_path):
    other = tmp_path / "runs" / "other"
    shutil.copytree(copied_run.folder, other)
    evaluation = json.loads((other / "evaluation.json").read_text())
    (other / "evaluation.json").write_text(json.dumps({**evaluation, "split_fingerprint": "1" * 64}))
    result = run_command("export", "other", "tiny", "--data", phantom_root)
    assert result.exit_code == 2
    assert "different splits" in error_line(result)


def test_a_failed_gate_leaves_the_old_bundle(
    copied_run, phantom_root, run_command, tmp_path, exported_models, monkeypatch
):
    shutil.copytree(exported_models, tmp_path / "models")
    before = (tmp_path / "models" / "a" / "model.onnx").read_bytes()
    monkeypatch.setattr("export.parity.FLOAT32_LIMIT", -1.0)
    result = run_command("export", "tiny", "--data", phantom_root)
    assert result.exit_code == 1
    assert "nothing was written" in error_line(result)
    assert (tmp_path / "models" / "a" / "model.onnx").read_bytes() == before
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("remove", "words"),
    [
        ("environment.json", "is not finished"),
        ("evaluation.json", "evaluate RUN"),
        ("best.keras", "no best.keras"),
        ("split.csv", "split.csv"),
    ],
)
def test_an_incomplete_run_is_one_line_and_exit_1(copied_run, phantom_root, run_command, tmp_path, remove, words):
    (copied_run.folder / remove).unlink()
    result = run_command("export", "tiny", "--data", phantom_root)
    assert result.exit_code == 1
    assert words in error_line(result)
    assert not (tmp_path / "models").exists()


def test_a_backbone_run_is_no_network_to_export(copied_run, phantom_root, run_command):
    copied_run.settings.write_text("network: backbone\n")
    result = run_command("export", "tiny", "--data", phantom_root)
    assert result.exit_code == 2
    assert "trained backbone" in error_line(result)


def test_a_placeholder_says_so(copied_run, phantom_root, run_command, tmp_path):
    result = run_command("export", "tiny", "--data", phantom_root, "--placeholder", "trained for three epochs")
    assert result.exit_code == 0, result.output
    bundle = read_bundle(tmp_path / "models" / "a")
    assert bundle.card.placeholder
    assert "trained for three epochs" in (bundle.folder / "README.md").read_text()


@pytest.mark.parametrize("name", [name for name in BUNDLE_FILES if name != "card.json"])
def test_a_changed_byte_is_found(exported_models, tmp_path, name):
    shutil.copytree(exported_models / "a", tmp_path / "a")
    data = bytearray((tmp_path / "a" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a" / name).write_bytes(data)
    with pytest.raises(BundleError, match="differs from its checksum"):
        read_bundle(tmp_path / "a")
