"""kgmem behind the Bolt server: API keys are credentials, graphs are databases."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from kgmem.bolt.backend import Credentials, Row, Summary, TransactionOptions
from kgmem.domain.access import Key
from kgmem.domain.audit.log import AuditEvent
from kgmem.domain.cypher import CypherAnswer, CypherQuery, CypherTransaction, Mode
from kgmem.domain.errors import Forbidden, InvalidInput, KgmemError, NotFound, Unauthenticated
from kgmem.domain.graph.graph import is_graph_name
from kgmem.log import EventLog
from kgmem.memory import DEFAULT_GRAPH, Memory
from kgmem.tasks import act_for

log = EventLog(__name__)

# Drivers of version 5 speak to servers that call themselves so, and tools read the version: it tells what they may ask.
AGENT = "Neo4j/5.26.0"
# What tools ask for where nobody told them a database.
_USUAL = frozenset({"neo4j", "system"})


class MemoryBackend:
    """The backend over a memory."""

    agent = AGENT

    def __init__(self, memory: Memory, *, home: str | None = None) -> None:
        """Take the memory, and the default graph of clients that name none."""
        self.memory = memory
        self.home = home

    async def authenticate(self, credentials: Credentials, address: str | None = None) -> "KeyCaller":
        """Authenticate by an API key: as the password of any user, or as a bearer token."""
        if credentials.scheme not in ("basic", "bearer") or not credentials.secret:
            raise Unauthenticated(
                "Authentication is required.",
                hint="Send an API key as the password or as a bearer token. Create one: kgmem key create.",
            )
        try:
            key = await self.memory.keys.authenticate(credentials.secret, address=address)
        except Unauthenticated:
            self.memory.audit.note(AuditEvent("bolt", "login", change=False, outcome="refused", address=address))
            raise
        return KeyCaller(self.memory, key, self.home, address)

    def element_id(self, node: int) -> str:
        """Return the element id of a node by its id."""
        return str(node)

    def report(self, error: Exception, connection: str) -> None:
        """Log an internal error, of which the client got no details."""
        log.crash("bolt_connection_failed", error, connection=connection)


@dataclass(frozen=True, slots=True)
class KeyCaller:
    """A client with an API key."""

    memory: Memory
    key: Key
    usual: str | None = None
    address: str | None = None
    _ended: list[Callable[[], None]] = field(default_factory=list)  # What the connection does when the key ends.

    def _audit_refusal(self, asked: TransactionOptions) -> None:
        """Note a transaction on a graph that the key may not read, or that does not exist."""
        graph = asked.database if asked.database is not None and is_graph_name(asked.database) else None
        if self.memory.audit.wants(graph, change=asked.write):
            self.memory.audit.note(
                AuditEvent(
                    "bolt", "cypher", asked.write, "refused", self.key.id, graph, self.key.scope, address=self.address
                )
            )

    @property
    def identity(self) -> str:
        """The key's id."""
        return str(self.key.id)

    async def check(self) -> None:
        """Raise Unauthenticated where the key was revoked or has expired."""
        await self.memory.keys.check(self.key.id, generation=self.key.generation)

    def spend(self) -> None:
        """Count a query. Raises TooManyRequests."""
        self.memory.keys.spend(self.key)

    def watch(self, ended: Callable[[], None]) -> Callable[[], None]:
        """Call `ended` once after the key is revoked or expires; returns what ends the watch."""
        self._ended[:] = [ended]
        return self.memory.keys.watch(self.key.id, ended, generation=self.key.generation)

    async def home(self, database: str | None) -> str:
        """Return the requested graph, or the default one. Raises NotFound."""
        if database is not None and database not in _USUAL:
            return await self._named(database)
        if self.key.graph is not None:
            return self.key.graph
        names = [graph.name for graph in await self.memory.graphs.list()]
        for name in (database, self.usual, "neo4j", DEFAULT_GRAPH):
            if name in names:
                return name
        if len(names) == 1:
            return names[0]
        raise NotFound(
            "There is no graph of that name." if names else "There is no graph yet.",
            hint=f"Set one of them as the database ({', '.join(names[:10])}), or set KGMEM_BOLT_GRAPH."
            if names
            else "Create one: kgmem graph create.",
        )

    async def _named(self, database: str) -> str:
        """Return a graph by its name, ignoring case; a key restricted to one graph learns of no other."""
        own = self.key.graph
        if own is not None:
            name = own if own.casefold() == database.casefold() else database
            self.key.demand("reader", name)
            return name
        return (await self.memory.graphs.find(database)).name

    async def begin(self, asked: TransactionOptions, *, alone: bool) -> "GraphTransaction":
        """Open a transaction on a graph, in the key's scope. Raises NotFound, Forbidden, InvalidInput."""
        try:
            graph = await self.home(asked.database)
            self.key.demand("reader", graph)
        except KgmemError:
            self._audit_refusal(asked)
            raise
        act_for(self.key.id, graph)
        await self.memory.server.check_bookmarks(asked.bookmarks)
        may_write = self.key.may("writer")
        mode: Mode = "write" if asked.write and may_write else "read"
        key = (await self.memory.keys.current(self.key)).acting("reader", graph)
        transaction = GraphTransaction(self.memory, graph, key, asked, mode, self.address)
        if key.grant_ids:
            for ended in self._ended:
                transaction.unwatch = self.memory.keys.watch(key.id, ended, key.grant_ids)
        if not alone:
            try:
                await transaction.open()
            except BaseException:
                transaction.unwatch()
                raise
        return transaction


