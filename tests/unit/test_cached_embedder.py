"""Vectors are remembered within bounds, and texts asked for at the same time are embedded once."""

import asyncio
from collections.abc import Sequence

import pytest

from kgmem.domain.errors import EmbedderUnavailable, EmbeddingMismatch
from kgmem.domain.graph.embedding import EmbeddingSpace, Role, Vector
from kgmem.embedding.cached import CachedEmbedder, CoalescingEmbedder
from kgmem.embedding.hashing import HashEmbedder


class RecordingEmbedder:
    """Feature hashing that notes what it is asked, waits at a gate, and fails when told to."""

    def __init__(self) -> None:
        self.inner = HashEmbedder(32)
        self.calls: list[tuple[Role, list[str]]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.failure: Exception | None = None
        self.cancelled = 0
        self.closed = False

    @property
    def space(self) -> EmbeddingSpace:
        return self.inner.space

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
        self.calls.append((role, list(texts)))
        self.asked.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure:
            raise self.failure
        return await self.inner.embed(texts, role)

    async def aclose(self) -> None:
        self.closed = True


async def turns(count: int = 5) -> None:
    """Let the tasks that are ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_text_asked_for_again_is_not_embedded_again() -> None:
    inner = RecordingEmbedder()
    cached = CachedEmbedder(inner)
    first = await cached.embed(["a", "b", "a"])
    second = await cached.embed(["b", "c", "a"])
    assert inner.calls == [("document", ["a", "b"]), ("document", ["c"])]
    assert first[0] == first[2] == second[2]
    assert first[1] == second[0]


async def test_a_question_and_a_document_of_the_same_text_are_two_things() -> None:
    inner = RecordingEmbedder()
    cached = CachedEmbedder(inner)
    await cached.embed(["a"], "document")
    await cached.embed(["a"], "query")
    assert inner.calls == [("document", ["a"]), ("query", ["a"])]


async def test_the_least_recently_used_vector_goes_first() -> None:
    inner = RecordingEmbedder()
    cached = CachedEmbedder(inner, capacity=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await cached.embed([text])
    assert [texts for _, texts in inner.calls] == [["a"], ["b"], ["c"], ["b"]]


async def test_an_import_does_not_push_out_what_is_asked() -> None:
    inner = RecordingEmbedder()
    cached = CachedEmbedder(inner, capacity=16)
    await cached.embed(["a"], "query")
    vectors = await cached.embed([f"row {n}" for n in range(100)])
    await cached.embed(["a"], "query")
    await cached.embed(["row 99"])
    assert len(vectors) == 100
    assert len(inner.calls) == 2


async def test_texts_asked_for_at_the_same_time_are_embedded_once() -> None:
    inner = RecordingEmbedder()
    inner.gate.clear()
    cached = CachedEmbedder(inner)
    callers = [asyncio.create_task(cached.embed(["a"])) for _ in range(20)]
    await inner.asked.wait()
    callers.append(asyncio.create_task(cached.embed(["a", "b"])))
    await turns()
    inner.gate.set()
    answers = await asyncio.gather(*callers)
    assert inner.calls == [("document", ["a"]), ("document", ["b"])]
    assert all(answer[0] == answers[0][0] for answer in answers)


async def test_a_caller_that_goes_leaves_the_others_their_vector() -> None:
    inner = RecordingEmbedder()
    inner.gate.clear()
    cached = CachedEmbedder(inner)
    first, second = (asyncio.create_task(cached.embed(["a"])) for _ in range(2))
    await inner.asked.wait()
    first.cancel()
    await turns()
    inner.gate.set()
    assert len(await second) == 1
    assert inner.cancelled == 0


async def test_what_nobody_waits_for_any_more_is_stopped_and_can_be_asked_for_anew() -> None:
    inner = RecordingEmbedder()
    inner.gate.clear()
    cached = CachedEmbedder(inner)
    only = asyncio.create_task(cached.embed(["a"]))
    await inner.asked.wait()
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    inner.gate.set()
    assert len(await cached.embed(["a"])) == 1
    assert inner.cancelled == 1


async def test_a_failure_reaches_every_caller_and_is_not_remembered() -> None:
    inner = RecordingEmbedder()
    inner.failure = EmbedderUnavailable("It is away.")
    cached = CachedEmbedder(inner)
    outcomes = await asyncio.gather(cached.embed(["a"]), cached.embed(["a"]), return_exceptions=True)
    assert all(isinstance(outcome, EmbedderUnavailable) for outcome in outcomes)
    inner.failure = None
    assert len(await cached.embed(["a"])) == 1


async def test_vectors_of_another_dimension_never_enter_the_memory() -> None:
    class Liar(HashEmbedder):
        async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
            return [[1.0, 2.0] for _ in texts]

    with pytest.raises(EmbeddingMismatch, match="2 dimensions, not of 384"):
        await CachedEmbedder(Liar()).embed(["a"])


async def test_closing_stops_what_is_under_way_and_closes_the_wrapped_embedder() -> None:
    inner = RecordingEmbedder()
    inner.gate.clear()
    cached = CachedEmbedder(CoalescingEmbedder(inner))
    caller = asyncio.create_task(cached.embed(["a"]))
    await inner.asked.wait()
    await cached.aclose()
    (outcome,) = await asyncio.gather(caller, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError)
    assert inner.cancelled == 1
    assert inner.closed


async def test_single_texts_asked_for_at_once_share_requests() -> None:
    inner = RecordingEmbedder()
    coalescing = CoalescingEmbedder(inner, batch=8)
    answers = await asyncio.gather(*(coalescing.embed([f"text {n}"]) for n in range(16)))
    assert sorted(len(texts) for _, texts in inner.calls) == [8, 8]
    direct = await inner.inner.embed([f"text {n}" for n in range(16)])
    assert [answer[0] for answer in answers] == direct


async def test_questions_go_before_documents_and_never_in_one_request_with_them() -> None:
    inner = RecordingEmbedder()
    inner.gate.clear()
    coalescing = CoalescingEmbedder(inner, batch=4)
    callers = [asyncio.create_task(coalescing.embed([f"document {n}"])) for n in range(12)]
    await turns()
    callers.append(asyncio.create_task(coalescing.embed(["question"], "query")))
    await turns()
    inner.gate.set()
    await asyncio.gather(*callers)
    assert inner.calls.index(("query", ["question"])) == 2
    assert len(inner.calls) == 4


async def test_a_large_call_is_passed_through_whole() -> None:
    inner = RecordingEmbedder()
    await CoalescingEmbedder(inner, batch=4).embed([str(n) for n in range(9)])
    assert [len(texts) for _, texts in inner.calls] == [9]


async def test_a_failed_request_fails_those_who_shared_it_and_nobody_after() -> None:
    inner = RecordingEmbedder()
    inner.failure = EmbedderUnavailable("It is away.")
    coalescing = CoalescingEmbedder(inner)
    outcomes = await asyncio.gather(*(coalescing.embed([str(n)]) for n in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, EmbedderUnavailable) for outcome in outcomes)
    inner.failure = None
    assert len(await coalescing.embed(["after"])) == 1


async def test_many_rounds_of_calls_are_all_answered() -> None:
    coalescing = CoalescingEmbedder(HashEmbedder(8), batch=3)

    async def caller(name: int) -> int:
        return sum([len(await coalescing.embed([f"{name} {n}"] * (1 + n % 2))) for n in range(50)])

    async with asyncio.timeout(20):
        assert await asyncio.gather(*map(caller, range(20))) == [75] * 20
