"""For tests of a hosted page: a certificate, and another site that frames it."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, as files."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    files = ("-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem")
    subprocess.run([openssl, *new, "-subj", "/CN=127.0.0.1", *files], check=True, capture_output=True)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


class Framing(BaseHTTPRequestHandler):
    """Another site's page, which frames the address that its query names."""

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(f"<iframe src='{self.path.partition('?')[2]}' width=900 height=900></iframe>".encode())


@pytest.fixture
def other_site() -> Iterator[str]:
    """A site that really is elsewhere: browsers keep one that a test only pretends from this machine's addresses."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Framing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
