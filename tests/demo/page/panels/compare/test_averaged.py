import json
import re
from html import unescape

import numpy as np
import pytest

from demo.inference.classifier import Reading
from demo.inference.compare import Case
from demo.inference.networks import load_models
from demo.language.catalogue import LANGUAGES, wording
from demo.page.panels.compare.averaged import averaged_html
from export.bundle import find_bundles

AT = {
    name: {"value": value, "low": value - 0.05, "high": value + 0.02}
    for name, value in (("sensitivity", 0.9), ("specificity", 0.8))
}


def text_of(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture
def shown(models, tiny_bundle):
    scores = b"film,patient,split,label,logit\nx,p,validation,1,4\ny,q,validation,0,-4\n"
    for name in "ab":
        tiny_bundle(models, name, scores=scores)

    def show(refused="", language="en", thresholds=True, **changes):
        sums = {name: bundle.card.checksums["scores.csv"] for name, bundle in find_bundles(models).items()}
        average = {"validation": {"operating_points": {"youden": AT}}, "test": {"operating_points": {"youden": AT}}}
        if thresholds:
            average["thresholds"] = {"youden": 0.54, "f1": "0.5", "half": 2.0}
        found = {"networks": ["a", "b"], "scores": sums, "validation": {}, "average": average} | changes
        (models / "comparison.json").write_text(json.dumps(found))
        readings = tuple(
            Reading(name, 0.9, 2.0, 0.5, "youden", None if name in refused else True, name in refused, None, 1.0)
            for name in "ab"
        )
        case = Case(np.zeros((4, 4), np.uint8), (), readings)
        return averaged_html(case, load_models(models, "cpu"), wording(language))

    return show


def test_it_has_a_verdict_a_threshold_and_a_record_with_test_first(shown):
    text = text_of(shown())
    assert text.startswith("A and B averaged pneumonia likely · 0.881 before calibration, threshold 0.540")
    assert re.search(r"test 90\.0 % 85\.0–92\.0 80\.0 % 75\.0–82\.0 validation 90\.0 %", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("refused", ["a", "b"])
def test_where_a_network_refuses_it_has_no_number(shown, refused, language):
    text = text_of(shown(refused, language))
    assert "0." not in text
    assert refused.upper() in text.replace(wording(language)("evaluation.against.average"), "")


def test_without_a_frozen_threshold_it_is_not_shown(shown):
    assert shown(thresholds=False) == ""
    assert shown(scores={"a": "0", "b": "0"}) == ""


def test_before_a_film_it_is_not_there(models):
    assert averaged_html(None, load_models(models, "cpu"), wording("en")) == ""
