"""`predict --heatmaps DIR`: each film under each network's heatmap, with its legend, as a JPEG of its own."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demo.inference.compare import Case, unreliable_beside
from demo.inference.heatmap_pictures import captioned_picture
from demo.language.heatmap_sentences import english_caption
from demo.predict.films.names import STANDARD_INPUT, printable
from export.bundle import EXPORT_AGAIN, Bundle
from train.common.atomic import write_bytes
from train.common.errors import UsageError
from train.radiograph import PrepareSpec

LONGEST_NAME = 200  # bytes of the film's name; file systems allow 255 for all of it


@dataclass(frozen=True)
class Overlays:
    """Where the pictures go. Made by `open_overlays`; may be shared between threads.

    Attributes:
        folder: for the pictures.
        names: path of a film → its name in the folder, without network and ending.
        specs: of the networks that show a heatmap, how each prepares a film.
        failures: a line for each picture that could not be written; the readings stand without them.
    """

    folder: Path
    names: Mapping[str, str]
    specs: Mapping[str, PrepareSpec]
    failures: list[str] = field(default_factory=list)

    def write(self, path: str, case: Case) -> None:
        """Write `<name>-<network>.jpg` for every network that gave a verdict and shows where the evidence is.

        A film that a network refuses has no verdict and no picture, unless it was read with `force`. A picture that
        cannot be written is one of `failures`. Where one network refuses, the other's caption says not to rely on it.
        """
        unreliable = unreliable_beside({reading.network: reading.refused for reading in case.readings})
        for reading in case.readings:
            if reading.network not in self.specs or reading.heatmap is None or reading.positive is None:
                continue
            target = self.folder / f"{self.names[path]}-{reading.network}.jpg"
            try:
                caption = english_caption(reading.network, reading.heatmap, unreliable.get(reading.network, ""))
                spec = self.specs[reading.network]
                write_bytes(target, captioned_picture(case.film, reading.heatmap, spec, caption).jpeg)
            except OSError as error:
                self.failures.append(f"{printable(str(target))} ({error.strerror})")


def open_overlays(
    folder: Path, films: Sequence[str], bundles: Mapping[str, Bundle], on_warning: Callable[[str], None]
) -> Overlays:
    """Make the folder and the films' names in it.

    Args:
        folder: made if it is not there.
        films: paths, each once.
        bundles: by network name; those without heatmap are left out with a warning.
        on_warning: called with it.

    Raises:
        UsageError: no network shows heatmaps, or the folder cannot be made.
    """
    specs = {name: bundle.card.prepare for name, bundle in bundles.items() if bundle.card.heatmap is not None}
    for name in bundles:
        if specs and name not in specs:
            on_warning(f"network {name} shows no heatmap, its bundle is older than that; {EXPORT_AGAIN}")
    if not specs:
        raise UsageError(f"--heatmaps: no heatmap in these bundles, they are older than that; {EXPORT_AGAIN}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{printable(str(folder))}: no folder for heatmaps ({error.strerror}); name another") from None
    return Overlays(folder, overlay_names(films), specs)


def overlay_names(films: Sequence[str]) -> dict[str, str]:
    """Name each film's pictures after its file; where two films share a name, with a sign of their path too.

    So the same films give the same names in every run, and none overwrites another.
    """
    names = {film: "standard-input" if film == STANDARD_INPUT else Path(film).name for film in films}
    # Case alone tells no files apart everywhere.
    seen = Counter(os.fsencode(name.lower())[:LONGEST_NAME] for name in names.values())
    return {film: _name(film, name, seen[os.fsencode(name.lower())[:LONGEST_NAME]] > 1) for film, name in names.items()}


def _name(film: str, name: str, shared: bool) -> str:
    short = os.fsdecode(os.fsencode(name)[:LONGEST_NAME])
    return f"{short}-{hashlib.sha256(os.fsencode(film)).hexdigest()[:8]}" if shared else short
