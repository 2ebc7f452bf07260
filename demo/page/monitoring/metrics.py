"""What the page counts for Prometheus: readings, films, answers, the queue, memory. Labels name no film and nobody."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from demo.inference.classifier import Classifier, Reading
from demo.inference.compare import verdict_kind
from demo.inference.networks import LoadedModels
from demo.page.monitoring.answers import Answer

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds


class Metrics:
    """The page's counters, in a registry of their own: a second page in the process counts for itself."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        of: dict[str, Any] = {"registry": self._registry, "namespace": "pneumoscope"}
        ProcessCollector(registry=self._registry)
        self._readings = Counter("readings", "Readings by network and outcome.", ["network", "outcome"], **of)
        self._reading_seconds = Histogram(
            "reading_seconds", "Running a network on a film.", ["network"], buckets=BUCKETS, **of
        )
        self._films = Counter("films", "Films decoded, or not readable.", ["outcome"], **of)
        self._film_seconds = Histogram("film_seconds", "Decoding a film, waiting for it too.", buckets=BUCKETS, **of)
        self._answers = Counter("answers", "Answers by request and status.", ["method", "path", "status"], **of)
        self._refused = Counter("refused_requests", "Requests refused, by status (4xx, 503).", ["status"], **of)
        self._waiting = Gauge("queue_waiting", "Events that wait for their turn.", **of)
        self._running = Gauge("queue_running", "Events that are being worked on.", **of)

    def count_answer(self, answer: Answer) -> None:
        """Count an answer."""
        self._answers.labels(answer.method, answer.kind, answer.status).inc()
        if 400 <= answer.status < 500 or answer.status == 503:
            self._refused.labels(answer.status).inc()

    def count_films(self, loaded: LoadedModels) -> LoadedModels:
        """The same networks and reader, which count what they do."""
        classifiers = {
            name: CountedClassifier(one.bundle, one.session, one.device_line, one.outputs, self._count_readings)
            for name, one in loaded.classifiers.items()
        }
        read_film = loaded.read_film

        def counted(source: str | Path | bytes) -> tuple[np.ndarray, tuple[str, ...]]:
            outcome, started = "unreadable", time.perf_counter()
            try:
                film = read_film(source)
                outcome = "read"
            finally:
                self._films.labels(outcome).inc()
                self._film_seconds.observe(time.perf_counter() - started)
            return film

        return replace(loaded, classifiers=classifiers, read_film=counted)

    def page(self, waiting: int, running: int) -> bytes:
        """All figures as Prometheus reads them.

        Args:
            waiting, running: events of the page's queue at this moment.
        """
        self._waiting.set(waiting)
        self._running.set(running)
        return generate_latest(self._registry)

    def _count_readings(self, network: str, readings: list[Reading] | None, seconds: float) -> None:
        self._reading_seconds.labels(network).observe(seconds)
        outcomes = ["failed"] if readings is None else [verdict_kind(reading.positive) for reading in readings]
        for outcome in outcomes:
            self._readings.labels(network, outcome).inc()


@dataclass(frozen=True)
class CountedClassifier(Classifier):
    """A classifier that tells what it read.

    Attributes:
        count: called with the network, its readings (None where it failed), and the seconds it took.
    """

    count: Callable[[str, list[Reading] | None, float], None]

    def read_prepared(
        self, images: np.ndarray, operating_point: str | None = None, preparing_milliseconds: float = 0.0
    ) -> list[Reading]:
        """As `Classifier.read_prepared`."""
        readings, started = None, time.perf_counter()
        try:
            readings = super().read_prepared(images, operating_point, preparing_milliseconds)
        finally:
            self.count(self.network, readings, time.perf_counter() - started)
        return readings
