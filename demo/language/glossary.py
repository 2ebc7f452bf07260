"""Every word the page uses that a visitor may not know: its name, and what it means in a sentence or two."""

from html import escape

from demo.language.catalogue import Wording

#: The words by what they are about, in the order in which one leads to the next. The catalogue explains each as
#: glossary.<word> and names it as word.<word>, save those of NAMED_ELSEWHERE.
GROUPS: dict[str, tuple[str, ...]] = {
    "film": (
        "film",
        "synthetic",
        "dicom",
        "logit",
        "probability",
        "calibration",
        "temperature",
        "platt",
        "threshold",
        "operating_point",
        "youden",
        "agreement",
        "novelty",
        "refusal",
        "heatmap",
    ),
    "figures": (
        "sensitivity",
        "specificity",
        "false_alarm",
        "missed",
        "ppv",
        "npv",
        "prevalence",
        "accuracy",
        "balanced_accuracy",
        "f1",
        "confusion_matrix",
        "roc",
        "auroc",
        "precision_recall",
        "average_precision",
        "reliability",
        "ece",
        "brier",
        "log_loss",
        "histogram",
        "interval",
        "bootstrap",
        "p_value",
        "delong",
        "mcnemar",
        "stress",
        "as_report",
    ),
    "making": (
        "cnn",
        "training",
        "epoch",
        "learning_rate",
        "transfer_learning",
        "backbone",
        "head",
        "fine_tuning",
        "cohort",
        "validation",
        "test",
        "deduplicated",
        "confounder",
        "placeholder",
        "parity",
        "bundle",
        "onnx",
        "commit",
        "fingerprint",
        "checksum",
    ),
}
NAMED_ELSEWHERE = {"operating_point": "operating_point.label", "youden": "operating_point.youden"}


def name_of(word: str, words: Wording) -> str:
    """A word of the glossary as the page writes it; plain text."""
    return words(NAMED_ELSEWHERE[word]) if word in NAMED_ELSEWHERE else words(f"word.{word}")


def explained(word: str, words: Wording) -> str:
    """A word of the glossary as HTML: a button that explains it (`page.js` shows the explanation beside it).

    Raises:
        KeyError: it is no word of the glossary.
    """
    meaning = escape(words(f"glossary.{word}"), quote=True)
    name = escape(name_of(word, words))
    return f"<button type='button' class='explains' aria-expanded='false' data-explains='{meaning}'>{name}</button>"


def glossary_html(words: Wording) -> str:
    """The whole glossary: a heading (h3) and a definition list per group."""
    return "".join(
        f"<h3>{escape(words(f'about.glossary.{group}'))}</h3><dl class='glossary'>"
        + "".join(_entry(word, words) for word in entries)
        + "</dl>"
        for group, entries in GROUPS.items()
    )


def _entry(word: str, words: Wording) -> str:
    return f"<div><dt><bdi>{escape(name_of(word, words))}</bdi></dt><dd>{escape(words(f'glossary.{word}'))}</dd></div>"
