"""Chest films brought into one common shape, and back: what is left to differ is grey, not position.

Dense registration to a template that is the mean of the films brought so far, refined in rounds, as in groupwise
registration (Joshi et al., NeuroImage 23 (2004) S151). The displacements come from DIS optical flow (Kroeger et al.,
ECCV 2016) on films whose local contrast was evened out, so that exposure does not pull.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

GRID = 28  # displacements are kept on a grid of GRID × GRID

_SIDE = 112  # films are registered at this side, in pixels
_NO_GUESS: Any = None  # OpenCV's stubs want an array of what it takes none of
_LARGEST_SHIFT = 20.0  # pixels of _SIDE: beyond it the flow has lost its way
# One round each: how far a displacement is smoothed, in pixels of _SIDE. Smooth enough to be inverted.
SMOOTHING = (12.0, 8.0, 5.0, 3.0)
_INVERSION_STEPS = 15
#: Of a single film brought to a finished template: smoother than the last round, so that an opacity pulls less.
_REGISTERED_SMOOTHING = 5.0


def align(films: np.ndarray, shapers: np.ndarray, advance: Callable[..., None] | None = None) -> np.ndarray:
    """Find the displacements that bring every film into the common shape.

    Args:
        films: uint8 [N, S, S].
        shapers: bool [N]; the films whose mean is the template. Displacements average to 0 over all films, so the
            common shape is the mean shape whichever films these are.
        advance: called after each film of each of the `len(SMOOTHING)` rounds.

    Returns:
        float32 [N, GRID, GRID, 2], (x, y) in shares of the film's side: the film at x + displacement(x) lies at x of
        the common shape.
    """
    evened = np.stack([_evened(cv2.resize(film, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)) for film in films])
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    template = evened[shapers].mean(axis=0, dtype=np.float32)
    flows = np.zeros((len(films), GRID, GRID, 2), np.float32)
    for smoothing in SMOOTHING:
        target = _evened(template)
        for index, film in enumerate(evened):
            flow = np.clip(flow_of.calc(target, film, _NO_GUESS), -_LARGEST_SHIFT, _LARGEST_SHIFT)
            flow = cv2.GaussianBlur(flow, (0, 0), smoothing)
            flows[index] = cv2.resize(flow, (GRID, GRID), interpolation=cv2.INTER_AREA) / _SIDE
            if advance is not None:
                advance()
        flows -= flows.mean(axis=0)
        template = np.zeros((_SIDE, _SIDE), np.float32)
        for index in map(int, np.flatnonzero(shapers)):
            template += to_common_shape(evened[index], flows[index]).astype(np.float32) / shapers.sum()
    return flows


def template_of(films: np.ndarray, flows: np.ndarray) -> np.ndarray:
    """The mean of aligned films with evened contrast, to which `register` brings others.

    Args:
        films: uint8 [N, S, S].
        flows: as `align` gives them for these films.

    Returns:
        uint8 [112, 112].
    """
    template = np.zeros((_SIDE, _SIDE), np.float32)
    for film, flow in zip(films, flows, strict=True):
        evened = _evened(cv2.resize(film, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))
        template += to_common_shape(evened, flow).astype(np.float32) / len(films)
    return np.rint(template).astype(np.uint8)


def register(film: np.ndarray, template: np.ndarray) -> np.ndarray:
    """The displacement that brings one film, uint8 [S, S], into the shape of a template of `template_of`.

    Returns:
        float32 [GRID, GRID, 2], as a row of `align`. It depends on nothing but the two.
    """
    evened = _evened(cv2.resize(film, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = np.clip(flow_of.calc(_evened(template), evened, _NO_GUESS), -_LARGEST_SHIFT, _LARGEST_SHIFT)
    flow = cv2.GaussianBlur(flow, (0, 0), _REGISTERED_SMOOTHING)
    return cv2.resize(flow, (GRID, GRID), interpolation=cv2.INTER_AREA) / np.float32(_SIDE)


def to_common_shape(film: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The film [S, S] in the common shape; `flow` is its row of `align`. Same dtype as the film."""
    return _moved(film, _full_size(flow, len(film)), cv2.INTER_LINEAR)


def from_common_shape(film: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The inverse of `to_common_shape`, by fixed-point iteration (Chen et al., Med. Phys. 35 (2008) 81)."""
    forth = _full_size(flow, len(film))
    back = np.zeros_like(forth)
    for _ in range(_INVERSION_STEPS):
        back = -_moved(forth, back, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
    return _moved(film, back, cv2.INTER_CUBIC)


def _full_size(flow: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(flow, (side, side), interpolation=cv2.INTER_CUBIC) * np.float32(side)


# Beyond its border a film goes on mirrored: repeated border pixels would draw stripes.
def _moved(
    image: np.ndarray, shift: np.ndarray, interpolation: int, border: int = cv2.BORDER_REFLECT_101
) -> np.ndarray:
    side = np.arange(len(image), dtype=np.float32)
    places = np.stack(np.meshgrid(side, side), axis=-1) + shift
    return cv2.remap(image, places, None, interpolation, borderMode=border)  # type: ignore[call-overload]  # both in one


def _evened(film: np.ndarray) -> np.ndarray:
    """uint8 [H, W] with the same mean and contrast everywhere, local to a sixth of the side."""
    smooth = cv2.GaussianBlur(film.astype(np.float32), (0, 0), 1)
    detail = smooth - cv2.GaussianBlur(smooth, (0, 0), len(film) / 6)
    # 8 grey levels more, or the noise of empty background would be raised to the contrast of bones.
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), len(film) / 6)) + 8
    return np.clip(128 + 45 * detail / contrast, 0, 255).astype(np.uint8)
