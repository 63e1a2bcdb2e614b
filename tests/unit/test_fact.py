"""Relationships worded as sentences."""

import pytest

from kgmem.domain.graph.relationship import kind_in_words, worded


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("LOCATED_IN", "located in"),
        ("bornIn", "born in"),
        ("KNOWS", "knows"),
        ("/people/person/place_of_birth", "people person place of birth"),
        ("has-part", "has part"),
        ("isBNFTopic", "is bnf topic"),
        ("P31", "p31"),
        ("est né à", "est né à"),
        ("住在", "住在"),
        ("->", "->"),
    ],
)
def test_a_kind_is_told_in_words(kind: str, words: str) -> None:
    assert kind_in_words(kind) == words


def test_a_fact_without_a_text_is_worded_of_its_ends() -> None:
    assert worded("Neil Armstrong", "BORN_IN", "Wapakoneta") == "Neil Armstrong born in Wapakoneta"
