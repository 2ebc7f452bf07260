import hashlib
import json
import string

import pytest

from demo.evaluation import example_films
from demo.evaluation.example_films import MOST_EXAMPLES, default_examples_folder, find_examples, synthetic_examples
from demo.language.catalogue import wording
from export.bundle import default_models_folder, find_bundles, write_bundle
from train.radiograph import read_radiograph
from train.synthetic.film_folder import SYNTHESIS

NAMES = [f"synthetic-{truth}-0{number}.png" for truth in ("normal", "pneumonia") for number in (1, 2)]


@pytest.fixture
def synthetic(tmp_path, write_film, monkeypatch):
    """A folder of four synthetic films, where the shipped ones are looked for."""
    folder = tmp_path / "examples"
    for name in NAMES:
        write_film(folder / name)
    write_list(folder, [{"film": name, "drawn_as": name.split("-")[1]} for name in NAMES])
    monkeypatch.setattr(example_films, "default_examples_folder", lambda: folder)
    return folder


def write_list(folder, films):
    (folder / SYNTHESIS).write_text(json.dumps({"films": films}))


@pytest.fixture
def bundles(tmp_path, tiny_card, tiny_model):
    """Bundles whose scores are given as {network: {film: (label, logit)}}; T = 2, a film is positive from logit 0."""

    def write(scores, split="validation"):
        for network, films in scores.items():
            points = {name: {"threshold": 0.5, "selected_on": "validation"} for name in tiny_card().operating_points}
            card = tiny_card(network=network, operating_points=points)
            rows = [f"{film},p{film},{split},{label},{logit}" for film, (label, logit) in films.items()]
            table = "\n".join(["film,patient,split,label,logit", *rows, ""]).encode()
            files = {"scores.csv": table, "evaluation.json": b"{}", "history.csv": b"epoch\n", "README.md": b"#\n"}
            write_bundle(tmp_path / "models" / network, card, tiny_model(card), files)
        return find_bundles(tmp_path / "models")

    return write


@pytest.fixture
def films(tmp_path, write_film):
    """Make films under a data root; gives the root."""

    def write(*names):
        for name in names:
            write_film(tmp_path / "data" / name)
        return tmp_path / "data"

    return write


def test_synthetic_films_take_turns(synthetic):
    found = find_examples({}, None)
    assert [example.path for example in found] == [synthetic / NAMES[rank] for rank in (0, 2, 1, 3)]
    assert [example.caption_key for example in found] == [
        "examples.synthetic.normal",
        "examples.synthetic.pneumonia",
    ] * 2
    assert [example.values for example in found] == [{"number": number} for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"films": 3}',
        b'{"films": [{}]}',
        b'{"films": ["x"]}',
        b'{"films": [{"film": 3, "drawn_as": "normal"}]}',
        b'{"films": [{"film": "gone.png", "drawn_as": "normal"}]}',
        b'{"films": [{"film": "../outside.png", "drawn_as": "normal"}]}',
        b'{"films": [{"film": "synthetic-normal-01.png", "drawn_as": "tired"}]}',
        b'{"films": [{"film": "synthetic-normal-01.png", "drawn_as": ["normal"]}]}',
        b'{"films": [{"film": "a\\u0000b", "drawn_as": "normal"}]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_a_broken_folder_gives_no_examples(synthetic, write_film, content):
    write_film(synthetic.parent / "outside.png")
    (synthetic / SYNTHESIS).write_bytes(content)
    assert find_examples({}, None) == ()


def test_no_folder_gives_no_examples(tmp_path):
    assert synthetic_examples(tmp_path / "nowhere") == ()


def test_no_more_synthetic_films_than_fit(synthetic, write_film):
    names = [write_film(synthetic / f"{number}.png").name for number in range(20)]
    write_list(synthetic, [{"film": name, "drawn_as": "normal"} for name in names])
    assert len(find_examples({}, None)) == MOST_EXAMPLES


def test_each_network_shows_what_it_gets_right_and_wrong(bundles, films, synthetic):
    scores = {
        "ill.png": (1, 3),
        "ill too.png": (1, 2),
        "well.png": (0, -3),
        "well too.png": (0, -2),
        "missed.png": (1, -1),
        "alarm.png": (0, 1),
    }
    root = films(*scores)
    other = {**scores, "missed.png": (1, 4), "alarm.png": (0, -4), "ill too.png": (1, -5), "well too.png": (0, 5)}
    found = find_examples(bundles({"a": scores, "b": other}), root)
    assert [(example.path.relative_to(root).as_posix(), example.caption_key) for example in found] == [
        ("ill too.png", "examples.pneumonia.only_a_right"),  # A: the median of two is the first
        ("ill.png", "examples.pneumonia.both_right"),  # B
        ("well.png", "examples.normal.both_right"),  # A
        ("alarm.png", "examples.normal.only_b_right"),  # B; also A's alarm, so A shows no other
        ("missed.png", "examples.pneumonia.only_b_right"),  # A
        ("well too.png", "examples.normal.only_a_right"),  # B
    ]
    assert [example.values["number"] for example in found] == list(range(1, len(found) + 1))


