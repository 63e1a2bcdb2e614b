"""After an import the planner knows what was loaded: no query waits for autovacuum to look at the tables."""

from pathlib import Path

import asyncpg
import orjson

from kgmem.memory import Memory
from tests.memories import new_graph

_KINDS = 3


async def rows_known(url: str, memory: Memory, graph: str) -> tuple[float, set[int]]:
    """Return the edges that the planner expects in a graph, and the kinds of them that it knows of."""
    connection = await asyncpg.connect(url)
    try:
        index = await connection.fetchval("SELECT index_name FROM kgmem.graph WHERE name = $1", graph)
        rows = await connection.fetchval("SELECT reltuples FROM pg_class WHERE oid = $1::regclass", f"{index}.edge")
        kinds = await connection.fetchval(
            "SELECT most_common_vals::text::int[] FROM pg_stats"
            " WHERE schemaname = $1 AND tablename = 'edge' AND attname = 'kind'",
            index,
        )
        return rows, set(kinds or ())
    finally:
        await connection.close()


async def test_the_planner_knows_every_kind_of_relationship_once_an_import_has_ended(
    memory: Memory, shared_database_url: str, tmp_path: Path
) -> None:
    count = 1_200
    file = tmp_path / "graph.jsonl"
    entities = [{"type": "entity", "key": f"e{n}", "label": "Thing"} for n in range(count)]
    relationships = [
        {"type": "relationship", "from": f"e{n}", "to": f"e{n - 1}", "kind": f"KIND_{kind}"}
        for kind in range(_KINDS)
        for n in range(1, count)
    ]
    file.write_bytes(b"\n".join(map(orjson.dumps, entities + relationships)))
    await new_graph(memory, "planned")
    assert (await memory.imports.run("planned", [file])).rejected == 0
    rows, kinds = await rows_known(shared_database_url, memory, "planned")
    assert (rows, len(kinds)) == (_KINDS * (count - 1), _KINDS)
