"""Embed: give passages that wait for one their vectors, and move a graph to another embedding space."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kgmem.domain.errors import Conflict, EmbedderUnavailable
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace, Vector
from kgmem.domain.graph.graph import Graph
from kgmem.domain.slices import slice_over
from kgmem.services.ports import Ports
from kgmem.services.upkeep import link_similar as connecting
from kgmem.services.upkeep.sweeps import defer_where

BATCH = 64
_TURNS = 50  # Rounds after which a graph moves to another space however fast others write to it.
Progress = Callable[[int], None]


def embedder_in(parts: Ports, space: EmbeddingSpace | None) -> Embedder | None:
    """Return the embedder of a space: the present one, or that of a space which a graph has not left yet."""
    if space is None:
        return None
    if parts.embedder is not None and parts.embedder.space.id == space.id:
        return parts.embedder
    return parts.embedder_of(space)


async def embed_waiting(parts: Ports, graph: str, *, progress: Progress | None = None) -> int:
    """Embed the passages of a graph that wait, until none does or the slice is over; gives how many.

    Raises EmbedderUnavailable.
    """
    held = await parts.graphs.get(graph)
    embedder = embedder_in(parts, held.space) if parts.embedder else None
    done = 0
    while embedder and (batch := await _embed_batch(parts, embedder, graph)).asked:
        done += batch.embedded
        if progress:
            progress(done)
        if await slice_over():
            break
    if done:
        await connecting.follow(parts, graph)
    return done


async def defer_missing(parts: Ports) -> int:
    """Defer the embedding of every graph in which passages wait for a vector that can be made here; gives how many."""

    async def waits(graph: Graph) -> bool:
        if graph.space is None or not embedder_in(parts, graph.space):
            return False
        return bool(await parts.index.unembedded(graph.name, graph.space.id, 1))

    return await defer_where(parts, "embed", waits) if parts.embedder else 0


async def reembed(parts: Ports, graph: str, *, progress: Progress | None = None) -> int:
    """Move a graph to the embedder's space while recall goes on from the old one; switch when the new is complete.

    Complete means as after any write: what was written in the last moments still waits, and follows after the switch.
    As a job it makes room after a slice, and goes on where it was.
    """
    if parts.embedder is None:
        raise Conflict("No embedder is set.", hint="Set KGMEM_EMBEDDER to the model that the graph shall move to.")
    held = await parts.graphs.get(graph)
    if held.space and held.space.id == parts.embedder.space.id:
        return await embed_waiting(parts, graph, progress=progress)
    await parts.index.begin_space(graph, parts.embedder.space)
    move = _Move(parts, graph, parts.embedder, embedder_in(parts, held.space), progress)
    left = BATCH + 1
    for turn in range(1, _TURNS + 1):
        before, last = left, await parts.index.last_passage(graph)
        left = await move.advance(last)
        if move.paused:
            return move.done
        # What a turn leaves was written during it. The next one has only that to do and leaves less, down to the few
        # that are written while a single batch is embedded.
        if left and (left > BATCH or left < before) and turn < _TURNS:
            continue
        try:
            await parts.index.switch_space(graph, parts.embedder.space.id, last=last)
        except Conflict:  # Somebody committed one of the passages up to the last only now.
            if turn == _TURNS:
                raise
        else:
            break
    await move.advance(await parts.index.last_passage(graph))
    await connecting.follow(parts, graph)
    return move.done


class _Move:
    """One graph on its way into another space."""

    def __init__(
        self, parts: Ports, graph: str, embedder: Embedder, former: Embedder | None, progress: Progress | None
    ) -> None:
        self._parts = parts
        self._graph = graph
        self._embedder = embedder
        self._former = former
        self._progress = progress
        self.done = 0
        self.paused = False  # Whether it makes room for other work.

    async def advance(self, last: int) -> int:
        """Embed what waits up to the passage `last`; gives how many wait then, at most one more than a batch."""
        while (batch := await _embed_batch(self._parts, self._embedder, self._graph, last=last)).asked:
            self.done += batch.embedded
            if self._progress:
                self._progress(self.done)
            await self._keep_up()
            self.paused = await slice_over()
            if self.paused:
                break
        return len(await self._parts.index.unembedded(self._graph, self._embedder.space.id, BATCH + 1))

    async def _keep_up(self) -> None:
        """Embed some of what was written meanwhile in the old space, from which recall still answers."""
        if self._former:
            try:
                await _embed_batch(self._parts, self._former, self._graph)
            except (EmbedderUnavailable, Conflict):
                # The provider is away, which may be the reason for the move, or the graph has left that space.
                self._former = None


class _Batch(NamedTuple):
    """How many passages were tried, and how many of them have their vectors now."""

    asked: int
    embedded: int


async def _embed_batch(parts: Ports, embedder: Embedder, graph: str, *, last: int | None = None) -> _Batch:
    """Embed the first passages that wait for a vector of the embedder's space; those that it refuses wait no longer."""
    space = embedder.space.id
    waiting = await parts.index.unembedded(graph, space, BATCH, last=last)
    if not waiting:
        return _Batch(0, 0)
    answers = await _vectors(embedder, [body for _, body in waiting])
    made = {id_: (body, told) for (id_, body), told in zip(waiting, answers, strict=True) if not isinstance(told, str)}
    refused = {id_: told for (id_, _), told in zip(waiting, answers, strict=True) if isinstance(told, str)}
    if made:
        await parts.index.put_vectors(graph, space, made)
    if refused:
        await parts.index.refuse(graph, space, refused)
    return _Batch(len(waiting), len(made))


async def _vectors(embedder: Embedder, texts: Sequence[str]) -> Sequence[Vector | str]:
    """Return each text's vector, or why the provider refuses it. Raises EmbedderUnavailable when it refuses any text.

    A batch that fails is halved until the text that it fails for stands alone.
    """
    try:
        return await embedder.embed(texts, "document")
    except EmbedderUnavailable as error:
        if not await _answers(embedder):
            raise
        if len(texts) == 1:
            return [error.message]
    middle = len(texts) // 2
    return [*await _vectors(embedder, texts[:middle]), *await _vectors(embedder, texts[middle:])]


async def _answers(embedder: Embedder) -> bool:
    """Say whether the provider embeds a harmless text, one that nothing remembers the vector of."""
    try:
        await embedder.embed([f"Does the embedder answer at {time.time_ns()}?"], "document")
    except EmbedderUnavailable:
        return False
    return True
