"""A visitor's page: the shipped networks behind it, a real Chromium before it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# What Gradio throws as its page is left with an answer still to come; heard only where the next page is slow.
LEFT = ("AbortError: signal is aborted", "Unexpected error Connection errored out")


@pytest.fixture
def visit(running_page: str, chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open the page as a new visitor: (before=…, may_fail=…, **context settings) → playwright's `Page`, ready.

    `before` is a script that runs ahead of the page's own; with `may_fail` requests may fail, which the console says.

    When the test ends, no visitor may have seen an error in the console or asked another host for anything.
    """
    with visitors(running_page, chromium) as visit:
        yield visit


@pytest.fixture(scope="module")
def module_visit(running_page: str, chromium: Any) -> Iterator[Callable[..., Any]]:
    """`visit` for visitors whom all tests of a module share, where each sets what it looks at."""
    with visitors(running_page, chromium) as visit:
        yield visit


@contextmanager
def visitors(running_page: str, chromium: Any) -> Iterator[Callable[..., Any]]:
    """What `visit` promises, while the block lasts."""
    contexts: list[Any] = []
    faults: list[str] = []

    def watch(request: Any) -> None:
        if not request.url.startswith((running_page, "data:", "blob:", running_page.replace("http", "ws"))):
            faults.append(f"asked for {request.url}")

    def forget_what_was_left(frame: Any) -> None:
        if frame.parent_frame is None:
            faults[:] = [fault for fault in faults if not fault.startswith(LEFT)]

    def visit(before: str = "", may_fail: bool = False, **settings: Any) -> Any:
        context = chromium.new_context(**({"viewport": {"width": 1280, "height": 800}} | settings))
        context.set_default_timeout(20_000)
        contexts.append(context)
        if before:
            context.add_init_script(before)
        page = context.new_page()
        page.on("request", watch)
        page.on("framenavigated", forget_what_was_left)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if not may_fail:
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(running_page)
        page.wait_for_selector("#drop input[type=file]", state="attached")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert faults == []
