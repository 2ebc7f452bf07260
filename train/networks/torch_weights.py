"""Reads the tensors of a PyTorch state dict without PyTorch, and without running anything that the file names.

A state dict of the format before PyTorch 1.6 is four pickles (a magic number, a version, facts of the machine, the
dict itself), one more with the keys of the storages, and then each storage: its number of elements as int64 and their
bytes, all little-endian. A pickle may name any function to be called: the unpickler here knows none but those
that stand for tensors.
"""

import io
import math
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from train.common.errors import PneumoscopeError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
#: PyTorch's storages and the little-endian dtype of their elements.
STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
}
_ZIP = b"PK\x03\x04"


# Named tuples, whose fields nothing in a pickle can set once they were checked.
class _Storage(NamedTuple):
    key: str
    dtype: str
    elements: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _RefusedError(Exception):
    """What the file is that it should not be."""


def read_torch_weights(path: Path) -> dict[str, np.ndarray]:
    """Read the state dict of a `.pth` file in PyTorch's format before 1.6.

    Returns:
        Tensor's name → array of its shape and dtype, owning its memory.

    Raises:
        PneumoscopeError: no such file, another format, a truncated file, or one that holds anything but tensors.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PneumoscopeError(f"{path} cannot be read ({error.strerror}): expected PyTorch's weights") from error
    try:
        return _state_dict(io.BytesIO(content), content[:4])
    except _RefusedError as error:
        raise PneumoscopeError(f"{path} is refused, and nothing in it was run: {error}") from error
    except Exception as error:  # pickle raises a different type for every way a file can be wrong
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise PneumoscopeError(
            f"{path} is truncated or no file of weights ({reason}): expected a state dict of PyTorch before 1.6"
        ) from error


def _state_dict(file: BinaryIO, begin: bytes) -> dict[str, np.ndarray]:
    if begin == _ZIP:
        raise _RefusedError(
            "it is in PyTorch's ZIP format; expected the one before 1.6 (_use_new_zipfile_serialization=False)"
        )
    if _Unpickler(file).load() != MAGIC or _Unpickler(file).load() != PROTOCOL:
        raise _RefusedError("it does not begin as PyTorch's weights do")
    machine = _Unpickler(file).load()
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise _RefusedError("it was not written by a little-endian machine")
    tensors = _Unpickler(file).load()
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in tensors.items()
    ):
        raise _RefusedError("it holds something else than tensors by name")
    declared = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = _storages(file, declared)
    return {name: _array(name, tensor, storages) for name, tensor in tensors.items()}


def _storages(file: BinaryIO, declared: dict[str, _Storage]) -> dict[str, np.ndarray]:
    keys = _Unpickler(file).load()
    if not isinstance(keys, list) or set(keys) != set(declared) or len(keys) != len(declared):
        raise _RefusedError("its list of storages is not that of its tensors")
    found = {}
    for key in keys:
        storage = declared[key]
        (elements,) = struct.unpack("<q", file.read(8))
        if elements != storage.elements:
            raise _RefusedError(f"storage {key} has {elements} elements where {storage.elements} were announced")
        data = file.read(elements * np.dtype(storage.dtype).itemsize)
        found[key] = np.frombuffer(data, storage.dtype)
        if len(found[key]) != elements:
            raise _RefusedError(f"it ends inside storage {key}: the file is truncated")
    return found


def _array(name: str, tensor: _Tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
    values = storages[tensor.storage.key]
    numbers = (tensor.offset, *tensor.shape, *tensor.strides)
    if len(tensor.shape) != len(tensor.strides) or any(number < 0 for number in numbers):
        raise _RefusedError(f"tensor {name} has an impossible shape")
    size = math.prod(tensor.shape)
    last = tensor.offset + sum((side - 1) * step for side, step in zip(tensor.shape, tensor.strides, strict=True))
    # More elements than the storage has would be a view that repeats some: no weights are kept so.
    if size > len(values) or (size and last >= len(values)):
        raise _RefusedError(f"tensor {name} of shape {tensor.shape} reaches beyond its {len(values)} stored elements")
    if size == 0:
        return np.empty(tensor.shape, values.dtype)
    steps = tuple(step * values.itemsize for step in tensor.strides)
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps, writeable=False).copy("C")


class _Unpickler(pickle.Unpickler):
    """Knows tensors, their storages and the dict that holds them; whatever else a pickle names is refused."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  # as the base class has it
        """Return what stands for an admitted name; nothing is imported."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _RebuildTensor()
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise _RefusedError(f"it asks for {module}.{name}; expected tensors and nothing else")

    def persistent_load(self, pid: object) -> _Storage:
        """Return the description of a storage, whose bytes come later in the file."""
        match pid:
            case ("storage", str(dtype), str(key), str(), int(elements), None) if dtype in STORAGES.values():
                if elements >= 0:
                    return _Storage(key, dtype, elements)
        raise _RefusedError("it describes a storage otherwise than PyTorch does")


class _RebuildTensor:
    """Stands for PyTorch's function; without a `__dict__`, so that a pickle can set no attribute of it."""

    __slots__ = ()

    def __call__(self, storage: object, offset: object, shape: object, strides: object, *_unused: object) -> _Tensor:
        if not isinstance(storage, _Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
            raise _RefusedError("it describes a tensor otherwise than PyTorch does")
        if not isinstance(offset, int) or not all(isinstance(number, int) for number in (*shape, *strides)):
            raise _RefusedError("it describes a tensor otherwise than PyTorch does")
        return _Tensor(storage, offset, shape, strides)
