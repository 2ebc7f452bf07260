"""The graph is complete by itself: what a decoder gives goes in, what a person needs comes out."""

import os
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnx
import onnxruntime
import pytest

from export.graph.convert import GraphOutputs, to_onnx, with_metadata
from export.graph.fit_outputs import measure_films, outputs_model
from export.graph.heatmap import map_scale
from export.graph.novelty import NoveltyModel, fit_novelty
from export.graph.parity import (
    FLOAT16_LIMIT,
    FLOAT32_LIMIT,
    ParityError,
    ParityReport,
    compare_with_keras,
    require_parity,
)
from train.metrics.calibration_fit import Scale
from train.networks import build_network_a, build_network_b

THRESHOLDS = {"youden": 0.5}


@pytest.fixture(scope="module")
def films():
    return np.random.default_rng(0).integers(0, 256, (64, 32, 32), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    import keras

    keras.utils.set_random_seed(3)
    return build_network_a(32, width=0.25)


@pytest.fixture(scope="module")
def model(network):
    return to_onnx(network, Scale(2.0))


def test_network_a_says_the_same_in_onnx_runtime(network, model, films):
    report = compare_with_keras(network, model.SerializeToString(), films, Scale(2.0), THRESHOLDS)
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


def test_an_offset_is_added_on_the_calibrated_scale(network, films):
    model = to_onnx(network, Scale(2.0, -1.5))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    logit, probability = session.run(["logit", "probability"], {"image": films[..., np.newaxis]})
    assert probability == pytest.approx(1 / (1 + np.exp(1.5 - logit / 2.0)), abs=1e-6)
    report = compare_with_keras(network, model.SerializeToString(), films, Scale(2.0, -1.5), THRESHOLDS)
    require_parity(report, stored_float16=False)


def test_metadata_survives_in_the_file(model):
    data = with_metadata(model, {"network": "a", "thresholds": "{}"}, "Ä – B")
    session = onnxruntime.InferenceSession(data)
    meta = session.get_modelmeta()
    assert meta.custom_metadata_map == {"network": "a", "thresholds": "{}"}
    assert meta.description == "Ä – B"
    assert onnx.load_from_string(data).producer_name == "pneumoscope"


def test_a_network_that_answers_differently_is_found(network, model, films):
    other = build_network_a(32, width=0.25)
    report = compare_with_keras(other, model.SerializeToString(), films, Scale(2.0), THRESHOLDS)
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


@pytest.fixture(scope="module")
def evidence(network, films):
    measured = measure_films(outputs_model(network), films)
    assert measured.contributions.max() > 0.01  # of this seed: a map that is dark everywhere would prove nothing
    return GraphOutputs(map_scale(measured.contributions.max(axis=(1, 2))), fit_novelty(measured.pooled))


@pytest.mark.parametrize("name", ["a", pytest.param("b", marks=[pytest.mark.slow, pytest.mark.exhaustive])])
def test_heatmap_and_novelty_are_in_the_graph_and_say_the_same(name, network, evidence, films):
    if name == "b":
        network = build_network_b(32, backbone_weights="random")
    opened = outputs_model(network)
    if name == "b":
        measured = measure_films(opened, films)
        evidence = GraphOutputs(map_scale(measured.contributions.max(axis=(1, 2))), fit_novelty(measured.pooled, 8))
    half = name == "b"
    data = to_onnx(network, Scale(2.0), evidence, store_float16=half).SerializeToString()
    assert len(data) < 50e6  # of B, whose weights are half as large as float16
    report = compare_with_keras(network, data, films, Scale(2.0), THRESHOLDS, evidence, opened)
    require_parity(report, stored_float16=half)
    assert report.largest_heatmap_difference < 1e-2
    session = onnxruntime.InferenceSession(data)
    shapes = {output.name: output.shape for output in session.get_outputs()}
    assert shapes == {"logit": ["N"], "probability": ["N"], "novelty": ["N"], "heatmap": ["N", 1, 1]}
    heatmap, novelty = session.run(["heatmap", "novelty"], {"image": films[:5, ..., np.newaxis]})
    assert (heatmap.dtype, novelty.dtype) == (np.float32, np.float32)
    assert heatmap.min() >= 0
    assert heatmap.max() <= 1


def test_a_graph_with_evidence_holds_each_kernel_once():
    network = build_network_a(224, width=0.25)
    novelty = NoveltyModel(np.zeros(64, np.float32), np.ones(64, np.float32), np.zeros((64, 8), np.float32))
    plain = len(to_onnx(network, Scale()).SerializeToString())
    assert len(to_onnx(network, Scale(), GraphOutputs(1.0, novelty)).SerializeToString()) < plain + 12_000


def test_evidence_that_differs_is_found(network, evidence, films):
    data = to_onnx(network, Scale(2.0), evidence).SerializeToString()
    for other in (
        replace(evidence, scale=evidence.scale * 1.1),
        replace(evidence, novelty=replace(evidence.novelty, mean=evidence.novelty.mean + 0.1)),
    ):
        report = compare_with_keras(network, data, films, Scale(2.0), THRESHOLDS, other)
        with pytest.raises(ParityError, match=r"in (heatmap|novelty) on 64 films"):
            require_parity(report, stored_float16=False)


def test_evidence_that_is_no_number_does_not_pass():
    report = ParityReport(64, 0.0, 0.0, 0, float("nan"), 0.0)
    with pytest.raises(ParityError, match="heatmap"):
        require_parity(report, stored_float16=True)
