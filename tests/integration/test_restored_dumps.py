"""A database that pg_dump wrote and pg_restore made again, as docs/operations.md tells."""

import asyncio
import os
import re
import secrets
from pathlib import Path

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.store.embedded.binaries import find_binaries
from tests import postgres
from tests.invariants import assert_index_matches_labels
from tests.memories import cypher, hashing, opened_memory, other_client

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


async def run(program: str, *arguments: str) -> None:
    """Run a program of Postgres."""
    command = [find_binaries().program(program), *arguments]
    environment = os.environ | {"PGOPTIONS": "-c kgmem.own=on"}
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, env=environment)
    _, told = await process.communicate()
    assert (process.returncode, told) == (0, b"")


@pytest.mark.long
async def test_a_restored_dump_serves_kgmem_and_other_clients_of_age(
    database_url: str, postgres_url: str, tmp_path: Path
) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory:
        for graph in ("first", "second"):
            await memory.graphs.create(graph)
            people = [Entity("ada", "Person", "Ada", text="Ada drinks tea."), Entity("ben", "Person", "Ben")]
            await memory.entities.put(graph, people)
            await memory.relationships.put(graph, [Relationship("KNOWS", "ada", "ben")])
        await memory.graphs.delete("first")
    name = f"kgmem_test_{secrets.token_hex(6)}"
    restored = postgres.with_database(postgres_url, name)
    await run("pg_dump", "--dbname", database_url, "--format=custom", "--no-sync", "--file", str(tmp_path / "dump"))
    await postgres.run_on(postgres_url, f"CREATE DATABASE {name}")
    await run("pg_restore", "--dbname", restored, str(tmp_path / "dump"))
    (repair,) = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    await postgres.run_on(restored, repair)

    async with opened_memory(restored, embedder=hashing()) as memory, other_client(restored) as client:
        assert (await memory.recall("second", Question(What(text="tea")))).hits[0].key == "ada"
        await memory.entities.put("second", [Entity("city", "City", "Rome"), Entity("ada", "Person", "Ada L.")])
        assert (await memory.entities.get("second", "ada")).name == "Ada L."
        assert await cypher(client, "second", "MATCH (a)-[:KNOWS]->(b) RETURN b.key") == [['"ben"']]
        await cypher(client, "second", "CREATE (:City {key: 'oslo'})")
        assert await memory.index.sync("second") == 1
        await assert_index_matches_labels(memory, "second")
        await memory.graphs.create("third")
        await memory.graphs.delete("second")
        assert [graph.name for graph in await memory.graphs.list()] == ["third"]
    await postgres.drop_database(postgres_url, name)
