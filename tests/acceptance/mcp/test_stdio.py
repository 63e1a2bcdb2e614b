"""`kgmem mcp` as hosts start it: lines of JSON as they send them, and nothing but protocol on standard output."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from bench.rig.server import ServerProcess
from kgmem.bootstrap import open_memory
from kgmem.settings import Settings
from tests.cli import Command

SOON = 60
PROGRAM = [sys.executable, "-c", "from kgmem.cli.main import run; run()", "mcp"]
# What hosts send first, as they were seen to send it.
CLAUDE_DESKTOP = (
    '{"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":'
    '{"name":"claude-ai","version":"0.1.0"}},"jsonrpc":"2.0","id":0}'
)
CURSOR = (
    '{"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{"tools":true,"prompts":true,'
    '"resources":true,"logging":false,"roots":{"listChanged":false}},"clientInfo":{"name":"cursor-vscode",'
    '"version":"1.0.0"}},"jsonrpc":"2.0","id":0}'
)
VSCODE = (
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":'
    '{"listChanged":true},"sampling":{},"elicitation":{"form":{},"url":{}}},"clientInfo":'
    '{"name":"Visual Studio Code","version":"1.106.0"}}}'
)
OLD = (
    '{"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":'
    '{"experimental":{}},"clientInfo":{"name":"mcp","version":"0.1.0"}}}'
)
NEWEST = (
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":'
    '"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},'
    '"io.modelcontextprotocol/clientCapabilities":{}}}}'
)


@dataclass
class Host:
    """A host's side of a program that it started."""

    process: asyncio.subprocess.Process

    async def send(self, line: str) -> None:
        """Send one line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def receive(self) -> dict[str, Any]:
        """Return the next message; whatever is on standard output must be one."""
        assert self.process.stdout is not None
        message: dict[str, Any] = json.loads(await self.process.stdout.readline())
        assert message["jsonrpc"] == "2.0"
        return message

    async def ask(self, line: str) -> dict[str, Any]:
        """Send a request, and return its answer."""
        await self.send(line)
        return await self.receive()

    async def end(self) -> bytes:
        """End the input, and return what else came on standard output."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        rest = await self.process.stdout.read()
        await self.process.wait()
        return rest


def environment(database_url: str, home: Path) -> dict[str, str]:
    """The variables of a program over a database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KGMEM_")}
    told = {"DATABASE_URL": database_url, "HOME": str(home), "EMBEDDER": "hash", "EXTRACTOR": "none", "WORKER": "false"}
    return kept | {f"KGMEM_{name}": value for name, value in told.items()}


@asynccontextmanager
async def started(variables: Mapping[str, str], *arguments: str) -> AsyncIterator[Host]:
    """A program that a host has started."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(variables), limit=1 << 24
    )
    async with asyncio.timeout(SOON):
        try:
            yield Host(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.fixture
def variables(database_url: str, tmp_path: Path) -> dict[str, str]:
    """The variables of a program over a database of its own."""
    return environment(database_url, tmp_path)


def call(tool: str, id_: int = 5, **arguments: Any) -> str:
    """The line that calls a tool."""
    params = {"name": tool, "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": params})


def text_of(answer: dict[str, Any]) -> str:
    """The text that a tool answers with."""
    return str(answer["result"]["content"][0]["text"])


@pytest.mark.long
async def test_a_host_shakes_hands_calls_and_leaves_nothing_behind(variables: dict[str, str]) -> None:
    async with started(variables) as host:
        answer = await host.ask(CLAUDE_DESKTOP)
        assert answer["id"] == 0
        assert answer["result"]["protocolVersion"] == "2025-06-18"
        await host.send('{"method":"notifications/initialized","jsonrpc":"2.0"}')
        listed = await host.ask('{"method":"tools/list","params":{},"jsonrpc":"2.0","id":1}')
        assert len(listed["result"]["tools"]) == 10
        for method in ("prompts/list", "resources/list", "resources/templates/list"):
            assert "result" in await host.ask(json.dumps({"jsonrpc": "2.0", "id": 2, "method": method, "params": {}}))
        stored = await host.ask(call("remember", text="The Eagle has landed \u2028 \U0001f680."))
        assert "[episode:" in text_of(stored)
        assert "\U0001f680" in text_of(await host.ask(call("recall", query="Eagle")))
        for hostile in ("", "{", "null", "[]", "\udcff".encode("utf-8", "replace").decode(), '{"id":1}', "x" * 200_000):
            await host.send(hostile)
        await host.send(call("recall", 6, query="y" * 3_000_000))
        while (answer := await host.receive()).get("id") != 6:
            assert "error" in answer
        assert "4000" in text_of(answer)
        assert await host.end() == b""
    assert host.process.returncode == 0


@pytest.mark.parametrize(
    ("line", "version"), [(CURSOR, "2025-03-26"), (VSCODE, "2025-11-25"), (OLD, "2024-11-05"), (NEWEST, None)]
)
@pytest.mark.slow
async def test_other_hosts_shake_hands_in_their_own_words(
    variables: dict[str, str], line: str, version: str | None
) -> None:
    async with started(variables) as host:
        answer = await host.ask(line)
        assert answer["id"] == json.loads(line)["id"]
        if version is None:
            assert len(answer["result"]["tools"]) == 10
        else:
            assert answer["result"]["protocolVersion"] == version
        assert await host.end() == b""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_it_in_order(variables: dict[str, str], number: int) -> None:
    async with started(variables) as host:
        await host.ask(CLAUDE_DESKTOP)
        await host.ask(call("search_entities"))
        host.process.send_signal(number)
        await host.process.wait()
    assert host.process.returncode == 0


