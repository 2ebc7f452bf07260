"""A login inside another site's page, as a Space shows itself inside the hub's: the browser has to keep its cookie."""

import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")


@pytest.fixture
def accounts(tmp_path):
    accounts = tmp_path / "accounts"
    accounts.write_text("anna:open sesame\n")
    accounts.chmod(0o600)
    return accounts


@pytest.fixture
def framed(certificate, accounts, other_site, open_page):
    """A page with a login, over HTTPS, that the other site may frame."""
    cert, key = certificate
    options = ("--auth-file", accounts, "--tls-cert", cert, "--tls-key", key, "--frame-ancestors", other_site)
    with open_page(*options, scheme="https") as page:
        yield page


@pytest.mark.slow
def test_who_logs_in_in_the_frame_sees_the_page_there(framed, other_site, chromium):
    # By its name it is of another site than 127.0.0.1 to a browser.
    address = framed.url.replace("127.0.0.1", "localhost")
    with chromium.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.goto(f"{other_site}/?{address}/")
        frame = page.frame_locator("iframe")
        frame.get_by_label("username").fill("anna")
        frame.get_by_label("password").fill("open sesame")
        frame.get_by_role("button", name="Login").click()
        frame.get_by_role("tab").first.wait_for()
        cookies = [cookie for cookie in context.cookies(address) if cookie["name"].startswith("access-token")]
        assert cookies
        assert {(cookie["sameSite"], cookie["secure"], cookie["httpOnly"]) for cookie in cookies} == {
            ("None", True, True)
        }
        assert all(cookie["partitionKey"].startswith("http://127.0.0.1") for cookie in cookies)
        # Another site that frames it, and the page by itself, know nothing of that login.
        alone = context.new_page()
        alone.goto(address)
        alone.get_by_label("password").wait_for()
