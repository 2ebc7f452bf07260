"""Icon, manifest and bundles: what is handed out beside Gradio, to whom, and how much of it is in memory."""

import io
import json
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from zipfile import BadZipFile, ZipFile

import cv2
import numpy as np
import pytest

from demo.inference.networks import load_models
from export.bundle import BundleError, default_models_folder, read_bundle

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

from demo.page.draw_icons import DRAWING, ICONS, SIDES, drawn  # noqa: E402
from demo.page.own_files import CHUNK, MANIFEST, bundles_to_take, megabytes, zipped  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def client(running_page):
    with httpx.Client(base_url=running_page, trust_env=False, timeout=60) as client:
        yield client


def pixels(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("side", SIDES)
def test_the_icons_pictures_are_of_its_drawing(side):
    kept = pixels((ICONS / f"icon-{side}.png").read_bytes())
    assert kept.shape == (side, side, 4)
    # Another version of typst may smooth edges otherwise.
    assert np.abs(kept.astype(int) - pixels(drawn(side)).astype(int)).mean() < 2
    assert kept[0, 0, 3] == 0
    assert kept[side // 2, side // 2, 3] == 255


def test_the_page_and_the_window_have_one_icon():
    assert DRAWING.read_bytes() == (ROOT / "assets" / "desktop" / "pneumoscope.svg").read_bytes()


def test_icon_and_manifest_are_served(client):
    manifest = client.get("/manifest.json")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    assert manifest.json() == MANIFEST
    for icon in manifest.json()["icons"]:
        answer = client.get(icon["src"].removeprefix("."))
        assert answer.headers["content-type"] == icon["type"]
        if icon["type"] == "image/png":
            assert "x".join(map(str, pixels(answer.content).shape[:2])) == icon["sizes"]
        else:
            assert ElementTree.fromstring(answer.content).tag.endswith("svg")
    assert pixels(client.get("/favicon.ico").content).shape == (32, 32, 4)
    for path in ("/icons/icon-7.png", "/icons/icon.svg.png", "/icons/../api.py", "/icons/%2e%2e/api.py"):
        assert client.get(path).status_code == 404


def test_a_downloaded_bundle_is_the_bundle(client, tmp_path):
    loaded = load_models()
    for network, bundle in loaded.bundles.items():
        answer = client.get(f"/bundles/{network}.zip")
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["content-disposition"] == f'attachment; filename="pneumoscope-{network}.zip"'
        assert "content-encoding" not in answer.headers
        ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
        assert read_bundle(tmp_path / network).card == bundle.card
        assert {path.name for path in (tmp_path / network).iterdir()} == {"card.json", *bundle.card.checksums}
        assert len(answer.content) / 1e6 == pytest.approx(megabytes(bundle), rel=0.01)
    assert set(load_models(tmp_path).classifiers) == {"a", "b"}


def test_no_more_than_some_pieces_of_a_bundle_are_in_memory():
    bundle = load_models().bundles["b"]
    tracemalloc.start()
    try:
        pieces = list(map(len, zipped("b", bundle)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(pieces) > 45_000_000
    assert max(pieces) < 2 * CHUNK
    assert peak < 10 * CHUNK


def test_a_bundle_that_was_changed_since_is_not_handed_out_whole(tmp_path):
    shutil.copytree(default_models_folder(), tmp_path / "models")
    bundle = load_models(tmp_path / "models").bundles["a"]
    (bundle.folder / "evaluation.json").write_bytes(b"{}")
    with ZipFile(io.BytesIO(b"".join(zipped("a", bundle)))) as archive:
        assert archive.read("a/evaluation.json") == bundle.contents["evaluation.json"] != b"{}"
    model = bytearray(bundle.model.read_bytes())
    model[len(model) // 2] ^= 1
    bundle.model.write_bytes(model)
    sent = []
    with pytest.raises(BundleError, match=r"model\.onnx: changed while the page runs"):
        sent.extend(zipped("a", bundle))
    with pytest.raises(BadZipFile):
        ZipFile(io.BytesIO(b"".join(sent)))


def test_a_download_that_is_given_up_leaves_nothing_open():
    pieces = zipped("b", load_models().bundles["b"])
    next(pieces)
    pieces.close()  # a file left open would be a ResourceWarning, which is an error here


def test_bundles_of_ones_own_are_not_handed_out(models):
    assert bundles_to_take(load_models(models)) == {}
    shipped = load_models()
    assert set(bundles_to_take(shipped)) == {"a", "b"}
    assert set(bundles_to_take(replace(shipped, models=default_models_folder() / ".." / "models"))) == {"a", "b"}


def test_what_is_not_there(client):
    for path in ("/bundles/c.zip", "/bundles/a", "/bundles/../a.zip", "/bundles/a.zip/"):
        assert client.get(path).status_code == 404
    assert client.post("/bundles/a.zip").status_code == 404
    head = client.head("/bundles/a.zip")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.slow
def test_who_may_not_see_the_page_gets_no_bundle(open_page, tmp_path):
    accounts = tmp_path / "accounts"
    accounts.write_text("reader:a long password\n")
    accounts.chmod(0o600)
    with (
        open_page("--auth-file", accounts) as page,
        httpx.Client(base_url=page.url, trust_env=False, timeout=60) as client,
    ):
        refused = client.get("/bundles/a.zip")
        assert (refused.status_code, json.loads(refused.content)) == (401, {"detail": "log in first"})
        assert client.get("/icons/icon.svg").status_code == 200  # the login page has an icon too
        assert client.post("/login", data={"username": "reader", "password": "a long password"}).status_code == 200
        assert client.get("/bundles/a.zip").status_code == 200
