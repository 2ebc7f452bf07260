import json
from dataclasses import asdict

import cv2
import numpy as np
import pytest

from train.radiograph import PrepareSpec, prepare, read_radiograph

PICTURES = 500
LEAST_SIDE = 5  # OpenCV enlarges what has fewer pixels by other steps


@pytest.fixture
def prepared_in_node(node, tmp_path):
    """Films and their specs → the squares that demo/browser/prepare.js makes of them."""

    def run(cases):
        entries = [{"width": film.shape[1], "height": film.shape[0], "spec": asdict(spec)} for film, spec in cases]
        (tmp_path / "cases.json").write_text(json.dumps(entries))
        (tmp_path / "pixels").write_bytes(b"".join(film.tobytes() for film, _ in cases))
        node("prepare.mjs", tmp_path / "cases.json", tmp_path / "pixels", tmp_path / "out")
        sizes = [spec.image_size**2 for _, spec in cases]
        parts = np.split(np.fromfile(tmp_path / "out", np.uint8), np.cumsum(sizes)[:-1])
        return [part.reshape(spec.image_size, -1) for part, (_, spec) in zip(parts, cases, strict=True)]

    return run


def generated(count, seed=0):
    """Films of noise, of soft noise and of few greys, and rules for them."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        side = 224 if index % 2 else int(rng.integers(8, 260))
        height, width = rng.integers(LEAST_SIDE, 400, 2)
        if index % 5 == 0:
            height, width = side * rng.integers(1, 4, 2)  # whole pixels are averaged in a way of their own
        film = rng.integers(0, 256, (height, width), np.uint8)
        if index % 3 == 1:
            film = cv2.GaussianBlur(film, (0, 0), 2)
        if index % 3 == 2:
            film = film // 64 * int(rng.integers(1, 64))
        least_share = LEAST_SIDE / min(film.shape)
        share = 1.0 if index % 2 else float(rng.uniform(least_share, 1))
        rules = rng.choice(["squash", "letterbox", "crop"]), rng.choice(["none", "stretch", "equalise"])
        yield film, PrepareSpec(side, *map(str, rules), share)


def differing(cases, squares):
    return [
        (film.shape, spec) for (film, spec), square in zip(cases, squares, strict=True)
        if not np.array_equal(square, prepare(film, spec))
    ]  # fmt: skip


def test_any_film_is_prepared_to_the_bit(prepared_in_node):
    cases = list(generated(PICTURES))
    assert differing(cases, prepared_in_node(cases)) == []


def test_an_enlarged_film_is_as_opencv_makes_it_to_its_last_column(prepared_in_node):
    rng = np.random.default_rng(1)
    films = [rng.integers(0, 256, (200, width), np.uint8) for width in range(LEAST_SIDE, 44)]
    cases = [(film, PrepareSpec(224)) for film in films]
    assert differing(cases, prepared_in_node(cases)) == []


@pytest.mark.real_data
def test_films_as_published_are_prepared_to_the_bit(prepared_in_node, data_root):
    films = [read_radiograph(path) for path in sorted((data_root / "native").glob("*/*.jpeg"))]
    cases = [(film, PrepareSpec(224, rule, "equalise")) for film in films for rule in ("squash", "letterbox", "crop")]
    assert differing(cases, prepared_in_node(cases)) == []
