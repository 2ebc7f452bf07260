"""The audit of a folder: copies, patients across splits and give-aways are found and written, films are not."""

import json
import re
import shutil

import cv2
import pytest

from train.audit.audit import films_to_audit
from train.data.cohort import CohortError, index_cohort, split_cohort, write_split

FINDINGS = {
    *("format", "fingerprint", "split_fingerprint", "covers_test", "films", "patients", "exact_duplicates"),
    *("near_duplicates", "patients_across_splits", "metadata_baseline", "size", "exposure"),
}


@pytest.fixture
def folder(phantom_root, tmp_path):
    """24 synthetic films of each class in train, 4 in the other splits; some spoiled as cohorts are."""
    root = tmp_path / "films"
    for split, count in (("train", 24), ("val", 4), ("test", 4)):
        for name in ("NORMAL", "PNEUMONIA"):
            place = root / "chest_xray" / split / name
            place.mkdir(parents=True)
            for path in sorted((phantom_root / "chest_xray" / split / name).iterdir())[:count]:
                shutil.copy(path, place / path.name)
    return root


def paths_in(root, place):
    return sorted((root / "chest_xray" / place).iterdir())


def test_a_spoiled_folder(folder, run_command, tmp_path):
    normal, ill, test = (paths_in(folder, place) for place in ("train/NORMAL", "train/PNEUMONIA", "test/NORMAL"))
    film = cv2.imread(str(ill[0]), cv2.IMREAD_GRAYSCALE)
    again = test[0].with_name("again<b>.jpg")
    cv2.imwrite(str(again), cv2.resize(film, (300, 240)), [cv2.IMWRITE_JPEG_QUALITY, 60])
    shutil.copy(normal[0], normal[0].with_name("phantom9000_normal_1.png"))
    shutil.copy(normal[1], test[1].with_name(normal[1].name))
    normal[2].write_bytes(normal[2].read_bytes()[:300])

    result = run_command("data", "audit", folder)
    assert result.exit_code == 0, result.output
    assert "1 films cannot be read" in result.stderr
    assert "do not publish" in result.stderr
    assert "covers the test films too" in result.stderr
    assert "no metadata-only baseline on test" in result.stderr
    assert f"next: pneumoscope train a --data {folder}" in result.stderr
    for title in ("Films", "Copies", "Size and exposure by class", "Size and exposure by split", "Metadata-only"):
        assert title in result.stdout

    written = (tmp_path / "audit" / "audit.json").read_text()
    found = json.loads(written)
    assert set(found) == FINDINGS
    assert found["format"] == 1
    assert found["films"]["total"] == 67
    assert found["films"]["unreadable"] == 1
    assert found["split_fingerprint"] is None
    assert found["fingerprint"] == index_cohort(folder).fingerprint
    exact, near = found["exact_duplicates"], found["near_duplicates"]
    assert (exact["groups"], exact["across_splits"], exact["across_patients"]) == (2, 1, 1)
    assert (near["groups"], near["films"], near["across_splits"], near["across_classes"]) == (1, 2, 1, 1)
    assert found["patients_across_splits"]["patients"] == 1
    assert found["patients_across_splits"]["by_splits"] == {"train + test": 1}
    assert found["patients_across_splits"]["films"]["test"] == 1
    baseline = found["metadata_baseline"]
    assert baseline["constant_columns"] == ["width", "height"]
    assert 0 <= baseline["auroc"]["low"] < baseline["auroc"]["value"] < baseline["auroc"]["high"] <= 1
    assert found["size"]["aspect"]["groups"]["test"]["normal"]["films"] == 6
    # Figures alone: no film, no patient, no folder.
    assert not re.search(r"phantom\d|\.png|\.jpg|base64|chest_xray", written)
    assert str(tmp_path) not in written

    page = (tmp_path / "audit" / "audit.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 6
    assert "again&lt;b&gt;.jpg" in page
    assert "again<b>" not in page
    assert normal[2].name in page
    assert "do not publish" in page
    assert str(tmp_path) not in page
    assert not re.search(r"https?://|<script|<link", page)
    assert (tmp_path / "audit" / ".gitignore").read_text() == "*\n"


def test_a_runs_split_as_json(folder, run_command, tmp_path):
    normal = paths_in(folder, "train/NORMAL")[0]
    copy = normal.with_name("phantom9000_normal_1.png")
    shutil.copy(normal, copy)
    cohort = split_cohort(index_cohort(folder), seed=3, validation_fraction=0.3)
    (tmp_path / "run").mkdir()
    write_split(cohort, tmp_path / "run" / "split.csv")
    result = run_command("data", "audit", folder, "--split", tmp_path / "run", "--json", "--to", tmp_path / "elsewhere")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found) == FINDINGS | {"details"}
    assert found["details"]["exact_duplicates"] == [
        sorted(path.relative_to(folder).as_posix() for path in (normal, copy))
    ]
    assert found["details"]["near_duplicates"] == found["details"]["unreadable"] == []
    assert found["split_fingerprint"] == found["fingerprint"] == cohort.fingerprint
    assert sum(found["films"]["by_split"]["validation"].values()) == len(cohort.of_split("validation"))
    assert not (tmp_path / "audit").exists()
    assert (tmp_path / "elsewhere" / "audit.html").is_file()
    with pytest.raises(CohortError, match="none of the films"):
        films_to_audit(tmp_path, tmp_path / "run" / "split.csv")


