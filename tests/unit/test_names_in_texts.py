"""Which phrases of texts may name an entity."""

import pytest

from kgmem.domain.naming import is_name


@pytest.mark.parametrize("phrase", ["Juliet   \nRomanoff", "K\x8dichi Yamadera", "they", "1990", "x" * 200])
def test_a_phrase_that_no_key_may_be_is_no_name_so_that_its_text_is_read(phrase: str) -> None:
    assert not is_name(phrase)


@pytest.mark.parametrize("phrase", ["Juliet Romanoff", "Kōichi Yamadera", "the flood in Passau"])
def test_a_phrase_on_one_line_is_a_name(phrase: str) -> None:
    assert is_name(phrase)
