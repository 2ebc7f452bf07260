"""The named API: as functions on tiny networks, then over HTTP as docs/api.md shows it, and under load."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from demo.evaluation.example_films import default_examples_folder
from demo.inference.compare import compare_film
from demo.inference.networks import load_models
from export.bundle import default_models_folder
from train.metrics.operating_points import POINT_NAMES
from train.radiograph.formats import MAX_BYTES
from train.synthetic.phantom import draw_phantom

gradio = pytest.importorskip("gradio", reason="the API needs Gradio, not installed here")
httpx = pytest.importorskip("httpx")

from demo.page import api as page_api  # noqa: E402
from demo.page.api import MOST_FILMS, PARAMETERS, endpoints  # noqa: E402

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "api.md"
DOCUMENTED_ADDRESS = "http://127.0.0.1:7860"
CLIENTS, FILMS_PER_CLIENT = 20, 3


def uploaded(path, name=None):
    return {"path": str(path), "orig_name": name or path.name, "meta": {"_type": "gradio.FileData"}}


def without_time(comparison):
    """A comparison, of the API or of `predict`, without times, and without the film's name."""
    readings = {
        network: {key: value for key, value in reading.items() if key != "milliseconds"}
        for network, reading in comparison["readings"].items()
    }
    return {"readings": readings, "agree": comparison["agree"], "error": comparison["error"]}