def test_the_median_of_a_kind_is_chosen(bundles, films, synthetic):
    scores = {f"{logit}.png": (1, logit) for logit in (9, 1, 5, 3, 7)}
    root = films(*scores)
    assert [example.path.name for example in find_examples(bundles({"a": scores}), root)] == ["5.png"]
    (root / "5.png").unlink()
    assert [example.path.name for example in find_examples(bundles({"a": scores}), root)] == ["3.png"]


def test_an_error_of_one_network_alone_is_preferred(bundles, films, synthetic):
    a = {f"{number}.png": (1, -number) for number in (1, 2, 3, 4, 5)}
    b = {**a, "4.png": (1, 8), "5.png": (1, 9)}  # b's right positive is 4, the median of two
    found = find_examples(bundles({"a": a, "b": b}), films(*a))
    told = {example.path.name: example.caption_key for example in found}
    assert told["5.png"] == "examples.pneumonia.only_b_right"
    assert set(told.values()) == {"examples.pneumonia.only_b_right", "examples.pneumonia.both_wrong"}


def test_no_film_twice(bundles, films, synthetic):
    scores = {"ill.png": (1, 3), "well.png": (0, -3)}
    found = find_examples(bundles({"a": scores, "b": scores}), films(*scores))
    assert [example.path.name for example in found] == ["ill.png", "well.png"]
    scores = {f"{logit}.png": (1, logit) for logit in (1, 2, 3)}
    found = find_examples(bundles({"a": scores, "b": scores}), films(*scores))
    assert [example.path.name for example in found] == ["2.png", "1.png"]


@pytest.mark.parametrize(
    ("label", "logit", "key"),
    [
        (1, 1, "pneumonia.b_right"),
        (1, -1, "pneumonia.b_wrong"),
        (0, -1, "normal.b_right"),
        (0, 1, "normal.b_wrong"),
        (1, 0, "pneumonia.b_right"),
    ],
)
def test_one_network_speaks_for_itself(bundles, films, synthetic, label, logit, key):
    scores = {"film.png": (label, logit)}
    (example,) = find_examples(bundles({"b": scores}), films("film.png"))
    assert example.caption_key == f"examples.{key}"


def test_without_its_films_a_root_gives_the_synthetic_ones(bundles, films, synthetic):
    there = bundles({"a": {"film.png": (1, 1)}})
    assert [example.path.parent for example in find_examples(there, films("other.png"))] == [synthetic] * 4
    assert len(find_examples(there, films() / "nowhere")) == 4
    assert len(find_examples({}, films("film.png"))) == 4


def test_test_films_are_no_examples(bundles, films, synthetic):
    there = bundles({"a": {"film.png": (1, 1)}}, split="test")
    assert [example.path.parent for example in find_examples(there, films("film.png"))] == [synthetic] * 4


def test_films_outside_the_root_are_no_examples(bundles, films, synthetic, write_film):
    root = films("film.png")
    write_film(root.parent / "secret.png")
    there = bundles({"a": {"../secret.png": (1, 1), str(root.parent / "secret.png"): (1, 2)}})
    assert [example.path.parent for example in find_examples(there, root)] == [synthetic] * 4


def test_a_bundle_without_scores_gives_the_synthetic_films(models, films, synthetic):
    assert [example.path.parent for example in find_examples(find_bundles(models), films("x.png"))] == [synthetic] * 4


def test_every_caption_is_in_both_catalogues():
    outcomes = [
        "both_right",
        "both_wrong",
        *(f"only_{n}_right" for n in "ab"),
        *(f"{n}_{w}" for n in "ab" for w in ("right", "wrong")),
    ]
    keys = {f"examples.{truth}.{outcome}" for truth in ("normal", "pneumonia") for outcome in outcomes}
    for language in ("en", "he"):
        words = wording(language)
        captions = {
            words(key, number=7) for key in keys | {"examples.synthetic.normal", "examples.synthetic.pneumonia"}
        }
        assert len(captions) == len(keys) + 2
        assert all(caption.startswith("7. ") for caption in captions)
        names = {field for key in keys for _, field, _, _ in string.Formatter().parse(words.texts[key]) if field}
        assert names == {"number"}


def test_the_shipped_films_are_the_ones_that_were_proven():
    folder = default_examples_folder()
    synthesis = json.loads((folder / SYNTHESIS).read_text())
    found = find_examples({}, None)
    assert len(found) == MOST_EXAMPLES
    assert {path.name for path in folder.iterdir()} == {SYNTHESIS, *(example.path.name for example in found)}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000
    for film in synthesis["films"]:
        data = (folder / film["film"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == film["sha256"]
        assert read_radiograph(data).shape == (224, 224)
        assert all(film["nearest"][measure]["distance"] >= limit for measure, limit in synthesis["limits"].items())
    for network, bundle in find_bundles(default_models_folder()).items():
        # Else films that the network is judged by may have gone into the model: synthesize with its split's seed.
        assert bundle.card.split_fingerprint == synthesis["split_fingerprint"], network


@pytest.mark.real_data
def test_real_films_of_the_shipped_networks(data_root):
    there = find_bundles(default_models_folder())
    found = find_examples(there, data_root)
    assert len(found) == len({example.path for example in found}) == MOST_EXAMPLES
    assert found == find_examples(there, data_root)
    assert all(example.path.is_relative_to(data_root) for example in found)
    assert {example.caption_key.split(".")[1] for example in found} == {"normal", "pneumonia"}