@dataclass(slots=True)
class GraphTransaction:
    """A transaction. A single query runs by itself, and is retried after a conflict with other writers."""

    memory: Memory
    database: str
    key: Key
    asked: TransactionOptions
    mode: Mode
    address: str | None = None  # Of the client.
    unwatch: Callable[[], None] = lambda: None  # Ends the watch of the grants that it sees scopes by.
    _open: CypherTransaction | None = None
    _leaving: AbstractAsyncContextManager[CypherTransaction] | None = None

    async def open(self) -> None:
        """Keep the following queries in one transaction until commit or rollback."""
        self._leaving = self.memory.transaction(self.database, mode=self.mode, scope=self._scope)
        self._open = await self._leaving.__aenter__()

    @property
    def _scope(self) -> str | None:
        return self.key.demand_scope(None) or None

    async def run(self, query: str, parameters: Mapping[str, Any]) -> "Rows":
        """Run a query. Raises CypherError, Forbidden, TimedOut."""
        act_for(self.key.id, self.database)
        try:
            if self._open is None:
                answer = await self.memory.cypher(
                    self.database,
                    query,
                    parameters,
                    mode=self.mode,
                    scope=self._scope,
                    seconds=self.asked.timeout,
                    asker=self.key,
                )
            else:
                asked = CypherQuery(query, parameters, self.mode, self._scope, self.asked.timeout, None, self.key)
                answer = await self._open.run(asked)
        except InvalidInput as error:
            self._audit("failed", (), change=self.mode == "write")
            if error.facts.get("type") == "AccessMode" and self.asked.write:
                self.key.demand("writer", self.database)
            raise
        except KgmemError as error:
            outcome = "refused" if isinstance(error, Forbidden) else "failed"
            self._audit(outcome, (), change=self.mode == "write")
            raise
        self._audit("done", answer.graphs, change=answer.writes)
        return Rows(answer)

    def _audit(self, outcome: str, used: Sequence[str], *, change: bool) -> None:
        """Note a query, of each graph that it used."""
        for graph in dict.fromkeys((self.database, *used)):
            if self.memory.audit.wants(graph, change=change):
                self.memory.audit.note(
                    AuditEvent(
                        "bolt", "cypher", change, outcome, self.key.id, graph, self.key.scope, address=self.address
                    )
                )

    async def commit(self) -> str:
        """Commit; returns a bookmark of everything written and read."""
        if self._open is not None:
            await self._open.commit()
        await self._leave()
        return await self.memory.server.bookmark()

    async def rollback(self) -> None:
        """Roll back."""
        await self._leave()

    async def _leave(self) -> None:
        self.unwatch()
        leaving, self._leaving, self._open = self._leaving, None, None
        if leaving is not None:
            await leaving.__aexit__(None, None, None)


_WORDS = (  # What of the counters drivers know, by their names.
    "nodes_created",
    "nodes_deleted",
    "relationships_created",
    "relationships_deleted",
    "properties_set",
    "labels_added",
    "labels_removed",
    "indexes_added",
    "indexes_removed",
    "constraints_added",
    "constraints_removed",
)


@dataclass(slots=True)
class Rows:
    """The rows of an answer, returned on request."""

    answer: CypherAnswer
    _taken: int = 0
    fields: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        """Name the columns."""
        self.fields = self.answer.columns

    async def take(self, most: int) -> tuple[Sequence[Row], bool]:
        """Return at most so many further rows, and whether there are more."""
        rows = self.answer.rows
        end = len(rows) if most < 0 else min(len(rows), self._taken + most)
        given = rows[self._taken : end]
        self._taken = end
        return given, end < len(rows)

    async def summary(self) -> Summary:
        """Return the metadata of the query."""
        counted = self.answer.counters
        stats = {name.replace("_", "-"): counted[name] for name in _WORDS if counted.get(name)}
        schema = any(name.startswith(("indexes", "constraints")) for name in stats)
        kind = "s" if schema else "r" if not self.answer.writes else "rw" if self.fields else "w"
        plan = self.answer.plan
        if plan is None:
            return Summary(kind, stats)
        told = _shaped(plan)
        return Summary(kind, stats, profile=told) if plan["mode"] == "profile" else Summary(kind, stats, plan=told)


def _shaped(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan in the form of the drivers; rows read from the store count as database hits."""
    arguments = {"Details": plan["details"], "EstimatedRows": float(plan.get("estimated_rows", 0))}
    told: dict[str, Any] = {
        "operatorType": f"{plan['operator']}@kgmem",
        "identifiers": list(plan["identifiers"]),
        "children": [_shaped(each) for each in plan["children"]],
    }
    if "rows" in plan:
        told |= {"rows": plan["rows"], "dbHits": plan["read"], "time": int(plan["milliseconds"] * 1_000_000)}
        told |= {"pageCacheHits": 0, "pageCacheMisses": 0, "pageCacheHitRatio": 0.0}
        arguments |= {"Rows": plan["rows"], "DbHits": plan["read"], "Time": told["time"]}
    return {**told, "args": arguments}