def keys_of(value):
    """Every key of every object in an answer."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def picture_of(address):
    """The picture in a `data:` address of a PNG, as OpenCV reads it."""
    kind, data = address.split(",")
    assert kind == "data:image/png;base64"
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture
def api(models):
    return endpoints(load_models(models))


@pytest.fixture
def film(write_film, tmp_path):
    return write_film(tmp_path / "upload" / "film.png", 200)


def test_compare_is_what_predict_prints_and_deletes_the_upload(api, film, models, run_command):
    printed = json.loads(run_command("predict", film, "--json", "--models", models, "--operating-point", "f1").stdout)
    answer = api["compare"](uploaded(film, "../other/own name.png"), "f1")
    assert answer["film"] == "own name.png"
    assert list(answer) == ["film", "readings", "agree", "error", "heatmaps"]
    assert without_time(answer) == without_time(printed[0])
    assert not film.parent.exists()


def test_no_answer_has_a_key_that_gradios_client_takes_for_a_file(write_film, tmp_path):
    api, films = endpoints(load_models()), iter(write_film(tmp_path / str(number) / "film.png") for number in range(4))
    answers = [
        api["compare"](uploaded(next(films)), None, True),
        api["classify"](uploaded(next(films)), "a"),
        api["batch"]([uploaded(next(films)), uploaded(next(films))]),
        *(api["evaluation"](network, split) for network in "ab" for split in ("validation", "test")),
        *(api["card"](network) for network in "ab"),
    ]
    assert {"film", "probability", "curves", "prepare"} <= keys_of(answers)
    assert not {"path", "meta", "url", "is_stream"} & keys_of(answers)


def test_heatmaps_come_where_they_are_asked_for_and_lie_over_the_film(synthetic, tmp_path):
    def upload():
        path = tmp_path / "upload" / "film.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), cv2.resize(synthetic, (250, 200)))
        return uploaded(path)

    api = endpoints(load_models())
    answer = api["compare"](upload(), None, True)
    assert set(answer["heatmaps"]) == {"a", "b"}
    for picture in map(picture_of, answer["heatmaps"].values()):
        assert picture.shape[1] / picture.shape[0] == pytest.approx(250 / 200, rel=0.01)
        assert picture.shape[2] == 4
        assert picture[..., 3].any()
        assert not picture[..., 3].all()
    without = api["compare"](upload())
    assert without["heatmaps"] is None
    assert api["compare"](upload(), None, None)["heatmaps"] is None  # as /call/compare fills what was left out
    assert without_time(without) == without_time(answer)


def test_no_heatmap_of_a_network_that_refuses_or_of_a_film_that_cannot_be_read(tmp_path, write_film):
    api = endpoints(load_models())
    noise = tmp_path / "noise" / "film.png"
    noise.parent.mkdir()
    cv2.imwrite(str(noise), np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8))
    answer = api["compare"](uploaded(noise), None, True)
    assert any(reading["refused"] for reading in answer["readings"].values())
    assert set(answer["heatmaps"]) == {name for name, reading in answer["readings"].items() if not reading["refused"]}
    bad = tmp_path / "bad" / "film.jpg"
    bad.parent.mkdir()
    bad.write_text("no film")
    assert api["compare"](uploaded(bad), None, True)["heatmaps"] == {}


def test_an_upload_is_read_once(api, film):
    api["compare"](uploaded(film))
    again = api["compare"](uploaded(film))
    assert again["readings"] == {}
    assert "upload the film again" in again["error"]


def test_classify_is_one_row(api, film, models):
    expected = compare_film(film, load_models(models).classifiers)["readings"]["b"]
    answer = api["classify"](uploaded(film), "b")
    assert answer.pop("milliseconds") >= 0
    del expected["milliseconds"]
    assert answer == {"film": "film.png", "network": "b", **expected, "error": None}


def test_a_bad_film_is_an_error_in_its_object(api, tmp_path):
    def bad():
        path = tmp_path / "bad" / "film.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_text("no film")
        return uploaded(path)

    assert api["compare"](bad())["error"].startswith("text: expected a JPEG")
    row = api["classify"](bad(), "a")
    assert row["error"].startswith("text: expected a JPEG")
    assert {key for key, value in row.items() if value is None} == set(row) - {"film", "network", "error"}
    assert not (tmp_path / "bad").exists()


def test_a_film_that_is_too_large_is_not_read_to_its_end(api, tmp_path):
    path = tmp_path / "large" / "film.dcm"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(MAX_BYTES * 50)  # a hole: nothing is written
    assert "larger than 100 MB" in api["compare"](uploaded(path))["error"]
    assert not path.exists()


def test_a_batch_keeps_the_order_and_goes_on_after_a_bad_film(api, write_film, tmp_path):
    films = [write_film(tmp_path / str(grey) / "film.png", grey) for grey in (250, 10, 30)]
    films[1].write_text("no film")
    answers = api["batch"]([uploaded(film, f"{number}.png") for number, film in enumerate(films)], "youden")
    assert [answer["film"] for answer in answers] == ["0.png", "1.png", "2.png"]
    assert [answer["error"] is None for answer in answers] == [True, False, True]
    assert answers[0]["readings"]["a"]["positive"] is True
    assert answers[2]["readings"]["a"]["positive"] is False
    assert not any(film.exists() for film in films)


def test_a_batch_that_takes_too_long_ends_and_says_what_was_not_read(api, write_film, tmp_path, monkeypatch):
    monkeypatch.setattr(page_api, "SECONDS_OF_A_BATCH", 0)
    films = [write_film(tmp_path / str(number) / "film.png") for number in range(2)]
    answers = api["batch"]([uploaded(film) for film in films])
    assert [answer["error"] for answer in answers] == [page_api.TOO_LATE] * 2
    assert not any(film.exists() for film in films)


def test_evaluation_is_of_the_bundle_that_was_verified(models, tiny_bundle):
    tiny_bundle(models, "a")
    loaded = load_models(models)
    stored = loaded.bundles["a"].contents["evaluation.json"]
    (models / "a" / "evaluation.json").write_text('{"validation": {"metrics": {"auroc": {"value": 1.0}}}}')
    assert loaded.bundles["a"].contents["evaluation.json"] == stored
    with pytest.raises(gradio.Error, match="was not evaluated"):
        endpoints(loaded)["evaluation"]("a")


def test_evaluation_and_card_come_from_the_bundle():
    loaded = load_models()
    api = endpoints(loaded)
    for network, bundle in loaded.bundles.items():
        stored = json.loads((default_models_folder() / network / "evaluation.json").read_text())
        answer = api["evaluation"](network)
        assert answer["split"] == "validation"
        for split, given in (("validation", answer), ("test", api["evaluation"](network, "test"))):
            assert given["metrics"]["auroc"] == stored[split]["metrics"]["auroc"]
            assert given["curves"]["roc"]["sensitivity"] == stored[split]["curves"]["roc"]["sensitivity"]
        assert api["card"](network) == bundle.card.model_dump(mode="json")
        json.dumps([answer, api["card"](network)], allow_nan=False)


def test_every_threshold_of_an_answer_is_on_the_cards_scale():
    loaded = load_models()
    api = endpoints(loaded)
    for network, bundle in loaded.bundles.items():
        answer, card = api["evaluation"](network), api["card"](network)
        for name, point in card["operating_points"].items():
            assert answer["thresholds"][name] == point["threshold"]
            at = answer["metrics"]["operating_points"][name]
            assert at["threshold"] == pytest.approx(point["threshold"], abs=1e-6)
            # The curve has the point: as many films called pneumonia there as the metrics say.
            roc = answer["curves"]["roc"]
            nearest = min(range(len(roc["thresholds"])), key=lambda row: abs(roc["thresholds"][row] - at["threshold"]))
            assert roc["sensitivity"][nearest] == pytest.approx(at["sensitivity"]["value"], abs=0.1)
        raw = json.loads((bundle.folder / "evaluation.json").read_text())["validation"]["curves"]["roc"]["thresholds"]
        assert raw != answer["curves"]["roc"]["thresholds"]
        assert sorted(answer["curves"]["roc"]["thresholds"], reverse=True) == answer["curves"]["roc"]["thresholds"]


@pytest.mark.parametrize(
    ("endpoint", "arguments", "line"),
    [
        ("compare", (None,), "film: expected an uploaded file"),
        ("compare", ("/etc/passwd",), "film: expected an uploaded file"),
        ("compare", ({"path": "/etc/passwd"},), "film: expected an uploaded file"),
        ("compare", ("FILM", "best"), "operating point 'best': network a has f1, youden"),
        ("compare", ("FILM", ["f1"]), "operating_point: expected one of"),
        ("compare", ("FILM", None, "yes"), "heatmaps: expected true or false. Received: 'yes'"),
        ("compare", ("FILM", None, 1), "heatmaps: expected true or false. Received: 1"),
        ("classify", ("FILM", "c"), "network: expected a or b. Received: 'c'"),
        ("classify", ("FILM", ["a"]), "network: expected a or b"),
        ("batch", ([],), f"films: expected a list of 1 to {MOST_FILMS} uploaded files. Received: 0"),
        ("batch", (["FILM"] * (MOST_FILMS + 1),), f"Received: {MOST_FILMS + 1}"),
        ("batch", ("FILM",), "films: expected a list"),
        ("batch", (["FILM", 5],), "film: expected an uploaded file"),
        ("evaluation", ("a", "train"), "split: expected validation or test. Received: 'train'"),
        ("evaluation", ("a", "validation"), "network a was not evaluated on the validation films"),
        ("card", (None,), "network: expected a or b. Received: None"),
    ],
)
def test_a_bad_argument_is_one_line_and_reads_no_film(api, film, endpoint, arguments, line):
    def filled(value):
        return (
            [filled(part) for part in value]
            if isinstance(value, list)
            else uploaded(film)
            if value == "FILM"
            else value
        )

    with pytest.raises(gradio.Error) as caught:
        api[endpoint](*map(filled, arguments))
    assert line in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.print_exception is False
    assert film.exists()


def test_a_network_that_is_missing_or_damaged_is_said(models, film, tmp_path):
    shutil.rmtree(models / "b")
    api = endpoints(load_models(models))
    answer = api["compare"](uploaded(film))
    assert list(answer["readings"]) == ["a"]
    assert answer["agree"] is None
    with pytest.raises(gradio.Error, match="network b is not here"):
        api["card"]("b")
    (models / "a" / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(gradio.Error, match="differs from its checksum"):
        endpoints(load_models(models))["card"]("a")
    with pytest.raises(gradio.Error, match="no network is here"):
        endpoints(load_models(tmp_path / "none"))["compare"](uploaded(film))


def test_the_operating_points_of_the_types_are_those_of_the_cards(running_page):
    info = httpx.get(f"{running_page}/gradio_api/info", trust_env=False).json()
    assert info["unnamed_endpoints"] == {}
    named = info["named_endpoints"]
    assert sorted(named) == sorted(f"/{name}" for name in PARAMETERS)
    for name, parameters in PARAMETERS.items():
        described = {parameter["parameter_name"]: parameter for parameter in named[f"/{name}"]["parameters"]}
        assert tuple(described) == parameters
        assert next(iter(described.values()))["parameter_has_default"] is False
        if "operating_point" in described:
            assert sorted(described["operating_point"]["type"]["oneOf"][1]["enum"]) == sorted(POINT_NAMES)
    returned = named["/compare"]["returns"][0]["type"]["properties"]
    assert list(returned) == ["film", "readings", "agree", "error", "heatmaps"]


# The document's own examples.


@pytest.fixture(scope="module")
def phantoms():
    """Distinct synthetic films, as JPEG."""
    films = []
    for number in range(CLIENTS):
        anatomy, film = (np.random.default_rng([number, stream]) for stream in (0, 1))
        picture = draw_phantom(anatomy, film, number % 2, False, 96)
        films.append(cv2.imencode(".jpg", picture)[1].tobytes())
    return films


@pytest.fixture
def here(synthetic, tmp_path):
    """A folder with the document's film.jpg, which both networks give a verdict on."""
    cv2.imwrite(str(tmp_path / "film.jpg"), synthetic)
    return tmp_path


