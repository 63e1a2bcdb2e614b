"""Cypher: run one query, a named query, or several in a transaction. Every write is logged."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from kgmem.domain.cypher import CypherAnswer, CypherQuery, CypherTransaction, Mode, NamedQuery, position_of
from kgmem.domain.errors import NotFound, Unavailable
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.scope import check_scope
from kgmem.log import EventLog
from kgmem.services.claims.claim import weigh_new
from kgmem.services.ports import Ports
from kgmem.services.reading import read_again

log = EventLog("kgmem.audit")
_TOLD = 500  # Characters of a query that the log keeps.


async def ask_cypher(ports: Ports, graph: str, query: CypherQuery) -> CypherAnswer:
    """Run a query and return its rows. Raises NotFound, TimedOut, and InvalidInput with the place of the error."""
    if query.scope is not None:
        check_scope(query.scope)
    await ports.graphs.get(graph)
    run = partial(ports.cypher.run, graph, query)
    answer = await (read_again(run) if query.mode == "read" else run())
    _note(graph, query, answer)
    if answer.writes:
        await weigh_new(ports, graph)
    return answer


@asynccontextmanager
async def cypher_transaction(
    ports: Ports, graph: str, *, mode: Mode, scope: str | None
) -> AsyncIterator[CypherTransaction]:
    """Open a transaction of several queries; it is rolled back unless it is committed."""
    if scope is not None:
        check_scope(scope)
    await ports.graphs.get(graph)
    async with ports.cypher.transaction(graph, mode=mode, scope=scope) as transaction:
        yield _Audited(ports, transaction, graph)


async def graph_named(ports: Ports, name: str) -> Graph:
    """Return a graph by its name, ignoring the case of letters where only one graph matches.

    Clients of Neo4j send the names of databases in any case. Raises NotFound.
    """
    try:
        return await ports.graphs.get(name)
    except NotFound:
        same = [graph for graph in await ports.graphs.list() if graph.name.casefold() == name.casefold()]
        if len(same) != 1:
            raise
        return same[0]


async def check_bookmarks(ports: Ports, bookmarks: Iterable[str]) -> None:
    """Return when the transactions of the bookmarks are visible. Raises InvalidInput; Unavailable where one is not."""
    positions = [position_of(bookmark) for bookmark in bookmarks]
    if positions and not await ports.vitals.reached(max(positions)):
        raise Unavailable(
            "The transaction of the bookmark is not visible on this server yet.", hint="Try again in a moment."
        )


def named_query(ports: Ports, name: str) -> NamedQuery:
    """Return a named query. Raises NotFound with the names that exist."""
    found = ports.named_queries.get(name)
    if found is None:
        raise NotFound(
            f"There is no named query {name!r}.", hint=f"Named queries are {', '.join(ports.named_queries)}."
        )
    return found


class _Audited:
    """A transaction that logs its writes, and its commit."""

    def __init__(self, ports: Ports, inner: CypherTransaction, graph: str) -> None:
        self._ports, self._inner, self._graph, self._wrote = ports, inner, graph, 0

    async def run(self, query: CypherQuery) -> CypherAnswer:
        """Run one more query."""
        answer = await self._inner.run(query)
        self._wrote += answer.writes
        _note(self._graph, query, answer)
        return answer

    async def commit(self) -> None:
        """Commit, and compute the consensus of what was written."""
        await self._inner.commit()
        if self._wrote:
            log.info("cypher_committed", graph=self._graph, writes=self._wrote)
            await weigh_new(self._ports, self._graph)


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


class NamedQueries:
    """The named Cypher queries that kgmem contains."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    def all(self) -> Mapping[str, NamedQuery]:
        """Return all named queries, by name."""
        return self._ports.named_queries

    def get(self, name: str) -> NamedQuery:
        """Return a named query. Raises NotFound."""
        return named_query(self._ports, name)
