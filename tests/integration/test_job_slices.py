"""Work in slices: broken off after each step it comes to what it comes to in one piece, and outlives its worker."""

import asyncio
import dataclasses
import itertools
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from pydantic import SecretStr

from kgmem.bootstrap import handlers, open_memory
from kgmem.domain.claims.claim import ClaimStatement, FactFilter
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.domain.slices import progress, slice_of, slice_over
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from kgmem.settings import Settings
from kgmem.store.claims import batch_consensus
from kgmem.store.jobs.queue import open_queue
from kgmem.store.jobs.worker import WorkerOptions
from kgmem.store.sync import rebuild
from tests.invariants import assert_index_matches_labels
from tests.memories import index_schema, new_graph, query, truncate, until
from tests.postgres import run_on

OPTIONS = WorkerOptions(heartbeat=0.2, silence=1.0, poll=0.05, slice=0.05)


async def _always() -> bool:
    return True


async def in_slices(work: Callable[[], Awaitable[Any]], noted: Mapping[str, Any] | None = None) -> int:
    """Do some work as jobs do it beside others that always wait: one step at a time. Gives in how many slices."""
    slices, noted = 1, noted or {}
    while True:
        with slice_of(0, _always, progress=noted) as own:
            await work()
        if not own.unfinished:
            return slices
        slices += 1
        assert slices < 1000, "it never ends"
        noted = orjson.loads(orjson.dumps(own.progress))


async def fill(memory: Memory, graph: str) -> None:
    """Put entities, relationships, texts, and what sources claim of them in three scopes."""
    for scope in ("", "u", "u/1"):
        names = [f"{scope}k{n}" for n in range(12)]
        await memory.entities.put(
            graph, [Entity(name, "Person", name, text=f"about {name}", scope=scope) for name in names]
        )
        await memory.relationships.put(
            graph,
            [Relationship("KNOWS", a, b, text=f"{a} knows {b}", scope=scope) for a, b in itertools.pairwise(names)],
        )
        await memory.episodes.put(graph, [Episode(f"{name} was there", f"t-{name}", scope=scope) for name in names])
        places = {"one": "glen", "two": "glen", "three": "glen", "four": "montclair"}
        await memory.claims.put(
            graph,
            [
                ClaimStatement(source, name, "BORN_IN", object=f"{scope}{place}", scope=scope)
                for name in names
                for source, place in places.items()
            ],
        )


async def beliefs(memory: Memory, graph: str) -> Any:
    """What is believed in a graph, and whom."""
    facts = [
        (fact.subject, fact.predicate, fact.value, fact.state, fact.probability, fact.supporting, fact.opposing)
        for scope in ("", "u", "u/1")
        for fact in (await memory.facts.list(graph, FactFilter(scope=scope, limit=1000))).items
    ]
    schema = await index_schema(memory, graph)
    trust = await query(
        memory,
        f"SELECT p.path, o.key, s.trust FROM {schema}.source_reliability s JOIN {schema}.source o ON o.id = s.source "
        f"JOIN {schema}.scope p ON p.id = s.scope ORDER BY 1, 2",
    )
    return sorted(set(facts)), [tuple(row) for row in trust]


@pytest.mark.long
async def test_consensus_in_slices_is_that_of_one_piece(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_consensus, "_BATCH", 5)
    told = []
    for name in ("whole", "parted"):
        graph = await new_graph(memory, name)
        await fill(memory, graph)
        if name == "whole":
            counts = await memory.tasks.compute_consensus(graph, all=True)
            assert counts["scopes"] == 3
        else:
            assert await in_slices(lambda graph=graph: memory.tasks.compute_consensus(graph, all=True)) > 1  # type: ignore[misc]
            # No wish for more is left, and the next run changes nothing.
            assert await memory.tasks.compute_consensus(graph) == {}
        told.append(await beliefs(memory, graph))
    assert told[0] == told[1]
    assert len(told[0][0]) == 36
    assert {trust > 0.5 for _, source, trust in told[0][1] if source == "one"} == {True}


async def test_what_is_claimed_between_two_slices_counts(
    memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_consensus, "_BATCH", 5)
    await fill(memory, graph)
    with slice_of(0, _always) as own:
        await memory.tasks.compute_consensus(graph, all=True)
    assert own.unfinished
    assert own.progress["topic"] > 0
    late = [ClaimStatement(f"late{n}", "k0", "BORN_IN", object="montclair") for n in range(9)]
    await memory.claims.put(graph, late)
    await memory.relationships.put(graph, [Relationship("BORN_IN", "u/1k1", "u/1glen", source="five", scope="u/1")])
    with slice_of(0, _always, progress=own.progress) as second:
        await memory.tasks.compute_consensus(graph, all=True)
    assert second.progress != own.progress
    noted = dict(second.progress)
    await in_slices(lambda: memory.tasks.compute_consensus(graph, all=True), noted)
    (fact,) = (await memory.facts.list(graph, FactFilter(subject="k0"))).items
    assert sum(len(option.claims) for option in fact.options) == 13
    (fact,) = (await memory.facts.list(graph, FactFilter(subject="u/1k1", scope="u/1"))).items
    assert (fact.value, fact.supporting) == ("u/1glen", 4)


