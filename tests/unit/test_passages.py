"""Passages: how a text is cut into what is searched as one."""

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.graph.episode import PASSAGE_CHARACTERS, passages

PIECES = st.sampled_from(
    ["word", "Sentence ends. ", "\n", "\n\n", "  ", "x" * 40, "é", "“Quoted!” ", "\t", "日本語", "?"]
)
TEXTS = st.lists(PIECES, max_size=80).map("".join) | st.text(max_size=300)


@given(TEXTS, st.integers(2, 120))
def test_passages_cover_all_but_white_space_in_order_within_the_limit(text: str, limit: int) -> None:
    cut = list(passages(text, limit))
    at = 0
    for ordinal, passage in enumerate(cut):
        assert passage.ordinal == ordinal
        assert 0 < len(passage.body) <= limit
        assert text[passage.start : passage.start + len(passage.body)] == passage.body
        assert passage.body.strip() == passage.body
        assert not text[at : passage.start].strip()
        at = passage.start + len(passage.body)
    assert not text[at:].strip()


PLAIN = (r"\n\s*\n", r"\n", r"(?<=[.!?])[\"')\]]*\s+", r"\s+")
SHORT = st.sampled_from(["w", ".", "! ", "\n", "\n\n", " ", '"', "')", "]", "\t", "\x85", "yz"])


@given(st.lists(SHORT, max_size=120).map("".join), st.integers(2, 40))
def test_a_passage_ends_at_the_last_break_past_its_half_of_the_coarsest_kind(text: str, limit: int) -> None:
    """Compared with looking for each kind of break all over the text that a passage may be."""
    cut = list(passages(text, limit))
    for passage, following in pairwise(cut):
        window = text[passage.start : passage.start + limit]
        ends = [[found.end() for found in re.finditer(kind, window) if found.end() > limit // 2] for kind in PLAIN]
        end = next((each[-1] for each in ends if each), limit)
        assert passage.body == window[:end].rstrip()
        assert not text[passage.start + end : following.start].strip()


@given(TEXTS)
def test_the_same_text_is_cut_the_same_way(text: str) -> None:
    assert list(passages(text, 50)) == list(passages(text, 50))


def test_a_text_within_the_limit_is_one_passage() -> None:
    text = "One. Two.\n\nThree."
    assert [(p.start, p.body) for p in passages(text)] == [(0, text)]


def test_paragraphs_are_cut_before_lines_sentences_and_words() -> None:
    text = f"{'a' * 30}. {'b' * 30}\n{'c' * 30}\n\n{'d' * 30} {'e' * 30}"
    assert [p.body for p in passages(text, 120)] == [text[: text.index("\n\n")], f"{'d' * 30} {'e' * 30}"]


def test_a_word_longer_than_the_limit_is_cut_hard() -> None:
    assert [len(p.body) for p in passages("x" * 2000)] == [PASSAGE_CHARACTERS, PASSAGE_CHARACTERS, 200]


@pytest.mark.parametrize("text", ["", " ", "\n \t\n", "\u00a0"])
def test_a_text_of_nothing_but_white_space_has_no_passage(text: str) -> None:
    assert list(passages(text)) == []


@pytest.mark.parametrize(
    "unit", ["x" * PASSAGE_CHARACTERS + " ", "\n" * 50, "a. ", ' "', "x" * (PASSAGE_CHARACTERS - 1) + "\n\n\n", "\n\t"]
)
def test_a_text_of_megabytes_is_cut_in_no_time_whatever_it_is_made_of(unit: str) -> None:
    text = unit * (3_000_000 // len(unit)) + "end"
    started = time.thread_time()
    cut = list(passages(text))
    assert time.thread_time() - started < 3.0
    assert cut[-1].body.endswith("end")
