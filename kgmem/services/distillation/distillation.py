"""Distillation: the class behind `memory.distillation`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kgmem.domain.distillation.pressure import Pressure
from kgmem.domain.distillation.run import Allowance, DistilRequest, DistilRun, RunState
from kgmem.domain.errors import Conflict, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.expiry import duration
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.distillation.execute import Progress, execute, holding, roll_back
from kgmem.services.distillation.plan import plan, shown
from kgmem.services.distillation.triggers import store_run
from kgmem.services.ports import Ports


class Distillation:
    """Texts of a scope become fewer and shorter ones that state the same, and that is proven by recall.

    What to distil is a DistilRequest, or its fields as keywords: `scope`, `episodes` (keys), `older_than` (seconds or
    30d), `session`, `share` of the tokens to keep, `limit` of the texts, `extract`.
    """

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def plan(self, graph: str, request: DistilRequest | None = None, **what: Any) -> DistilRun:
        """Return what a run would make of which texts; nothing is stored. Raises NotFound, InvalidInput."""
        asked = _request(request, what)
        await self._ports.graphs.get(graph)
        return shown(asked, self._ports.distil_settings.threshold, await plan(self._ports, graph, asked))

    async def run(
        self, graph: str, request: DistilRequest | None = None, *, progress: Progress | None = None, **what: Any
    ) -> DistilRun:
        """Distil texts now, and return the run: done, waiting for approval, or rolled back with the reason.

        The originals become cold, and stay as they are. Where nothing is to distil, the id of the answer is 0 and
        `skipped` says why. Raises NotFound, InvalidInput, and Conflict where another run distils the same texts.
        """
        asked = _request(request, what)
        await self._ports.graphs.get(graph)
        id_, skipped = await store_run(self._ports, graph, asked)
        if id_ is None:
            return _nothing(asked, self._ports.distil_settings.threshold, skipped)
        return await execute(self._ports, graph, id_, progress=progress)

    async def enqueue(self, graph: str, request: DistilRequest | None = None, **what: Any) -> DistilRun:
        """Store a run, which a job plans and executes; returns it. Raises NotFound, InvalidInput."""
        asked = _request(request, what)
        await self._ports.graphs.get(graph)
        id_ = await self._ports.distillation.add_request(graph, asked, self._ports.distil_settings.threshold)
        await self._ports.jobs.defer("distil", graph=graph)
        return await self._ports.distillation.get(graph, id_, None)

    async def list(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        state: RunState | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[DistilRun]:
        """Return a page of the runs in this scope only, the newest first, without their groups."""
        await self._ports.graphs.get(graph)
        return await self._ports.distillation.runs(graph, check_scope(scope), state, cursor, limit)

    async def get(self, graph: str, id_: int, *, scope: str = SHARED) -> DistilRun:
        """Return a run in this scope only, with its groups. Raises NotFound."""
        await self._ports.graphs.get(graph)
        return await self._ports.distillation.get(graph, id_, check_scope(scope))

    async def approve(self, graph: str, id_: int, *, scope: str = SHARED, by: str) -> DistilRun:
        """Approve the critical groups of a run, and execute them. Raises NotFound, Conflict."""
        await self._waiting(graph, id_, scope)
        await self._ports.distillation.set_groups(graph, id_, "waiting", "planned")
        await self._ports.distillation.set_run(graph, id_, "running", by=by)
        return await execute(self._ports, graph, id_)

    async def reject(self, graph: str, id_: int, *, scope: str = SHARED, by: str) -> DistilRun:
        """Leave the texts of the groups that wait as they are. Raises NotFound, Conflict."""
        await self._waiting(graph, id_, scope)
        await self._ports.distillation.set_groups(graph, id_, "waiting", "kept")
        await self._ports.distillation.set_run(graph, id_, "done", by=by)
        return await self.get(graph, id_, scope=scope)

    async def undo(self, graph: str, id_: int, *, scope: str = SHARED, by: str = "") -> DistilRun:
        """Delete the distilled texts of a run, and bring its originals back to the tiers that they had.

        `missing` of the answer has the ids of originals that were deleted meanwhile. Raises NotFound, and Conflict for
        a run that is being executed or has nothing left to undo.
        """
        run = await self.get(graph, id_, scope=scope)
        if run.state in ("undone", "rolled_back"):
            raise Conflict(f"Run {id_} is {run.state.replace('_', ' ')} already.", hint="There is nothing to undo.")
        if await self._ports.retention.is_final(graph, id_):
            raise Conflict(
                f"The originals of run {id_} are gone by a retention rule.", hint="The distilled texts stay."
            )
        async with holding(self._ports, graph, id_):
            missing = await roll_back(self._ports, graph, run, [each.number for each in run.groups], "undone")
            await self._ports.distillation.drop_probes(graph, id_)
            await self._ports.distillation.set_run(graph, id_, "undone", by=by or None)
        return replace(await self.get(graph, id_, scope=scope), missing=missing)

    async def put_allowance(self, graph: str, allowance: Allowance) -> Allowance:
        """Store what a scope may have before its oldest texts are distilled; returns it with what the scope uses."""
        checked = allowance.checked()
        await self._ports.graphs.get(graph)
        await self._ports.distillation.put_allowance(graph, checked)
        return await self.allowance(graph, checked.scope)

    async def allowance(self, graph: str, scope: str = SHARED) -> Allowance:
        """Return the allowance of a scope with what the scope uses. Raises NotFound."""
        await self._ports.graphs.get(graph)
        page = await self._ports.distillation.allowances(graph, scope=check_scope(scope))
        if not page.items:
            raise _no_allowance()
        return page.items[0]

    async def allowances(
        self, graph: str, *, within: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[Allowance]:
        """Return a page of the allowances of `within` and the scopes below it, by path, with what the scopes use."""
        await self._ports.graphs.get(graph)
        return await self._ports.distillation.allowances(graph, within=check_scope(within), cursor=cursor, limit=limit)

    async def delete_allowance(self, graph: str, scope: str = SHARED) -> None:
        """Delete the allowance of a scope: nothing of it is distilled by itself any more. Raises NotFound."""
        await self._ports.graphs.get(graph)
        if not await self._ports.distillation.delete_allowance(graph, check_scope(scope)):
            raise _no_allowance()

    async def pressures(self) -> Sequence[Pressure]:
        """Return how full disk, database and memory are, and above which share the least used scopes are distilled."""
        return await self._ports.gauges.read()

    async def _waiting(self, graph: str, id_: int, scope: str) -> None:
        run = await self.get(graph, id_, scope=scope)
        if run.state != "waiting":
            raise Conflict(f"Run {id_} is {run.state}.", hint="Only a run that waits can be approved or rejected.")


def _request(request: DistilRequest | None, what: dict[str, Any]) -> DistilRequest:
    age = what.pop("older_than", None)
    if age is not None:
        what["older_than"] = duration(age) / 1e6
    return (replace(request, **what) if request is not None else DistilRequest(**what)).checked()


def _nothing(request: DistilRequest, threshold: float, skipped: dict[str, int]) -> DistilRun:
    return DistilRun(0, request.scope, "done", request.reason, request.share, threshold, 0, skipped=skipped)


def _no_allowance() -> NotFound:
    return NotFound("This scope has no allowance.", hint="Put one, or list the allowances.", field="scope")
