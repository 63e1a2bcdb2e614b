"""Entities, contexts of sessions and states of agents in the cache: how they become bytes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from kgmem.domain.agents.context import Entry, SessionContext
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.agents.state import StateAddress, StateContent, StateVersion, VersionChoice
from kgmem.domain.cache.ports import Seen
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.answer import Answer, Hit
from kgmem.services.cache.answers import items_of, pack_answer, unpack_answer
from kgmem.services.cache.content import CachedRead
from kgmem.services.claims.claim import asker
from kgmem.services.ports import Ports

_HEAD: Final = 4  # Bytes of the length of what comes first.


async def entity_through_cache(
    ports: Ports, graph: str, key: str, scope: str, compute: Callable[[], Awaitable[Entity]]
) -> Entity:
    """Return the entity that a scope sees under a key, from the cache where it is current."""
    if ports.cache is None or not ports.cache.keeps("entity"):
        return await compute()
    asked = CachedRead(
        kind="entity", seen=Seen(graph, scope), key=key.encode("utf-8", "surrogatepass"), compute=compute,
        pack=_pack_entity, unpack=lambda data: Entity(**orjson.loads(data)),
        ids=lambda entity: [entity.id] if entity.id is not None else [],
    )  # fmt: skip
    entity, was_cached = await ports.cache.read_told(await ports.graphs.get(graph), asked)
    if was_cached and entity.id is not None:
        await ports.cache.note_use(graph, [entity.id])
    return entity


def _pack_entity(entity: Entity) -> bytes | None:
    # A vector is no list of JSON, and an entity that is read has none.
    return None if entity.embedding is not None else _dumped(entity)


def _dumped(value: Any) -> bytes | None:
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class ContextMade:
    """The context of a session, and the hits of recall that it was made of."""

    context: SessionContext
    hits: Sequence[Hit]


async def context_through_cache(
    ports: Ports, graph: str, address: SessionAddress, budget: int, compute: Callable[[], Awaitable[ContextMade]]
) -> SessionContext:
    """Return the context of a session, from the cache where it is current; then its hits count as answered, too."""
    if ports.cache is None or not ports.cache.keeps("context"):
        return (await compute()).context
    key = orjson.dumps([address.id, address.scope, budget, ports.token_counter.name])
    asked = CachedRead(
        kind="context", seen=Seen(graph, address.scope, ("contents", "sessions")), key=key, compute=compute,
        pack=_pack_context, unpack=_unpack_context, ids=lambda made: items_of(Answer(made.hits)),
    )  # fmt: skip
    made, was_cached = await ports.cache.read_told(await ports.graphs.get(graph), asked)
    if was_cached:
        ports.answers.note(graph, made.hits, [asker()])
        await ports.cache.note_use(graph, [hit.id for hit in made.hits if hit.id > 0])
    return made.context


def _pack_context(made: ContextMade) -> bytes | None:
    answer, context = pack_answer(Answer(made.hits)), _dumped(made.context)
    return None if answer is None or context is None else _joined(context, answer)


def _unpack_context(data: bytes) -> ContextMade:
    head, answer = _parted(data)
    told = orjson.loads(head)
    told["sections"] = {
        name: [Entry(**{**each, "sources": tuple(each["sources"])}) for each in entries]
        for name, entries in told["sections"].items()
    }
    return ContextMade(SessionContext(**told), unpack_answer(answer).hits)


async def state_through_cache(ports: Ports, graph: str, address: StateAddress, choice: VersionChoice) -> StateContent:
    """Return a version of a state with its content, from the cache where it is current."""
    asked = _state_read(ports, graph, address, choice)
    if ports.cache is None or not ports.cache.keeps("state"):
        return await asked.compute()
    return await ports.cache.read(await ports.graphs.get(graph), asked)


async def write_state_through(ports: Ports, graph: str, address: StateAddress) -> None:
    """Read a state that was just written into the cache, where states are written through; nobody waits for it."""
    if ports.cache is not None:
        asked = _state_read(ports, graph, address, VersionChoice())
        await ports.cache.write_through(await ports.graphs.get(graph), asked)


def _state_read(ports: Ports, graph: str, address: StateAddress, choice: VersionChoice) -> CachedRead[StateContent]:
    key = orjson.dumps([address.agent, address.name, address.scope, choice.version, choice.checkpoint, choice.at])
    return CachedRead(
        kind="state",
        seen=Seen(graph, address.scope, ("states",)),
        key=key,
        compute=lambda: ports.states.get(graph, address, choice),
        pack=_pack_state,
        unpack=_unpack_state,
    )


def _pack_state(state: StateContent) -> bytes | None:
    version = _dumped(asdict(state.version))
    return None if version is None else _joined(version, state.content)


def _unpack_state(data: bytes) -> StateContent:
    head, content = _parted(data)
    told = orjson.loads(head)
    return StateContent(StateVersion(**{**told, "checkpoints": tuple(told["checkpoints"])}), content)


def _joined(first: bytes, rest: bytes) -> bytes:
    return b"".join((len(first).to_bytes(_HEAD, "big"), first, rest))


def _parted(data: bytes) -> tuple[bytes, bytes]:
    end = _HEAD + int.from_bytes(data[:_HEAD], "big")
    return data[_HEAD:end], data[end:]
