"""The one way to a reading is Gradio's queue, and the queue has an end: beyond it the page says that it is busy.

`/run/NAME` goes around the queue. It is for what the page asks for in passing, as a table sorted another way; a
function that reads films, or does anything else that takes its time, is not to be had there.
"""

from collections import defaultdict
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException

from demo.page.guard.asgi import API, RefusedError
from demo.page.queue.queue_turns import FairTurns, asking, client_of_event
from demo.page.request_filter import Event

if TYPE_CHECKING:
    import gradio as gr
    from gradio.queueing import Queue

MOST_WAITING = 100  # events of all visitors
MOST_WAITING_OF_ONE = 50  # of one user; without passwords, of one address, which many may share
LONGEST_RETRY = 60.0  # seconds


def bound_queue(blocks: "gr.Blocks", most: int = MOST_WAITING, most_of_one: int = MOST_WAITING_OF_ONE) -> None:
    """Let only so many events wait in a page's queue, of one user or address only so many, and all take turns.

    It is looked at where an event joins, and not before: many requests at once would all find it empty.
    """
    queue = blocks._queue
    join = queue.push
    turns: defaultdict[str, FairTurns] = defaultdict(FairTurns)

    async def push(body: Any, request: Any, username: str | None) -> Any:  # noqa: ANN401  # Gradio's own signature
        waiting = [event for group in queue.event_queue_per_concurrency_id.values() for event in group.queue]
        client = asking(username, request)
        of_one = sum(client_of_event(event) == client for event in waiting)
        if len(waiting) >= most or of_one >= most_of_one:
            raise HTTPException(
                int(HTTPStatus.SERVICE_UNAVAILABLE),
                "busy: too many films wait to be read; try again in a moment",
                {"retry-after": str(ceil(_seconds_until_room(queue, len(waiting))))},
            )
        answer = await join(body, request, username)
        if event := queue.event_ids_to_events.get(str(answer[1])):
            turns[event.concurrency_id].place(queue.event_queue_per_concurrency_id[event.concurrency_id].queue)
        return answer

    queue.push = push  # type: ignore[method-assign]


def one_place_each(blocks: "gr.Blocks", group: str) -> None:
    """Let a client hold one place of a group of functions at a time, however many pages it has open.

    For what takes long: taking turns alone would leave all places to whoever came first, until it is done.
    """
    queue = blocks._queue
    next_events = queue.get_events

    def get_events() -> Any:  # noqa: ANN401  # Gradio's own signature
        line = queue.event_queue_per_concurrency_id.get(group)
        if line is None or not line.queue:
            return next_events()
        running = (event for events in queue.active_jobs for event in events or ())
        holding = {client_of_event(event) for event in running if event.concurrency_id == group}
        waiting = list(line.queue)
        line.queue[:] = [event for event in waiting if client_of_event(event) not in holding]
        chosen = next_events()
        gone = chosen[0] if chosen else []
        line.queue[:] = [event for event in waiting if event not in gone]
        return chosen

    queue.get_events = get_events  # type: ignore[method-assign]


def check_function(event: Event) -> None:
    """A listener of the request filter. Raise RefusedError where there is no such function, or a way past the queue."""
    if event.kind not in ("run", "queue/join"):
        return
    function = asked_function(event)
    if event.kind == "run" and (function is None or function.queue):
        raise RefusedError(HTTPStatus.NOT_FOUND, f"nothing is run here directly; call {API}/call/NAME")
    if function is None:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "fn_index: expected the number of one of the page's functions"
        )


def asked_function(event: Event) -> Any:  # noqa: ANN401  # Gradio's function
    """The function that is to be run or joined the queue for; None where there is none."""
    functions = event.scope["app"].get_blocks().fns
    number = event.body.get("fn_index")  # Gradio asks for it first
    if number is None and event.kind == "run":
        return next((function for function in functions.values() if function.api_name == event.name), None)
    return functions.get(number) if type(number) is int else None


def _seconds_until_room(queue: "Queue", waiting: int) -> float:
    """About how long half of what waits takes, by what was taken before."""
    taken = [each.avg_time for each in queue.process_time_per_fn.values() if each.count]
    average = sum(taken) / len(taken) if taken else 1.0
    return min(LONGEST_RETRY, max(1.0, average * waiting / 2))
