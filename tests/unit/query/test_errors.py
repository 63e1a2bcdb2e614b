"""What a user is told of a query that is wrong."""

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.query.analysis.statements import analyse
from kgmem.query.errors import CypherError, place
from kgmem.query.types import STRING, Field, ProcedureSignature

PROCEDURES = {"db.labels": ProcedureSignature("db.labels", (), (Field("label", STRING),))}


def refused(query: str) -> CypherError:
    with pytest.raises(CypherError) as caught:
        analyse(query, parameters=["name"], procedures=PROCEDURES)
    return caught.value


def test_error_shows_the_place_in_its_line_with_a_caret() -> None:
    error = refused("MATCH (n)\nWHERE n.x = m.y\r\nRETURN n")
    assert isinstance(error, InvalidInput)
    assert (error.line, error.column) == (2, 13)
    assert error.excerpt == "WHERE n.x = m.y\n            ^"
    assert str(error).startswith("Variable m is not defined. (line 2, column 13)\nWHERE")
    assert (error.type, error.phase, error.detail) == ("SyntaxError", "compile time", "UndefinedVariable")
    assert error.facts["line"] == 2


def test_long_line_is_shown_around_the_place() -> None:
    error = refused(f"RETURN {'1 + ' * 60}missing + {'1 + ' * 60}1")
    shown, caret = error.excerpt.splitlines()
    assert len(shown) < 100
    assert shown[caret.index("^") :].startswith("missing")


def test_caret_stands_right_behind_tabs() -> None:
    assert refused("RETURN\t\tmissing").excerpt.splitlines()[1] == "      \t\t^"


@pytest.mark.parametrize(("text", "at", "expected"), [("a\rb", 2, (2, 1)), ("a\r\nb", 3, (2, 1)), ("", 0, (1, 1))])
def test_lines_end_as_files_of_every_system_end_them(text: str, at: int, expected: tuple[int, int]) -> None:
    assert place(text, at) == expected


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("MATCH (n) RETRUN n", "RETURN"),
        ("MTACH (n) RETURN n", "MATCH"),
        ("MATCH (n) WEHRE n.x = 1 RETURN n", "WHERE"),
        ("MATCH (n) RETURN n.name CONTIANS 'x'", "CONTAINS"),
        ("MATCH (n) RETURN n ODRER BY n", "ORDER"),
        ("MATCH (person) RETURN persn", "person"),
        ("RETURN toUper('a')", "toUpper"),
        ("CALL db.label()", "db.labels"),
        ("CALL db.labels() YIELD labell RETURN labell", "label"),
        ("RETURN $nmae", "name"),
        ("RETURN CASE WHEN true TEHN 1 END", "THEN"),
    ],
)
def test_what_is_misspelt_is_named_as_it_may_be_meant(query: str, meant: str) -> None:
    assert refused(query).hint == f"Did you mean {meant}?"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "a clause"),
        ("RETURN", "an expression"),
        ("MATCH n RETURN n", "a node"),
        ("MATCH (n RETURN n", ")"),
        ("MATCH (n)-[r->(m) RETURN n", "]"),
        ("UNWIND [1] x RETURN x", "AS"),
        ("RETURN 1 ORDER 1", "BY"),
        ("RETURN 1 LIMIT", "an expression"),
        ("MATCH (n) WHERE RETURN n", "an expression"),
        ("RETURN 1 RETURN", "an expression"),
        ("RETURN 1; RETURN 2", "the end of the query"),
        ("SHOW USERS", "DATABASE"),
        ("RETURN {a 1}", ":"),
    ],
)
def test_what_was_expected_is_said(query: str, expected: str) -> None:
    error = refused(query)
    assert error.detail == "UnexpectedSyntax"
    assert f"{expected}" in error.problem.split(": ", 1)[1]
    assert error.problem.startswith("Unexpected ")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("LOAD CSV FROM 'file:///x' AS row RETURN row", "LOAD CSV"),
        ("RETURN 'a' IS NORMALIZED", "IS NORMALIZED"),
        ("MATCH REPEATABLE ELEMENTS (a)-->(b) RETURN a", "REPEATABLE ELEMENTS"),
    ],
)
def test_what_is_not_supported_is_refused_by_its_name(query: str, named: str) -> None:
    error = refused(query)
    assert error.detail == "NotSupported"
    assert named in error.problem
