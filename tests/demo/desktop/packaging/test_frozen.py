"""The frozen app itself, where one was built: set PNEUMOSCOPE_DESKTOP_APP to its folder.

It runs without any environment, as an ordinary user, from a folder nobody may write to, and without a network.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.desktop.packaging.contents import linked

ROOT = Path(__file__).resolve().parents[4]
EXAMPLE = ROOT / "assets" / "examples" / "synthetic-pneumonia-01.png"
NOBODY = 65534

pytestmark = pytest.mark.skipif(
    "PNEUMOSCOPE_DESKTOP_APP" not in os.environ, reason="PNEUMOSCOPE_DESKTOP_APP is not set: no frozen app to test"
)


@pytest.fixture(scope="module")
def program() -> Path:
    return Path(os.environ["PNEUMOSCOPE_DESKTOP_APP"]).resolve() / "pneumoscope"


def readings(text):
    listed = json.loads(text)
    for comparison in listed:
        for reading in comparison["readings"].values():
            del reading["milliseconds"]
    return listed


def predicted(program, film):
    """What this checkout's own `predict --json` prints with the networks of the frozen app."""
    command = [sys.executable, "-c", "from demo.cli import app; app()", "predict", str(film), "--json"]
    command += ["--models", str(program.parent / "models"), "--device", "cpu"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return readings(subprocess.run(command, capture_output=True, check=False, env=environment).stdout)


def self_test(program, film, *before, **how):
    command = [*before, str(program), "--self-test", str(film)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={}, cwd="/", **how)


def test_it_reads_as_predict_does_without_any_environment(program):
    done = self_test(program, EXAMPLE)
    assert done.returncode == 0, done.stderr
    assert readings(done.stdout) == predicted(program, EXAMPLE)


def test_its_pixels_are_those_of_the_checkout_for_every_kind_of_file(program, tmp_path, dicom):
    import cv2
    import numpy as np
    from pydicom.uid import RLELossless

    film = np.random.default_rng(0).integers(0, 256, (301, 257), dtype=np.uint8)
    film = cv2.GaussianBlur(film, (0, 0), 9)
    films = tmp_path / "films"
    films.mkdir()
    for suffix in (".png", ".jpg", ".bmp", ".webp", ".tiff"):
        (films / f"film{suffix}").write_bytes(cv2.imencode(suffix, film)[1].tobytes())
    (films / "deep.png").write_bytes(cv2.imencode(".png", film.astype(np.uint16) * 16)[1].tobytes())
    (films / "colour.jpg").write_bytes(cv2.imencode(".jpg", cv2.applyColorMap(film, cv2.COLORMAP_BONE))[1].tobytes())
    (films / "plain.dcm").write_bytes(dicom(film.astype(np.uint16) * 16, bits=12))
    (films / "rle.dcm").write_bytes(dicom(film, syntax=RLELossless))
    done = self_test(program, films)
    assert done.returncode == 0, done.stdout
    found = readings(done.stdout)
    assert len(found) == 9
    assert found == predicted(program, films)


@pytest.mark.real_data
def test_real_films_and_dicom_of_every_syntax_read_as_predict_reads_them(program, data_root):
    for folder in (data_root / "dicom", data_root / "native" / "NORMAL"):
        assert readings(self_test(program, folder).stdout) == predicted(program, folder)


def test_it_runs_without_a_network(program):
    if os.getuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a network can be taken away by root alone")
    assert self_test(program, EXAMPLE, "unshare", "-n").returncode == 0


def test_it_runs_as_an_ordinary_user_from_a_folder_nobody_may_write_to(program, tmp_path):
    if os.getuid() != 0:
        pytest.skip("another user can be taken on by root alone")
    before = {path: path.stat().st_mtime_ns for path in program.parent.rglob("*")}
    # Hard links where possible: a copy of 400 MB for a test would be much.
    place = Path(os.environ.get("TMPDIR", "/tmp")) / f"pneumoscope-read-only-{os.getpid()}"
    shutil.copytree(program.parent, place, symlinks=True)
    film = place / "film.png"
    shutil.copy(EXAMPLE, film)
    try:
        for path in [place, *place.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444)
        done = self_test(place / "pneumoscope", film, user=NOBODY, group=NOBODY, extra_groups=[])
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)[0]["error"] is None
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(place)], check=False)
        shutil.rmtree(place)
    assert {path: path.stat().st_mtime_ns for path in program.parent.rglob("*")} == before


@pytest.mark.skipif(sys.platform != "linux", reason="ELF files are for Linux")
def test_the_libraries_that_opencv_is_linked_against_are_those_of_its_wheel(program):
    import cv2

    inside = program.parent / "_internal" / "opencv_python_headless.libs"
    wheel = Path(cv2.__file__).parents[1] / inside.name
    theirs = [name for name in linked(str(next((inside.parent / "cv2").glob("cv2*.so")))) if (wheel / name).is_file()]
    if not theirs:
        pytest.skip("another OpenCV here than in the app")
    for name in theirs:
        assert (inside / name).read_bytes() == (wheel / name).read_bytes(), name


def test_it_brings_no_tensorflow_no_page_and_no_plots(program):
    names = {path.name.lower() for path in program.parent.rglob("*")}
    for heavy in ("tensorflow", "keras", "gradio", "plotly", "matplotlib", "scipy", "sklearn", "tkinter"):
        assert heavy not in names


def test_it_ships_the_licence_texts(program):
    licences = program.parent / "licences"
    assert (licences / "Qt" / "LGPL-3.0.txt").is_file()
    assert (licences / "pneumoscope-LICENSE.txt").is_file()
    owners = " ".join(path.name.lower() for path in licences.iterdir())
    for owner in ("pyside6", "numpy", "opencv", "imagecodecs", "onnxruntime", "pydicom"):
        assert owner in owners


def test_a_damaged_network_beside_it_is_one_line(program, tmp_path):
    models = tmp_path / "models"
    shutil.copytree(program.parent / "models", models)
    (models / "a" / "model.onnx").write_bytes(b"damaged")
    command = [str(program), "--models", str(models), "--self-test", str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
