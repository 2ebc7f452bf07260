"""What is said of a heatmap in which nothing stands out, and of one that means nothing."""

import numpy as np
import pytest

from demo.language.catalogue import wording
from demo.language.heatmap_sentences import english_caption, faint_sentence, withheld_sentence


def sentence(value, language="en"):
    heatmap = np.zeros((4, 4), np.float32)
    heatmap[1, 2] = value
    return faint_sentence("a", heatmap, wording(language))


@pytest.mark.parametrize("value", [0.25, 0.5, 1.0])
def test_nothing_is_said_where_a_line_is(value):
    assert sentence(value) == ""


@pytest.mark.parametrize(("value", "share"), [(0.2499, "24 %"), (0.129, "12 %"), (0.011, "1 %"), (0.004, "<1 %")])
def test_the_strongest_place_is_told_and_never_rounded_up_to_a_quarter(value, share):
    assert sentence(value) == f"Nothing stands out: A's strongest place is {share} of full scale."


def test_no_evidence_at_all_is_said_without_a_number():
    assert sentence(0.0) == "Nothing stands out: A finds no evidence for pneumonia anywhere in this film."


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_in_hebrew_too(value):
    assert "A" in sentence(value, "he")
    assert sentence(value, "he") != sentence(value)


@pytest.mark.parametrize("language", ["en", "he"])
def test_a_heatmap_that_is_not_shown_says_who_refuses(language):
    words = wording(language)
    assert withheld_sentence("a", "a", words) == words("heatmap.withheld", network="A")
    assert withheld_sentence("b", "a", words) == words("compare.unreliable", refusing="A", other="B")


def test_a_caption_says_what_to_know_before_what_is_faint():
    lines = english_caption("b", np.zeros((4, 4), np.float32), "a")
    assert [line.split(" ")[0] for line in lines] == ["Network", "A", "Nothing"]
    assert len(english_caption("b", np.ones((4, 4), np.float32))) == 1
