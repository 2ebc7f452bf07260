"""The studies hold the report's rows and figures, and each row is a training that can be begun."""

import csv
import os
from decimal import Decimal
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from train.common.errors import UsageError
from train.studies.definition import (
    Scale,
    find_study,
    reported_only,
    rows_of_training,
    run_name,
    settings_of,
    studies,
    study_of,
)

FULL = Scale()
#: The report's figures in percent as it prints them, a line a stage; facts from the study's report.
PRINTED = list(csv.DictReader((Path(__file__).parent / "report_figures.csv").read_text(encoding="utf-8").splitlines()))
SETTINGS = {"lr": "learning_rate", "patience": "early_stopping_patience"}
#: Of the whole network, and what learns in each stage, by (network, width, extra dense layers); printed by the report.
PARAMETERS = {
    ("a", 0.25, 0): (167_953, 167_617),
    ("a", 0.5, 0): (407_073, 406_401),
    ("a", 0.75, 0): (717_617, 716_609),
    ("a", 1.0, 0): (1_099_585, 1_098_241),
    ("a", 1.25, 0): (1_552_977, 1_551_297),
    ("a", 1.5, 0): (2_077_793, 2_075_777),
    ("a", 1.0, 1): (1_116_097, 1_114_753),
    ("b", 1.0, 0): (23_827_201, 262_401, 15_496_449),
    ("b", 1.0, 1): (23_843_713, 278_913, 15_512_961),
    ("b", 1.0, 2): (23_860_225, 295_425, 15_529_473),
    ("b", 1.0, 3): (23_876_737, 311_937, 15_545_985),
    ("b", 1.0, 4): (23_893_249, 328_449, 15_562_497),
    ("b", 1.0, 5): (23_909_761, 344_961, 15_579_009),
}


def all_rows():
    return [(study, row) for study in studies() for row in study.rows]


def test_the_reports_107_rows_are_there_and_its_reference_runs():
    counted = {study.name: len(study.rows) for study in studies() if study.counted}
    assert sum(counted.values()) == 107
    assert counted["a-optimizer"] == counted["b-optimizer"] == 36
    assert [study.name for study in studies() if not study.counted] == ["reference-runs"]


def test_each_figure_is_the_reports():
    def shares(percent):
        return Decimal(percent) / 100 if percent else None

    printed = {
        (line["study"], line["row"], line["stage"]): (
            shares(line["accuracy_percent"]),
            Decimal(line["loss"]) if line["loss"] else None,
            shares(line["f1_percent"]),
            Decimal(line["threshold"]) if line["threshold"] else None,
        )
        for line in PRINTED
    }
    ours = {
        (study.name, row.key, stage): tuple(
            None if value is None else Decimal(str(value))
            for value in (figures.accuracy, figures.loss, figures.f1, figures.threshold)
        )
        for study, row in all_rows()
        for stage, figures in row.reported.items()
    }
    assert ours == printed


def test_each_row_sets_what_the_report_says():
    for line in PRINTED:
        row = find_study(line["study"]).row(line["row"])
        asked = dict(pair.split("=") for pair in line["settings"].split())
        assert row.network == asked.pop("network", line["study"][0])
        said = {SETTINGS.get(key, key): value for key, value in asked.items()}
        assert row.changes.keys() == said.keys(), line
        settings = settings_of(row, 0, FULL)
        for key, value in said.items():
            assert getattr(settings, key) == type(getattr(settings, key))(value), (line, key)


@pytest.mark.parametrize("network", ["a", "b"])
def test_the_rest_is_the_reports_for_every_row(network):
    for row in (row for _, row in all_rows() if row.network == network):
        settings = settings_of(row, 3, FULL)
        assert (settings.seed, settings.seed_of_split) == (3, 0)
        assert (settings.prepare.image_size, settings.batch_size, settings.schedule) == (250, 32, "plateau")
        assert settings.dropout == row.changes.get("dropout", 0.1)
        assert settings.early_stopping_patience == row.changes.get("early_stopping_patience")
        if network == "b":
            assert (settings.fine_tune.epochs, settings.fine_tune.learning_rate) == (10, None)  # a tenth of the rate
            assert settings.backbone_weights == "imagenet"


