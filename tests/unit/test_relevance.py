"""The probability that a hit answers a question."""

from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.recall.answer import RetrieverShare
from kgmem.domain.recall.selection import NOTHING_RELEVANT, content, cosine_of, relevance

QUESTION = content("Who commanded Apollo 11?")


def test_what_shares_words_and_meaning_is_relevant_and_what_shares_nothing_is_not() -> None:
    assert relevance(QUESTION, "Neil Armstrong commanded Apollo 11.", 0.8) > 0.8
    assert relevance(QUESTION, "Neil Armstrong commanded Apollo 11.", None) > 0.5
    assert relevance(QUESTION, "Bake the bread for an hour.", 0.05) < NOTHING_RELEVANT
    assert relevance(QUESTION, "Bake the bread for an hour.", None) < NOTHING_RELEVANT
    assert relevance(content("what is it?"), "what is it?", None) < NOTHING_RELEVANT


@given(st.text(), st.text(), st.none() | st.floats(-1, 1))
def test_relevance_is_a_probability(question: str, text: str, cosine: float | None) -> None:
    assert 0 <= relevance(content(question), text, cosine) <= 1


def test_cosines_count_on_the_scale_that_was_fitted_only() -> None:
    candidates = {"meaning": [(1, 0.9), (2, 0.4)]}
    found = {"meaning": RetrieverShare(1, 0.9, 1.0)}
    assert cosine_of(found, candidates, "all-MiniLM-L6-v2") == 0.9
    assert cosine_of({}, candidates, "all-MiniLM-L6-v2") == 0.4
    assert cosine_of(found, candidates, "another") is None
    assert cosine_of(found, candidates, None) is None
    assert cosine_of({}, {}, "all-MiniLM-L6-v2") is None
