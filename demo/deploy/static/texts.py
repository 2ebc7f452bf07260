"""What the page of plain files is told instead of asking a server: one object for all, and one for each language.

All that does not hang on a visitor's film is drawn here, by the very functions that draw it for the page with a server;
the browser adds what does (`demo/browser/page`).
"""

import base64
import itertools
from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from typing import Any

import cv2
import numpy as np

from demo.browser.packages import COMPILED_IN, PINNED
from demo.deploy.published_scores import is_shipped
from demo.evaluation.example_films import Example
from demo.evaluation.operating_point_choices import default_point, shared_points
from demo.evaluation.sorted_scores import falling_order, sorted_scores
from demo.evaluation.track_record import QUOTED_SPLITS, TrackRecord
from demo.inference.classifier import threshold_of
from demo.inference.heatmap_drawing import CONTOURS, LAYER_SIDE, OPACITY, STANDS_OUT
from demo.inference.heatmap_pictures import legend_svg
from demo.inference.networks import LoadedModels
from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.language.reading_sentences import chest_films_refused, pair_lines, reached_line
from demo.page.panels.about import about_html, definitions_html, list_html, versions_html
from demo.page.panels.compare.averaged import averaged_record_html
from demo.page.panels.compare.film_on_screen import FilmOnScreen
from demo.page.panels.compare.readings import placeholder_html, record_html
from demo.page.panels.compare.viewer import empty_viewer_html, viewer_html
from demo.page.panels.evaluation.drawn import (
    SPLITS,
    draw_evaluation,
    draw_of_point,
    is_test_read,
    read_evaluations,
    split_choices,
    thresholds_heading,
    words_explained,
)
from demo.page.panels.evaluation.instrument import index_html
from demo.page.panels.evaluation.plots import marks_html
from demo.page.panels.shared import network_head
from export.bundle.scores import read_bundle_scores
from train.metrics.scores import SCORED_SPLITS

EXPLAINED = ("probability", "threshold", "logit", "novelty", "sensitivity", "specificity")
PRIVACY = ("here", "kept", "identifiers", "policy", "verify", "offline")
#: A film that the browser fills in.
_ANY_FILM = FilmOnScreen(name="…", width=1, height=1, bits=8, detail=None, token="film")  # noqa: S106


