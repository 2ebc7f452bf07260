import json
import subprocess
import sys

import pytest

from train.common.errors import PneumoscopeError
from train.studies.definition import Scale
from train.studies.record import Interval, StudiesRecord, over_seeds, read_record, run_command, write_record
from train.studies.report import make_record


def test_the_record_is_read_as_it_was_written_an_entry_a_line(tmp_path, make_study_training):
    measured = [make_study_training([("a-width", "0.5")], {"train": 0.9}, seed) for seed in (0, 1)]
    record = make_record(measured)
    write_record(tmp_path / "studies.json", record)
    assert read_record(tmp_path / "studies.json") == record
    lines = (tmp_path / "studies.json").read_text().splitlines()
    assert sum('"run":"study-' in line for line in lines) == 2
    assert json.loads("\n".join(lines))["trainings"][0]["stages"]["train"]["test"]["half"]["accuracy"]["value"] == 0.9


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:-100], "is no record of the studies of format 1"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "format: input should be 1"),
        (lambda text: text.replace('"loss":0.1', '"loss":NaN'), "is no record"),
        (lambda text: text.replace('"epochs":16', '"epochs":"16"'), "epochs: input should be a valid integer"),
        (lambda text: text.replace('"seed":0', '"seed":0,"host":"x"'), "host: extra inputs are not permitted"),
    ],
)
def test_a_damaged_record_is_one_line_that_says_what_to_do(tmp_path, make_study_training, spoil, said):
    path = tmp_path / "studies.json"
    write_record(path, make_record([make_study_training([("a-width", "0.5")], {"train": 0.9})]))
    spoiled = spoil(path.read_text())
    assert spoiled != path.read_text()
    path.write_text(spoiled)
    with pytest.raises(PneumoscopeError, match=said) as raised:
        read_record(path)
    assert "pneumoscope study report writes it anew" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_record_says_the_command_that_writes_it(tmp_path):
    with pytest.raises(PneumoscopeError, match="no such file; pneumoscope study report writes it"):
        read_record(tmp_path / "studies.json")


def test_a_figure_over_seeds_has_mean_range_and_the_mean_of_the_limits():
    found = over_seeds([Interval(value=0.9, low=0.86, high=0.93), Interval(value=0.94, low=0.9, high=0.97)])
    assert found.mean == pytest.approx(0.92)
    assert (found.seeds, found.low, found.high) == (2, 0.9, 0.94)
    assert (found.interval_low, found.interval_high) == pytest.approx((0.88, 0.95))
    assert over_seeds([None, Interval(value=None, low=None, high=None)]) is None
    assert over_seeds([0.25, 0.75]).interval_low is None


@pytest.mark.parametrize(
    ("scale", "options"),
    [
        (Scale(), ""),
        (Scale(image_size=96), " --image-size 96"),
        (Scale(films_per_class=200, epochs=2), " --films-per-class 200 --epochs 2"),
        (Scale(64, 50, 1, "random"), " --image-size 64 --films-per-class 50 --epochs 1 --backbone-weights random"),
        (Scale(backbone_weights="kept/own.weights.h5"), " --backbone-weights own.weights.h5"),
    ],
)
def test_the_command_of_a_row_reduces_as_the_label_says(scale, options):
    command = run_command("a-width", ["0.25"], scale.label)
    assert command == f"pneumoscope study run a-width --rows 0.25{options}"


def test_whoever_reads_the_record_needs_pydantic_alone():
    heavy = ("numpy", "keras", "tensorflow", "scipy", "optuna", "yaml")
    code = f"import sys, train.studies.record; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_scales_stand_with_the_full_one_first(make_study_training):
    rows = [("a-width", "0.5")]
    record = make_record([make_study_training(rows, {"train": 0.9}, scale=scale) for scale in ("96 px", "full")])
    assert isinstance(record, StudiesRecord)
    assert record.scales == ("full", "96 px")
    assert [training.scale for training in record.of_row("a-width", "0.5", "96 px")] == ["96 px"]
