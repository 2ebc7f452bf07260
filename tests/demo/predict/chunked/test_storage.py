"""Films and parts in object storage: a local S3 server, and file systems that refuse."""

import json
from pathlib import Path

import pytest

fsspec = pytest.importorskip("fsspec", reason="fsspec reads storages, not installed here")

from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402

from demo.predict.films.urls import fetch, films_at  # noqa: E402
from tests.demo.predict.chunked.test_command import error_line, rows_of  # noqa: E402
from train.common.errors import UsageError  # noqa: E402
from train.radiograph import RadiographError  # noqa: E402

pytestmark = pytest.mark.usefixtures("in_process")


class Denying(MemoryFileSystem):
    """Denies the films whose number is odd; answers nothing at all from film `silent_from` on."""

    protocol = "denying"
    store = {}  # noqa: RUF012  # as MemoryFileSystem has it
    pseudo_dirs = [""]  # noqa: RUF012
    silent_from = 10

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("denying://", "memory://"))

    def cat_file(self, path, start=None, end=None, **options):
        number = int(Path(path).stem)
        if number >= self.silent_from:
            raise ConnectionError("nobody there")
        if number % 2:
            raise PermissionError("Access Denied")
        return super().cat_file(path, start, end, **options)


@pytest.fixture
def denying(films, monkeypatch):
    """A storage with the folder's films."""
    fsspec.register_implementation("denying", Denying, clobber=True)
    Denying.clear_instance_cache()
    filesystem = Denying()
    monkeypatch.setattr(Denying, "store", {})
    for film in sorted(films.glob("?.png")):
        filesystem.pipe_file(f"/ward/{film.name}", film.read_bytes())
    return Denying


def test_denied_films_are_rows_and_the_others_are_read(predict, denying):
    result = predict("denying://ward", "--output", "out", "--network", "a", "--csv")
    assert result.exit_code == 1
    assert "3 of 7 films could not be read" in error_line(result)
    denied = ["cannot be opened: access denied" if number % 2 else "" for number in range(7)]
    assert [row["error"] for row in rows_of(result)] == denied
    names = [row["path"].removeprefix("denying://").lstrip("/") for row in rows_of(result)]
    assert names == [f"ward/{number}.png" for number in range(7)]
    alone = predict(*(f"films/{number}.png" for number in range(0, 7, 2)), "--network", "a", "--csv")
    read = [row for row in rows_of(result) if not row["error"]]
    assert [row["probability"] for row in read] == [row["probability"] for row in rows_of(alone)]


def test_a_storage_that_falls_silent_makes_no_rows_and_the_same_command_goes_on(predict, denying, monkeypatch):
    monkeypatch.setattr(denying, "silent_from", 5)
    command = ["denying://ward", "--output", "out", "--chunk", "2"]
    result = predict(*command)
    assert result.exit_code == 1
    assert "5.png: the storage does not give it (ConnectionError: nobody there)" in error_line(result)
    assert sorted(path.name for path in Path("out").glob("part-*")) == ["part-00000000.jsonl", "part-00000001.jsonl"]
    monkeypatch.setattr(denying, "silent_from", 10)
    assert json.loads(predict(*command, "--json").stdout)["read_now"] == 3


def test_what_a_url_names(denying):
    filesystem = denying()
    filesystem.pipe_file("/ward/notes.txt", b"notes")
    filesystem.pipe_file("/ward/below/8.png", b"below")
    said = []
    top = list(films_at("denying://ward", False, False, said.append))
    assert [Path(name).name for name in top] == [f"{number}.png" for number in range(7)]
    assert len(said) == 2
    assert "1 sub-folders not looked into; --recursive does" in said[0]
    assert "1 files left out" in said[1]
    assert len(list(films_at("denying://ward", True, False, said.append))) == 8
    assert len(list(films_at("denying://ward", True, True, said.append))) == 9
    pattern = list(films_at("denying://ward/[01]*.png", False, False, said.append))
    assert [Path(name).name for name in pattern] == ["0.png", "1.png"]
    for url, message in (("denying://none", "no such object or folder"), ("denying://ward/*.bmp", "matches no object")):
        with pytest.raises(UsageError, match=message):
            list(films_at(url, False, False, said.append))


def test_what_cannot_be_fetched():
    with pytest.raises(RadiographError, match="no such object"):
        fetch("memory://nothing/here.png")
    with pytest.raises(UsageError, match="fsspec knows no odd://"):
        fetch("odd://x/y.png")


def test_without_fsspec_it_says_what_to_install(predict, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    result = predict("s3://bucket/film.png", "--output", "out")
    assert result.exit_code == 2
    assert "pip install 'pneumoscope[distributed]'" in error_line(result)


def test_without_gcsfs_it_says_what_to_install(predict, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    result = predict("gs://bucket/film.png", "--output", "out")
    assert result.exit_code == 2
    assert "pip install 'pneumoscope[gs]'" in error_line(result)


@pytest.fixture
def bucket(monkeypatch, films):
    """A local S3 server with the folder's films in bucket `films`, below `ward/`; its s3fs."""
    pytest.importorskip("moto.server", reason="moto serves S3 on the loopback, not installed here")
    s3fs = pytest.importorskip("s3fs", reason="s3fs reads s3://, not installed here")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        for name, value in {
            "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        filesystem = s3fs.S3FileSystem()
        filesystem.mkdir("films")
        for film in films.iterdir():
            filesystem.pipe_file(f"films/ward/{film.name}", film.read_bytes())
        yield filesystem
        filesystem.rm("films", recursive=True)  # the servers of a process share what they hold
    finally:
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket_is_read_and_written(predict, bucket):
    bucket.pipe_file("films/ward/9.png", b"")
    bucket.pipe_file("films/list.csv", b"path\nward/6.png\ns3://films/ward/0.png\nward/gone.png\nward/6.png\n")
    alone = rows_of(predict("films", "--csv"))
    result = predict("s3://films/ward", "--output", "s3://films/out", "--chunk", "4", "--csv")
    found = rows_of(result)
    for row in found + alone:
        row["path"] = Path(row["path"]).name
    assert found[:4] == alone[:4]
    assert [row for row in found if row["path"] != "9.png"] == alone
    assert "the file is empty" in found[-3]["error"]
    listed = [Path(name).name for name in bucket.ls("films/out")]
    assert listed == ["films.jsonl", "job.json", *(f"part-0000000{number}.jsonl" for number in range(3))]
    bucket.rm("films/out/part-00000001.jsonl")
    again = predict("s3://films/ward", "--output", "s3://films/out", "--json")
    assert json.loads(again.stdout)["read_now"] == 4
    manifest = predict("--manifest", "s3://films/list.csv", "--output", "out", "--network", "a", "--csv")
    errors = ["", "", "cannot be opened: no such object", ""]
    assert [row["error"] for row in rows_of(manifest)] == errors
    assert rows_of(manifest)[0]["path"] == "s3://films/ward/6.png"


def test_missing_credentials_and_missing_buckets_are_one_line(predict, bucket, monkeypatch):
    result = predict("s3://nobucket/ward", "--output", "out")
    assert result.exit_code == 2
    assert "s3://nobucket/ward: no such object or folder" in error_line(result)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", "/nonexistent")
    type(bucket).clear_instance_cache()
    Path("list.csv").write_text("path\ns3://films/ward/0.png\n")
    for films in (["s3://films/ward"], ["--manifest", "list.csv"]):
        result = predict(*films, "--output", "unlisted")
        assert result.exit_code == 1
        assert "no credentials" in error_line(result)
        assert not list(Path("unlisted").glob("part-*"))
