"""How the page is hosted: what stands before it, who may frame it, what it writes down. Checked before it starts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, SSLError
from typing import Any, Literal

from demo.page.guard.hosts import checked_name
from demo.page.guard.upload_space import DEFAULT_QUOTA, Quota
from train.common.errors import UsageError

LogFormat = Literal["json", "text"]
LOOPBACK_PROXIES = ("127.0.0.1", "::1")

# What may stand in a security header without ending it.
_ORIGIN = re.compile(r"https?://(\*\.)?[\w-]+(\.[\w-]+)*(:\d{1,5})?")
_ROOT_PATH = re.compile(r"(/[\w.~-]+)*")


@dataclass(frozen=True)
class Hosting:
    """How the page is hosted; `hosting` checks what a user gave.

    Attributes:
        root_path: where a proxy shows the page, "/films" for instance; "" for a host's own root. The proxy takes it off
            the requests it passes on.
        trusted_proxies: addresses or networks whose `X-Forwarded-…` headers are believed.
        tls: certificate and key in PEM; None for plain HTTP.
        frame_ancestors: origins whose pages may show this one in a frame; nobody's if empty.
        log: how each answer is written to standard error; None for not at all.
        metrics: whether `/metrics` answers.
        allowed_hosts: names under which the page is asked for, beside the address it listens on.
        quota: films that may lie here before they are read.
    """

    root_path: str = ""
    trusted_proxies: Sequence[str] = LOOPBACK_PROXIES
    tls: tuple[Path, Path] | None = None
    frame_ancestors: Sequence[str] = ()
    log: LogFormat | None = None
    metrics: bool = False
    allowed_hosts: Sequence[str] = ()
    quota: Quota = DEFAULT_QUOTA

    @property
    def scheme(self) -> str:
        """What the page's address begins with."""
        return "https" if self.tls else "http"

    @property
    def launch_settings(self) -> dict[str, Any]:
        """What Gradio's `launch` is to know of it."""
        certificate, key = map(str, self.tls) if self.tls else (None, None)
        # Not verified is Gradio's greeting to its own server, whose certificate names another address.
        return {"root_path": self.root_path, "ssl_certfile": certificate, "ssl_keyfile": key, "ssl_verify": False}


#: On one's own machine, for oneself.
AT_HOME = Hosting()


def hosting(
    root_path: str,
    trusted_proxies: Sequence[str],
    tls: tuple[Path | None, Path | None],
    frame_ancestors: Sequence[str],
    log: LogFormat | None,
    metrics: bool,
    allowed_hosts: Sequence[str] = (),
    quota: Quota = DEFAULT_QUOTA,
) -> Hosting:
    """The settings as a command line gives them.

    Raises:
        UsageError: one of them is not right, or a package is missing.
    """
    root_path = root_path.rstrip("/")
    if not _ROOT_PATH.fullmatch(root_path):
        raise UsageError(f"--root-path {root_path}: expected a path such as /films, as the proxy shows it")
    for proxy in trusted_proxies:
        try:
            ip_network(proxy)
        except ValueError:
            raise UsageError(
                f"--trusted-proxy {proxy}: expected an address or a network, 10.0.0.5 or 10.0.0.0/24"
            ) from None
    for origin in frame_ancestors:
        if not _ORIGIN.fullmatch(origin):
            raise UsageError(f"--frame-ancestors {origin}: expected an origin such as https://example.org")
    if metrics and find_spec("prometheus_client") is None:
        raise UsageError("--metrics needs prometheus-client, not installed here; pip install 'pneumoscope[metrics]'")
    return Hosting(
        root_path,
        (*LOOPBACK_PROXIES, *trusted_proxies),
        _tls(*tls),
        tuple(frame_ancestors),
        log,
        metrics,
        tuple(map(checked_name, allowed_hosts)),
        quota,
    )


def _tls(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise UsageError("--tls-cert and --tls-key: expected both, the certificate and its key")
    try:
        SSLContext(PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise UsageError(
            f"--tls-cert {certificate}, --tls-key {key}: cannot be used ({reason}); expected a certificate and its "
            "key in PEM, the key without a password"
        ) from None
    return certificate, key
