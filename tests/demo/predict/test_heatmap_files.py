"""`predict --heatmaps DIR`: a picture for each film and network, under a name that no other film has."""

import json
import os

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from demo.inference.heatmap_drawing import LAYER_SIDE
from demo.language.heatmap_sentences import english_caption
from demo.predict.heatmap_files import overlay_names
from export.bundle.card import HeatmapCard

HEATMAP = HeatmapCard(
    method="HiResCAM",
    layer="input of flatten",
    shape=(8, 8),
    scale=1.0,
    scale_percentile=99.5,
    scale_from="tests",
    validation_clipped=0.0,
    checks={},
)


@pytest.fixture
def films(tmp_path, write_film):
    """Two films of one name."""
    return [write_film(tmp_path / folder / "film.png", grey) for folder, grey in (("x", 40), ("y", 250))]


@pytest.fixture
def showing(tmp_path, tiny_bundle):
    """Network a shows heatmaps and refuses films brighter than 0.9; b is older than both."""
    graph = {"heatmap": True, "novelty": True}
    tiny_bundle(tmp_path / "models", "a", graph, heatmap=HEATMAP, novelty_limit=0.9)
    tiny_bundle(tmp_path / "models", "b")
    return tmp_path / "models"


def test_a_picture_for_each_film_with_a_verdict(tmp_path, films, showing, run_command):
    result = run_command("predict", *films, "--models", showing, "--heatmaps", tmp_path / "maps", "--csv")
    assert result.exit_code == 0, result.stderr
    assert "network b shows no heatmap" in result.stderr
    names = overlay_names([str(film) for film in films])
    assert [path.name for path in (tmp_path / "maps").iterdir()] == [f"{names[str(films[0])]}-a.jpg"]
    picture = cv2.imread(str(tmp_path / "maps" / f"{names[str(films[0])]}-a.jpg"))
    assert picture.shape[2] == 3
    assert picture.shape[0] > LAYER_SIDE  # the film's longer side; the legend is below


def test_force_shows_the_verdict_and_the_heatmap_of_a_refused_film(tmp_path, films, showing, run_command):
    options = ["--models", showing, "--network", "a", "--csv"]
    refused = run_command("predict", films[1], *options)
    assert refused.exit_code == 0
    assert ",,true,0.98" in refused.stdout
    assert refused.stdout.rstrip().endswith(",0.9")
    forced = run_command("predict", films[1], *options, "--force", "--heatmaps", tmp_path / "maps")
    assert forced.exit_code == 0
    assert ",true,true,0.98" in forced.stdout
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["film.png-a.jpg"]


def test_a_picture_beside_a_refusal_says_not_to_rely_on_it(
    tmp_path, films, showing, tiny_bundle, run_command, monkeypatch
):
    tiny_bundle(tmp_path / "models", "b", {"heatmap": True}, heatmap=HEATMAP)
    captions = {}
    monkeypatch.setattr(
        "demo.predict.heatmap_files.english_caption",
        lambda network, heatmap, refusing: captions.setdefault(network, english_caption(network, heatmap, refusing)),
    )
    options = ["--models", showing, "--heatmaps", tmp_path / "maps"]
    assert run_command("predict", films[1], *options).exit_code == 0
    assert "A refuses this picture; do not rely on B." in captions["b"]
    assert set(captions) == {"b"}
    assert run_command("predict", films[0], *options).exit_code == 0
    assert not [line for line in captions["a"] if "refuses" in line]


def test_a_refusal_is_said_in_words_with_number_and_limit(films, showing, run_command):
    result = run_command("predict", films[1], "--models", showing, "--network", "a")
    said = " ".join(result.stdout.replace("│", " ").split())
    for words in ("too unlike the films I learnt from", "novelty 0.98", "limit 0.90", "refuses 1"):
        assert words in said


def test_bundles_without_heatmaps_are_one_line(tmp_path, films, models, run_command):
    result = run_command("predict", films[0], "--models", models, "--heatmaps", tmp_path / "maps")
    assert result.exit_code == 2
    assert "no heatmap in these bundles" in result.stderr
    assert not (tmp_path / "maps").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, films, showing, run_command):
    (tmp_path / "file").touch()
    result = run_command("predict", films[0], "--models", showing, "--heatmaps", tmp_path / "file")
    assert result.exit_code == 2
    assert "no folder for heatmaps" in result.stderr


def test_a_picture_that_cannot_be_written_leaves_the_reading(tmp_path, films, showing, run_command):
    maps = tmp_path / "maps"
    arguments = ("predict", films[0], "--models", showing, "--heatmaps", maps, "--network", "a", "--jsonl")
    whole = json.loads(run_command(*arguments).stdout)
    (maps / "film.png-a.jpg").unlink()
    (maps / "film.png-a.jpg" / "x").mkdir(parents=True)
    result = run_command(*arguments)
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert "1 heatmaps could not be written, the first: " in line
    assert "(Is a directory)" in line
    assert "Traceback" not in result.output
    found = json.loads(result.stdout)
    assert found["error"] is None
    assert found["readings"]["a"]["probability"] == whole["readings"]["a"]["probability"]


paths = st.lists(
    st.binary(min_size=1, max_size=240).map(lambda name: os.fsdecode(name.replace(b"\0", b"0"))), unique=True
)


@given(paths)
@example(["a/film.png", "b/film.png", "b/FILM.png"])
@example(["x" * 230 + "1", "x" * 230 + "2"])
@example(["-", "./-"])
def test_every_film_has_a_name_of_its_own(films):
    names = overlay_names(films)
    assert len({name.lower() for name in names.values()}) == len(films)
    assert all(len(os.fsencode(name)) < 230 and "/" not in name for name in names.values())


def test_a_name_is_the_same_in_every_run():
    assert overlay_names(["a/film.png"]) == {"a/film.png": "film.png"}
    both = overlay_names(["a/film.png", "b/film.png"])
    assert both == overlay_names(["b/film.png", "a/film.png"])
    assert all(name.startswith("film.png-") for name in both.values())


def test_the_picture_is_of_the_film(tmp_path, showing, run_command, write_film):
    film = write_film(tmp_path / "dark.png", 0, (100, 50))
    run_command("predict", film, "--models", showing, "--network", "a", "--heatmaps", tmp_path / "maps")
    picture = cv2.imread(str(tmp_path / "maps" / "dark.png-a.jpg"))
    film = picture[:LAYER_SIDE, : LAYER_SIDE // 2]
    assert film.shape[:2] == (LAYER_SIDE, LAYER_SIDE // 2)
    assert np.median(film) == 0
    assert np.median(picture[LAYER_SIDE + 8 :]) > 240
