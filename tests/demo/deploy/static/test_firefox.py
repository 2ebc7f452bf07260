"""The page of plain files in Debian's Firefox, which playwright cannot drive: over WebDriver BiDi, its own protocol."""

import json
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from demo.evaluation.example_films import default_examples_folder
from demo.inference.compare import read_case
from demo.inference.networks import load_models

from .conftest import serving

pytestmark = pytest.mark.slow

SECONDS = 120
EXAMPLES = sorted(default_examples_folder().glob("*.png"))
IS_READ = "!('reading' in document.documentElement.dataset) && document.querySelectorAll('.numbers').length === 2"
PROBABILITIES = "[...document.querySelectorAll('.numbers div:first-child dd')].map((at) => at.innerText).join()"


class Firefox:
    """One tab of a Firefox that runs without a window, with a profile of its own."""

    def __init__(self, socket):
        self.socket = socket
        self.sent = 0
        self.faults = []
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded"])
        self.tab = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method, **params):
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv(timeout=SECONDS))
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.faults.append(message["params"]["text"])
            if message.get("id") == self.sent:
                assert message["type"] == "success", message
                return message["result"]

    def evaluate(self, expression):
        answer = self.ask("script.evaluate", expression=expression, target={"context": self.tab}, awaitPromise=True)
        return answer["result"].get("value")

    def wait_for(self, expression):
        until = time.monotonic() + SECONDS
        while not (found := self.evaluate(expression)):
            assert time.monotonic() < until, (expression, self.faults)
            self.evaluate("new Promise((turn) => setTimeout(turn, 100))")
        return found

    def open(self, address):
        self.ask("browsingContext.navigate", context=self.tab, url=address, wait="complete")
        self.wait_for("document.documentElement.dataset.drawn !== undefined")

    def read(self, film):
        """The probabilities on the page, of A and of B."""
        field = {"type": "css", "value": "#choose"}
        (node,) = self.ask("browsingContext.locateNodes", context=self.tab, locator=field)["nodes"]
        element = {"sharedId": node["sharedId"]}
        self.ask("input.setFiles", context=self.tab, element=element, files=[str(film)])
        name = f"document.querySelector('.viewer-facts .name')?.textContent === {film.name!r}"
        self.wait_for(f"{name} && {IS_READ}")
        return self.evaluate(PROBABILITIES)


@pytest.fixture
def firefox(tmp_path):
    client = pytest.importorskip("websockets.sync.client", reason="websockets is not installed here")
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    if found is None:
        pytest.skip("no Firefox here: apt-get install firefox-esr")
    (tmp_path / "profile").mkdir()
    command = [found, "--headless", "--no-remote", "--profile", tmp_path / "profile", "--remote-debugging-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        address = next(re.search(r"ws://\S+", line)[0] for line in process.stderr if "ws://" in line)
        reader = threading.Thread(target=process.stderr.read)  # or it would wait for somebody to
        reader.start()
        with client.connect(f"{address}/session", max_size=None, proxy=None) as socket:
            yield Firefox(socket)
    finally:
        process.terminate()
        process.wait(30)
        reader.join()
        process.stderr.close()


def expected(film: Path) -> str:
    case = read_case(film, load_models(device="cpu").classifiers)
    return ",".join(f"{reading.probability:.3f}" for reading in case.readings)


def test_from_a_server_and_then_without_it(site, firefox):
    with serving(site) as url:
        firefox.open(url)
        assert firefox.read(EXAMPLES[0]) == expected(EXAMPLES[0])
        firefox.wait_for("document.documentElement.dataset.offline !== undefined")
    firefox.open(url)
    assert firefox.read(EXAMPLES[-1]) == expected(EXAMPLES[-1])
    assert firefox.faults == []


def test_one_file_needs_no_server(single, firefox):
    firefox.open(single.as_uri())
    assert firefox.read(EXAMPLES[0]) == expected(EXAMPLES[0])
    assert firefox.faults == []
