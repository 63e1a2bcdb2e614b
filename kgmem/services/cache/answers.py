"""Answers of recall in the cache: which are kept, and how they become bytes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from kgmem.domain.cache.ports import Seen, SeenPart
from kgmem.domain.claims.claim import Option
from kgmem.domain.graph.graph import Graph
from kgmem.domain.recall.answer import Answer, End, Hit, RetrieverShare, question_digest
from kgmem.domain.recall.causality import CausalPath, PathEntity, PathLink
from kgmem.domain.recall.question import Question
from kgmem.services.cache.content import CachedRead
from kgmem.services.ports import Ports

_OFF = "_off_"  # In the name of what is suppressed: a retriever that did not answer, and may the next time.


async def through_cache(
    ports: Ports, graph: Graph, question: Question, compute: Callable[[], Awaitable[Answer]]
) -> Answer:
    """Return the answer to a question with definite times, from the cache where it is current.

    Not kept: what is measured or explained, what a reranker orders, and what gets older with each moment.
    """
    ages = question.when.half_life_days is not None and question.when.known_at is None
    if ports.cache is None or question.explain or question.profile or question.rerank or ages:
        return await compute()
    parts: tuple[SeenPart, ...] = ("contents",) if question.when.known_at is None else ("contents", "past")
    # Whether a text asks about the past depends on the year.
    key = question_digest(question) + str(datetime.now(UTC).year).encode()
    answer, was_cached = await ports.cache.read_told(
        graph,
        CachedRead(
            kind="recall", seen=Seen(graph.name, question.scope, parts), key=key, compute=compute, pack=pack_answer,
            unpack=unpack_answer, ids=items_of,
        ),
    )  # fmt: skip
    if was_cached and question.when.known_at is None:
        await ports.cache.note_use(graph.name, [hit.id for hit in answer.hits if hit.id > 0])
    return answer


def items_of(answer: Answer) -> Sequence[int]:
    """Return the ids of the items that an answer shows."""
    ids = {hit.id for hit in answer.hits if hit.id > 0}
    for hit in answer.hits:
        for path in hit.paths:
            ids.update(each.id for each in path.entities)
            ids.update(each.id for each in path.links)
    return sorted(ids)


def pack_answer(answer: Answer) -> bytes | None:
    """Return an answer as bytes; None for one that a retriever is missing from, or that JSON does not hold."""
    if any(_OFF in name for name in answer.suppressed):
        return None
    try:
        return orjson.dumps(answer)
    except (TypeError, ValueError):
        return None


def unpack_answer(data: bytes) -> Answer:
    """Return the answer that some bytes are."""
    told = orjson.loads(data)
    told["hits"] = [_hit(each) for each in told["hits"]]
    return Answer(**told)


def _hit(told: dict[str, Any]) -> Hit:
    retrievers: Mapping[str, Any] = told["retrievers"]
    told["retrievers"] = {name: RetrieverShare(**each) for name, each in retrievers.items()}
    told["paths"] = tuple(_path(each) for each in told["paths"])
    told["start"] = End(**told["start"]) if told["start"] else None
    told["end"] = End(**told["end"]) if told["end"] else None
    told["placed_by"] = tuple(told["placed_by"])
    told["alternatives"] = tuple(Option(**each) for each in told["alternatives"])
    return Hit(**told)


def _path(told: dict[str, Any]) -> CausalPath:
    return CausalPath(
        [PathEntity(**each) for each in told["entities"]],
        [PathLink(**each) for each in told["links"]],
        told["strength"],
        prevents=told["prevents"],
    )
