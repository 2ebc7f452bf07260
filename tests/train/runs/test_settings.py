"""Settings say no to what they do not know, in one line that names key and value."""

import contextlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.common.errors import UsageError
from train.runs.settings import make_settings
from train.runs.settings_file import dump_settings, parse_assignment, read_settings


def test_defaults_are_the_reports():
    a, b = make_settings("a", {}), make_settings("b", {})
    assert (a.prepare.image_size, a.batch_size, a.dropout, a.optimizer, a.learning_rate) == (250, 32, 0.1, "adam", 1e-3)
    assert (a.epochs, b.epochs, b.fine_tune.epochs, b.fine_tune.from_layer) == (16, 20, 10, 150)
    assert b.backbone_weights == "imagenet"


def test_levers_are_off_unless_they_are_asked_for():
    for network in ("a", "b", "backbone"):
        settings = make_settings(network, {})
        augmentation = settings.augmentation
        assert (augmentation.noise, augmentation.blur, augmentation.jpeg, augmentation.brightness) == (0, 0, 0, 0)
        assert (settings.class_weights, settings.label_smoothing) == ("none", 0)
        assert (settings.shifted_validation, settings.prepare.contrast) == ("none", "none")
        assert (settings.keep, settings.save_every, settings.mixed_precision) == ("best", 1, False)


@pytest.mark.parametrize("network", ["a", "b"])
def test_a_preset_is_a_settings_file_of_its_network(network):
    changes = read_settings(Path(network))
    assert changes.pop("network") == network
    settings = make_settings(network, changes)
    assert settings.augmentation.gamma > 0
    assert settings.augmentation.rotation == make_settings(network, {}).augmentation.rotation
    assert settings.shifted_validation == "none"


def test_a_file_wins_over_a_preset_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("epochs: 3")
    assert read_settings(Path("a")) == {"epochs": 3}


@pytest.mark.parametrize(
    ("network", "changes", "words"),
    [
        ("a", {"augmentation.jpeg": 101}, ["augmentation.jpeg", "101"]),
        ("a", {"augmentation.crop": 0}, ["augmentation.crop", "greater than 0", "0"]),
        ("a", {"augmentation.crop": 1.2}, ["augmentation.crop", "less than or equal to 1", "1.2"]),
        ("a", {"augmentation.crop_aspect": 0.5}, ["augmentation.crop_aspect", "0.5"]),
        ("a", {"prepare.centre_crop": 0}, ["prepare.centre_crop", "greater than 0", "0"]),
        ("a", {"augmentation.equalise": 2}, ["augmentation.equalise", "2"]),
        ("a", {"augmentation.erase": 1}, ["augmentation.erase", "less than 1", "1"]),
        ("a", {"augmentation.mixup": -0.1}, ["augmentation.mixup", "-0.1"]),
        ("backbone", {"augmentation.mixup": 0.2}, ["augmentation.mixup", "backbone", "two classes"]),
        ("a", {"augmentation.noise": -1}, ["augmentation.noise", "-1"]),
        ("a", {"class_weights": "auto"}, ["class_weights", "balanced", "auto"]),
        ("a", {"label_smoothing": 0.9}, ["label_smoothing", "0.9"]),
        ("a", {"weight_average": 0.9}, ["weight_average is no more", "0.9"]),
        ("a", {"mixed_precision": "bf16"}, ["mixed_precision", "bfloat16", "bf16"]),
        ("a", {"keep": "first"}, ["keep", "best", "last", "first"]),
        ("a", {"save_every": 0}, ["save_every", "0"]),
        ("a", {"shifted_validation": "cluster"}, ["shifted_validation", "exposure", "family"]),
        ("a", {"prepare.contrast": "equalize"}, ["prepare.contrast", "equalise"]),
        ("b", {"kinds": True}, ["kinds is no more", "True"]),
        ("backbone", {"label_smoothing": 0.1}, ["label_smoothing does not belong to network backbone"]),
        ("a", {"epoch": 3}, ["unknown setting epoch", "epochs"]),
        (
            "a",
            {"progressive": [{"image_size": 64, "epochs": 1, "foo": 1}]},
            ["progressive.0.foo", "image_size, epochs"],
        ),
        ("a", {"augmentation.spin": 3}, ["unknown setting augmentation.spin", "rotation"]),
        ("a", {"epochs": 0}, ["epochs must be 1 or more"]),
        ("b", {"epochs": 0, "fine_tune.epochs": 0}, ["epochs must be 1 or more"]),
        ("a", {"epochs": -1}, ["epochs", "-1"]),
        ("a", {"learning_rate": -0.1}, ["learning_rate", "-0.1"]),
        ("a", {"learning_rate": float("nan")}, ["learning_rate", "nan"]),
        ("a", {"dropout": 1}, ["dropout", "1"]),
        ("a", {"optimizer": "adagrad"}, ["optimizer", "adagrad", "momentum"]),
        ("a", {"prepare.image_size": 8}, ["prepare.image_size", "8"]),
        ("a", {"prepare.resize": "stretch"}, ["prepare.resize", "letterbox"]),
        ("a", {"batch_size": 0}, ["batch_size"]),
        ("a", {"epochs.x": 0}, ["epochs"]),
        ("a", {"backbone_weights": "random"}, ["backbone_weights does not belong to network a"]),
        ("b", {"width": 2.0}, ["width does not belong to network b"]),
        ("b", {"batch_norm_momentum": 0.5}, ["batch_norm_momentum does not belong to network b without a teacher"]),
        ("b", {"distillation.temperature": 3}, ["distillation does not belong to network b without a teacher"]),
        ("backbone", {"fine_tune.epochs": 3}, ["fine_tune does not belong to network backbone"]),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(network, changes, words):
    with pytest.raises(UsageError) as caught:
        make_settings(network, changes)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words)


def test_settings_survive_their_file(tmp_path):
    settings = make_settings("b", {"fine_tune.from_layer": 0, "prepare.contrast": "clahe", "dropout": 0.3})
    file = tmp_path / "settings.yaml"
    file.write_text(dump_settings(settings))
    values = read_settings(file)
    assert make_settings(str(values.pop("network")), values) == settings


def test_a_partial_group_keeps_the_other_defaults():
    settings = make_settings("a", {"augmentation": {"rotation": 3}})
    assert (settings.augmentation.rotation, settings.augmentation.zoom) == (3, 0.1)


def test_a_later_change_wins_over_a_groups():
    settings = make_settings("a", {"prepare": {"image_size": 224, "resize": "crop"}, "prepare.image_size": 64})
    assert (settings.prepare.image_size, settings.prepare.resize) == (64, "crop")


def test_the_run_folder_never_learns_where_a_weights_file_lay():
    settings = make_settings("b", {"backbone_weights": "/somewhere/private/backbone.weights.h5"})
    assert "private" not in dump_settings(settings)
    assert "backbone_weights: backbone.weights.h5" in dump_settings(settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("epochs=3", 3), ("plateau.factor=.5", 0.5), ("augmentation.flip=true", True), ("optimizer=sgd", "sgd")],
)
def test_assignments_are_typed_like_yaml(text, expected):
    assert parse_assignment(text)[1] == expected


