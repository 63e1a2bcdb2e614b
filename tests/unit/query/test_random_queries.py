"""What holds for every query, valid or broken, tried on random ones."""

from datetime import timedelta
from itertools import cycle

from hypothesis import example, given, settings
from hypothesis import strategies as st

from kgmem.query.analysis.statements import analyse
from kgmem.query.errors import CypherError
from kgmem.query.lexer import Kind, tokens
from kgmem.query.parser.statements import parse
from tests.query_grammar import PARAMETERS, queries
from tests.sizes import size, sized
from tests.unparse import unparse

# A query that takes this long would hang in earnest; other work on the machine does not make one so slow.
patient = settings(max_examples=size(20, 80), deadline=timedelta(seconds=20))

FILLERS = (" ", "\n", "\t", " /* a comment */ ", " // to the end\n", "\u2003", "\r\n")
SCRAPS = (
    *"()[]{}<>-+*/%^=.,:;|&!$'\"`\\ \n\0",
    "--",
    "->",
    "..",
    "WHERE",
    "RETURN",
    "null",
    "'",
    "/*",
    "é",
    "\U0001f600",
    "0x",
    "1e",
)


@sized
@given(queries())
@patient
def test_valid_query_is_understood(query: str) -> None:
    found = analyse(query, parameters=PARAMETERS)
    assert found.names == ("c1", "c2")


@sized
@given(queries(writes=False))
@patient
def test_query_without_a_clause_that_writes_is_known_to_only_read(query: str) -> None:
    assert not analyse(query, parameters=PARAMETERS).writes


@sized
@given(queries())
@patient
def test_tree_comes_back_from_its_text(query: str) -> None:
    tree = parse(query)
    assert parse(unparse(tree)) == tree


@sized
@given(queries(), st.lists(st.sampled_from(FILLERS), min_size=1, max_size=7))
@patient
def test_space_and_comments_between_tokens_mean_nothing(query: str, fillers: list[str]) -> None:
    parts = [query[token.at : token.end] for token in tokens(query) if token.kind is not Kind.END]
    spaced = "".join(part + filler for part, filler in zip(parts, cycle(fillers), strict=False))
    assert parse(spaced) == parse(query)


@sized
@given(queries(), st.data())
@patient
def test_broken_query_ends_in_an_error_with_a_place(query: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(query)))
        end = data.draw(st.integers(start, min(len(query), start + 6)))
        query = query[:start] + data.draw(st.sampled_from(("", *SCRAPS))) + query[end:]
    understood_or_refused(query)


@sized
@given(st.lists(st.sampled_from((*SCRAPS, "MATCH", "(n)", "WITH", "CALL", "{", "}", "CASE", "x", "1", "EXISTS"))))
@patient
def test_heap_of_tokens_ends_in_an_error_with_a_place(parts: list[str]) -> None:
    understood_or_refused(" ".join(parts))


@sized
@given(st.text())
@example("")
@example("\ud800")
@patient
def test_any_text_is_understood_or_refused(text: str) -> None:
    understood_or_refused(text)


def understood_or_refused(query: str) -> None:
    try:
        analyse(query)
    except CypherError as error:
        assert 0 <= error.at <= len(query)
        assert error.line >= 1
        assert error.column >= 1
        assert error.detail
        assert "^" in error.excerpt
