"""`X-Forwarded-…` from proxies that are known: anyone can send such headers, and they decide who a visitor is."""

from collections.abc import Sequence

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from demo.page.guard.asgi import App, Receive, Scope, Send

_FORWARDED = (b"x-forwarded-", b"x-gradio-server", b"x-real-ip", b"forwarded")


class TrustedProxies:
    """ASGI middleware: of a trusted proxy the visitor's address and scheme are taken, of others nothing is left.

    The server's own rule is set to believe nobody (`serving.prepare_environment`): it keeps the headers of whom it does
    not believe, and Gradio reads them itself, for the page's address, whoever sent them.
    """

    def __init__(self, app: App, proxies: Sequence[str]) -> None:
        self._app = app
        self._believing = ProxyHeadersMiddleware(app, list(proxies))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        client = scope.get("client")
        if client and client[0] in self._believing.trusted_hosts:
            await self._believing(scope, receive, send)  # type: ignore[arg-type]
            return
        if scope["type"] == "http":
            scope["headers"] = [pair for pair in scope["headers"] if not pair[0].startswith(_FORWARDED)]
        await self._app(scope, receive, send)