@pytest.fixture(scope="module")
def synthetic():
    """A film that no network refuses."""
    return cv2.imread(str(default_examples_folder() / "synthetic-pneumonia-03.png"), cv2.IMREAD_GRAYSCALE)


@pytest.fixture
def printed(here, run_command):
    """What `predict --json` says of that film."""
    return without_time(json.loads(run_command("predict", here / "film.jpg", "--json").stdout)[0])


def examples(heading, language, page):
    """The document's examples of a language under a heading, for another address."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert all(DOCUMENTED_ADDRESS in example or "function" in example or "api_name" in example for example in found)
    return [example.replace(DOCUMENTED_ADDRESS, page) for example in found]


def run(command, folder):
    quiet = os.environ | {"HF_HUB_DISABLE_TELEMETRY": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, env=quiet)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_the_document_with_curl(running_page, here, printed):
    (compare,) = examples("/compare", "bash", running_page)
    answer = json.loads(run(["bash", "-c", compare], here))
    assert [without_time(comparison) for comparison in answer] == [printed]
    (card,) = examples("The others", "bash", running_page)
    assert json.loads(run(["bash", "-c", card], here))[0]["network"] == "a"


def test_the_document_in_python(running_page, here, printed):
    compare, heatmaps = examples("/compare", "python", running_page)
    (others,) = examples("The others", "python", running_page)
    asked = ", ".join(others.strip().splitlines())
    script = compare.replace("print(", "answer = (") + heatmaps + OTHERS_IN_PYTHON % asked
    answer, row, batch, evaluation, card = json.loads(run([sys.executable, "-c", script], here))
    assert without_time(json.loads(answer)) == printed
    check_the_others(row, batch, evaluation["curves"], card, printed)
    saved = {path.stem.removeprefix("film-"): cv2.imread(str(path)) for path in here.glob("film-*.png")}
    assert set(saved) == {"a", "b"}
    assert all(picture is not None and min(picture.shape[:2]) > 100 for picture in saved.values())


def test_gradios_client_as_it_comes(running_page, here, printed):
    """No option, positional arguments: what whoever has not read the document writes."""
    script = f"""