def test_where_the_report_contradicts_itself_is_noted():
    noted = {(study.name, row.key) for study, row in all_rows() if row.notes}
    assert noted == {
        ("b-extra-dense", "1"),
        ("b-extra-dense", "2"),
        ("a-optimizer", "momentum-0.1-24"),
        ("b-optimizer", "adam-0.01-8"),
        ("b-optimizer", "rmsprop-0.001-24"),
        ("b-early-stopping", "5"),
    }
    assert [study.name for study in studies() if study.notes] == ["reference-runs", "a-early-stopping"]


def test_the_choice_of_the_backbone_is_shown_and_never_run():
    table = reported_only()["backbone-choice"]
    assert table.rows == [
        ["Xception", 0.89696, 0.87146, 0.875, 0.86795, 3983, 569, 6245, 606],
        ["ResNet50V2", 0.91171, 0.88659, 0.88935, 0.88385, 3858, 480, 6334, 507],
        ["Concatenated", 0.94186, 0.92196, 0.92378, 0.92015, 3745, 309, 6526, 325],
    ]
    with pytest.raises(UsageError, match="reported figures only"):
        find_study("backbone-choice")


def shape_of(row):
    return row.network, row.changes.get("width", 1.0), row.changes.get("extra_dense", 0)


def count_parameters(row):
    """Of the network, and of what learns in each of its stages."""
    from train.fitting.fit import build_network
    from train.fitting.stages import stages_of

    settings = settings_of(row, 0, Scale(backbone_weights="random"))
    network = build_network(settings)
    counts = [network.count_params()]
    for stage in stages_of(settings):
        stage.enter(network)
        counts.append(sum(weight.numpy().size for weight in network.trainable_weights))
    return tuple(counts)


@pytest.mark.parametrize("network", ["a", pytest.param("b", marks=pytest.mark.slow)])
def test_each_network_has_the_parameters_that_the_report_prints(network):
    rows = {shape_of(row): row for _, row in all_rows() if row.network == network}
    assert {shape: count_parameters(row) for shape, row in rows.items()} == {
        shape: counts for shape, counts in PARAMETERS.items() if shape[0] == network
    }


def test_rows_with_equal_settings_are_one_training():
    twins = [name for name, _ in rows_of_training(find_study("a-width").row("1.0"))]
    assert twins == [
        ("reference-runs", "a"),
        ("a-extra-dense", "0"),
        ("a-width", "1.0"),
        ("a-optimizer", "adam-0.001-16"),
        ("a-dropout", "0.1"),
    ]
    names = {run_name(settings_of(row, 0, FULL)) for _, row in all_rows()}
    assert len(names) == 104  # of 109 rows: five of A are one, and two of B
    assert all(name.startswith("study-") and len(name) == len("study-") + 12 for name in names)


def test_another_seed_or_scale_is_another_training():
    row = find_study("a-width").row("0.5")
    names = [run_name(settings_of(row, seed, scale)) for seed in (0, 1) for scale in (FULL, Scale(96), Scale(None, 9))]
    assert len(set(names)) == 6
    assert run_name(settings_of(row, 0, Scale(250))) == names[0]


@pytest.mark.parametrize(
    ("scale", "label"),
    [
        (Scale(), "full"),
        (Scale(image_size=250, backbone_weights="imagenet"), "full"),
        (Scale(image_size=96), "96 px"),
        (Scale(epochs=1), "1 epoch at most"),
        (
            Scale(96, 200, 2, "folder/backbone-96.h5"),
            "96 px, 200 films a class, 2 epochs at most, backbone weights backbone-96",
        ),
    ],
)
def test_a_reduced_scale_says_what_is_reduced(scale, label):
    assert scale.label == label


