"""Arguments of the page's own functions: what they do not take is refused before Gradio's work on them fails (500).

The named endpoints look at theirs themselves (demo/page/api.py); of those only the number is looked at here.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import gradio as gr

from demo.page.guard.asgi import RefusedError
from demo.page.queue.reading_queue import asked_function
from demo.page.request_filter import Event
from demo.page.sessions.states import SessionStates

if TYPE_CHECKING:
    from gradio.components import Component

MOST_SHOWN = 80  # characters of a wrong value


@dataclass(frozen=True)
class CheckArguments:
    """A listener of the request filter, behind the one that places events under their session.

    Attributes:
        states: what is kept of visitors: what a list offers may be another thing to each.
    """

    states: SessionStates

    def __call__(self, event: Event) -> None:
        """Raise RefusedError where the arguments are none that the function can take."""
        if event.kind not in ("run", "queue/join") or (function := asked_function(event)) is None:
            return
        data = event.body.get("data")
        if not isinstance(data, list) or len(data) != len(function.inputs):
            given = len(data) if isinstance(data, list) else type(data).__name__
            raise _refused(f"data: expected a list of {len(function.inputs)} values. Received: {given}")
        if function.collects_event_data and not isinstance(event.body.get("event_data"), dict):
            raise _refused(f"event_data: expected an object. Received: {_shown(event.body.get('event_data'))}")
        state = self.states[event.body["session_hash"]]
        for number, (block, value) in enumerate(zip(function.inputs, data, strict=True)):
            current = block if block.stateful else state[block._id]
            if not _takes(current, value):
                raise _refused(f"data[{number}]: expected {_expected(current)}. Received: {_shown(value)}")


def _takes(block: "Component", value: Any) -> bool:  # noqa: ANN401  # any JSON value
    if block.stateful:  # the server's own is used, whatever is sent
        return True
    if value is None:
        return not isinstance(block, gr.Radio)
    if isinstance(block, (gr.Radio, gr.Dropdown)):
        return value in _offered(block)
    try:
        if block.data_model is not None:
            block.data_model.model_validate(value, context={"validate_meta": True})
        else:
            block.preprocess(value)
    except Exception:  # each component finds fault in its own way
        return False
    return True


def _expected(block: "Component") -> str:
    if isinstance(block, (gr.Radio, gr.Dropdown)):
        return f"one of {', '.join(map(repr, _offered(block)))}"
    if isinstance(block, gr.File):
        file = '{"path": …, "meta": {"_type": "gradio.FileData"}}'
        return f"a list of {file}" if block.file_count == "multiple" else file
    return f"what a {block.get_block_name()} holds"


def _offered(block: gr.Radio | gr.Dropdown) -> list[Any]:
    return [value for _, value in block.choices]


def _refused(reason: str) -> RefusedError:
    return RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, reason)


def _shown(value: object) -> str:
    return repr(value)[:MOST_SHOWN]
