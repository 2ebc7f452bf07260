"""Which items of CLAIM 2024 the card answers, and where (Tejani et al., Radiol Artif Intell 2024;6:e240300)."""

from export.bundle.card import Card
from export.bundle.card_figures import CardFigures
from train.metrics.scores import EXTERNAL

ELSEWHERE = (
    "Items 2 (abstract), 17 (annotation of the test set), 34 (trial registration) and 44 (funding) do not apply to a "
    "model card. The others:"
)


def claim_items(card: Card, figures: CardFigures) -> list[str]:
    """The list, as Markdown, with CLAIM's numbers."""
    test, external = card.metrics.test is not None, bool(figures.quality_of(EXTERNAL))
    items = {
        "1": "Deep learning, convolutional network: title.",
        "3, 4": "Background, role, aim: Intended use.",
        "5, 6": "Retrospective, on public films; an exploratory comparison of two networks.",
        "7, 8, 13": "Source, inclusion, acquisition: Training data; more only as the publishers say.",
        "9": "Preprocessing: Model details (`prepare` in card.json).",
        "10": "Subsets: Training, in Model details.",
        "11": "De-identification: by the publishers; Ethical considerations.",
        "12": "Missing data: a film that cannot be read stops training and evaluation; none is filled in.",
        "14, 15, 16": "Reference standard, why, by whom: Evaluation data, as far as published.",
        "18": "Variability between readers: not published.",
        "19, 20": "Partitions, disjoint by patient between training and validation: Evaluation data, Training data.",
        "21": "Sample size: all films there are; none was planned.",
        "22, 23, 24": "Model, software, initial weights: Model details.",
        "25, 26": "Training: Model details. How epoch and run were chosen: the project's docs/training.md.",
        "27": "Ensembles: none.",
        "28, 29": "Metrics and intervals: Metrics.",
        "30": f"Robustness: Stress{'' if card.stress else ' (not measured)'}.",
        "31": f"Explainability: Heatmap, with three checks{'' if card.heatmap else ' (this network has none)'}.",
        "32": f"Internal data: validation and {'test' if test else 'test (not read)'}, Quantitative analyses.",
        "33": f"External data: {'another hospital, Calibration; see Caveats' if external else 'none'}.",
        "35, 36": "Numbers: Evaluation data, Training data. Age, sex and illness by film are not published.",
        "37, 38": "Performance and precision: Quantitative analyses.",
        "39": "Failures: scores.csv has every film; comparison.json those on which A and B differ.",
        "40, 41": "Limitations, implications: Caveats and recommendations.",
        "42, 43": "Details and availability: code, model and scores are published together; licence in Model details.",
    }
    return [ELSEWHERE, "", *(f"- **{numbers}** {words}" for numbers, words in items.items())]
