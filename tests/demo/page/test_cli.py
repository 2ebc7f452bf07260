"""The command `demo`: what it says, what it refuses, and how it ends."""

import signal
import socket
import time
from types import SimpleNamespace

import pytest

from demo.inference.networks import LoadedModels
from demo.page import cli as demo_cli
from train.common.console import NOT_A_MEDICAL_DEVICE

OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--host", "example.org"], "--host example.org: expected an address"),
        (["--allowed-host", "http://example.org"], "--allowed-host http://example.org: expected a name"),
        (["--auth-file", "absent"], "--auth-file absent: cannot be read"),
        (["--data", "absent"], "--data absent: no such folder"),
        (["--port", "70000"], "'--port': Input should be less than or equal to 65535"),
    ],
)
def test_wrong_use_is_one_line(run_command, arguments, line):
    pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
    result = run_command("demo", "--no-browser", *arguments)
    assert result.exit_code == 2
    assert line in result.stderr
    assert "Traceback" not in result.stderr


def test_without_gradio_one_line_names_the_extra(run_command, monkeypatch):
    from demo.page import serving

    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    result = run_command("demo", "--no-browser")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "error: the page needs gradio and plotly, not installed here; pip install 'pneumoscope[cpu,page]'"
    ]


@pytest.mark.slow
def test_a_page_without_networks_behind_a_password_on_another_port(open_page, tmp_path):
    httpx = pytest.importorskip("httpx")
    accounts = tmp_path / "accounts"
    accounts.write_text("anna:open sesame")
    accounts.chmod(0o644)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    models = tmp_path / "models"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ["--models", models, "--auth-file", accounts, "--share", "--port", port]
        with open_page(*options, environment=OFFLINE | {"TMPDIR": str(temporary)}) as page:
            assert int(page.url.rsplit(":", 1)[1]) > port
            (folder,) = temporary.iterdir()
            assert folder.stat().st_mode & 0o777 == 0o700
            with httpx.Client(base_url=page.url, trust_env=False) as client:
                assert client.get("/gradio_api/info").status_code == 401
                assert client.post("/gradio_api/upload", files={"files": b"film"}).status_code == 401
                assert client.post("/login", data={"username": "anna", "password": "wrong"}).status_code == 400
                assert client.post("/login", data={"username": "anna", "password": "open sesame"}).status_code == 200
                called = client.post("/gradio_api/call/card", json={"data": ["a"]}).json()
                answer = client.get(f"/gradio_api/call/card/{called['event_id']}").text
                assert "network a is not here" in answer
                assert "sesame" not in client.get("/config").text
            said = wait_for("no share link", page.messages)
            page.process.send_signal(signal.SIGINT)
            assert page.process.wait(30) == 0
    assert list(temporary.iterdir()) == []
    for line in (
        f"port {port} is in use, so the page takes",
        f"chmod 600 {accounts}",
        "store hashes: pneumoscope demo hash-password",
        f"{models}: no network here",
        "press Ctrl-C to stop",
        NOT_A_MEDICAL_DEVICE,
        "next: pneumoscope predict",
    ):
        assert line in said
    assert "sesame" not in said
    assert page.messages.read_text().splitlines()[-1] == "stopped"
    assert len(page.messages.read_text().splitlines()) == 10  # and nothing of Gradio's


def wait_for(text, path, seconds=30):
    deadline = time.monotonic() + seconds
    while text not in path.read_text():
        assert time.monotonic() < deadline, path.read_text()
        time.sleep(0.05)
    return path.read_text()


def running(**changes):
    loaded = LoadedModels(**{"models": "models", "classifiers": {}, "faults": {}} | changes)
    return SimpleNamespace(url="http://127.0.0.1:7860/", loaded=loaded)


def test_the_address_is_the_only_thing_on_standard_output(capsys):
    classifier = SimpleNamespace(device_line="device: CPU")
    shown = running(classifiers={"a": classifier, "b": classifier}, faults={"b": "b is damaged"})
    demo_cli._say_what_runs(shown, "127.0.0.1", False)
    printed = capsys.readouterr()
    assert printed.out == "http://127.0.0.1:7860/\n"
    assert printed.err.count("device: CPU") == 1
    assert "warning: b is damaged" in printed.err
    assert "network can" not in printed.err


def test_a_page_for_the_network_is_warned_of(capsys):
    demo_cli._say_what_runs(running(), "0.0.0.0", False)
    assert "everyone in the network can use the page; ask for a password with --auth-file" in capsys.readouterr().err
    demo_cli._say_what_runs(running(), "0.0.0.0", True)
    assert "passwords travel there unencrypted" in capsys.readouterr().err


def test_a_share_link_is_printed_and_warned_of(capsys, monkeypatch):
    from demo.page import serving

    monkeypatch.setattr(serving, "open_share_link", lambda running: "https://x.example")
    demo_cli._share(running(), False, False)
    printed = capsys.readouterr()
    assert printed.out == "https://x.example\n"
    assert "--auth-file" in printed.err
    assert "until Ctrl-C or 20" in printed.err
    assert "guest:" in printed.err
    assert "█" not in printed.err  # a code is for a terminal, not for a log
    demo_cli._share(running(), True, False)
    assert "--auth-file" not in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_once_and_then_all_is_as_before(number, capsys):
    before = [signal.getsignal(other) for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    cleared = []
    with demo_cli._ended_by_a_signal():
        try:
            signal.raise_signal(number)
            pytest.fail("the block went on")
        finally:
            signal.raise_signal(number)  # an impatient second one
            cleared.append(True)
    assert cleared == [True]
    assert capsys.readouterr().err == "stopped\n"
    assert [signal.getsignal(other) for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_browser_needs_a_screen(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(demo_cli.sys, "platform", "linux")
    assert not demo_cli._has_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    assert demo_cli._has_screen()


def test_a_password_and_its_hash(run_command, tmp_path):
    from demo.page.accounts import read_accounts
    from demo.page.login.passwords import is_password

    result = run_command("demo", "hash-password", given="open sesame\n")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    path = tmp_path / "accounts"
    path.write_text(f"anna:{line}\n")
    (account,) = read_accounts(path)
    assert not account.is_readable
    assert is_password("open sesame", account.password)
    assert "sesame" not in result.output
    assert run_command("demo", "hash-password", given="\n").exit_code == 2


def test_a_token_and_its_line(run_command, tmp_path):
    from demo.page.accounts import read_accounts
    from demo.page.login.tokens import fingerprint

    result = run_command("demo", "api-token")
    (token,) = result.stdout.splitlines()
    line = result.stderr.splitlines()[-1]
    path = tmp_path / "accounts"
    path.write_text(f"{line}\nuser:password\n")
    (account,) = read_accounts(path)
    assert account.tokens == (fingerprint(token),)
    assert token not in line
