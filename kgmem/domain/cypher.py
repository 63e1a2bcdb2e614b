"""Cypher queries: requests, results, bookmarks, and the ports that answer them."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kgmem.domain.access import Key
from kgmem.domain.errors import InvalidInput

Mode = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class CypherQuery:
    """A query with its parameters (Cypher values), and what it may do.

    `scope` is whose part of the graph it sees and writes into; None is the whole graph. `rows` are the most that it
    may give, `seconds` the longest that it may take (None: the server's limits).
    """

    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = "read"
    scope: str | None = None
    seconds: float | None = None
    rows: int | None = None
    asker: Key | None = None  # Whose key asks: for the audit of what is written, and for what it may learn of.


@dataclass(frozen=True, slots=True)
class CypherAnswer:
    """What a query gave: its columns, rows of Cypher values, and what it changed, counted as Neo4j counts it.

    `plan` is what EXPLAIN and PROFILE tell; `graphs` are those that it ran on.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    counters: Mapping[str, int]
    writes: bool
    plan: Mapping[str, Any] | None = None
    graphs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NamedParameter:
    """A parameter of a named query: its type as Cypher names it, a value to try it with, and what it means."""

    name: str
    type: str
    example: Any
    meaning: str


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query that came with kgmem: what it answers, its parameters, and what its columns mean."""

    name: str
    answers: str
    parameters: Sequence[NamedParameter]
    columns: Mapping[str, str]
    text: str

    def filled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters: those given, and null for the others. Raises InvalidInput for one that it has not."""
        known = [each.name for each in self.parameters]
        for name in given:
            if name not in known:
                told = f"It has {', '.join(known)}." if known else "It has none."
                raise InvalidInput(f"{self.name} has no parameter {name!r}.", hint=told)
        return {name: given.get(name) for name in known}


@dataclass(frozen=True, slots=True)
class FoundInRows:
    """What rows hold of the graph: the keys of nodes, and the element ids of nodes that only relationships tell of."""

    keys: Sequence[str]
    ends: Sequence[str]


class CypherTransaction(Protocol):
    """Several queries in one transaction; leaving its block without `commit` undoes what they wrote."""

    async def run(self, query: CypherQuery) -> CypherAnswer:
        """Answer one more query; its mode and scope are the transaction's."""

    async def commit(self) -> None:
        """Keep what was written. The transaction ends."""


class Cypher(Protocol):
    """Whatever answers Cypher about graphs."""

    async def run(self, graph: str, query: CypherQuery) -> CypherAnswer:
        """Answer one query in a transaction of its own. Raises InvalidInput (with the place), NotFound, TimedOut."""

    def found_in(self, answer: CypherAnswer) -> "FoundInRows":
        """Return what rows hold of the graph."""

    def transaction(
        self, graph: str, *, mode: Mode, scope: str | None
    ) -> AbstractAsyncContextManager[CypherTransaction]:
        """Begin a transaction of several queries."""


_WRITTEN = re.compile(r"kgmem:([0-9A-F]{1,8})/([0-9A-F]{1,8})")


def bookmark_of(position: int) -> str:
    """Return the bookmark of a position in the log, in bytes."""
    return f"kgmem:{position >> 32:X}/{position & 0xFFFF_FFFF:X}"


def position_of(bookmark: str) -> int:
    """Return the position in the log that a bookmark stands for. Raises InvalidInput for what is no bookmark."""
    found = _WRITTEN.fullmatch(bookmark)
    if found is None:
        raise InvalidInput(
            f"{bookmark[:60]!r} is not a bookmark of kgmem.", hint="Start without a bookmark.", detail="InvalidBookmark"
        )
    return int(found[1], 16) << 32 | int(found[2], 16)
