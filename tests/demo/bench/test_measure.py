import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from demo import cli
from demo.bench import cli as bench_cli
from demo.bench import loader as bench_loader
from demo.bench import measure as bench
from demo.bench import variants as bench_variants
from demo.bench.variants import FLOAT32, INT8, SHIPPED, Variant, measure_variants, steps_of_variants
from demo.inference.classifier import load_classifier
from demo.inference.compare import compare_film
from export.bundle import BUNDLE_FILES, CARD, MODEL, find_bundles, write_bundle
from train.common.errors import PneumoscopeError


@pytest.fixture
def quick(monkeypatch):
    """The bench with as few and as small films as will do."""
    monkeypatch.setattr(bench, "ROUNDS", 2)
    monkeypatch.setattr(bench, "FRESH_RUNS", 1)
    monkeypatch.setattr(bench, "PHANTOM_SIDE", 64)
    monkeypatch.setattr(bench, "SINGLE_READINGS", 3)


def test_phantoms_are_films_that_predict_reads(tmp_path, models, quick):
    classifiers = {"a": load_classifier(find_bundles(models)["a"], threads=1)}
    films = bench.make_phantoms(tmp_path, 6, lambda: None)
    assert len(set(films)) == 6
    assert all(compare_film(film, classifiers)["error"] is None for film in films)


def test_films_that_cannot_be_read_are_left_out(tmp_path, models, write_film):
    bundles = find_bundles(models)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no film")
    films = [str(write_film(tmp_path / f"{grey}.png", grey)) for grey in (1, 2, 3)]
    paths, images = bench.prepare_films([str(bad), *films], bundles, 2, lambda: None)
    assert paths == films[:2]
    assert {network: prepared.shape for network, prepared in images.items()} == {"a": (2, 8, 8, 1), "b": (2, 8, 8, 1)}
    assert images["b"][:, 0, 0, 0].tolist() == [1, 2]
    with pytest.raises(PneumoscopeError, match="none of 1 films"):
        bench.prepare_films([str(bad)], bundles, 2, lambda: None)


def test_each_network_alone_and_all_together():
    assert bench.sets_of_networks({"a": None, "b": None}) == ["a", "b", "ab"]
    assert bench.sets_of_networks({"b": None}) == ["b"]


def test_each_round_takes_every_way_in_turn(monkeypatch):
    monkeypatch.setattr(bench, "ROUNDS", 3)
    clock = iter(range(1000))
    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    taken, steps = [], []

    def slow():
        taken.append("slow")
        next(clock)

    seconds = bench.time_in_turn({"fast": lambda: taken.append("fast"), "slow": slow}, lambda: steps.append(1))
    assert taken == ["fast", "slow"] * 4
    assert seconds == {"fast": [1, 1, 1], "slow": [2, 2, 2]}
    assert len(steps) == 8


@pytest.mark.parametrize("at_once", [1, 3])
def test_every_film_goes_through_every_network_once(at_once):
    seen = {"a": [], "b": []}

    def network(name):
        session = SimpleNamespace(run=lambda outputs, feeds: seen[name].extend(feeds["image"][:, 0, 0, 0].tolist()))
        return SimpleNamespace(session=session, outputs=("logit",))

    images = np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1)
    bench.run_at_once([(network("a"), images), (network("b"), images + 100)], at_once)
    assert {name: sorted(numbers) for name, numbers in seen.items()} == {
        "a": list(range(7)),
        "b": list(range(100, 107)),
    }


def test_the_limit_is_the_work_of_a_film_on_every_processor(models, monkeypatch):
    works = iter([bench.Work(9, 9, 9), bench.Work(4, 2, 4), bench.Work(2, 1, 2), bench.Work(8, 4, 8)] * 3)

    def in_turn(ways, advance):
        for _ in range(4):  # the first warms up
            ways["work"]()
        return {"work": [], "predict": [0.05, 0.02, 0.1]}

    monkeypatch.setattr(bench, "ROUNDS", 3)
    monkeypatch.setattr(bench, "usable_processors", lambda: 2)
    monkeypatch.setattr(bench, "work_of", lambda films, classifiers: next(works))
    monkeypatch.setattr(bench, "time_in_turn", in_turn)
    found = bench.measure_throughput(find_bundles(models), ["film"] * 8, lambda: None)
    assert [measured.networks for measured in found] == ["a", "b", "ab"]
    # Rounds: limits 200, 400, 100; predict 160, 400, 80.
    assert {(one.work, one.limit, one.predict) for one in found} == {(bench.Work(4, 2, 4), 200, 160)}
    assert [one.ratio for one in found] == [pytest.approx(0.8)] * 3


