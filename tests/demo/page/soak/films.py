"""What the soak sends: films with the readings they must get, and files that mean harm."""

import json
import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from demo.evaluation.example_films import default_examples_folder


@dataclass(frozen=True)
class KnownFilm:
    """A film's bytes, and what `predict --json` says of it: network → probability."""

    name: str
    data: bytes
    probabilities: dict[str, float]


def known_films() -> list[KnownFilm]:
    """The synthetic films that ship, each read once by `predict` in a process of its own."""
    folder = default_examples_folder()
    command = [sys.executable, "-c", "from demo.cli import app; app()", "predict", str(folder), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return [
        KnownFilm(
            Path(entry["path"]).name,
            Path(entry["path"]).read_bytes(),
            {network: reading["probability"] for network, reading in entry["readings"].items()},
        )
        for entry in found
    ]


def hostile_files(film: bytes) -> dict[str, bytes]:
    """Files that are no films, by name: cut, lying about their size, unpacking to far more than they are, or text."""
    return {
        "cut.png": film[: len(film) // 2],
        "bomb.png": _png(20_000, 20_000),
        "many.tif": _tiff(60_000, 60_000, 8),
        "wide.tif": _tiff(30_000, 30_000, 2),
        "masks.bmp": _bmp_without_masks(),
        "text.jpg": b"GET / HTTP/1.1\r\n\r\n" * 100,
        "none.dcm": b"\0" * 128 + b"DICM" + b"\xff" * 64,
        "empty.png": b"",
    }


def _png(width: int, height: int) -> bytes:
    """A black picture of width × height grey pixels, small as long as nobody unpacks it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(width + 1)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _tiff(width: int, height: int, samples: int) -> bytes:
    """A TIFF whose header asks for width × height × samples bytes that are not there."""
    fields = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 8),  # deflate
        (262, 3, 1),
        (273, 4, 200),
        (277, 3, samples),
        (278, 4, height),
        (279, 4, 16),
    ]
    entries = b"".join(
        struct.pack("<HHIHH" if kind == 3 else "<HHII", tag, kind, 1, *((value, 0) if kind == 3 else (value,)))
        for tag, kind, value in fields
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + b"\0" * 4
    return head.ljust(200, b"\0") + zlib.compress(b"\0" * 64)


def _bmp_without_masks() -> bytes:
    """A BMP with colour masks that are all zero."""
    pixels = b"\x7f" * 64 * 4
    header = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 66 + len(pixels), 0, 0, 66) + header + b"\0" * 12 + pixels
