"""Tables of Markdown and HTML, read by rows: what the first column names has what each other column says."""

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final

from kgmem.domain.text.extraction import Argument, FoundFact, Span

_CONFIDENCE: Final = 0.8
_MARKDOWN: Final = re.compile(
    r"^[ \t]*\|.+\|[ \t]*\n[ \t]*\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*\n(?:[ \t]*\|.*\|[ \t]*(?:\n|\Z))+", re.MULTILINE
)
_RULE: Final = re.compile(r"^[ \t|:-]+$")
_HTML: Final = re.compile(r"<table\b.*?</table\s*>", re.IGNORECASE | re.DOTALL)
_HTML_ROW: Final = re.compile(r"<tr\b[^>]*>(.*?)(?=<tr\b|</tr|</table|\Z)", re.IGNORECASE | re.DOTALL)
_HTML_CELL: Final = re.compile(r"<t([hd])\b[^>]*>(.*?)(?=<t[hd]\b|</t[hd]|</tr|\Z)", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^<>]*>")
_LONGEST: Final = 80  # Characters of a cell that names something.
# What a column says by a verb of its own, where its head is no noun that one has.
_VERBS: Final = {"employer": "works for", "company": "works for", "spouse": "married to", "manager": "managed by"}
_PEOPLE: Final = frozenset({"name", "person", "employee", "member", "people", "who"})

_Cell = tuple[str, Span]


def table_facts(text: str) -> Iterator[FoundFact]:
    """Return what the rows of a text's tables state; a table without a head states nothing."""
    for rows in _tables(text):
        head, *body = rows
        names = [name.lower() for name, _ in head]
        for row in body:
            if len(row) == len(head):
                yield from _row(names, row)


def _row(names: Sequence[str], row: Sequence[_Cell]) -> Iterator[FoundFact]:
    (subject, span), *others = row
    for name, (value, where) in zip(names[1:], others, strict=True):
        if not (_is_cell(subject) and _is_cell(value) and name) or subject == value:
            continue
        said = _VERBS.get(name) if names[0] in _PEOPLE else None
        between = Span(min(span.end, where.start), max(span.end, where.start))
        yield FoundFact(
            Argument(subject, span), said or f"has {name}", between, Argument(value, where), _CONFIDENCE, "rules:table"
        )


def _tables(text: str) -> Iterator[list[list[_Cell]]]:
    for found in _MARKDOWN.finditer(text):
        yield list(_markdown_rows(text, found.start(), found.end()))
    for found in _HTML.finditer(text):
        rows = list(_html_rows(text, found.start(), found.end()))
        if rows and rows[0][0]:
            yield [cells for _, cells in rows]


def _markdown_rows(text: str, start: int, end: int) -> Iterator[list[_Cell]]:
    at = start
    for line in text[start:end].splitlines(keepends=True):
        if not _RULE.match(line.rstrip("\n")):
            cells, begin = list[_Cell](), at + line.index("|") + 1
            for part in line.rstrip("\n ").removesuffix("|")[line.index("|") + 1 :].split("|"):
                cells.append(_cell(part, begin))
                begin += len(part) + 1
            yield cells
        at += len(line)


def _html_rows(text: str, start: int, end: int) -> Iterator[tuple[bool, list[_Cell]]]:
    """Return whether a row is a head, and its cells."""
    for row in _HTML_ROW.finditer(text, start, end):
        cells = list(_HTML_CELL.finditer(text, row.start(1), row.end(1)))
        if cells:
            yield all(each[1].lower() == "h" for each in cells), [_cell(each[2], each.start(2)) for each in cells]


def _cell(part: str, start: int) -> _Cell:
    bare = part.strip()
    begin = start + part.index(bare) if bare else start
    return " ".join(html.unescape(_TAG.sub(" ", bare)).strip("*_` ").split()), Span(begin, begin + len(bare))


def _is_cell(value: str) -> bool:
    return 0 < len(value) <= _LONGEST and any(letter.isalnum() for letter in value)
