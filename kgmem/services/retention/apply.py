"""Apply retention rules: a run notes what is due, and removes it batch by batch, so that it goes on after any crash.

Each batch is looked at again before it goes: what was written, used, or put on hold meanwhile stays.
"""

from collections.abc import Callable, Sequence
from typing import Final

from kgmem.domain.distillation.run import MOST_EPISODES, DistilRequest
from kgmem.domain.errors import Conflict, DatabaseUnavailable, KgmemError, OnHold, Unavailable
from kgmem.domain.flows.trace import count, step
from kgmem.domain.retention.rule import OF_RUN, RetentionBatch, RetentionKind, RetentionRun
from kgmem.domain.slices import broken_off, slice_over
from kgmem.log import EventLog
from kgmem.services.claims import claim as claiming
from kgmem.services.distillation.rewrite import resume
from kgmem.services.distillation.triggers import start
from kgmem.services.leases import leasing
from kgmem.services.ports import Ports
from kgmem.services.texts import remember
from kgmem.services.texts.forget import forget
from kgmem.services.upkeep.sweeps import defer_where

log = EventLog(__name__)

EVERY: Final = 3600.0  # Seconds between two runs of a graph by a job.
_AT_ONCE: Final = 100
# An entity goes before claims about it, whose withdrawal would write it anew.
_ORDER: Final[tuple[RetentionKind, ...]] = ("episode", "relationship", "entity", "claim")
Progress = Callable[[int, int], None]


async def run_now(
    ports: Ports, graph: str, *, by: str, limit: int = OF_RUN, progress: Progress | None = None
) -> RetentionRun:
    """Store a run and bring it to its end. Raises NotFound, Conflict where another one is not finished."""
    id_ = await ports.retention.add_run(graph, "operator", by, limit)
    return await execute(ports, graph, id_, progress=progress)


async def apply_due(ports: Ports, graph: str) -> int:
    """Continue the run that is not finished, or start one where that is due; returns how many items were treated."""
    id_ = await ports.retention.unfinished(graph)
    if id_ is None:
        if not await ports.retention.is_due(graph, EVERY):
            return 0
        id_ = await ports.retention.add_run(graph, "schedule", "kgmem", OF_RUN)
    try:
        return (await execute(ports, graph, id_)).done
    except Conflict as error:  # Somebody executes it.
        log.debug("retention_skipped", graph=graph, error=error)
        return 0


async def defer_due(ports: Ports) -> int:
    """Enqueue the rules of every graph that has something to do; returns for how many."""
    return await defer_where(ports, "apply_retention", lambda graph: ports.retention.is_due(graph.name, EVERY))


async def execute(ports: Ports, graph: str, id_: int, *, progress: Progress | None = None) -> RetentionRun:
    """Bring a run to its end, or until the slice is over; returns it as it is then. Raises NotFound, Conflict.

    An error that another attempt would meet again ends the run as failed: the next one plans again.
    """
    store = ports.retention
    run = await store.get(graph, id_)
    if run.state != "running":
        return run
    async with leasing(store, graph, id_):
        with ports.flows.run("forget", graph, about=f"retention/{id_}"):
            try:
                if not await _steps(ports, graph, id_, progress):
                    return await store.get(graph, id_)
            except (DatabaseUnavailable, Unavailable):
                raise
            except KgmemError as error:
                await store.finish(graph, id_, "failed", str(error)[:1000])
                raise
        await store.finish(graph, id_, "done")
    run = await store.get(graph, id_)
    log.info(
        "retention_run_finished", graph=graph, run=id_, planned=run.planned, more=run.more,
        removed=sum(each.removed for each in run.counts), distilled=sum(each.distilled for each in run.counts),
        kept=sum(each.kept for each in run.counts), on_hold=sum(run.on_hold.values()),
    )  # fmt: skip
    return run


async def _steps(ports: Ports, graph: str, id_: int, progress: Progress | None) -> bool:
    """Plan, and remove kind by kind; returns False where the slice ended before all was done."""
    store = ports.retention
    with step("plan"):
        await ports.tiers.flush(graph)
        await store.fill(graph, id_)
        run = await store.get(graph, id_)
        count(planned=run.planned, on_hold=sum(run.on_hold.values()))
    done = run.done
    for kind in _ORDER:
        with step(kind):
            while (batch := await store.batch(graph, id_, kind, _size(kind))) is not None:
                await _remove(ports, graph, id_, batch)
                done += len(batch.rows)
                if progress:
                    progress(done, run.planned)
                if broken_off() or await slice_over():
                    return False
    return True


