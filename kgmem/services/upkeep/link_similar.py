"""Similarity links: relationships between similar entities, updated as the graph changes."""

from collections.abc import Callable

from kgmem.domain.derived.similarity import ALIKE, LinkChanges
from kgmem.domain.errors import InvalidInput
from kgmem.domain.flows.trace import count, step
from kgmem.domain.slices import slice_over
from kgmem.services.ports import Ports
from kgmem.services.tracing import traced
from kgmem.services.upkeep.sweeps import defer_where

Progress = Callable[[LinkChanges], None]


async def link(
    ports: Ports, graph: str, min_similarity: float = ALIKE, *, progress: Progress | None = None
) -> LinkChanges:
    """Link entities of one scope with at least this cosine similarity, and keep the links up to date; returns counts.

    Raises NotFound, and InvalidInput for a similarity out of range.
    """
    await _ask(ports, graph, min_similarity)
    return await keep(ports, graph, progress=progress)


async def defer(ports: Ports, graph: str, min_similarity: float = ALIKE) -> int | None:
    """Enqueue the linking of similar entities, and keep the links up to date; None where it already waits."""
    await _ask(ports, graph, min_similarity)
    return await ports.jobs.defer("link_similar", graph=graph)


async def _ask(ports: Ports, graph: str, min_similarity: float) -> None:
    if not 0 < min_similarity <= 1:
        raise InvalidInput(
            f"min_similarity is {min_similarity}.", hint="Use a number above 0 and up to 1; the default is 0.85."
        )
    await ports.graphs.get(graph)
    await ports.similarity.ask(graph, min_similarity)


async def unlink(ports: Ports, graph: str) -> int:
    """Remove the similarity links, and make no more; returns how many relationships went."""
    await ports.graphs.get(graph)
    return await ports.similarity.stop(graph)


@traced("consolidate")
async def keep(ports: Ports, graph: str, *, progress: Progress | None = None) -> LinkChanges:
    """Bring the similarity links of a graph in line with its entities, where somebody asked for them once."""
    done = LinkChanges()
    if await ports.similarity.asked(graph) is None:
        return done
    mark = await ports.similarity.begin(graph)
    while (parted := await ports.similarity.part(graph)).parted:
        done = done + parted
        count(removed=parted.parted)
        if await slice_over():
            return done
    after: int | None = 0
    while after is not None:
        with step("link_similar"):
            joined, after = await ports.similarity.join(graph, after)
            count(compared=joined.compared, linked=joined.joined)
        done = done + joined
        if progress:
            progress(done)
        if after is not None and await slice_over():
            return done  # What was compared is noted, and is not compared again.
    await ports.similarity.finish(graph, mark)
    return done


async def follow(ports: Ports, graph: str) -> None:
    """Request a graph's similarity links soon, where they are kept at all: its vectors have just changed."""
    if await ports.similarity.asked(graph) is not None:
        await ports.jobs.defer("link_similar", graph=graph)


async def defer_missing(ports: Ports) -> int:
    """Request the similarity links of every graph that was written to since; returns in how many."""
    return await defer_where(ports, "link_similar", lambda graph: ports.similarity.is_behind(graph.name))


class SimilarityLinks:
    """Similarity links: SIMILAR_TO relationships between entities whose vectors are close."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def link(
        self, graph: str, *, min_similarity: float = ALIKE, progress: Callable[[LinkChanges], None] | None = None
    ) -> LinkChanges:
        """Join entities of one scope whose vectors are at least so similar, now; from then on a job keeps that up.

        The relationships are of the kind SIMILAR_TO, with the similarity as their strength; they are no facts. Raises
        NotFound, InvalidInput.
        """
        return await link(self._ports, graph, min_similarity, progress=progress)

    async def enqueue(self, graph: str, *, min_similarity: float = ALIKE) -> int | None:
        """Start a job that does what `connect` does; None when it waits already. Raises NotFound, InvalidInput."""
        return await defer(self._ports, graph, min_similarity)

    async def unlink(self, graph: str) -> int:
        """Remove the similarity links, and make no more; returns how many relationships went."""
        return await unlink(self._ports, graph)
