"""Bundles with an evaluation in them, as training and export leave it."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.bundle import Bundle, Card, write_bundle
from train.evaluation.evaluation import evaluate_test, evaluate_validation
from train.metrics.scores import Scores, logistic

HISTORY = "stage,epoch,loss,accuracy,val_loss,val_accuracy\nhead,1,0.5,0.8,0.4,0.81\nfine_tune,2,0.25,0.9,0.3,0.88\n"


@pytest.fixture(scope="session")
def evaluated_bundle(tiny_card: Callable[..., Card], tiny_model: Callable[..., bytes]) -> Callable[..., Bundle]:
    """Write a tiny bundle with real scores, figures and history.

    (models, network, test films or not, seed, stress.json, further entries of the card) → Bundle.
    """

    def write(
        models: Path, network: str = "a", test: bool = True, seed: int = 0, stress: dict | None = None, **more: Any
    ) -> Bundle:
        scores, evaluation = evaluated(network, test, seed)
        thresholds = {
            name: float(logistic(np.log(threshold / (1 - threshold)) / 2))  # the tiny card's temperature is 2
            for name, threshold in evaluation["thresholds"].items()
        }
        card = tiny_card(
            network=network,
            operating_points={name: {"threshold": at, "selected_on": "validation"} for name, at in thresholds.items()},
            metrics={split: evaluation[split] and {"films": 1} for split in ("validation", "test")},
            **more,
        )
        files = {
            "evaluation.json": json.dumps(evaluation).encode(),
            "scores.csv": scores_csv(scores).encode(),
            "history.csv": HISTORY.encode(),
            "README.md": b"# Tiny network\n",
        }
        if stress is not None:
            files["stress.json"] = json.dumps({**stress, "network": network}).encode()
        return write_bundle(models / network, card, tiny_model(card), files)

    return write


@cache
def evaluated(network: str, test: bool, seed: int) -> tuple[Scores, dict[str, Any]]:
    """Scores and their evaluation; its thousands of resamples are drawn once for all tests."""
    scores = make_scores(("validation", "test") if test else ("validation",), seed)
    evaluation = evaluate_validation(scores, network, "0" * 64)
    return scores, evaluate_test(evaluation, scores, "0" * 64) if test else evaluation


def make_scores(splits: tuple[str, ...], seed: int) -> Scores:
    random = np.random.default_rng(seed)
    films, labels, of_split = [], [], []
    for split, count, prevalence in (("validation", 120, 0.7), ("test", 80, 0.6)):
        if split in splits:
            films += [f"{split}{row}.png" for row in range(count)]
            labels += [int(row < prevalence * count) for row in range(count)]
            of_split += [split] * count
    logits = random.normal(3 * (np.array(labels) - 0.5), 1.5)
    return Scores(tuple(films), tuple(films), tuple(of_split), np.array(labels), logits)


def scores_csv(scores: Scores) -> str:
    columns: Any = (scores.films, scores.patients, scores.splits, scores.labels.tolist(), scores.logits.tolist())
    rows = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join(["film,patient,split,label,logit", *rows, ""])
