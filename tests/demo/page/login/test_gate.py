"""Who is let in: on a page that runs with passwords, and what guessing costs."""

import asyncio
import re
from types import SimpleNamespace

import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

from fastapi import HTTPException  # noqa: E402

from demo.page.accounts import TOKEN_MARK, Account  # noqa: E402
from demo.page.login.gate import MOST_WAITING_OF_ONE, LoginGate, Logins  # noqa: E402
from demo.page.login.passwords import hash_password  # noqa: E402
from demo.page.login.throttle import FREE  # noqa: E402
from demo.page.login.tokens import fingerprint, new_api_token  # noqa: E402

API = "/gradio_api"
PASSWORD, TOKEN = "a long password", new_api_token()


@pytest.fixture(scope="module")
def guarded(open_page, tmp_path_factory):
    """The address of a page that asks for passwords."""
    accounts = tmp_path_factory.mktemp("accounts") / "accounts"
    hashed = hash_password(PASSWORD)
    accounts.write_text(f"anna:{hashed}\nben:{hashed}\nanna:{TOKEN_MARK}{fingerprint(TOKEN)}\n")
    accounts.chmod(0o600)
    with open_page("--auth-file", accounts) as page:
        assert "can be read there" not in page.messages.read_text()
        yield page.url


@pytest.fixture
def client(guarded):
    with httpx.Client(base_url=guarded, trust_env=False, timeout=60) as client:
        yield client


def session_of(client, **more):
    return re.search(r'name="pneumoscope-session" content="([\w-]+)"', client.get("/", **more).text)[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{API}/heartbeat/x"),
        ("GET", f"{API}/info"),
        ("GET", f"{API}/queue/data?session_hash=x"),
        ("GET", f"{API}/call/card/x"),
        ("GET", f"{API}/file=/etc/passwd"),
        ("GET", f"{API}/upload_progress?upload_id=x"),
        ("GET", "/bundles/a.zip"),
        ("POST", f"{API}/cancel"),
        ("POST", f"{API}/reset"),
        ("POST", f"{API}/queue/join"),
        ("POST", f"{API}/run/speak"),
        ("POST", f"{API}/call/card"),
        ("POST", f"{API}/upload"),
    ],
)
def test_nothing_but_the_login_page_answers_before_a_login(client, method, path):
    for headers in ({}, {"authorization": "Bearer guessed"}, {"cookie": "access-token-x=guessed"}):
        answer = client.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)
        assert (answer.status_code, answer.json()) == (401, {"detail": "log in first"})
    assert client.get("/").status_code == 200


@pytest.mark.slow
def test_a_password_lets_in_and_logging_out_ends_it(client):
    assert client.post("/login", data={"username": "anna", "password": "wrong"}).status_code == 400
    assert client.post("/login", data={"username": "anna", "password": PASSWORD}).status_code == 200
    assert client.get(f"{API}/info").status_code == 200
    cookies = dict(client.cookies)
    client.get("/logout")
    assert httpx.get(f"{client.base_url}{API}/info", cookies=cookies, trust_env=False).status_code == 401


@pytest.mark.slow
def test_a_programs_token_lets_in_without_a_login(client, guarded):
    with httpx.Client(base_url=guarded, trust_env=False, headers={"authorization": f"Bearer {TOKEN}"}) as program:
        event = program.post(f"{API}/call/card", json={"data": ["a"]}).json()["event_id"]
        assert client.get(f"{API}/call/card/{event}").status_code == 401
        client.post("/login", data={"username": "ben", "password": PASSWORD})
        assert client.get(f"{API}/call/card/{event}").status_code == 404  # it is anna's
        assert "event: complete" in program.get(f"{API}/call/card/{event}").text


