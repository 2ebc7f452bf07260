"""Folders of synthetic chest films in the public set's layout, for tests and for a first training."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from train.common.atomic import replace_folder
from train.common.errors import UsageError
from train.synthetic.phantom import draw_phantom

MARKER = "phantoms.txt"
MARKER_TEXT = """Synthetic films drawn by `pneumoscope data phantoms`; no patient was ever in front of a camera.
The command may replace this folder as long as this file is in it.
"""

# Share of the films per split; the rest is train.
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.05
FILMS_PER_PATIENT = (1, 2, 3)

_SPLIT_FOLDERS = ("train", "val", "test")
_FILE_NAME = re.compile(r"phantom\d+_(normal|bacteria|virus)_\d+\.png")


def make_phantoms(
    folder: Path,
    count_per_class: int,
    seed: int,
    image_size: int = 256,
    advance: Callable[..., None] | None = None,
) -> int:
    """Write a folder of synthetic films as chest_xray/{train,val,test}/{NORMAL,PNEUMONIA}.

    Patients have one to three films each and stay within a split and class. Names follow the public set's
    scheme: phantom12_normal_1.png, phantom31_bacteria_2.png, phantom40_virus_1.png.

    Args:
        folder: does not exist, is empty, or holds phantoms, which are replaced.
        count_per_class: films per class over all splits, at least 4.
        seed: same seed, same films, bit for bit with the same versions of NumPy and OpenCV.
        image_size: side in pixels, 32 to 1024.
        advance: called without arguments after each film.

    Returns:
        The number of films written.

    Raises:
        UsageError: an argument out of range, or a folder that holds something else.
    """
    if count_per_class < 4:
        raise UsageError(f"count must be at least 4 films per class. Received: {count_per_class}")
    if not 32 <= image_size <= 1024:
        raise UsageError(f"image_size must lie between 32 and 1024 pixels. Received: {image_size}")
    if seed < 0:
        raise UsageError(f"seed must not be negative. Received: {seed}")
    _refuse_foreign(folder)
    try:
        return _write_cohort(folder.absolute(), count_per_class, seed, image_size, advance)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error


def _refuse_foreign(folder: Path) -> None:
    """Raise unless the folder can be replaced without losing a file that is not ours."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is not a folder: choose another one for the phantoms")
    if not folder.is_dir():
        return
    if Path.cwd().is_relative_to(folder.resolve()):
        raise UsageError(f"{folder} is the folder you are in: name another one for the phantoms")
    files = [path for path in folder.rglob("*") if not path.is_dir()]
    ours = all(path.name == MARKER or _FILE_NAME.fullmatch(path.name) for path in files)
    if not ours or (files and not (folder / MARKER).is_file()):
        raise UsageError(f"{folder} holds other files: choose an empty or a new folder for the phantoms")


def _write_cohort(
    folder: Path, count_per_class: int, seed: int, image_size: int, advance: Callable[..., None] | None
) -> int:
    written, patient = 0, 0
    with replace_folder(folder) as temporary:
        (temporary / MARKER).write_text(MARKER_TEXT)
        for label, class_folder in enumerate(("NORMAL", "PNEUMONIA")):
            for split_folder, count in zip(_SPLIT_FOLDERS, _split_counts(count_per_class), strict=True):
                place = temporary / "chest_xray" / split_folder / class_folder
                place.mkdir(parents=True)
                done = 0
                while done < count:
                    patient += 1
                    done += _write_patient(place, patient, label, seed, count - done, image_size, advance)
                written += done
    return written


def _split_counts(count: int) -> tuple[int, int, int]:
    validation, test = max(1, round(count * VALIDATION_SHARE)), max(1, round(count * TEST_SHARE))
    return count - validation - test, validation, test


def _write_patient(
    place: Path, patient: int, label: int, seed: int, most: int, image_size: int, advance: Callable[..., None] | None
) -> int:
    draw = np.random.default_rng([seed, patient])
    films = min(most, int(draw.choice(FILMS_PER_PATIENT)))
    virus = bool(label) and draw.random() < 0.35
    word = ("virus" if virus else "bacteria") if label else "normal"
    for number in range(1, films + 1):
        film = draw_phantom(
            np.random.default_rng([seed, patient, 0]),
            np.random.default_rng([seed, patient, number]),
            label,
            virus,
            image_size,
        )
        _, png = cv2.imencode(".png", film)
        (place / f"phantom{patient}_{word}_{number}.png").write_bytes(png.tobytes())
        if advance is not None:
            advance()
    return films