@pytest.mark.parametrize("text", ["epochs", "=3", "epochs=[1"])
def test_a_wrong_assignment_is_refused(text):
    with pytest.raises(UsageError, match="--set"):
        parse_assignment(text)


@pytest.mark.parametrize("content", [b"[1, 2]", b"a: [", b"\xff\xfe\x00", b""])
def test_a_settings_file_that_is_none_is_refused(tmp_path, content):
    file = tmp_path / "settings.yaml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"settings\.yaml"):
        read_settings(file)


NINES = b"9" * 5_000
LAUGHS = b"".join(b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"epochs: 2024-13-45", "setting epochs: .* integer.* Received: '2024-13-45'"),
        (b"epochs: 2024-02-30T99:99:99Z", "setting epochs"),
        (b"epochs: !!timestamp 2024-13-45", r"settings\.yaml: .*timestamp.* \(line 1\)"),
        (b"learning_rate: 1e400", "setting learning_rate: .* finite"),
        (b"learning_rate: 1.0e+400", "setting learning_rate: .* finite"),
        (b"learning_rate: .nan", "setting learning_rate: .* finite"),
        (b"width: 1.0e+308", "setting width: .* less than or equal"),
        (b"cache: {limit_gb: 1.0e+308}", r"setting cache\.limit_gb: .* less than or equal"),
        (b"epochs: .inf", "setting epochs: .* finite"),
        (b"epochs: 1000000000000000000", "setting epochs: .* less than or equal"),
        (b"epochs: " + NINES, r"settings\.yaml: a value of 5000 characters \(line 1\)"),
        (b"epochs: " + NINES[:4_000], "setting epochs: .* Received: 9999"),
        (b"epochs: 0x" + b"f" * 4_000, "setting epochs: .* a very large int"),
        (b"epochs: 0x" + b"f" * 1_000_000, "larger than 20 kB"),
        (b"epochs: 1" + b":59" * 1_300, "setting epochs"),
        (b"epochs: " + b"[" * 15_000, "inside one another without end"),
        (b"epochs: " + b"{a: " * 4_000, "inside one another without end"),
        (b"\n".join(b" " * depth + b"a:" for depth in range(150)), "inside one another without end"),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\n" + LAUGHS + b"epochs: *j", r"an alias of more than a single value \(line 2\)"),
        (b"a: &a {x: 1}\nprepare: {<<: *a}", "an alias of more than a single value"),
        (b"epochs: &a [*a]", "an alias of more than a single value"),
        (b"epochs: 1\nepochs: 2", r"epochs comes twice \(line 2\)"),
        (b"prepare: {image_size: 64, image_size: 96}", "image_size comes twice"),
        (b"'epochs': 1\nepochs: 1", "epochs comes twice"),
        (b"prepare: {1: 2}", "expected the name of a setting before the colon. Received: 1"),
        (b"on: 2", "expected the name of a setting before the colon. Received: on"),
        (b"? [1, 2]\n: 3", "expected the name of a setting before the colon. Received: a sequence"),
        ("epochs: 3 # zwölf".encode("latin-1"), "no UTF-8"),
        (b"epochs: 3\0", "special characters are not allowed"),
        (b'backbone_weights: "\\ud800"', "a value that is no text"),
        (b'backbone_weights: "a\\0b"', "a value that is no text"),
        (b"epochs: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        (b"epochs: !!int x", "a number or another value that cannot be one"),
        (b"epochs: !!bool x", "a number or another value that cannot be one"),
        (b"epochs: !!float ''", "a number or another value that cannot be one"),
        (b"epochs: 1\n---\nepochs: 2", "another document"),
        (b"".join(b"k%d: 1\n" % number for number in range(1_500)), "and 1495 more"),
        (b"# \n" * 100_000, "larger than 20 kB"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_settings_that_no_training_has_are_refused_in_a_line(tmp_path, content, words):
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=words) as error:
            make_settings("a", read_settings(path))
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert len(str(error.value)) < 3_000
    assert "\n" not in str(error.value)


def test_a_file_that_never_ends_is_no_settings_file():
    with pytest.raises(UsageError, match="/dev/zero is larger than 20 kB"):
        read_settings(Path("/dev/zero"))


def test_what_is_usual_in_yaml_is_read(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(
        "# comment\nlearning_rate: &rate 1.0e-3\nfine_tune: {learning_rate: *rate}\nteacher: [2024-01-01, 'x']\n"
    )
    values = read_settings(path)
    assert values["fine_tune"] == {"learning_rate": 0.001}
    assert make_settings("b", values).teacher == ("2024-01-01", "x")


@pytest.mark.parametrize(
    "assignment",
    [
        "epochs=2024-13-45",
        "epochs=" + "9" * 5_000,
        "epochs=" + "[" * 50_000,
        "epochs=&a [*a]",
        "epochs=!!int x",
        "epochs" + ".a" * 20_000 + "=1",
        "a." * 20_000 + "a=1",
    ],
    ids=lambda text: text[:20],
)
def test_an_assignment_that_no_training_has_is_refused_in_a_line(assignment):
    with pytest.raises(UsageError) as error:
        make_settings("a", dict([parse_assignment(assignment)]))
    assert len(str(error.value)) < 3_000
    assert "\n" not in str(error.value)


pieces = (
    r"epochs|seed|prepare|image_size|: |\n|- |[|]|{|}|, |&a |*a|!!|!!int |1|-|.inf|1e400|0x|1:5|2024-13-45|'"
    '|"|>|? |<<|~|true|#'
)
yaml_text = st.lists(st.sampled_from(pieces.replace(r"\n", "\n").split("|")) | st.text(max_size=3), max_size=30).map(
    "".join
)


@given(yaml_text | st.binary(max_size=60))
def test_whatever_a_settings_file_holds_it_is_settings_or_refused_in_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "settings.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    refusal = ""
    try:
        values = read_settings(path)
        make_settings("a", {key: value for key, value in values.items() if key != "network"})
    except UsageError as error:
        refusal = str(error)
    assert len(refusal) < 5_000


@given(st.dictionaries(st.text(max_size=20), st.one_of(st.none(), st.integers(), st.text(max_size=5)), max_size=3))
def test_any_settings_either_fit_or_are_refused_in_one_line(changes):
    with contextlib.suppress(UsageError):
        make_settings("a", changes)


def test_the_split_has_a_seed_of_its_own_only_when_asked():
    assert make_settings("a", {"seed": 3}).seed_of_split == 3
    assert make_settings("a", {"seed": 3, "split_seed": 0}).seed_of_split == 0


def test_a_settings_file_names_settings(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("1: 2\n")
    with pytest.raises(UsageError, match=r"settings.yaml: expected the name of a setting.*Received: 1"):
        read_settings(path)
