"""What of the films of a training is refused before a run begins."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from train.common.errors import PneumoscopeError
from train.data.cohort import index_cohort, split_cohort
from train.fitting.batches import prepared_batches as module
from train.fitting.batches.prepared_batches import prepared_batches
from train.fitting.devices.data_parallel import Share
from train.runs.settings import make_settings


def test_fewer_films_than_devices_are_one_line(phantom_root, monkeypatch):
    monkeypatch.setattr(module, "present_share", lambda: Share(8))
    settings = make_settings("a", {"films_per_class": 3, "batch_size": 8})
    cohort = split_cohort(index_cohort(phantom_root), 0, 0.1)
    with pytest.raises(PneumoscopeError, match="8 devices share every batch and there are 6 training films: expected"):
        prepared_batches(cohort, settings, 32, workers=1)
