"""Stopping: no new work, what was begun is answered, and an end to the waiting; what health checks hear of it."""

import asyncio
import itertools
import json
import signal
import threading
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from demo.inference.networks import LoadedModels
from demo.page.hosting.shutdown import SECONDS_TO_FETCH, Drained, Draining
from demo.page.monitoring.health import Health

httpx = pytest.importorskip("httpx")


def blocks(waiting=(), running=(), not_fetched=()):
    queue = SimpleNamespace(
        event_queue_per_concurrency_id={"reading": SimpleNamespace(queue=list(waiting))},
        active_jobs=[list(running) or None],
        pending_event_ids_session={"session": set(not_fetched)},
    )
    return SimpleNamespace(_queue=queue)


def clock(step=0.5):
    ticks = itertools.count()
    return lambda: next(ticks) * step


def test_with_nothing_begun_there_is_nothing_to_wait_for():
    draining = Draining()
    assert draining.wait(blocks(), clock=lambda: 0.0)
    assert draining.begun


@pytest.mark.parametrize("begun", [{"waiting": [1]}, {"running": [1]}])
def test_what_was_begun_is_waited_for_but_not_for_ever(begun):
    assert not Draining().wait(blocks(**begun), seconds=3, clock=clock())


def test_an_answer_nobody_comes_for_is_waited_for_only_a_moment():
    times, ticks = [], clock()

    def ticking():
        times.append(ticks())
        return times[-1]

    assert Draining().wait(blocks(not_fetched=["event"]), seconds=7, clock=ticking)
    assert SECONDS_TO_FETCH < times[-1] < SECONDS_TO_FETCH + 2


def test_an_answer_on_its_way_is_waited_for():
    draining = Draining()
    draining.open_answers = 1
    waiting = threading.Thread(target=draining.wait, args=(blocks(),))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    draining.open_answers = 0
    waiting.join(5)
    assert not waiting.is_alive()


async def page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ask(app, method, path):
    async def asking():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page.example") as client:
            return await client.request(method, path)

    return asyncio.run(asking())


@pytest.mark.parametrize("path", ["upload", "queue/join", "call/compare", "call/v2/batch", "run/predict"])
def test_a_page_that_is_being_stopped_takes_no_new_work(path):
    draining = Draining()
    app = Drained(page, draining)
    assert ask(app, "POST", f"/gradio_api/{path}").status_code == 200
    draining.begun = True
    refused = ask(app, "POST", f"/gradio_api/{path}")
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "10"
    assert "being stopped" in refused.json()["detail"]
    assert ask(app, "GET", "/gradio_api/call/compare/1").status_code == 200  # an answer that was promised
    assert draining.open_answers == 0


def test_a_request_that_fails_is_no_longer_on_its_way():
    async def failing(scope, receive, send):
        raise RuntimeError

    draining = Draining()
    with pytest.raises(RuntimeError):
        ask(Drained(failing, draining), "GET", "/")
    assert draining.open_answers == 0


def test_who_is_alive_and_who_is_ready():
    classifier = SimpleNamespace()
    draining = Draining()
    working = Health(page, LoadedModels("models", {"a": classifier}, {"b": "b: damaged in /srv"}), draining)
    assert ask(working, "GET", "/healthz").json() == {"alive": True}
    ready = ask(working, "GET", "/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "networks": ["a"], "damaged": ["b"]})
    assert ready.headers["cache-control"] == "no-store"
    draining.begun = True
    assert ask(working, "GET", "/readyz").status_code == 503
    assert ask(working, "GET", "/healthz").status_code == 200  # alive until it is gone
    empty = Health(page, LoadedModels("models", {}, {}), Draining())
    assert ask(empty, "GET", "/readyz").json() == {"ready": False, "reason": "no network here"}


@pytest.mark.slow
def test_a_hosted_page_from_its_first_question_to_its_last_answer(open_page):
    pytest.importorskip("prometheus_client", reason="prometheus-client is not installed here")
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200), np.uint8)
    film = cv2.imencode(".png", noise)[1].tobytes()
    with (
        open_page("--log", "json", "--metrics") as page,
        httpx.Client(base_url=page.url, trust_env=False, timeout=60) as client,
    ):
        assert client.get("/readyz").json()["networks"] == ["a", "b"]
        assert set(client.get("/version").json()["models"]) == {"a", "b"}
        files = [("files", ("Anna Example.png", film))] * 8
        paths = client.post("/gradio_api/upload", files=files).json()
        films = [{"path": path, "orig_name": "Anna.png", "meta": {"_type": "gradio.FileData"}} for path in paths]
        event = client.post("/gradio_api/call/batch", json={"data": [films]}).json()["event_id"]
        deadline = time.monotonic() + 30
        while "queue_running 1.0" not in client.get("/metrics").text:
            assert time.monotonic() < deadline
        stopped = time.monotonic()
        page.process.send_signal(signal.SIGTERM)
        while client.get("/readyz").status_code != 503:
            assert time.monotonic() < deadline
        assert client.post("/gradio_api/upload", files=files).status_code == 503
        answer = client.get(f"/gradio_api/call/batch/{event}").text
        assert len(json.loads(answer.partition("data: ")[2])[0]) == 8
        assert page.process.wait(30) == 0
        assert time.monotonic() - stopped < 10
    said = page.messages.read_text()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [line["status"] for line in lines if line["path"] == "/gradio_api/upload"] == [200, 503]
    assert "Anna" not in said
    assert event not in said
