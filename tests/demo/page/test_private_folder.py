"""The folder for uploads: private, gone at the end, and swept after a kill."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from demo.page import private_folder as private_folder_module
from demo.page.private_folder import PREFIX, private_folder, remove_leftovers

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys
from demo.page.private_folder import private_folder
with private_folder() as folder:
    (folder / "film").write_text("film")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder(temporary):
    """Another process that holds a folder: (process, folder)."""
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-P", "-c", HOLD], env=environment, **pipes) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_it_is_private_and_goes_with_the_block(temporary):
    with private_folder() as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "film").write_text("film")
    assert list(temporary.iterdir()) == []


def test_it_goes_when_the_block_fails(temporary):
    with pytest.raises(KeyboardInterrupt), private_folder():
        raise KeyboardInterrupt
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_at_the_next_start(temporary, holder):
    process, left = holder
    remove_leftovers()
    assert (left / "film").exists()
    process.kill()
    process.wait()
    with private_folder():
        assert not left.exists()


def test_a_number_that_is_alive_saves_no_folder_and_one_that_is_not_dooms_none(temporary, holder):
    """In containers every page is process 1, and none sees the others."""
    _, folder = holder
    number = folder.name.removeprefix(PREFIX).split("-")[0]
    unseen = folder.rename(folder.with_name(folder.name.replace(number, str(dead_process()), 1)))
    left = temporary / f"{PREFIX}{os.getpid()}-abc"
    left.mkdir()
    remove_leftovers()
    assert (unseen / "film").exists()
    assert not left.exists()


def test_a_folder_that_is_swept_before_it_is_locked_is_made_again(temporary, monkeypatch):
    lock, swept = private_folder_module.fcntl.flock, []

    def sweep_first(descriptor, operation):
        if not swept:
            swept.extend(temporary.iterdir())
            swept[0].rmdir()
        lock(descriptor, operation)

    monkeypatch.setattr(private_folder_module.fcntl, "flock", sweep_first)
    with private_folder() as folder:
        assert folder.is_dir()
        assert folder not in swept


def test_nothing_else_is_touched(temporary):
    number = dead_process()
    for name in ("other", PREFIX, f"{PREFIX}x-1", f"x{PREFIX}1-a"):
        (temporary / name).mkdir()
    target = temporary / "target"
    target.mkdir()
    (temporary / f"{PREFIX}{number}-link").symlink_to(target)
    (temporary / f"{PREFIX}{number}-file").write_text("")
    before = sorted(temporary.iterdir())
    remove_leftovers()
    assert sorted(temporary.iterdir()) == before


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
