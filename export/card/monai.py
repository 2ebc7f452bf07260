"""The card's entries that other tools and readers look for: MONAI's keys, the network's inputs and outputs, its cost.

A MONAI bundle says what it is in `metadata.json` (docs.monai.io, "MONAI Bundle Specification"). The card's `monai` is
such an object; keys that name PyTorch or MONAI versions do not apply.
"""

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from export.bundle.card import Card

AUTHORS = "the pneumoscope project"
COPYRIGHT = "the pneumoscope project; Apache License 2.0"
TASK = "Pneumonia or none on a frontal chest radiograph (binary classification)"
REFERENCES = (
    "Kermany, Goldbaum et al., Cell 172 (2018) 1122-1131, doi:10.1016/j.cell.2018.02.010",
    "Mitchell et al., Model cards for model reporting, FAT* 2019, arXiv:1810.03993",
    "Tejani et al., CLAIM 2024 update, Radiology: Artificial Intelligence 6 (2024) e240300",
)
#: What export itself needs; the run's own versions are in its environment.json.
EXPORTED_WITH = ("onnx", "onnxruntime", "tf2onnx")
HEADLINES = ("auroc", "sensitivity", "specificity")

#: Power that a whole machine is assumed to draw while it trains, in watts. Nothing was measured.
CPU_WATTS = 100.0
GPU_WATTS = 400.0
JOULES_PER_KILOWATT_HOUR = 3.6e6

Json = dict[str, Any]


def export_versions() -> dict[str, str]:
    """Return the versions of what made and ran the graph."""
    found = {}
    for name in EXPORTED_WITH:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # ONNX Runtime has a package per kind of device
            continue
    return found


def training_cost(environment: Mapping[str, Any], epochs: Mapping[str, float]) -> Json:
    """Return how long a run trained, and an estimate of the energy.

    Args:
        environment: of the run: `seconds` from start to end, and `device`.
        epochs: stage → seconds of its epochs, from history.csv.

    Returns:
        seconds, seconds_by_stage, device, assumed_watts, kilowatt_hours, formula.
    """
    seconds = float(environment["seconds"])
    watts = CPU_WATTS if str(environment["device"]).startswith("CPU") else GPU_WATTS
    return {
        "seconds": seconds,
        "seconds_by_stage": {stage: round(spent, 1) for stage, spent in epochs.items()},
        "device": environment["device"],
        "assumed_watts": watts,
        "kilowatt_hours": round(seconds * watts / JOULES_PER_KILOWATT_HOUR, 4),
        "formula": "kilowatt_hours = seconds × assumed_watts / 3,600,000: an estimate, the power was not measured",
    }


def monai_keys(card: Card) -> Json:
    """Return what a MONAI bundle's metadata.json would say of a network."""
    versions = dict(card.versions)
    needed = {name: versions[name] for name in ("onnxruntime", "opencv-python-headless") if name in versions}
    others = {
        name: version
        for name, version in versions.items()
        if name not in (*needed, "python", "pneumoscope", "numpy", "tensorflow", "keras")
    }
    return {
        "name": f"pneumoscope_{card.network}",
        "version": versions.get("pneumoscope", "unknown"),
        "task": TASK,
        "description": card.title,
        "authors": AUTHORS,
        "copyright": COPYRIGHT,
        "intended_use": f"{card.intended_use} {card.not_intended_use}",
        "data_source": card.data,
        "data_type": "JPEG, PNG, TIFF or DICOM, read as one grey channel",
        "image_classes": "grey radiograph, uint8, 0 to 255",
        "label_classes": {str(index): name for index, name in enumerate(card.classes)},
        "pred_classes": f"probability of {card.classes[1]}",
        "eval_metrics": {
            split: {name: metrics[name] for name in HEADLINES if name in metrics}
            for split, metrics in (("validation", card.metrics.validation), ("test", card.metrics.test))
            if metrics
        },
        "references": list(REFERENCES),
        "numpy_version": versions.get("numpy", "unknown"),
        "tensorflow_version": versions.get("tensorflow", "unknown"),
        "keras_version": versions.get("keras", "unknown"),
        "required_packages_version": needed,
        "optional_packages_version": others,
        "network_data_format": network_data_format(card),
    }


def network_data_format(card: Card) -> Json:
    """Return the graph's inputs and outputs in MONAI's words; N films are a batch, which is not in the shapes."""
    side, positive = card.prepare.image_size, card.classes[1]
    outputs = {
        "logit": _tensor("logits", [], "float32", [], f"score of {positive}, before calibration"),
        "probability": _tensor("probabilities", [], "float32", [0, 1], f"calibrated probability of {positive}"),
    }
    if card.heatmap is not None:
        shape = list(card.heatmap.shape)
        outputs["heatmap"] = _tensor("image", shape, "float32", [0, 1], f"what speaks for {positive}, by place")
    if card.novelty is not None:
        meaning = f"distance from the training films; above {card.novelty.limit:.4f} a film is refused"
        outputs["novelty"] = _tensor("distances", [], "float32", [], meaning)
    image = _tensor("image", [side, side], "uint8", [0, 255], "grey film, resized and toned by `prepare`")
    return {"inputs": {"image": {**image, "modality": "X-ray", "layout": "N, H, W, C"}}, "outputs": outputs}


def _tensor(kind: str, shape: list[int], dtype: str, value_range: list[int], meaning: str) -> Json:
    return {
        "type": kind,
        "format": "magnitude" if kind == "image" else kind,
        "num_channels": 1,
        "spatial_shape": shape,
        "dtype": dtype,
        "value_range": value_range,
        "is_patch_data": False,
        "channel_def": {"0": meaning},
    }
