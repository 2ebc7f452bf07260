"""Headers on every answer, the server's own failures among them."""

import json

import pytest

httpx = pytest.importorskip("httpx")
starlette = pytest.importorskip("starlette")

from starlette.applications import Starlette  # noqa: E402
from starlette.responses import PlainTextResponse  # noqa: E402
from starlette.routing import Route  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from demo.page.guard.answer_headers import AnswerHeaders, failed  # noqa: E402


def asked(path, scheme="http", framed_by=()):
    """An application's answer with the headers before it."""

    def own(request):
        headers = {"X-Content-Type-Options": "own", "access-control-allow-origin": "*"}
        answer = PlainTextResponse("", headers=headers)
        answer.set_cookie("token", "1", samesite="none", secure=True, httponly=True)
        return answer

    def fails(request):
        raise ValueError("secret.png")

    routes = [Route(place, own) for place in ("/", "/assets/index.js", "/gradio_api/file=/folder/x.svg")]
    gradio = Starlette(routes=[*routes, Route("/fails", fails)], exception_handlers={500: failed})
    whole = AnswerHeaders(gradio, framed_by)
    return TestClient(whole, f"{scheme}://localhost", raise_server_exceptions=False).get(path)


def test_every_answer_carries_the_headers_and_keeps_its_own():
    for path, status in (("/", 200), ("/nothing", 404), ("/fails", 500)):
        answer = asked(path)
        assert answer.status_code == status
        assert answer.headers.get_list("x-content-type-options") == ["own" if status == 200 else "nosniff"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "http" not in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
    assert "cache-control" not in asked("/assets/index.js").headers
    assert "sandbox" in asked("/gradio_api/file=/folder/x.svg").headers["content-security-policy"]


def test_a_failure_is_told_in_json_and_says_nothing_of_its_reason():
    answer = asked("/fails")
    assert answer.headers["content-type"] == "application/json"
    assert "--debug" in json.loads(answer.text)["detail"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_a_cookie_is_this_sites_and_https_alone_carries_it_where_there_is_https(scheme, secure):
    parts = asked("/", scheme).headers["set-cookie"].lower().split("; ")
    assert "samesite=lax" in parts
    assert "samesite=none" not in parts
    assert "httponly" in parts
    assert ("secure" in parts) == secure


def test_a_cookie_is_kept_in_a_frame_where_one_is_allowed_and_for_that_site_alone():
    parts = asked("/", "https", ["https://huggingface.co"]).headers["set-cookie"].lower().split("; ")
    assert {"samesite=none", "secure", "partitioned", "httponly"} <= set(parts)
    # A browser takes such a cookie over HTTPS alone.
    parts = asked("/", "http", ["https://huggingface.co"]).headers["set-cookie"].lower().split("; ")
    assert "samesite=lax" in parts
    assert {"samesite=none", "secure", "partitioned"}.isdisjoint(parts)
