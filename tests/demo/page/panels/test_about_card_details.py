"""What a card says of its evidence; of what it does not have, nothing."""

import json
import re
from html import unescape

import pytest

from demo.language.catalogue import LANGUAGES, wording
from demo.page.panels.about_card_details import track_record_facts

WORDS = wording("en")
CHECKS = {
    "gradient_correlation": {"films": 32, "mean": 1.0, "smallest": 0.9994},
    "random_head": {"films": 32, "heads": 5, "mean_rank_correlation": -0.0286},
    "occlusion": {
        "films": 128,
        "covered": 0.1,
        "logit": {"hottest": 7.1, "random": 1.86},
        "films_where_hottest_falls_further": 0.969,
    },
}
HEATMAP = {
    "method": "HiResCAM <x>", "layer": "input of flatten", "shape": [4, 4], "scale": 3.94, "scale_percentile": 99.5,
    "scale_from": "training films", "validation_clipped": 0.005, "checks": CHECKS,
}  # fmt: skip
TREATED = {"auroc": 0.9996, "refused": 0.957, "refused_low": 0.79, "refused_high": 0.99}
NOVELTY = {
    "method": "Mahalanobis distance", "features": 256, "training_films": 4446, "limit": 1.4143,
    "limit_percentile": 99.0, "selected_on": "validation", "test_refused": 0.0272,
    "guard": {"unseen": {"kinds": ["natural", "hand"], "pictures": 23, "as_is": TREATED, "blurred": {"auroc": None}}},
}  # fmt: skip


def change(what, accuracy):
    return {"what": what, "accuracy": {"value": accuracy, "low": accuracy - 0.01, "high": accuracy + 0.01}}


STRESS = {
    "operating_point": "youden",
    "validation": {
        "changes": {
            "as_it_is": change("nothing", 0.97),
            "blur": change("a blur", 0.91),
            "border": change("a border", 0.73),
            "noise": change("a noise", 0.96),
            "crop": change("a crop", 0.965),
        }
    },
    "test": None,
}
AUDIT = {
    "exact_duplicates": {"groups": 30, "films": 62, "across_splits": 4},
    "near_duplicates": 41,
    "patients_across_splits": {"patients": 98},
    "metadata_baseline": {"columns": ["width", "bytes"], "auroc": {"value": 0.9, "low": 0.89, "high": 0.91}},
}
QUALITY = {"log_loss": 0.26, "brier": 0.08, "ece": 0.12}
PLATT = {
    "method": "platt", "temperature": 0.8, "offset": -0.94, "selected_on": "validation",
    "validation": {"before": QUALITY, "after": {"log_loss": 0.12, "brier": 0.03, "ece": 0.02}}, "test": None,
}  # fmt: skip


@pytest.fixture
def facts(tiny_card):
    def told(language="en", **entries):
        found = track_record_facts(tiny_card(**entries), wording(language))
        return {plain(name): plain(text) for name, text in found}

    return told


def plain(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_a_card_without_evidence_claims_none(facts):
    assert facts() == {
        "calibration": "one temperature: logit / 2.000",
        "novelty limit": "none: it reads every picture",
    }


def test_the_heatmap_and_its_three_checks(facts):
    text = facts(heatmap=HEATMAP)["heatmap"]
    assert "HiResCAM <x>, 4 × 4 cells" in text
    assert "a contribution of 3.94 to the logit, or more (0.5 % of the validation films)" in text
    assert "on 32 films" in text
    assert "correlation 1.000 on average, 0.999 at least" in text
    assert "rank correlation \u200e−0.03 on average" in text
    assert "10 % of the film of highest attribution covered the logit falls by 7.10, with a random part as" in text
    assert "as large covered by 1.86" in text
    assert "in 96.9 % of them" in text
    assert "Three checks" not in facts(heatmap=HEATMAP | {"checks": {}})["heatmap"]


def test_the_guard_and_what_it_costs(facts):
    text = facts(novelty=NOVELTY, novelty_limit=1.4143)["novelty"]
    assert "Limit 1.414: percentile 99 of the validation films, measured from 4,446 training films." in text
    assert "23 pictures of 2 kinds" in text
    assert "as they are, 95.7 % [79.0–99.0] refused (AUROC 0.9996)" in text
    assert "blurred" not in text
    assert "natural, hand" in text
    assert "though they are chest films: 2.7 %" in text
    assert "Tried on" not in facts(novelty=NOVELTY | {"guard": None}, novelty_limit=1.4143)["novelty"]


def test_calibration_before_and_after(facts):
    text = facts(calibration=PLATT)["calibration"]
    assert text.startswith("Platt scaling: logit / 0.800 − 0.940")
    assert "validation, before and after: log loss 0.2600 → 0.1200 ; Brier score 0.0800 → 0.0300" in text
    assert "test" not in text


def test_the_worst_changes_are_told_and_no_others(facts):
    text = facts(stress=STRESS)["robustness to corruptions"]
    assert "accuracy on validation, unchanged: 97.0 % [96.0–98.0]" in text
    assert re.search(r"a border : 73\.0 %.* a blur : 91\.0 %.* a noise : 96\.0 %", text)
    assert "a crop" not in text


def test_the_audit_is_told_as_far_as_it_goes(facts):
    text = facts(audit=AUDIT)["audit of the films"]
    assert "Exact copies: 30 groups of 62 films, 4 of them across splits." in text
    assert "look equal" not in text
    assert "Patients in more than one split: 98." in text
    assert "From width, size of the file alone" in text
    assert "AUROC of 0.900 [0.890–0.910]" in text
    assert "audit of the films" not in facts(audit={"films": 3})


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_of_it_in_both_languages(facts, language):
    told = facts(
        language, heatmap=HEATMAP, novelty=NOVELTY, novelty_limit=1.4143, stress=STRESS, audit=AUDIT, calibration=PLATT
    )
    assert len(told) == 5
    assert "{" not in json.dumps(told, ensure_ascii=False).strip("{}")
