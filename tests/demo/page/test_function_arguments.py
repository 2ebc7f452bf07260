"""Wrong arguments of any function of the page are answered in one line, whichever way it is asked for."""

import re

import pytest

pytest.importorskip("gradio", reason="the page needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

API = "/gradio_api"


@pytest.fixture(scope="module")
def ask(running_page):
    """Ask as the page does for a function by its number: (function, fields of the body) → answer."""
    with httpx.Client(base_url=running_page, trust_env=False, timeout=60) as client:
        session = re.search(r'name="pneumoscope-session" content="([\w-]+)"', client.get("/").text)[1]

        def ask(function, **fields):
            path = "queue/join" if function["queue"] else f"run/{function['api_name']}"
            body = {"fn_index": function["id"], "session_hash": "x", **fields}
            return client.post(f"{API}/{path}", json=body, headers={"x-pneumoscope-session": session})

        yield ask


@pytest.fixture(scope="module")
def config(running_page):
    return httpx.get(f"{running_page}/config", trust_env=False, timeout=60).json()


def right_data(function, config):
    """What the page would send as it opens."""
    values = {component["id"]: component["props"].get("value") for component in config["components"]}
    return [values[number] for number in function["inputs"]]


def assert_refused(answer, begin):
    assert answer.status_code == 422, (answer.request.url, answer.request.content, answer.text)
    detail = answer.json()["detail"]
    assert detail.startswith(begin)
    assert "\n" not in detail
    assert "expected" in detail or "should be" in detail


def test_a_wrong_number_of_arguments_is_refused(ask, config):
    for function in config["dependencies"]:
        right = right_data(function, config)
        for wrong in ([*right, 1], right[:-1] if right else None, None, "x", 5, {}):
            assert_refused(ask(function, data=wrong, event_data={}), "data: ")


@pytest.mark.parametrize("wrong", [5, "nonsense", [], {}, [["x"]], True, 1e300, {"path": "x"}, None])
def test_an_argument_of_a_wrong_kind_is_refused(ask, config, wrong):
    kinds = {component["id"]: component["type"] for component in config["components"]}
    tried = 0
    for function in config["dependencies"]:
        for place, number in enumerate(function["inputs"]):
            # A file's place may be empty, and a list may be one of no files; a list of studies may offer none.
            may_be = {"file": (None, []), "dropdown": (None,), "radio": ()}.get(kinds[number])
            if may_be is None or wrong in may_be or (kinds[number] == "file" and isinstance(wrong, list)):
                continue
            data = right_data(function, config)
            data[place] = wrong
            assert_refused(ask(function, data=data, event_data={}), f"data[{place}]: ")
            tried += 1
    assert tried > 10


def test_a_click_without_its_data_is_refused(ask, config):
    clicks = [each for each in config["dependencies"] if each["collects_event_data"]]
    assert len(clicks) >= 4
    for function in clicks:
        right = right_data(function, config)
        for wrong in (None, 5, "x", []):
            assert_refused(ask(function, data=right, event_data=wrong), "event_data: ")
        assert ask(function, data=right, event_data={}).status_code == 200  # nothing was clicked: nothing is done


def test_a_field_that_gradio_cannot_use_is_refused_in_one_line(ask, config):
    speak = next(each for each in config["dependencies"] if each["api_name"] == "speak")
    assert_refused(ask(speak, data=["en"], trigger_id="x"), "trigger_id: ")
    assert ask(speak, data=["en"]).status_code == 200
