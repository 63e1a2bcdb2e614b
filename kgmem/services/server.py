"""The server behind the memory: health, metrics, positions in its log, API keys and background jobs."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kgmem.domain.access import (
    KEEP,
    OVERLAP,
    Allowance,
    Grant,
    GrantRequest,
    Keep,
    Key,
    RateLimit,
    Role,
    check_restriction,
)
from kgmem.domain.cypher import bookmark_of
from kgmem.domain.diagnostics import Figures, Health
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.ports import Job
from kgmem.services import ask_cypher
from kgmem.services.ports import Ports


class Server:
    """The database behind the memory: health, metrics, and positions in its write-ahead log."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def health(self) -> Health:
        """Return ready, or degraded with reasons (a full disk). Raises DatabaseUnavailable."""
        return await self._ports.vitals.health()

    async def ping(self) -> None:
        """Return once the database has answered. Raises DatabaseUnavailable."""
        await self._ports.vitals.ping()

    async def bookmark(self) -> str:
        """Return a bookmark of the current state; `check_bookmarks` with it waits until that state is visible."""
        return bookmark_of(await self.position())

    async def check_bookmarks(self, bookmarks: Iterable[str]) -> None:
        """Return once the states of the bookmarks are visible. Raises InvalidInput, Unavailable."""
        await ask_cypher.check_bookmarks(self._ports, bookmarks)

    async def position(self) -> int:
        """Return the current position in the write-ahead log, in bytes."""
        return await self._ports.vitals.position()

    async def metrics(self) -> Figures:
        """Return the current load: connections, jobs, passages that wait for vectors."""
        return await self._ports.vitals.figures()


class Keys:
    """API keys."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def create(
        self,
        name: str,
        role: Role,
        *,
        graph: str | None = None,
        scope: str = SHARED,
        expires_at: str | None = None,
        limit: RateLimit | None = None,
    ) -> tuple[Key, str]:
        """Create an API key; returns it with its secret, which is never shown again. Raises NotFound, InvalidInput."""
        check_restriction(role, scope)
        if graph is not None:
            await self._ports.graphs.get(graph)
        return await self._ports.keys.create(
            name, role, graph=graph, scope=check_scope(scope), expires_at=expires_at, limit=limit
        )

    async def update(
        self,
        id_: str,
        *,
        name: str | Keep = KEEP,
        expires_at: str | Keep | None = KEEP,
        limit: RateLimit | Keep | None = KEEP,
    ) -> Key:
        """Change the name, the expiry or the limit of an API key; None removes it. Raises NotFound, Conflict."""
        return await self._ports.keys.update(id_, name=name, expires_at=expires_at, limit=limit)

    async def rotate(self, id_: str, *, overlap: float = OVERLAP) -> tuple[Key, str]:
        """Replace the secret of an API key; returns the key with its new secret, which is never shown again.

        The former secret is valid for `overlap` further seconds (a day), so that programs change to the new one in
        the meantime. What it has opened ends with it. Raises NotFound, InvalidInput, Conflict.
        """
        return await self._ports.keys.rotate(id_, overlap)

    async def list(self) -> Sequence[Key]:
        """Return all API keys without their secrets, revoked and expired ones included."""
        return await self._ports.keys.list()

    async def revoke(self, id_: str) -> Key:
        """Revoke an API key. Raises NotFound."""
        return await self._ports.keys.revoke(id_)

    async def authenticate(self, secret: str, *, address: str | None = None) -> Key:
        """Return the API key of a secret that came from an address. Raises Unauthenticated, TooManyLogins."""
        return await self._ports.keys.authenticate(secret, address=address)

    def spend(self, key: Key) -> Allowance | None:
        """Count a request of a key; returns what is left of its limit, None without any. Raises TooManyRequests."""
        return self._ports.keys.spend(key)

    async def check(self, id_: str, *, generation: int | None = None) -> None:
        """Raise Unauthenticated unless a key is still valid, for long requests that have started."""
        await self._ports.keys.check(id_, generation=generation)

    async def current(self, key: Key) -> Key:
        """Return a key with the grants that are in force now. Raises Unauthenticated where the key no longer is."""
        return await self._ports.keys.current(key)

    def watch(
        self,
        id_: str,
        ended: Callable[[], None],
        grants: frozenset[int] = frozenset(),
        *,
        generation: int | None = None,
    ) -> Callable[[], None]:
        """Call `ended` once, within a second after a key, one of these grants or its secret ends."""
        return self._ports.keys.watch(id_, ended, grants, generation=generation)

    async def grant(self, id_: str, wanted: GrantRequest, *, by: str | None = None) -> Grant:
        """Grant a further scope to a key, to read or also to write. Raises NotFound, InvalidInput, Conflict.

        `by` is the id of the admin's key that grants it; None is the program itself.
        """
        if wanted.graph is not None:
            await self._ports.graphs.get(wanted.graph)
        return await self._ports.keys.grants.create(id_, wanted, by=by)

    async def grants(self, id_: str, *, before: int | None = None, limit: int = 100) -> Sequence[Grant]:
        """Return the grants of a key, newest first, those that are over included. Raises NotFound."""
        return await self._ports.keys.grants.list(id_, before=before, limit=limit)

    async def revoke_grant(self, id_: str, grant: int, *, by: str | None = None, reason: str | None = None) -> Grant:
        """Revoke a grant of a key; one that was revoked before stays as it is. Raises NotFound."""
        return await self._ports.keys.grants.revoke(id_, grant, by=by, reason=reason)


class Jobs:
    """Background jobs."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def get(self, id_: int) -> Job:
        """Return a background job. Raises NotFound."""
        return await self._ports.jobs.get(id_)

    async def list(self, *, graph: str | None = None, status: str | None = None, limit: int = 100) -> Sequence[Job]:
        """Return background jobs, newest first, at most `limit`."""
        return await self._ports.jobs.list(graph=graph, status=status, limit=limit)

    async def enqueue(self, task: str, *, graph: str | None = None, **arguments: Any) -> int | None:
        """Enqueue a job by its name (docs/operations.md); returns its id, or None where the same job already waits."""
        return await self._ports.jobs.defer(task, graph=graph, **arguments)
