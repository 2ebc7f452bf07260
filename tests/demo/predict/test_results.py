import csv
import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from demo.predict.results import (
    CSV_COLUMNS,
    as_json,
    csv_header,
    csv_rows,
    csv_rows_shown,
    failure_line,
    json_line,
    summary,
    table_rows,
)

FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"  # OWASP, CSV injection
UNLIKE = "too unlike the films I learnt from"

# Any name Linux allows: bytes without NUL, UTF-8 or not.
names = st.binary(min_size=1, max_size=40).map(lambda name: os.fsdecode(name.replace(b"\0", b"0")))
odd_names = [b"a,b.png", b'"quoted".png', b"two\nlines.png", b"cr\rlf\r\n.png", b"\xff\xfe.png", b" ", b"'"]


def reading(positive=True, probability=0.75, **changes):
    return {
        "probability": probability,
        "threshold": 0.4,
        "operating_point": "youden",
        "positive": positive,
        "refused": False,
        "novelty": None,
        "novelty_limit": None,
        "milliseconds": 3.25,
    } | changes


def film(path="film.png", a=None, b=None, agree=None, error=None):
    readings = {network: found for network, found in (("a", a), ("b", b)) if found is not None}
    return {"path": path, "readings": readings, "agree": agree, "error": error}


def parse(data):
    return list(csv.DictReader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline="")))


def bundles(*networks):
    return {name: SimpleNamespace(card=SimpleNamespace(classes=("normal", "pneumonia"))) for name in networks}


def test_the_columns_are_the_contract():
    assert csv_header() == (
        b"path,network,probability,threshold,operating_point,positive,refused,novelty,milliseconds,error,novelty_limit\n"
    )


def test_a_row_per_film_and_network():
    refused = reading(False, 0.1, refused=True, novelty=2.5, novelty_limit=1.5)
    assert csv_rows(film(a=reading(), b=refused, agree=False), ["a", "b"]) == (
        b"film.png,a,0.75,0.4,youden,true,false,,3.25,,\nfilm.png,b,0.1,0.4,youden,false,true,2.5,3.25,,1.5\n"
    )


def test_a_film_that_cannot_be_read_has_a_row_per_network_too():
    assert csv_rows(film(error="cut short, sorry"), ["a", "b"]) == (
        b'film.png,a,,,,,,,,"cut short, sorry",\nfilm.png,b,,,,,,,,"cut short, sorry",\n'
    )


def test_no_verdict_is_an_empty_cell():
    rows = parse(csv_header() + csv_rows(film(a=reading(None, refused=True)), ["a"]))
    assert (rows[0]["positive"], rows[0]["refused"]) == ("", "true")


@given(st.lists(names, min_size=1, max_size=4), st.text(max_size=20))
@example([os.fsdecode(name) for name in odd_names], "")
def test_any_file_name_survives_csv(paths, error):
    lines = [csv_rows(film(path, error=error), ["a"]) for path in paths]
    rows = parse(csv_header() + b"".join(lines))
    assert [row["path"].removeprefix("./") for row in rows] == [path.removeprefix("./") for path in paths]
    assert [Path(row["path"]) for row in rows] == [Path(path) for path in paths]  # the very file
    assert all(row["path"] == "-" or row["path"][:1] not in FORMULA_STARTS for row in rows)
    assert all(tuple(row) == CSV_COLUMNS and row["error"] == error for row in rows)


@given(st.lists(names, max_size=4))
@example([os.fsdecode(name) for name in odd_names])
def test_any_file_name_survives_json(paths):
    data = as_json([film(path, a=reading()) for path in paths])
    assert [found["path"] for found in json.loads(data.decode("utf-8"))] == paths


