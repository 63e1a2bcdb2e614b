"""kill -9 of a process that archives cold episodes or restores them: nothing is lost, and nothing is there twice."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from tests.memories import index_schema, new_graph, query

pytestmark = [pytest.mark.crash, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
COUNT = 40
# A process that kills itself at the second statement of a name, before or after it; `at_once` episodes a transaction.
RUN = """
import asyncio, os, signal, sys
from dataclasses import fields
from kgmem.store.graph.layout import Layout
from kgmem.store.write import archive
from kgmem.domain.recall.question import Question, What
from tests.memories import hashing, opened_memory
url, graph, work, name, when = sys.argv[1:]
archive.AT_ONCE = 10
import asyncpg
calls, sql = 0, Layout.sql
class Marked(str):
    pass
def marked(self, file, statement, **names):
    text = sql(self, file, statement, **names)
    if statement != name:
        return text
    return type(text)(f"/* die */ {text}")
Layout.sql = marked
execute, fetch = asyncpg.Connection.execute, asyncpg.Connection.fetch
def dying(call):
    async def run(self, text, *given, **more):
        global calls
        dies = text.startswith("/* die */")
        calls += dies
        if dies and calls == 2 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = await call(self, text, *given, **more)
        if dies and calls == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    return run
asyncpg.Connection.execute, asyncpg.Connection.fetch = dying(execute), dying(fetch)
async def main():
    async with opened_memory(url, embedder=hashing()) as memory:
        if work == "sweep":
            await memory.tiers.sweep(graph)
        else:
            for n in range(40):
                await memory.recall(graph, Question(What(f"Letter {n} of the harbour"), k=10, tiers=("cold",)))
                await memory.tiers.settings(graph)
                await memory.ports.tiers.flush(graph)
asyncio.run(main())
"""


async def whole(memory: Memory, graph: str) -> None:
    """Check that each episode has its passages and vectors, or its archived rows, once, and is found."""
    schema = await index_schema(memory, graph)
    rows = await query(
        memory,
        f"SELECT i.key, (SELECT count(*) FROM {schema}.passage p WHERE p.item = i.id) AS passages,"
        f" (SELECT count(*) FROM {schema}.archived a WHERE a.item = i.id) AS archived"
        f" FROM {schema}.item i WHERE i.kind = 2",
    )
    assert len(rows) == COUNT
    assert {(row["passages"], row["archived"]) for row in rows} <= {(1, 0), (0, 1)}
    assert not [each for report in await memory.index.check_integrity(graph) for each in report.damages]
    for n in (0, 15, 39):
        question = Question(What(f"Letter {n} of the harbour: number {n}."), k=3, tiers=("hot", "cold"))
        assert f"e{n}" in [hit.key for hit in (await memory.recall(graph, question)).hits]


async def killed(url: str, graph: str, *how: str) -> None:
    process = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", RUN, url, graph, *how], cwd=ROOT, check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}"}, capture_output=True,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()[-2000:]


async def filled(memory: Memory) -> str:
    graph = await new_graph(memory, f"archive_{secrets.token_hex(6)}")
    await memory.episodes.put(
        graph, [Episode(f"Letter {n} of the harbour: number {n}.", f"e{n}") for n in range(COUNT)]
    )
    await memory.embeddings.run(graph)
    await memory.tiers.put(graph, archive=True)
    await memory.tiers.move(graph, [f"e{n}" for n in range(COUNT)], "cold")
    return graph


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("to_archive", "after"), ("put", "before"), ("put", "after"), ("delete_passages", "after"),
        ("delete_vectors", "after"), ("forget_past_vectors", "after"),
    ],
)  # fmt: skip
async def test_a_sweep_that_was_killed_goes_on_without_loss(
    memory: Memory, shared_database_url: str, name: str, when: str
) -> None:
    graph = await filled(memory)
    await killed(shared_database_url, graph, "sweep", name, when)
    await whole(memory, graph)
    await memory.ports.tiers.flush(graph)  # Those that were found come back, and wait for exact vectors.
    await memory.embeddings.run(graph)
    await memory.tiers.move(graph, [f"e{n}" for n in range(COUNT)], "cold")
    await memory.tiers.sweep(graph)
    assert (await memory.tiers.report(graph)).tiers["cold"].archived == COUNT
    await whole(memory, graph)


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("to_restore", "after"), ("delete", "before"), ("delete", "after"), ("insert_vectors", "after"),
        ("wait", "after"), ("insert_passages", "before"), ("insert_passages", "after"),
    ],
)  # fmt: skip
async def test_a_restore_at_use_that_was_killed_loses_nothing(
    memory: Memory, shared_database_url: str, name: str, when: str
) -> None:
    graph = await filled(memory)
    assert (await memory.tiers.sweep(graph)).archived == COUNT
    await killed(shared_database_url, graph, "use", name, when)
    await whole(memory, graph)
    await memory.tiers.put(graph, archive=False)
    await memory.tiers.sweep(graph)
    assert (await memory.tiers.report(graph)).tiers["cold"].archived == 0
    await memory.embeddings.run(graph)
    await whole(memory, graph)
