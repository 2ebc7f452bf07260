"""Visitors of the page in a real browser, whose films are read and whose screens outlive the storm."""

import json
import threading
import time
from collections.abc import Sequence
from typing import Any

from demo.evaluation.example_films import default_examples_folder
from tests.demo.page.soak.clients import Tally
from tests.demo.page.soak.films import KnownFilm

DONE = ".verdict.positive, .verdict.negative, .verdict.refused, .fault"
SECONDS_BETWEEN = 2.0
PATIENCE_MILLISECONDS = 60_000
CHOICES = ("At least 95 % of healthy spared", "At least 95 % of pneumonias found")
# Of both cards the probability and the threshold, as they are shown.
_NUMBERS = (
    "[...document.querySelectorAll('.network')].map(card => [...card.querySelectorAll('dd')]"
    ".slice(0, 2).map(number => number.innerText))"
)


class Visitors(threading.Thread):
    """Each has a film read, looks at it, chooses another operating point, drops the next film; until told to stop.

    tally: what came of the films, and how long each took from the drop to both verdicts; another may be put in its
        place meanwhile.
    lost: of each screen that did not answer to a choice, or showed another film's numbers, a line.
    """

    def __init__(self, url: str, films: Sequence[KnownFilm], count: int = 2) -> None:
        super().__init__(daemon=True)
        self.tally = Tally()
        self.lost: list[str] = []
        self.ready, self._over = threading.Event(), threading.Event()
        self._url, self._films, self._count = url, films, count

    def stop(self) -> None:
        """End after the films in hand."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Be the visitors, one after the other in one browser."""
        from playwright.sync_api import Error, sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            pages = [browser.new_page() for _ in range(self._count)]
            for page in pages:
                page.set_default_timeout(PATIENCE_MILLISECONDS)
                page.goto(self._url)
                page.wait_for_selector("#drop input[type=file]", state="attached")
            self.ready.set()
            turn = 0
            while not self._over.is_set():
                for number, page in enumerate(pages):
                    film = self._films[(turn + number) % len(self._films)]
                    try:
                        self._look(page, film, CHOICES[turn % 2])
                    except Error as error:
                        self.lost.append(f"{film.name}: {error.message.splitlines()[0]}")
                turn += 1
                pages[0].wait_for_timeout(1000 * SECONDS_BETWEEN)
            browser.close()

    def _look(self, page: Any, film: KnownFilm, choice: str) -> None:
        page.evaluate("document.querySelectorAll('.network').forEach(card => card.classList.add('before'))")
        begun = time.monotonic()
        page.set_input_files("#drop input[type=file]", default_examples_folder() / film.name)
        page.wait_for_function(
            f"() => document.querySelectorAll('.network:not(.before)').length === 2 && document.querySelector('{DONE}')"
        )
        shown = page.evaluate(_NUMBERS)
        seconds = time.monotonic() - begun
        right = all(
            abs(float(numbers[0].strip("<>")) - probability) < 0.006
            for numbers, probability in zip(shown, film.probabilities.values(), strict=True)
        )
        self.tally.note("right" if right else "wrong", f"{film.name}: {shown}", seconds)
        page.get_by_label(choice).check()
        page.wait_for_function(
            f"before => JSON.stringify({_NUMBERS}) !== before",
            arg=json.dumps(shown, separators=(",", ":"), ensure_ascii=False),
        )
