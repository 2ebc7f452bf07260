"""No film ends, stops or bloats whoever reads it."""

import os
import select
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from demo.inference.film_workers import FilmWorkers
from train.radiograph import RadiographError, read_with_warnings
from train.radiograph.formats import LARGE_PIXELS


@pytest.fixture(scope="module")
def workers():
    with FilmWorkers(2, seconds=60, memory=1_000_000_000) as made:
        yield made


class TestReading:
    def test_films_and_warnings_are_those_of_the_reader(self, workers, dicom, tmp_path):
        pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
        data = dicom(pixels, PhotometricInterpretation=None)
        path = tmp_path / "film"
        path.write_bytes(data)
        expected, notes = read_with_warnings(data)
        for source in (data, path, str(path)):
            film, found = workers.read(source)
            np.testing.assert_array_equal(film, expected)
            assert found == notes != ()

    def test_what_cannot_be_read_is_said_as_ever(self, workers):
        with pytest.raises(RadiographError, match="the file is empty"):
            workers.read(b"")

    def test_from_several_threads(self, workers, dicom):
        films = [dicom(np.full((8, 8), grey, np.uint8)) for grey in range(60)]
        with ThreadPoolExecutor(4) as threads:
            read = list(threads.map(workers.read, films))
        assert [int(film[0, 0]) for film, _ in read] == list(range(60))

    def test_large_films_are_decoded_one_at_a_time_and_hold_no_other_up(self, workers):
        side = int(LARGE_PIXELS**0.5) + 1
        large = cv2.imencode(".png", np.zeros((side, side), np.uint8))[1].tobytes()
        small = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
        with ThreadPoolExecutor(2) as threads:
            with workers._large_one:
                waiting = threads.submit(workers.read, large)
                for _ in range(20):
                    assert threads.submit(workers.read, small).result()[0].shape == (8, 8)
                assert not waiting.done()
            assert waiting.result(30)[0].shape == (side, side)


def crash(*_):
    os.kill(os.getpid(), signal.SIGSEGV)


def loop(*_):
    while True:
        pass


def bloat(*_):
    return len(bytes(3_000_000_000))


class TestNet:
    """The decoder is replaced by one that fails in the process: `_read` is looked up by name there."""

    @pytest.mark.parametrize(
        ("decoder", "words"), [(crash, "ended the process"), (loop, "longer than 8 s"), (bloat, "more memory")]
    )
    def test_film_that_does_so_is_an_error_and_the_next_is_read(self, decoder, words, monkeypatch, dicom):
        with FilmWorkers(1, seconds=8, memory=500_000_000) as workers:
            right = dicom(np.full((8, 8), 7, np.uint8))
            with monkeypatch.context() as patched:
                patched.setattr("demo.inference.film_workers._read", decoder)
                with pytest.raises(RadiographError, match=words):
                    workers.read(b"")
            assert workers.read(right)[0].max() == 7


SCRIPT = """
from demo.inference.film_workers import FilmWorkers
from train.radiograph import RadiographError

workers = FilmWorkers(2)
for _ in range(20):
    try:
        workers.read(b"")
    except RadiographError:
        pass
print("read", flush=True)
input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_workers_end_with_whoever_was_killed():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", SCRIPT], **pipes, text=True) as parent:
        assert parent.stdout.readline() == "read\n"
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        ends = [os.pidfd_open(int(child)) for child in children]
        parent.kill()
    for end in ends:
        assert select.select([end], [], [], 30)[0], "a process outlived the one that was killed"
        os.close(end)
    assert len(children) >= 2