@pytest.mark.slow
async def test_a_call_is_cancelled_and_the_connection_goes_on(variables: dict[str, str]) -> None:
    async with started(variables, "--tools", "all") as host:
        await host.ask(CLAUDE_DESKTOP)
        await host.ask(call("remember", text="x"))
        heavy = "UNWIND range(1, 500) AS n CREATE (:N {n: n})"
        await host.ask(call("run_cypher", query=heavy, write=True))
        await host.send(call("run_cypher", 7, query="MATCH (a:N), (b:N), (c:N), (d:N) RETURN count(*)"))
        await asyncio.sleep(0.5)
        await host.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}')
        assert (await host.ask('{"jsonrpc":"2.0","id":8,"method":"ping"}'))["id"] in {7, 8}
        assert await host.end() in {b"", b'{"jsonrpc":"2.0","id":8,"result":{}}\n'}


@pytest.mark.slow
async def test_a_database_that_is_not_there_is_said_to_the_model(variables: dict[str, str]) -> None:
    gone = {**variables, "KGMEM_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    async with started(gone) as host:
        assert "result" in await host.ask(CLAUDE_DESKTOP)
        answer = await host.ask(call("recall", query="x"))
        assert answer["result"]["isError"]
        assert "database is not reachable" in text_of(answer)
        assert await host.end() == b""


@pytest.mark.slow
async def test_two_hosts_share_an_empty_data_folder_and_its_postgres_ends_with_them(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KGMEM_")}
    home = tmp_path / "home"
    told = {**kept, "KGMEM_HOME": str(home), "KGMEM_EMBEDDER": "hash", "KGMEM_EXTRACTOR": "none"}
    async with started(told) as one, started(told) as other:
        await asyncio.gather(one.ask(CLAUDE_DESKTOP), other.ask(CURSOR))
        stored = await asyncio.gather(
            one.ask(call("remember", text="One knows the word larch.")),
            other.ask(call("remember", text="The other knows the word birch.")),
        )
        assert all("[episode:" in text_of(each) for each in stored)
        assert await one.end() == b""
        assert "larch" in text_of(await other.ask(call("recall", query="the word")))
        assert await other.end() == b""
    assert not (home / "postgres" / "postmaster.pid").exists()


@pytest.mark.slow
async def test_a_host_reaches_a_server_by_a_bridge(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database_url, embedder="hash", home=tmp_path)  # type: ignore[arg-type]
    async with open_memory(settings) as memory:
        await memory.graphs.create("main")
        _, secret = await memory.keys.create("tests", "writer", scope="user/1")
    server = ServerProcess(
        {"DATABASE_URL": database_url, "HOME": str(tmp_path), "EMBEDDER": "hash", "EXTRACTOR": "none", "BOLT": "false"}
    )
    try:
        await server.ready()
        told = environment("", tmp_path) | {"KGMEM_KEY": secret, "KGMEM_URL": f"http://127.0.0.1:{server.port}"}
        for mode in ("auto", "legacy"):
            parameters = StdioServerParameters(command=PROGRAM[0], args=PROGRAM[1:], env=told)
            async with asyncio.timeout(SOON), Client(stdio_client(parameters), mode=mode) as client:
                await client.call_tool("remember", {"text": "The word is \u00e9larch \u2028 here."})
                found = await client.call_tool("recall", {"query": "word"})
                assert "\u00e9larch" in found.content[0].text  # type: ignore[union-attr]
                tools = (await client.list_tools()).tools
                assert all("scope" not in tool.input_schema["properties"] for tool in tools)
        async with started({**told, "KGMEM_KEY": "kgm_wrong"}) as host:
            assert "key" in (await host.ask(CLAUDE_DESKTOP))["error"]["message"].lower()
            assert await host.end() == b""
    finally:
        await server.stop()
    async with started(told) as host:
        assert "cannot be reached" in (await host.ask(CLAUDE_DESKTOP))["error"]["message"]
        assert await host.end() == b""


def test_a_configuration_is_printed_and_wrong_options_are_refused(kgmem: Command, monkeypatch: Any) -> None:
    monkeypatch.setattr(
        "sys.argv", ["kgmem", "mcp", "--tools", "analyst", "--key", "kgm_x", "--print-config", "cursor"]
    )
    printed = kgmem("mcp", "--tools", "analyst", "--key", "kgm_x", "--print-config", "cursor")
    entry = json.loads(printed.out)["mcpServers"]["kgmem"]
    assert entry["args"] == ["mcp", "--tools", "analyst"]
    assert entry["env"]["KGMEM_EMBEDDER"] == "hash"
    assert entry["env"]["KGMEM_DATABASE_URL"] == "YOUR_DATABASE_URL"
    for arguments, words in (
        (["--print-config", "emacs"], "claude-desktop"),
        (["--tools", "everything"], "analyst"),
        (["--graph", "1"], "letter"),
        (["--scope", "a b"], "path"),
        (["--url", "http://127.0.0.1:1"], "KGMEM_KEY"),
        (["--key", "kgm_x"], "--url"),
    ):
        done = kgmem("mcp", *arguments)
        assert done.code == 2
        assert words in done.err
