"""What the Model Context Protocol costs: a recall over MCP, beside the same recall over REST and in Python.

A graph of entities with texts, embedded by the feature hashing that each process computes for itself. The same question
goes to memory.recall, to POST /v1/graphs/{graph}/recall over one kept connection, and to the tool `recall` by the SDK's
own client: over standard input and output (`kgmem mcp`), and over HTTP to `/mcp` by an earlier version of the protocol
and by the newest. A tool's answer is text within a budget of tokens, and the same as a structured result. p50 of
interleaved repetitions. The server, `kgmem mcp` and this process are on one database.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import SecretStr

from bench.contract import Figure, compared
from bench.rig.client import Door, Line
from bench.rig.clock import interleave
from bench.rig.database import fresh_database
from bench.rig.rows import Corpus, batches
from bench.rig.server import serving
from kgmem.bootstrap import open_memory
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.settings import Settings

ROWS = 20_000
SHORT = 1_000
K = 10
QUESTIONS = 200
GRAPH = "bench"
EMBEDDER = "hash"
Ask = Callable[[str], Awaitable[Any]]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of a recall over each way, beside that in Python."""
    corpus = Corpus(rows)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database())
        settings = Settings(database_url=SecretStr(url), embedder=EMBEDDER)
        memory = await stack.enter_async_context(open_memory(settings, migrating=True))
        await memory.graphs.create(GRAPH)
        for batch in batches(corpus.rows(), 2000):
            await memory.entities.put(GRAPH, [replace(row.entity(placed=False), embedding=None) for row in batch])
        await memory.embeddings.run(GRAPH)
        door = await stack.enter_async_context(serving(url, memory, EMBEDDER=EMBEDDER, BOLT="false", WORKER="false"))
        line = Line(door)
        stack.callback(line.close)
        asked = [text for text, _, _ in corpus.questions(QUESTIONS)]
        clients = [
            Client(_stdio(url)),
            Client(await _http(door, stack), mode="legacy"),
            Client(await _http(door, stack)),
        ]
        tools = [await stack.enter_async_context(client) for client in clients]
        inside, rest, *by_mcp = await interleave(
            asked, _in_python(memory), _by_rest(door, line), *(_by_tool(each) for each in tools)
        )
    yield compared(f"recall of {K} over REST, beside memory.recall, p50", rest.p50, inside.p50, "ms")
    names = ("standard input and output", "HTTP, version 2025-11-25", "HTTP, version 2026-07-28")
    for name, times in zip(names, by_mcp, strict=True):
        yield compared(f"the same over MCP ({name}), beside REST", times.p50, rest.p50, "ms")
        yield compared(f"the same over MCP ({name}), beside memory.recall", times.p50, inside.p50, "ms")


def _stdio(url: str) -> Any:
    """Return what starts `kgmem mcp` over a database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KGMEM_")}
    settings = {"KGMEM_DATABASE_URL": url, "KGMEM_EMBEDDER": EMBEDDER, "KGMEM_WORKER": "false", "KGMEM_CACHE": "false"}
    arguments = ["-c", "from kgmem.cli.main import run; run()", "mcp", "--graph", GRAPH]
    return stdio_client(StdioServerParameters(command=sys.executable, args=arguments, env=kept | settings))


async def _http(door: Door, stack: AsyncExitStack) -> Any:
    """Return what connects to the server."""
    client = httpx2.AsyncClient(headers={"Authorization": f"Bearer {door.secret}"}, timeout=60)
    await stack.enter_async_context(client)
    return streamable_http_client(f"http://{door.host}:{door.port}/mcp?graph={GRAPH}", http_client=client)


def _in_python(memory: Memory) -> Ask:
    async def ask(text: str) -> Any:
        return await memory.recall(GRAPH, Question(What(text=text), k=K))

    return ask


def _by_rest(door: Door, line: Line) -> Ask:
    path = f"/v1/graphs/{GRAPH}/recall"

    async def ask(text: str) -> Any:
        return line.ask(door.message("POST", path, {"what": {"text": text}, "k": K}))

    return ask


def _by_tool(client: Client) -> Ask:
    async def ask(text: str) -> Any:
        answer = await client.call_tool("recall", {"query": text, "limit": K})
        if answer.is_error:
            raise RuntimeError(f"The tool failed: {answer.content}")
        return answer

    return ask
