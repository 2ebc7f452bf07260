"""What a host may set: what is refused before anything starts, and what stands before the page then."""

import asyncio

import pytest

from demo.page.guard.answer_headers import AnswerHeaders
from demo.page.hosting.settings import AT_HOME, hosting
from demo.page.hosting.trusted_proxies import TrustedProxies
from train.common.errors import UsageError

httpx = pytest.importorskip("httpx")

NOTHING = {
    "root_path": "",
    "trusted_proxies": (),
    "tls": (None, None),
    "frame_ancestors": (),
    "log": None,
    "metrics": False,
}


def test_nothing_set_is_a_page_for_oneself():
    assert hosting(**NOTHING) == AT_HOME
    assert AT_HOME.scheme == "http"


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"root_path": "films"}, "--root-path films: expected a path such as /films"),
        ({"allowed_hosts": ["http://films.example.org"]}, "--allowed-host http://films.example.org: expected a name"),
        ({"root_path": "/a b"}, "expected a path"),
        ({"trusted_proxies": ["proxy.example.org"]}, "--trusted-proxy proxy.example.org: expected an address"),
        ({"trusted_proxies": ["10.0.0.1/8"]}, "expected an address or a network"),
        ({"frame_ancestors": ["example.org"]}, "--frame-ancestors example.org: expected an origin"),
        ({"frame_ancestors": ["https://a.example; script-src *"]}, "expected an origin"),
        ({"frame_ancestors": ["https://a.example\r\nx: y"]}, "expected an origin"),
    ],
)
def test_what_is_not_right_is_said_in_a_line(setting, line):
    with pytest.raises(UsageError, match=line.replace(".", r"\.")):
        hosting(**NOTHING | setting)


def test_metrics_without_their_library(monkeypatch):
    monkeypatch.setattr("demo.page.hosting.settings.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"--metrics needs prometheus-client.*pneumoscope\[metrics\]"):
        hosting(**NOTHING | {"metrics": True})


def test_a_certificate_is_tried_before_the_page_starts(certificate, tmp_path):
    cert, key = certificate
    assert hosting(**NOTHING | {"tls": (cert, key)}).scheme == "https"
    with pytest.raises(UsageError, match="expected both"):
        hosting(**NOTHING | {"tls": (cert, None)})
    for wrong in (tmp_path / "absent", cert):
        with pytest.raises(UsageError, match="cannot be used"):
            hosting(**NOTHING | {"tls": (cert, wrong)})


@pytest.mark.slow
def test_the_page_speaks_https(certificate, open_page):
    cert, key = certificate
    with (
        open_page("--tls-cert", cert, "--tls-key", key, scheme="https") as page,
        httpx.Client(base_url=page.url, trust_env=False, verify=False, timeout=60) as client,
    ):
        assert client.get("/").status_code == 200
        assert client.get("/config").json()["root"].startswith("https://")


def answer_of(app, method="GET", path="/", client=("127.0.0.1", 1), **more):
    async def ask():
        transport = httpx.ASGITransport(app, client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://page.example") as asking:
            return await asking.request(method, path, **more)

    return asyncio.run(ask())


async def echo(scope, receive, send):
    """Answers with what it was told of whoever asks."""
    forwarded = [name.decode() for name, _ in scope["headers"] if b"forwarded" in name]
    told = ",".join([scope["client"][0], scope["scheme"], *forwarded])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": told.encode()})


FORWARDED = {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https", "x-forwarded-host": "evil.example"}


def test_a_proxy_that_is_known_is_believed_and_nobody_else():
    app = TrustedProxies(echo, ("10.0.0.0/24",))
    believed = answer_of(app, client=("10.0.0.9", 1), headers=FORWARDED).text
    assert believed == "198.51.100.7,https,x-forwarded-for,x-forwarded-proto,x-forwarded-host"
    assert answer_of(app, client=("203.0.113.5", 1), headers=FORWARDED).text == "203.0.113.5,http"


@pytest.mark.parametrize("path", ["/", "/gradio_api/file=/folder/film.png"])
def test_nobody_frames_the_page_unless_it_is_set_and_uploads_never(path):
    alone = answer_of(AnswerHeaders(echo), path=path).headers
    assert alone["x-frame-options"] == "DENY"
    framed = answer_of(AnswerHeaders(echo, ("https://huggingface.co",)), path=path).headers
    if path == "/":
        assert "frame-ancestors 'none'" in alone["content-security-policy"]
        assert framed["content-security-policy"].endswith("frame-ancestors 'self' https://huggingface.co")
        assert "x-frame-options" not in framed
    else:
        assert framed["x-frame-options"] == "DENY"
        assert framed["content-security-policy"] == alone["content-security-policy"]
