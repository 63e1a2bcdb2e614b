"""Answers as lines within a budget of tokens; what is stored stands on its line as data, and cannot leave it.

A text that was remembered may be written by anybody: a web page, a mail. It stands behind the id of its source on one
line that begins with "- [", or on lines that begin with "| ", as in the context of a session, and the first line says
so. No stored text can begin a line of its own, so none can pass for an instruction of kgmem.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from kgmem.domain.agents.context import PREFACE, inline, line_of, quoted

_RESERVE: Final = 40  # Tokens for the line that says what is left out.
_SMALLEST_CUT: Final = 24  # Characters; less of a text tells nothing.


class Lines:
    """The lines of an answer, each with the same as a value, as many as the budget holds."""

    def __init__(self, budget: int, count: Callable[[str], int], heading: str = "") -> None:
        """Take the budget in tokens, what counts them, and a heading of kgmem's own words."""
        self._count = count
        self._heading = heading
        self._left = budget - _RESERVE - count(f"{PREFACE}\n{heading}\n")
        self._lines: list[str] = []
        self._notes: list[str] = []
        self.values: list[Mapping[str, Any]] = []
        self.omitted = 0
        self.is_full = False
        self.has_data = False

    def note(self, text: str) -> None:
        """Add a line of kgmem's own words at the end, whatever the budget."""
        self._notes.append(text)

    def title(self, text: str) -> None:
        """Add a heading of kgmem's own words."""
        if not self.is_full:
            self._left -= self._count(f"{text}\n")
            self._lines.append(text)

    def add(self, source: str, text: str, value: Mapping[str, Any] | None = None) -> bool:
        """Add one entry on one line; returns whether it fits. The first one is cut to what fits, its text too.

        What fits is in `values`, in order.
        """
        if self._take(line_of(source, text), value):
            return True
        return not self.has_data and not self.is_full and self._cut(source, inline(text), value)

    def quote(self, text: str) -> None:
        """Add a text of several lines, each marked as quoted, as many as fit."""
        for line in quoted(text).split("\n"):
            if not self._take(line, None):
                self._lines.append("| \u2026")
                self.has_data = self.is_full = True
                return

    def keep(self, value: Mapping[str, Any]) -> bool:
        """Return whether a value that has no line of its own fits, and take its room."""
        cost = self._count(_json(value))
        if self.is_full or cost > self._left:
            return False
        self._left -= cost
        return True

    def _take(self, line: str, value: Mapping[str, Any] | None) -> bool:
        # The value has the words of its line, and names besides.
        cost = self._count(f"{line}\n" if value is None else _json(value))
        if self.is_full or cost > self._left:
            if self.has_data:
                self.is_full = True
                self.omitted += 1
            return False
        self._left -= cost
        self._append(line, value)
        return True

    def _append(self, line: str, value: Mapping[str, Any] | None) -> None:
        self._lines.append(line)
        self.has_data = True
        if value is not None:
            self.values.append(value)

    def _cut(self, source: str, text: str, value: Mapping[str, Any] | None) -> bool:
        """Add the beginning of an entry; nothing fits behind it."""
        self.is_full = True
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            cost = self._count(f"{line_of(source, text[:middle])}\u2026\n")
            if value is not None:
                cost = max(cost, self._count(_json(_shortened(value, middle))))
            low, high = (middle, high) if cost <= self._left else (low, middle - 1)
        if low < _SMALLEST_CUT:
            self.omitted += 1
            return False
        self._append(f"{line_of(source, text[:low])}\u2026", None if value is None else _shortened(value, low))
        return True

    def text(self, nothing: str = "Nothing found.") -> str:
        """Return the answer: what it is, its lines, and what was left out."""
        parts = [self._heading] if self._heading else []
        if self.has_data:
            parts += [PREFACE, *self._lines]
        else:
            parts += self._lines or ([] if self._heading else [nothing])
        if self.omitted:
            parts.append(f"{self.omitted} more did not fit: raise max_tokens, or ask for less.")
        return "\n".join([*parts, *self._notes])


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value, default=str).decode()


def _shortened(value: Mapping[str, Any], length: int) -> Mapping[str, Any]:
    """Return a value with its longest text cut to a length."""
    texts = [name for name, each in value.items() if isinstance(each, str)]
    longest = max(texts, key=lambda name: len(value[name]), default=None)
    return value if longest is None else {**value, longest: f"{value[longest][:length]}\u2026"}
