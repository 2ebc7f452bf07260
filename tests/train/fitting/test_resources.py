"""Memory and disk are looked at before a training begins, and what is short is said in one line."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from train.common.errors import PneumoscopeError
from train.data.cohort import index_cohort, split_cohort
from train.data.prepared_films import read_whole_films, side_for_crops
from train.fitting import fit
from train.fitting import resources as needs
from train.fitting.resources import (
    ResourceEstimate,
    available_memory,
    check_resources,
    estimate_resources,
    existing,
    whole_films_of,
)
from train.networks import build_network_a
from train.runs.settings import make_settings


def of_a(changes, films=100):
    settings = make_settings("a", {"prepare.image_size": 64, "width": 0.25, **changes})
    return estimate_resources(build_network_a(64, 0.25), settings, films, begun=False)


def test_three_checkpoints_of_weights_and_optimizer_are_reckoned_with():
    parameters = build_network_a(64, 0.25).count_params()
    assert of_a({}).disk == 3 * 4 * 3 * parameters
    assert of_a({"optimizer": "sgd"}).disk == 3 * 4 * parameters


def test_memory_grows_with_films_batch_and_side():
    assert of_a({}, films=1100).memory - of_a({}, films=100).memory == 1000 * 64**2
    small, large = (of_a({"batch_size": size}, films=0).memory for size in (8, 16))
    # The first block gives out 8 × 64 × 64 numbers three times, forward and backward, before it is halved.
    assert large - small > 8 * 2 * 4 * 3 * 8 * 64**2


def test_films_that_memory_does_not_hold_are_reckoned_with_on_disk(monkeypatch):
    monkeypatch.setattr(needs, "MEMORY_LIMIT_BYTES", 1000)
    assert of_a({}).temporary == 100 * 64**2


def test_films_kept_whole_are_reckoned_with_as_they_are_on_disk(phantom_root):
    cohort = split_cohort(index_cohort(phantom_root), 0)
    settings = make_settings("a", {"prepare.image_size": 64, "width": 0.25, "augmentation.crop": 0.2})
    films = cohort.of_split("train")
    reckoned = whole_films_of(settings, cohort.root, films)
    assert reckoned == pytest.approx(
        read_whole_films(cohort.root, films, side_for_crops(64, 0.2)).images.shape[1], rel=0.1
    )
    assert whole_films_of(make_settings("a", {}), cohort.root, films) == 0
    needs_of_crops = estimate_resources(build_network_a(64, 0.25), settings, 10, begun=False, whole_films=reckoned)
    assert needs_of_crops == replace(of_a({}, films=10), temporary=reckoned)


def test_a_training_on_crops_asks_for_room_for_its_films(phantom_root, monkeypatch):
    asked = []
    monkeypatch.setattr(fit, "check_resources", lambda needs, runs: asked.append(needs.temporary))
    changes = {"prepare.image_size": 64, "width": 0.25, "films_per_class": 4}
    cohort = split_cohort(index_cohort(phantom_root), 0)
    for crop in (1, 0.2):
        fit.make_ready(make_settings("a", {**changes, "augmentation.crop": crop}), cohort)
    whole, crops = asked
    assert whole == 0 < crops


def test_too_little_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda place: SimpleNamespace(free=2_000_000))
    check_resources(ResourceEstimate(memory=0, disk=2_000_000, temporary=0), tmp_path)
    with pytest.raises(PneumoscopeError, match=r"has 2 MB of disk left and this training needs about 1\.5 GB"):
        check_resources(ResourceEstimate(memory=0, disk=1_500_000_000, temporary=0), tmp_path / "runs")


def test_too_little_memory_is_warned_of(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(needs, "MEMORY_TABLE", tmp_path / "meminfo")
    check_resources(ResourceEstimate(memory=2**60, disk=0, temporary=0), tmp_path)
    assert available_memory() is None
    assert capsys.readouterr().err == ""
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    1000000 kB\n")
    check_resources(ResourceEstimate(memory=1_000_000_000, disk=0, temporary=0), tmp_path)
    assert capsys.readouterr().err == ""
    check_resources(ResourceEstimate(memory=8_000_000_000, disk=0, temporary=0), tmp_path)
    assert "needs about 8.0 GB of memory and 1.0 GB are free" in capsys.readouterr().err


def test_the_disk_looked_at_is_that_of_the_folder_to_be_made(tmp_path):
    assert existing(tmp_path / "a" / "b") == tmp_path
