"""The card's entries in MONAI's words, and the estimate of the energy."""

from export.card.monai import monai_keys, network_data_format, training_cost

NEEDED = {"version", "task", "description", "authors", "copyright", "network_data_format", "intended_use"}


def test_inputs_and_outputs_are_those_of_the_graph(tiny_card):
    found = network_data_format(tiny_card())
    assert found["inputs"]["image"]["spatial_shape"] == [8, 8]
    assert (found["inputs"]["image"]["dtype"], found["inputs"]["image"]["value_range"]) == ("uint8", [0, 255])
    assert set(found["outputs"]) == {"logit", "probability"}
    assert found["outputs"]["probability"]["value_range"] == [0, 1]


def test_a_network_with_evidence_names_its_outputs(exported_models):
    from export.bundle import read_bundle

    card = read_bundle(exported_models / "a").card
    assert set(card.monai) >= NEEDED
    assert card.monai == monai_keys(card)
    outputs = card.monai["network_data_format"]["outputs"]
    assert outputs["heatmap"]["spatial_shape"] == list(card.heatmap.shape)
    assert f"{card.novelty.limit:.4f}" in outputs["novelty"]["channel_def"]["0"]
    assert card.monai["eval_metrics"]["validation"]["auroc"] == card.metrics.validation["auroc"]
    assert "onnxruntime" in card.monai["required_packages_version"]


def test_energy_is_time_times_the_power_of_the_device():
    cpu = training_cost({"seconds": 3600.0, "device": "CPU (TensorFlow sees no GPU)"}, {"head": 3000.04})
    gpu = training_cost({"seconds": 3600.0, "device": "Tesla T4"}, {})
    assert (cpu["kilowatt_hours"], cpu["seconds_by_stage"]) == (0.1, {"head": 3000.0})
    assert gpu["kilowatt_hours"] == 0.4
