"""The worker when things do not go well: a model that was swapped, films too early, too many, or no longer wanted."""

import cv2
import numpy as np
import pytest

from export.bundle import default_models_folder

pytestmark = pytest.mark.slow

FILM = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (90, 70), np.uint8))[1].tobytes()


def model():
    return (default_models_folder() / "a" / "model.onnx").read_bytes()


@pytest.mark.parametrize("network", [[], ["a"]])
def test_only_the_networks_asked_for_answer(film_page, network):
    film_page.page.reload()
    assert film_page.load(*network) == {"cards": network, "faults": {}}
    assert [reading["network"] for reading in film_page.read(FILM)["readings"]] == network


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_model_cut_short_or_changed_is_not_used_and_leaves_the_other_working(film_page, spoil):
    film_page.page.reload()
    film_page.served["models/b/card.json"] = (default_models_folder() / "a" / "card.json").read_bytes()
    film_page.served["models/b/model.onnx"] = spoil(model())
    assert film_page.load("a", "b") == {"cards": ["a"], "faults": {"b": "browser.model_differs"}}
    film_page.served.clear()
    assert [reading["network"] for reading in film_page.read(FILM)["readings"]] == ["a"]


@pytest.mark.parametrize(
    ("card", "key"),
    [
        (b"{", "browser.card_damaged"),
        (b"{}", "browser.card_damaged"),
        (b"null", "browser.card_damaged"),
    ],
)
def test_a_card_that_is_none_is_named(film_page, card, key):
    film_page.page.reload()
    film_page.served["models/b/card.json"] = card
    assert film_page.load("b")["faults"] == {"b": key}
    film_page.served.clear()


def test_a_model_that_does_not_come_is_named(film_page):
    film_page.page.reload()
    assert film_page.load("a", "c")["faults"] == {"c": "browser.not_loaded"}


def test_films_that_come_before_the_networks_are_all_read_and_progress_is_told(film_page):
    film_page.page.reload()
    film_page.served["film"] = FILM
    script = """async () => {
        const many = Promise.all(Array.from({ length: 30 }, () => films.read("film")));
        await films.load(["a"]);
        const read = await many;
        return [read, films.answers.filter(({ type }) => type === "progress").map(({ bytes }) => bytes)];
    }"""
    read, progress = film_page.page.evaluate(script)
    assert len(read) == 30
    assert len({film["readings"][0]["probability"] for film in read}) == 1
    assert progress == sorted(progress)
    assert progress[-1] == len(model())


def test_a_film_that_is_cancelled_is_not_answered_and_the_next_one_is(film_page):
    film_page.page.reload()
    film_page.served["film"] = FILM
    script = """async () => {
        const file = await (await fetch("film")).blob();
        for (const id of [1, 2]) films.post({ type: "read", id, file });
        films.post({ type: "cancel", id: 1 });
        const answered = films.answered(({ id, type }) => id === 2 && type === "readings");
        await films.load(["a"]);
        await answered;
        return films.answers.filter(({ id, type }) => id === 1 && type !== "film").map(({ type }) => type);
    }"""
    assert film_page.page.evaluate(script) == ["cancelled"]


def test_without_a_checksum_of_the_browsers_own_it_is_computed(film_page):
    script = """async () => {
        const { digest, sha256 } = await import("./sha256.js");
        const hex = (sum) => Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
        const sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 100_000];
        const data = sizes.map((size) => Uint8Array.from({ length: size }, (_, place) => (place * 31) % 251));
        return [data.map((bytes) => hex(digest(bytes))), await Promise.all(data.map(sha256))];
    }"""
    computed, known = film_page.page.evaluate(script)
    assert computed == known
