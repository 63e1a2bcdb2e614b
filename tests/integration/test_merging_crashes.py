"""Merges that are broken off by kill -9: done or not done, and nothing between."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.invariants import assert_index_matches_labels

pytestmark = pytest.mark.crash
ROOT = Path(__file__).resolve().parents[2]


def killed(url: str, graph: str, seconds: float) -> None:
    """Let a process merge and part, and kill it so long after it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.merge_worker", url, graph],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


@pytest.mark.slow
async def test_a_merge_that_is_killed_is_done_or_not_done(memory: Memory, graph: str, shared_database_url: str) -> None:
    names = {"a": "Ann", "b": "Anne"}
    await memory.entities.put(graph, [Entity(key, "Person", name=name) for key, name in names.items()])
    await memory.entities.put(graph, [Entity(f"x{n}") for n in range(60)])
    for key, kinds in (("a", "KL"), ("b", "KM")):
        edges = [Relationship(kind, key, f"x{n}") for kind in kinds for n in range(60)]
        await memory.relationships.put(graph, edges)
    draw = random.Random(11)
    for _ in range(4):
        await asyncio.to_thread(killed, shared_database_url, graph, draw.uniform(0.0, 0.3))
        held = {key for key in ("a", "b") if key in {e.key for e in (await memory.entities.list(graph)).items}}
        edges = (await memory.relationships.list(graph, limit=1000)).items
        last = (await memory.resolution.merges(graph, limit=1))[0]
        if last.undone_at is None:
            assert held == {"a"}
            assert len(edges) == 180
            assert {edge.start for edge in edges} == {"a"}
            await memory.resolution.undo_merge(graph, last.id or 0, by="ada", reason="Two.")
        else:
            assert held == {"a", "b"}
            assert len(edges) == 240
        await assert_index_matches_labels(memory, graph)
