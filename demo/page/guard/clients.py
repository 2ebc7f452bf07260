"""Whom a request counts for, wherever one client's part of something is bounded."""

from ipaddress import IPv6Address, ip_address, ip_network

from demo.page.guard.asgi import Scope


def client_of(scope: Scope) -> str:
    """The client of a request, as `network_of` names it; "unknown" where the server does not say."""
    return network_of((scope.get("client") or ("unknown", 0))[0])


def network_of(host: str) -> str:
    """An address, of IPv6 the network that one household or server has: its owner can ask from each of 2⁶⁴."""
    try:
        address = ip_address(host.split("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return host
