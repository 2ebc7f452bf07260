import base64

import numpy as np
import pytest

from demo.evaluation.sorted_scores import averaged_probabilities, sorted_scores
from export.bundle import default_models_folder, find_bundles
from export.bundle.evaluation import read_bundle_evaluation


def unpacked(packed):
    return np.frombuffer(base64.b64decode(packed["probabilities"]), "<f8"), np.array(list(packed["labels"]), int)


def test_scores_arrive_exact_and_falling():
    random = np.random.default_rng(0)
    labels, probabilities = random.integers(0, 2, 50), random.random(50)
    values, truth = unpacked(sorted_scores(labels, probabilities))
    order = np.argsort(-probabilities)
    assert values.tolist() == probabilities[order].tolist()
    assert truth.tolist() == labels[order].tolist()


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_shipped_scores_are_small(split):
    evaluations = {name: read_bundle_evaluation(found) for name, found in find_bundles(default_models_folder()).items()}
    packed = [
        sorted_scores(found.scores[split].labels, found.scores[split].probabilities) for found in evaluations.values()
    ]
    packed.append(sorted_scores(*averaged_probabilities(evaluations, split)))
    assert sum(len(each["probabilities"]) + len(each["labels"]) for each in packed) < 30_000
    a, b = (found.scores[split].probabilities for found in evaluations.values())
    np.testing.assert_allclose(averaged_probabilities(evaluations, split)[1], (a + b) / 2)
    assert averaged_probabilities({"a": evaluations["a"]}, split) is None