import json
from gradio_client import Client, handle_file
page = Client("{running_page}")
one = page.predict(handle_file("film.jpg"), api_name="/compare")
row = page.predict(handle_file("film.jpg"), "a", api_name="/classify")
many = page.predict([handle_file("film.jpg")], api_name="/batch")
print(json.dumps([one, row, many]))
"""
    one, row, many = json.loads(run([sys.executable, "-c", script], here).splitlines()[-1])
    assert [one["film"], row["film"], many[0]["film"]] == ["film.jpg"] * 3
    assert without_time(one) == without_time(many[0]) == printed
    assert row["probability"] == printed["readings"]["a"]["probability"]


OTHERS_IN_PYTHON = "\nprint(json.dumps([answer, %s]))"


def check_the_others(row, batch, curves, card, printed):
    reading = printed["readings"]["a"]
    assert (row["network"], row["probability"], row["operating_point"]) == ("a", reading["probability"], "f1")
    assert [without_time(comparison) for comparison in batch] == [printed, printed]
    assert set(curves) >= {"roc", "precision_recall", "f1"}
    assert card["network"] == "b"


def javascript(page, film):
    """The document's functions, then what calls them all, as the body of a function; `film` is an expression."""
    functions, _ = examples("/compare", "javascript", page)
    (others,) = examples("The others", "javascript", page)
    answered = f'[await compare("{page}", film, "film.jpg"), one, two, curves, card]'
    return f"{functions}\nconst film = {film};\n{others}\nconst answered = {answered};\n"


