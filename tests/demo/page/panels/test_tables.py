import pytest

from demo.language.catalogue import wording
from demo.page.panels.tables import figure_cell, p_value, wide_table
from export.bundle.metric import Metric

WORDS = wording("en")


def plain(html):
    return html.replace("<bdi dir='ltr'>", "").replace("</bdi>", "").replace("<small>", " | ").replace("</small>", "")


@pytest.mark.parametrize(
    ("found", "settings", "text"),
    [
        (Metric(0.9758, 0.963, 0.985), {}, "97.6 % | 96.3–98.5"),
        (Metric(0.9758), {}, "97.6 %"),
        (Metric(0.9975, 0.9947, 0.9989), {"share": False}, "0.998 | 0.995–0.999"),
        (Metric(0.0165, -0.0151, 0.0284), {"signed": True}, "+1.7 | −1.5 – +2.8"),
        (Metric(-0.0085, -0.02, -0.001), {"signed": True, "share": False}, "−0.009 | −0.020 – −0.001"),
        (Metric(-0.0001), {"signed": True}, "0.0"),  # no sign where there is nothing
        (None, {}, "–"),
    ],
)
def test_a_figure_over_its_interval(found, settings, text):
    assert plain(figure_cell(found, WORDS, **settings)) == text


def test_a_p_value_is_never_nothing():
    assert [p_value(value) for value in (0.0, 0.0004, 0.00443, 1.0)] == [
        "p < 0.001",
        "p < 0.001",
        "p = 0.004",
        "p = 1.000",
    ]


def test_a_table_scrolls_by_itself_and_has_a_name():
    html = wide_table("x", "A <b> & 'C'", ["one"], "<tbody></tbody>")
    assert "role='region' tabindex='0' aria-label='A &lt;b&gt; &amp; &#x27;C&#x27;'" in html
    assert "<caption>A &lt;b&gt; &amp; &#x27;C&#x27;</caption>" in html
