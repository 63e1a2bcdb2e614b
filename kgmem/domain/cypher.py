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
    """A query, its parameters (Cypher values), and its limits.

    `scope` is the part of the graph that it sees and writes to; None is the whole graph. `rows` and `seconds` limit the
    result and the time (None: the limits of the server).
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
    """The result of a query: columns, rows of Cypher values, and its changes, counted as Neo4j counts them.

    `plan` is the plan of EXPLAIN or PROFILE; `graphs` are the graphs that it used.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    counters: Mapping[str, int]
    writes: bool
    plan: Mapping[str, Any] | None = None
    graphs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NamedParameter:
    """A parameter of a named query: its Cypher type, an example, and its meaning."""

    name: str
    type: str
    example: Any
    meaning: str


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A named query of kgmem: its purpose, its parameters, and the meaning of its columns."""

    name: str
    answers: str
    parameters: Sequence[NamedParameter]
    columns: Mapping[str, str]
    text: str

    def filled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters, null for omitted ones. Raises InvalidInput for an unknown one."""
        known = [each.name for each in self.parameters]
        for name in given:
            if name not in known:
                told = f"It has {', '.join(known)}." if known else "It has none."
                raise InvalidInput(f"{self.name} has no parameter {name!r}.", hint=told)
        return {name: given.get(name) for name in known}


@dataclass(frozen=True, slots=True)
class RowNodes:
    """The keys of nodes in rows, and the element ids of nodes that occur only as ends of relationships."""

    keys: Sequence[str]
    ends: Sequence[str]


class CypherTransaction(Protocol):
    """Several queries in one transaction; leaving its block without `commit` rolls back."""

    async def run(self, query: CypherQuery) -> CypherAnswer:
        """Run one more query; mode and scope are those of the transaction."""

    async def commit(self) -> None:
        """Commit and end the transaction."""


class Cypher(Protocol):
    """Runs Cypher queries on graphs."""

    async def run(self, graph: str, query: CypherQuery) -> CypherAnswer:
        """Run one query in its own transaction. Raises InvalidInput (with the place), NotFound, TimedOut."""

    def found_in(self, answer: CypherAnswer) -> "RowNodes":
        """Return the nodes that the rows of an answer contain."""

    def transaction(
        self, graph: str, *, mode: Mode, scope: str | None
    ) -> AbstractAsyncContextManager[CypherTransaction]:
        """Open a transaction of several queries."""


_WRITTEN = re.compile(r"kgmem:([0-9A-F]{1,8})/([0-9A-F]{1,8})")


def bookmark_of(position: int) -> str:
    """Return the bookmark of a position in the write-ahead log, in bytes."""
    return f"kgmem:{position >> 32:X}/{position & 0xFFFF_FFFF:X}"


def position_of(bookmark: str) -> int:
    """Return the position in the write-ahead log of a bookmark. Raises InvalidInput for an invalid one."""
    found = _WRITTEN.fullmatch(bookmark)
    if found is None:
        raise InvalidInput(
            f"{bookmark[:60]!r} is not a bookmark of kgmem.", hint="Start without a bookmark.", detail="InvalidBookmark"
        )
    return int(found[1], 16) << 32 | int(found[2], 16)
