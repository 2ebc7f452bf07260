"""`predict --output`: the same table as in one process, in parts that a stop does not lose."""

import csv
import errno
import io
import json
import os
from pathlib import Path

import pytest

from demo.predict.chunked.output_folder import LocalFolder
from train.common import atomic

pytestmark = pytest.mark.usefixtures("in_process")


def rows_of(result):
    rows = list(csv.DictReader(io.StringIO(result.stdout, newline="")))
    for row in rows:
        del row["milliseconds"]
    return rows


def parts(folder="out"):
    return sorted(path.name for path in Path(folder).glob("part-*"))


def error_line(result):
    assert "Traceback" not in result.output
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error:"))
    return line


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("options", [[], ["--network", "b"], ["--operating-point", "f1", "--force"]])
def test_the_parts_are_the_table_of_one_process(predict, form, options):
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow writes Parquet, not installed here")
    alone = predict("films", "--csv", *options)
    result = predict("films", "--output", "out", "--chunk", "3", "--parts", form, "--csv", *options)
    assert alone.exit_code == result.exit_code == 1  # a film is damaged
    assert rows_of(result) == rows_of(alone)
    assert len(rows_of(result)) == (8 if "--network" in options else 16)
    assert parts() == [f"part-0000000{number}.{form}" for number in range(3)]


def test_json_lines_are_those_of_one_process(predict):
    predict("films", "--output", "out", "--chunk", "100")
    (part,) = Path("out").glob("part-*")
    alone = [json.loads(line) for line in predict("films", "--jsonl").stdout.splitlines()]
    found = [json.loads(line) for line in part.read_bytes().splitlines()]
    for film in alone + found:
        for reading in film["readings"].values():
            del reading["milliseconds"]
    assert found == alone


def test_the_summary_counts_and_says_what_is_next(predict):
    result = predict("films", "--output", "out", "--json")
    found = json.loads(result.stdout)
    assert (found["films"], found["failed"], found["read_now"]) == (8, 1, 8)
    assert found["positive"] == {"a": 5, "b": 2}
    assert "1 of 8 films could not be read" in error_line(result)
    shown = predict("films", "--output", "out")
    assert "7 of 8 films read" in shown.stdout
    assert "8 of 8 films are in it already" in shown.stderr
    assert "next: pneumoscope predict films" in shown.stderr
    assert "--output out --csv > readings.csv" in shown.stderr


def test_only_what_is_missing_is_read_again(predict, in_process):
    whole = rows_of(predict("films", "--output", "out", "--chunk", "2", "--csv"))
    assert in_process == [0, 1, 2, 3]
    for name in ("part-00000001.jsonl", "part-00000003.jsonl"):
        Path("out", name).unlink()
    Path("out", ".writing-killed.jsonl").write_bytes(b"half")
    assert rows_of(predict("films", "--output", "out", "--csv")) == whole
    assert in_process == [0, 1, 2, 3, 1, 3]
    assert not Path("out", ".writing-killed.jsonl").exists()


def test_a_reference_is_a_row_however_often_it_is_there(predict, in_process, monkeypatch):
    read = []
    monkeypatch.setattr("demo.predict.stream.compare_film", counted(read, "demo.predict.stream.compare_film"))
    names = ["films/1.png", "films/cut.png", "films/1.png", "films/6.png", "films/1.png", "films/1.png"]
    Path("list.csv").write_text("path\n" + "\n".join(names) + "\n")
    result = predict("--manifest", "list.csv", "--output", "out", "--chunk", "4", "--network", "a", "--csv")
    assert [row["path"] for row in rows_of(result)] == names
    assert read == ["films/1.png", "films/cut.png", "films/6.png", "films/1.png"]  # once in each chunk


def counted(read, name):
    from demo.predict import stream

    compare = stream.compare_film

    def count(path, *arguments):
        read.append(path)
        return compare(path, *arguments)

    return count


@pytest.mark.parametrize(
    ("arguments", "difference"),
    [
        (["films/1.png"], "its films 'films', now 'films/1.png'"),
        (["films", "--network", "a"], "its networks 'a b', now 'a'"),
        (["films", "--operating-point", "f1"], "its threshold of a '0.4 (youden)', now '0.2 (f1)'"),
        (["films", "--recursive"], "its --recursive 'False', now 'True'"),
        (["films", "--force"], "its --force 'False', now 'True'"),
        (["films", "--chunk", "3"], "its --chunk '2', now '3'"),
        (["films", "--parts", "parquet"], "its --parts 'jsonl', now 'parquet'"),
    ],
)
def test_a_folder_belongs_to_one_job(predict, arguments, difference):
    if "parquet" in arguments:
        pytest.importorskip("pyarrow", reason="pyarrow writes Parquet, not installed here")
    predict("films", "--output", "out", "--chunk", "2")
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    result = predict(*arguments, "--output", "out")
    assert result.exit_code == 2
    assert difference in error_line(result)
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before


def test_other_models_or_another_working_folder_are_another_job(predict, models, tiny_bundle, tmp_path, monkeypatch):
    predict("films", "--output", tmp_path / "out")
    (tmp_path / "elsewhere").mkdir()
    with monkeypatch.context() as patched:
        patched.chdir(tmp_path / "elsewhere")
        Path("films").symlink_to(tmp_path / "films")
        assert "its working folder" in error_line(predict("films", "--output", tmp_path / "out"))
    tiny_bundle(models, "b", {"weight": 21.0, "bias": -18.0})
    assert "its model b" in error_line(predict("films", "--output", tmp_path / "out"))


