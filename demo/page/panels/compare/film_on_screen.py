"""What the page knows of the film on screen beside its readings, and the film at its full size.

A film of 50 million pixels is on screen at once as a smaller picture; the whole of it goes to the browser when its
visitor looks closer. Until then it waits here as a JPEG, in memory alone and only so much of all visitors' together.
"""

import secrets
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from demo.inference.images import SIDE_ON_SCREEN
from train.radiograph.greys.stored_bits import stored_bits

MOST_DETAIL_BYTES = 256_000_000  # of all visitors together; a film of 50 million pixels takes about 8 MB
QUALITY = 92

_lock = Lock()
_kept: list["weakref.ref[Detail]"] = []


@dataclass(eq=False)
class Detail:
    """A film at its full size: a JPEG, until its memory is needed for a newer film."""

    jpeg: bytes | None


@dataclass(frozen=True, eq=False)
class FilmOnScreen:
    """The film on screen.

    Attributes:
        name: what its visitor calls it; an empty text where it has none.
        width: pixels of the film that was read, which the one on screen may be a reduction of.
        height: pixels.
        bits: a sample, as the file stores them; None where it does not say.
        detail: None where the picture on screen is all there is.
        token: another one for every film that is opened.
    """

    name: str
    width: int
    height: int
    bits: int | None
    detail: Detail | None
    token: str = field(default_factory=lambda: secrets.token_hex(8))


def film_on_screen(name: str, film: np.ndarray, source: Path | bytes) -> FilmOnScreen:
    """What there is to know of a film that was read, uint8 [H, W], from a file or the bytes of one."""
    height, width = film.shape
    detail = _keep(film) if max(film.shape) > SIDE_ON_SCREEN else None
    return FilmOnScreen(name, width, height, stored_bits(source), detail)


def detail_of(film: FilmOnScreen | None, token: object) -> bytes | None:
    """The JPEG of the film at its full size, where that is the film asked for and it is still kept."""
    if film is None or film.token != token or film.detail is None:
        return None
    return film.detail.jpeg


def _keep(film: np.ndarray) -> Detail:
    jpeg = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    made = Detail(jpeg)
    with _lock:
        _kept[:] = [reference for reference in _kept if (each := reference()) is not None and each.jpeg is not None]
        _kept.append(weakref.ref(made))
        _forget_oldest(list(_kept))
    return made


def _forget_oldest(references: Iterable["weakref.ref[Detail]"]) -> None:
    details = [each for reference in references if (each := reference()) is not None]
    total = sum(len(each.jpeg or b"") for each in details)
    for each in details:
        if total <= MOST_DETAIL_BYTES:
            return
        total -= len(each.jpeg or b"")
        each.jpeg = None
