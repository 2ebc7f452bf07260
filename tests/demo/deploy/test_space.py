"""`deploy space`: the folder runs as a Space starts it, and a push carries it whole to a hub on this machine."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from export.bundle import find_bundles

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def space(run_command, tmp_path, models):
    """A Space's folder with two tiny networks."""
    result = run_command("deploy", "space", "ada/films", "--models", models, "--dry-run", tmp_path / "space")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(tmp_path / "space")
    return tmp_path / "space"


def front_matter(folder):
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def test_the_settings_name_what_the_tests_ran_with(space):
    settings = front_matter(space)
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    assert settings["python_version"] == "3.11"  # text: 3.10 as a number would be 3.1
    assert settings["sdk_version"] == pins["gradio"]
    assert (settings["sdk"], settings["app_file"], settings["title"]) == ("gradio", "app.py", "films")
    assert len(settings["short_description"]) <= 60  # the hub refuses longer ones
    wanted = dict(line.split("==") for line in (space / "requirements.txt").read_text().splitlines())
    assert wanted["onnxruntime"] == pins["onnxruntime"]
    assert not {"gradio", "onnxruntime-gpu", "tensorflow"} & wanted.keys()


def test_the_folder_holds_networks_and_examples_and_nothing_of_this_machine(space):
    assert set(find_bundles(space / "assets" / "models")) == {"a", "b"}
    assert list((space / "assets" / "examples").glob("*.png"))
    assert not list(space.rglob("__pycache__"))
    texts = [path.read_text(encoding="utf-8") for path in (space / "app.py", space / "README.md")]
    texts += [path.read_text(encoding="utf-8") for path in space.glob("*.dist-info/*")]
    assert not any(str(ROOT) in text or str(Path.home()) in text for text in texts)


@pytest.mark.slow
def test_the_space_starts_by_its_own_file(space, write_film, tmp_path):
    """With what a Space has in its environment, which makes Gradio take another way to start."""
    httpx = pytest.importorskip("httpx")
    of_a_space = {"SYSTEM": "spaces", "SPACE_ID": "ada/films", "SPACE_HOST": "ada-films.hf.space"}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | of_a_space
    with (tmp_path / "messages").open("w") as messages:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=space, stdout=subprocess.PIPE, stderr=messages, text=True, env=environment
        )
    try:
        url = process.stdout.readline().strip().rstrip("/")
        assert url, (tmp_path / "messages").read_text()
        host = {"host": "ada-films.hf.space", "x-forwarded-proto": "https"}
        with httpx.Client(base_url=url, trust_env=False, timeout=60, headers=host) as client:
            framed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
            page = client.get("/", headers=framed)
            assert page.status_code == 200
            assert "frame-ancestors 'self' https://huggingface.co" in page.headers["content-security-policy"]
            assert "x-frame-options" not in page.headers
            config = client.get("/config").json()
            assert config["root"] == "https://ada-films.hf.space"
            assert config["space_id"] is None  # or Gradio would watch app.py, to load it anew
            film = write_film(tmp_path / "film.png").read_bytes()
            (path,) = client.post("/gradio_api/upload", files={"files": film}).json()
            data = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
            event = client.post("/gradio_api/call/compare", json={"data": data}).json()["event_id"]
            answer = client.get(f"/gradio_api/call/compare/{event}").text
        assert set(json.loads(answer.partition("data: ")[2])[0]["readings"]) == {"a", "b"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["films", "--dry-run", "space"], "films: expected OWNER/NAME"),
        (["ada/films", "--dry-run", "."], ".: expected an empty folder or a new one"),
        (["ada/films", "--models", "empty", "--dry-run", "space"], "empty: no network here"),
        (["ada/films", "--models", "empty"], "scores.csv names your films; add --private"),
    ],
)
def test_wrong_use_is_one_line(run_command, tmp_path, arguments, line):
    (tmp_path / "empty").mkdir()
    result = run_command("deploy", "space", *arguments)
    assert result.exit_code == 2
    assert line in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_push_leaves_the_hub_with_the_folder_and_nothing_else(hub, push, space, models):
    hub.repositories["ada/films"] = {"old.py": b"", "README.md": b"", ".gitattributes": b"kept"}
    result = push("space", "ada/films", "--models", models, "--private")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{hub.address}/spaces/ada/films\n"
    assert (hub.made[0]["type"], hub.made[0]["sdk"]) == ("space", "gradio")
    built = {str(path.relative_to(space)): path.read_bytes() for path in space.rglob("*") if path.is_file()}
    assert hub.repositories["ada/films"] == built | {".gitattributes": b"kept"}
    assert "hf_of_a_test" not in result.stderr


def test_one_s_own_networks_are_not_pushed_where_everyone_looks(hub, push, models):
    hub.repositories["ada/films"] = {"README.md": b"theirs"}
    hub.public.add("ada/films")
    result = push("space", "ada/films", "--models", models, "--private")
    assert result.returncode == 2
    assert "is there already, and public" in result.stderr.splitlines()[-1]
    assert hub.repositories["ada/films"] == {"README.md": b"theirs"}


def test_a_token_the_hub_does_not_know(push, models):
    result = push("space", "ada/films", "--models", models, "--private", HF_TOKEN="hf_wrong")
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ada/films: the hub refuses (Invalid username or password")
    assert "check the token" in last
    assert "hf_wrong" not in result.stderr


def test_no_token_and_no_hub(push, models):
    result = push("space", "ada/films", "--models", models, "--private", HF_TOKEN="")
    assert result.returncode == 2
    assert "set HF_TOKEN" in result.stderr.splitlines()[-1]
    result = push("space", "ada/films", "--models", models, "--private", HF_ENDPOINT="http://127.0.0.1:1")
    assert result.returncode == 1
    assert "the hub cannot be reached (" in result.stderr.splitlines()[-1]