def test_the_document_in_javascript_in_a_browser(running_page, here, printed, chromium):
    coded = base64.b64encode((here / "film.jpg").read_bytes()).decode()
    script = javascript(running_page, f'await (await fetch("data:image/jpeg;base64,{coded}")).blob()')
    with chromium.new_page() as page:
        page.goto(running_page)
        answer, row, batch, curves, card = page.evaluate(f"async () => {{ {script} return answered; }}")
    assert without_time(answer) == printed
    check_the_others(row, batch, curves, card, printed)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")
def test_the_document_in_javascript_in_node(running_page, here, printed):
    functions, node = examples("/compare", "javascript", running_page)
    (here / "script.mjs").write_text(functions + node)
    assert without_time(json.loads(run(["node", "script.mjs"], here))) == printed


# Over HTTP: what a client that means no good may try, and many clients at once.


class Client:
    """The calls of docs/api.md."""

    def __init__(self, page):
        self.http = httpx.Client(base_url=f"{page}/gradio_api", trust_env=False, timeout=60)

    def upload(self, data, name="film.jpg"):
        (path,) = self.http.post("/upload", files={"files": (name, data)}).raise_for_status().json()
        return uploaded(Path(path), name)

    def call(self, endpoint, *data):
        begun = self.http.post(f"/call/{endpoint}", json={"data": data}).raise_for_status()
        events = self.http.get(f"/call/{endpoint}/{begun.json()['event_id']}").text
        event, text = re.search(r"event: (complete|error)\ndata: (.*)", events).groups()
        return event, json.loads(text)


@pytest.fixture
def client(running_page):
    client = Client(running_page)
    with client.http:
        yield client


def test_over_http_a_wrong_argument_is_one_line(client, phantoms):
    event, answer = client.call("compare", client.upload(phantoms[0]), "best")
    assert event == "error"
    assert answer["error"].startswith("operating point 'best'")
    assert client.http.post("/call/compare", json={"data": []}).status_code == 422
    assert client.http.post("/call/other", json={"data": []}).json()["detail"].startswith("no endpoint of that name")


def test_the_server_fetches_no_address_and_reads_no_file_of_its_own(client, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_text("secret")
    for place in ("http://127.0.0.1:9/film.png", "https://example.org/film.png", str(secret), "/etc/passwd"):
        for body in ({"data": [uploaded(Path(place)) | {"path": place, "url": place}]},):
            assert client.http.post("/call/compare", json=body).status_code == 400
            assert client.http.post("/run/predict", json=body | {"fn_index": 0}).status_code == 400
            joined = body | {"fn_index": 0, "session_hash": "0"}
            assert client.http.post("/queue/join", json=joined).status_code == 400
        assert client.http.get(f"/file={place}").status_code in (403, 404)


def test_each_upload_is_a_file_of_its_own(client, phantoms):
    first, second = (client.upload(phantoms[0]) for _ in range(2))
    assert first["path"] != second["path"]
    assert client.call("compare", first)[1][0]["error"] is None
    assert client.call("compare", second)[1][0]["error"] is None
    assert not Path(first["path"]).exists()
    assert not Path(second["path"]).exists()


@pytest.mark.slow
def test_many_clients_at_once_each_hear_of_their_own_film(running_page, phantoms):
    classifiers = load_models().classifiers
    expected = [without_time(compare_film("film.jpg", classifiers, data=film)) for film in phantoms]
    assert len({film["readings"]["a"]["probability"] for film in expected}) == CLIENTS

    def visit(number):
        client = Client(running_page)
        answers = []
        with client.http:
            for step in range(FILMS_PER_CLIENT):  # the same films at the same time, by the same name
                film = (number + step) % CLIENTS
                event, answer = client.call("compare", client.upload(phantoms[film]))
                answers.append((film, event, without_time(answer[0])))
        return answers

    with ThreadPoolExecutor(CLIENTS) as threads:
        for answers in threads.map(visit, range(CLIENTS)):
            for film, event, answer in answers:
                assert (event, answer) == ("complete", expected[film])
