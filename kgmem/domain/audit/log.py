"""Entries of the audit log, which are chained by hashes: who read or changed what, when, and with which result."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Protocol

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.time.interval import parse_time

AuditLevel = Literal["off", "changes", "all"]
AuditInterface = Literal["rest", "mcp", "bolt", "cli", "python", "server"]  # server: kgmem itself.
LEVELS: Final[tuple[AuditLevel, ...]] = ("off", "changes", "all")


@dataclass(frozen=True, slots=True)
class AuditActor:
    """Who does something: by which interface, and with which API key, from where, where that is known."""

    interface: AuditInterface = "python"
    key: str | None = None
    address: str | None = None
    request_id: str | None = None


LIBRARY: Final = AuditActor()  # A program that uses kgmem as a library.


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What somebody did, before it is stored."""

    interface: AuditInterface
    action: str  # Method and template of the route, name of the tool, or `cypher`.
    change: bool  # Whether it may have changed something.
    outcome: str  # `done`, `refused` or `failed`.
    key: str | None = None  # Id of the API key; None for a login that failed.
    graph: str | None = None  # None: the server as a whole.
    scope: str | None = None  # None: all scopes.
    item: str | None = None  # Key or id of what the address names.
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry as it is stored: `scope` and `item` are digests, so that it names nobody whom an erasure forgets."""

    id: int
    at: str
    interface: AuditInterface
    action: str
    change: bool
    outcome: str
    key: str | None
    graph: str | None
    scope: str | None
    item: str | None
    address: str | None
    request_id: str | None
    hash: str = ""

    def text(self) -> str:
        """Return what is hashed: the entry without its hash as JSON, names in order, ASCII alone."""
        values: dict[str, Any] = asdict(self)
        del values["hash"]
        return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None is any."""

    graph: str | None = None
    key: str | None = None
    scope: str | None = None
    item: str | None = None
    change: bool | None = None
    since: str | None = None
    until: str | None = None

    def check(self) -> tuple[int | None, int | None]:
        """Return the times in microseconds since 1970. Raises InvalidInput."""
        if (self.scope is not None or self.item is not None) and self.graph is None:
            raise InvalidInput("graph: a scope or an item is one of a graph.", hint="Name the graph, too.")
        since, until = (None if each is None else parse_time(each).start for each in (self.since, self.until))
        return since, until


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The last entry: who notes it elsewhere can show later that no entry up to it was changed or removed."""

    id: int
    hash: str


@dataclass(frozen=True, slots=True)
class AuditVerification:
    """The result of a verification: how many entries are right, and the first that is broken, with the reason."""

    entries: int
    first: int  # The number of the first entry; those before it were removed by age.
    head: AuditHead  # The last entry.
    broken: int | None = None
    reason: str | None = None
    noted: Literal["present", "removed"] | None = None  # Of the entry that was noted elsewhere; removed: by age.


class AuditLog(Protocol):
    """The audit log."""

    def wants(self, graph: str | None, *, change: bool) -> bool:
        """Return whether something done to a graph is to be noted."""

    def note(self, event: AuditEvent) -> None:
        """Note an event where its graph is audited; it is written within a fraction of a second."""

    async def list(self, wanted: AuditFilter, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
        """Return a page of entries, newest first. Raises InvalidInput."""

    def export(self, wanted: AuditFilter) -> AsyncIterator[AuditEntry]:
        """Return all entries, oldest first, as they are stored."""

    async def verify(self, head: AuditHead | None) -> AuditVerification:
        """Verify the whole chain, and that it still has an entry that was noted elsewhere."""

    async def head(self) -> AuditHead:
        """Return the last entry, when all that this process has noted is written."""

    async def level(self, graph: str) -> AuditLevel:
        """Return what of a graph is audited."""

    async def set_level(self, graph: str, level: AuditLevel | None, by: AuditActor) -> AuditLevel:
        """Set what of a graph is audited; None is the default of the server. A change of it is always noted."""

    async def trim(self) -> int:
        """Remove entries that are older than the retention allows, oldest first; returns how many."""
