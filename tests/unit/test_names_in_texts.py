"""Which phrases of texts may name an entity, and which one that is held."""

import pytest

from kgmem.domain.text.names import Known, Mention, chosen, is_name
from tests.memories import CORE


@pytest.mark.parametrize("phrase", ["Juliet   \nRomanoff", "K\x8dichi Yamadera", "they", "1990", "x" * 200])
def test_a_phrase_that_no_key_may_be_is_no_name_so_that_its_text_is_read(phrase: str) -> None:
    assert not is_name(phrase)


@pytest.mark.parametrize("phrase", ["Juliet Romanoff", "Kōichi Yamadera", "the flood in Passau"])
def test_a_phrase_on_one_line_is_a_name(phrase: str) -> None:
    assert is_name(phrase)


@pytest.mark.parametrize(
    ("first", "then"), [("So many people", "so many people"), ("so many people", "So many people")]
)
def test_a_phrase_means_the_same_at_the_beginning_of_a_sentence_and_in_it(first: str, then: str) -> None:
    assert chosen(Mention(then, "Concept"), {first: "Concept"}, CORE) == Known(first, "Concept")
