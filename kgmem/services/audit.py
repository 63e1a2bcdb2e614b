"""The audit log behind the memory: who read or changed what."""

from collections.abc import AsyncIterator

from kgmem.domain.audit.log import (
    LIBRARY,
    AuditActor,
    AuditEntry,
    AuditEvent,
    AuditFilter,
    AuditHead,
    AuditLevel,
    AuditVerification,
)
from kgmem.domain.graph.entity import Page
from kgmem.services.ports import Ports

_EVERYTHING = AuditFilter()


class Audit:
    """The audit log."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    def wants(self, graph: str | None, *, change: bool) -> bool:
        """Return whether something done to a graph is noted; None is the server as a whole."""
        return self._ports.audit.wants(graph, change=change)

    def note(self, event: AuditEvent) -> None:
        """Note an event where its graph is audited; it is written within a fraction of a second."""
        self._ports.audit.note(event)

    async def list(
        self, wanted: AuditFilter = _EVERYTHING, *, cursor: str | None = None, limit: int = 100
    ) -> Page[AuditEntry]:
        """Return a page of entries, newest first. Raises InvalidInput."""
        return await self._ports.audit.list(wanted, cursor=cursor, limit=limit)

    def check(self, wanted: AuditFilter) -> None:
        """Raise InvalidInput for a filter of a scope or an item without its graph, or of a time that is none."""
        wanted.check()

    def export(self, wanted: AuditFilter = _EVERYTHING) -> AsyncIterator[AuditEntry]:
        """Return all entries, oldest first."""
        return self._ports.audit.export(wanted)

    async def verify(self, head: AuditHead | None = None) -> AuditVerification:
        """Verify the chain of all entries, and that it still has one that was noted elsewhere (`head`)."""
        return await self._ports.audit.verify(head)

    async def head(self) -> AuditHead:
        """Return the last entry, to note it where nobody who changes the database can reach it."""
        return await self._ports.audit.head()

    async def level(self, graph: str) -> AuditLevel:
        """Return what of a graph is audited: off, changes or all. Raises NotFound."""
        await self._ports.graphs.get(graph)
        return await self._ports.audit.level(graph)

    async def set_level(self, graph: str, level: AuditLevel | None, *, by: AuditActor = LIBRARY) -> AuditLevel:
        """Set what of a graph is audited; None is the server's default. Raises NotFound, InvalidInput.

        A change is noted whatever the levels are, so that nobody switches the log off unseen.
        """
        await self._ports.graphs.get(graph)
        return await self._ports.audit.set_level(graph, level, by)

    async def trim(self) -> int:
        """Remove entries that are older than KGMEM_AUDIT_DAYS; returns how many. A job does it each hour."""
        return await self._ports.audit.trim()