def test_a_failing_part_is_one_line():
    with pytest.raises(PneumoscopeError, match=r"ended with 3: the reason$"):
        bench.run_python(["-c", "import sys; print('the reason', file=sys.stderr); sys.exit(3)"])


def test_a_peak_is_the_process_own(tmp_path, models, write_film):
    film = str(write_film(tmp_path / "film.png"))
    ballast = np.ones(300_000_000, np.uint8)  # which a child would inherit in getrusage
    found = bench.measure_fresh_process(models, [film], lambda: None)
    assert found.films == 1
    assert 30 < found.megabytes < ballast.nbytes / 1e6
    assert found.seconds > 0.1


@pytest.fixture
def made(tmp_path, tiny_card, tiny_model, monkeypatch):
    """What export.graph.quantize would make: float32 that is what ships, and an INT8 a little brighter."""
    commands = []

    def quantize(command):
        commands.append((command, np.load(command[3])))
        (tmp_path / "float32.onnx").write_bytes(tiny_model(tiny_card(network="b")))
        (tmp_path / "int8.onnx").write_bytes(tiny_model(tiny_card(network="b"), bias=-3.9))
        return b""

    monkeypatch.setattr(bench_variants, "run_python", quantize)
    monkeypatch.setattr(bench, "ROUNDS", 1)
    return commands


def greys(count):
    return np.linspace(0, 255, count).astype(np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 8, 8, 1), np.uint8)


def test_changed_decisions_are_counted_on_films_that_did_not_calibrate(tmp_path, tiny_bundle, made):
    bundle = tiny_bundle(tmp_path / "models", "b")
    steps = []
    shipped, float32, int8 = measure_variants(bundle, greys(4), greys(256), tmp_path, lambda: steps.append(1))
    assert len(steps) == steps_of_variants(greys(256))
    assert [form.name for form in (shipped, float32, int8)] == [SHIPPED, FLOAT32, INT8]
    command, calibration = made[0]
    assert command[:3] == ["-m", "export.graph.quantize", str(bundle.model)]
    assert len(calibration) == bench_variants.CALIBRATION_FILMS
    assert shipped.judged == int8.judged == 256 - bench_variants.CALIBRATION_FILMS
    assert set(shipped.changed.values()) == {0}
    assert shipped.may_ship is True
    # A logit of 0.1 more, halved by the temperature, moves every threshold by 3.2 grey levels.
    assert all(2 <= changed <= 4 for changed in int8.changed.values())
    assert list(int8.changed) == list(bundle.card.operating_points)
    assert int8.largest_difference == pytest.approx(0.0125, rel=0.01)
    assert int8.may_ship is False
    assert shipped.megabytes == bundle.model.stat().st_size / 1e6
    assert float32.speed == 1.0


def test_without_validation_films_nothing_is_judged(tmp_path, tiny_bundle, made):
    forms = measure_variants(tiny_bundle(tmp_path / "models", "b"), greys(4), None, tmp_path, lambda: None)
    assert len(made[0][1]) == 4
    assert {(form.judged, form.changed, form.may_ship) for form in forms} == {(0, None, None)}


def test_refusals_that_change_are_counted_with_the_cards_limit(tmp_path, tiny_bundle):
    bundle = tiny_bundle(tmp_path / "models", "b", {"novelty": True}, novelty_limit=0.5)
    probability = np.full(4, 0.9, np.float32)
    float32 = {"probability": probability, "novelty": np.array([0.4, 0.4, 0.6, 0.5], np.float32)}
    int8 = {"probability": probability, "novelty": np.array([0.6, np.nan, 0.7, 0.5], np.float32)}
    form = bench_variants._judge(Variant(INT8, 1.0, 1.0), bundle, int8, float32)
    assert (form.judged, form.refusals_changed, form.may_ship) == (4, 2, False)
    assert set(form.changed.values()) == {0}


@pytest.mark.parametrize(
    ("changed", "refusals", "may_ship"),
    [(0, None, True), (2, 0, True), (3, 0, False), (0, 2, True), (0, 3, False)],
)
def test_int8_ships_at_one_changed_decision_or_refusal_in_500(changed, refusals, may_ship):
    form = Variant(INT8, 1.0, 1.0, judged=1000, changed={"f1": 0, "youden": changed}, refusals_changed=refusals)
    assert form.may_ship is may_ship


