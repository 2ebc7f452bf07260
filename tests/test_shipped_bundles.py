"""The bundles in assets/models: whole, usable, and steady between a film and its small twin."""

import json

import numpy as np
import pytest

from demo.inference.classifier import load_classifier
from export.bundle import default_models_folder, find_bundles
from train.radiograph import read_radiograph


@pytest.fixture(scope="module")
def classifiers():
    return {name: load_classifier(bundle) for name, bundle in find_bundles(default_models_folder()).items()}


@pytest.mark.parametrize("network", ["a", "b"])
def test_a_shipped_bundle_is_whole_and_loads(classifiers, network):
    card = classifiers[network].bundle.card
    assert card.network == network
    assert card.parity.films >= 64
    assert card.parity.decisions_changed == 0
    assert card.placeholder == bool(card.placeholder_reason)
    assert classifiers[network].bundle.model.stat().st_size <= 50e6


@pytest.mark.parametrize("network", ["a", "b"])
def test_a_shipped_evaluation_is_the_cards(classifiers, network):
    bundle = classifiers[network].bundle
    evaluation = json.loads((bundle.folder / "evaluation.json").read_text())
    assert evaluation["split_fingerprint"] == bundle.card.split_fingerprint
    assert evaluation["validation"]["metrics"]["auroc"] == bundle.card.metrics.validation["auroc"]


def test_both_were_trained_on_the_same_split(classifiers):
    assert len({classifier.bundle.card.split_fingerprint for classifier in classifiers.values()}) == 1


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("network", ["a", "b"])
def test_a_film_as_published_and_its_small_twin_get_the_same_answer(classifiers, network, data_root):
    native = sorted((data_root / "native").glob("*/*.jpeg"))
    if not native:
        pytest.skip("no native films under PNEUMOSCOPE_DATA")
    twins = [data_root / "chest_xray" / "train" / film.parent.name / film.name for film in native]
    readings = [[classifiers[network].read(read_radiograph(path), None) for path in paths] for paths in (native, twins)]
    probabilities = np.array([[reading.probability for reading in row] for row in readings])
    calls = np.array([[reading.positive for reading in row] for row in readings])
    assert np.abs(np.diff(probabilities, axis=0)).mean() <= 0.03
    assert (calls[0] != calls[1]).sum() <= 1
