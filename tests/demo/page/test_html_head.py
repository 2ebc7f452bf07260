"""The page's HTML as a link's preview and a browser get it: this page's own name and icon, compressed."""

import gzip
import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

from demo.language.catalogue import wording  # noqa: E402
from demo.page.html_head import with_head  # noqa: E402


class Head(HTMLParser):
    """The tags of a page's head, before any script has run."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.title = [], ""
        self.feed(html.split("</head>")[0])

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "title":
            self.title += data.strip()

    def named(self, name):
        return [tag["content"] for _, tag in self.tags if name in (tag.get("property"), tag.get("name"))]


@pytest.fixture
def client(running_page):
    with httpx.Client(base_url=running_page, trust_env=False, timeout=60) as client:
        yield client


def test_the_page_says_what_it_is(client, running_page):
    head = Head(client.get("/").text)
    assert head.title == "pneumoscope"
    assert head.named("og:title") == ["pneumoscope"]
    (description,) = head.named("og:description")
    assert description.startswith(wording("en")("app.tagline"))
    assert wording("en")("disclaimer.short") in description
    (picture,) = head.named("og:image")
    assert picture == f"{running_page}/icons/icon-512.png"
    assert client.get(picture).status_code == 200
    (manifest,) = (tag["href"] for _, tag in head.tags if tag.get("rel") == "manifest")
    assert manifest == "./manifest.json"
    assert len([tag for _, tag in head.tags if tag.get("rel") == "icon"]) == 2


def test_nothing_of_gradio_and_no_other_host_is_left(client, running_page):
    tags = Head(client.get("/").text).tags
    values = [value for tag, attributes in tags if tag in ("meta", "link") for value in attributes.values() if value]
    assert not [value for value in values if "gradio" in value.lower()]
    elsewhere = [value for value in values if re.match("(https?:)?//", value) and not value.startswith(running_page)]
    assert elsewhere == []


def test_an_address_cannot_break_out_of_its_tag():
    html = with_head(b'<head><meta charset="utf-8" /></head>', 'http://x"><script>alert(1)</script>/', "v1").decode()
    assert "<script>alert" not in html
    assert html.count("<script>") == 1  # our own


def test_html_that_is_not_gradios_passes():
    assert with_head(b"<p>something else</p>", "http://x/", "v1") == b"<p>something else</p>"


@pytest.mark.parametrize("path", ["/", "/config"])
def test_the_page_is_compressed_for_whoever_can_read_it(client, path):
    plain = client.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert int(plain.headers["content-length"]) == len(plain.content)
    with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"].lower() == "accept-encoding"
    assert int(answer.headers["content-length"]) == len(packed) < len(plain.content) / 3
    assert len(gzip.decompress(packed)) == len(plain.content)


def test_events_are_not_held_up(client):
    begun = client.post("/gradio_api/call/card", json={"data": ["a"]}).json()
    path = f"/gradio_api/call/card/{begun['event_id']}"
    with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        assert "content-encoding" not in answer.headers
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "event: complete" in answer.read().decode()
