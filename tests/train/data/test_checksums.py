"""A film that changed is noticed and named."""

import pytest

from train.data.checksums import digest_of_all, first_difference, read_digests, write_digests


def test_digests_survive_their_file_whatever_a_film_is_called(tmp_path):
    digests = {'a,"b".png': "0" * 16, "line\nbreak.png": "1" * 16, "\udcff.png": "missing"}
    write_digests(tmp_path / "films.csv", digests)
    assert read_digests(tmp_path / "films.csv") == digests
    assert digest_of_all(read_digests(tmp_path / "films.csv")) == digest_of_all(digests)
    assert digest_of_all(digests) != digest_of_all({**digests, "\udcff.png": "2" * 16})


@pytest.mark.parametrize("content", [b"", b"film,other\nx,1\n", b"\xff\xfe"])
def test_what_is_no_table_holds_no_films(tmp_path, content):
    (tmp_path / "films.csv").write_bytes(content)
    assert read_digests(tmp_path / "films.csv") == {}
    assert read_digests(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"a": "1", "b": "2"}, None),
        ({"a": "1", "b": "3"}, "1 of 2 films, the first is b, which has other contents"),
        ({"b": "3"}, "2 of 2 films, the first is a, which is gone"),
        ({"a": "1", "b": "2", "c": "4"}, "1 of 3 films, the first is c, which was not there"),
    ],
)
def test_the_first_film_that_differs_is_named(found, words):
    assert first_difference({"a": "1", "b": "2"}, found) == words
