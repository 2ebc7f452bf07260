"""Only the page itself, and programs, may ask the page: another site's page in a visitor's browser is turned away.

A browser says for which host it asks (`Host`), which site's page asks (`Origin`, with everything but plain reads) and
how the two are related (`Sec-Fetch-Site`, over HTTPS and on localhost). A program says none of the last two.
"""

from dataclasses import dataclass
from http import HTTPStatus

from demo.page.guard.asgi import API, App, Receive, RefusedError, Scope, Send, answer_refused, header_values
from demo.page.guard.hosts import AllowedHosts, Authority, authority_of, origin_of

_OWN_SITES = ("same-origin", "none")  # "none": a visitor's own doing, as an address that was typed
_LEADS_ELSEWHERE = ("/logout", API)  # no link on another site may lead here
_UNDER_ANY_NAME = ("/healthz", "/readyz")  # what looks after a machine does not know its names


@dataclass(frozen=True)
class Origins:
    """ASGI middleware: turns away what asks for another host, or for a page of another site.

    Attributes:
        app: what answers the others.
        hosts: the page's names.
    """

    app: App
    hosts: AllowedHosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it; its body stays unread."""
        if scope["type"] == "http" and scope["path"] not in _UNDER_ANY_NAME:
            try:
                _check_site(scope, self.hosts, _hosts_asked_for(scope, self.hosts))
            except RefusedError as refusal:
                await answer_refused(refusal, send)
                return
        await self.app(scope, receive, send)


def _hosts_asked_for(scope: Scope, hosts: AllowedHosts) -> list[Authority]:
    """The host that a client asks for, and the one a proxy says it asked for; each is the page's own."""
    asked = []
    given = header_values(scope, b"host")
    if len(given) != 1:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "expected one Host")
    # Of a chain of proxies the first names what the visitor asked for, and Gradio makes the page's address of it.
    forwarded = [value.split(",")[0] for value in header_values(scope, b"x-forwarded-host")]
    for value in given + forwarded:
        authority = authority_of(value)
        if authority is None or not hosts.has(authority.host):
            name = authority.host if authority else "that"
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"this page is not known as {name}: whoever runs it can say so with --allowed-host NAME",
            )
        asked.append(authority)
    return asked


def _check_site(scope: Scope, hosts: AllowedHosts, asked: list[Authority]) -> None:
    """Refuse what a page of another site asks for. Raises RefusedError."""
    foreign = RefusedError(
        HTTPStatus.FORBIDDEN, "a page of another site may not ask this one; a proxy has to hand on Host as it came"
    )
    if any(not _is_own(origin, hosts, asked) for origin in header_values(scope, b"origin")):
        raise foreign
    sites = header_values(scope, b"sec-fetch-site")
    if any(site not in _OWN_SITES for site in sites) and not _is_followed_link(scope):
        raise foreign


def _is_own(origin: str, hosts: AllowedHosts, asked: list[Authority]) -> bool:
    came_from = origin_of(origin)
    if came_from is None:
        return False
    page, usual_port = came_from
    same_name = [host for host in asked if host.host == page.host]
    if not same_name:  # own all the same where a proxy asks under a name of its own and does not hand on the visitor's
        return hosts.is_named(page.host) and not any(hosts.is_named(host.host) for host in asked)
    return any((host.port or usual_port) == (page.port or usual_port) for host in same_name)


def _is_followed_link(scope: Scope) -> bool:
    """A visitor who comes from elsewhere: to see a page, and not to do anything."""
    followed = header_values(scope, b"sec-fetch-mode") == ["navigate"] and scope["method"] in ("GET", "HEAD")
    return followed and not scope["path"].startswith(_LEADS_ELSEWHERE)
