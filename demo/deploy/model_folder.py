"""The folder of a model repository on a hub: the bundles, and a card whose `model-index` has the measured figures."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from demo.deploy.published_scores import warn_of_own_scores
from export.bundle import Bundle, default_models_folder, find_bundles
from export.bundle.card_figures import card_figures
from export.bundle.comparison import COMPARISON
from export.bundle.metric import Metric
from train.common.console import NOT_A_MEDICAL_DEVICE
from train.common.errors import UsageError

README = "README.md"
TASK = {"type": "image-classification", "name": "Pneumonia or none on a frontal chest radiograph"}
#: The card's name of a figure → the hub's name of the metric, and how the page calls it.
METRICS = {
    "accuracy": ("accuracy", "accuracy"),
    "auroc": ("roc_auc", "AUROC"),
    "f1": ("f1", "F1"),
    "sensitivity": ("recall", "sensitivity"),
    "specificity": ("specificity", "specificity"),
}


def build_model(to: Path, name: str, models: Path | None = None) -> None:
    """Write the folder that a model repository is pushed from.

    Args:
        to: an empty folder, or one that is not there.
        name: the repository's, without its owner.
        models: folder with the networks to ship; None for those that came with pneumoscope.

    Raises:
        UsageError: the folder holds something, or there are no networks.
        BundleError: a network is damaged.
    """
    source = models or default_models_folder()
    bundles = find_bundles(source)
    if not bundles:
        raise UsageError(f"{source}: no network here; export one: pneumoscope export RUN")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"{to}: expected an empty folder or a new one; choose another")
    warn_of_own_scores(bundles, named=True)
    to.mkdir(parents=True, exist_ok=True)
    for network, bundle in bundles.items():
        shutil.copytree(bundle.folder, to / network)
    if (source / COMPARISON).is_file():
        shutil.copy(source / COMPARISON, to)
    (to / README).write_text(model_card(name, bundles), encoding="utf-8")


def model_card(name: str, bundles: Mapping[str, Bundle]) -> str:
    """README.md: what the hub reads at its head, and what a reader wants first; each bundle has a card of its own."""
    head = {
        "license": "apache-2.0",
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["chest-x-ray", "pneumonia", "radiology", "research"],
        "model-index": [
            {"name": f"{name} {network.upper()}", "results": list(_results(bundle))}
            for network, bundle in bundles.items()
        ],
    }
    cards = "\n".join(
        f"- [{bundle.card.title}]({network}/README.md): `{network}/model.onnx`, complete by itself"
        for network, bundle in bundles.items()
    )
    uses = "\n\n".join(dict.fromkeys(bundle.card.intended_use for bundle in bundles.values()))
    not_uses = "\n\n".join(dict.fromkeys(bundle.card.not_intended_use for bundle in bundles.values()))
    return (
        f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n# {name}\n\n"
        f"**{NOT_A_MEDICAL_DEVICE}**\n\n{uses}\n\n**Not intended use.** {not_uses}\n\n{cards}\n\n"
        "The figures above are each network's at its default operating point, a threshold chosen on validation and "
        "frozen before the test films were read; 95 % intervals, calibration, limits and what was found wrong are in "
        "the cards. Run them with `pneumoscope predict --models DIR FILM`, or with ONNX Runtime alone.\n"
    )


def _results(bundle: Bundle) -> Iterator[dict[str, Any]]:
    """The measured figures of each split, as the hub's `model-index` has them."""
    figures = card_figures(bundle.card)
    for split, found in (("test", figures.test), ("validation", figures.validation)):
        if found is None:
            continue
        measured = [(key, found.metric(key)) for key in METRICS]
        metrics = [_metric(key, metric) for key, metric in measured if metric is not None]
        if metrics:
            dataset = {"type": "chest-x-rays", "name": bundle.card.data, "split": split}
            yield {"task": dict(TASK), "dataset": dataset, "metrics": metrics}


def _metric(key: str, metric: Metric) -> dict[str, Any]:
    kind, name = METRICS[key]
    interval = (
        {} if metric.low is None else {"args": {"interval_95": [round(metric.low, 4), round(metric.high or 0, 4)]}}
    )
    return {"type": kind, "name": name, "value": round(metric.value, 4)} | interval