async def rows(memory: Memory, graph: str) -> list[Any]:
    """The rows of the index, without what a rebuild may number anew."""
    schema = await index_schema(memory, graph)
    told = []
    for table in ("item", "edge"):
        found = await query(memory, f"SELECT id, version, key, valid, scope FROM {schema}.{table} ORDER BY id")
        told += [tuple(row) for row in found]
    return told + [row[0] for row in await query(memory, f"SELECT body FROM {schema}.passage ORDER BY body")]


@pytest.mark.long
async def test_an_index_is_rebuilt_in_slices(
    memory: Memory, graph: str, shared_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "_BATCH", 7)
    await fill(memory, graph)
    await memory.index.rebuild(graph)
    before, question = await rows(memory, graph), Question(What(text="knows"))
    hits = [hit.key for hit in (await memory.recall(graph, question)).hits]
    await truncate(shared_database_url, await index_schema(memory, graph), ["item", "edge", "passage"])

    assert await in_slices(lambda: memory.index.rebuild(graph)) > 20

    assert await rows(memory, graph) == before
    assert [hit.key for hit in (await memory.recall(graph, question)).hits] == hits
    await assert_index_matches_labels(memory, graph)


async def test_facts_are_made_in_slices(memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "_BATCH", 7)
    monkeypatch.setattr(rebuild, "SETTINGS_KEPT", 0)
    await fill(memory, graph)
    with_facts = await rows(memory, graph)
    await memory.graphs.update(graph, facts="none")
    assert await in_slices(lambda: memory.tasks.index_facts(graph)) > 3
    without = await rows(memory, graph)
    assert len(without) < len(with_facts)
    await memory.graphs.update(graph, facts="text")
    await in_slices(lambda: memory.tasks.index_facts(graph))
    assert await rows(memory, graph) == with_facts


async def test_summaries_are_kept_in_slices(memory: Memory, graph: str) -> None:
    names = [f"k{n}" for n in range(8)]
    await memory.entities.put(graph, [Entity(name, "Person", name) for name in names])
    rings = [names[:4], names[4:]]
    await memory.relationships.put(
        graph, [Relationship("KNOWS", a, b) for ring in rings for a in ring for b in ring if a < b]
    )
    for name in names:
        await memory.summaries.create(graph, name)
    await memory.communities.detect(graph)
    await memory.relationships.put(graph, [Relationship("MET", name, "k0") for name in names[1:]])

    assert await in_slices(lambda: memory.tasks.update_summaries(graph)) >= 10

    assert await memory.tasks.update_summaries(graph) == 0
    for name in names:
        summary = await memory.summaries.get(graph, name)
        assert not summary.stale
        assert "met" in summary.text.lower()


@pytest.mark.long
async def test_a_job_whose_worker_was_killed_goes_on_where_it_was(database_url: str) -> None:
    await run_on(database_url, "CREATE TABLE public.begun (graph text)")
    async with open_queue(database_url) as queue:
        id_ = await queue.defer("rebuild", graph="apollo")
        assert id_ is not None
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.job_worker", database_url, stderr=asyncio.subprocess.DEVNULL
        )

        async def has_begun() -> bool:
            return await _count(database_url) > 0

        await until(has_begun)
        process.kill()
        await process.wait()
        seen: list[Any] = []

        async def again(graph: str) -> None:
            seen.append((graph, dict(progress())))

        async with queue.worker({"rebuild": again}, OPTIONS):
            await until(lambda: _has(seen, 1))
    assert seen == [("apollo", {"after": 2**62})]


