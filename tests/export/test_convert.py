"""The graph is complete by itself: what a decoder gives goes in, what a person needs comes out."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnx
import onnxruntime
import pytest

from export.convert import to_onnx, with_metadata
from export.parity import (
    FLOAT16_LIMIT,
    FLOAT32_LIMIT,
    ParityError,
    ParityReport,
    compare_with_keras,
    require_parity,
)
from train.networks import build_network_a, build_network_b

THRESHOLDS = {"youden": 0.5}


@pytest.fixture(scope="module")
def films():
    return np.random.default_rng(0).integers(0, 256, (64, 32, 32), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    return build_network_a(32, width=0.25)


@pytest.fixture(scope="module")
def model(network):
    return to_onnx(network, 2.0)


def test_network_a_says_the_same_in_onnx_runtime(network, model, films):
    report = compare_with_keras(network, model.SerializeToString(), films, 2.0, THRESHOLDS)
    require_parity(report, stored_float16=False)
    assert report.films == 64
    assert report.largest_probability_difference < 1e-5


def test_the_batch_axis_is_free_and_films_do_not_influence_each_other(model, films):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    batch = session.run(["probability"], {"image": films[..., np.newaxis]})[0]
    single = [session.run(["probability"], {"image": film[np.newaxis, ..., np.newaxis]})[0][0] for film in films[:8]]
    assert batch[:8] == pytest.approx(single, abs=1e-6)
    assert session.get_inputs()[0].shape == ["N", 32, 32, 1]


def test_the_probability_is_the_logit_at_the_temperature(model, films):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    logit, probability = session.run(["logit", "probability"], {"image": films[..., np.newaxis]})
    assert probability == pytest.approx(1 / (1 + np.exp(-logit / 2.0)), abs=1e-6)


def test_network_b_stored_as_float16_is_half_the_size_and_says_the_same(films):
    network = build_network_b(32, backbone_weights="random")
    model = to_onnx(network, 1.0, store_float16=True)
    data = with_metadata(model, {"network": "b"}, "B")
    assert len(data) < 50e6
    report = compare_with_keras(network, data, films, 1.0, {})
    assert report.largest_probability_difference <= FLOAT16_LIMIT


def test_metadata_survives_in_the_file(model):
    data = with_metadata(model, {"network": "a", "thresholds": "{}"}, "Ä – B")
    session = onnxruntime.InferenceSession(data)
    meta = session.get_modelmeta()
    assert meta.custom_metadata_map == {"network": "a", "thresholds": "{}"}
    assert meta.description == "Ä – B"
    assert onnx.load_from_string(data).producer_name == "pneumoscope"


def test_a_network_that_answers_differently_is_found(network, model, films):
    other = build_network_a(32, width=0.25)
    report = compare_with_keras(other, model.SerializeToString(), films, 2.0, THRESHOLDS)
    with pytest.raises(ParityError, match="differ by up to"):
        require_parity(report, stored_float16=False)


@pytest.mark.parametrize("stored_float16", [False, True])
def test_the_gate_is_where_it_should_be(stored_float16):
    limit = FLOAT16_LIMIT if stored_float16 else FLOAT32_LIMIT
    require_parity(ParityReport(64, limit, 1.0, 0), stored_float16=stored_float16)
    for report in (
        ParityReport(63, 0.0, 0.0, 0),
        ParityReport(64, limit * 1.01, 0.0, 0),
        ParityReport(64, float("nan"), 0.0, 0),
        ParityReport(64, 0.0, 0.0, 1),
    ):
        with pytest.raises(ParityError):
            require_parity(report, stored_float16=stored_float16)
