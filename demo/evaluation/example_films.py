"""The films that the page offers: the user's own validation films where there are any, else the synthetic ones."""

import itertools
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from export.bundle import Bundle
from export.bundle.scores import read_bundle_scores
from train.common.errors import PneumoscopeError
from train.data.cohort import CLASSES
from train.synthetic.film_folder import SYNTHESIS

log = logging.getLogger(__name__)

MOST_EXAMPLES = 8

# (label, whether the network says pneumonia): what each network shows one film of, in this order.
SUBTYPES = ((1, True), (0, False), (1, False), (0, True))


@dataclass(frozen=True)
class Example:
    """A film to try, and what the catalogue says about it.

    Attributes:
        caption_key: a key of the catalogue, `examples.…`.
        values: what the caption names.
    """

    path: Path
    caption_key: str
    values: dict[str, int]


@dataclass(frozen=True)
class _Verdict:
    """What one network says about one validation film, at its default operating point."""

    film: str
    label: int
    positive: bool


def find_examples(bundles: Mapping[str, Bundle], data_root: Path | None) -> tuple[Example, ...]:
    """Choose the films that the page offers, the same ones every time.

    Args:
        bundles: by network, as `find_bundles` gives them.
        data_root: the folder that the film paths in the bundles' scores.csv are relative to. Of each network it gives
            a right positive, a right negative, a missed pneumonia and a false alarm on validation at the default
            operating point, the median by probability of its kind, errors by preference not shared by the other
            network; kinds and files that are not there are left out.

    Returns:
        At most MOST_EXAMPLES, no film twice. The synthetic films without a data root or where it has none of the
        films; nothing where those cannot be used either.
    """
    own = () if data_root is None else _examples_of(bundles, data_root)
    return own or synthetic_examples(default_examples_folder())


def default_examples_folder() -> Path:
    """`assets/examples` beside the packages: the same place in a checkout and in an installed wheel."""
    return Path(__file__).resolve().parents[2] / "assets" / "examples"


def synthetic_examples(folder: Path) -> tuple[Example, ...]:
    """The films that a folder's synthesis.json lists, both classes in turn; none when the folder is not whole."""
    try:
        listed = json.loads((folder / SYNTHESIS).read_bytes())["films"]
        films: dict[str, list[Path]] = {truth: [] for truth in CLASSES}
        for entry in listed:
            path = folder / entry["film"]
            # A name, no path: the list must not lead out of its folder.
            if path.name != entry["film"] or not path.is_file():
                raise ValueError(f"{entry['film']} is not in the folder")
            films[entry["drawn_as"]].append(path)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        log.debug("%s: no synthetic films", folder, exc_info=True)
        return ()
    ranked = [(rank, truth, path) for truth in CLASSES for rank, path in enumerate(films[truth])]
    return tuple(
        Example(path, f"examples.synthetic.{truth}", {"number": number})
        for number, (_, truth, path) in enumerate(sorted(ranked)[:MOST_EXAMPLES], start=1)
    )


def _examples_of(bundles: Mapping[str, Bundle], root: Path) -> tuple[Example, ...]:
    try:
        verdicts = {network: _verdicts(bundle) for network, bundle in sorted(bundles.items())}
    except PneumoscopeError:
        log.debug("no examples from the films: a bundle's scores cannot be read", exc_info=True)
        return ()
    right = {
        network: {reading.film: reading.positive == bool(reading.label) for reading in of_network}
        for network, of_network in verdicts.items()
    }
    chosen: dict[str, int] = {}  # film → label, in the order of being chosen
    for label, positive in SUBTYPES:
        for of_network in verdicts.values():
            of_kind = [reading.film for reading in of_network if (reading.label, reading.positive) == (label, positive)]
            # An error of one network alone shows more than one of both.
            wrong = positive != bool(label)
            alone = [film for film in of_kind if wrong and sum(of.get(film) is False for of in right.values()) == 1]
            ranked = itertools.chain(_median_first(alone), _median_first(of_kind))
            usable = (film for film in ranked if film not in chosen and is_film_below(root, film))
            film = next(usable, None)
            if film is not None:
                chosen[film] = label
    return tuple(
        Example(
            root / film,
            _caption_key(CLASSES[label], {network: of[film] for network, of in right.items() if film in of}),
            {"number": number},
        )
        for number, (film, label) in enumerate(chosen.items(), start=1)
    )


def _verdicts(bundle: Bundle) -> list[_Verdict]:
    """The network's validation films, sorted by probability; films of the same probability by name."""
    card, scores = bundle.card, read_bundle_scores(bundle).get("validation")
    if scores is None:
        return []
    threshold = card.operating_points[card.default_operating_point].threshold
    rows = sorted(zip(scores.probabilities.tolist(), scores.films, scores.labels.tolist(), strict=True))
    return [_Verdict(film, label, probability >= threshold) for probability, film, label in rows]


def _median_first(films: list[str]) -> Iterator[str]:
    """The middle one, then outwards."""
    middle = (len(films) - 1) // 2
    for rank in sorted(range(len(films)), key=lambda rank: (abs(rank - middle), rank)):
        yield films[rank]


def is_film_below(root: Path, film: str) -> bool:
    """Whether a film's path of scores.csv is a file below the data root, and leads nowhere else."""
    relative = PurePosixPath(film)
    return not relative.is_absolute() and ".." not in relative.parts and (root / relative).is_file()


def _caption_key(truth: str, right: dict[str, bool]) -> str:
    """`examples.<truth>.<who was right>`; a network that did not read the film is not spoken of."""
    if len(right) == 1:
        ((network, was_right),) = right.items()
        return f"examples.{truth}.{network}_{'right' if was_right else 'wrong'}"
    winners = [network for network, was_right in right.items() if was_right]
    who = {0: "both_wrong", 1: f"only_{''.join(winners)}_right", 2: "both_right"}[len(winners)]
    return f"examples.{truth}.{who}"