async def _count(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM public.begun"))
    finally:
        await connection.close()


async def _has(seen: list[Any], count: int) -> bool:
    return len(seen) >= count


async def test_a_job_in_slices_is_done_when_its_rest_is(database_url: str) -> None:
    async with open_queue(database_url) as queue:
        runs: list[Any] = []
        free = asyncio.Event()

        async def make(graph: str) -> None:
            runs.append((graph, progress().get("at", 0)))
            if len(runs) == 1:
                await queue.defer("rebuild", graph="other")
            await asyncio.sleep(2 * OPTIONS.slice)
            if len(runs) < 3:
                await slice_over({"at": len(runs)})
            else:
                await free.wait()

        one = dataclasses.replace(OPTIONS, concurrency=1)
        async with queue.worker({"rebuild": make}, one):
            id_ = await queue.defer("rebuild", graph="apollo")
            assert id_ is not None
            await until(lambda: _has(runs, 3))
            assert runs[:3] == [("apollo", 0), ("other", 0), ("apollo", 1)]
            job = await queue.get(id_)
            assert (job.status, job.id) == ("running", id_)
            # All of it may be asked for anew meanwhile: what is left of the first job is not that.
            again = await queue.defer("rebuild", graph="apollo")
            assert again is not None
            parts = [each for each in await queue.list(graph="apollo", status=None, limit=9) if each.id != again]
            assert [dict(each.arguments) for each in parts] == [{"continues": id_}, {}]
            free.set()

            async def done() -> bool:
                return {(await queue.get(each)).status for each in (id_, again)} == {"succeeded"}

            await until(done)


@pytest.mark.long
async def test_no_work_that_cannot_be_broken_off_takes_the_place_of_imports(database_url: str, tmp_path: Path) -> None:
    """Consensus, a rebuild, summaries and a dry run that never end, of several graphs, beside imports of others."""
    settings = Settings(database_url=SecretStr(database_url), home=tmp_path, embedder="none", pool_size=4)
    free, begun = asyncio.Event(), set[str]()
    async with open_memory(settings) as memory, open_queue(database_url) as queue:
        for graph in ("busy", "other", "third"):
            await memory.graphs.create(graph)
        lines = b"".join(b'{"type": "entity", "key": "k%d", "name": "%s"}\n' % (n, b"long " * 200) for n in range(300))
        dry = await _sent(memory, "busy", lines, ImportOptions(dry_run=True))
        after = await _sent(memory, "busy", lines, ImportOptions())
        small = await _sent(memory, "other", lines.partition(b"\n")[0], ImportOptions())
        large = await _sent(memory, "third", lines, ImportOptions())

        def endless(task: str) -> Callable[..., Awaitable[None]]:
            async def run(graph: str, **_: Any) -> None:
                begun.add(task)
                await free.wait()

            return run

        async def imported(graph: str, import_: int) -> None:
            if import_ == dry:
                await endless("dry run")(graph)
            await memory.tasks.run_upload(graph, import_)

        done = {
            task: endless(task)
            for task in ("compute_consensus", "rebuild", "summarize", "build_deferred_indexes", "index_facts")
        }
        options = dataclasses.replace(OPTIONS, places=(memory.imports.uploads.place,))
        async with queue.worker({**done, "import": imported}, options):
            for graph in ("busy", "other", "third"):
                await queue.defer("compute_consensus", graph=graph, all=True)
                for task in ("rebuild", "summarize", "index_facts"):
                    await queue.defer(task, graph=graph)

            async def all_imported() -> bool:
                pairs = (("other", small), ("third", large), ("busy", after))
                return {(await memory.imports.get(graph, id_)).state for graph, id_ in pairs} == {"done"}

            await until(all_imported)
            assert {"compute_consensus", "rebuild"} <= begun or "dry run" in begun
            assert (await memory.imports.get("busy", dry)).state == "waiting"
            free.set()

            async def checked() -> bool:
                return (await memory.imports.get("busy", dry)).state == "done"

            await until(checked)
            assert (await memory.imports.get("busy", dry)).checked == 300


async def _sent(memory: Memory, graph: str, lines: bytes, options: ImportOptions) -> int:
    async with memory.imports.uploads.receive(50_000_000) as incoming:
        await incoming.begin("lines.jsonl")
        await incoming.write(lines)
        await incoming.end()
        return (await memory.imports.submit(graph, incoming.name, options))[0].id


@pytest.mark.slow
async def test_an_import_of_ten_lines_ends_within_seconds_beside_long_work_of_another_graph(
    database_url: str, tmp_path: Path
) -> None:
    settings = Settings(database_url=SecretStr(database_url), home=tmp_path, embedder="none", pool_size=6)
    async with open_memory(settings) as memory, open_queue(database_url) as queue:
        for graph in ("big", "other"):
            await memory.graphs.create(graph)
        for first in range(0, 60_000, 2000):
            names = [f"k{n}" for n in range(first, first + 2000)]
            await memory.entities.put("big", [Entity(name, "Person", name, text=f"about {name}") for name in names])
        claims = [
            ClaimStatement(f"s{s}", f"k{n}", "BORN_IN", object=f"k{(n + s // 3) % 100}")
            for n in range(4000)
            for s in range(4)
        ]
        for first in range(0, len(claims), 2000):
            await memory.claims.put("big", claims[first : first + 2000])
        lines = b"".join(b'{"type": "entity", "key": "n%d", "name": "a name"}\n' % n for n in range(200_000))
        options = dataclasses.replace(OPTIONS, slice=5.0, places=(memory.imports.uploads.place,))
        async with queue.worker(handlers(memory), options):
            await _sent(memory, "big", lines, ImportOptions(dry_run=True))
            await queue.defer("compute_consensus", graph="big", all=True)
            rebuilt = await queue.defer("rebuild", graph="big")
            await asyncio.sleep(1.0)
            for number in range(3):
                began = asyncio.get_running_loop().time()
                id_ = await _sent(memory, "other", lines[: 10 * 40 + number].rpartition(b"\n")[0], ImportOptions())

                async def done(id_: int = id_) -> bool:
                    return (await memory.imports.get("other", id_)).state == "done"

                await until(done)
                assert asyncio.get_running_loop().time() - began < 6.0
            assert rebuilt is not None
            assert (await queue.get(rebuilt)).status in {"waiting", "running"}
