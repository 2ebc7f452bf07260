"""The stages of a run, and the sides of films that progressive resizing may take."""

import pytest

from train.common.errors import UsageError
from train.fitting.stages import stages_of
from train.runs.settings import make_settings


def test_progressive_stages_come_before_the_others():
    steps = [{"image_size": 96, "epochs": 2}, {"image_size": 160, "epochs": 1}]
    stages = stages_of(make_settings("b", {"progressive": steps, "prepare.image_size": 224}))
    assert [(stage.name, stage.image_size, stage.epochs) for stage in stages] == [
        ("head_96", 96, 2),
        ("head_160", 160, 1),
        ("head", 224, 20),
        ("fine_tune", 224, 10),
    ]


@pytest.mark.parametrize(("side", "fits"), [(192, False), (193, True), (256, True), (257, False)])
def test_network_a_takes_the_sides_that_leave_its_dense_layer_as_it_is(side, fits):
    progressive = {"progressive": [{"image_size": side, "epochs": 1}]}
    if fits:
        assert [stage.image_size for stage in stages_of(make_settings("a", progressive))] == [side, 250]
    else:
        with pytest.raises(
            UsageError, match=rf"network A of 250 pixels takes sides from 193 to 256.*Received: {side}$"
        ):
            make_settings("a", progressive)


def test_network_b_without_fine_tuning_has_one_stage():
    settings = make_settings("b", {"fine_tune.epochs": 0})
    assert [stage.name for stage in stages_of(settings)] == ["head"]