@pytest.mark.slow
def test_a_page_is_of_the_user_who_loaded_it(client, guarded):
    with httpx.Client(base_url=guarded, trust_env=False, timeout=60) as annas:
        annas.post("/login", data={"username": "anna", "password": PASSWORD})
        session = {"x-pneumoscope-session": session_of(annas)}
        client.post("/login", data={"username": "ben", "password": PASSWORD})
        for who, status in ((annas, 200), (client, 403)):
            answer = who.post(f"{API}/run/speak", json={"data": ["he"]}, headers=session)
            assert answer.status_code == status
        assert client.post(f"{API}/queue/join", json={"fn_index": 0, "data": []}, headers=session).status_code == 403


@pytest.mark.slow
def test_nobody_has_anothers_upload_read_or_fetches_it(client, guarded):
    client.post("/login", data={"username": "ben", "password": PASSWORD})
    with httpx.Client(base_url=guarded, trust_env=False, headers={"authorization": f"Bearer {TOKEN}"}) as annas:
        (path,) = annas.post(f"{API}/upload", files={"files": ("film.png", b"film")}).json()
        call = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
        assert client.post(f"{API}/call/compare", json=call).status_code == 403
        assert client.get(f"{API}/file={path}").status_code == 404
        assert annas.get(f"{API}/file={path}").content == b"film"
        assert annas.post(f"{API}/call/compare", json=call).status_code == 200


@pytest.mark.slow
def test_guessing_is_slowed_down(open_page, tmp_path):
    accounts = tmp_path / "accounts"
    accounts.write_text("anna:as it is\n")
    with (
        open_page("--auth-file", accounts) as page,
        httpx.Client(base_url=page.url, trust_env=False, timeout=60) as client,
    ):
        assert "holds passwords that can be read there" in page.messages.read_text()
        for number in range(FREE):
            assert client.post("/login", data={"username": f"user {number}", "password": "guess"}).status_code == 400
        refused = client.post("/login", data={"username": "anna", "password": "as it is"})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert "wait before you try again" in refused.json()["detail"]


def test_many_guesses_at_once_are_not_all_free(monkeypatch):
    logins = Logins([Account("anna", "right")])

    async def storm():
        return await asyncio.gather(*(logins.check("anna", f"{n}") for n in range(50)), return_exceptions=True)

    answers = asyncio.run(storm())
    assert answers.count(False) <= FREE
    refused = [answer for answer in answers if isinstance(answer, HTTPException)]
    assert len(refused) >= 50 - MOST_WAITING_OF_ONE
    assert {answer.status_code for answer in refused} == {429}


def log_in(logins, address, password="wrong", times=1):
    """Log in as anna from an address, at once so often → whether it was right, or the refusal's status, of each."""

    async def check(scope, receive, send):
        try:
            answers.append(await logins.check("anna", password))
        except HTTPException as refusal:
            answers.append(refusal.status_code)

    async def refused(message):
        if message["type"] == "http.response.start":
            answers.append(message["status"])

    async def all_of_them():
        await asyncio.gather(*(LoginGate(check, logins)(dict(scope), None, refused) for _ in range(times)))

    answers = []
    app = SimpleNamespace(cookie_id="x")
    scope = {"type": "http", "method": "POST", "path": "/login", "headers": [], "client": (address, 1), "app": app}
    asyncio.run(all_of_them())
    return answers


def test_a_household_guesses_as_one():
    logins = Logins([Account("anna", "right")])
    for number in range(FREE):
        assert log_in(logins, f"2001:db8::{number}") == [False]
    assert log_in(logins, "2001:db8::ffff", "right") == [429]
    assert log_in(logins, "2001:db8:0:1::1", "right") == [True]


def test_who_has_a_password_cannot_keep_others_out():
    logins = Logins([Account("anna", "right")])
    answers = log_in(logins, "192.0.2.1", "right", times=20)
    assert answers.count(True) == MOST_WAITING_OF_ONE
    assert log_in(logins, "192.0.2.1", "right") == [True]  # they are over


def test_an_account_without_a_password_lets_nobody_in():
    logins = Logins([Account("program", "", (fingerprint("token"),))])
    assert asyncio.run(logins.check("program", "")) is False
    assert asyncio.run(logins.check("nobody", "")) is False
    assert logins.tokens.get("token") == "program"
