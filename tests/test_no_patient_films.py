"""No patient's film is in the repository: neither a copy nor a resized, recompressed or mirrored one."""

import hashlib
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.radiograph import RadiographError, read_radiograph

ROOT = Path(__file__).resolve().parents[1]

SIDE, KEPT = 64, 16  # of the shrunk film, and of the low frequencies kept of it
# Of 255 bits. Copies resized, recompressed or re-exposed differ in up to 10, the films of two patients in 44 or more.
SAME_FILM = 30


def perceptual_hash(film: np.ndarray) -> np.ndarray:
    """bool [255]: which low frequencies of the shrunk film are above their median (pHash, Zauner 2010).

    Args:
        film: uint8 [H, W].
    """
    small = cv2.resize(film, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:KEPT, :KEPT].ravel()[1:]  # without the mean: brightness says nothing
    return low > np.median(low)


def pictures_of(paths, versions_of=lambda film: [film, film[:, ::-1], 255 - film]):
    """(path, sha256, perceptual hashes upright, mirrored, inverted) of every file; a flat picture has no hashes."""
    for path in paths:
        data = path.read_bytes()
        try:
            film = read_radiograph(data)
        except RadiographError:
            film = None
        versions = [] if film is None or film.std() < 4 else versions_of(film)
        yield path, hashlib.sha256(data).hexdigest(), [perceptual_hash(version) for version in versions]


@pytest.fixture(scope="module")
def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("no git repository here")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::train.radiograph.formats.FilmWarning")
def test_no_tracked_picture_is_a_film(tracked, data_root):
    films = sorted(path for path in data_root.rglob("*") if path.is_file() and path.parent.name != data_root.name)
    known = list(pictures_of(films, versions_of=lambda film: [film]))  # the tracked ones are turned, not these
    assert len(known) > 5000
    by_digest = {digest: path.name for path, digest, _ in known}
    hashes = np.array([version for _, _, hashed in known for version in hashed])
    found = []
    for path, digest, hashed in pictures_of(tracked):
        if digest in by_digest:
            found.append(f"{path.relative_to(ROOT)} is a copy")
        elif any((hashes ^ version).sum(axis=1).min() <= SAME_FILM for version in hashed):
            found.append(f"{path.relative_to(ROOT)} looks like one")
    assert found == []


@pytest.mark.real_data
def test_a_film_is_known_again_and_another_is_not(data_root):
    films = sorted((data_root / "native").glob("*/*.jpeg"))[::4]
    hashes = []
    for path in films:
        film = read_radiograph(path)
        hashes.append(perceptual_hash(film))
        quality = [cv2.IMWRITE_JPEG_QUALITY, 40]
        small = cv2.resize(film, (300, 260), interpolation=cv2.INTER_AREA)
        for version in (
            read_radiograph(cv2.imencode(".jpg", film, quality)[1].tobytes()),
            read_radiograph(cv2.imencode(".jpg", small, quality)[1].tobytes()),
            cv2.convertScaleAbs(film, alpha=0.8, beta=20),
            film[2:-2, 2:-2],
        ):
            assert (perceptual_hash(version) ^ hashes[-1]).sum() <= SAME_FILM
    distances = [(a ^ b).sum() for index, a in enumerate(hashes) for b in hashes[:index]]
    assert min(distances) > SAME_FILM
