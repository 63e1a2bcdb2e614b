"""The air routes as one Cypher statement of 3.6 million characters, against the same as CSV."""

from pathlib import Path
from typing import Any

import pytest

from kgmem.bootstrap import open_memory
from kgmem.memory import Memory
from kgmem.query.errors import CypherError
from kgmem.services.imports.options import ImportOptions
from kgmem.settings import Settings
from tests.data import data, plain

FOLDER = "spatial_airroutes"
SAID = ["code", "desc", "icao", "city", "region", "country", "runways", "longest", "elev", "lat", "lon"]
# The two tell of their own version in other words.
NODES = f"""
MATCH (n) WHERE toLower(labels(n)[0]) <> 'version'
RETURN coalesce(n.key, n.id) AS id, toLower(labels(n)[0]) AS label, {", ".join(f"n.{name} AS {name}" for name in SAID)}
"""
LINKS = """
MATCH (a)-[r]->(b)
RETURN coalesce(a.key, a.id) AS start, toLower(type(r)) AS kind, coalesce(b.key, b.id) AS end, r.dist AS dist
"""


async def contents(memory: Memory, graph: str) -> tuple[list[Any], list[Any]]:
    """Return all nodes and all relationships that a graph has."""
    found = [await memory.cypher(graph, text) for text in (NODES, LINKS)]
    nodes, links = (sorted((tuple(row) for row in answer.rows), key=repr) for answer in found)
    return nodes, links


@pytest.mark.slow
async def test_the_script_makes_the_graph_that_the_tables_make(database_url: str, tmp_path: Path) -> None:
    script = plain(f"{FOLDER}/air-routes.cypher.xz").decode()
    tables = [data(f"{FOLDER}/air-routes-latest-{part}.csv.xz") for part in ("nodes", "edges")]
    settings = Settings(
        database_url=database_url, embedder="none", home=tmp_path, statement_timeout=1200, cypher_length=4_000_000
    )
    async with open_memory(settings) as memory:
        for graph in ("script", "tables"):
            await memory.graphs.create(graph)
        answer = await memory.cypher("script", script, mode="write")
        made = {name: count for name, count in answer.counters.items() if name.endswith("created")}
        assert made == {"nodes_created": 3749, "relationships_created": 57_645}
        imported = await memory.imports.run("tables", tables, ImportOptions())
        assert imported.kinds == {"entity": 3749, "relationship": 57_645}
        nodes, links = await contents(memory, "script")
        others, other_links = await contents(memory, "tables")
        assert nodes == others
        assert links == other_links
        assert len(links) == 57_645


async def test_a_query_is_only_so_long(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database_url, embedder="none", home=tmp_path, cypher_length=30_000)
    async with open_memory(settings) as memory:
        await memory.graphs.create("short")
        text = f"RETURN {'1 /* one */,' * 1500} 2 AS two".replace("1 ", "1 AS a")  # Columns of one name: refused later.
        assert len(text) < 30_000
        with pytest.raises(CypherError) as caught:
            await memory.cypher("short", text)
        assert caught.value.detail == "ColumnNameConflict"
        with pytest.raises(CypherError, match="40,000 characters, and the limit is 30,000") as caught:
            await memory.cypher("short", "RETURN 1".ljust(40_000))
        assert caught.value.detail == "QueryTooLong"
