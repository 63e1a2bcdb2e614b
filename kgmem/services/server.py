"""The database behind the memory: health, metrics, and positions in its log."""

from collections.abc import Iterable

from kgmem.domain.bookmark import bookmark_of
from kgmem.domain.vitals import Figures, Health
from kgmem.services import ask_cypher
from kgmem.services.ports import Ports


class Server:
    """The database behind the memory: health, metrics, and positions in its log."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def health(self) -> Health:
        """Return whether the memory does all that it can do; degraded on a full disk. Raises DatabaseUnavailable."""
        return await self._ports.vitals.health()

    async def ping(self) -> None:
        """Return when the database has answered. Raises DatabaseUnavailable."""
        await self._ports.vitals.ping()

    async def bookmark(self) -> str:
        """Return the bookmark of all that is stored by now: `check_bookmarks` with it makes sure that it is seen."""
        return bookmark_of(await self.position())

    async def check_bookmarks(self, bookmarks: Iterable[str]) -> None:
        """Make sure that what bookmarks tell of is seen from now on. Raises InvalidInput and Unavailable."""
        await ask_cypher.check_bookmarks(self._ports, bookmarks)

    async def position(self) -> int:
        """How far the database's log is written: what was stored before is seen by whoever sees this position."""
        return await self._ports.vitals.position()

    async def metrics(self) -> Figures:
        """Return how busy the parts behind this memory are: connections, jobs, what waits for vectors."""
        return await self._ports.vitals.figures()
