"""The probability that a hit answers a question."""

from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.recall.answer import RetrieverShare
from kgmem.domain.recall.selection import NOTHING_RELEVANT, cosine_of, relevance, weighted_content
from kgmem.embedding.word_rarity import word_rarity

QUESTION = weighted_content("Who commanded Apollo 11?", word_rarity)


def test_what_shares_words_and_meaning_is_relevant_and_what_shares_nothing_is_not() -> None:
    assert relevance(QUESTION, "Neil Armstrong commanded Apollo 11.", 0.8) > 0.7
    assert relevance(QUESTION, "Neil Armstrong commanded Apollo 11.", None) > 0.5
    assert relevance(QUESTION, "Bake the bread for an hour.", 0.05) < NOTHING_RELEVANT
    assert relevance(QUESTION, "Bake the bread for an hour.", None) < NOTHING_RELEVANT
    assert relevance(weighted_content("what is it?", word_rarity), "what is it?", None) < NOTHING_RELEVANT


def test_a_rare_word_that_is_shared_tells_more_than_a_frequent_one() -> None:
    asked = weighted_content("What year was the lighthouse built?", word_rarity)
    assert relevance(asked, "A lighthouse keeper.", None) > relevance(asked, "Built last year.", None)
    assert [round(word_rarity(word), 2) for word in ("the", "xqzzt")] == [0.05, 1]
    assert word_rarity("year") < word_rarity("lighthouse") < 1


@given(st.text(), st.text(), st.none() | st.floats(-1, 1))
def test_relevance_is_a_probability(question: str, text: str, cosine: float | None) -> None:
    assert 0 <= relevance(weighted_content(question, word_rarity), text, cosine) <= 1


def test_cosines_count_on_the_scale_that_was_fitted_only() -> None:
    candidates = {"meaning": [(1, 0.9), (2, 0.4)]}
    found = {"meaning": RetrieverShare(1, 0.9, 1.0)}
    assert cosine_of(found, candidates, "all-MiniLM-L6-v2") == 0.9
    assert cosine_of({}, candidates, "all-MiniLM-L6-v2") == 0.4
    assert cosine_of(found, candidates, "another") is None
    assert cosine_of(found, candidates, None) is None
    assert cosine_of({}, {}, "all-MiniLM-L6-v2") is None
