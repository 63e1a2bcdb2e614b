"""Flows: what runs now and what ran lately, step by step."""

from collections.abc import Sequence

from kgmem.domain.errors import InvalidInput
from kgmem.domain.flows.flow import KINDS, STATES, Flow, FlowFilter, Visible
from kgmem.domain.flows.trace import Tracer
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import check_scope
from kgmem.services.ports import Ports


class Flows:
    """Flows of all graphs: recalls, imports and other named work, each with its steps."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    @property
    def tracer(self) -> Tracer | None:
        """The tracing system to which flows are exported; None without one."""
        return self._ports.flows.tracer

    async def get(self, id_: str, *, seen: Sequence[Visible] | None = None) -> Flow:
        """Return a flow; while it runs, its steps as they are now, also of another process. Raises NotFound."""
        return await self._ports.flows.get(id_, seen=seen)

    async def list(
        self,
        wanted: FlowFilter | None = None,
        *,
        cursor: str | None = None,
        limit: int = 100,
        seen: Sequence[Visible] | None = None,
    ) -> Page[Flow]:
        """Return a page of flows, newest first; `seen` leaves only what a reader may see. Raises InvalidInput."""
        wanted = wanted or FlowFilter()
        if wanted.kind is not None and wanted.kind not in KINDS:
            raise InvalidInput(f"{wanted.kind!r} is no kind of flow.", hint=f"Give {', '.join(KINDS)}.", field="kind")
        if wanted.state is not None and wanted.state not in STATES:
            raise InvalidInput(
                f"{wanted.state!r} is no state of a flow.", hint=f"Give {', '.join(STATES)}.", field="state"
            )
        if wanted.scope is not None:
            check_scope(wanted.scope)
        return await self._ports.flows.list(wanted, cursor, limit, seen=seen)
