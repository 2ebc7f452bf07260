import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.batch.table import SORTS, arranged, tally


def comparison(a=None, b=None, agree=None, error=None, novelty=None):
    readings = {
        name: {
            "probability": probability,
            "positive": None if agree is None else probability >= 0.5,
            "refused": agree is None,
            "novelty": novelty,
            "novelty_limit": None if novelty is None else 2.0,
        }
        for name, probability in (("a", a), ("b", b))
        if probability is not None
    }
    return {"path": "x", "readings": readings, "agree": agree, "error": error}


FILMS = [
    comparison(0.9, 0.1, agree=False),
    comparison(error="cannot be read"),
    comparison(0.1, 0.2, agree=True),
    comparison(0.01, 0.8, agree=False),
    comparison(0.95, 0.99, agree=None),
    comparison(0.1, 0.3, agree=True),
]


@pytest.mark.parametrize(
    ("sort", "descending", "numbers"),
    [
        ("order", False, [0, 1, 2, 3, 4, 5]),
        ("order", True, [5, 4, 3, 2, 1, 0]),
        ("a", False, [3, 2, 5, 0, 1, 4]),
        ("a", True, [0, 2, 5, 3, 1, 4]),
        ("b", True, [3, 5, 2, 0, 1, 4]),
        ("difference", True, [0, 3, 5, 2, 1, 4]),
        ("difference", False, [2, 5, 3, 0, 1, 4]),
    ],
)
def test_rows_sort_as_numbers_and_keep_their_own(sort, descending, numbers):
    assert [row.number for row in arranged(FILMS, sort, descending)] == numbers


def test_only_films_on_which_the_networks_differ():
    assert [row.number for row in arranged(FILMS, "b", True, only_differing=True)] == [3, 0]


def test_the_difference_is_of_both_probabilities():
    assert arranged(FILMS)[0].difference == pytest.approx(0.8)
    assert arranged(FILMS)[4].difference is None  # one of the networks gives no verdict on this film


probabilities = st.none() | st.floats(0, 1)


@given(st.lists(st.tuples(probabilities, probabilities)), st.sampled_from(SORTS), st.booleans())
def test_sorting_loses_no_film(pairs, sort, descending):
    films = [
        comparison(a, b, agree=True) if None not in (a, b) else comparison(error="cannot be read") for a, b in pairs
    ]
    rows = arranged(films, sort, descending)
    assert sorted(row.number for row in rows) == list(range(len(films)))
    assert all(films[row.number] is row.comparison for row in rows)


def test_a_batch_is_counted():
    counts = tally(FILMS, ("a", "b"))
    assert (counts.read, counts.unread, counts.agree, counts.differ) == (5, 1, 2, 2)
    assert counts.positive == {"a": 1, "b": 1}
    assert counts.refused == {"a": 1, "b": 1}
    assert counts.refused_by_any == 1
    assert tally([], ("a",)).positive == {"a": 0}


def test_the_strangest_films_come_first_and_those_not_measured_last():
    films = [comparison(0.1, 0.2, True, novelty=value) for value in (1.0, None, 5.0, None, 1.5)]
    films[3]["readings"]["a"]["refused"] = True  # its novelty could not be computed
    assert [row.number for row in arranged(films, "novelty", descending=True)] == [3, 2, 4, 0, 1]
    assert [row.number for row in arranged(films, "novelty")] == [0, 4, 2, 3, 1]


def test_a_film_is_counted_once_however_many_networks_refuse_it():
    films = [comparison(0.1, 0.2, True), comparison(0.9, 0.9, None), comparison(0.9, 0.9, None)]
    films[2]["readings"]["b"] |= {"refused": False, "positive": True}
    counts = tally(films, ("a", "b"))
    assert (counts.refused, counts.refused_by_any) == ({"a": 2, "b": 1}, 2)
    assert [row.refused for row in arranged(films)] == [(), ("a", "b"), ("a",)]
