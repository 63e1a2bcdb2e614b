"""Errors of Cypher queries: with their place in the query, or of a value before that place is known."""

import difflib
from collections.abc import Iterable

from kgmem.domain.errors import InvalidInput

COMPILE_TIME = "compile time"
RUNTIME = "runtime"

_EXCERPT = 78  # Characters of the line that are shown around the place.


class CypherError(InvalidInput):
    """The query is invalid."""

    code = "cypher-error"

    def __init__(
        self,
        detail: str,
        problem: str,
        *,
        query: str,
        at: int,
        type: str = "SyntaxError",  # noqa: A002 - the TCK's word for it
        phase: str = COMPILE_TIME,
        hint: str = "",
    ) -> None:
        """Take the TCK's detail, the problem in a sentence, the query and the offset of the place in it."""
        self.type = type
        self.phase = phase
        self.detail = detail
        self.problem = problem
        self.at = at
        self.line, self.column = place(query, at)
        self.excerpt = _excerpt(query, at)
        message = f"{problem} (line {self.line}, column {self.column})\n{self.excerpt}"
        super().__init__(message, hint=hint, line=self.line, column=self.column, detail=detail, type=type, phase=phase)

    def __str__(self) -> str:
        """Return the problem, the place, the line with a caret under the place, and how to fix it."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


def place(query: str, at: int) -> tuple[int, int]:
    """Return line and column, both from 1, of an offset."""
    before = query[:at]
    line_start = max(before.rfind("\n"), before.rfind("\r")) + 1
    return before.count("\n") + before.replace("\r\n", "").count("\r") + 1, at - line_start + 1


def closest(word: str, known: Iterable[str]) -> str:
    """Return "Did you mean X?" for the known word that is nearest; empty where none is near."""
    by_case = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_case, n=1, cutoff=0.7)
    return f"Did you mean {by_case[near[0]]}?" if near else ""


def _excerpt(query: str, at: int) -> str:
    start = max(query.rfind("\n", 0, at), query.rfind("\r", 0, at)) + 1
    ends = [end for end in (query.find("\n", at), query.find("\r", at)) if end >= 0]
    end = min(ends, default=len(query))
    left = max(start, at - _EXCERPT // 2)
    shown = query[left : min(end, left + _EXCERPT)]
    # A tab stays a tab under a tab, so that the caret stands right whatever a terminal makes of tabs.
    indent = "".join("\t" if letter == "\t" else " " for letter in query[left:at])
    return f"{shown}\n{indent}^"


ARGUMENT = "ArgumentError"
TYPE = "TypeError"
ARITHMETIC = "ArithmeticError"


class ValueProblem(InvalidInput):
    """The value is invalid here. Evaluation turns this into a CypherError with the place in the query."""

    code = "cypher-error"

    def __init__(
        self,
        problem: str,
        *,
        type: str = ARGUMENT,  # noqa: A002 - the TCK's word for it
        detail: str = "InvalidArgumentValue",
        hint: str = "",
    ) -> None:
        """Take the problem in a sentence, and the TCK's type and detail of such an error."""
        super().__init__(problem, hint=hint)
        self.type = type
        self.detail = detail


def wrong_type(wanted: str, value: object) -> ValueProblem:
    """Return the error for a value of another type than the expected ones."""
    return ValueProblem(f"Expected {wanted}, got {shown(value)}.", type=TYPE)


def shown(value: object) -> str:
    """Return a value for an error message, at most one line."""
    text = repr(value) if isinstance(value, str | bool | int | float) else f"a {type(value).__name__}"
    text = {"None": "null", "True": "true", "False": "false", "a list": "a list", "a dict": "a map"}.get(text, text)
    return text if len(text) <= 60 else f"{text[:57]}..."