def test_a_cap_of_epochs_lengthens_no_stage():
    row = find_study("b-optimizer").row("adam-0.1-8")
    for cap, epochs in ((2, (2, 2)), (9, (8, 9)), (30, (8, 10))):
        settings = settings_of(row, 0, Scale(epochs=cap))
        assert (settings.epochs, settings.fine_tune.epochs) == epochs
    with pytest.raises(UsageError, match=r"--epochs must be 1 or more\. Received: 0"):
        Scale(epochs=0)


def test_backbone_weights_are_of_network_b_alone():
    scale = Scale(backbone_weights="random")
    assert settings_of(find_study("combined").row("b"), 0, scale).backbone_weights == "random"
    assert settings_of(find_study("combined").row("a"), 0, scale).network == "a"


def test_an_unknown_study_or_row_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match=r"no study a-breadth: there are .*a-width"):
        find_study("a-breadth")
    with pytest.raises(UsageError, match=r"study a-width has no row 2: its rows are 0.25, 0.5"):
        find_study("a-width").row("2")


GOOD = """
title: Width
section: mine
network: a
varies: [width]
fixed: {epochs: 3}
rows:
  - {key: "0.5", settings: {width: 0.5}, reported: {train: {accuracy: 0.9}}}
  - {key: "2", settings: {width: 2}}
"""


def test_adding_a_study_is_adding_a_file(tmp_path):
    path = tmp_path / "my-width.yaml"
    path.write_text(GOOD)
    study = study_of(path)
    assert (study.name, study.network, [row.key for row in study.rows]) == ("my-width", "a", ["0.5", "2"])
    assert settings_of(study.rows[1], 0, FULL).width == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("section: mine", "section: mine\ncolour: red", ["unknown key colour"]),
        ("accuracy: 0.9", "accuracy: 92.9", ["row 0.5: reported.train.accuracy", "less than or equal to 1", "92.9"]),
        ("accuracy: 0.9", "loss: -1", ["row 0.5: reported.train.loss", "-1"]),
        ("accuracy: 0.9", "accuracy: .nan", ["row 0.5: reported.train.accuracy"]),
        ("accuracy: 0.9", "accuracy: yes", ["row 0.5: reported.train.accuracy", "True"]),
        ("accuracy: 0.9", "acuracy: 0.9", ["row 0.5: unknown key reported.train.acuracy"]),
        ("train: {", "head: {", ["row 0.5: reported.head", "expected train"]),
        ('key: "2"', 'key: "0.5"', ["row 0.5 comes twice"]),
        ('key: "2"', 'key: "2 x"', ["row 2 x: key", "2 x"]),
        ('key: "2", ', "", ["row 2: key is missing"]),
        ("width: 2}", "width: 0.5}", ["row 2: sets what row 0.5 sets"]),
        ("width: 2}", "width: -2}", ["row 2: setting width", "-2"]),
        ("width: 2}", "breadth: 2}", ["varies", "breadth"]),
        ("fixed: {epochs: 3}", "fixed: {epoch: 3}", ["row 0.5: unknown setting epoch"]),
        ("fixed: {epochs: 3}", "fixed: {seed: 3}", ["seed is given by --seeds"]),
        ("fixed: {epochs: 3}", "fixed: {width: 3}", ["row 0.5: width is fixed for all rows"]),
        ("width: 2}", "width: 2, prepare.image_size: 96}", ["row 2: prepare.image_size is given by --image-size"]),
        ("width: 2}", "width: 2, prepare: {image_size: 96}}", ["row 2: prepare: expected a dotted key", "image_size"]),
        ("network: a\n", "", ["row 0.5: expected a network"]),
        ("network: a\n", "network: c\n", ["network", "c"]),
        ("varies: [width]", "varies: [dropout]", ["varies", "dropout"]),
        ("title: Width\n", "title: Width\ntitle: Breadth\n", ["title comes twice"]),
        ("varies: [width]\n", "", ["varies is missing"]),
    ],
)
def test_a_slip_in_a_file_is_one_line_with_file_and_key(tmp_path, old, new, words):
    path = tmp_path / "mine.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UsageError) as refused:
        study_of(path)
    line = str(refused.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    for word in words:
        assert word in line, line
