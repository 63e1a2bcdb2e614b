"""API keys."""

from collections.abc import Callable, Sequence

from kgmem.domain.access import Key, Role, check_restriction
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.ports import Ports


class Keys:
    """API keys."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def create(
        self, name: str, role: Role, *, graph: str | None = None, scope: str = SHARED, expires_at: str | None = None
    ) -> tuple[Key, str]:
        """Make an API key; gives it with its secret, which is shown this once. Raises NotFound, InvalidInput."""
        check_restriction(role, scope)
        if graph is not None:
            await self._ports.graphs.get(graph)
        return await self._ports.keys.create(name, role, graph=graph, scope=check_scope(scope), expires_at=expires_at)

    async def list(self) -> Sequence[Key]:
        """Return all API keys, revoked and expired ones too, without secrets."""
        return await self._ports.keys.list()

    async def revoke(self, id_: str) -> Key:
        """Revoke an API key. Raises NotFound."""
        return await self._ports.keys.revoke(id_)

    async def authenticate(self, secret: str) -> Key:
        """Return the key that a secret belongs to. Raises Unauthenticated."""
        return await self._ports.keys.authenticate(secret)

    async def check(self, id_: str) -> None:
        """Raise Unauthenticated unless a key is in force: for what goes on after it was let in."""
        await self._ports.keys.check(id_)

    def watch(self, id_: str, ended: Callable[[], None]) -> Callable[[], None]:
        """Call `ended` once, within a second after a key was revoked or has expired; returns what ends the watch."""
        return self._ports.keys.watch(id_, ended)
