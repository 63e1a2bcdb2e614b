"""The structure of a JSON text: where its values are and how many, found before anything is built of it.

A parser builds all of a body before anybody can count it, and it holds the interpreter's lock meanwhile. Here numpy
looks at the bytes alone, in chunks and outside of that lock, so that a body is refused while its size is still that of
its text, and what is large is parsed in pieces. The method is that of simdjson's first stage (Langdale and Lemire,
"Parsing Gigabytes of JSON per Second", 2019): mark quotes that are not escaped, remove the text between them, and
keep the positions of brackets and commas.

The text need not be valid: a structure of something else than JSON has positions that mean nothing, and the parser that
gets the pieces says what is wrong.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

_CHUNK = 256 * 1024
_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _COMMA = range(1, 6)
_KINDS = np.zeros(256, np.uint8)
for _characters, _kind in ((b'"', _QUOTE), (b"\\", _BACKSLASH), (b"[{", _OPEN), (b"]}", _CLOSE), (b",", _COMMA)):
    _KINDS[list(_characters)] = _kind
_STEPS = np.zeros(6, np.int32)
_STEPS[_OPEN], _STEPS[_CLOSE] = 1, -1
_SPACE = b" \t\n\r"
_BRACE, _COMMA_SIGN = ord("{"), ord(",")
_PAIRS = {b"[": b"]", b"{": b"}"}
_PLACE = re.compile(r"at line (\d+) column (\d+)$")


class TooDeep(ValueError):
    """Containers stand in each other deeper than is allowed."""


class TooMany(ValueError):
    """There are more values than are allowed."""


class NotJSON(ValueError):
    """The text is not JSON; the message names line and column."""


class TooLong(ValueError):
    """A single text or number has more bytes than are allowed."""


def most_values(raw: bytes) -> int:
    """Return a quick upper bound of the number of values in a JSON text: its commas and opening brackets."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{") + 1


