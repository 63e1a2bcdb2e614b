"""One transaction on one graph, as the execution of Cypher sees it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import asyncpg
import orjson

from kgmem.domain.graph.scope import visible_from
from kgmem.domain.schema.index import NamedIndex
from kgmem.query.execution.graph import Hop, Level, MatchQuery, MatchRows, NewNode, NewRelationship, SecondRequest
from kgmem.query.planning.steps import LinkPart
from kgmem.query.values import Node, Relationship
from kgmem.store.cypher.expansion import expansion, surroundings
from kgmem.store.cypher.read import Reader, know_names
from kgmem.store.cypher.result_shapes import RowCache
from kgmem.store.cypher.search import Searcher
from kgmem.store.cypher.statement_cache import ComposedPattern, StatementCache
from kgmem.store.cypher.write import Writer
from kgmem.store.db.database import Database
from kgmem.store.db.sql import compose
from kgmem.store.graph.layout import LABEL_SHIFT, Layout, know_labels, learn_labels, learn_subsystems

_MOST_AROUND = 2000  # Relationships of a level that are worth reading before it is known that they are needed.
_LOOK_AGAIN = 1.0  # Seconds after which another process may have made the first merge of the graph.
_AT_ONCE = 1024  # Rows that are read without a pause.
_LOCKS = 256  # How many locks all that is merged under shares, so that a large batch does not use up Postgres' own.


@dataclass(frozen=True, slots=True)
class DatabaseContext:
    """What is shared by transactions of one database: it, statements, and what finds other graphs by their names."""

    database: Database
    statements: StatementCache
    named: Callable[[str], Awaitable[str]]
    on: Callable[[str], Awaitable["PostgresTransaction"]]


class PostgresTransaction:
    """A transaction; what it wrote is complete when `finish` was called."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        layout: Layout,
        scope: str | None,
        numbers: list[int],
        *,
        reach: DatabaseContext,
        once: bool = False,
    ) -> None:
        """Take a connection in a transaction, the scope (None: all), the numbers of those that it sees, and its reach.

        `once`: there is no transaction, since the database will be asked only once.
        """
        self.connection = connection
        self.layout = layout
        self._reader = Reader(connection, layout)
        self._scope = scope
        self._numbers = None if scope is None else numbers
        # What it writes is of the scope alone, without what grants add to it.
        self._writer = Writer(connection, layout, reach.database, None if scope is None else str(scope))
        self._statements = reach.statements
        self._reach = reach
        self._others: list[PostgresTransaction] = []
        self._once = once
        self._asked = False

    @property
    def used(self) -> str:
        """What was done in it, on any graph: "written", else "read", else nothing ("")."""
        done = {self._writer.wrote and "written", self._asked and "read", *(other.used for other in self._others)}
        return next((each for each in ("written", "read") if each in done), "")

    def read(self) -> Iterator[tuple[Layout, Collection[int]]]:
        """Yield the ids of the nodes and relationships that were read in it, by graph."""
        yield self.layout, self._writer.seen
        for other in self._others:
            yield from other.read()

    @property
    def once(self) -> bool:
        """Whether it serves a single request, without a transaction."""
        return self._once

    async def graph_named(self, name: str) -> str:
        """Return the name of the graph that is meant. Raises NotFound."""
        return await self._reach.named(name)

    async def on(self, graph: str) -> "PostgresTransaction":
        """Return this transaction on another graph. Raises NotFound."""
        other = await self._reach.on(graph)
        self._others.append(other)
        return other

    async def match(self, sought: MatchQuery) -> MatchRows | None:
        """Return each way in which a pattern's nodes and links match; None where it cannot be lean, or in order."""
        if sought.lean and (self.layout.further or self._numbers is not None):
            return None
        await know_names(self.connection, self.layout, sought)
        further = await self._further(sought)
        statement = self._statements.of(self.layout, sought, self._numbers, further)
        if sought.lean and not statement.answers:
            return None
        self._ask()
        found = await self.connection.fetch(statement.text, *await _values(statement, sought))
        if sought.lean and (found[0][2] if found else await self._any_further()):
            self.layout.further = True
            return None
        if sought.order is not None and found and found[0][-1]:
            return None
        seen = RowCache()
        try:
            ways = await _ways(statement, found, seen)
        except KeyError:  # A label that another process made since this one last looked.
            await learn_labels(self.connection, self.layout)
            ways = await _ways(statement, found, seen)
        self._writer.seen |= seen.texts
        return MatchRows(tuple(part.name for part in sought.pattern.parts), ways)

    async def estimate(self, sought: MatchQuery) -> float:
        """Return how many matches Postgres expects."""
        await know_names(self.connection, self.layout, sought)
        lean = not self.layout.further and self._numbers is None
        sought = replace(sought, lean=lean)
        statement = self._statements.of(self.layout, sought, self._numbers, await self._further(sought))
        values = [value(sought) for value in statement.values]
        self._ask()
        found = await self.connection.fetchval(compose("EXPLAIN (FORMAT JSON) {}", statement.text), *values)
        return float(orjson.loads(found)[0]["Plan"]["Plan Rows"])

    async def _further(self, sought: MatchQuery) -> frozenset[int]:
        """Return the numbers of the tables of which nodes have further labels, where that matters."""
        if sought.lean or not sought.conditions:
            return frozenset()
        self._ask()
        rows = await self.connection.fetch(self.layout.sql("cypher", "tables_with_further"))
        await know_labels(self.connection, self.layout, (row[0] << LABEL_SHIFT for row in rows))
        return frozenset(row[0] for row in rows)

    async def _any_further(self) -> bool:
        sql = compose("SELECT {}", self.layout.sql("cypher", "any_further"))
        return bool(await self.connection.fetchval(sql))

    def _ask(self) -> None:
        """Count a request to the database. Raises SecondRequest at the second one of a transaction for one request."""
        if self._once and self._asked:
            raise SecondRequest
        self._asked = True

    async def expand(self, link: LinkPart, nodes: Collection[int], *, backwards: bool) -> Sequence[Hop]:
        """Return what leads on from nodes along a link."""
        self._ask()
        text = expansion(self.layout, link, self._numbers, backwards=backwards)
        return [(row[0], row[1], row[2]) for row in await self.connection.fetch(text, list(nodes))]

    async def around(self, link: LinkPart, first: int, last: int, *, shortest: bool) -> Sequence[Level]:
        """Return what leads on from a node along a link, and what leads to another, level by level."""
        self._ask()
        text = surroundings(self.layout, link, self._numbers, _MOST_AROUND, shortest=shortest)
        levels: tuple[list[Hop], ...] = ([], [], [], [])
        for level, here, id_, there in await self.connection.fetch(text, first, last):
            levels[level].append((here, id_, there))
        if any(len(level) >= _MOST_AROUND for level in levels):
            return ()
        ahead, back, ahead_next, back_next = levels
        nearer = [(False, ahead_next)] if len(ahead) <= len(back) else [(True, back_next)]
        further = nearer if shortest else [(False, ahead_next), (True, back_next)]
        return [(False, ahead), (True, back), *further]

    async def nodes(self, ids: Collection[int]) -> Mapping[int, Node]:
        """Return nodes by id; those that are gone are missing."""
        if ids:
            self._ask()
        found, texts = await self._reader.nodes(ids)
        self._writer.seen |= texts
        return found

    async def relationships(self, ids: Collection[int]) -> Mapping[int, Relationship]:
        """Return relationships by id; those that are gone are missing."""
        if ids:
            self._ask()
        found, texts = await self._reader.relationships(ids)
        self._writer.seen |= texts
        return found

    async def both(
        self, nodes: Collection[int], relationships: Collection[int]
    ) -> tuple[Mapping[int, Node], Mapping[int, Relationship]]:
        """Return nodes and relationships by id, asked at once; those that are gone are missing."""
        if nodes or relationships:
            self._ask()
        found, held, texts = await self._reader.both(nodes, relationships)
        self._writer.seen |= texts
        return found, held

    async def known_from(self, identity: int) -> int | None:
        """Return since when what has an id is known at all, in any version."""
        self._ask()
        found: int | None = await self.connection.fetchval(self.layout.sql("cypher", "known_from"), identity)
        return found

    async def nearest(self, index: NamedIndex, vector: Sequence[float], most: int) -> Sequence[tuple[int, float]]:
        """Return what is nearest to a vector by an index."""
        self._ask()
        return await Searcher(self.connection, self.layout, index, self._numbers).nearest(vector, most)

    async def worded(self, index: NamedIndex, query: str, most: int) -> Sequence[tuple[int, float]]:
        """Return what has the words of a query by an index."""
        self._ask()
        return await Searcher(self.connection, self.layout, index, self._numbers).worded(query, most)

    async def has_merges(self) -> bool:
        """Whether nodes may have been merged; another process's first merge is known a second later at the latest."""
        known = self.layout.subsystems
        if "merges" not in known.made and time.monotonic() - known.looked_at > _LOOK_AGAIN:
            await learn_subsystems(self.connection, self.layout)
        return "merges" in known.made

    async def kept_keys(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return for keys of nodes that were merged away the keys of the kept ones.

        What is found must be of the snapshot that the pattern is matched in. Raises SecondRequest where there is none.
        """
        if self._once:
            raise SecondRequest
        self._ask()
        scopes = None if self._scope is None else list(visible_from(self._scope))
        rows = await self.connection.fetch(self.layout.sql("read", "kept_keys_of_nodes"), list(keys), scopes)
        return {row["gone"]: row["kept"] for row in rows}

    async def merged_keys(self, keys: Collection[str]) -> Collection[str]:
        """Return the keys of nodes that were merged, also through others, into what has one of these keys.

        What is found must be of the snapshot that the pattern is matched in. Raises SecondRequest where there is none.
        """
        if self._once:
            raise SecondRequest
        self._ask()
        scopes = None if self._scope is None else list(visible_from(self._scope))
        rows = await self.connection.fetch(self.layout.sql("read", "merged_keys_of_nodes"), list(keys), scopes)
        return [row["gone"] for row in rows]

    async def lock(self, names: Iterable[str]) -> None:
        """Keep others from merging what has these names, and what happens to share a lock with them."""
        numbers: set[int] = set()
        for name in names:
            numbers.add(crc32(name.encode(errors="surrogatepass")) % _LOCKS)
            if len(numbers) == _LOCKS:
                break
        sql = self.layout.sql("cypher", "lock_names")
        await self.connection.execute(sql, -self.layout.id - 1, sorted(numbers))

    async def create_nodes(self, nodes: Sequence[NewNode]) -> Sequence[Node]:
        """Make nodes."""
        return await self._writer.create_nodes(nodes)

    async def create_relationships(self, relationships: Sequence[NewRelationship]) -> Sequence[Relationship]:
        """Make relationships."""
        return await self._writer.create_relationships(relationships)

    async def update_nodes(self, nodes: Sequence[Node]) -> None:
        """Write the labels and properties of nodes."""
        await self._writer.update_nodes(nodes)

    async def update_relationships(self, relationships: Sequence[Relationship]) -> None:
        """Write the properties of relationships."""
        await self._writer.update_relationships(relationships)

    async def relationships_of(self, nodes: Collection[int]) -> Collection[int]:
        """Return the ids of the relationships that nodes have."""
        self._ask()
        rows = await self.connection.fetch(self.layout.sql("index_sync", "edges_of"), list(nodes))
        return {row["id"] for row in rows}

    async def delete(self, nodes: Collection[int], relationships: Collection[int]) -> None:
        """Delete relationships and then nodes."""
        await self._writer.delete(nodes, relationships)

    async def finish(self) -> None:
        """Do what comes last in a transaction that wrote."""
        for other in self._others:
            await other.finish()
        await self._writer.finish()


async def _values(statement: ComposedPattern, sought: MatchQuery) -> list[Any]:
    """Return a statement's parameters; those of many rows beside the event loop."""
    if len(sought.rows) < _AT_ONCE:
        return [value(sought) for value in statement.values]
    return await asyncio.to_thread(lambda: [value(sought) for value in statement.values])


async def _ways(statement: ComposedPattern, rows: Sequence[Any], seen: RowCache) -> list[tuple[Any, ...]]:
    readers = statement.readers
    ways: list[tuple[Any, ...]] = []
    for first in range(0, len(rows), _AT_ONCE):
        ways += [(row[0], row[1], *[read(row, seen) for read in readers]) for row in rows[first : first + _AT_ONCE]]
        if first + _AT_ONCE < len(rows):
            await asyncio.sleep(0)  # Others have their turn in between.
    return ways
