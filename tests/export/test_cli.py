"""`export` from the command line: a whole, verified bundle, or nothing and one clear line."""

import csv
import json
import shutil

import numpy as np
import pytest

from export.bundle import BUNDLE_FILES, BundleError, card_matches_metadata, find_bundles, read_bundle
from train.data.cohort import read_split
from train.evaluation.evaluation import read_evaluation
from train.evaluation.robustness import robustness_result, write_robustness
from train.metrics.scores import Scores, logistic, read_scores, write_scores
from train.synthetic.phantom_folder import make_phantoms


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


def test_what_is_no_film_is_refused_and_a_phantom_is_not(exported_models, phantom_root):
    from demo.inference.classifier import load_classifier
    from train.data.cohort import index_cohort
    from train.radiograph import read_radiograph

    classifier = load_classifier(find_bundles(exported_models)["a"])
    films = [read_radiograph(phantom_root / film.path) for film in index_cohort(phantom_root).of_split("test")[:20]]
    readings = classifier.read_batch(films)
    assert sum(reading.refused for reading in readings) <= 5  # few training films, so a coarse covariance
    assert all(reading.heatmap.shape == (1, 1) for reading in readings)
    rows, columns = np.indices((64, 64))
    stripes = ((rows + columns) // 16 % 2 * 255).astype(np.uint8)
    assert classifier.read(stripes).refused
    assert classifier.read(np.zeros((64, 64), np.uint8)).refused


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
    from demo.inference.classifier import load_classifier
    from train.data.cohort import index_cohort
    from train.data.prepared_films import prepare_films
    from train.fitting.batches.loader import FilmBatches
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
    for command in ("pneumoscope evaluate tiny --stress", "pneumoscope data audit DIR"):
        assert command in result.stderr


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
    monkeypatch.setattr("export.graph.parity.FLOAT32_LIMIT", -1.0)
    result = run_command("export", "tiny", "--data", phantom_root)
    assert result.exit_code == 1
    assert "nothing was written" in error_line(result)
    assert (tmp_path / "models" / "a" / "model.onnx").read_bytes() == before
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("remove", "words"),
    [
        ("environment.json", "is not finished"),
        ("history.csv", "is not finished"),
        ("evaluation.json", "pneumoscope evaluate tiny"),
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


def test_a_damaged_environment_is_one_line(copied_run, phantom_root, run_command, tmp_path):
    for text in ("{}", "[", "[]"):
        copied_run.environment.write_text(text)
        result = run_command("export", "tiny", "--data", phantom_root)
        assert result.exit_code == 1
        assert "made anew" in error_line(result)
        assert "pneumoscope train a --name tiny" in error_line(result)
    assert not (tmp_path / "models").exists()


def test_a_backbone_run_is_no_network_to_export(copied_run, phantom_root, run_command):
    copied_run.settings.write_text("network: backbone\n")
    result = run_command("export", "tiny", "--data", phantom_root)
    assert result.exit_code == 2
    assert "trained backbone" in error_line(result)


def corrupted(run):
    """Put a stress table of its own validation scores into a run's folder."""
    evaluation, scores = read_evaluation(run.evaluation), read_scores(run.scores).of_split("validation")
    table = robustness_result(evaluation, scores, {"as_it_is": scores.logits, "blur": scores.logits - 0.5})
    write_robustness(run.stress, table)


def audited(run, folder):
    """Write what an audit might say of a run's films."""
    films = read_split(run.split, folder).films
    found = {"format": 1, "films": len(films), "patients": len({film.patient for film in films})}
    path = folder / "audit.json"
    path.write_text(json.dumps({**found, "exact_duplicates": {"groups": 3}}))
    return path


def metadata_in(bundle):
    import onnxruntime

    return onnxruntime.InferenceSession(str(bundle.model)).get_modelmeta().custom_metadata_map


@pytest.mark.slow
def test_all_that_is_at_hand_goes_into_the_bundle(copied_run, phantom_root, run_command, tmp_path, tiny_bundle):
    """One export for all of it: a placeholder's reason, test, stress, audit, a bundle that cannot be compared."""
    run_command("evaluate", "tiny", "--data", phantom_root, "--test")
    corrupted(copied_run)
    other = tiny_bundle(tmp_path / "models", "b")
    (tmp_path / "models" / "comparison.json").write_text("{}")
    audit = audited(copied_run, tmp_path)
    arguments = ("--placeholder", "trained for three epochs", "--audit", audit)
    result = run_command("export", "tiny", "--data", phantom_root, *arguments)
    assert result.exit_code == 0, result.output
    bundle = read_bundle(tmp_path / "models" / "a")
    words = (bundle.folder / "README.md").read_text()
    assert bundle.card.placeholder
    assert "trained for three epochs" in words
    assert 0 <= bundle.card.novelty.test_refused <= 1
    with (tmp_path / "docs" / "test-reads.csv").open() as file:
        assert [row["run"] for row in csv.DictReader(file)] == ["tiny", "tiny (export: share refused)"]
    assert bundle.contents["stress.json"] == copied_run.stress.read_bytes()
    assert bundle.card.stress["validation"]["changes"]["blur"]["probability_shift"]["value"] > 0
    assert "| blur, 1.5 px at 224 |" in words
    assert bundle.card.audit["exact_duplicates"] == {"groups": 3}
    assert card_matches_metadata(bundle.card, metadata_in(bundle)) == []
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert bundle.card.calibration.method == "none"  # the small run's scores tell the classes hardly apart
    assert len(warnings) == 2
    assert "tiny ships its own probability, uncalibrated" in warnings[0]
    assert "A and B are not compared" in warnings[1]
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["a", "b"]
    assert read_bundle(other.folder) == other


def refused(result, words, folder, exit_code=1):
    """One line says why, and the bundle that was there is as it was."""
    assert result.exit_code == exit_code, result.output
    assert words in error_line(result)
    assert [path.name for path in (folder / "models").iterdir()] == ["a"]
    read_bundle(folder / "models" / "a")


def one_class(scores):
    return scores.of_rows(scores.labels == 1)


def few_patients(scores):
    few = sorted(set(scores.patients))[:19]
    return scores.of_rows([patient in few for patient in scores.patients])


def other_logits(scores):
    return Scores(scores.films, scores.patients, scores.splits, scores.labels, scores.logits[::-1].copy())


@pytest.mark.parametrize(
    ("change", "words"),
    [(one_class, "are pneumonia"), (few_patients, "19 patients"), (other_logits, "of other scores")],
)
def test_scores_that_tell_nothing_are_one_line(
    copied_run, phantom_root, run_command, tmp_path, exported_models, change, words
):
    shutil.copytree(exported_models, tmp_path / "models")
    write_scores(copied_run.scores, change(read_scores(copied_run.scores)))
    refused(run_command("export", "tiny", "--data", phantom_root), words, tmp_path)


def test_scores_that_are_no_numbers_are_one_line(copied_run, phantom_root, run_command, tmp_path, exported_models):
    shutil.copytree(exported_models, tmp_path / "models")
    lines = copied_run.scores.read_text().splitlines()
    lines[5] = f"{lines[5].rpartition(',')[0]},nan"
    copied_run.scores.write_text("\n".join(lines) + "\n")
    refused(run_command("export", "tiny", "--data", phantom_root), "nan", tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (lambda known: {"split_fingerprint": "1" * 64}, "another split"),
        (lambda known: {"test": known["validation"]}, "no test films"),
    ],
)
def test_an_evaluation_of_something_else_is_one_line(
    copied_run, phantom_root, run_command, tmp_path, exported_models, changes, words
):
    shutil.copytree(exported_models, tmp_path / "models")
    known = read_evaluation(copied_run.evaluation)
    copied_run.evaluation.write_text(json.dumps(known | changes(known)))
    refused(run_command("export", "tiny", "--data", phantom_root), words, tmp_path)


def test_stress_and_audit_of_something_else_are_one_line(
    copied_run, phantom_root, run_command, tmp_path, exported_models
):
    shutil.copytree(exported_models, tmp_path / "models")
    audit = tmp_path / "audit.json"
    audit.write_text('{"format": 1, "films": 3}')
    command = ("export", "tiny", "--data", phantom_root)
    refused(run_command(*command, "--audit", audit), "is of 3 films", tmp_path, exit_code=2)
    refused(run_command(*command, "--audit", tmp_path / "gone.json"), "no such file", tmp_path)
    corrupted(copied_run)
    table = json.loads(copied_run.stress.read_text())
    copied_run.stress.write_text(json.dumps(table | {"split_fingerprint": "1" * 64}))
    refused(run_command(*command), "another split", tmp_path)


@pytest.mark.parametrize("name", [name for name in BUNDLE_FILES if name != "card.json"])
def test_a_changed_byte_is_found(exported_models, tmp_path, name):
    shutil.copytree(exported_models / "a", tmp_path / "a")
    data = bytearray((tmp_path / "a" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a" / name).write_bytes(data)
    with pytest.raises(BundleError, match="differs from its checksum"):
        read_bundle(tmp_path / "a")


@pytest.mark.slow
def test_the_bundle_ships_the_choice_that_the_evaluation_froze(copied_run, phantom_root, run_command, tmp_path):
    evaluate = ("evaluate", "tiny", "--data", phantom_root)
    choice = ("--seen", "augmented", "--default-point", "half", "--calibration", "none")
    elsewhere = tmp_path / "elsewhere"
    make_phantoms(elsewhere, count_per_class=30, seed=7, image_size=64)
    for options in (choice, ("--external-root", elsewhere)):
        result = run_command(*evaluate, *options)
        assert result.exit_code == 0, result.output
    result = run_command("export", "tiny", "--to", "models", "--data", phantom_root)
    assert result.exit_code == 0, result.output
    bundle = read_bundle(tmp_path / "models" / "a")
    card, frozen = bundle.card, json.loads((bundle.folder / "evaluation.json").read_text())["thresholds"]
    assert card.default_operating_point == card.metrics.validation["operating_point"] == "half"
    assert (card.calibration.method, card.calibration.temperature, card.calibration.offset) == ("none", 1, 0)
    # Uncalibrated, the thresholds are the frozen ones themselves.
    assert {name: point.threshold for name, point in card.operating_points.items()} == pytest.approx(frozen)
    assert card.operating_points["youden"].model_extra["seen"] == "augmented"
    external = card.calibration.model_extra["external"]
    assert external["before"] == external["after"]
    name = "validation_augmented.csv"
    assert (bundle.folder / name).read_bytes() == (copied_run.folder / name).read_bytes()
    # Whose films another hospital's are is not the bundle's to tell; the figures on them are in evaluation.json.
    assert not (bundle.folder / "external.csv").exists()
    assert "external" in json.loads((bundle.folder / "evaluation.json").read_text())
    assert "the network's own" in (bundle.folder / "README.md").read_text()


def test_thresholds_that_the_evaluation_did_not_freeze_are_not_shipped(copied_run, phantom_root, run_command, tmp_path):
    evaluation = json.loads(copied_run.evaluation.read_text())
    evaluation["thresholds"]["youden"] = min(0.99, evaluation["thresholds"]["youden"] + 0.01)
    copied_run.evaluation.write_text(json.dumps(evaluation))
    result = run_command("export", "tiny", "--to", "models", "--data", phantom_root)
    assert result.exit_code == 1
    assert "youden of tiny is not the one that its evaluation has frozen" in result.stderr
    assert not (tmp_path / "models").exists()
