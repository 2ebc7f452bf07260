"""Workers and commands that die at random moments run no row twice and forget none."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from optuna.trial import TrialState

from train.studies.running.storage import opened_storage

ROOT = Path(__file__).resolve().parents[4]
EXHAUSTIVE = bool(os.environ.get("PNEUMOSCOPE_EXHAUSTIVE"))


def work_off(url, runs, seed, rows):
    """What the processes printed; none of them may have met an error."""
    script = Path(__file__).with_name("dying_workers.py")
    ended = subprocess.run(
        [sys.executable, script, url, runs, str(seed), str(rows)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert [line for line in lines if line.startswith("error")] == []
    return lines


def trials_by_state(url):
    """State → run folder → how many trials."""
    found = {state: Counter() for state in TrialState}
    with opened_storage(url) as storage:
        (study,) = storage.get_all_studies()
        for trial in storage.get_all_trials(study._study_id):
            found[trial.state][trial.user_attrs["run"]] += 1
    return found


@pytest.mark.slow
def test_workers_that_claim_at_once_run_no_row_twice(url, runs):
    rows = 90 if EXHAUSTIVE else 10
    lines = work_off(url, runs, seed=0, rows=rows)
    assert set(Counter(lines).values()) == {1}
    assert len(lines) == rows
    assert trials_by_state(url)[TrialState.COMPLETE].total() == rows


@pytest.mark.slow
def test_workers_and_commands_that_die_run_no_row_twice_and_forget_none(url, runs):
    if url.startswith("postgresql") and not EXHAUSTIVE:
        pytest.skip("set PNEUMOSCOPE_EXHAUSTIVE=1 to let them die beside a server too")
    rows = 12 if EXHAUSTIVE else 6
    lines = work_off(url, runs, seed=1, rows=rows)
    assert sum(line.startswith("killed") for line in lines) >= 5  # or nothing was put to the test
    found = trials_by_state(url)
    assert set(found[TrialState.COMPLETE].values()) == {1}
    assert len(found[TrialState.COMPLETE]) == rows
    assert not found[TrialState.WAITING]
    assert not found[TrialState.RUNNING]
    # A training begins anew only where the process that had it died before its result was written down.
    began = Counter(line.split()[1] for line in lines if line.startswith("began"))
    failed = found[TrialState.FAIL]
    assert {name: times for name, times in began.items() if times > failed[name] + 1} == {}