@dataclass(frozen=True, slots=True)
class Span:
    """A value, or neighbours with the commas between them: from byte `start` to before byte `end`.

    `first` and `last` are the places of its marks among those of the whole text.
    """

    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Parts:
    """The items of an array, or the members of an object as `"name": value`: where each begins and ends."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    marks: NDArray[np.int64]  # The place of the mark before each, and of the one after the last.
    values: NDArray[np.int64]  # How many values each holds, itself included.

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.starts)

    def span(self, first: int, last: int) -> Span:
        """Return the parts from `first` to before `last` together."""
        return Span(
            int(self.starts[first]), int(self.ends[last - 1]), int(self.marks[first]) + 1, int(self.marks[last])
        )

    def runs(self, *, size: int, values: int) -> Iterator[tuple[int, int]]:
        """Runs of parts (from, to before) of at most so many bytes and values each; a single one may have more."""
        counted = np.cumsum(self.values)
        first = 0
        while first < len(self):
            before = int(counted[first - 1]) if first else 0
            last = int(np.searchsorted(self.ends, int(self.starts[first]) + size, "right"))
            last = min(last, int(np.searchsorted(counted, before + values, "right")))
            last = max(last, first + 1)
            yield first, last
            first = last


class Structure:
    """The brackets and commas of a JSON text outside of its strings: their bytes, kinds, and depths."""

    def __init__(self, raw: bytes, *, deepest: int, most: int) -> None:
        """Look through a text. Raises TooDeep, TooMany as soon as it is known; NotJSON where it does not end."""
        self.raw = raw
        self._view = view = np.frombuffer(raw, np.uint8)
        places: list[NDArray[np.integer[Any]]] = []
        narrow = np.int32 if len(raw) < 2**31 else np.int64
        depths: list[NDArray[np.int16]] = []
        counts: list[NDArray[np.int32]] = [np.zeros(1, np.int32)]
        depth, values, escaped, inside = 0, 0, False, False
        for start in range(0, len(raw), _CHUNK):
            chunk = view[start : start + _CHUNK]
            marks, escaped, inside = _marks(chunk, escaped, inside)
            if not len(marks):
                continue
            kinds = _KINDS[chunk[marks]]
            levels = depth + np.cumsum(_STEPS[kinds], dtype=np.int32)
            if int(levels.max()) > deepest:
                raise TooDeep
            depth = int(levels[-1])
            closes = kinds == _CLOSE
            counted = values + np.cumsum(~closes, dtype=np.int32)
            values = int(counted[-1])
            if values > most:
                raise TooMany
            places.append((marks + start).astype(narrow))
            # A closing bracket has the depth of the opening one: that of what stands between them.
            depths.append((levels + closes).astype(np.int16))
            counts.append(counted)
        if depth != 0 or inside:
            problem = "it ends inside of a text" if inside else "brackets do not match"
            raise NotJSON(self.located(f"{problem} at line 1 column 1", len(raw)))
        self._places = np.concatenate(places) if places else np.zeros(0, narrow)
        places.clear()  # As soon as it can be, since what a body takes is limited by its size alone.
        self._depths = np.concatenate(depths) if depths else np.zeros(0, np.int16)
        self._counts = np.concatenate(counts)

    def whole(self) -> Span:
        """Return the value that the whole text is."""
        return self._stripped(0, len(self.raw), 0, len(self._places))

    def text(self, span: Span) -> bytes:
        """Return the bytes of a span."""
        return self.raw[span.start : span.end]

    def values(self, span: Span) -> int:
        """Return how many values stand in a span, itself included."""
        return 1 + int(self._counts[span.last] - self._counts[span.first])

    def is_container(self, span: Span) -> bool:
        """Whether a span is one array or object with something in it, and nothing around it."""
        if span.last - span.first < 2 or self.raw[span.start : span.start + 1] not in _PAIRS:
            return False
        opens, closes = int(self._places[span.first]), int(self._places[span.last - 1])
        whole = opens == span.start and closes == span.end - 1
        return whole and _PAIRS[self.raw[opens : opens + 1]] == self.raw[closes : closes + 1]

    def length(self, span: Span) -> int:
        """Return how many parts an array or object has that is not empty."""
        inner = self._depths[span.first + 1 : span.last - 1] == self._depths[span.first]
        return int(np.count_nonzero(inner)) + 1

    def parts(self, span: Span) -> Parts:
        """Return the parts of an array or object. Raises NotJSON where more than commas stand between."""
        first, last = span.first, span.last - 1
        inner = self._depths[first + 1 : last] == self._depths[first]
        marks = np.concatenate(([first], np.flatnonzero(inner) + first + 1, [last]))
        places = self._places[marks].astype(np.int64)
        counts = self._counts[marks]
        # What stands in other containers counts between its marks; a comma of this one counts for what comes after it.
        parts = Parts(places[:-1] + 1, places[1:], marks, np.diff(counts).astype(np.int64))
        for other in np.flatnonzero(self._view[places[1:-1]] != _COMMA_SIGN).tolist()[:1]:
            raise NotJSON(self.located("expected `,` at line 1 column 1", int(places[other + 1]) + 1))
        return parts

    def run(self, parts: Parts, first: int, last: int) -> Span:
        """Return the parts from `first` to before `last` together, without the space around them.

        Raises NotJSON where one of several has no text.
        """
        run = self.stripped(parts.span(first, last))
        if len(parts) > 1 and run.start == run.end:
            raise NotJSON(self.located("expected value at line 1 column 1", run.end))
        return run

    def member(self, span: Span) -> tuple[str, Span]:
        """Return the name and the value of an object's member. Raises NotJSON where it is none."""
        raw = self.raw
        start = self._stripped(span.start, span.end, 0, 0).start
        try:
            end = _end_of_string(raw, start, span.end)
            name = from_json(raw[start:end])
            colon = raw.index(b":", end, span.end)
        except ValueError as error:
            raise NotJSON(self.located("expected a name and a colon at line 1 column 1", start)) from error
        if raw[end:colon].strip(_SPACE):
            raise NotJSON(self.located("expected `:` at line 1 column 1", end))
        return name, self._stripped(colon + 1, span.end, span.first, span.last)

    def located(self, problem: str, start: int) -> str:
        """Return a parser's message on the text from byte `start` on, with line and column of the whole text."""
        found = _PLACE.search(problem)
        if not found:
            return problem
        line, column = int(found[1]), int(found[2])
        if line == 1:
            column += start - (self.raw.rfind(b"\n", 0, max(start, 0)) + 1)
        line += self.raw.count(b"\n", 0, max(start, 0))
        return f"{problem[: found.start()]}at line {line} column {column}"

    def stripped(self, span: Span) -> Span:
        """Return a span without the space around it."""
        return self._stripped(span.start, span.end, span.first, span.last)

    def _stripped(self, start: int, end: int, first: int, last: int) -> Span:
        text = self.raw[start:end]
        end -= len(text) - len(text.rstrip(_SPACE))
        start = min(end, start + len(text) - len(text.lstrip(_SPACE)))
        return Span(start, end, first, last)


