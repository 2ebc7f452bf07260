"""What a model may not hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.inference.classifier import load_classifier
from demo.inference.graph_check import fault_of_graph
from export.bundle import BundleError, default_models_folder, find_bundles, write_bundle

FILES = {"evaluation.json": b"{}", "scores.csv": b"", "history.csv": b"", "README.md": b""}

onnx = pytest.importorskip("onnx", reason="onnx is not installed here")


@pytest.fixture
def model(tiny_card, tiny_model):
    return onnx.load_from_string(tiny_model(tiny_card()))


def looping(operator):
    """A node that repeats a graph."""
    inside = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "inside", [], [])
    return onnx.helper.make_node(operator, ["many", "go"], ["out"], body=inside)


@pytest.mark.parametrize("operator", ["Loop", "Scan", "SequenceMap"])
def test_a_loop_is_found_wherever_it_stands(model, operator):
    assert fault_of_graph(model.SerializeToString()) is None
    within = onnx.ModelProto()
    within.CopyFrom(model)
    then = onnx.helper.make_graph([looping(operator)], "then", [], [])
    within.graph.node.append(onnx.helper.make_node("If", ["go"], ["out"], then_branch=then, else_branch=then))
    function = onnx.ModelProto()
    function.CopyFrom(model)
    opset = [onnx.helper.make_opsetid("", 17)]
    function.functions.append(onnx.helper.make_function("own", "f", ["x"], ["y"], [looping(operator)], opset))
    model.graph.node.append(looping(operator))
    for spoilt in (model, within, function):
        assert fault_of_graph(spoilt.SerializeToString()) == f"has a {operator} in its graph, which may not end"


def test_weights_in_another_file_are_found(model):
    tensor = model.graph.initializer[1]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    assert fault_of_graph(model.SerializeToString()) == "keeps weights in another file"
    inside = onnx.helper.make_node("Constant", [], ["c"], value=tensor)
    model.graph.initializer[1].Clear()
    model.graph.node.append(inside)
    assert fault_of_graph(model.SerializeToString()) == "keeps weights in another file"


def test_nothing_hides_behind_what_protobuf_passes_over(model):
    model.graph.node.append(looping("Loop"))
    group = b"\xfb\x01\xfc\x01"  # an unknown field of a kind that nothing writes any more
    assert fault_of_graph(group + model.SerializeToString()) is not None
    overlong = b"\xba\x80\x80\x80\x80\x01"  # the field of the graph, with bits that protobuf leaves out
    graph = model.graph.SerializeToString()
    assert fault_of_graph(overlong + onnx_length(graph) + graph) is not None


def onnx_length(data):
    length, out = len(data), b""
    while length > 127:
        out += bytes([length & 127 | 128])
        length >>= 7
    return out + bytes([length])


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(data):
    fault = fault_of_graph(data)
    assert fault is None or "\n" not in fault


def test_a_deep_graph_is_refused():
    data = b""
    for _ in range(200):
        for field in (b"\x32", b"\x2a", b"\x0a"):  # a graph in an attribute in a node in a graph
            data = field + onnx_length(data) + data
    assert "nested deeper" in fault_of_graph(b"\x3a" + onnx_length(data) + data)


def test_it_is_not_loaded(tmp_path, tiny_card, model):
    model.graph.node.append(looping("Loop"))
    bundle = write_bundle(tmp_path / "a", tiny_card(), model.SerializeToString(), FILES)
    with pytest.raises(BundleError, match=r"model\.onnx: has a Loop .*; export it again"):
        load_classifier(bundle, "cpu")


def test_the_shipped_models_hold_neither():
    for bundle in find_bundles(default_models_folder()).values():
        assert fault_of_graph(bundle.contents["model.onnx"]) is None
