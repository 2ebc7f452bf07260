"""What a load balancer, a container's host and Prometheus ask: is it alive, is it ready, what is it, what did it do.

Without a login, as such programs have none; docs/hosting.md keeps `/metrics` from the internet at the proxy.
"""

import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.responses import Response

from demo.inference.networks import LoadedModels
from demo.page.guard.asgi import App, Receive, Scope, Send
from demo.page.hosting.shutdown import Draining
from demo.page.queue.gradio_queue import queue_lengths
from export.bundle.bundle import MODEL

if TYPE_CHECKING:
    from demo.page.monitoring.metrics import Metrics

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


@dataclass(frozen=True)
class Health:
    """ASGI middleware: answers these few paths itself and leaves everything else to the page.

    Attributes:
        app: the page.
        loaded: its networks.
        draining: whether it is being stopped.
        metrics: what `/metrics` shows; None where nobody counts, and the page then knows no such path.
    """

    app: App
    loaded: LoadedModels
    draining: Draining
    metrics: "Metrics | None" = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = scope["path"] if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else ""
        answer: App = self.app
        if asked == "/healthz":
            answer = _json(200, {"alive": True})
        elif asked == "/readyz":
            answer = self._readiness()
        elif asked == "/version":
            models = {name: bundle.card.checksums[MODEL] for name, bundle in self.loaded.bundles.items()}
            answer = _json(200, {"pneumoscope": version("pneumoscope"), "models": models})
        elif asked == "/metrics" and self.metrics is not None:
            from demo.page.monitoring.metrics import CONTENT_TYPE

            text = self.metrics.page(*queue_lengths(scope["app"].get_blocks()))
            answer = Response(text, headers=HEADERS | {"content-type": CONTENT_TYPE})
        await answer(scope, receive, send)

    def _readiness(self) -> Response:
        """503 where visitors should be sent elsewhere; a network that is missing is said, one is enough to read."""
        if self.draining.begun:
            return _json(503, {"ready": False, "reason": "the page is being stopped"})
        if not self.loaded.classifiers:
            return _json(503, {"ready": False, "reason": "no network here"})
        return _json(
            200, {"ready": True, "networks": list(self.loaded.classifiers), "damaged": list(self.loaded.faults)}
        )


def _json(status: int, content: object) -> Response:
    return Response(json.dumps(content), status, HEADERS, media_type="application/json")