def _marks(chunk: NDArray[np.uint8], escaped: bool, inside: bool) -> tuple[NDArray[np.int64], bool, bool]:
    """Return where brackets and commas stand outside of strings; whether the next byte is escaped, and in a string."""
    kinds = _KINDS[chunk]
    found = np.flatnonzero(kinds)
    is_escaped, escaped = _escapes(np.flatnonzero(kinds == _BACKSLASH), len(chunk), escaped)
    of = kinds[found]
    quotes = (of == _QUOTE) & ~is_escaped[found]
    outside = (np.cumsum(quotes) + inside) % 2 == 0
    inside = bool((np.count_nonzero(quotes) + inside) % 2)
    return found[outside & (of >= _OPEN)], escaped, inside


def _escapes(backslashes: NDArray[np.int64], length: int, escaped: bool) -> tuple[NDArray[np.bool_], bool]:
    """Which bytes a backslash escapes: the one after each first, third, ... of a run; and whether the next one."""
    found = np.zeros(length + 1, np.bool_)
    found[0] = escaped
    if len(backslashes):
        # One that escapes begins a run or stands two after one that does; a first byte that is escaped begins none.
        begins = np.diff(backslashes, prepend=-2) != 1
        starts = backslashes[begins]
        if escaped and starts[0] == 0:
            starts = starts.copy()
            starts[0] = 1
        offsets = backslashes - starts[np.cumsum(begins) - 1]
        found[backslashes[(offsets >= 0) & (offsets % 2 == 0)] + 1] = True
    return found[:length], bool(found[length])


def _end_of_string(raw: bytes, start: int, end: int) -> int:
    """Return where the string that begins here ends. Raises ValueError where none does."""
    if raw[start : start + 1] != b'"':
        raise ValueError(start)
    at = start + 1
    while True:
        at = raw.index(b'"', at, end)
        run = at - 1
        while raw[run] == 0x5C:
            run -= 1
        if (at - 1 - run) % 2 == 0:
            return at + 1
        at += 1


def build(structure: Structure, span: Span, *, piece: int, longest: int) -> Any:
    """Build a value in pieces of about so many bytes, so that other threads run in between.

    Raises NotJSON, and TooLong for a text of more than the longest bytes.
    """
    if span.end - span.start <= piece:
        return read(structure, span)
    if not structure.is_container(span):
        if span.end - span.start > longest:
            raise TooLong
        return read(structure, span)
    parts = structure.parts(span)
    is_object = structure.raw[span.start] == _BRACE
    items: list[Any] = []
    members: dict[str, Any] = {}
    for first, last in parts.runs(size=piece, values=piece):
        run = structure.run(parts, first, last)
        if run.end - run.start <= piece:
            if is_object:
                members |= read(structure, run, b"{", b"}")
            else:
                items += read(structure, run, b"[", b"]")
        elif is_object:
            name, value = structure.member(run)
            members[name] = build(structure, value, piece=piece, longest=longest)
        else:
            items.append(build(structure, run, piece=piece, longest=longest))
    return members if is_object else items


def read(structure: Structure, span: Span, before: bytes = b"", after: bytes = b"") -> Any:
    """Parse a span, with brackets around it where it is a part of a container. Raises NotJSON."""
    try:
        return from_json(before + structure.raw[span.start : span.end] + after)
    except ValueError as error:
        raise NotJSON(structure.located(str(error), span.start - len(before))) from error
