"""What Redis has of the erased goes as well; while Redis is away it is noted, and done when Redis is back."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from secrets import token_hex

from kgmem.domain.erasure.erasure import ErasureReport, Kept
from kgmem.domain.erasure.redis_contents import REDIS, RedisContents, RedisErasure
from kgmem.domain.erasure.sought import Redactor, Sought
from kgmem.domain.errors import NotFound, RedisUnavailable
from kgmem.domain.graph.scope_contents import Trace
from kgmem.domain.time.interval import iso, now
from kgmem.log import EventLog
from kgmem.services.cache.cache import drop_cached
from kgmem.services.ports import Ports

log = EventLog(__name__)

POSTPONED = Kept(REDIS, 1, "Redis is away: what it has is erased when it is back, and a second report says so")


async def erase_in_redis(
    ports: Ports, graph: str, erasure: RedisErasure, *, id_: int | None = None
) -> Mapping[str, int] | None:
    """Remove from Redis what it has of the erased; returns how many of each kind.

    None: Redis is away, so that it is noted, and done when Redis is back. `id_` is the number of a graph that is gone.
    """
    if id_ is None:
        id_ = (await ports.graphs.get(graph)).id
        await drop_cached(ports, graph)
    if id_ is None:
        return {}
    contents = ports.redis_contents
    if contents is None and (erasure.whole or not await ports.erasures.streams_in_redis(graph)):
        return {}
    try:
        return await _erase(ports, contents, id_, erasure)
    except RedisUnavailable as error:
        await ports.erasures.postpone(id_, graph, ports.signer.seal(json.dumps(asdict(erasure)).encode()))
        log.warning("erasure_waits_for_redis", graph=graph, error=error)
        return None


async def search_redis(
    ports: Ports, graph: str, texts: Sequence[Sought], *, server: bool
) -> tuple[int, Sequence[Trace], bool]:
    """Return how many keys were searched, where texts are, and whether all that is to go is gone, and was searched."""
    id_ = (await ports.graphs.get(graph)).id
    waiting = bool(await ports.erasures.postponed(None if server else id_))
    if ports.redis_contents is None or id_ is None:
        return 0, (), not waiting
    try:
        keys, found = await ports.redis_contents.search(id_, texts, server=server)
    except RedisUnavailable:
        return 0, (), False
    return keys, found, not waiting


async def finish_postponed(ports: Ports) -> int:
    """Erase in Redis what could not be erased while it was away, and sign reports of it; returns how many."""
    if ports.redis_contents is None:
        return 0
    done = 0
    for waiting in await ports.erasures.postponed():
        content = ports.signer.unseal(waiting.sealed)
        if content is None:  # Of another server, which has its own key and finishes it.
            continue
        erasure = _unsealed(content)
        try:
            counts = await _erase(ports, ports.redis_contents, waiting.graph, erasure)
            kept = await files_of_redis(ports) if erasure.files else ()
            _, traces = await ports.redis_contents.search(waiting.graph, erasure.texts, server=False)
        except RedisUnavailable:
            return done
        if erasure.texts or erasure.scopes:  # Else it was about nothing but what was cached.
            report = _report(ports, waiting.name, erasure=erasure, counts=counts, traces=traces, kept=kept)
            with suppress(NotFound):  # The graph is gone meanwhile.
                await ports.erasures.save(waiting.name, ports.signer.sign(report.content()))
            log.info("erasure_finished_in_redis", graph=waiting.name, report=report.id, complete=report.complete)
        await ports.erasures.carried_out([waiting.id])
        done += 1
    return done


async def _erase(ports: Ports, contents: RedisContents | None, graph: int, erasure: RedisErasure) -> Mapping[str, int]:
    if contents is None:
        raise RedisUnavailable("This process has no Redis, and streams of the graph are there.")
    await ports.streams.sweep()
    return await contents.erase(graph, Redactor(erasure.texts), erasure)


async def files_of_redis(ports: Ports) -> Sequence[Kept]:
    """Have Redis rewrite its files, without the erased; returns what they still have, and why."""
    if ports.redis_contents is None:
        return ()
    try:
        why = await ports.redis_contents.rewrite_files()
    except RedisUnavailable as error:
        why = str(error)
    told = f"files of Redis have it until they are rewritten: {why}"
    return () if why is None else (Kept("redis_files", 1, told),)


def _unsealed(content: bytes) -> RedisErasure:
    told = json.loads(content)
    return RedisErasure([Sought(**each) for each in told["texts"]], told["scopes"], told["whole"], told["files"])


def _report(
    ports: Ports, name: str, *, erasure: RedisErasure, counts: Mapping[str, int], traces: Sequence[Trace],
    kept: Sequence[Kept],
) -> ErasureReport:  # fmt: skip
    return ErasureReport(
        id=f"erasure-{token_hex(12)}",
        graph=name,
        at=iso(now()),
        by="kgmem",
        reason="Redis is back: what it had of an erasure is erased.",
        subject={
            "scope": ports.signer.hash(erasure.scopes[-1]) if erasure.scopes else None,
            "entities": [],
            "texts": [{"hash": ports.signer.hash(each.text), "whole_words": each.whole} for each in erasure.texts],
        },
        removed={f"{REDIS}_{kind}": number for kind, number in counts.items()},
        hashes={},
        rows={},
        kept=kept,
        vacuumed=(),
        traces=traces,
        complete=not traces,
    )
