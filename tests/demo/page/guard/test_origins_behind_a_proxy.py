"""Which origins are the page's own where a proxy stands before it, and for another network's browser."""

import asyncio
from ipaddress import ip_address

import pytest

from demo.page.guard.hosts import allowed_hosts
from demo.page.guard.origins import Origins


def status(headers, named=("films.example.org",), listening="127.0.0.1"):
    """What a request with these headers gets: 200 if it is let through."""
    sent = []

    async def send(message):
        sent.append(message)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/queue/join", "headers": pairs}
    asyncio.run(Origins(app, allowed_hosts(ip_address(listening), named))(scope, None, send))
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "films.example.org", "origin": "https://films.example.org"}, 200),
        ({"host": "films.example.org:443", "origin": "https://films.example.org"}, 200),
        ({"host": "films.example.org:8443", "origin": "https://films.example.org:8443"}, 200),
        ({"host": "films.example.org", "origin": "https://other.example.org"}, 403),
        ({"host": "films.example.org", "origin": "https://films.example.org:8443"}, 403),
        ({"host": "films.example.org", "origin": "https://films.example.org.evil.example"}, 403),
        # A proxy that asks under its own name, and may or may not say under which it was asked.
        ({"host": "127.0.0.1:7860", "origin": "https://films.example.org"}, 200),
        ({"host": "127.0.0.1:7860", "origin": "https://evil.example"}, 403),
        (
            {"host": "127.0.0.1:7860", "x-forwarded-host": "films.example.org", "origin": "https://films.example.org"},
            200,
        ),
        ({"host": "127.0.0.1:7860", "x-forwarded-host": "films.example.org", "origin": "http://127.0.0.1:1"}, 403),
        ({"host": "127.0.0.1:7860", "x-forwarded-host": "evil.example, films.example.org"}, 421),
        ({"origin": "https://films.example.org"}, 400),
    ],
)
def test_behind_a_proxy(headers, expected):
    assert status(headers) == expected


def test_names_below_one_name_are_not_each_others():
    named = ("*.example.org",)
    assert status({"host": "films.example.org", "origin": "https://films.example.org"}, named) == 200
    assert status({"host": "films.example.org", "origin": "https://other.example.org"}, named) == 403


def test_in_a_network_an_address_is_its_own_origin_alone():
    on_network = {"named": (), "listening": "0.0.0.0"}
    assert status({"host": "192.0.2.7:7860", "origin": "http://192.0.2.7:7860"}, **on_network) == 200
    assert status({"host": "192.0.2.7:7860", "origin": "http://192.0.2.8:7860"}, **on_network) == 403
    assert status({"host": "evil.example:7860", "origin": "http://evil.example:7860"}, **on_network) == 421
    assert status({"host": "[2001:db8::1]:7860", "origin": "http://[2001:db8::1]:7860"}, **on_network) == 200
