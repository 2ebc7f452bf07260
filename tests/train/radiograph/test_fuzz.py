"""Mutations of a film of every kind, thousands of them, each kind in its own process: none ends, hangs or bloats it.

`PNEUMOSCOPE_FUZZ=10000` sets how many there are of each kind.
"""

import json
import os
import subprocess
import sys

import pytest

MUTATIONS = int(os.environ.get("PNEUMOSCOPE_FUZZ", "300"))
KINDS = 26
MOST_SECONDS = 5  # for one film
MOST_GROWTH = 300_000  # kB of resident memory over a whole run

SCRIPT = """
import json, random, sys, time, warnings, zlib
from pathlib import Path
from train.radiograph import RadiographError, read_with_warnings

def peak():
    # In kB; ru_maxrss is that of whoever began the process, where that was more.
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else ["VmHWM: 0"]
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

def with_right_checksums(png):
    place = 8
    while place + 12 <= len(png):
        end = place + 12 + int.from_bytes(png[place : place + 4], "big")
        if end <= len(png):
            png[end - 4 : end] = zlib.crc32(png[place + 4 : end - 4]).to_bytes(4, "big")
        place = end

def mutated(film, chance):
    film = bytearray(film)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(film)) if chance.random() < 0.5 else chance.randrange(min(len(film), 600))
        what = chance.random()
        if what < 0.5:
            film[place] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        elif what < 0.7:
            size = chance.choice((2, 4))
            value = chance.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)) & (1 << 8 * size) - 1
            film[place : place + size] = value.to_bytes(size, chance.choice(("little", "big")))
        elif what < 0.8:
            del film[place : place + chance.randint(1, 40)]
        elif what < 0.9:
            film[place:place] = chance.randbytes(chance.randint(1, 40))
        else:
            film = film[: max(place, 1)]
        if not film:
            film = bytearray(1)
    if film.startswith(b"\\x89PNG") and chance.random() < 0.8:
        with_right_checksums(film)
    return bytes(film)

warnings.simplefilter("error")
film, count, chance = sys.stdin.buffer.read(), int(sys.argv[1]), random.Random(int(sys.argv[2]))
read = refused = 0
slowest, start = 0.0, 0
for index in range(count):
    data = mutated(film, chance)
    print(index, file=sys.stderr, flush=True)
    started = time.perf_counter()
    try:
        read_with_warnings(data)
        read += 1
    except RadiographError as error:
        refused += 1
        assert len(str(error)) < 400 and "\\n" not in str(error)
    slowest = max(slowest, time.perf_counter() - started)
    start = start or peak()
growth = peak() - start
print(json.dumps({"read": read, "refused": refused, "slowest": slowest, "growth": growth}))
"""


@pytest.mark.parametrize("kind", range(KINDS))
def test_mutations(films, kind, record_property):
    assert len(films) == KINDS
    name, film = list(films.items())[kind]
    run = subprocess.run([sys.executable, "-c", SCRIPT, str(MUTATIONS), str(kind)], input=film, capture_output=True)
    last = run.stderr.decode(errors="replace").splitlines()[-3:]
    assert run.returncode == 0, f"{name}: seed {kind}, mutation {last}"
    found = json.loads(run.stdout)
    record_property(name, found)
    sys.stdout.write(f"{name}: {found}\n")
    assert found["slowest"] < MOST_SECONDS
    assert found["growth"] < MOST_GROWTH