@pytest.mark.parametrize("sign", [*"=+@-\t\r\n＝＋－＠"])
def test_a_name_that_begins_as_a_formula_is_no_formula_and_names_the_same_file(sign, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"{sign}cmd'!A0.png"
    Path(name).write_bytes(b"this one")
    (row,) = parse(csv_header() + csv_rows(film(name, a=reading()), ["a"]))
    assert row["path"] == f"./{name}"
    assert Path(row["path"]).read_bytes() == b"this one"
    (kept,) = parse(csv_header() + csv_rows(film(f"/ward/{name}", a=reading()), ["a"]))
    assert kept["path"] == f"/ward/{name}"


def test_standard_input_keeps_its_sign():
    assert csv_rows(film("-", a=reading()), ["a"]).startswith(b"-,a,")


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_a_name_cannot_open_a_cell_of_its_own(sign):
    rows = csv_rows(film(f"x{sign}=1+2.png", a=reading()), ["a"])
    assert rows.startswith(f'"x{sign}=1+2.png","a",'.encode())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31m.png", "\\x1b[31m.png"),
        ("two\r\nlines.png", "two\\r\\nlines.png"),
        ("\x9b2J.png", "\\x9b2J.png"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        (os.fsdecode(b"caf\xe9.png"), "caf\\xe9.png"),
        ("=1+2.png", "./=1+2.png"),
        ("Röntgen ירוק.png", "Röntgen ירוק.png"),
    ],
)
def test_a_terminal_gets_no_sign_that_it_would_obey(name, shown):
    assert csv_rows_shown(film(name, a=reading()), ["a"]).startswith(f"{shown},a,")
    assert parse(csv_header() + csv_rows(film(name, a=reading()), ["a"]))[0]["path"].endswith(name)  # a file does
    line = json_line(film(name, a=reading()))
    assert line.decode()[:-1].isprintable()
    assert json.loads(line)["path"] == name


def test_the_csv_keeps_the_very_bytes_of_a_name():
    assert csv_rows(film(os.fsdecode(b"caf\xe9.png"), a=reading()), ["a"]).startswith(b"caf\xe9.png,a,")


def test_numbers_survive_csv_exactly():
    probability, threshold = 1.1920929e-07, 0.30000000000000004
    data = csv_header() + csv_rows(film(a=reading(probability=probability, threshold=threshold)), ["a"])
    assert float(parse(data)[0]["probability"]) == probability
    assert float(parse(data)[0]["threshold"]) == threshold


def test_the_table_says_it_in_words():
    rows = table_rows(
        [
            film("x.png", reading(), reading(False, 0.123456), agree=False),
            film("y\n.png", error="cut short"),
            film("z.png", reading(None, refused=True, novelty=2.5, novelty_limit=1.5), reading(True, 0.99999)),
            film("forced.png", reading(refused=True, novelty=2.5, novelty_limit=1.5)),
        ],
        bundles("a", "b"),
    )
    assert rows == [
        ["x.png", "A", "pneumonia", "0.750", "0.400", "NO"],
        ["", "B", "normal", "0.123", "0.400", ""],
        ["y\\n.png", None, "could not be read", None, None, None],
        ["z.png", "A", f"refused: {UNLIKE} (novelty 2.50, limit 1.50)", "0.750", "0.400", None],
        ["", "B", "pneumonia, but A refuses this picture; do not rely on B", ">0.999", "0.400", ""],
        ["forced.png", "A", f"pneumonia although refused: {UNLIKE} (novelty 2.50, limit 1.50)", "0.750", "0.400", None],
    ]


def test_the_table_never_rounds_to_certainty():
    rows = table_rows([film(a=reading(False, 1e-9)), film(a=reading(probability=1.0))], bundles("a"))
    assert [row[3] for row in rows] == ["<0.001", ">0.999"]


def test_the_summary_counts():
    both = bundles("a", "b")
    found = [
        film(a=reading(), b=reading(), agree=True),
        film(a=reading(), b=reading(False), agree=False),
        film(error="cut short"),
    ]
    assert summary(found, both) == (
        "2 of 3 films read; A says pneumonia for 2; B says pneumonia for 1; they agree on 1"
    )
    refused = film(a=reading(None, refused=True), b=reading())
    assert summary([refused], both) == (
        "1 of 1 film read; A says pneumonia for 0 and refuses 1; B says pneumonia for 1"
    )
    assert summary([film(a=reading(False))], bundles("a")) == "1 of 1 film read; A says pneumonia for 0"


@pytest.mark.parametrize(
    ("error", "line"), [("cut short", "f\\n.png: cut short"), ("f\\n.png: cut short", "f\\n.png: cut short")]
)
def test_a_failure_names_its_film_once(error, line):
    assert failure_line(film("f\n.png", error=error)) == line