def page_object(loaded: LoadedModels, track_record: TrackRecord, examples: Mapping[str, Example]) -> dict[str, Any]:
    """What is the same in every language; JSON-ready.

    Args:
        loaded: the networks.
        track_record: what they did on known films.
        examples: by the address of the film.
    """
    cards = loaded.cards
    average = loaded.comparison.average_thresholds if loaded.comparison else {}
    greys = np.arange(256, dtype=np.uint8)[None]
    colours = cv2.cvtColor(cv2.applyColorMap(greys, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return {
        "points": shared_points(cards.values()),
        "point": default_point(cards.values()),
        "networks": {
            name: {"bytes": (bundle.folder / "model.onnx").stat().st_size} for name, bundle in loaded.bundles.items()
        },
        "averageThresholds": average,
        "heatmap": {
            "colours": base64.b64encode(colours.tobytes()).decode("ascii"),
            "contours": [asdict(contour) for contour in CONTOURS],
            "side": LAYER_SIDE,
            "opacity": OPACITY,
            "standsOut": STANDS_OUT,
        },
        "scores": {
            name: {
                split: sorted_scores(splits[split].labels, splits[split].probabilities)
                for split in QUOTED_SPLITS
                if split in splits
            }
            for name, splits in track_record.scores.items()
        },
        "splits": SPLITS,
        "split": SPLITS[0] if is_test_read(loaded) else SCORED_SPLITS[0],
        "examples": list(examples),
    }


def language_object(
    loaded: LoadedModels, track_record: TrackRecord, examples: Mapping[str, Example], words: Wording, version: str
) -> dict[str, Any]:
    """What is said in a language: its catalogue, and HTML that does not hang on a film; JSON-ready."""
    points = shared_points(loaded.cards.values())
    return {
        "language": words.language,
        "direction": words.direction,
        "texts": words.texts,
        "examples": [words(example.caption_key, **example.values) for example in examples.values()],
        "explained": {word: explained(word, words) for word in EXPLAINED},
        "heads": {name: network_head(name, words) for name in ("a", "b")},
        "placeholders": {name: placeholder_html(card, words) for name, card in loaded.cards.items()},
        "refused": {name: chest_films_refused(card, words) for name, card in loaded.cards.items()},
        "records": {
            name: {point: record_html(name, threshold_of(card, point), track_record, words) for point in points}
            for name, card in loaded.cards.items()
        },
        "reached": {point: reached_line(_thresholds(loaded, point), track_record, words) for point in points},
        "pairs": {point: _pairs(loaded, point, track_record, words) for point in points},
        "averaged": {
            point: averaged_record_html(point, loaded.comparison, words) if loaded.comparison else ""
            for point in points
        },
        "html": {
            "title": f"<h1>pneumoscope</h1><p>{escape(words('app.tagline'))}</p>",
            "foot": (
                f"<p><strong>{escape(words('disclaimer.short'))}</strong> {escape(words('disclaimer.children'))} "
                f"<bdi>pneumoscope {escape(version)}</bdi></p>"
            ),
            "empty_viewer": empty_viewer_html(words),
            "viewer": viewer_html("", _ANY_FILM, words),
            "legend": legend_svg(),
            "about": about_html(loaded, words, track_record, _about(words, version)),
            "index": index_html(words),
            "heading": thresholds_heading(words),
            "marks": marks_html(words, points),
            "explained": words_explained(words),
        },
        "splits": split_choices(loaded, words),
    }


def evaluation_objects(loaded: LoadedModels, words: Wording) -> dict[str, dict[str, Any]]:
    """Evaluation in a language, by split: what `instrument.js` works with, and the parts as HTML; JSON-ready."""
    evaluations = read_evaluations(loaded)
    points, default = shared_points(loaded.cards.values()), default_point(loaded.cards.values())
    drawn = {split: draw_evaluation(loaded, evaluations, split, default, words) for split in SPLITS}
    return {
        split: {
            "data": found.data,
            "parts": _styled_by_script(found.parts),
            "points": {
                point: _styled_by_script(draw_of_point(loaded, evaluations, split, point, words)) for point in points
            },
        }
        for split, found in drawn.items()
    }


def films_objects(loaded: LoadedModels) -> dict[str, dict[str, list[str]]]:
    """Names of the scored films by split and network, in the order of `sorted_scores`; JSON-ready.

    Only of films that came with pneumoscope: those of one's own stay without a name.
    """
    shipped = {name: read_bundle_scores(bundle) for name, bundle in loaded.bundles.items() if is_shipped(bundle)}
    return {
        split: {
            name: [scores[split].films[row].rpartition("/")[2] for row in falling_order(scores[split].probabilities)]
            for name, scores in shipped.items()
            if split in scores
        }
        for split in SPLITS
    }


def _styled_by_script(parts: Mapping[str, str]) -> dict[str, str]:
    """HTML whose styles the page's script sets (`put` of words.js): its policy lets no HTML bring its own."""
    return {name: html.replace(" style='", " data-style='") for name, html in parts.items()}


def _thresholds(loaded: LoadedModels, point: str) -> dict[str, float]:
    return {name: threshold_of(card, point) for name, card in loaded.cards.items()}


def _pairs(loaded: LoadedModels, point: str, track_record: TrackRecord, words: Wording) -> dict[str, tuple[str, str]]:
    """What is said of each pair of verdicts, by the verdicts as "true false"; of fewer than two networks nothing."""
    if len(loaded.cards) < 2:
        return {}
    thresholds = _thresholds(loaded, point)
    return {
        " ".join(str(positive).lower() for positive in pair): pair_lines(
            dict(zip(loaded.cards, pair, strict=True)), thresholds, track_record, words
        )
        for pair in itertools.product((True, False), repeat=2)
    }


def _about(words: Wording, version: str) -> dict[str, str]:
    """What differs in About from a page with a server."""
    libraries = [(escape(name), escape(words("about.licences.library"))) for name in PINNED]
    compiled = [(escape(name), escape(words("about.licences.compiled"))) for name in COMPILED_IN]
    own = [
        (escape(words(f"about.licences.{name}")), escape(words(f"about.licences.{name}_text")))
        for name in ("code", "films", "examples")
    ]
    return {
        "program": "",
        "privacy": list_html([escape(words(f"about.privacy_in_browser.{name}")) for name in PRIVACY]),
        "licences": definitions_html([*own, *libraries, *compiled]),
        "versions": versions_html([("pneumoscope", version), *PINNED.items()], words),
    }
