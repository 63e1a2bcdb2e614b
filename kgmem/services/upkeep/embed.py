"""Embed the passages that wait for a vector, and move a graph to another embedding space."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kgmem.domain.errors import Conflict, EmbedderUnavailable
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace, RefusedPassage, Vector
from kgmem.domain.graph.graph import Graph
from kgmem.domain.slices import slice_over
from kgmem.services.ports import Ports
from kgmem.services.upkeep import link_similar as connecting
from kgmem.services.upkeep.sweeps import defer_where

BATCH = 64
_TURNS = 50  # Rounds after which a graph moves to another space however fast others write to it.
Progress = Callable[[int], None]


def embedder_in(ports: Ports, space: EmbeddingSpace | None) -> Embedder | None:
    """Return the embedder of a space: the current one, or that of a space which a graph is still in."""
    if space is None:
        return None
    if ports.embedder is not None and ports.embedder.space.id == space.id:
        return ports.embedder
    return ports.embedder_of(space)


async def embed_waiting(ports: Ports, graph: str, *, progress: Progress | None = None) -> int:
    """Embed the passages of a graph that wait, until none is left or the slice is over; returns how many.

    Raises EmbedderUnavailable.
    """
    held = await ports.graphs.get(graph)
    embedder = embedder_in(ports, held.space) if ports.embedder else None
    done = 0
    while embedder and (batch := await _embed_batch(ports, embedder, graph)).asked:
        done += batch.embedded
        if progress:
            progress(done)
        if await slice_over():
            break
    if done:
        await connecting.follow(ports, graph)
    return done


async def defer_missing(ports: Ports) -> int:
    """Enqueue embedding for every graph with passages that wait and an available embedder; returns how many."""

    async def waits(graph: Graph) -> bool:
        if graph.space is None or not embedder_in(ports, graph.space):
            return False
        return bool(await ports.index.unembedded(graph.name, graph.space.id, 1))

    return await defer_where(ports, "embed", waits) if ports.embedder else 0


async def reembed(ports: Ports, graph: str, *, progress: Progress | None = None) -> int:
    """Move a graph to the space of the embedder: recall uses the old one until the new one is complete, then switches.

    Passages of the last moments may still wait at the switch, as after any write. As a job it gives way after a slice
    and continues later.
    """
    if ports.embedder is None:
        raise Conflict("No embedder is set.", hint="Set KGMEM_EMBEDDER to the new model.")
    held = await ports.graphs.get(graph)
    if held.space and held.space.id == ports.embedder.space.id:
        return await embed_waiting(ports, graph, progress=progress)
    await ports.index.begin_space(graph, ports.embedder.space)
    move = _Move(ports, graph, ports.embedder, embedder_in(ports, held.space), progress)
    left = BATCH + 1
    for turn in range(1, _TURNS + 1):
        before, last = left, await ports.index.last_passage(graph)
        left = await move.advance(last)
        if move.paused:
            return move.done
        # What a turn leaves was written during it. The next one has only that to do and leaves less, down to the few
        # that are written while a single batch is embedded.
        if left and (left > BATCH or left < before) and turn < _TURNS:
            continue
        try:
            await ports.index.switch_space(graph, ports.embedder.space.id, last=last)
        except Conflict:  # Somebody committed one of the passages up to the last only now.
            if turn == _TURNS:
                raise
        else:
            break
    await move.advance(await ports.index.last_passage(graph))
    await connecting.follow(ports, graph)
    return move.done


class _Move:
    """One graph that moves to another space."""

    def __init__(
        self, ports: Ports, graph: str, embedder: Embedder, former: Embedder | None, progress: Progress | None
    ) -> None:
        self._ports = ports
        self._graph = graph
        self._embedder = embedder
        self._former = former
        self._progress = progress
        self.done = 0
        self.paused = False  # Whether it makes room for other work.

    async def advance(self, last: int) -> int:
        """Embed passages up to the id `last`; returns how many wait then, at most one more than a batch."""
        while (batch := await _embed_batch(self._ports, self._embedder, self._graph, last=last)).asked:
            self.done += batch.embedded
            if self._progress:
                self._progress(self.done)
            await self._keep_up()
            self.paused = await slice_over()
            if self.paused:
                break
        return len(await self._ports.index.unembedded(self._graph, self._embedder.space.id, BATCH + 1))

    async def _keep_up(self) -> None:
        """Embed some of the new passages in the old space too, which recall still uses."""
        if self._former:
            try:
                await _embed_batch(self._ports, self._former, self._graph)
            except (EmbedderUnavailable, Conflict):
                # The provider is away, which may be the reason for the move, or the graph has left that space.
                self._former = None


class _Batch(NamedTuple):
    """How many passages were tried, and how many of them have their vectors now."""

    asked: int
    embedded: int


async def _embed_batch(ports: Ports, embedder: Embedder, graph: str, *, last: int | None = None) -> _Batch:
    """Embed the next passages that wait for a vector of the embedder's space; refused ones wait no longer."""
    space = embedder.space.id
    waiting = await ports.index.unembedded(graph, space, BATCH, last=last)
    if not waiting:
        return _Batch(0, 0)
    answers = await _vectors(embedder, [body for _, body in waiting])
    made = {id_: (body, told) for (id_, body), told in zip(waiting, answers, strict=True) if not isinstance(told, str)}
    refused = {id_: told for (id_, _), told in zip(waiting, answers, strict=True) if isinstance(told, str)}
    if made:
        await ports.index.put_vectors(graph, space, made)
    if refused:
        await ports.index.refuse(graph, space, refused)
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
    """Return whether the provider embeds a harmless text that no cache contains."""
    try:
        await embedder.embed([f"Does the embedder answer at {time.time_ns()}?"], "document")
    except EmbedderUnavailable:
        return False
    return True


class Embeddings:
    """Vectors of a graph's passages."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def run(self, graph: str, *, progress: Callable[[int], None] | None = None) -> int:
        """Embed the passages that wait for a vector, now; returns how many."""
        return await embed_waiting(self._ports, graph, progress=progress)

    async def reembed(self, graph: str, *, progress: Callable[[int], None] | None = None) -> int:
        """Move a graph to the current embedder's space; recall uses the old one until the new one is complete."""
        return await reembed(self._ports, graph, progress=progress)

    async def refused(self, graph: str, *, limit: int = 100) -> Sequence[RefusedPassage]:
        """Return passages that the embedder refused, with its reason; recall finds them by keywords only."""
        return await self._ports.index.refused(graph, limit)

    async def retry_refused(self, graph: str) -> int:
        """Queue the refused passages for embedding again; returns how many."""
        return await self._ports.index.retry_refused(graph)
