"""kill -9 of a process in the middle of a run of retention: another one ends it, and tells what was removed."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.retention.hold import HoldRequest
from kgmem.memory import Memory
from kgmem.store.retention.rules import PostgresRetention
from tests.memories import new_graph, query, with_ports

pytestmark = [pytest.mark.crash, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
# A process that kills itself at the third call of a step, before or after it.
RUN = """
import asyncio, os, signal, sys
from kgmem.services.retention import apply
from tests.memories import hashing, opened_memory
url, graph, step, when = sys.argv[1:]
apply._AT_ONCE, calls, whole = 10, 0, getattr(apply, step)
async def dying(*given, **more):
    global calls
    calls += 1
    if calls == 3 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    await whole(*given, **more)
    if calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
setattr(apply, step, dying)
async def main():
    async with opened_memory(url, embedder=hashing()) as memory:
        await memory.retention.run(graph)
asyncio.run(main())
"""


@pytest.mark.parametrize("step", ["_remove", "_delete", "_delete_at_once"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_run_that_was_killed_goes_on_without_loss(
    memory: Memory, shared_database_url: str, step: str, when: str
) -> None:
    graph = await new_graph(memory, f"retention_{secrets.token_hex(6)}")
    await memory.episodes.put(graph, [Episode(f"Text {n}.", f"t{n}", scope="u") for n in range(60)])
    await memory.episodes.put(graph, [Episode("Held.", "held", scope="law")])
    await memory.entities.put(graph, [Entity(f"e{n}") for n in range(30)])
    await memory.holds.put(graph, HoldRequest("scope", "Case 7.", "ann", "law"))
    await memory.retention.put(graph, name="all", keep=0.001)
    process = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", RUN, shared_database_url, graph, step, when], cwd=ROOT, check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}"}, capture_output=True,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()[-2000:]
    catalog: Any = memory.ports.graphs
    survivor = with_ports(memory, retention=PostgresRetention(catalog, lease=0.01))
    assert (await memory.retention.runs(graph)).items[0].state == "running"
    await asyncio.sleep(0.1)
    await survivor.tasks.apply_retention(graph)
    index = (await catalog.layout(graph)).index_name
    assert {row["key"] for row in await query(memory, f"SELECT key FROM {index}.item WHERE kind < 3")} == {"held"}
    run = (await memory.retention.runs(graph)).items[0]
    assert (run.state, run.planned, sum(each.removed for each in run.counts)) == ("done", 90, 90)
    items = (await memory.retention.items(graph, run=run.id, limit=1000)).items
    assert {each.state for each in items} == {"removed"}
