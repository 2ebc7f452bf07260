"""The build: what goes in, what stays out, and the files of the desktop."""

import configparser
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest

from demo.desktop.packaging import build
from demo.desktop.packaging.contents import CODECS, EXCLUDED, is_kept, linked, needed
from train.common.errors import UsageError

ROOT = Path(__file__).resolve().parents[4]
ASSETS = ROOT / "assets" / "desktop"


@pytest.mark.parametrize(
    "path",
    [
        "cv2/cv2.abi3.so",
        "opencv_python_headless.libs/libavcodec-c4204469.so.62.28.101",  # OpenCV is linked against it
        "imagecodecs/_jpeg2k.abi3.so",
        "imagecodecs.libs/libopenjp2-7e27257a.so.2.5.4",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/lib/libQt6Widgets.so.6",
        "pydicom/data/urls.json",
        "pydicom-3.0.2.dist-info/METADATA",  # it asks for its own version
        "PySide6/Qt/translations/qtbase_he.qm",
        "PySide6\\plugins\\platforms\\qwindows.dll",
        "onnxruntime/capi/onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so",
    ],
)
def test_what_films_need_goes_in(path):
    assert is_kept(path)


@pytest.mark.parametrize(
    "path",
    [
        "imagecodecs/_avif.abi3.so",
        "PySide6/Qt/plugins/tls/libqopensslbackend.so",
        "PySide6/Qt/plugins/platforms/libqvnc.so",
        "PySide6/Qt/lib/libQt6Network.so.6",
        "pydicom/data/test_files/CT_small.dcm",
        "PySide6/Qt/translations/qtbase_fr.qm",
        "numpy-2.4.6.dist-info/METADATA",
    ],
)
def test_what_they_do_not_need_stays_out(path):
    assert not is_kept(path)


def test_libraries_go_in_only_for_what_goes_in():
    linked = {
        "cv2/cv2.abi3.so": ["libavcodec-1.so.62", "libpng-1.so.16", "libc.so.6"],
        "cv.libs/libavcodec-1.so.62": ["libvpx-1.so.11"],
        "cv.libs/libvpx-1.so.11": [],
        "cv.libs/libpng-1.so.16": ["libz.so.1"],
        "libz.so.1": [],
        "libgtk-3.so.0": ["libgdk-3.so.0", "libz.so.1"],
        "libgdk-3.so.0": [],
        "PySide6/Qt/plugins/platforms/libqxcb.so": ["libxcb.so.1"],
        "libxcb.so.1": [],
        "libpython3.11.so.1.0": [],
    }
    left_out = {"libgtk-3.so.0", "libgdk-3.so.0"}
    assert needed(list(linked), linked.__getitem__) == linked.keys() - left_out


def test_every_codec_that_the_reader_calls_goes_in():
    called = set()
    for source in (ROOT / "train" / "radiograph").rglob("*.py"):
        words = source.read_text(encoding="utf-8").replace("(", " ").replace(",", " ").split()
        called |= {word.removeprefix("imagecodecs.") for word in words if word.startswith("imagecodecs.")}
    modules = {f"_{name.removesuffix('_decode')}" for name in called if name.endswith("_decode")}
    assert len(modules) >= 7
    assert modules - {"_dicomrle"} <= set(CODECS)  # dicomrle is in _imcd


def test_the_app_reads_and_reports_without_what_is_left_out(models, write_film, tmp_path, dicom):
    (tmp_path / "film.dcm").write_bytes(dicom(np.full((40, 30), 900, np.uint16), bits=12))
    write_film(tmp_path / "film.png")
    code = f"""
import sys
EXCLUDED = {EXCLUDED!r}

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(one + ".") for one in EXCLUDED):
            raise ModuleNotFoundError(f"left out: {{name}}", name=name)

sys.meta_path.insert(0, Blocked())
import demo.report.content
from demo.desktop.app import main
sys.exit(main(["--models", sys.argv[1], "--self-test", sys.argv[2]]))
"""
    command = [sys.executable, "-c", code, str(models), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)})
    listed = json.loads(done.stdout or "[]")
    assert [one["error"] for one in listed if one["path"].endswith((".dcm", ".png"))] == [None, None], done.stderr


def test_no_heavy_library_is_asked_for():
    requirements = (ROOT / "demo" / "desktop" / "packaging" / "requirements.txt").read_text().lower().splitlines()
    wanted = {line for line in requirements if line and not line.startswith("#")}
    assert "onnxruntime" in wanted
    assert not wanted & {"tensorflow", "keras", "gradio", "plotly", "matplotlib", "onnxruntime-gpu"}
    assert {"tensorflow", "gradio", "plotly", "matplotlib"} <= set(EXCLUDED)


