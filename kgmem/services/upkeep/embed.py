"""Embed the passages that wait for a vector, and move a graph to another embedding space."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kgmem.domain.errors import Conflict, EmbedderUnavailable, LimitReached
from kgmem.domain.flows.trace import step
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace, RefusedPassage, Vector, WaitingPassage
from kgmem.domain.graph.graph import Graph
from kgmem.domain.ledger.model_calls import Payer, paid_by
from kgmem.domain.slices import slice_over
from kgmem.log import EventLog
from kgmem.services.ports import Ports
from kgmem.services.tracing import traced
from kgmem.services.upkeep import link_similar as connecting
from kgmem.services.upkeep.sweeps import defer_where

BATCH = 64
_TURNS = 50  # Rounds after which a graph moves to another space however fast others write to it.
Progress = Callable[[int], None]

log = EventLog(__name__)


def embedder_in(ports: Ports, space: EmbeddingSpace | None) -> Embedder | None:
    """Return the embedder of a space: the current one, or that of a space which a graph is still in."""
    if space is None:
        return None
    if ports.embedder is not None and ports.embedder.space.id == space.id:
        return ports.embedder
    return ports.embedder_of(space)


@traced("consolidate")
async def embed_waiting(ports: Ports, graph: str, *, progress: Progress | None = None) -> int:
    """Embed the passages of a graph that wait, until none is left or the slice is over; returns how many.

    Passages of scopes whose ledger refuses the calls keep waiting. Raises EmbedderUnavailable.
    """
    held = await ports.graphs.get(graph)
    embedder = embedder_in(ports, held.space) if ports.embedder else None
    done, after, unpaid = 0, 0, dict[str, LimitReached]()
    while embedder and (batch := await _embed_batch(ports, embedder, graph, after=after, unpaid=unpaid)).asked:
        done += batch.embedded
        after = batch.last if unpaid else after
        if progress:
            progress(done)
        if await slice_over():
            break
    for scope, error in unpaid.items():
        log.warning("embedding_limit_reached", graph=graph, scope=scope, error=error)
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


@traced("consolidate")
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
    last: int = 0  # The id of the last one.


async def _embed_batch(
    ports: Ports,
    embedder: Embedder,
    graph: str,
    *,
    last: int | None = None,
    after: int = 0,
    unpaid: dict[str, LimitReached] | None = None,
) -> _Batch:
    """Embed the next passages that wait for a vector of the embedder's space; refused ones wait no longer.

    Passages of scopes in `unpaid` are passed over, and so are those of scopes that turn out to belong there. Without
    `unpaid` it raises LimitReached instead.
    """
    space = embedder.space.id
    asked = await ports.index.unembedded(graph, space, BATCH, last=last, after=after)
    if not asked:
        return _Batch(0, 0)
    with step("embed") as embedding:
        waiting, answers = await _paid_vectors(embedder, graph, asked, unpaid)
        embedding.count(passages=len(waiting))
    pairs = list(zip(waiting, answers, strict=True))
    made = {each.id: (each.body, told) for each, told in pairs if not isinstance(told, str)}
    refused = {each.id: told for each, told in pairs if isinstance(told, str)}
    if made:
        with step("store_vectors") as storing:
            await ports.index.put_vectors(graph, space, made)
            storing.count(vectors=len(made))
    if refused:
        await ports.index.refuse(graph, space, refused)
    return _Batch(len(asked), len(made), asked[-1].id)


async def _paid_vectors(
    embedder: Embedder, graph: str, waiting: Sequence[WaitingPassage], unpaid: dict[str, LimitReached] | None
) -> tuple[Sequence[WaitingPassage], Sequence[Vector | str]]:
    """Return the passages that their scopes pay for, and the vectors or refusals of these."""
    while paid := [each for each in waiting if not unpaid or each.scope not in unpaid]:
        payers = {each.body: Payer(graph, each.scope, each.session, each.agent) for each in paid}
        try:
            with paid_by(Payer(graph, paid[0].scope), dict(payers)):
                return paid, await _vectors(embedder, [each.body for each in paid])
        except LimitReached as error:
            scope = error.facts.get("scope")
            if unpaid is None or scope not in {each.scope for each in paid}:
                raise
            unpaid[str(scope)] = error
    return [], []


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
