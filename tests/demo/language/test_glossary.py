import pytest

from demo.language.catalogue import LANGUAGES, wording
from demo.language.glossary import GROUPS, NAMED_ELSEWHERE, explained, glossary_html, name_of

WORDS = [word for group in GROUPS.values() for word in group]


def test_every_explained_word_is_in_the_glossary_once():
    explanations = {key.removeprefix("glossary.") for key in wording("en").texts if key.startswith("glossary.")}
    assert sorted(WORDS) == sorted(explanations)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_glossary_names_and_explains_every_word(language):
    words, html = wording(language), glossary_html(wording(language))
    assert html.count("<dt>") == html.count("<dd>") == len(WORDS)
    assert len({name_of(word, words) for word in WORDS}) == len(WORDS)


def test_the_figures_that_the_page_names_are_explained():
    figures = {
        "sensitivity",
        "specificity",
        "ppv",
        "npv",
        "f1",
        "auroc",
        "logit",
        "novelty",
        "threshold",
        "temperature",
    }
    assert figures <= set(WORDS)
    assert set(NAMED_ELSEWHERE) <= set(WORDS)


def test_a_word_explains_itself_when_pointed_at():
    assert "data-explains='Youden&#x27;s index is" in explained("youden", wording("en"))
    assert explained("sensitivity", wording("he")).endswith(">רגישות</button>")
    with pytest.raises(KeyError):
        explained("no_such_word", wording("en"))
