"""Reading and forgetting that are broken off anywhere: done again, nothing is lost, doubled or left behind."""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.claims.claim import FactFilter
from kgmem.domain.graph.episode import Episode
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from tests.cli import COMMAND
from tests.invariants import assert_index_matches_labels
from tests.memories import index_schema, new_graph, opened_memory, query

ROOT = Path(__file__).resolve().parents[2]
HOME = Episode("I am Clara and I live in Munich.", "t1", "2024-01-05", speaker="Clara", extract=True)
WORK = Episode("I work for Siemens with Tom Baker.", "t2", "2024-01-06", speaker="Clara", extract=True)
FLOOD = Episode("Heavy rain caused the flood in Passau in June 2013.", "t3", "2024-01-07", source="news", extract=True)
MOVED = replace(WORK, text="I moved to Hamburg with Eva Moser last month.", occurred_at="2024-06-10")
PAINTS = replace(WORK, text="I work for Bosch and my sister is Ida Lang.", occurred_at="2024-07-10")


class Died(BaseException):
    """What a process that is killed does not live to see."""


@pytest.fixture
async def memory(shared_database_url: str) -> AsyncIterator[Memory]:
    async with opened_memory(shared_database_url, extractor=OfflineExtractor()) as opened:
        yield opened


def _in_background() -> bool:
    """Return whether this task writes traces of flows, which are no steps of the test."""
    task = asyncio.current_task()
    return task is not None and "PostgresFlows" in getattr(task.get_coro(), "__qualname__", "")


