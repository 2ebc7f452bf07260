"""What a model may not hold, read from its bytes before ONNX Runtime sees it: a loop, or weights in another file.

A graph without loops ends; with its weights inside it is what its checksum says. The few fields that matter are read
from protobuf's wire format (protobuf.dev/programming-guides/encoding, onnx.proto): the `onnx` package is for training.
"""

from collections.abc import Iterator
from dataclasses import dataclass

#: Operators that repeat a graph inside them, SequenceMap being a Loop to ONNX Runtime.
LOOPS = ("Loop", "Scan", "SequenceMap")
MOST_NESTED = 30  # messages inside one another; a graph of layers has six

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
# Message → field → message, of those that lead to a node or to a tensor.
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_OPERATOR = 4  # of a node
_LOOP_NAMES = tuple(name.encode() for name in LOOPS)
_EXTERNAL = (13, 14)  # of a tensor: where its data lies; that it lies elsewhere


@dataclass(frozen=True)
class _Message:
    kind: str
    data: memoryview
    depth: int


def fault_of_graph(model: bytes) -> str | None:
    """Why a model is not to be loaded, in words that follow its name; None for nothing."""
    pending = [_Message("model", memoryview(model), 0)]
    try:
        while pending:
            message = pending.pop()
            if message.depth > MOST_NESTED:
                return f"its graph is nested deeper than {MOST_NESTED} messages"
            inside = _INSIDE.get(message.kind, {})
            for number, value in _fields(message.data):
                if message.kind == "tensor" and number in _EXTERNAL and value not in (0, b""):
                    return "keeps weights in another file"
                if message.kind == "node" and number == _OPERATOR and value in _LOOP_NAMES:
                    return f"has a {bytes(value).decode()} in its graph, which may not end"
                if number in inside and isinstance(value, memoryview):
                    pending.append(_Message(inside[number], value, message.depth + 1))
    except (IndexError, ValueError):  # also what protobuf would pass over, as a group, and a loop could hide behind
        return "ONNX Runtime cannot load it (no ONNX file, or cut short)"
    return None


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message. Raises IndexError or ValueError where it is none."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire = (tag & 0xFFFFFFFF) >> 3, tag & 7  # as protobuf does: more bits are not looked at
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire == _LENGTH:
            length, place = _varint(data, place)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(wire)
        if place + length > len(data):
            raise IndexError(place)
        yield number, data[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError(place)
