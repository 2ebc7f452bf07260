"""What calibration did, as HTML: how each network's probability is made, and how good it was before and after."""

from collections.abc import Mapping
from html import escape

from demo.language.catalogue import Wording
from demo.language.glossary import explained
from demo.page.panels.shared import network_head
from demo.page.panels.tables import network_rows, wide_table
from export.bundle.card import Calibration, Card
from export.bundle.card_figures import card_figures

FIGURES = ("log_loss", "brier", "ece")


def calibration_text(calibration: Calibration, words: Wording) -> str:
    """How a probability is made of the logit; plain text."""
    temperature = f"{calibration.temperature:.3f}"
    if calibration.method == "temperature":
        return words("evaluation.calibration.temperature", temperature=temperature)
    sign = "−" if calibration.offset < 0 else "+"
    offset = f"{sign} {abs(calibration.offset):.3f}"
    return words("evaluation.calibration.platt", temperature=temperature, offset=offset)


def calibration_html(cards: Mapping[str, Card], split: str, words: Wording) -> str:
    """Every network's method, and its figures on a split before and after; "" where no card has such figures."""
    bodies, known = "", False
    for network, card in cards.items():
        head = f"{network_head(network, words)} <small>{escape(calibration_text(card.calibration, words))}</small>"
        rows = ""
        for quality in card_figures(card).quality_of(split):
            metrics = (quality.log_loss, quality.brier, quality.ece)
            cells = "".join(f"<td><bdi dir='ltr'>{metric.value:.4f}</bdi></td>" for metric in metrics)
            rows += f"<tr><th scope='row'>{escape(words(f'evaluation.calibration.{quality.stage}'))}</th>{cells}</tr>"
        known = known or bool(rows)
        bodies += network_rows(network, head, len(FIGURES) + 1, rows)
    if not known:
        return ""
    caption = words("evaluation.calibration.caption", split=words(f"word.{split}"))
    columns = [escape(words("evaluation.calibration.row")), *(explained(name, words) for name in FIGURES)]
    how = escape(words(f"evaluation.calibration.how.{split}"))
    return (
        f"<h2>{escape(words('evaluation.calibration'))}</h2><p class='how'>{how}</p>"
        f"{wide_table('calibration', caption, columns, bodies)}"
    )
