"""Visitors in a real browser, whose screens must outlive the storm."""

import time
from typing import Any

from demo.evaluation.example_films import default_examples_folder

DONE = ".verdict.positive, .verdict.negative, .verdict.refused, .fault"
SECONDS_BETWEEN = 10
CHOICES = ("healthy spared", "pneumonias found")


def watch_screens(url: str, until: float, visitors: int = 2) -> tuple[int, list[str]]:
    """Show each visitor a film, then have both change the operating point now and then until a moment.

    Returns how many changes were looked at, and of each screen that was lost a line.
    """
    from playwright.sync_api import Error, sync_playwright

    looked, lost = 0, []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        pages = []
        for film in sorted(default_examples_folder().glob("*.png"))[:visitors]:
            page = browser.new_page()
            page.set_default_timeout(60_000)
            page.goto(url)
            page.wait_for_selector("#drop input[type=file]", state="attached")
            page.set_input_files("#drop input[type=file]", film)
            page.wait_for_selector(DONE)
            pages.append((film.name, page))
        turn = 0
        while time.monotonic() < until:
            for name, page in pages:
                looked += 1
                try:
                    _change(page, CHOICES[turn % 2])
                except Error as error:
                    lost.append(f"{name}: {error.message.splitlines()[0]}")
            turn += 1
            pages[0][1].wait_for_timeout(1000 * SECONDS_BETWEEN)
        browser.close()
    return looked, lost


def _change(page: Any, choice: str) -> None:
    """Choose another operating point and wait until both cards stand at its threshold."""
    thresholds = (
        "[...document.querySelectorAll('.network')].map(card => card.querySelectorAll('dd')[1].innerText).join()"
    )
    before = page.evaluate(thresholds)
    page.get_by_label(choice).check()
    page.wait_for_function(f"before => {thresholds} !== before", arg=before)
