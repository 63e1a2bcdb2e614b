"""Background jobs."""

from collections.abc import Sequence
from typing import Any

from kgmem.domain.ports import Job
from kgmem.services.ports import Ports


class Jobs:
    """Background jobs."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def get(self, id_: int) -> Job:
        """Return a background job. Raises NotFound."""
        return await self._ports.jobs.get(id_)

    async def list(self, *, graph: str | None = None, status: str | None = None, limit: int = 100) -> Sequence[Job]:
        """Return background jobs, newest first."""
        return await self._ports.jobs.list(graph=graph, status=status, limit=limit)

    async def enqueue(self, task: str, *, graph: str | None = None, **arguments: Any) -> int | None:
        """Ask for a job by its name (docs/operations.md); gives its id, or None when it waits already."""
        return await self._ports.jobs.defer(task, graph=graph, **arguments)
