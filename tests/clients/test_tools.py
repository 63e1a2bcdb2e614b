"""What is built on Neo4j's drivers: neomodel, langchain, neo4j-graphrag, viewers for notebooks, a compliance suite."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Server
from tests.clients.environments import SCRIPTS, python, said

pytestmark = pytest.mark.slow


async def test_neomodel_creates_connects_filters_and_traverses(server: Server) -> None:
    found = await said([python("neomodel==7.0.0", "neo4j==6.1.0"), SCRIPTS / "neomodel_use.py"], **server.told)
    assert found == {
        "filtered": ["Ada", "Cyd"],
        "like": ["Ada"],
        "lives": "London",
        "since": 1830,
        "across": 1,
        "traversed": 1,
        "born": "1815-12-10",
        "refused": True,
        "deleted": True,
        "left": 2,
    }


LANGCHAIN = ("langchain-neo4j==0.11.0", "neo4j-graphrag==1.22.0", "neo4j==6.4.1")


async def test_langchain_learns_asks_writes_and_searches(server: Server) -> None:
    found = await said([python(*LANGCHAIN), SCRIPTS / "langchain_use.py"], **server.told)
    schema = found.pop("schema")
    for told in ("(:Inhabitant)-[:LIVES_IN]->(:City)", "age: INTEGER", "LIVES_IN {since: INTEGER}"):
        assert told in schema
    assert found == {
        "asked": [{"a": "Ada", "since": 1835, "c": "London"}],
        "nodes": 2,
        "near": 1,
        "filtered": [0],
        "both": "red apples",
    }


async def test_the_retrievers_of_graphrag_find(server: Server) -> None:
    found = await said([python(*LANGCHAIN), SCRIPTS / "graphrag_use.py"], **server.told)
    assert found["vector"] == ["{'text': 'beta rocket'}"]
    assert found["cypher"] == ["<Record text='beta rocket' score=1.0>"]
    assert set(found["hybrid"]) == {"{'text': 'alpha rocket'}", "{'text': 'beta rocket'}"}
    assert len(found["both"]) == 1
    assert "Passage {" in found["schema"]


async def test_viewers_and_pandas_take_in_what_queries_give(server: Server) -> None:
    packages = ("neo4j-viz==1.11.0", "yfiles_jupyter_graphs_for_neo4j==2.0.0", "neo4j==6.4.1", "pandas==2.3.3")
    found = await said([python(*packages), SCRIPTS / "viewers_use.py"], **server.told)
    assert found == {
        "viz": [4, 3, True],
        "yfiles": [4, 3],
        "table": {"name": ["Buzz", "Michael", "Neil"], "length": [4, 7, 4]},
        "expanded": 3,
        "gds": "Neo.ClientError.Statement.SyntaxError",
    }


async def test_all_133_checks_of_opencypher_compliance_pass(server: Server, tmp_path: Path) -> None:
    tool = python("opencypher-compliance==1.0.1", "neo4j==6.4.1").parent / "opencypher-compliance"
    host, port = server.address.split(":")
    where = ["--host", host, "--port", port, "-u", "neo4j", "-p", server.key, "-o", str(tmp_path), "-f", "json"]
    process = await asyncio.create_subprocess_exec(
        tool,
        "run",
        "-a",
        "bolt",
        *where,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
    )
    await asyncio.wait_for(process.wait(), 300)
    told = _results(tmp_path)
    assert told["metadata"]["passed"] == 133, [each for each in told["results"] if each.get("status") != "passed"]


def _results(folder: Path) -> Any:
    (file,) = folder.glob("*.json")
    return json.loads(file.read_text())