def test_a_changed_manifest_is_another_job(predict):
    Path("list.csv").write_text("path\nfilms/1.png\n")
    assert predict("--manifest", "list.csv", "--output", "out").exit_code == 0
    Path("list.csv").write_text("path\nfilms/2.png\n")
    assert "its manifest's content" in error_line(predict("--manifest", "list.csv", "--output", "out"))


def test_many_names_are_told_apart_in_one_line(predict, films, write_film):
    names = [write_film(films / f"{'long' * 10}-{number}.png") for number in range(6)]
    assert predict(*names, "--output", "out").exit_code == 0
    assert "its films '6 names (" in (line := error_line(predict(*names[:5], "--output", "out")))
    assert "now '5 names (" in line


def test_a_folder_of_something_else_is_left_alone(predict, films):
    before = sorted(films.iterdir())
    result = predict("films", "--output", "films")
    assert result.exit_code == 2
    assert "holds '0.png' and no job of predict" in error_line(result)
    assert sorted(films.iterdir()) == before


def test_two_runs_never_share_a_folder(predict):
    with LocalFolder(Path("out")).begin():
        result = predict("films", "--output", "out")
    assert result.exit_code == 2
    assert "another run is writing it" in error_line(result)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["films", "--engine", "ray"], "--engine has no meaning without --output"),
        (["films", "--workers", "2"], "--workers has no meaning without --output"),
        (["films", "--output", "out", "--jsonl"], "--jsonl has no meaning with --output"),
        (["films", "--output", "out", "--resume", "file"], "--resume"),
        (["films", "--output", "out", "--heatmaps", "maps"], "--heatmaps has no meaning with --output"),
        (["films", "--output", "out", "--address", "head:6379"], "--address has no meaning without --engine ray"),
        (["-", "--output", "out"], "standard input"),
        (["nowhere", "--output", "out"], "no such file or folder"),
        (["--output", "out"], "no film was named"),
        (["films", "--output", "films/0.png"], "no folder to write to"),
        (["s3://bucket/film.png"], "read with --output DIR"),
        (["films", "--output", "http://127.0.0.1/out"], "http:// may show half of a file"),
    ],
)
def test_wrong_use_is_one_line_and_2(predict, arguments, message):
    result = predict(*arguments)
    assert result.exit_code == 2
    assert message in error_line(result)
    assert result.stdout == ""
    assert not Path("out").exists()


def test_a_full_disk_loses_no_part_and_the_same_command_goes_on(predict, in_process, monkeypatch):
    write = LocalFolder.write

    def fill(self, name, data):
        if name.startswith("part-00000002"):
            with monkeypatch.context() as patched:
                patched.setattr(atomic, "_sync", full)
                return write(self, name, data)
        return write(self, name, data)

    monkeypatch.setattr(LocalFolder, "write", fill)
    result = predict("films", "--output", "out", "--chunk", "2")
    assert result.exit_code == 1
    assert "part-00000002.jsonl cannot be written (No space left on device)" in error_line(result)
    assert "make room and give the same command again" in error_line(result)
    assert parts() == ["part-00000000.jsonl", "part-00000001.jsonl"]
    monkeypatch.setattr(LocalFolder, "write", write)
    assert len(rows_of(predict("films", "--output", "out", "--csv"))) == 16
    assert in_process == [0, 1, 2, 2, 3]


def full(path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_list_of_films_that_ends_early_is_begun_again(predict):
    """What a kill leaves while the films are listed: no job yet."""
    Path("out").mkdir()
    Path("out", "films.jsonl").write_bytes(b'"films/0.png"\n')
    assert len(rows_of(predict("films", "--output", "out", "--csv"))) == 16


@pytest.mark.parametrize("damage", [b"", b"{", b'{"path": "films/0.png"}\n'])
def test_a_damaged_part_is_said(predict, damage):
    predict("films", "--output", "out", "--chunk", "8")
    Path("out", "part-00000000.jsonl").write_bytes(damage)
    result = predict("films", "--output", "out", "--json")
    assert result.exit_code == 1
    assert "part-00000000.jsonl: damaged; remove it and give the same command again" in error_line(result)


def test_no_pyarrow(predict, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    result = predict("films", "--output", "out", "--parts", "parquet")
    assert result.exit_code == 2
    assert "pip install 'pneumoscope[parquet]'" in error_line(result)
    assert not Path("out").exists()


def test_names_that_are_no_utf8_come_back(predict, write_film):
    pytest.importorskip("pyarrow", reason="pyarrow writes Parquet, not installed here")
    odd = os.fsdecode(b"odd/caf\xe9.png")
    write_film(Path(odd), 200)
    Path(os.fsdecode(b"odd/\xff.png")).write_bytes(b"no film")
    expected = predict("odd", "--csv").stdout_bytes
    columns = [line.split(b",")[0] for line in expected.splitlines()]
    for form in ("jsonl", "parquet"):
        result = predict("odd", "--output", form, "--parts", form, "--csv")
        assert [line.split(b",")[0] for line in result.stdout_bytes.splitlines()] == columns
