"""Features on disk are whole, of the network and films asked for, and never more than the limit."""

import errno
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.common import array_store
from train.common.array_store import HEADER_BYTES, FeatureStore, Plan

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
PLAN = Plan({"weights": "abc", "copy": 0}, rows=4, values=3, dtype="float32")
ROOM = 10**6


def other(number):
    return Plan({"weights": "abc", "copy": number}, rows=4, values=3, dtype="float32")


def keep(store, plan, rows=ROWS):
    with store.writing(plan) as append:
        append(rows[:1])
        append(rows[1:])
    return store.folder / f"{plan.name}.features"


def age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features", ROOM)


def test_what_was_kept_is_found_bit_for_bit_and_cannot_be_changed(store):
    assert store.find(PLAN) is None
    path = keep(store, PLAN)
    found = store.find(PLAN)
    assert np.array_equal(found, ROWS)
    assert path.stat().st_size == PLAN.file_bytes
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1


def test_half_the_bits_are_kept_where_the_plan_says_so(store):
    plan = Plan(PLAN.facts, 4, 3, "float16")
    keep(store, plan, ROWS / 3)
    assert np.array_equal(store.find(plan), (ROWS / 3).astype(np.float16))
    assert store.find(PLAN) is None


@given(st.integers(min_value=0, max_value=PLAN.file_bytes - 1), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_noticed(tmp_path_factory, place, change):
    store = FeatureStore(tmp_path_factory.getbasetemp() / "changed", ROOM)
    path = keep(store, PLAN) if store.find(PLAN) is None else next(store.folder.iterdir())
    content = bytearray(path.read_bytes())
    content[place] ^= change
    path.write_bytes(content)
    assert store.find(PLAN) is None
    assert not path.exists()


@pytest.mark.parametrize("size", [0, 10, HEADER_BYTES, PLAN.file_bytes - 1, PLAN.file_bytes + 1])
def test_a_file_of_another_size_is_removed_with_a_warning(store, size, capsys):
    path = keep(store, PLAN)
    os.truncate(path, size)
    assert store.find(PLAN) is None
    assert "computed again" in capsys.readouterr().err
    assert np.array_equal(ROWS, store.find(PLAN) if keep(store, PLAN) else None)


def test_features_of_another_network_under_this_name_are_refused(store):
    path = keep(store, other(1), ROWS + 1)
    path.rename(store.folder / f"{PLAN.name}.features")
    assert store.find(PLAN) is None


def test_the_longest_unused_features_go_first(tmp_path):
    store = FeatureStore(tmp_path, 3 * PLAN.file_bytes)
    paths = [keep(store, other(number)) for number in range(3)]
    for seconds, path in enumerate(paths):
        age(path, 100 - seconds)
    assert store.find(other(0)) is not None  # used now, so the second is the longest unused
    gc.collect()
    keep(store, other(3))
    assert [path.exists() for path in paths] == [True, False, True]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= store.limit_bytes


def test_features_in_use_are_never_removed(tmp_path):
    store = FeatureStore(tmp_path, 2 * PLAN.file_bytes)
    first, second = keep(store, other(0)), keep(store, other(1))
    age(first, 100)
    held = store.find(other(0))
    age(first, 100)
    keep(store, other(2))
    assert (first.exists(), second.exists()) == (True, False)
    also_held = store.find(other(2))
    with pytest.raises(OSError, match="lacking") as caught, store.writing(other(3)):
        pass
    assert caught.value.errno == errno.ENOSPC
    assert np.array_equal(held, also_held)
    del held, also_held
    gc.collect()
    keep(store, other(3))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= store.limit_bytes


def test_a_writer_that_fails_leaves_nothing(store):
    def fail():
        with store.writing(PLAN) as append:
            append(ROWS[:2])
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        fail()
    with pytest.raises(ValueError, match=r"4 rows were planned\. Received: 2"), store.writing(PLAN) as append:
        append(ROWS[:2])
    assert list(store.folder.iterdir()) == []


def test_a_full_disk_is_known_before_the_work(store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(array_store, "_allocate", full)
    with pytest.raises(OSError, match="No space left"), store.writing(PLAN):
        pytest.fail("the work began")
    assert list(store.folder.iterdir()) == []


def test_a_killed_writer_leaves_nothing_that_is_taken_for_features(store):
    script = (
        "import os, sys; from pathlib import Path; import numpy as np\n"
        "from train.common.array_store import FeatureStore, Plan\n"
        "plan = Plan({'weights': 'abc', 'copy': 0}, rows=4, values=3, dtype='float32')\n"
        f"with FeatureStore(Path(sys.argv[1]), {ROOM}).writing(plan) as append:\n"
        "    append(np.ones((3, 3))); append.__self__.file.flush(); os.kill(os.getpid(), 9)\n"
    )
    root = Path(array_store.__file__).parents[1]
    killed = subprocess.run([sys.executable, "-c", script, str(store.folder)], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.suffix for path in store.folder.iterdir()] == [".partial"]
    assert store.find(PLAN) is None
    keep(store, PLAN)
    assert np.array_equal(store.find(PLAN), ROWS)
    assert [path.suffix for path in store.folder.iterdir()] == [".features"]


def test_the_second_of_two_writers_waits_and_takes_what_the_first_made(store, monkeypatch):
    waiting, outcome = threading.Event(), []
    monkeypatch.setattr(array_store, "say", lambda _: waiting.set())

    def second():
        with store.writing(PLAN) as append:
            outcome.append(append)

    thread = threading.Thread(target=second)
    with store.writing(PLAN) as append:
        thread.start()
        assert waiting.wait(20)
        append(ROWS)
    thread.join(20)
    assert outcome == [None]
    assert np.array_equal(store.find(PLAN), ROWS)
    assert [path.suffix for path in store.folder.iterdir()] == [".features"]


def test_the_second_of_two_writers_does_not_wait_for_those_who_read_what_the_first_made(store, monkeypatch):
    waiting, reading, outcome = threading.Event(), threading.Event(), []
    monkeypatch.setattr(array_store, "say", lambda _: waiting.set())
    lock = array_store._lock

    def late_lock(file, *, exclusive, wait=True):
        if threading.current_thread() is thread and wait:
            reading.wait(20)  # the reader is quicker
        return lock(file, exclusive=exclusive, wait=wait)

    def second():
        with store.writing(PLAN) as append:
            outcome.append(append)

    thread = threading.Thread(target=second, daemon=True)
    monkeypatch.setattr(array_store, "_lock", late_lock)
    with store.writing(PLAN) as append:
        thread.start()
        assert waiting.wait(20)
        append(ROWS)
    held = store.find(PLAN)
    reading.set()
    thread.join(20)
    assert outcome == [None]
    assert np.array_equal(held, ROWS)