@pytest.fixture
def run(models, quick, monkeypatch):
    """Run `pneumoscope bench` without Keras, whose start takes too long for a test."""
    monkeypatch.setattr(bench_variants, "can_run_keras", lambda: False)

    def bench_command(*arguments, **environment):
        arguments = ["bench", "--models", str(models), "--count", "3", *map(str, arguments)]
        return CliRunner().invoke(cli.app, arguments, env={"PNEUMOSCOPE_DATA": None, **environment})

    return bench_command


def test_the_whole_bench_as_json_and_as_tables(run, monkeypatch):
    result = run("--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert [row["networks"] for row in report["throughput"]] == ["a", "b", "ab"]
    assert all(row["ratio"] > 0 and min(row["work"].values()) > 0 for row in report["throughput"])
    assert all(row["p50"] <= row["p95"] for row in report["single_films"])
    assert [row["films"] for row in report["fresh_processes"]] == [1, 3]
    assert [row["name"] for row in report["forms_of_b"]] == [SHIPPED, FLOAT32, INT8]
    assert report["films"] == {"count": 3, "source": "synthetic, 64×64 JPEG"}
    assert "INT8's decisions are not counted" in result.stderr

    bench_cli._print_report(report)
    monkeypatch.setattr(bench_variants, "can_make_variants", lambda: False)
    tables = run()
    assert tables.exit_code == 0
    for words in ("Films per second", "A and B", "peak memory", "as shipped", "models: A 0.0 MB"):
        assert words in tables.stdout
    assert "pip install 'pneumoscope[train]'" in tables.stderr


def test_the_users_films_and_the_bundles_validation_films(run, models, tmp_path, write_film, monkeypatch):
    monkeypatch.setattr(bench_variants, "CALIBRATION_FILMS", 2)
    rows = b"film,patient,split,label,logit\n"
    for grey in range(0, 250, 50):
        write_film(tmp_path / "data" / f"{grey}.png", grey)
        rows += f"{grey}.png,p{grey},validation,{int(grey > 100)},0.5\n".encode()
    rows += b"gone.png,gone,validation,0,0.5\ntest.png,t,test,0,0.5\n"
    bundle = find_bundles(models)["b"]
    files = {name: (bundle.folder / name).read_bytes() for name in BUNDLE_FILES if name not in (MODEL, CARD)}
    write_bundle(bundle.folder, bundle.card, bundle.model.read_bytes(), files | {"scores.csv": rows})
    result = run("--json", "--films", tmp_path / "data", "--data", tmp_path / "data")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["films"] == {"count": 3, "source": str(tmp_path / "data")}
    assert [row["judged"] for row in report["forms_of_b"]] == [3, 3, 3]


def test_the_loader_alone_as_json_and_as_table(run, monkeypatch):
    given = []

    def measured(arguments):
        _, module, kind, workers, folder, _ = arguments
        given.append((module, kind, workers, len(list(Path(folder).iterdir()))))
        place = len(given) - 1
        return str([100, 180, 150][place % 3] * [1, 2, 4][place // 3]).encode()

    monkeypatch.setattr(bench_loader, "run_python", measured)
    result = run("--loader", "--json")
    assert result.exit_code == 0, result.stderr
    rates = json.loads(result.stdout)["loader"]
    ways = [("threads", 1), ("threads", 2), ("processes", 2)]
    assert [(rate["kind"], rate["workers"]) for rate in rates] == ways
    assert given == [
        ("train.fitting.batches.loader_speed", kind, str(count), bench_loader.FILMS) for kind, count in ways * 3
    ]
    assert [rate["films_per_second"] for rate in rates] == [200, 360, 300]
    assert [rate["ratio"] for rate in rates] == [1, 1.8, 1.5]
    given.clear()
    table = run("--loader").stdout
    assert all(words in table for words in ("1 thread ", "2 threads", "2 processes", "360", "1.8"))


def test_the_loader_needs_keras_and_draws_its_own_films(run, tmp_path, monkeypatch):
    refused = run("--loader", "--films", tmp_path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "leave out --films" in refused.stderr
    monkeypatch.setattr(bench_loader.importlib.util, "find_spec", lambda name: None)
    missing = run("--loader")
    assert missing.exit_code == 1
    assert "pip install 'pneumoscope[train]'" in missing.stderr


def test_wrong_use(run, tmp_path, models):
    assert run("--films", tmp_path / "gone").exit_code == 2
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "film.png").write_bytes(b"no film")
    result = run("--films", tmp_path / "bad")
    assert result.exit_code == 1
    assert "error: none of 1 films can be read" in result.stderr
