"""The page under the soak: a process of its own, its memory and the files it leaves."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A page that runs; `folder` is where its temporary folder is made."""

    url: str  # without a slash at the end
    process: subprocess.Popen[str]
    folder: Path

    def resident_bytes(self) -> int:
        """Resident memory of the page and of the processes it has begun."""
        return sum(_resident(process) for process in _family(self.process.pid))

    def uploads(self) -> list[Path]:
        """Files that lie there."""
        return [path for path in self.folder.rglob("*") if path.is_file()]


@contextmanager
def server(*arguments: str) -> Iterator[Server]:
    """Run `pneumoscope demo` on a free port while the block lasts; its temporary files lie in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="soak-") as parent:
        folder = Path(parent) / "temporary"
        folder.mkdir()
        environment = {name: value for name, value in os.environ.items() if name != "PNEUMOSCOPE_DATA"}
        environment |= {"TMPDIR": str(folder)}
        command = [sys.executable, "-c", "from demo.cli import app; app()", "demo", "--no-browser", "--port", "0"]
        with (Path(parent) / "stderr").open("w") as messages:
            process = subprocess.Popen(
                [*command, *arguments], stdout=subprocess.PIPE, stderr=messages, text=True, env=environment
            )
            assert process.stdout is not None
            url = process.stdout.readline().strip().rstrip("/")
            try:
                yield Server(url, process, folder)
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


def _family(process: int) -> list[int]:
    found, pending = [], [process]
    while pending:
        parent = pending.pop()
        found.append(parent)
        try:
            listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except OSError:
            continue
        pending += [int(child) for child in listed.split()]
    return found


def _resident(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