def test_class_folders_alone_and_one_class(folder, run_command, tmp_path):
    shutil.copytree(folder / "chest_xray" / "train", tmp_path / "flat")
    cohort = films_to_audit(tmp_path / "flat")
    assert [film.label for film in cohort.films] == [0] * 24 + [1] * 24
    assert {film.split for film in cohort.films} == {"train"}
    shutil.rmtree(tmp_path / "flat" / "NORMAL")
    result = run_command("data", "audit", tmp_path / "flat")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("no metadata-only baseline: films of one class only") == 1
    assert "Size and exposure by class" in result.stdout
    assert "Size and exposure by split" not in result.stdout
    assert "covers the test films" not in result.stderr
    assert f"next: pneumoscope predict {tmp_path}/flat" in result.stderr


def test_nothing_readable_is_still_an_audit(folder, run_command, tmp_path):
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no film")
    (tmp_path / "notes.txt").write_text("mine")
    result = run_command("data", "audit", folder, "--to", ".")
    assert result.exit_code == 0, result.output
    assert "64 films cannot be read" in result.stderr
    assert "and 54 more" in result.stderr
    assert "no metadata-only baseline: no readable films" in result.stderr
    found = json.loads((tmp_path / "audit.json").read_text())
    assert not (tmp_path / ".gitignore").exists(), "a folder that held something is its owner's"
    assert found["films"]["readable"] == 0
    assert found["near_duplicates"]["closest_apart"] is None


def test_nothing_of_a_dicom_header_is_said(dicom, run_command, tmp_path):
    import numpy as np

    place = tmp_path / "films" / "NORMAL"
    place.mkdir(parents=True)
    film = dicom(np.random.default_rng(0).integers(0, 4096, (40, 30)).astype(np.uint16), bits=12)
    for name in ("one.dcm", "two.dcm"):
        (place / name).write_bytes(film)
    (place / "three.dcm").write_bytes(film[:-50])
    result = run_command("data", "audit", tmp_path / "films")
    assert result.exit_code == 0, result.output
    said = result.output + "".join(path.read_text() for path in (tmp_path / "audit").iterdir())
    assert "two.dcm" in said
    assert not any(secret in said for secret in ("Doe", "Jane", "PAT-4711", "Elsewhere", "ACC-0815", "19991231"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "PNEUMOSCOPE_DATA"),
        (("nowhere",), 1, "not a folder"),
        (("empty",), 1, "holds no films"),
        (("films", "--to", "file"), 2, "is a file"),
        (("films", "--split", "nowhere.csv"), 1, "cannot be read"),
    ],
)
def test_one_clear_line(folder, run_command, tmp_path, arguments, code, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    result = run_command("data", "audit", *arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "audit").exists()
    assert (tmp_path / "file").read_text() == "mine"


def test_without_the_train_extra(folder, run_command, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run_command("data", "audit", folder)
    assert result.exit_code == 2
    assert "pip install 'pneumoscope[train]'" in result.stderr


@pytest.mark.real_data
def test_native_films_give_the_class_away(data_root, run_command):
    result = run_command("data", "audit", data_root / "native", "--json")
    assert result.exit_code == 0, result.output
    baseline = json.loads(result.stdout)["metadata_baseline"]
    assert baseline["columns"] == ["width", "height", "bytes"]
    assert baseline["auroc"]["value"] > 0.9
