"""What Gradio's queue is doing, read from its own record: it offers no other way to ask."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr


def queue_lengths(blocks: "gr.Blocks") -> tuple[int, int]:
    """How many events wait for their turn, and how many are being worked on."""
    queue = blocks._queue
    waiting = sum(len(group.queue) for group in queue.event_queue_per_concurrency_id.values())
    running = sum(len(events) for events in queue.active_jobs if events)
    return waiting, running


def events_not_fetched(blocks: "gr.Blocks") -> int:
    """How many events were accepted whose answer has not gone to the client yet."""
    return sum(len(events) for events in list(blocks._queue.pending_event_ids_session.values()))
