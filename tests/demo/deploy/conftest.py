"""A hub of models and Spaces on this machine, and `deploy` run against it."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "hf_of_a_test"
COMMAND = [sys.executable, "-P", "-c", "from demo.cli import app; app()", "deploy"]


class Hub(ThreadingHTTPServer):
    """As much of a hub as a push needs: repositories as path → bytes; large files come before the commit."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.repositories = {}
        self.made = []
        self.public = set()
        self.large = {}


class HubHandler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if found := re.match(r"/api/(?:spaces|models)/([\w-]+/[\w-]+)/tree/main", self.path):
            files = self.server.repositories[found[1]]
            self.answer([{"type": "file", "path": path, "size": 1, "oid": "0"} for path in files])
        elif (found := re.fullmatch(r"/api/(?:spaces|models)/([\w-]+/[\w-]+)", self.path)) and found[
            1
        ] in self.server.repositories:
            self.answer({"id": found[1], "private": found[1] not in self.server.public})
        else:
            self.answer({"error": f"no {self.path} here"}, 404)

    def do_PUT(self):
        content = self.body()
        assert self.path == f"/large/{hashlib.sha256(content).hexdigest()}"
        self.server.large[self.path.rsplit("/", 1)[1]] = content
        self.answer({})

    def do_POST(self):
        body = self.body()
        if "/large/" not in self.path and self.headers["authorization"] != f"Bearer {TOKEN}":
            self.answer({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.server.made.append(asked)
            self.server.repositories.setdefault(name, {})
            if "private" not in (asked.get("visibility"), *asked):  # said in either way, by release
                self.server.public.add(name)
            kind = "spaces/" if asked.get("type") == "space" else ""
            self.answer({"url": f"{self.server.address}/{kind}{name}"})
        elif self.path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            modes = {True: "lfs", False: "regular"}
            files = [
                {"path": file["path"], "uploadMode": modes[file["path"].endswith(".onnx")], "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self.answer({"files": files})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            href = f"{self.server.address}/large/"
            self.answer({"objects": [one | {"actions": {"upload": {"href": href + one["oid"]}}} for one in objects]})
        elif found := re.match(r"/api/(?:spaces|models)/([\w-]+/[\w-]+)/commit/main", self.path):
            self.commit(self.server.repositories[found[1]], [json.loads(line) for line in body.splitlines()])
            self.answer({"commitUrl": f"{self.server.address}/spaces/{found[1]}/commit/1", "commitOid": "1"})
        else:
            self.answer({"error": f"no {self.path} here"}, 404)

    def commit(self, files, lines):
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]

    def body(self):
        return self.rfile.read(int(self.headers["content-length"] or 0))

    def answer(self, content, status=200):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def hub():
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def push(hub, tmp_path):
    """Run `deploy` against the hub, in a process of its own: huggingface_hub reads its environment once."""
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed here")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}

    def run(*arguments, **environment):
        settings = {"HF_ENDPOINT": hub.address, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
        without_a_proxy = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=kept | settings | without_a_proxy | {"HF_TOKEN": TOKEN} | environment,
            timeout=120,
        )

    return run
