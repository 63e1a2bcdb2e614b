"""The values of the openCypher TCK's tables, read from their notation: 1, 'a', [1], {a: 1}, (:A {b: 1}), [:T]."""

import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?(?:0x[0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))|(?P<string>'(?:[^'\\]|\\.)*')"""
    r"""|(?P<word>-?[^\W\d]\w*|`[^`]*`)|(?P<sign>->|<-|[-<>()\[\]{}:,|]))""",
    re.DOTALL,
)
_WORDS = {"null": None, "true": True, "false": False, "NaN": float("nan")}
_WORDS |= {"Infinity": float("inf"), "Inf": float("inf"), "-Infinity": float("-inf"), "-Inf": float("-inf")}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Node:
    """A node that a result must have: its labels and properties; no identity."""

    labels: frozenset[str]
    properties: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relationship that a result must have: its type and properties; no identity."""

    kind: str
    properties: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Path:
    """A path that a result must have: its nodes, and between them relationships; `forward` those that point onwards."""

    nodes: tuple[Node, ...]
    relationships: tuple[Relationship, ...]
    forward: tuple[bool, ...]


def value(text: str) -> Any:
    """Return the value that a cell of a TCK table stands for. Raises ValueError."""
    reader = _Reader(_tokens(text))
    found = reader.value()
    reader.expect_end()
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at, text = [], 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at:]!r} is not a TCK value")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def expect_end(self) -> None:
        if self._at != len(self._tokens):
            raise ValueError(f"something follows a TCK value: {self._tokens[self._at :]}")

    def value(self) -> Any:
        kind, text = self._next()
        if kind == "number":
            return _number(text)
        if kind == "string":
            return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)
        if kind == "word" and text in _WORDS:
            return _WORDS[text]
        if text == "[":
            return self._relationship() if self._peek() == ":" else self._list()
        if text == "{":
            return self._map()
        if text == "(":
            return self._node()
        if text == "<":
            return self._path()
        raise ValueError(f"{text!r} begins no TCK value")

    def _next(self) -> tuple[str, str]:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else ("end", "")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, text: str) -> bool:
        found = self._peek() == text
        self._at += found
        return found

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise ValueError(f"{text!r} is missing before {self._tokens[self._at :]}")

    def _list(self) -> list[Any]:
        items: list[Any] = []
        while not self._take("]"):
            if items:
                self._expect(",")
            items.append(self.value())
        return items

    def _map(self) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not self._take("}"):
            if entries:
                self._expect(",")
            name = self._next()[1].strip("`")
            self._expect(":")
            entries[name] = self.value()
        return entries

    def _labels(self) -> list[str]:
        found = []
        while self._take(":"):
            found.append(self._next()[1].strip("`"))
        return found

    def _properties(self) -> dict[str, Any]:
        return self._map() if self._take("{") else {}

    def _node(self) -> Node:
        found = Node(frozenset(self._labels()), self._properties())
        self._expect(")")
        return found

    def _relationship(self) -> Relationship:
        (kind,) = self._labels()
        found = Relationship(kind, self._properties())
        self._expect("]")
        return found

    def _path(self) -> Path:
        self._expect("(")
        nodes, relationships, forward = [self._node()], [], []
        while not self._take(">"):
            backward = self._take("<-")
            if not backward:
                self._expect("-")
            self._expect("[")
            relationships.append(self._relationship())
            forward.append(not backward)
            self._expect("-" if backward else "->")
            self._expect("(")
            nodes.append(self._node())
        return Path(tuple(nodes), tuple(relationships), tuple(forward))


def _number(text: str) -> int | float:
    if "0x" in text:
        return int(text, 16)
    return float(text) if set(text) & set(".eE") else int(text)
