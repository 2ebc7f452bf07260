"""Other sites' pages in a visitor's browser, asked for as a browser would; and programs, which no site sends."""

import pytest

httpx = pytest.importorskip("httpx")

API = "/gradio_api"


@pytest.fixture(scope="module")
def ask(site):
    """Ask the page: (method, path, headers) → answer; OWN stands for its own host and port."""
    with httpx.Client(base_url=site[0].url, trust_env=False, timeout=30) as client:
        own = f"127.0.0.1:{client.base_url.port}"

        def ask(method, path, **headers):
            named = {name.replace("_", "-"): value.replace("OWN", own) for name, value in headers.items()}
            return client.request(method, path, headers=named)

        yield ask


@pytest.mark.parametrize("host", ["evil.example", "OWN.evil.example", "127.0.0.2", "localhost.evil.example:80", "a b"])
def test_a_name_that_leads_here_is_not_the_pages_own(ask, host):
    for method, path in (("GET", "/"), ("GET", "/config"), ("POST", f"{API}/queue/join")):
        answer = ask(method, path, host=host)
        assert answer.status_code == 421
        assert "--allowed-host" in answer.json()["detail"]
        assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("host", ["OWN", "localhost", "LOCALHOST:7860", "localhost.", "[::1]:80", "[0:0::1]"])
def test_the_pages_own_names(ask, host):
    assert ask("GET", "/config", host=host).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1:1", "http://localhost", "file://", "x"],
)
def test_another_sites_page_neither_reads_nor_uploads(ask, origin):
    for method, path in (
        ("GET", "/config"),
        ("GET", f"{API}/info"),
        ("GET", f"{API}/heartbeat/abc"),
        ("POST", f"{API}/upload"),
        ("POST", f"{API}/queue/join"),
        ("POST", f"{API}/run/compare"),
        ("OPTIONS", f"{API}/upload"),
    ):
        answer = ask(method, path, origin=origin, access_control_request_method="POST")
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_page_itself_is_answered_without_a_word_to_other_sites(ask):
    answer = ask("GET", "/config", origin="http://OWN", sec_fetch_site="same-origin")
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert ask("OPTIONS", "/config", origin="http://OWN").status_code == 404


@pytest.mark.parametrize("asking", ["cross-site", "same-site"])
def test_a_browser_that_says_another_site_asks_is_believed(ask, asking):
    """Another port of localhost, or another name below one's own, is the same site; not the same page."""
    for path in ("/config", "/", f"{API}/queue/status", "/bundles/a.zip"):
        assert ask("GET", path, sec_fetch_site=asking, sec_fetch_mode="no-cors").status_code == 403
    for path in ("/logout", f"{API}/heartbeat/abc"):
        assert ask("GET", path, sec_fetch_site=asking, sec_fetch_mode="navigate").status_code == 403
    assert ask("POST", f"{API}/cancel", sec_fetch_site=asking, sec_fetch_mode="navigate").status_code == 403


@pytest.mark.parametrize("asking", ["cross-site", "same-site", "none"])
def test_a_link_on_another_site_leads_to_the_page(ask, asking):
    assert ask("GET", "/", sec_fetch_site=asking, sec_fetch_mode="navigate").status_code == 200


def test_what_looks_after_the_machine_need_not_know_its_name(ask):
    assert ask("GET", "/healthz", host="10.0.0.9.internal:7860").json() == {"alive": True}
    assert ask("GET", "/version", host="10.0.0.9.internal:7860").status_code == 421


def test_a_proxy_hands_on_no_other_host(ask):
    assert ask("GET", "/", x_forwarded_host="evil.example").status_code == 421


def test_the_cookie_of_a_login_is_this_sites_alone(locked_site):
    with httpx.Client(base_url=locked_site.url, trust_env=False) as client:
        answer = client.post("/login", data={"username": "anna", "password": "open sesame"})
        assert answer.status_code == 200
        cookies = answer.headers.get_list("set-cookie")
        assert cookies
        for cookie in cookies:
            assert "samesite=lax" in cookie.lower()
            assert "samesite=none" not in cookie.lower()
            assert "httponly" in cookie.lower()
        # No browser takes a cookie for HTTPS alone from plain HTTP, but on localhost.
        assert not any("secure" in cookie.lower().split("; ") for cookie in cookies)
