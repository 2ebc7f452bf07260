"""Files the page hands out: built in memory and saved by the browser, so that none lies on the server."""

import base64
from collections.abc import Callable
from typing import TypedDict

import gradio as gr


class Download(TypedDict):
    """A file on its way to the browser; `data` is base64."""

    name: str
    kind: str
    data: str


def download(name: str, kind: str, data: bytes) -> Download:
    """Pack a file: its name, its media type, its bytes."""
    return {"name": name, "kind": kind, "data": base64.b64encode(data).decode("ascii")}


def save_on_click(button: gr.Button, make: Callable[..., Download | None], inputs: list[gr.blocks.Block]) -> None:
    """Let a button save what `make(*inputs)` returns; None saves nothing."""
    packed = gr.JSON(visible=False)
    made = button.click(make, inputs, packed, api_visibility="private", show_progress="hidden")
    made.success(None, packed, None, js="(file) => pneumoscope.save(file)", api_visibility="private")
