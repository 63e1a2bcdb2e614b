"""What the tests of interrupted imports share: imports as processes to kill, and graphs that must be as if not."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgmem.memory import Memory
from tests.imports import assert_changes_tell_all, contents
from tests.invariants import assert_index_matches_labels
from tests.memories import index_schema, query

LARGE = 25  # From how many rows on a batch of these imports is large, so that indexes are set aside.
_LEFT = (
    "SELECT name::text AS what FROM kgmem.deferred_index WHERE graph = $1",
    "SELECT e.record FROM kgmem.import_episode e JOIN kgmem.import i ON i.id = e.import WHERE i.graph = $1",
    "SELECT r.stored FROM kgmem.import_relationship r JOIN kgmem.import i ON i.id = r.import WHERE i.graph = $1",
    """
    SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid, kgmem.graph g
    WHERE g.id = $1 AND NOT i.indisvalid AND x.relnamespace = g.index_name::text::regnamespace
    """,
)
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Orders:
    """What an importing process is asked to do."""

    url: str
    graph: str
    files: Sequence[Path]
    options: dict[str, Any]


@contextmanager
def importing(orders: Orders) -> Iterator[subprocess.Popen[str]]:
    """An import in a process of its own, from the moment at which it begins; what is left of it is killed."""
    told = {
        "url": orders.url,
        "graph": orders.graph,
        "files": list(map(str, orders.files)),
        "options": orders.options,
        "large": LARGE,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.import_worker", json.dumps(told)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'api'}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


async def batches(memory: Memory, graph: str) -> int:
    """How many batches the imports of a graph have stored."""
    (row,) = await query(
        memory,
        "SELECT count(*) AS batches FROM kgmem.import_batch b JOIN kgmem.import i ON i.id = b.import "
        "JOIN kgmem.graph g ON g.id = i.graph WHERE g.name = $1",
        graph,
    )
    return int(row["batches"])


async def assert_as_uninterrupted(memory: Memory, graph: str, whole: str) -> None:
    """Compare a graph whose import was interrupted with one whose import was not: all that is held and told."""
    held, expected = await contents(memory, graph), await contents(memory, whole)
    assert set(held) == set(expected), f"{set(held) - set(expected)} instead of {set(expected) - set(held)}"
    assert len(held) == len(expected), "something is held twice"
    await assert_index_matches_labels(memory, graph)
    await assert_changes_tell_all(memory, graph)
    (done, *_), (other, *_) = await memory.imports.list(graph), await memory.imports.list(whole)
    told = ("state", "read", "created", "updated", "unchanged", "rejected", "linking", "kinds", "error")
    assert {name: getattr(done, name) for name in told} == {name: getattr(other, name) for name in told}
    assert await rejections(memory, graph, done.id) == await rejections(memory, whole, other.id)
    assert await index_definitions(memory, graph) == await index_definitions(memory, whole)
    await assert_nothing_left(memory, graph)


async def rejections(memory: Memory, graph: str, import_: int) -> list[Any]:
    """What an import rejected, in the order of the files."""
    return sorted([each async for each in memory.imports.rejections(graph, import_)], key=lambda r: (r.file, r.line))


async def index_definitions(memory: Memory, graph: str) -> list[str]:
    """All indexes of a graph's tables, as texts without its name; those that are not valid say so."""
    catalog: Any = memory.ports.graphs
    layout = await catalog.layout(graph)
    rows = await query(
        memory,
        "SELECT pg_get_indexdef(i.indexrelid) AS definition, i.indisvalid FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = ANY ($1)",
        [layout.index_name, layout.age_name],
    )
    texts = [f"{row['definition']}{'' if row['indisvalid'] else ' (not valid)'}" for row in rows]
    return sorted(re.sub(rf'"?\b({layout.index_name}|{layout.age_name})\b"?', "GRAPH", text) for text in texts)


async def assert_nothing_left(memory: Memory, graph: str) -> None:
    """See that no import of a graph has left anything behind that only it needed."""
    catalog: Any = memory.ports.graphs
    layout = await catalog.layout(graph)
    for what in _LEFT:
        assert await query(memory, what, layout.id) == [], what
    schema = await index_schema(memory, graph)
    assert (
        await query(memory, f"SELECT id FROM {schema}.passage WHERE item NOT IN (SELECT id FROM {schema}.item)") == []
    )