def test_versions_are_pinned_for_all_that_goes_in():
    pinned = {
        line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    requirements = (ROOT / "demo" / "desktop" / "packaging" / "requirements.txt").read_text().splitlines()
    assert {line.lower() for line in requirements if line and not line.startswith("#")} <= pinned


def test_a_build_without_networks_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(UsageError, match="no model of network a or b"):
        build.build_app(tmp_path / "dist", tmp_path, False, lambda _line: None)
    assert not (tmp_path / "dist").exists()


def test_a_build_outside_a_checkout_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    with pytest.raises(UsageError, match="checkout"):
        build.build_app(tmp_path / "dist", None, False, lambda _line: None)


@pytest.fixture
def build_to(tmp_path, tiny_bundle, monkeypatch):
    """Build into a folder, with an app of two files in PyInstaller's place."""
    tiny_bundle(tmp_path / "models", "a")

    def freeze(work, _say):
        app = work.parent / "dist" / "pneumoscope"
        (app / "_internal").mkdir(parents=True)
        (app / "pneumoscope").write_text("new")
        return Path(sys.executable)

    monkeypatch.setattr(build, "_environment", freeze)
    for step in ("_run", "_add_licences", "strip_symbols"):
        monkeypatch.setattr(build, step, lambda *_: None)
    return lambda to, keep=False: build.build_app(to, tmp_path / "models", keep, lambda _line: None)


def test_a_folder_that_no_build_made_is_left_alone(build_to, tmp_path):
    to = tmp_path / "dist"
    (to / "pneumoscope").mkdir(parents=True)
    (to / "pneumoscope" / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="expected nothing there, or an earlier build"):
        build_to(to)
    assert [path.name for path in to.rglob("*")] == ["pneumoscope", "letter.txt"]


def test_the_checkout_is_left_alone_even_where_it_looks_like_a_build(build_to, tmp_path, monkeypatch):
    checkout = tmp_path / "pneumoscope"
    for name in ("_internal", "assets/desktop/licences"):
        (checkout / name).mkdir(parents=True)
    for name in ("pyproject.toml", "pneumoscope.metainfo.xml"):
        (checkout / name).touch()
    monkeypatch.setattr(build, "ROOT", checkout)
    with pytest.raises(UsageError, match="choose another folder"):
        build_to(tmp_path)
    assert (checkout / "pyproject.toml").is_file()


def test_a_build_replaces_an_earlier_one_and_nothing_else(build_to, tmp_path):
    to = tmp_path / "dist"
    (to / ".build").mkdir(parents=True)
    (to / ".build" / "notes.txt").write_text("mine")
    (build_to(to).folder / "old").touch()
    built = build_to(to)
    assert built.program.read_text() == "new"
    assert not (built.folder / "old").exists()
    assert (to / ".build" / "notes.txt").read_text() == "mine"
    assert {path.name for path in to.iterdir()} == {".build", "pneumoscope", built.archive.name}
    build_to(to, keep=True)
    assert (to / ".pneumoscope-build").is_dir()


def test_a_failed_step_is_one_line(tmp_path):
    with pytest.raises(build.BuildError, match="No module named") as raised:
        build._run([sys.executable, "-m", "nothing_of_this_name"])
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(sys.platform != "linux", reason="ELF files are for Linux")
def test_a_module_tells_what_it_is_linked_against():
    if shutil.which("objdump") is None:
        pytest.skip("no objdump here: apt-get install binutils")
    module = next(path for path in Path(cv2.__file__).parent.glob("cv2*.so"))
    assert "libc.so.6" in linked(str(module))


def test_the_desktops_files_are_well_formed():
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str
    entry.read(ASSETS / "pneumoscope.desktop", encoding="utf-8")
    assert entry["Desktop Entry"]["Exec"] == "pneumoscope %F"
    component = ElementTree.parse(ASSETS / "pneumoscope.metainfo.xml").getroot()  # our own file
    assert component.get("type") == "desktop-application"
    assert component.findtext("launchable") == "pneumoscope.desktop"
    assert ElementTree.parse(ASSETS / "pneumoscope.svg").getroot().tag.endswith("svg")
    for name in ("LGPL-3.0.txt", "GPL-3.0.txt"):
        assert "GNU" in (ASSETS / "licences" / name).read_text(encoding="utf-8")
