"""What starts distillation by itself: allowances, age, closed sessions, and disk or memory that run short."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kgmem.domain.distillation.pressure import Pressure
from kgmem.domain.distillation.run import EMPTIED_TO, FULL_AT, SHARE, Allowance, DistilRequest, DistilRun
from kgmem.domain.errors import Conflict
from kgmem.domain.graph.graph import Graph
from kgmem.domain.slices import broken_off, slice_over
from kgmem.log import EventLog
from kgmem.services.distillation.execute import Progress, execute
from kgmem.services.distillation.plan import extract_first, plan
from kgmem.services.distillation.rewrite import resume, rewrite_stale
from kgmem.services.ports import Ports
from kgmem.services.upkeep.sweeps import defer_where

_FEWEST: Final = 3  # Texts of a scope under pressure.
_SCOPES: Final = 20  # That one turn of an emergency distils.
_ENOUGH: Final = 20  # Texts of an age that are worth a run; fewer wait for a day, or for a tenth of the age.
_DAY: Final = 86_400.0
_AT_ONCE: Final = 500  # Texts of a run that nobody asked for.

log = EventLog(__name__)


async def start(
    ports: Ports,
    graph: str,
    request: DistilRequest,
    only: Sequence[int] | None = None,
    *,
    progress: Progress | None = None,
) -> DistilRun | None:
    """Extract, plan, store and execute a run; None where nothing is to distil, or the slice ended before the plan."""
    id_, _ = await store_run(ports, graph, request, only)
    return None if id_ is None else await execute(ports, graph, id_, progress=progress)


async def store_run(
    ports: Ports, graph: str, request: DistilRequest, only: Sequence[int] | None = None
) -> tuple[int | None, dict[str, int]]:
    """Extract and plan, and store the run; returns its id (None: nothing is to distil) and why texts are left."""
    if not await extract_first(ports, graph, request, only):
        return None, {}
    planned = await plan(ports, graph, request, only)
    groups = planned.noted(request)
    if not groups:
        return None, dict(planned.skipped)
    threshold = ports.distil_settings.threshold
    return await ports.distillation.add(graph, request, threshold, groups, planned.skipped), dict(planned.skipped)


async def work(ports: Ports, graph: str) -> int:
    """Do what is due in a graph: runs that were broken off, stale texts, full allowances; returns how many runs."""
    await resume(ports, graph)
    await ports.distillation.note_changes(graph)
    await rewrite_stale(ports, graph)
    started, cursor = 0, None
    while not broken_off():
        page = await ports.distillation.allowances(graph, cursor=cursor)
        for allowance in page.items:
            started += await _keep_within(ports, graph, allowance)
            if await slice_over():
                return started
        if (cursor := page.cursor) is None:
            break
    return started


async def is_due(ports: Ports, graph: str) -> bool:
    """Return whether a graph has something to do."""
    if await ports.distillation.unfinished(graph) or await ports.distillation.stale_groups(graph):
        return True
    if await ports.distillation.note_changes(graph):
        return True
    page = await ports.distillation.allowances(graph)
    return page.cursor is not None or any([await _due(ports, graph, each) for each in page.items])


async def _due(ports: Ports, graph: str, allowance: Allowance) -> bool:
    return any(
        [
            await ports.distillation.candidates(graph, each, only)
            for each, only in await _requests(ports, graph, allowance)
        ]
    )


async def defer_due(ports: Ports) -> int:
    """Enqueue distillation for every graph that has something to do; returns for how many."""

    async def waits(graph: Graph) -> bool:
        return await is_due(ports, graph.name)

    return await defer_where(ports, "distil", waits)


async def _keep_within(ports: Ports, graph: str, allowance: Allowance) -> int:
    """Distil what an allowance asks for; returns how many runs that were."""
    started = 0
    for request, only in await _requests(ports, graph, allowance):
        try:
            started += await start(ports, graph, request, only) is not None
        except Conflict as error:  # Somebody distils the same texts.
            log.debug("distillation_skipped", graph=graph, error=error)
    return started


async def _requests(
    ports: Ports, graph: str, allowance: Allowance
) -> Sequence[tuple[DistilRequest, Sequence[int] | None]]:
    """Return what an allowance asks for now."""
    found: list[tuple[DistilRequest, Sequence[int] | None]] = []
    scope = allowance.scope
    if allowance.closed_sessions:
        ids = await ports.distillation.closed_session_texts(graph, scope, _AT_ONCE)
        if ids:
            found.append((DistilRequest(scope, limit=_AT_ONCE, reason="session"), ids))
    if allowance.older_than is not None and await _enough_age(ports, graph, scope, allowance.older_than):
        found.append((DistilRequest(scope, older_than=allowance.older_than, limit=_AT_ONCE, reason="age"), None))
    if allowance.fullness() > FULL_AT:
        found.append((DistilRequest(scope, limit=_to_take(allowance), reason="allowance"), None))
    return found


async def _enough_age(ports: Ports, graph: str, scope: str, age: float) -> bool:
    """Return whether so many texts are old enough, or one is since so long, that a run is worth it.

    Texts reach an age one by one; each for itself would be a group of one.
    """
    due = DistilRequest(scope, older_than=age, limit=_ENOUGH, reason="age")
    if len(await ports.distillation.candidates(graph, due)) >= _ENOUGH:
        return True
    late = replace(due, older_than=age + min(_DAY, age / 10), limit=1)
    return bool(await ports.distillation.candidates(graph, late))


def _to_take(allowance: Allowance) -> int:
    """Return how many of the oldest texts have to be distilled, so that the scope has what a run aims at."""
    used = allowance.used_items or 0
    share = 1 - EMPTIED_TO / max(allowance.fullness(), FULL_AT)
    return max(2, min(_AT_ONCE, round(used * share / (1 - SHARE)) + 1))


async def relieve(ports: Ports, pressures: Sequence[Pressure]) -> int:
    """Distil the least used scopes of all graphs, since disk or memory run short; returns how many runs started."""
    for each in pressures:
        log.warning("distillation_under_pressure", kind=each.kind, used=round(each.used, 4), threshold=each.threshold)
    started = 0
    for graph in await ports.graphs.list():
        for scope, _ in await ports.distillation.least_used(graph.name, _FEWEST, _SCOPES):
            request = DistilRequest(scope, limit=_AT_ONCE, reason="emergency")
            try:
                started += await start(ports, graph.name, request) is not None
            except Conflict as error:
                log.debug("distillation_skipped", graph=graph.name, error=error)
            if await slice_over():
                return started
    return started
