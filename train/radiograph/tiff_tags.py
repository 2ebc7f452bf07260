"""The tags of a TIFF directory; EXIF is one too, and so its orientation is read here.

Sources: TIFF 6.0 (Adobe, 1992) section 2; BigTIFF (Aware Systems); EXIF 2.32 section 4.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from train.radiograph.formats import RadiographError, cut_short, damaged

ORIENTATION = 274

_MAX_ENTRIES = 4_096  # of a directory; cameras write about 60
_MAX_VALUES = 200_000  # of an entry: one offset for each row of the highest film that is read
# Whole numbers only: BYTE, SHORT, LONG and LONG8 (BigTIFF). No other type says how pixels are stored.
_WHOLE_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 16: "u8"}


@dataclass(frozen=True)
class TiffDirectory:
    """Whole-number tags of one picture of a TIFF, and where the next picture's stand (0: there is none).

    Attributes:
        data: the file.
        entries: tag → (NumPy dtype, number of values, where they stand).
        next_offset: of the next directory.
    """

    data: bytes
    entries: Mapping[int, tuple[str, int, int]]
    next_offset: int

    def values(self, tag: int) -> tuple[int, ...]:
        """The values of a tag; none if it is absent, or no tag of whole numbers.

        Raises:
            RadiographError: they reach past the end of the file, or are too many.
        """
        dtype, count, place = self.entries.get(tag, ("u1", 0, 0))
        if count > _MAX_VALUES:
            raise damaged("TIFF")
        if place + count * np.dtype(dtype).itemsize > len(self.data):
            raise cut_short("TIFF")
        return tuple(np.frombuffer(self.data, dtype, count, place).tolist()) if count else ()

    def number(self, tag: int, default: int | None = None) -> int:
        """The first value of a tag.

        Raises:
            RadiographError: the tag is absent and has no default.
        """
        values = self.values(tag)
        if values:
            return values[0]
        if default is None:
            raise damaged("TIFF")
        return default


@dataclass(frozen=True)
class TiffHeader:
    """Byte order ("<" or ">"), 32 or 64 bit offsets, and where the first directory stands."""

    order: str
    big: bool
    first_offset: int

    def directory(self, data: bytes, offset: int) -> TiffDirectory:
        """Read the directory that stands at `offset`.

        Raises:
            RadiographError: it reaches past the end, is larger than any real one, or names a tag twice.
        """
        start, count, entry_size, pointer_size = self._extent(data, offset)
        entries: dict[int, tuple[str, int, int]] = {}
        for position in range(start, start + count * entry_size, entry_size):
            tag, kind = self._number(data, position, 2), self._number(data, position + 2, 2)
            if tag in entries:
                raise damaged("TIFF")  # readers disagree on which of the two counts
            dtype = _WHOLE_NUMBERS.get(kind)
            values = self._number(data, position + 4, pointer_size) if dtype else 0
            place = position + 4 + pointer_size
            if dtype and values * np.dtype(dtype).itemsize > pointer_size:
                place = self._number(data, place, pointer_size)
            entries[tag] = (self.order + (dtype or "u1"), values, place)
        return TiffDirectory(data, entries, self.next_offset(data, offset))

    def next_offset(self, data: bytes, offset: int) -> int:
        """Where the directory after the one at `offset` stands, 0 if there is none.

        Raises:
            RadiographError: as `directory`.
        """
        start, count, entry_size, pointer_size = self._extent(data, offset)
        return self._number(data, start + count * entry_size, pointer_size)

    def _extent(self, data: bytes, offset: int) -> tuple[int, int, int, int]:
        """Where the entries begin, how many there are, and how many bytes an entry and an offset take."""
        count_size, entry_size, pointer_size = (8, 20, 8) if self.big else (2, 12, 4)
        count = self._number(data, offset, count_size)
        if not 0 < count <= _MAX_ENTRIES:
            raise damaged("TIFF")
        return offset + count_size, count, entry_size, pointer_size

    def _number(self, data: bytes, offset: int, size: int) -> int:
        if offset + size > len(data):
            raise cut_short("TIFF")
        return int.from_bytes(data[offset : offset + size], "little" if self.order == "<" else "big")


def read_tiff_header(data: bytes) -> TiffHeader:
    """Read the first 8 or 16 bytes of a TIFF.

    Raises:
        RadiographError: no TIFF, or cut short.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise damaged("TIFF")
    header = TiffHeader(order, False, 0)
    version = header._number(data, 2, 2)
    if version == 42:
        return TiffHeader(order, False, header._number(data, 4, 4))
    if version == 43 and header._number(data, 4, 2) == 8:
        return TiffHeader(order, True, header._number(data, 8, 8))
    raise damaged("TIFF")


def exif_orientation(exif: bytes) -> int:
    """The orientation an EXIF block asks for, 1 to 8; 1 where it does not say or cannot be read.

    Args:
        exif: the block from its byte order mark on, without "Exif\\0\\0".
    """
    try:
        header = read_tiff_header(exif)
        value = header.directory(exif, header.first_offset).number(ORIENTATION, 1)
    except RadiographError:
        return 1  # whether a film is upright is not worth refusing it
    return value if 1 <= value <= 8 else 1
