"""The way to a reading has an end, and no way goes around it."""

import asyncio
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

import gradio as gr  # noqa: E402
from fastapi import HTTPException  # noqa: E402
from gradio.queueing import EventQueue  # noqa: E402

from demo.page.guard.asgi import RefusedError  # noqa: E402
from demo.page.queue.reading_queue import LONGEST_RETRY, bound_queue, check_function, one_place_each  # noqa: E402
from demo.page.request_filter import Event  # noqa: E402

API = "/gradio_api"
FUNCTIONS = {0: SimpleNamespace(api_name="compare", queue=True), 1: SimpleNamespace(api_name="speak", queue=False)}


def waiting(user=None, address="192.0.2.1"):
    return SimpleNamespace(username=user, request=SimpleNamespace(scope={"client": (address, 1)}))


def joined(queue=(), user=None, seconds=2.0):
    """Join a queue in which others wait → the refusal, or None."""

    async def push(body, request, username):
        return True, "an event", "success"

    record = SimpleNamespace(
        event_queue_per_concurrency_id={"reading": SimpleNamespace(queue=list(queue))},
        event_ids_to_events={},
        process_time_per_fn={"f": SimpleNamespace(avg_time=seconds, count=3)},
        push=push,
    )
    bound_queue(SimpleNamespace(_queue=record), most=6, most_of_one=3)
    try:
        assert asyncio.run(record.push(None, SimpleNamespace(scope={"client": ("192.0.2.1", 5)}), user))[0]
    except HTTPException as refusal:
        return refusal
    return None


def run(kind, name=None, body=None):
    """Ask for a function → the refusal, or None."""
    scope = {"app": SimpleNamespace(get_blocks=lambda: SimpleNamespace(fns=FUNCTIONS))}
    try:
        check_function(Event(scope, kind, name, body or {}))
    except RefusedError as refusal:
        return refusal
    return None


def test_one_address_or_user_has_a_part_of_the_queue():
    assert joined([waiting() for _ in range(2)]) is None
    refused = joined([waiting() for _ in range(3)])
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "3")
    others = [waiting(address=f"192.0.2.{number}") for number in range(2, 7)]
    assert joined(others) is None
    assert joined([*others, waiting(address="192.0.2.9")]).status_code == 503  # it is full
    of_users = [waiting(user="anna") for _ in range(3)]
    assert joined(of_users, user="ben") is None
    assert joined(of_users, user="anna").status_code == 503


def test_one_client_with_two_pages_holds_one_of_the_places_of_batches():
    def event(address, group="batches"):
        event = waiting(address=address)
        return SimpleNamespace(**vars(event), _id=object(), concurrency_id=group, fn=SimpleNamespace(batch=False))

    first, second, others = event("192.0.2.1"), event("192.0.2.1"), event("192.0.2.2")
    film = event("192.0.2.1", "reading")
    blocks = gr.Blocks().queue()
    queue = blocks._queue
    queue.active_jobs = [None] * 4
    for group, events in (("batches", [first, second, others]), ("reading", [])):
        queue.event_queue_per_concurrency_id[group] = EventQueue(group, 2)
        queue.event_queue_per_concurrency_id[group].queue += events
    one_place_each(blocks, "batches")

    def begun():
        """What Gradio begins next."""
        if (chosen := queue.get_events()) is None:
            return None
        queue.active_jobs[queue.active_jobs.index(None)] = chosen[0]
        return chosen[0][0]

    assert [begun(), begun(), begun()] == [first, others, None]
    queue.event_queue_per_concurrency_id["reading"].queue.append(film)
    assert begun() is film  # who has a batch reads other films all the same
    queue.active_jobs[0] = None  # the first batch is done
    assert [begun(), begun()] == [second, None]


def test_how_long_to_wait_has_bounds():
    queue = [waiting() for _ in range(3)]
    assert joined(queue, seconds=0.001).headers["retry-after"] == "1"
    assert joined(queue, seconds=1e9).headers["retry-after"] == str(int(LONGEST_RETRY))


@pytest.mark.parametrize("number", [7, -1, float("inf"), True, "0", None])
def test_a_function_that_there_is_not_cannot_be_asked_for(number):
    assert run("queue/join", body={"fn_index": number}).status == 422
    assert run("queue/join", body={"fn_index": 0}) is None


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("speak", {}, None),
        ("compare", {}, 404),
        ("speak", {"fn_index": 0}, 404),  # Gradio would run the one of that number
        ("compare", {"fn_index": 1}, None),
        ("speak", {"fn_index": True}, 404),
        ("speak", {"fn_index": "1"}, 404),
        ("speak", {"fn_index": 7}, 404),
        ("nothing", {}, 404),
    ],
)
def test_what_waits_is_not_run_around_the_queue(name, body, status):
    refused = run("run", name, body)
    assert (refused and refused.status) == status


@pytest.mark.slow
def test_the_page_says_that_it_is_busy_and_reads_what_it_took(open_page):
    large = cv2.imencode(".tif", np.zeros((7000, 7000), np.uint16) + np.arange(7000, dtype=np.uint16))[1].tobytes()

    async def storm(url):
        async with httpx.AsyncClient(base_url=f"{url}{API}", trust_env=False, timeout=120) as client:
            uploads = [(await client.post("/upload", files={"files": large})).json()[0] for _ in range(58)]
            films = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in uploads]
            begun = await asyncio.gather(
                *(client.post("/call/compare", json={"data": [film, None, True]}) for film in films)
            )
            around = await client.post("/run/compare", json={"data": [films[0], None, True]})
            events = [answer.json()["event_id"] for answer in begun if answer.status_code == 200]
            await from_elsewhere(url)
            still_waiting = (await client.get("/queue/status")).json()["queue_size"]
            first = (await client.get(f"/call/compare/{events[0]}")).text
            return begun, around, first, still_waiting

    async def from_elsewhere(url):
        transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(base_url=f"{url}{API}", transport=transport, timeout=120) as client:
            (path,) = (await client.post("/upload", files={"files": large})).json()
            film = {"path": path, "meta": {"_type": "gradio.FileData"}}
            event = (await client.post("/call/compare", json={"data": [film]})).json()["event_id"]
            assert "event: complete" in (await client.get(f"/call/compare/{event}")).text

    with open_page() as page:
        begun, around, first, still_waiting = asyncio.run(storm(page.url))
        refused = [answer for answer in begun if answer.status_code != 200]
        assert 1 <= len(refused) <= 8  # fifty wait, a few are read meanwhile
        assert {answer.status_code for answer in refused} == {503}
        assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
        assert refused[0].json()["detail"].startswith("busy: ")
        assert around.status_code == 404
        assert still_waiting > 30  # whoever asks for one film need not wait for all of another's
        assert json.loads(first.split("data: ")[-1])[0]["error"] is None
