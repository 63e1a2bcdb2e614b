"""Who calls: the key, and what whoever set the connection up chose: graph, scope, tools, whether it may write."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from kgmem.domain.access import Key, Need
from kgmem.domain.audit.log import AuditEvent
from kgmem.domain.errors import Forbidden, InvalidInput, KgmemError, NotFound
from kgmem.domain.graph.graph import check_graph_name
from kgmem.domain.graph.scope import check_scope
from kgmem.memory import DEFAULT_GRAPH, Memory
from kgmem.tasks import act_for

# Who has the data folder may do all that the command line does.
LOCAL: Final = Key("local", "local", "admin")
DEFAULT_TOOLS: Final = "memory"
OPTIONS: Final = ("tools", "graph", "scope", "read_only")
_TRUTHS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """What a connection is set up with; a model changes none of it.

    `graph` and `scope` of None leave the choice to the key, and then to the arguments of tools.
    """

    tools: str = DEFAULT_TOOLS
    graph: str | None = None
    scope: str | None = None
    read_only: bool = False

    def checked(self) -> "ConnectionOptions":
        """Return them unchanged. Raises InvalidInput for an invalid graph or scope."""
        if self.graph is not None:
            check_graph_name(self.graph)
        if self.scope is not None:
            check_scope(self.scope)
        return self


def options_of(given: Mapping[str, str]) -> ConnectionOptions:
    """Return the options that the query of an address names. Raises InvalidInput for an unknown name or value."""
    for name in given:
        if name not in OPTIONS:
            raise InvalidInput(f"{name!r} is no parameter of this address.", hint=f"It takes {', '.join(OPTIONS)}.")
    told = given.get("read_only", "false").lower()
    if told not in _TRUTHS:
        raise InvalidInput(f"read_only is {told[:20]!r}.", hint="Give true or false.")
    return ConnectionOptions(
        given.get("tools") or DEFAULT_TOOLS, given.get("graph") or None, given.get("scope"), _TRUTHS[told]
    ).checked()


@dataclass(frozen=True, slots=True)
class Caller:
    """A connection: its key, its options, and how to get the memory, which may still be opening."""

    key: Key
    options: ConnectionOptions
    memory: Callable[[], Awaitable[Memory]]
    address: str | None = None  # Where it connects from.
    local: bool = False  # Whether it comes by no API key, since it has the data folder.

    @property
    def may_write(self) -> bool:
        """Whether it may change anything."""
        return self.key.may("writer") and not self.options.read_only

    @property
    def has_fixed_graph(self) -> bool:
        """Whether no argument of a tool chooses the graph."""
        return self.options.graph is not None or self.key.graph is not None

    @property
    def has_fixed_scope(self) -> bool:
        """Whether no argument of a tool chooses the scope: a model never widens what a key sees."""
        return self.options.scope is not None or bool(self.key.scope)

    async def reach(self, role: Need, graph: str | None = None, scope: str | None = None) -> "Reach":
        """Return where a call acts: memory, graph, scope. Raises Forbidden, NotFound, and what opening raises.

        `graph` and `scope` are arguments of a tool; where the connection fixes them, there are no such arguments.
        """
        memory = await self.memory()
        if role != "reader" and self.options.read_only:
            raise Forbidden("This connection only reads.", hint="Tell the user that it was set up read-only.")
        name = await self._graph(memory, graph)
        key = self.key if self.local else (await memory.keys.current(self.key)).acting(role, name)
        try:
            key.demand(role, name)
        except KgmemError:
            self._audit_refusal(memory, role, name)
            raise
        if not self.local:
            act_for(key.id, name)
        asked = self.options.scope if self.has_fixed_scope else scope
        return Reach(memory, name, key.demand_scope(asked), key, whole=asked is None and not key.scope, caller=self)

    def _audit_refusal(self, memory: Memory, role: Need, graph: str) -> None:
        """Note a call that the key's role does not allow."""
        change = role != "reader"
        if not self.local and memory.audit.wants(graph, change=change):
            event = AuditEvent("mcp", "call", change, "refused", self.key.id, graph, address=self.address)
            memory.audit.note(event)

    async def _graph(self, memory: Memory, named: str | None) -> str:
        """Return the graph to act on: the connection's, the key's, the named one, the default one, the only one."""
        fixed = self.options.graph or self.key.graph
        if fixed is not None:
            self.key.demand("reader", fixed)  # A key of another graph learns of none.
            return fixed
        names = [graph.name for graph in await memory.graphs.list()]
        if named is not None:
            if named not in names:
                raise NotFound(f"There is no graph {named[:100]!r}.", hint=_choose(names))
            return named
        if DEFAULT_GRAPH in names or (self.local and not names):
            return DEFAULT_GRAPH
        if len(names) == 1:
            return names[0]
        raise NotFound("It is not clear which graph is meant.", hint=_choose(names))


def _choose(names: list[str]) -> str:
    if not names:
        return "There is none yet. Tell the user to create one: kgmem graph create main."
    return f"Graphs are {', '.join(names[:20])}. Without the argument graph, the user sets the connection up with one."


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a call acts, and by whose key."""

    memory: Memory
    graph: str
    scope: str
    key: Key
    whole: bool  # Whether no scope is asked for, by a key of none: a query then sees the whole graph.
    caller: Caller

    @property
    def by(self) -> str:
        """Who is recorded as the source of what is stored, and as who corrects it."""
        return "agent" if self.caller.local else self.key.name

    async def ensure_graph(self) -> None:
        """Create the default graph of a data folder that has none, so that the first text can be stored."""
        if self.caller.local and self.graph == DEFAULT_GRAPH:
            await self.memory.graphs.ensure(DEFAULT_GRAPH)

    def audit(self, action: str, outcome: str, *, change: bool, graph: str | None = None) -> None:
        """Note a call in the audit log, of this graph, or of another that a query used."""
        graph, key, address = graph or self.graph, self.key.id, self.caller.address
        if not self.caller.local and self.memory.audit.wants(graph, change=change):
            event = AuditEvent("mcp", action, change, outcome, key, graph, str(self.scope), address=address)
            self.memory.audit.note(event)

    @contextmanager
    def audited(self, action: str, *, change: bool) -> Iterator[None]:
        """Note what the block does, and whether it failed."""
        try:
            yield
        except BaseException as error:
            self.audit(action, "refused" if isinstance(error, Forbidden) else "failed", change=change)
            raise
        self.audit(action, "done", change=change)

    def within(self, scope: str) -> "Reach":
        """Return it with another scope."""
        return replace(self, scope=scope)
