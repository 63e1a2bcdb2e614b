"""A query's text as tokens."""

import pytest

from kgmem.query.errors import CypherError
from kgmem.query.lexer import MAX_LENGTH, Kind, tokens


def found(query: str) -> list[tuple[Kind, str]]:
    return [(token.kind, token.text) for token in tokens(query)[:-1]]


def refused(query: str) -> CypherError:
    with pytest.raises(CypherError) as caught:
        tokens(query)
    return caught.value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0", Kind.INTEGER),
        ("42", Kind.INTEGER),
        ("1_000", Kind.INTEGER),
        ("0x1aF", Kind.INTEGER),
        ("0o17", Kind.INTEGER),
        ("1.5", Kind.FLOAT),
        (".5", Kind.FLOAT),
        ("1e3", Kind.FLOAT),
        ("2.5E-3", Kind.FLOAT),
        ("007", Kind.MALFORMED_NUMBER),
        ("0x", Kind.MALFORMED_NUMBER),
        ("0o8", Kind.MALFORMED_NUMBER),
        ("9h5", Kind.MALFORMED_NUMBER),
        ("1B2c3e67", Kind.MALFORMED_NUMBER),
    ],
)
def test_number_is_told_from_what_only_looks_like_one(text: str, kind: Kind) -> None:
    assert found(text) == [(kind, text)]


def test_two_dots_after_a_number_are_a_range() -> None:
    assert [text for _, text in found("1..3")] == ["1", "..", "3"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"'a\tb\n\r\b\f'", "a\tb\n\r\b\f"),
        (r"'it\'s \"x\" \\ \`'", 'it\'s "x" \\ `'),
        (r'"it\'s"', "it's"),
        (r"'\u00e9\U0001F600'", "é\U0001f600"),
        (r"'\uD83D\uDE00'", "\U0001f600"),
        ("'two\nlines'", "two\nlines"),
    ],
)
def test_escapes_in_strings_are_resolved(text: str, value: str) -> None:
    assert found(text) == [(Kind.STRING, value)]


@pytest.mark.parametrize("text", [r"'\uH'", r"'\u12'", r"'\U00110000'", r"'\uD83D'", r"'\uDE00\uD83D'"])
def test_escape_that_names_no_character_is_refused(text: str) -> None:
    assert refused(text).detail == "InvalidUnicodeLiteral"


@pytest.mark.parametrize("text", ["'open", '"open', "`open", "/* open", "RETURN 'a\\'", "/* * / "])
def test_what_has_no_end_is_told_where_it_begins(text: str) -> None:
    error = refused(text)
    assert "not closed" in error.problem
    assert text[error.at] in "'\"`/"


def test_comments_and_every_unicode_space_are_space() -> None:
    query = "RETURN\u00a0/* one * / \n */1// two\r\n,\u2003\u180e\ufeff2\u2028"
    assert [text for _, text in found(query)] == ["RETURN", "1", ",", "2"]


@pytest.mark.parametrize("name", ["naïve", "名前", "кошка", "कि", "_x", "‿x", "ñ1", "Ångström", "e\u0301t"])
def test_letters_of_every_script_make_names_and_parameters(name: str) -> None:
    assert found(f"{name} ${name}") == [(Kind.WORD, name), (Kind.PARAMETER, name)]


def test_name_in_backticks_is_never_a_keyword() -> None:
    (token, _) = tokens("`RETURN ``it```")
    assert (token.kind, token.text, token.upper) == (Kind.QUOTED, "RETURN `it`", "")


def test_parameters_have_names_numbers_or_backticks() -> None:
    assert found("$x $1 $`a b`") == [(Kind.PARAMETER, "x"), (Kind.PARAMETER, "1"), (Kind.PARAMETER, "a b")]


def test_dashes_of_other_alphabets_are_kept_for_patterns() -> None:
    assert found("—") == [(Kind.FOREIGN, "—")]


@pytest.mark.parametrize(("text", "detail"), [("#", "UnexpectedSyntax"), ("≠", "InvalidUnicodeCharacter")])
def test_what_has_no_meaning_is_refused_with_its_code_point(text: str, detail: str) -> None:
    error = refused(f"RETURN 1 {text} 2")
    assert error.detail == detail
    assert f"U+{ord(text):04X}" in error.problem


def test_text_beyond_the_limit_is_refused_at_once() -> None:
    assert refused(" " * (MAX_LENGTH + 1)).detail == "QueryTooLong"
