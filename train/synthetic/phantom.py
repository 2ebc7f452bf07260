"""One synthetic chest film, drawn and not taken from anybody.

Body, two lungs, ribs, spine, heart and diaphragm are soft shapes of different density; then come pose, exposure
and noise. A pneumonia is up to three soft, uneven opacities inside the lungs. Size, pose, exposure and noise
vary far more than the opacities do, so brightness and contrast do not give the class away.
The films teach nothing about real pneumonia.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_SMALLEST_SIDE = 256  # shapes are drawn at this side at least, so that small films are smooth too


@dataclass(frozen=True)
class _Anatomy:
    """What stays the same in all films of one patient, as shares of the side."""

    centre_x: float
    lung_top: float
    lung_bottom: float
    lung_width: float
    lung_gap: float
    heart_size: float
    rib_count: int
    rib_slope: float
    rib_density: float
    body_density: float


def draw_phantom(
    anatomy_rng: np.random.Generator, film_rng: np.random.Generator, label: int, virus: bool, image_size: int
) -> np.ndarray:
    """Draw one film.

    Args:
        anatomy_rng: decides the patient; the same state gives the same patient.
        film_rng: decides pose, exposure, noise and opacities.
        label: 0 normal, 1 pneumonia.
        virus: fainter, patchier opacities in both lungs instead of denser ones in one.
        image_size: side S in pixels.

    Returns:
        uint8 [S, S], bright = dense.
    """
    side = max(_SMALLEST_SIDE, 2 * image_size)
    density = _draw_chest(_draw_anatomy(anatomy_rng), film_rng, label, virus, side)
    film = cv2.resize(density, (image_size, image_size), interpolation=cv2.INTER_AREA)
    return _expose(film, film_rng)


def _draw_anatomy(rng: np.random.Generator) -> _Anatomy:
    return _Anatomy(
        centre_x=rng.uniform(0.48, 0.52),
        lung_top=rng.uniform(0.13, 0.19),
        lung_bottom=rng.uniform(0.74, 0.84),
        lung_width=rng.uniform(0.25, 0.30),
        lung_gap=rng.uniform(0.08, 0.11),
        heart_size=rng.uniform(0.14, 0.19),
        rib_count=int(rng.integers(8, 11)),
        rib_slope=rng.uniform(0.05, 0.11),
        rib_density=rng.uniform(0.14, 0.22),
        body_density=rng.uniform(0.60, 0.70),
    )


def _draw_chest(anatomy: _Anatomy, rng: np.random.Generator, label: int, virus: bool, side: int) -> np.ndarray:
    """float32 [side, side] density in about 0..1, before exposure."""
    outline = _soft_polygon(_body_outline(anatomy), side, blur=0.008)
    lungs = [_soft_polygon(_lung_outline(anatomy, sign), side, blur=0.010) for sign in (-1, 1)]
    air = np.maximum(*lungs) * rng.uniform(0.36, 0.46)
    air *= 1 - rng.uniform(0.25, 0.45) * _vessels(anatomy, rng, side)
    clear = air
    illness = rng.spawn(1)[0]  # its own stream: the same film with and without pneumonia differs in nothing else
    if label:
        air = air * (1 - _opacities(illness, lungs, virus, side))  # fluid takes the place of air, never more than that
    density = outline * (anatomy.body_density + 0.012 * _texture(rng, side, 0.10)) - air
    density = (np.maximum(density, _heart(anatomy, side)) + _spine(anatomy, side)) * outline
    density += _ribs(anatomy, side) * anatomy.rib_density * (0.35 + 1.6 * clear) * outline
    return _pose(density, rng)


def _body_outline(anatomy: _Anatomy) -> np.ndarray:
    """Neck, shoulders and flanks as [N, 2] points in shares of the side."""
    half = [(0.09, -0.05), (0.10, 0.05), (0.20, 0.10), (0.36, 0.14), (0.47, 0.24), (0.46, 0.45), (0.43, 0.70)]
    half += [(0.43, 1.05)]
    right = [(anatomy.centre_x + x, y) for x, y in half]
    left = [(anatomy.centre_x - x, y) for x, y in reversed(half)]
    return np.array(right + left)


def _lung_outline(anatomy: _Anatomy, sign: int) -> np.ndarray:
    """One lung: apex, chest wall, dome of the diaphragm, mediastinal border; sign -1 is left in the picture."""
    top, width = anatomy.lung_top, anatomy.lung_width
    # The liver stands higher under the lung on the left of the picture.
    bottom = anatomy.lung_bottom - (0.03 if sign < 0 else 0.0)
    height = bottom - top
    inner = anatomy.lung_gap - 0.035
    points = [
        (inner + 0.02, top + 0.05 * height),
        (inner + 0.30 * width, top),
        (inner + 0.62 * width, top + 0.06 * height),
        (inner + 0.88 * width, top + 0.28 * height),
        (inner + 1.02 * width, top + 0.58 * height),
        (inner + 1.05 * width, top + 1.02 * height),
        (inner + 0.80 * width, top + 0.93 * height),
        (inner + 0.45 * width, top + 0.90 * height),
        (inner + 0.05, top + 0.97 * height),
        (inner, top + 0.55 * height),
    ]
    return np.array([(anatomy.centre_x + sign * x, y) for x, y in points])


def _soft_polygon(points: np.ndarray, side: int, blur: float) -> np.ndarray:
    """float32 [side, side] 0..1: a closed smooth curve through the points, filled, with soft edges."""
    closed = np.vstack([points[-2:], points, points[:3]])
    steps = np.linspace(0, 1, 12, endpoint=False)[:, None]
    curve = []
    for before, start, end, after in zip(closed[:-3], closed[1:-2], closed[2:-1], closed[3:], strict=True):
        # Catmull-Rom, so that the outline passes through every point without corners.
        curve.append(
            0.5
            * (
                2 * start
                + (end - before) * steps
                + (2 * before - 5 * start + 4 * end - after) * steps**2
                + (3 * start - before - 3 * end + after) * steps**3
            )
        )
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.rint(np.vstack(curve) * side).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), blur * side)


def _ribs(anatomy: _Anatomy, side: int) -> np.ndarray:
    """float32 [side, side] 0..1: pairs of arcs that fall from the spine to the chest wall."""
    canvas = np.zeros((side, side), np.float32)
    reach = anatomy.lung_gap + anatomy.lung_width + 0.03
    across = np.linspace(0.02, 1, 24)
    levels = np.linspace(anatomy.lung_top - 0.02, anatomy.lung_bottom + 0.02, anatomy.rib_count)
    for index, level in enumerate(levels):
        width = reach * min(1.0, 0.62 + 0.10 * index)
        for sign in (-1, 1):
            x = anatomy.centre_x + sign * width * across
            y = level - 0.05 * np.sin(np.pi * across * 0.7) + anatomy.rib_slope * across**2 * 1.6
            line = np.rint(np.column_stack([x, y]) * side).astype(np.int32)
            cv2.polylines(canvas, [line], False, 1.0, max(1, round(0.016 * side)), cv2.LINE_AA)
    for sign in (-1, 1):  # collar bones
        x = anatomy.centre_x + sign * np.linspace(0.04, 0.36, 12)
        y = anatomy.lung_top + 0.035 - 0.05 * np.linspace(0, 1, 12) ** 0.8
        line = np.rint(np.column_stack([x, y]) * side).astype(np.int32)
        cv2.polylines(canvas, [line], False, 1.0, max(1, round(0.022 * side)), cv2.LINE_AA)
    return cv2.GaussianBlur(canvas, (0, 0), 0.004 * side)


def _spine(anatomy: _Anatomy, side: int) -> np.ndarray:
    """float32 [side, side]: the density that vertebrae add, with a gap at every disc."""
    spine = np.zeros((side, side), np.float32)
    left, right = (round((anatomy.centre_x + sign * 0.032) * side) for sign in (-1, 1))
    cv2.rectangle(spine, (left, 0), (right, side), 0.13, -1)
    for y in np.arange(0.06, 1.0, 0.058):
        cv2.line(spine, (left, round(y * side)), (right, round(y * side)), 0.08, max(1, round(0.010 * side)))
    return cv2.GaussianBlur(spine, (0, 0), 0.006 * side)


def _heart(anatomy: _Anatomy, side: int) -> np.ndarray:
    """float32 [side, side]: density of the heart, its apex to the right of the picture, and the great vessels."""
    heart = np.zeros((side, side), np.float32)
    size = anatomy.heart_size
    for x, y, long, short, turn in (
        (0.050, anatomy.lung_bottom - 0.17, size, 0.74 * size, 35),
        (-0.005, anatomy.lung_bottom - 0.20, 0.62 * size, 0.85 * size, 0),
        (0.022, anatomy.lung_top + 0.16, 0.052, 0.085, 0),
        (0.0, anatomy.lung_top + 0.20, 0.060, 0.22, 0),
    ):
        middle = (round((anatomy.centre_x + x) * side), round(y * side))
        axes = (round(long * side), round(short * side))
        cv2.ellipse(heart, middle, axes, turn, 0, 360, 1.0, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(heart, (0, 0), 0.014 * side) * (anatomy.body_density + 0.03)


def _vessels(anatomy: _Anatomy, rng: np.random.Generator, side: int) -> np.ndarray:
    """float32 [side, side] 0..1: the markings of a lung, thinning out from the hilum."""
    ridges = np.zeros((side, side), np.float32)
    for scale, share in ((0.05, 0.45), (0.022, 0.35), (0.012, 0.20)):
        ridges += share * np.exp(-2 * np.abs(_texture(rng, side, scale)))
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / side
    hilum = 0.5 * (anatomy.lung_top + anatomy.lung_bottom)
    away = np.hypot(np.abs(columns - anatomy.centre_x) - anatomy.lung_gap, (rows - hilum) * 0.8)
    return ridges * np.exp(-((away / 0.26) ** 2))


def _texture(rng: np.random.Generator, side: int, scale: float) -> np.ndarray:
    """float32 [side, side]: smooth noise of unit deviation, its grain a share `scale` of the side."""
    grain = max(2, round(1 / scale))
    coarse = rng.standard_normal((grain, grain)).astype(np.float32)
    smooth = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return smooth / smooth.std()


def _opacities(rng: np.random.Generator, lungs: list[np.ndarray], virus: bool, side: int) -> np.ndarray:
    """float32 [side, side] 0..1: the share of air lost, soft and uneven, in one lung or (virus) in both."""
    first = int(rng.integers(2))
    places = [first, 1 - first, first] if virus else [first] * int(rng.integers(1, 3))
    lost = np.zeros((side, side), np.float32)
    for lung in places:
        rows, columns = np.nonzero(lungs[lung] > 0.9)
        chosen = int(rng.integers(len(rows)))
        long = rng.uniform(0.07, 0.11) if virus else rng.uniform(0.09, 0.15)
        axes = (round(long * side), round(long * rng.uniform(0.6, 1.0) * side))
        patch: np.ndarray = np.zeros((side, side), np.float32)
        centre = (int(columns[chosen]), int(rows[chosen]))
        cv2.ellipse(patch, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        patch = cv2.GaussianBlur(patch, (0, 0), rng.uniform(0.03, 0.05) * side)
        uneven = 1 + 0.18 * _texture(rng, side, 0.05) + 0.08 * _texture(rng, side, 0.02)
        strength = rng.uniform(0.55, 0.80) if virus else rng.uniform(0.75, 1.0)
        lost = np.maximum(lost, patch * uneven * strength)
    return np.clip(lost, 0, 0.97)


def _pose(density: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn, scale and shift; neck and abdomen go on beyond the film's edges, the flanks do not."""
    side = density.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-5, 5), rng.uniform(0.92, 1.08))
    matrix[:, 2] += rng.uniform(-0.03, 0.03, 2) * side
    margin = side // 6
    tall = cv2.copyMakeBorder(density, margin, margin, 0, 0, cv2.BORDER_REPLICATE)
    matrix[:, 2] -= matrix[:, 1] * margin
    return cv2.warpAffine(tall, matrix, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def _expose(density: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Density → uint8 film: gamma, gain, fog, a slanting field and grain, all unlike from film to film."""
    side = density.shape[0]
    ramp = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    slant = rng.uniform(-0.08, 0.08) * ramp[None, :] + rng.uniform(-0.08, 0.08) * ramp[:, None]
    light = np.clip(density * (1 + slant), 0, None) ** rng.uniform(0.8, 1.4)
    light = rng.uniform(0.01, 0.07) + light * rng.uniform(0.85, 1.20)
    light += rng.standard_normal((side, side)) * rng.uniform(0.008, 0.022)
    return np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8)
