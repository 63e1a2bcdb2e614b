"""The tokenizer gives the ids of BERT's own; the cases were made with the `tokenizers` library from the same words."""

import json
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.embedding.minilm import END_ID, START_ID, UNKNOWN_ID, WordPiece

CASES = [json.loads(line) for line in Path(__file__).with_name("wordpiece_cases.jsonl").read_text("ascii").splitlines()]


@pytest.fixture(scope="module")
def words() -> WordPiece:
    return WordPiece()


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"][:40]))
def test_ids_are_those_of_the_tokenizers_library(words: WordPiece, case: dict[str, object]) -> None:
    assert words.ids(str(case["text"])) == case["ids"]


def test_the_vocabulary_is_berts_unchanged() -> None:
    data = files("kgmem.embedding").joinpath("vocab.txt").read_bytes()
    assert sha256(data).hexdigest() == "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"


def test_special_tokens_in_a_text_are_text(words: WordPiece) -> None:
    assert words.ids("[SEP]") == [START_ID, 1031, 19802, 1033, END_ID]


def test_no_text_gives_more_ids_than_fit() -> None:
    assert len(WordPiece(8).ids("one two three four five six seven eight nine")) == 8
    assert WordPiece(8).ids("one two") == WordPiece(256).ids("one two")


def test_a_word_seen_before_gives_the_same_ids(words: WordPiece) -> None:
    assert words.ids("Zürich zürich Zürich") == [START_ID, *WordPiece().ids("zurich")[1:-1] * 3, END_ID]


def test_a_huge_text_without_a_space_is_cut_and_done_at_once(words: WordPiece) -> None:
    assert words.ids("x" * 50_000_000) == [START_ID, UNKNOWN_ID, END_ID]
    assert len(words.ids("中" * 50_000_000)) == 256


@given(st.text(max_size=200))
def test_any_text_begins_and_ends_with_the_marks_and_holds_known_ids_only(text: str) -> None:
    ids = _SHARED.ids(text)
    assert (ids[0], ids[-1]) == (START_ID, END_ID)
    assert all(0 < number < 30_522 for number in ids)


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_space_between_two_texts_keeps_their_ids_apart(left: str, right: str) -> None:
    together = _SHARED.ids(f"{left} {right}")
    assert together[1:-1] == [*_SHARED.ids(left)[1:-1], *_SHARED.ids(right)[1:-1]][:254]


_SHARED = WordPiece()
