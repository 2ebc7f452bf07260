"""The `imagenet` path: Keras's own download, from a server on this machine that serves a file of the same format."""

import functools
import hashlib
import http.server
import os
import threading

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np
import pytest
from keras.src.applications import resnet
from keras.src.legacy.saving import legacy_h5_format

from train.common.errors import PneumoscopeError
from train.networks import backbone_of, build_network_b

FILE = "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5"


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with a weights file in the format of the published one, and the backbone it was saved from."""
    folder = tmp_path_factory.mktemp("published")
    backbone = keras.applications.ResNet50V2(include_top=False, weights=None, input_shape=(64, 64, 3))
    with h5py.File(folder / FILE, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, backbone)
    return folder, backbone


@pytest.fixture
def server(published, tmp_path, monkeypatch):
    """Serve the file from loopback and let Keras look there, with an empty cache."""
    folder, _ = published
    handler = functools.partial(_Silent, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        monkeypatch.setattr(resnet, "BASE_WEIGHTS_PATH", f"http://127.0.0.1:{served.server_port}/")
        monkeypatch.setattr("keras.src.backend.config.keras_home", lambda: str(tmp_path))
        monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
        yield served
        served.shutdown()
        thread.join()


def expect_hash(monkeypatch, value):
    monkeypatch.setitem(resnet.WEIGHTS_HASHES, "resnet50v2", ("", value))


def test_imagenet_weights_are_fetched_checked_and_used(published, server, monkeypatch, capsys):
    folder, backbone = published
    expect_hash(monkeypatch, hashlib.md5((folder / FILE).read_bytes()).hexdigest())
    network = build_network_b(64, backbone_weights="imagenet")
    for theirs, ours in zip(backbone.weights, backbone_of(network).weights, strict=True):
        assert np.array_equal(theirs.numpy(), ours.numpy())
    assert capsys.readouterr().out == ""


def test_a_download_that_fails_its_hash_is_refused(server, monkeypatch):
    expect_hash(monkeypatch, "0" * 32)
    with pytest.raises(PneumoscopeError, match="Two ways out"):
        build_network_b(64, backbone_weights="imagenet")


def test_without_internet_the_error_names_both_ways_out(server, monkeypatch):
    expect_hash(monkeypatch, "0" * 32)
    monkeypatch.setattr(resnet, "BASE_WEIGHTS_PATH", "http://127.0.0.1:9/")
    with pytest.raises(PneumoscopeError) as caught:
        build_network_b(64, backbone_weights="imagenet")
    assert "--backbone-weights FILE" in str(caught.value)
    assert "--backbone-weights random --fine-tune-from 0" in str(caught.value)
    assert "\n" not in str(caught.value)
