import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.inference.classifier import ReadingError, decide, load_classifier
from export.bundle import BundleError, read_bundle, write_bundle
from train.common.errors import UsageError
from train.radiograph import PrepareSpec, prepare

FILES = {"evaluation.json": b"{}", "scores.csv": b"", "history.csv": b"", "README.md": b""}


@pytest.fixture(scope="session")
def classifier(tmp_path_factory, tiny_bundle):
    return load_classifier(tiny_bundle(tmp_path_factory.mktemp("models"), "a"), device="cpu", threads=1)


def flat(grey, size=(40, 30)):
    return np.full(size, grey, np.uint8)


def expected(grey):
    logit = 8 * grey / 255 - 4
    return logit, 1 / (1 + math.exp(-logit / 2))


@pytest.mark.parametrize("grey", [0, 100, 255])
def test_a_reading_is_what_the_graph_says(classifier, grey):
    reading = classifier.read(flat(grey))
    logit, probability = expected(grey)
    assert reading.network == "a"
    assert reading.logit == pytest.approx(logit, abs=1e-5)
    assert reading.probability == pytest.approx(probability, abs=1e-6)
    assert reading.positive is (probability >= reading.threshold)
    assert (reading.refused, reading.novelty) == (False, None)
    assert reading.milliseconds > 0


def test_the_operating_point_decides_and_the_card_has_the_default(classifier):
    film = flat(128)  # probability 0.504
    readings = {name: classifier.read(film, name) for name in ("f1", "youden", "sensitivity_95", "specificity_95")}
    assert [reading.threshold for reading in readings.values()] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert [reading.positive for reading in readings.values()] == [True, True, False, False]
    default = classifier.read(film)
    assert (default.operating_point, default.threshold) == ("youden", readings["youden"].threshold)


def test_an_unknown_operating_point_is_refused(classifier):
    with pytest.raises(UsageError, match=r"'best'.*f1, youden"):
        classifier.read(flat(1), "best")


def test_a_probability_at_the_threshold_is_positive(tmp_path, tiny_bundle, tiny_card):
    points = {name: {"threshold": 0.5, "selected_on": "validation"} for name in tiny_card().operating_points}
    bundle = tiny_bundle(tmp_path, "a", {"weight": 0.0, "bias": 0.0}, operating_points=points)
    reading = load_classifier(bundle, "cpu").read(flat(9))
    assert reading.probability == reading.threshold == 0.5
    assert reading.positive is True


@pytest.mark.parametrize("centre_crop", [1, 0.6])
@pytest.mark.parametrize("resize", ["squash", "letterbox", "crop"])
def test_the_graph_is_given_exactly_the_prepared_film(tmp_path, tiny_bundle, resize, centre_crop):
    spec = PrepareSpec(8, resize, "clahe", centre_crop)
    classifier = load_classifier(tiny_bundle(tmp_path, "a", prepare=vars(spec)), "cpu")
    film = np.random.default_rng(0).integers(0, 256, (50, 33)).astype(np.uint8)
    prepared = classifier.prepared(film)
    assert prepared.dtype == np.uint8
    np.testing.assert_array_equal(prepared, prepare(film, spec).reshape(1, 8, 8, 1))
    logit = classifier.session.run(["logit"], {"image": prepared})[0]
    assert classifier.read(film).logit == pytest.approx(float(logit[0]), abs=1e-6)


films = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1)), max_size=5)


@settings(max_examples=40)
@given(films)
def test_a_batch_reads_as_one_by_one(classifier, shapes):
    batch = [np.random.default_rng(seed).integers(0, 256, (h, w)).astype(np.uint8) for h, w, seed in shapes]
    together = classifier.read_batch(batch)
    alone = [classifier.read(film) for film in batch]
    assert len(together) == len(batch)
    for one, other in zip(together, alone, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-6)
        assert one.logit == pytest.approx(other.logit, abs=1e-5)


def test_what_is_no_film_is_refused(classifier):
    with pytest.raises(ValueError, match="uint8"):
        classifier.read(np.zeros((4, 4), np.float32))


def test_a_film_above_the_novelty_limit_gets_no_verdict(tmp_path, tiny_bundle):
    classifier = load_classifier(tiny_bundle(tmp_path, "a", {"novelty": True}, novelty_limit=0.5), "cpu")
    near, far = classifier.read_batch([flat(51), flat(255)])
    assert (near.refused, near.positive) == (False, False)
    assert near.novelty == pytest.approx(0.2)
    assert (far.refused, far.positive) == (True, None)
    assert far.probability == pytest.approx(expected(255)[1], abs=1e-6)