def _size(kind: RetentionKind) -> int:
    return MOST_EPISODES if kind == "episode" else _AT_ONCE


async def _remove(ports: Ports, graph: str, run: int, batch: RetentionBatch) -> None:
    """Remove or distil what is still due of a batch, and note what became of each item."""
    store = ports.retention
    there = set(await store.existing(graph, batch.kind, list(batch.rows)))
    due = set(await store.still_due(graph, run, batch)) & there
    if batch.then in ("distil", "originals"):
        due |= batch.resumed & there  # A run of distillation has them, or what rested on them is handed over.
    gone = [row for item, row in batch.rows.items() if item not in there]
    await store.note(graph, gone, "removed", None if batch.resumed else "gone already")
    late = [row for item, row in batch.rows.items() if item in there and item not in due]
    await store.note(graph, late, "kept", "changed, used or on hold since")
    if not due:
        return
    items = sorted(due)
    await store.note(graph, [batch.rows[item] for item in items], "taken")
    if batch.then == "distil":
        await _distil(ports, graph, batch, items)
        return
    if batch.then == "originals":
        moved = await ports.claims.recite(graph, await store.cited_originals(graph, items))
        await store.hand_over(graph, items, moved)
    for first in range(0, len(items), _AT_ONCE):
        await _delete(ports, graph, run, batch, items[first : first + _AT_ONCE])


async def _delete(ports: Ports, graph: str, run: int, batch: RetentionBatch, items: Sequence[int]) -> None:
    """Delete items as a caller would, each alone where a hold that was put meanwhile covers one of them."""
    store, held = ports.retention, set[int]()
    try:
        await _delete_at_once(ports, graph, run, batch, items)
    except OnHold:
        for item in items:
            try:
                await _delete_at_once(ports, graph, run, batch, [item])
            except OnHold as error:
                log.info("retention_held", graph=graph, run=run, error=error)
                held.add(item)
    there = set(await store.existing(graph, batch.kind, items))
    await store.note(graph, [batch.rows[item] for item in items if item not in there], "removed")
    await store.note(graph, [batch.rows[item] for item in there & held], "kept", "on hold")
    await store.note(graph, [batch.rows[item] for item in there - held], "kept", "written again")
    count(removed=len(items) - len(there), kept=len(there))


async def _delete_at_once(ports: Ports, graph: str, run: int, batch: RetentionBatch, items: Sequence[int]) -> None:
    keys, scope, erase = [batch.keys[item] for item in items], batch.scope, batch.then == "erase"
    if batch.kind == "episode":
        gone = await forget(ports, graph, keys, scope, erase=erase)
        effects = {"entity": gone.entities, "relationship": gone.relationships, "claim": gone.claims}
        await ports.retention.add_effects(graph, run, effects)
        return
    if batch.kind == "entity":
        await remember.delete_entities(ports, graph, keys, scope, None)
    elif batch.kind == "relationship":
        await remember.delete_relationships(ports, graph, items, scope)
    else:
        await claiming.withdraw(ports, graph, items, scope)
    if erase:
        await ports.extractions.erase(graph, items)


async def _distil(ports: Ports, graph: str, batch: RetentionBatch, items: Sequence[int]) -> None:
    """Distil texts of one scope; what distillation leaves as it is, is kept."""
    store = ports.retention
    request = DistilRequest(batch.scope, [batch.keys[item] for item in items], reason="retention").checked()
    why = "not distilled: a run would not make it shorter, or keep less than it must"
    if batch.resumed:
        await resume(ports, graph)  # The run of distillation that was broken off with this one.
    try:
        if not broken_off():
            await start(ports, graph, request)
    except Conflict as error:  # Somebody distils the same texts.
        log.debug("retention_distillation_skipped", graph=graph, error=error)
        why = "another run distils it"
    if broken_off():  # They stay taken, and the next slice goes on.
        return
    done = set(await store.distilled(graph, items))
    await store.note(graph, [batch.rows[item] for item in items if item in done], "distilled")
    await store.note(graph, [batch.rows[item] for item in items if item not in done], "kept", why)
    count(distilled=len(done), kept=len(items) - len(done))
