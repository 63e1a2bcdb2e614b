"""Rewrite: distilled texts follow their originals, so that what is forgotten or corrected is quoted no more."""

from collections.abc import Sequence

from kgmem.domain.distillation.ports import Quotation
from kgmem.domain.distillation.run import OpenGroup
from kgmem.domain.slices import slice_over
from kgmem.services.distillation.execute import execute, roll_back, write_group
from kgmem.services.distillation.moves import to_cold
from kgmem.services.ports import Ports


async def rewrite_stale(ports: Ports, graph: str) -> int:
    """Write the stale distilled texts of a graph again, of the texts that are left; returns how many."""
    count = 0
    while groups := await ports.distillation.stale_groups(graph):
        for run, number, _ in groups:
            await rewrite(ports, graph, run, number)
            count += 1
            if await slice_over():
                return count
    return count


async def rewrite(ports: Ports, graph: str, run_id: int, number: int) -> None:
    """Write one distilled text again, in the words of the texts that are left, or delete it where none is."""
    run = await ports.distillation.get(graph, run_id, None)
    for group in await ports.distillation.open_groups(graph, run_id, ["stored", "moved", "done"]):
        if group.number != number:
            continue
        originals = await ports.distillation.originals(graph, list(group.members))
        gone = [id_ for id_ in group.members if id_ not in {each.id for each in originals}]
        if gone:
            await ports.distillation.drop_members(graph, run_id, gone)
        if not originals:
            await roll_back(ports, graph, run, [number], "undone")
            return
        left = group if not gone else await _again(ports, graph, run_id, number)
        await write_group(ports, graph, run, left, originals, words=False)
        await to_cold(ports, graph, left)
        await ports.distillation.set_group(graph, run_id, number, "done")


async def _again(ports: Ports, graph: str, run: int, number: int) -> OpenGroup:
    groups = await ports.distillation.open_groups(graph, run, ["stored", "moved", "done"])
    return next(group for group in groups if group.number == number)


async def rewrite_all(ports: Ports, graph: str, quotations: Sequence[Quotation]) -> None:
    """Write distilled texts again after some of their originals went."""
    for each in quotations:
        await rewrite(ports, graph, each.run, each.number)


async def resume(ports: Ports, graph: str) -> int:
    """Go on with runs that were broken off; returns how many came to an end."""
    ended = 0
    for run, _ in await ports.distillation.unfinished(graph):
        ended += (await execute(ports, graph, run)).state != "running"
        if await slice_over():
            break
    return ended
