"""The networks of a folder, loaded and ready; one that is missing or damaged leaves the other working."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from demo.inference.classifier import Classifier, load_classifier
from demo.inference.compare import ReadFilm
from demo.inference.onnx_runtime import Device
from export.bundle import NETWORKS, Bundle, BundleError, Card, default_models_folder, find_bundles
from export.bundle.comparison import NetworkComparison, read_comparison
from train.radiograph import read_with_warnings


@dataclass(frozen=True)
class LoadedModels:
    """Networks by name, "a" before "b".

    Attributes:
        models: the folder they come from.
        classifiers: those that work.
        faults: for each network whose bundle is there but cannot be used, why, in one line that names no folder
            above the models' own: visitors see it.
        read_film: what decodes the films they read.
    """

    models: Path
    classifiers: Mapping[str, Classifier]
    faults: Mapping[str, str]
    read_film: ReadFilm = read_with_warnings

    @property
    def folder_name(self) -> str:
        """What visitors are told of `models`: its name, not where on the server it lies."""
        return self.models.resolve().name

    @property
    def bundles(self) -> dict[str, Bundle]:
        """The bundle of each classifier."""
        return {name: classifier.bundle for name, classifier in self.classifiers.items()}

    @property
    def cards(self) -> dict[str, Card]:
        """The card of each classifier."""
        return {name: classifier.bundle.card for name, classifier in self.classifiers.items()}

    @cached_property
    def comparison(self) -> NetworkComparison | None:
        """A against B, and both averaged; None where the folder holds no comparison of these very bundles."""
        return read_comparison(self.bundles)


def load_models(models: Path | None = None, device: Device = "auto") -> LoadedModels:
    """Load every network of a folder; no network at all is no error.

    Args:
        models: the folder that holds a and b; None for the one that came with pneumoscope.
        device: as `load_classifier` takes it.

    Raises:
        UsageError: ONNX Runtime is not installed, or a GPU was asked for and cannot be used.
    """
    folder = models or default_models_folder()
    classifiers, faults = {}, {}
    for name in NETWORKS:
        try:
            for bundle in find_bundles(folder, (name,)).values():
                classifiers[name] = load_classifier(bundle, device)
        except BundleError as error:
            faults[name] = str(error).replace(str(folder), folder.resolve().name)
    return LoadedModels(folder, classifiers, faults)
