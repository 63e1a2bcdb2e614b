"""Legal holds: what they cover is not deleted until they are released."""

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.retention.hold import Hold, HoldRequest
from kgmem.log import EventLog
from kgmem.services.ports import Ports

log = EventLog(__name__)


class Holds:
    """Legal holds on graphs, scopes, labels, sources and items."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, request: HoldRequest) -> Hold:
        """Hold something: from then on whatever would delete, forget, erase or withdraw it raises OnHold.

        What it covers may be added to and changed: the history keeps each version, and is covered as well. Raises
        InvalidInput, NotFound.
        """
        hold = await self._ports.holds.put(graph, request.checked())
        log.info("hold_put", graph=graph, hold=hold.id, kind=hold.kind, by=hold.by)
        return hold

    async def release(self, graph: str, id_: int, *, by: str, reason: str) -> Hold:
        """Release a hold, which stays in the list. Raises InvalidInput, NotFound, Conflict."""
        if not reason.strip() or len(reason) > 1000:
            raise InvalidInput("A release needs a reason.", hint="1 to 1000 characters.", field="reason")
        hold = await self._ports.holds.release(graph, id_, by, reason)
        log.info("hold_released", graph=graph, hold=hold.id, by=by)
        return hold

    async def get(self, graph: str, id_: int) -> Hold:
        """Return a hold. Raises NotFound."""
        return await self._ports.holds.get(graph, id_)

    async def list(
        self, graph: str, *, active: bool | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Hold]:
        """Return a page of the holds of a graph, the newest first; with `active`, those that are not released."""
        return await self._ports.holds.list(graph, active=active, cursor=cursor, limit=limit)
