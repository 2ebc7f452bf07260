"""One run of `predict`: the networks loaded once, films read as the result is gone through, with progress."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from train.common.console import progress_bar, say, say_warning

if TYPE_CHECKING:
    from demo.inference.classifier import Classifier
    from demo.inference.compare import Comparison, ReadFilm
    from demo.inference.onnx_runtime import Device
    from demo.predict.heatmap_files import Overlays
    from export.bundle import Bundle

SECONDS_BEFORE_PROGRESS = 2


@dataclass(frozen=True)
class PredictRun:
    """What `predict` was asked for.

    Attributes:
        bundles: by network name; their order is the order of the readings.
        operating_point: a name all cards have; None for each card's default.
        device: for ONNX Runtime.
        force: give a refused film's verdict too.
        overlays: where heatmaps are written; None for nowhere.
    """

    bundles: "Mapping[str, Bundle]"
    operating_point: str | None
    device: "Device"
    force: bool
    overlays: "Overlays | None"

    def read(
        self, films: Sequence[str], with_progress: bool = True, in_processes: bool = False
    ) -> "Iterator[Comparison]":
        """Load the networks at once, then read the films one by one as the result is gone through.

        Args:
            films: paths; "-" is standard input.
            with_progress: show a progress bar.
            in_processes: decode in processes of their own, so that no film can end this one.

        Raises:
            UsageError, BundleError: as `load_classifier`.
        """
        from demo.inference.classifier import load_classifier
        from demo.inference.onnx_runtime import runtime_warnings, usable_processors
        from demo.predict.stream import share_processors
        from train.radiograph import read_with_warnings

        for warning in runtime_warnings():
            say_warning(warning)
        at_once, threads = share_processors(len(films), usable_processors())
        with ExitStack() as stack:
            read_film: ReadFilm = read_with_warnings
            if in_processes:
                from demo.inference.film_workers import FilmWorkers

                # They start while the networks load, and decode a film in a tenth of the time that reading it takes.
                read_film = stack.enter_context(FilmWorkers(max(1, at_once // 2))).read
            classifiers = {name: load_classifier(bundle, self.device, threads) for name, bundle in self.bundles.items()}
            for line in dict.fromkeys(classifier.device_line for classifier in classifiers.values()):
                say(line if at_once == 1 else f"{line}, {at_once} films at once")
            # One film more is begun: while it waits for its pixels, the others are in the networks.
            begun = at_once + 1 if in_processes else at_once
            comparisons = self._read(films, classifiers, begun, read_film, stack.pop_all())
        return _with_progress(comparisons, len(films)) if with_progress else comparisons

    def _read(
        self,
        films: Sequence[str],
        classifiers: "Mapping[str, Classifier]",
        at_once: int,
        read_film: "ReadFilm",
        until_read: ExitStack,
    ) -> "Iterator[Comparison]":
        from demo.predict.stream import read_films

        with until_read:
            yield from read_films(
                films,
                classifiers,
                self.operating_point,
                at_once,
                _say_film_warning,
                force=self.force,
                on_case=self.overlays.write if self.overlays is not None else None,
                read_film=read_film,
            )


def _with_progress(comparisons: "Iterator[Comparison]", total: int) -> "Iterator[Comparison]":
    """Show a progress bar when it takes longer than a moment."""
    started = time.monotonic()
    advance = None
    with ExitStack() as bar:
        for done, comparison in enumerate(comparisons, start=1):
            yield comparison
            seconds = time.monotonic() - started
            rate = f"{done / max(seconds, 1e-9):.1f} films/s"
            if advance is not None:
                advance(1, rate)
            elif seconds > SECONDS_BEFORE_PROGRESS and done < total:
                advance = bar.enter_context(progress_bar("reading films", total))
                advance(done, rate)


def _say_film_warning(path: str, warning: str) -> None:
    from demo.predict.films.names import printable

    say_warning(f"{printable(path)}: {warning}")
