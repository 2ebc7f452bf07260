"""Workers and commands that die at random moments run no row twice and forget none."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from optuna.trial import TrialState

from train.studies.storage import opened_storage

ROOT = Path(__file__).resolve().parents[3]
ROWS = 12


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_no_row_is_run_twice_and_none_is_forgotten(url, runs, seed):
    script = Path(__file__).with_name("dying_workers.py")
    ended = subprocess.run(
        [sys.executable, script, url, runs, str(seed), str(ROWS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    lines = ended.stdout.splitlines()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line for line in lines if line.startswith("error")] == []
    assert sum(line.startswith("killed") for line in lines) >= 5  # or nothing was put to the test

    with opened_storage(url) as storage:
        (study,) = storage.get_all_studies()
        trials = storage.get_all_trials(study._study_id)
    by_state = {
        state: Counter(trial.user_attrs["run"] for trial in trials if trial.state == state) for state in TrialState
    }
    assert set(by_state[TrialState.COMPLETE].values()) == {1}
    assert len(by_state[TrialState.COMPLETE]) == ROWS
    assert not by_state[TrialState.WAITING]
    assert not by_state[TrialState.RUNNING]
    # A training begins anew only where the process that had it died before its result was written down.
    began = Counter(line.split()[1] for line in lines if line.startswith("began"))
    failed = by_state[TrialState.FAIL]
    assert {name: times for name, times in began.items() if times > failed[name] + 1} == {}