def test_an_answer_that_is_no_number_is_no_reading(tmp_path, tiny_bundle):
    classifier = load_classifier(tiny_bundle(tmp_path, "a", {"bias": float("nan")}), "cpu")
    with pytest.raises(ReadingError, match="network a: answered logit nan"):
        classifier.read(flat(1))


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (lambda card: card["operating_points"]["youden"].update(threshold=0.41), "operating_points"),
        (lambda card: card["calibration"].update(temperature=1.0), "calibration"),
        (lambda card: card["prepare"].update(resize="crop"), "prepare"),
        (lambda card: card.update(novelty_limit=9.0, licence="MIT"), "licence, novelty_limit"),
        (lambda card: card.update(placeholder=True, placeholder_reason="x"), "placeholder"),
    ],
)
def test_an_edited_card_is_found_when_the_model_is_loaded(tmp_path, tiny_bundle, edit, named):
    bundle = tiny_bundle(tmp_path, "a")
    path = bundle.folder / "card.json"
    card = json.loads(path.read_text())
    edit(card)
    path.write_text(json.dumps(card))
    with pytest.raises(BundleError) as error:
        load_classifier(read_bundle(bundle.folder), "cpu")
    assert f"card.json: {named}" in str(error.value)
    assert "pneumoscope export RUN" in str(error.value)


@pytest.mark.parametrize("shape", [("N", 16, 16, 1), (1, 8, 8, 1), ("N", 8, "W", 1)])
def test_another_input_than_the_contracts_is_refused(tmp_path, tiny_bundle, shape):
    with pytest.raises(BundleError, match=r"expected one input, image tensor\(uint8\) \[N, 8, 8, 1\]"):
        load_classifier(tiny_bundle(tmp_path, "a", {"shape": shape}), "cpu")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("image", "films", "expected one input, image"), ("probability", "likelihood", "expected an output")],
)
def test_other_names_than_the_contracts_are_refused(tmp_path, tiny_card, tiny_model, old, new, message):
    import onnx

    model = onnx.load_from_string(tiny_model(tiny_card()))
    for named in (*model.graph.input, *model.graph.output):
        named.name = named.name.replace(old, new)
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [name.replace(old, new) for name in names]
    bundle = write_bundle(tmp_path / "a", tiny_card(), model.SerializeToString(), FILES)
    with pytest.raises(BundleError, match=message):
        load_classifier(bundle, "cpu")


@pytest.mark.parametrize("model", [b"", b"no model", b"\x08\x08" * 50])
def test_a_damaged_model_is_one_clear_line(tmp_path, tiny_card, model, capfd):
    bundle = write_bundle(tmp_path / "a", tiny_card(), model, FILES)
    with pytest.raises(BundleError) as error:
        load_classifier(bundle, "cpu")
    assert "model.onnx: ONNX Runtime cannot load it" in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().out == ""


def test_the_threads_asked_for_are_used(tmp_path, tiny_bundle):
    bundle = tiny_bundle(tmp_path, "a")
    classifier = load_classifier(bundle, "cpu", threads=3)
    assert classifier.session.get_session_options().intra_op_num_threads == 3
    assert classifier.device_line == "device: CPU, 3 threads (asked for)"
    everything = load_classifier(bundle, "cpu").session.get_session_options().intra_op_num_threads
    assert everything == len(os.sched_getaffinity(0))
    with pytest.raises(UsageError, match="threads"):
        load_classifier(bundle, "cpu", threads=0)


def test_loading_leaves_no_telemetry_behind(tmp_path, tiny_bundle):
    tiny_bundle(tmp_path / "models", "a")
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import pathlib, sys\n"
        "from demo.inference.classifier import load_classifier\n"
        "from export.bundle import find_bundles\n"
        "load_classifier(find_bundles(pathlib.Path(sys.argv[1]))['a'])\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "models")], env=environment, check=True)
    assert list(home.rglob("*")) == []


def test_another_operating_point_needs_no_second_run(classifier):
    card = classifier.bundle.card
    film = np.full((20, 20), 140, np.uint8)
    reading = classifier.read(film)
    for point in card.operating_points:
        assert replace(decide(reading, card, point), milliseconds=0) == replace(
            classifier.read(film, point), milliseconds=0
        )
    with pytest.raises(UsageError, match="choose one of them"):
        decide(reading, card, "best")


def test_a_refused_film_stays_refused_at_every_operating_point(tmp_path, tiny_bundle):
    bundle = tiny_bundle(tmp_path, "a", {"novelty": True}, novelty_limit=0.1)
    reading = load_classifier(bundle, "cpu", 1).read(np.full((20, 20), 255, np.uint8))
    assert decide(reading, bundle.card, "f1").positive is None


def test_a_heatmap_is_read_where_the_graph_has_one(tmp_path, tiny_bundle, classifier):
    film = np.full((20, 20), 51, np.uint8)
    showing = load_classifier(tiny_bundle(tmp_path / "with", "a", {"heatmap": True}), "cpu", 1)
    np.testing.assert_allclose(showing.read(film).heatmap, np.full((8, 8), 0.2), atol=1e-6)
    assert classifier.read(film).heatmap is None
