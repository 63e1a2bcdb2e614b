"""Embed: give passages that wait for one their vectors, and move a graph to another embedding space."""

from collections.abc import Callable

from kgmem.domain.embedding import EmbeddingSpace
from kgmem.domain.errors import Conflict
from kgmem.services.parts import Parts

BATCH = 64
_TURNS = 50  # Attempts to switch to another space under writers.


async def embed_waiting(
    parts: Parts, graph: str, *, space: EmbeddingSpace | None = None, progress: Callable[[int], None] | None = None
) -> int:
    """Embed the passages of a graph that wait, until none does; gives how many. Raises EmbedderUnavailable."""
    target = space or (await parts.graphs.get(graph)).space
    if parts.embedder is None or target is None or parts.embedder.space.id != target.id:
        return 0
    done = 0
    while waiting := await parts.index.unembedded(graph, target.id, BATCH):
        vectors = await parts.embedder.embed([body for _, body in waiting], "document")
        made = {id_: (body, vector) for (id_, body), vector in zip(waiting, vectors, strict=True)}
        await parts.index.put_vectors(graph, target.id, made)
        done += len(made)
        if progress:
            progress(done)
    return done


async def defer_missing(parts: Parts) -> int:
    """Defer the embedding of every graph in the embedder's space in which passages wait; gives how many graphs."""
    if parts.embedder is None:
        return 0
    asked = 0
    for held in await parts.graphs.list():
        ours = held.space is not None and held.space.id == parts.embedder.space.id
        if ours and await parts.index.unembedded(held.name, parts.embedder.space.id, 1):
            await parts.jobs.defer("embed", graph=held.name)
            asked += 1
    return asked


async def reembed(parts: Parts, graph: str, *, progress: Callable[[int], None] | None = None) -> int:
    """Move a graph to the embedder's space while recall goes on from the old one; switch when all vectors are there."""
    if parts.embedder is None:
        raise Conflict("No embedder is set.", mend="Set KGMEM_EMBEDDER to the model that the graph shall move to.")
    held = await parts.graphs.get(graph)
    if held.space and held.space.id == parts.embedder.space.id:
        return await embed_waiting(parts, graph, progress=progress)
    await parts.index.begin_space(graph, parts.embedder.space)
    done = 0
    for turn in range(1, _TURNS + 1):
        done += await embed_waiting(parts, graph, space=parts.embedder.space, progress=progress)
        try:
            await parts.index.switch_space(graph, parts.embedder.space.id)
        except Conflict:  # Somebody wrote between the last vector and the switch.
            if turn == _TURNS:
                raise
        else:
            break
    return done
