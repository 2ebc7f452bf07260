"""Weights are read as what they are, and a file that is anything else runs nothing."""

import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.common.errors import PneumoscopeError
from train.networks import torch_weights
from train.networks.torch_weights import MAGIC, PROTOCOL, read_torch_weights

MACHINE = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"int": 4}}


class Named:
    """Pickles as a global of another module, which need not exist here."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Storage:
    def __init__(self, key, elements, kind="FloatStorage"):
        self.key, self.elements, self.kind = key, elements, kind


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.parts = (storage, offset, shape, strides, False, OrderedDict())


class Writer(pickle._Pickler):
    """Writes the opcodes that PyTorch's own files have."""

    def persistent_id(self, value):
        if isinstance(value, Storage):
            return "storage", Named("torch", value.kind), value.key, "cpu", value.elements, None
        return None

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Named):
            self.write(f"c{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Tensor):
            self.save(Named("torch._utils", "_rebuild_tensor_v2"))
            self.save(value.parts)
            self.write(pickle.REDUCE)
        else:
            super().save(value, save_persistent_id)


def dumped(value):
    import io

    file = io.BytesIO()
    Writer(file, 2).dump(value)
    return file.getvalue()


def file_of(tensors, storages, *, machine=MACHINE, keys=None):
    """Bytes of a legacy file: tensors by name, key → values of its storage."""
    parts = [dumped(MAGIC), dumped(PROTOCOL), dumped(machine), dumped(tensors)]
    parts.append(dumped(list(storages) if keys is None else keys))
    parts += [struct.pack("<q", len(values)) + values.tobytes() for values in storages.values()]
    return b"".join(parts)


def ordinary():
    values = np.arange(6, dtype="<f4")
    tensors = OrderedDict(
        plain=Tensor(Storage("1", 6), 0, (2, 3), (3, 1)),
        turned=Tensor(Storage("1", 6), 0, (3, 2), (1, 3)),
        part=Tensor(Storage("1", 6), 4, (2,), (1,)),
        count=Tensor(Storage("2", 1, "LongStorage"), 0, (), ()),
    )
    return file_of(tensors, {"1": values, "2": np.array([7], "<i8")})


def written(folder, content):
    path = folder / "weights.pth"
    path.write_bytes(content)
    return path


def test_tensors_are_read_with_offset_and_strides(tmp_path):
    found = read_torch_weights(written(tmp_path, ordinary()))
    np.testing.assert_array_equal(found["plain"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["turned"], [[0, 3], [1, 4], [2, 5]])
    np.testing.assert_array_equal(found["part"], [4, 5])
    assert found["count"] == 7
    assert found["count"].dtype == np.int64


@pytest.mark.parametrize("name", ["posix.system", "builtins.eval", "collections.deque", "torch.nn.Linear"])
def test_a_pickle_that_calls_anything_is_refused_and_nothing_runs(tmp_path, name):
    module, _, function = name.rpartition(".")
    ran = tmp_path / "ran"
    hostile = f"c{module}\n{function}\n(X".encode() + struct.pack("<I", len(f"touch {ran}")) + f"touch {ran}".encode()
    hostile += b"tR."
    for content in (
        b"\x80\x02" + hostile,  # in place of the magic number
        dumped(MAGIC) + dumped(PROTOCOL) + dumped(MACHINE) + b"\x80\x02" + hostile,  # in place of the dict
    ):
        with pytest.raises(PneumoscopeError, match=rf"nothing in it was run: it asks for {name}"):
            read_torch_weights(written(tmp_path, content))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (Tensor(Storage("1", 6), 0, (2, 4), (4, 1)), "beyond"),
        (Tensor(Storage("1", 6), 5, (2,), (1,)), "beyond"),
        (Tensor(Storage("1", 6), 0, (10**12,), (0,)), "beyond"),
        (Tensor(Storage("1", 6), 0, (2,), (-1,)), "impossible shape"),
        (Tensor(Storage("1", 7), 0, (2,), (1,)), "were announced"),
        (Tensor(Storage("9", 6), 0, (2,), (1,)), "list of storages"),
        (Tensor("1", 0, (2,), (1,)), "otherwise than PyTorch"),
        (Tensor(Storage("1", 6), 0, ("2",), (1,)), "otherwise than PyTorch"),
        ({"nested": 1}, "something else than tensors"),
        ("text", "something else than tensors"),
    ],
)
def test_a_tensor_that_its_storage_does_not_hold_is_refused(tmp_path, tensor, words):
    content = file_of({"w": tensor}, {"1": np.arange(6, dtype="<f4")})
    with pytest.raises(PneumoscopeError, match=words):
        read_torch_weights(written(tmp_path, content))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_truncated_or_damaged_file_is_refused_in_one_line(tmp_path_factory, data):
    content = bytearray(ordinary())
    content = content[: data.draw(st.integers(0, len(content) - 1))]
    if data.draw(st.booleans()) and content:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PneumoscopeError) as caught:
        read_torch_weights(written(tmp_path_factory.mktemp("cut"), bytes(content)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest", "ZIP format"),
        (dumped(7), "does not begin as PyTorch's weights do"),
        (dumped(MAGIC) + dumped(PROTOCOL) + dumped({"little_endian": False}), "little-endian"),
    ],
)
def test_another_format_is_named(tmp_path, content, words):
    with pytest.raises(PneumoscopeError, match=words):
        read_torch_weights(written(tmp_path, content))


def test_no_file(tmp_path):
    with pytest.raises(PneumoscopeError, match="cannot be read"):
        read_torch_weights(tmp_path / "none.pth")


class Built:
    """A value whose fields a pickle sets after it was made, as BUILD does."""

    def __init__(self, value, state):
        self.value, self.state = value, state


class BuildingWriter(Writer):
    def save(self, value, save_persistent_id=True):
        if isinstance(value, Built):
            self.save(value.value)
            self.save(value.state)
            self.write(pickle.BUILD)
        else:
            super().save(value, save_persistent_id)


@pytest.mark.parametrize(
    "spoilt",
    [
        Tensor(Built(Storage("0", 2), ["0", "<U2", 2]), 0, (2,), (1,)),
        Tensor(Built(Storage("0", 2), (None, {"dtype": "<U2"})), 0, (2,), (1,)),
        Built(Tensor(Storage("0", 2), 0, (2,), (1,)), (None, {"offset": 1})),
    ],
)
def test_what_was_checked_cannot_be_changed_afterwards(tmp_path, monkeypatch, spoilt):
    monkeypatch.setattr(f"{__name__}.Writer", BuildingWriter)
    path = tmp_path / "weights.pth"
    path.write_bytes(file_of(OrderedDict(a=spoilt), {"0": np.zeros(2, "<U2")}))
    with pytest.raises(PneumoscopeError):
        read_torch_weights(path)


def test_what_stands_for_pytorchs_function_keeps_nothing_of_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.Writer", BuildingWriter)
    path = tmp_path / "weights.pth"
    function = Built(Named("torch._utils", "_rebuild_tensor_v2"), {"evil": 7})
    path.write_bytes(file_of(OrderedDict(a=function), {}))
    with pytest.raises(PneumoscopeError):
        read_torch_weights(path)
    assert not vars(vars(torch_weights._Unpickler).get("_tensor", object)).get("evil")
