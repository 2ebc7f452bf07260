"""The element of a DICOM film's pixels → the bytes of its first frame, whatever wraps them.

A whole frame is found without the delimiters that should close it, behind an offset table that is wrong, or in
fragments where there should be none; what follows it in the file is not looked at. Whether it is whole is for the
decoders to say.

Source: DICOM PS3.5 section 8.2 and Annex A.4.
"""

from dataclasses import dataclass
from typing import Literal

from pydicom.uid import UID, RLELossless

from train.radiograph.dicom.header import DicomHeader
from train.radiograph.formats import RadiographError

_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_ITEM = b"\xfe\xff\x00\xe0"
_UNDEFINED_LENGTH = 0xFFFFFFFF
_MAX_FRAGMENTS = 1_000_000
_STREAM_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")  # JPEG and JPEG-LS, JPEG 2000, its boxes
_END_OF_IMAGE = b"\xff\xd9"  # of JPEG; the end of a codestream of JPEG 2000 too


@dataclass(frozen=True)
class FrameBytes:
    """Bytes of the pixels.

    Attributes:
        data: of all frames where they stand one behind the other, of the first where they are in fragments.
        frames: how many that are.
        in_words: 8-bit pixels stand in 16-bit words (VR OW).
        in_fragments: as compressed streams are kept.
    """

    data: bytes
    frames: int
    in_words: bool
    in_fragments: bool


def read_frame_bytes(data: bytes, header: DicomHeader, frames: int) -> FrameBytes:
    """Take the first frame out of the file.

    Raises:
        RadiographError: there is no element of pixels, or it is empty.
    """
    at = header.pixels_at
    tag = data[at : at + 4]
    if header.order == ">":
        tag = tag[1::-1] + tag[:1:-1]
    if tag != _PIXEL_DATA:
        raise _no_picture()
    byteorder: Literal["big", "little"] = "big" if header.order == ">" else "little"
    vr = data[at + 4 : at + 6]
    if not header.implicit and vr in (b"OB", b"OW", b"UN"):
        start, length = at + 12, int.from_bytes(data[at + 8 : at + 12], byteorder)
    elif not header.implicit and vr.isalpha() and vr.isupper():
        start, length = at + 8, int.from_bytes(data[at + 6 : at + 8], byteorder)
    else:
        start, length = at + 8, int.from_bytes(data[at + 4 : at + 8], byteorder)
    if length != _UNDEFINED_LENGTH:
        if length == 0:
            raise _no_picture()
        return FrameBytes(data[start : start + length], frames, vr == b"OW" or header.implicit, in_fragments=False)
    fragments = _fragments(data, start)
    if not fragments:
        raise _no_picture()
    return FrameBytes(_first_frame(fragments, frames, header.syntax), 1, in_words=False, in_fragments=True)


def _no_picture() -> RadiographError:
    return RadiographError("the DICOM file holds no picture: expected a radiograph with pixel data")


def _fragments(data: bytes, position: int) -> list[bytes]:
    """The items from `position` on: the offset table and the fragments, up to whatever is no item."""
    fragments: list[bytes] = []
    while data[position : position + 4] == _ITEM and len(fragments) < _MAX_FRAGMENTS:
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        fragments.append(data[position + 8 : position + 8 + length])
        position += 8 + length
    return fragments


def _first_frame(items: list[bytes], frames: int, syntax: UID) -> bytes:
    """Join the fragments of the first frame; one frame is all of them, whatever the offset table says."""
    table, fragments = items[0], items[1:]
    if table.startswith(_STREAM_STARTS):  # a writer left the table out
        table, fragments = b"", items
    if frames == 1:
        return b"".join(fragments)
    if len(fragments) == frames or syntax == RLELossless:
        return fragments[0] if fragments else b""
    second = int.from_bytes(table[4:8], "little")
    place = 0
    first: list[bytes] = []
    for fragment in fragments:
        # Without a table, a frame goes on until a fragment ends as a stream does.
        if first and (place >= second if second else first[-1].rstrip(b"\0").endswith(_END_OF_IMAGE)):
            break
        first.append(fragment)
        place += 8 + len(fragment)
    return b"".join(first)
