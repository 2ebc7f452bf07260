"""The names under which the page may be asked for: another one leads here only by an attack, or a forgotten option.

A site whose name its owner lets point to this machine would otherwise be this page's own origin to a browser (DNS
rebinding). An address cannot be made to point elsewhere, so a page that listens on all of them answers to each.
"""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from train.common.errors import UsageError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]@/]+)(:(?P<port>\d{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/]+)")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Authority:
    """Host and port of a `Host` header or of an origin; the port is None where it is not said."""

    host: str
    port: int | None


@dataclass(frozen=True)
class AllowedHosts:
    """The page's names.

    Attributes:
        listening: names and addresses of where it listens.
        named: those of `--allowed-host`, without ports; `*.example.org` is every name below example.org.
        any_address: whether it answers to any address, as it listens on all.
        shared: those of a share link, which come while the page runs.
    """

    listening: frozenset[str]
    named: tuple[str, ...] = ()
    any_address: bool = False
    shared: set[str] = field(default_factory=set)

    def has(self, host: str) -> bool:
        """Whether the page is known under a name or an address, given without port, in lower case."""
        if host in self.listening or self.is_named(host):
            return True
        return self.any_address and _as_address(host) is not None

    def is_named(self, host: str) -> bool:
        """Whether a user, or a share link, has said that the page is known under this name."""
        return host in self.shared or any(_matches(host, name) for name in self.named)


def allowed_hosts(listening: IPv4Address | IPv6Address, named: Sequence[str] = ()) -> AllowedHosts:
    """The names of a page that listens on an address.

    Args:
        listening: an address of this machine, or 0.0.0.0 or :: for all of them.
        named: those of `--allowed-host`, as `checked_name` has them.
    """
    names = tuple(named)
    if listening.is_loopback:
        return AllowedHosts(frozenset((*LOOPBACK_NAMES, str(listening))), names)
    if listening.is_unspecified:
        own = frozenset((*LOOPBACK_NAMES, socket.gethostname().lower()))
        return AllowedHosts(own, names, any_address=True)
    return AllowedHosts(frozenset((str(listening),)), names)


def authority_of(value: str) -> Authority | None:
    """Host, in lower case and without brackets or a dot at the end, and port; None if `value` has none."""
    found = _AUTHORITY.fullmatch(value.strip().lower())
    if found is None:
        return None
    host = found["host"].strip("[]")
    address = _as_address(host)
    return Authority(str(address) if address else host.removesuffix("."), int(found["port"]) if found["port"] else None)


def origin_of(value: str) -> tuple[Authority, int] | None:
    """Where a page came from that an `Origin` header names, and the port of its scheme; None for "null"."""
    found = _ORIGIN.fullmatch(value.strip().lower())
    authority = authority_of(found["authority"]) if found else None
    return (authority, _PORTS[found["scheme"]]) if found and authority else None


def checked_name(name: str) -> str:
    """A name of `--allowed-host` as `AllowedHosts` has it. Raises UsageError if it is no name of a host."""
    if address := _as_address(name):
        return str(address)
    authority = authority_of(name)
    if authority is None or not _NAME.fullmatch(authority.host) or authority.port is not None:
        raise UsageError(f"--allowed-host {name}: expected a name such as films.example.org or *.example.org, no port")
    return authority.host


def _matches(host: str, name: str) -> bool:
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _as_address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