@contextmanager
def dying(memory: Memory, steps: int) -> Iterator[list[str]]:
    """Let a memory do so many steps that change something, and then none; gives what it did."""
    done: list[str] = []
    readings: Any = memory.ports.extractions

    def last(name: str, step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def run(*arguments: Any, **named: Any) -> Any:
            if _in_background():
                return await step(*arguments, **named)
            if len(done) > steps:
                raise Died
            told = await step(*arguments, **named)
            done.append(name)
            if len(done) > steps:
                raise Died
            return told

        return run

    places = [(readings.database, "transact"), *((readings, name) for name in ("expect", "expect_no_more", "done"))]
    before = [(place, name, getattr(place, name)) for place, name in places]
    for place, name, step in before:
        setattr(place, name, last(name, step))
    try:
        yield done
    finally:
        for place, name, step in before:
            setattr(place, name, step)


async def read(memory: Memory, graph: str, episodes: Sequence[Episode]) -> None:
    await memory.episodes.put(graph, episodes)
    await memory.extraction.run(graph)


async def held(memory: Memory, graph: str) -> dict[str, Any]:
    """All that a graph holds and what brought it, by what is said and not by ids."""
    entities = (await memory.entities.list(graph, limit=1000)).items
    edges = [each async for each in _edges(memory, graph)]
    facts = (await memory.facts.list(graph, FactFilter(limit=1000))).items
    schema = await index_schema(memory, graph)
    brought = await query(
        memory,
        f"SELECT e.key AS episode, b.kind, b.key, b.begins, b.ends, b.lasting FROM {schema}.provenance b "
        f"LEFT JOIN {schema}.item e ON e.id = b.episode",
    )
    claims = await query(
        memory,
        f"SELECT t.subject, t.predicate, c.object, c.value::text, c.valid_from, c.valid_to, c.episode "
        f"FROM {schema}.claim c JOIN {schema}.topic t ON t.id = c.topic WHERE c.known_to IS NULL",
    )
    return {
        "entities": sorted((each.key, each.label) for each in entities),
        "edges": sorted((each.kind, each.start, each.end, each.strength or 0) for each in edges),
        "facts": sorted((each.subject, each.predicate, str(each.value), each.state) for each in facts),
        "claims": sorted(map(repr, map(tuple, claims))),
        "brought": sorted(map(repr, map(tuple, brought))),
    }


async def _edges(memory: Memory, graph: str) -> AsyncIterator[Any]:
    cursor = None
    while True:
        page = await memory.relationships.list(graph, limit=1000, cursor=cursor)
        for each in page.items:
            yield each
        cursor = page.cursor
        if cursor is None:
            return


@pytest.mark.slow
@pytest.mark.parametrize("sent", [MOVED, PAINTS], ids=["the same text", "another text meanwhile"])
async def test_reading_that_dies_after_any_step_is_done_by_the_next_reader(memory: Memory, sent: Episode) -> None:
    """What the text said of which the reader died is not in the graph when it is another one by now."""
    whole, graph = [await new_graph(memory, f"{name}_{sent.occurred_at}") for name in ("whole", "dies")]
    await read(memory, whole, [HOME, WORK, FLOOD])
    await read(memory, whole, [sent])
    expected = await held(memory, whole)
    memory.ports.extractions.lease = 0.0  # type: ignore[misc]
    done: list[str] = []
    steps = 0
    while len(done) == steps:
        await read(memory, graph, [HOME, WORK, FLOOD])
        await memory.episodes.put(graph, [MOVED])
        with dying(memory, steps) as done:
            try:
                await memory.extraction.run(graph)
            except Died:
                assert len(done) == steps + 1
        await read(memory, graph, [sent])
        assert await held(memory, graph) == expected, f"dead after {done}"
        steps += 1
    assert steps > 8
    await assert_index_matches_labels(memory, graph)


@pytest.mark.slow
@pytest.mark.parametrize("erase", [False, True], ids=["deleted", "erased"])
async def test_forgetting_that_dies_after_any_step_is_done_by_asking_again(memory: Memory, erase: bool) -> None:
    whole, graph = [await new_graph(memory, f"{name}_{erase}") for name in ("forgets", "broken")]
    await read(memory, whole, [HOME, WORK, FLOOD])
    expected = await held(memory, whole)
    moved = replace(MOVED, key="t5")
    done: list[str] = []
    steps = 0
    while len(done) == steps:
        await read(memory, graph, [HOME, WORK, FLOOD, moved])
        with dying(memory, steps) as done:
            try:
                await memory.episodes.forget(graph, ["t5"], erase=erase)
            except Died:
                assert len(done) == steps + 1
        await memory.episodes.forget(graph, ["t5"], erase=erase)
        assert await held(memory, graph) == expected, f"dead after {done}"
        schema = await index_schema(memory, graph)
        left = await query(memory, f"SELECT 1 FROM {schema}.history WHERE record::text LIKE '%Hamburg with Eva%'")
        assert bool(left) != erase, f"dead after {done}"
        steps += 1
    assert steps > 4
    await assert_index_matches_labels(memory, graph)


def _texts(count: int) -> list[dict[str, Any]]:
    people = ("Ann Baker", "Bob Carter", "Clara Diaz", "Dan Evans", "Eva Fischer")
    said = ("works for Siemens", "lives in Hamburg", "met Ida Lang in Paris", "founded Acme Corporation", "married Tom")
    pairs = islice(cycle(product(people, said)), count)
    return [
        {"key": f"k{n}", "text": f"{who} {what}. It was day {n}.", "occurred_at": f"2020-01-{n % 28 + 1:02}"}
        for n, (who, what) in enumerate(pairs)
    ]


def _remember(url: str, graph: str, file: Path) -> subprocess.Popen[bytes]:
    settings = {"DATABASE_URL": url, "EMBEDDER": "none", "EXTRACTOR_PROCESSES": "1"}
    return subprocess.Popen(
        [*COMMAND, "remember", str(file), "--graph", graph],
        cwd=ROOT,
        env={
            **os.environ,
            **{f"KGMEM_{name}": value for name, value in settings.items()},
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.crash
@pytest.mark.slow
async def test_kgmem_remember_that_is_killed_loses_and_doubles_nothing(
    memory: Memory, shared_database_url: str, tmp_path: Path
) -> None:
    texts = _texts(150)
    file = tmp_path / "texts.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, texts)))
    whole, graph = await new_graph(memory, "remembered"), await new_graph(memory, "killed")
    await read(memory, whole, [Episode(each["text"], each["key"], each["occurred_at"], extract=True) for each in texts])
    schema = await index_schema(memory, graph)
    catalog: Any = memory.ports.graphs
    await (await catalog.layout(graph)).ensure("extraction")  # Its tables are made at their first use.
    draw = random.Random(5)
    for share in (0.0, 0.2, 0.6):
        process = _remember(shared_database_url, graph, file)
        try:
            async with asyncio.timeout(300):
                while True:
                    (row,) = await query(
                        memory,
                        f"SELECT (SELECT count(*) FROM {schema}.extraction_run) AS read, "
                        f"(SELECT count(*) FROM {schema}.extraction_queue) AS waiting",
                    )
                    if row["waiting"] and row["read"] >= share * len(texts):
                        break
                    assert process.poll() is None, f"it came to its end: {row}"
                    await asyncio.sleep(0.005)
            await asyncio.sleep(draw.uniform(0.0, 0.3))
            assert process.poll() is None, "it came to its end before it could be killed"
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        # As if the time was over in which the dead reader might have given a sign.
        await query(memory, f"UPDATE {schema}.extraction_queue SET taken = NULL")
    process = _remember(shared_database_url, graph, file)
    assert await asyncio.to_thread(process.wait, 300) == 0
    assert await held(memory, graph) == await held(memory, whole)
    await assert_index_matches_labels(memory, graph)
