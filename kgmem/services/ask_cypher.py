"""Cypher: one query, a named one, or several in a transaction; every write leaves a line in the log."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from kgmem.domain.bookmark import position_of
from kgmem.domain.cypher import CypherAnswer, CypherQuery, CypherTransaction, Mode, NamedQuery
from kgmem.domain.errors import NotFound, Unavailable
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.scope import check_scope
from kgmem.log import EventLog
from kgmem.services.claims.claim import weigh_new
from kgmem.services.ports import Ports

log = EventLog("kgmem.audit")
_TOLD = 500  # Characters of a query that the log keeps.


async def ask_cypher(parts: Ports, graph: str, query: CypherQuery) -> CypherAnswer:
    """Answer a query. Raises NotFound, TimedOut, and InvalidInput with the place of what is wrong."""
    if query.scope is not None:
        check_scope(query.scope)
    await parts.graphs.get(graph)
    answer = await parts.cypher.run(graph, query)
    _note(graph, query, answer)
    if answer.writes:
        await weigh_new(parts, graph)
    return answer


@asynccontextmanager
async def cypher_transaction(
    parts: Ports, graph: str, *, mode: Mode, scope: str | None
) -> AsyncIterator[CypherTransaction]:
    """Begin a transaction of several queries; it is undone unless it is committed."""
    if scope is not None:
        check_scope(scope)
    await parts.graphs.get(graph)
    async with parts.cypher.transaction(graph, mode=mode, scope=scope) as transaction:
        yield _Audited(parts, transaction, graph)


async def graph_named(parts: Ports, name: str) -> Graph:
    """Return the graph of a name, whatever the case of its letters where no other differs in that alone.

    Neo4j's clients take the names of databases so. Raises NotFound.
    """
    try:
        return await parts.graphs.get(name)
    except NotFound:
        same = [graph for graph in await parts.graphs.list() if graph.name.casefold() == name.casefold()]
        if len(same) != 1:
            raise
        return same[0]


async def check_bookmarks(parts: Ports, bookmarks: Iterable[str]) -> None:
    """Make sure that what bookmarks tell of is seen from now on. Raises InvalidInput; Unavailable where it is not."""
    positions = [position_of(bookmark) for bookmark in bookmarks]
    if positions and max(positions) > await parts.vitals.position():
        raise Unavailable("What the bookmark tells of is not here yet.", hint="Try again in a moment.")


def named_query(parts: Ports, name: str) -> NamedQuery:
    """Return a named query. Raises NotFound."""
    found = parts.named_queries.get(name)
    if found is None:
        raise NotFound(f"There is no named query {name!r}.", hint=f"There are {', '.join(parts.named_queries)}.")
    return found


class _Audited:
    """A transaction whose writes are noted as they are made; whether they are kept is noted at its end."""

    def __init__(self, parts: Ports, inner: CypherTransaction, graph: str) -> None:
        self._parts, self._inner, self._graph, self._wrote = parts, inner, graph, 0

    async def run(self, query: CypherQuery) -> CypherAnswer:
        """Answer one more query."""
        answer = await self._inner.run(query)
        self._wrote += answer.writes
        _note(self._graph, query, answer)
        return answer

    async def commit(self) -> None:
        """Keep what was written."""
        await self._inner.commit()
        if self._wrote:
            log.info("cypher_committed", graph=self._graph, writes=self._wrote)
            await weigh_new(self._parts, self._graph)


def _note(graph: str, query: CypherQuery, answer: CypherAnswer) -> None:
    if answer.writes:
        log.info(
            "cypher_written",
            key=query.asker.id if query.asker else None,
            graphs=", ".join(answer.graphs) or graph,
            scope=query.scope,
            changes={name: count for name, count in answer.counters.items() if count},
            query=" ".join(query.text.split())[:_TOLD],
        )
