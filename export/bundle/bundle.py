"""The bundle on disk: one network as `model.onnx` with its card, curves and scores, verified when read.

    assets/models/<a|b>/ = model.onnx, card.json, evaluation.json, scores.csv, history.csv, README.md
    and, where it was measured, stress.json

Every file but the card has its SHA-256 in the card. The card itself is repeated in the model's
`metadata_props`: whoever loads the model compares the two with `card_matches_metadata`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from export.bundle.card import CARD, LATER_ENTRIES, Card
from train.common.atomic import replace_folder, write_bytes
from train.common.errors import PneumoscopeError

MODEL = "model.onnx"
BUNDLE_FILES = (MODEL, CARD, "evaluation.json", "scores.csv", "history.csv", "README.md")
STRESS = "stress.json"
NETWORKS = ("a", "b")
EXPORT_AGAIN = "export it again: pneumoscope export RUN"


class BundleError(PneumoscopeError):
    """A bundle is missing, incomplete, damaged or changed after its export."""


@dataclass(frozen=True)
class Bundle:
    """A verified bundle: its files were all there and unchanged when it was read.

    Attributes:
        contents: the very bytes that were verified, by the names of the files; whatever is told of the bundle is told
            of these, and not of what lies in the folder later.
    """

    folder: Path
    card: Card
    contents: Mapping[str, bytes] = field(repr=False, compare=False)

    @property
    def model(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL

    @property
    def files(self) -> tuple[str, ...]:
        """Names of everything that `read_bundle` wants to see again, and of nothing else that lies in the folder."""
        return (CARD, *sorted(self.card.checksums))

    def without_model(self) -> "Bundle":
        """The same bundle for whoever has loaded the model: its bytes, by far the most, are not kept twice."""
        return replace(self, contents={name: data for name, data in self.contents.items() if name != MODEL})


def read_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle.

    Raises:
        BundleError: a file is missing, the card is no valid card, or a file differs from its checksum.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such bundle folder; {EXPORT_AGAIN}")
    contents = {CARD: _bytes_of(folder / CARD)}
    card = _parsed_card(folder / CARD, contents[CARD])
    for name in BUNDLE_FILES:
        if name != CARD and name not in card.checksums:
            raise BundleError(f"{folder / CARD}: checksums lacks {name}; {EXPORT_AGAIN}")
    for name, expected in card.checksums.items():
        contents[name] = _bytes_of(folder / name)
        if hashlib.sha256(contents[name]).hexdigest() != expected.lower():
            raise BundleError(
                f"{folder / name}: differs from its checksum in {CARD}, so it was damaged or changed after "
                f"export; {EXPORT_AGAIN}"
            )
    return Bundle(folder, card, contents)


def write_bundle(folder: Path, card: Card, model: bytes, files: Mapping[str, bytes]) -> Bundle:
    """Write a bundle in one step: `folder` holds either the whole new bundle or what it held before.

    Args:
        folder: replaced as a whole, with everything in it.
        card: its checksums are ignored and written again. A metric that is NaN becomes null.
        model: the ONNX graph with `metadata_of(card)` in its metadata_props.
        files: the other files by name; those of `BUNDLE_FILES` are required.

    Raises:
        BundleError: a file is missing or misnamed, or the card holds something that cannot be JSON.
    """
    contents = {MODEL: model, **files}
    missing = [name for name in BUNDLE_FILES if name != CARD and name not in contents]
    if missing:
        raise BundleError(f"{folder}: a bundle also needs {', '.join(missing)}; nothing was written")
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    try:
        card = Card.model_validate({**card.model_dump(), "checksums": sums})
        text = json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    except ValidationError as error:
        raise BundleError(f"{folder / CARD}: {_first_fault(error)}; nothing was written") from error
    except ValueError as error:
        raise BundleError(f"{folder / CARD}: cannot be JSON ({error}); nothing was written") from error
    written = {CARD: (text + "\n").encode(), **contents}
    with replace_folder(folder) as temporary:
        for name, data in contents.items():
            write_bytes(temporary / name, data)
        write_bytes(temporary / CARD, written[CARD])
    return Bundle(folder, card, written)


def find_bundles(models: Path, networks: Sequence[str] = NETWORKS) -> dict[str, Bundle]:
    """Read the bundles `models/a` and `models/b` that are there; `models` may also be one bundle itself.

    Raises:
        BundleError: a bundle that is there is not whole, or lies in the other network's folder.
    """
    found: dict[str, Bundle] = {}
    if (models / CARD).is_file():
        bundle = read_bundle(models)
        return {str(bundle.card.network): bundle} if bundle.card.network in networks else {}
    for network in networks:
        folder = models / network
        if not folder.is_dir() or all(entry.name.startswith(".") for entry in folder.iterdir()):
            continue
        bundle = read_bundle(folder)
        if bundle.card.network != network:
            raise BundleError(
                f"{folder / CARD}: says network {bundle.card.network!r}, expected {network!r} by its folder; "
                f"rename the folder or {EXPORT_AGAIN}"
            )
        found[network] = bundle
    return found


def default_models_folder() -> Path:
    """`assets/models` beside the packages: the same place in a checkout and in an installed wheel."""
    return Path(__file__).resolve().parents[2] / "assets" / "models"


def metadata_of(card: Card) -> dict[str, str]:
    """The card as ONNX metadata_props: text as it is, everything else as JSON; without the checksums."""
    absent = {name for name in LATER_ENTRIES if getattr(card, name) is None}
    entries = card.model_dump(mode="json", exclude={"checksums", *absent})
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for key, value in entries.items()
    }


def card_matches_metadata(card: Card, metadata: Mapping[str, str]) -> list[str]:
    """Name the keys in which a card and its model's metadata_props differ, sorted; empty when they agree.

    Keys with a dot are other tools' marks (ONNX Runtime's quantizer writes `onnx.infer`), never ours.
    """
    ours = metadata_of(card)
    theirs = {key: value for key, value in metadata.items() if "." not in key}
    return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))


def _parsed_card(path: Path, data: bytes) -> Card:
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: no valid JSON, perhaps cut short ({error}); {EXPORT_AGAIN}") from error
    if not isinstance(entries, dict):
        raise BundleError(f"{path}: expected a JSON object; {EXPORT_AGAIN}")
    if isinstance(entries.get("format"), int) and entries["format"] > 1:
        raise BundleError(f"{path}: bundle format {entries['format']}, this pneumoscope reads 1; upgrade pneumoscope")
    try:
        return Card.model_validate(entries)
    except ValidationError as error:
        raise BundleError(f"{path}: {_first_fault(error)}; {EXPORT_AGAIN}") from error
    except PneumoscopeError as error:  # a wrong PrepareSpec
        raise BundleError(f"{path}: prepare: {error}; {EXPORT_AGAIN}") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "card"
    received = "" if isinstance(fault["input"], dict | list) else f" (received {fault['input']!r})"
    more = f", and {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return f"{place}: {fault['msg']}{received}{more}"


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path}: missing; {EXPORT_AGAIN}") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
