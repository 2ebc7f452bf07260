"""The bundle: the files that ship a network, and one reader for each of them. Neither Keras nor ONNX Runtime here."""

from export.bundle.bundle import (
    BUNDLE_FILES,
    EXPORT_AGAIN,
    MODEL,
    NETWORKS,
    STRESS,
    Bundle,
    BundleError,
    card_matches_metadata,
    default_models_folder,
    find_bundles,
    metadata_of,
    read_bundle,
    write_bundle,
)
from export.bundle.card import (
    CARD,
    Card,
)

__all__ = [
    "BUNDLE_FILES",
    "CARD",
    "EXPORT_AGAIN",
    "MODEL",
    "NETWORKS",
    "STRESS",
    "Bundle",
    "BundleError",
    "Card",
    "card_matches_metadata",
    "default_models_folder",
    "find_bundles",
    "metadata_of",
    "read_bundle",
    "write_bundle",
]
