"""Connect: join the entities of a graph that are alike, and keep that up as the graph changes."""

from collections.abc import Callable

from kgmem.domain.derived.similarity import ALIKE, Connected
from kgmem.domain.errors import InvalidInput
from kgmem.domain.slices import slice_over
from kgmem.services.ports import Ports
from kgmem.services.upkeep.sweeps import defer_where

Progress = Callable[[Connected], None]


async def link(
    parts: Ports, graph: str, min_similarity: float = ALIKE, *, progress: Progress | None = None
) -> Connected:
    """Join entities of one scope whose vectors are at least so alike, now and from now on; gives what that did.

    Raises NotFound, and InvalidInput for a similarity that is none.
    """
    await _ask(parts, graph, min_similarity)
    return await keep(parts, graph, progress=progress)


async def defer(parts: Ports, graph: str, min_similarity: float = ALIKE) -> int | None:
    """Let a job join what is at least so alike, now and from now on; None when it waits already."""
    await _ask(parts, graph, min_similarity)
    return await parts.jobs.defer("link_similar", graph=graph)


async def _ask(parts: Ports, graph: str, min_similarity: float) -> None:
    if not 0 < min_similarity <= 1:
        raise InvalidInput(
            f"{min_similarity} is no similarity.", hint="Give a number above 0, and 1 at the most; 0.85 is usual."
        )
    await parts.graphs.get(graph)
    await parts.similarity.ask(graph, min_similarity)


async def unlink(parts: Ports, graph: str) -> int:
    """Part what was joined since it is alike, and join no more; gives how many relationships went."""
    await parts.graphs.get(graph)
    return await parts.similarity.stop(graph)


async def keep(parts: Ports, graph: str, *, progress: Progress | None = None) -> Connected:
    """Bring the similarity links of a graph in line with its entities, where somebody asked for them once."""
    done = Connected()
    if await parts.similarity.asked(graph) is None:
        return done
    mark = await parts.similarity.begin(graph)
    while (parted := await parts.similarity.part(graph)).parted:
        done = done + parted
        if await slice_over():
            return done
    after: int | None = 0
    while after is not None:
        joined, after = await parts.similarity.join(graph, after)
        done = done + joined
        if progress:
            progress(done)
        if after is not None and await slice_over():
            return done  # What was compared is noted, and is not compared again.
    await parts.similarity.finish(graph, mark)
    return done


async def follow(parts: Ports, graph: str) -> None:
    """Ask for a graph's similarity links soon, where they are kept at all: its vectors have just changed."""
    if await parts.similarity.asked(graph) is not None:
        await parts.jobs.defer("link_similar", graph=graph)


async def defer_missing(parts: Ports) -> int:
    """Ask for the similarity links of every graph that was written to since; gives in how many."""
    return await defer_where(parts, "link_similar", lambda graph: parts.similarity.is_behind(graph.name))
