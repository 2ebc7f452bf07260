"""The real kagglehub against a small Kaggle on 127.0.0.1."""

import base64
import hashlib
import json
import logging
import os
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from train.common.errors import UsageError
from train.data.kaggle import KaggleError, download

HANDLE = "someone/some-films"
ARCHIVE = bytes(range(256)) * 12_000  # 3.07 MB, no real archive: unpacking is not kagglehub's business here


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        kaggle = self.server.kaggle
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kaggle.asked.append(self.path.rsplit("/", 1)[1])
        if kaggle.silent:
            kaggle.finished.wait(10)
        if kaggle.status != 200 or self.path.endswith("GetDataset"):
            self.answer(kaggle.status, json.dumps(kaggle.about).encode(), {"Content-Type": kaggle.content_type})
        else:
            self.answer(302, b"", {"Location": "/files/archive.zip"})

    def do_GET(self):
        kaggle = self.server.kaggle
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        kaggle.asked.append(start)
        md5 = base64.b64encode(hashlib.md5(kaggle.promised).digest()).decode()
        headers = {"Accept-Ranges": "bytes", "x-goog-hash": f"crc32c=AAAAAA==,md5={md5}"}
        self.answer(206 if start else 200, ARCHIVE[start:], headers, kaggle.breaks_after)

    def answer(self, status, body, headers, breaks_after=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:breaks_after])
        self.close_connection = True


class Kaggle:
    def __init__(self):
        self.status, self.content_type = 200, "application/json"
        self.about = {"currentVersionNumber": 2}
        self.promised, self.breaks_after, self.silent = ARCHIVE, None, False
        self.asked, self.finished = [], threading.Event()


@pytest.fixture
def clean(monkeypatch, tmp_path):
    """No credentials, no proxy, nothing of this machine's."""
    for name in [name for name in os.environ if name.startswith("KAGGLE")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def kaggle(monkeypatch, clean):
    pytest.importorskip("kagglehub")
    from kagglesdk import kaggle_env

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.kaggle = Kaggle()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, address)
    yield server.kaggle
    server.kaggle.finished.set()
    server.shutdown()
    thread.join()
    server.server_close()


class Bars(list):
    """Every bar that was shown: description, total, how far it came."""

    @contextmanager
    def __call__(self, description, total):
        bar = [description, total, 0]
        self.append(bar)

        def advance(n=1):
            bar[2] += n

        yield advance


def test_archive_is_downloaded_once_with_a_bar(kaggle, tmp_path, capsys):
    bars = Bars()
    logging.getLogger("kagglehub").setLevel(logging.INFO)
    archive = download(HANDLE, tmp_path / "into", bars)
    assert archive.read_bytes() == ARCHIVE
    assert bars == [["downloading, in MB", 3, 3]]
    assert kaggle.asked == ["GetDataset", "DownloadDataset", 0]
    assert capsys.readouterr() == ("", "")
    assert logging.getLogger("kagglehub").level == logging.ERROR
    assert sum(path.stat().st_size for path in (tmp_path / "into").rglob("*") if path.is_file()) == len(ARCHIVE)
    assert download(HANDLE, tmp_path / "into", bars) == archive
    assert kaggle.asked == ["GetDataset", "DownloadDataset", 0]


def test_nothing_of_ours_stays_in_other_packages(kaggle, tmp_path):
    import kagglehub.clients
    import kagglehub.http_resolver
    import requests

    before = (requests.Session.send, kagglehub.clients.tqdm, kagglehub.http_resolver._extract_archive)
    download(HANDLE, tmp_path / "into", Bars())
    after = (requests.Session.send, kagglehub.clients.tqdm, kagglehub.http_resolver._extract_archive)
    assert after == before
    assert "KAGGLEHUB_CACHE" not in os.environ
    assert not (tmp_path / "home").exists()


def test_broken_download_goes_on(kaggle, tmp_path):
    kaggle.breaks_after = 2_000_000  # kagglehub writes whole pieces of 1 MiB
    with pytest.raises(KaggleError, match="1 MB are kept: run the same command again"):
        download(HANDLE, tmp_path / "into", Bars())
    kaggle.breaks_after, kaggle.asked = None, []
    bars = Bars()
    assert download(HANDLE, tmp_path / "into", bars).read_bytes() == ARCHIVE
    assert kaggle.asked == ["GetDataset", "DownloadDataset", 0, 1_048_576]
    assert bars == [["downloading the last 2 MB", 2, 2]]


def test_damaged_download_is_thrown_away(kaggle, tmp_path):
    kaggle.promised = ARCHIVE[:-1] + b"x"
    with pytest.raises(KaggleError, match="damaged"):
        download(HANDLE, tmp_path / "into", Bars())
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, r"refused \(401\).*KAGGLE_API_TOKEN.*needs no account"),
        (403, r"refused \(403\)"),
        (404, "no longer has the set"),
        (429, "too often"),
        (503, r"error \(503\)"),
    ],
)
def test_refusals(kaggle, tmp_path, status, words):
    kaggle.status = status
    with pytest.raises(KaggleError, match=words) as caught:
        download(HANDLE, tmp_path / "into", Bars())
    assert "\n" not in str(caught.value)


def test_sign_in_page_in_between(kaggle, tmp_path):
    kaggle.about, kaggle.content_type = "sign in, please", "text/html"
    with pytest.raises(KaggleError):
        download(HANDLE, tmp_path / "into", Bars())


def test_silent_server_is_not_waited_for(kaggle, tmp_path, monkeypatch):
    monkeypatch.setattr("train.data.kaggle.TIMEOUTS", (0.2, 0.2))
    kaggle.silent = True
    with pytest.raises(KaggleError, match="cannot be reached"):
        download(HANDLE, tmp_path / "into", Bars())


def test_no_connection(kaggle, tmp_path, monkeypatch):
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, "http://127.0.0.1:9")
    with pytest.raises(KaggleError, match="no internet here"):
        download(HANDLE, tmp_path / "into", Bars())


def test_broken_credentials_are_named(kaggle, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "kaggle.json").write_text("{")
    with pytest.raises(KaggleError, match=r"kaggle\.json: correct or remove"):
        download(HANDLE, tmp_path / "into", Bars())


def test_folder_that_kagglehub_has_already(kaggle, tmp_path, monkeypatch):
    """Inside Kaggle's notebooks nothing is downloaded: the set is mounted."""
    import kagglehub

    (tmp_path / "mounted").mkdir()
    monkeypatch.setattr(kagglehub, "dataset_download", lambda handle: str(tmp_path / "mounted"))
    assert download(HANDLE, tmp_path / "into", Bars()) == tmp_path / "mounted"


def test_kagglehub_is_not_installed(clean, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(UsageError, match=r"pip install 'pneumoscope\[train\]'"):
        download(HANDLE, tmp_path / "into", Bars())
