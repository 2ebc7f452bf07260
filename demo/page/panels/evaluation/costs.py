"""What errors cost, as HTML that the browser fills: the threshold a cost ratio implies, the cheapest, net benefit."""

from collections.abc import Mapping
from html import escape

from demo.language.catalogue import Wording
from demo.page.panels.shared import network_head
from demo.page.panels.tables import network_rows, wide_table
from export.bundle.evaluation import BundleEvaluation

FALSE_ALARMS = 4  # for one missed pneumonia, before a visitor says otherwise
ROWS = ("implied", "cheapest", "now")
COLUMNS = ("threshold", "missed", "alarms", "cost")
STRATEGIES = ("all", "none")


def costs_html(evaluations: Mapping[str, BundleEvaluation], split: str, curve: str, words: Wording) -> str:
    """The field for the ratio and both tables beside the decision curve's card; "" where no network was scored."""
    scored = [name for name, found in evaluations.items() if split in found.scores]
    if not scored:
        return ""
    field = (
        f"<label class='ratio'><span>{escape(words('evaluation.costs.ratio'))}</span> "
        f"<input type='number' min='0.1' max='1000' step='any' value='{FALSE_ALARMS}' data-ratio dir='ltr'> "
        f"<span>{escape(words('evaluation.costs.ratio_unit'))}</span></label>"
    )
    lines = "".join(f"<li>{escape(words(f'evaluation.costs.{name}.how'))}</li>" for name in ("implied", "cheapest"))
    return (
        f"<h2>{escape(words('evaluation.costs'))}</h2><p class='how'>{escape(words('evaluation.costs.how'))}</p>"
        f"{field}<p class='implied' data-implied aria-live='polite'></p><ul class='told'>{lines}</ul>"
        f"<div class='pair'><div>{_costs(scored, words)}{_benefits(scored, words)}</div>{curve}</div>"
    )


def _costs(networks: list[str], words: Wording) -> str:
    bodies = ""
    for network in networks:
        rows = ""
        for row in ROWS:
            use = ""
            if row != "now":
                name = escape(words("evaluation.costs.use_of", network=words(f"network.{network}")), quote=True)
                use = (
                    f" <button type='button' data-use='{row}' data-network='{network}' aria-label='{name}'>"
                    f"{escape(words('evaluation.costs.use'))}</button>"
                )
            cells = "".join(f"<td data-cost='{network} {row} {column}'>–</td>" for column in COLUMNS)
            title = escape(words(f"evaluation.costs.{row}.row"))
            rows += f"<tr><th scope='row'>{title}{use}</th>{cells}</tr>"
        bodies += network_rows(network, network_head(network, words), len(COLUMNS) + 1, rows)
    heads = [escape(words(f"evaluation.costs.column.{name}")) for name in ("row", *COLUMNS)]
    return wide_table("costs", words("evaluation.costs.caption"), heads, bodies)


def _benefits(networks: list[str], words: Wording) -> str:
    names = {name: words(f"network.{name}") for name in networks}
    if len(networks) > 1:
        names["average"] = words("evaluation.against.average")
    names |= {name: words(f"evaluation.net_benefit.{name}") for name in STRATEGIES}
    rows = "".join(
        f"<tr><th scope='row'>{escape(label)}</th><td data-benefit='{name}' dir='ltr'>–</td></tr>"
        for name, label in names.items()
    )
    heads = [escape(words(f"evaluation.net_benefit.{name}")) for name in ("strategy", "value")]
    return wide_table("benefits", words("evaluation.net_benefit.caption"), heads, f"<tbody>{rows}</tbody>")
