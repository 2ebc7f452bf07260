"""comparison.json is of the two bundles it lies beside, or it is not there, or not shown."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from export.bundle import find_bundles
from export.bundle.comparison import COMPARISON, read_comparison, write_comparison
from train.common.errors import PneumoscopeError
from train.evaluation.comparison import OtherSplitError
from train.evaluation.evaluation import evaluate_validation, json_text
from train.metrics.scores import Scores, write_scores

SPLIT = "0" * 64


def network(name, seed, fingerprint=SPLIT, patients=30):
    """Scores of a made-up network and what is measured of them."""
    generator = np.random.default_rng(seed)
    count = 2 * patients
    labels = np.arange(count) % 2
    scores = Scores(
        tuple(f"{row}.png" for row in range(count)),
        tuple(f"p{row // 2}" for row in range(count)),
        ("validation",) * count,
        labels.astype(np.int64),
        (3 * labels - 1.5 + generator.normal(0, 1.5, count)).astype(np.float64),
    )
    return scores, evaluate_validation(scores, name, fingerprint)


@pytest.fixture(scope="module")
def measured():
    return {name: network(name, seed) for seed, name in enumerate("ab")}


@pytest.fixture
def models(tmp_path, tiny_card, tiny_model, measured):
    from export.bundle import write_bundle

    for name, (scores, evaluation) in measured.items():
        write_scores(tmp_path / "scores.csv", scores)
        files = {
            "evaluation.json": json_text(evaluation).encode(),
            "scores.csv": (tmp_path / "scores.csv").read_bytes(),
            "history.csv": b"epoch\n",
            "README.md": b"# Tiny\n",
        }
        card = tiny_card(network=name)
        write_bundle(tmp_path / "models" / name, card, tiny_model(card), files)
    return tmp_path / "models"


def rewrite(models, name, **files):
    """Write a bundle anew with other files."""
    from export.bundle import read_bundle, write_bundle

    bundle = read_bundle(models / name)
    kept = {path.name: path.read_bytes() for path in bundle.folder.iterdir() if path.suffix in (".csv", ".md", ".json")}
    kept.pop("card.json")
    write_bundle(bundle.folder, bundle.card, bundle.model.read_bytes(), kept | files)


def test_a_comparison_is_written_and_read_back(models):
    assert write_comparison(models) == models / COMPARISON
    bundles = find_bundles(models)
    found = json.loads((models / COMPARISON).read_text())
    assert found["networks"] == ["a", "b"]
    assert found["scores"] == {name: bundles[name].card.checksums["scores.csv"] for name in "ab"}
    assert found["validation"]["films"] == 60
    assert found["validation"]["auroc"]["difference_over_patients"]["low"] is not None
    read = read_comparison(bundles).of("validation")
    assert read.auroc.difference_over_patients.low == found["validation"]["auroc"]["difference_over_patients"]["low"]
    assert read.operating_points["youden"].agreement.both_positive is not None
    assert {row["film"] for row in found["validation"]["differing"]} <= {f"{row}.png" for row in range(60)}
    assert set(find_bundles(models)) == {"a", "b"}  # the file beside them is no bundle


def test_of_one_bundle_there_is_none(models):
    write_comparison(models)
    shutil.rmtree(models / "b")
    assert read_comparison(find_bundles(models)) is None
    assert write_comparison(models) is None
    assert not (models / COMPARISON).exists()


def test_other_scores_are_not_shown(models, measured, tmp_path):
    write_comparison(models)
    scores, evaluation = network("a", 7)
    write_scores(tmp_path / "other.csv", scores)
    rewrite(
        models,
        "a",
        **{"scores.csv": (tmp_path / "other.csv").read_bytes(), "evaluation.json": json_text(evaluation).encode()},
    )
    assert read_comparison(find_bundles(models)) is None
    write_comparison(models)
    assert read_comparison(find_bundles(models)) is not None


def test_bundles_of_different_splits_are_refused_and_the_old_file_goes(models, measured):
    write_comparison(models)
    rewrite(models, "b", **{"evaluation.json": json_text(measured["b"][1] | {"split_fingerprint": "1" * 64}).encode()})
    with pytest.raises(OtherSplitError, match="different splits"):
        write_comparison(models)
    assert not (models / COMPARISON).exists()


def test_a_bundle_that_cannot_be_compared_is_one_line(models):
    write_comparison(models)
    rewrite(models, "b", **{"evaluation.json": b"{}\n"})
    with pytest.raises(PneumoscopeError) as error:
        write_comparison(models)
    assert "\n" not in str(error.value)
    assert not (models / COMPARISON).exists()


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000])
def test_a_damaged_comparison_is_not_shown(models, text):
    (models / COMPARISON).write_text(text)
    assert read_comparison(find_bundles(models)) is None


def test_half_a_comparison_is_not_shown(models):
    write_comparison(models)
    found = json.loads((models / COMPARISON).read_text())
    for changes in ({"validation": None}, {"networks": ["b", "a"]}):
        (models / COMPARISON).write_text(json.dumps(found | changes))
        assert read_comparison(find_bundles(models)) is None


def test_reading_takes_no_heavy_library():
    source = (
        "import sys; from export.bundle.comparison import read_comparison; read_comparison({});"
        "print([name for name in ('tensorflow', 'keras', 'sklearn', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
