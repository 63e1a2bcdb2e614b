"""`/mcp` of the server: handshakes of each version, keys, host names, sessions, cancelled calls, hostile input."""

import asyncio
import json
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from kgmem.domain.access import GrantRequest
from tests.rest import Door, refused

OLDER = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
ACCEPT = "application/json, text/event-stream"
HEADERS = {"Host": "127.0.0.1:8420", "Accept": ACCEPT, "Content-Type": "application/json"}
NEWEST = "2026-07-28"


def request(method: str, id_: int | str = 1, **params: Any) -> dict[str, Any]:
    """A request as it goes over the wire."""
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}


def hello(version: str, name: str = "claude-ai") -> dict[str, Any]:
    """The first request of a host."""
    return request("initialize", 0, protocolVersion=version, capabilities={}, clientInfo={"name": name, "version": "1"})


def call(tool: str, id_: int | str = 1, **arguments: Any) -> dict[str, Any]:
    """A call of a tool."""
    return request("tools/call", id_, name=tool, arguments=arguments)


def newest(message: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A request of the newest version: the message with its envelope, and its headers."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": NEWEST,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {**message["params"], "_meta": meta}
    headers = {"MCP-Protocol-Version": NEWEST, "Mcp-Method": message["method"]}
    named = {"Mcp-Name": message["params"]["name"]} if "name" in message["params"] else {}
    return {**message, "params": params}, headers | named


async def post(door: Door, message: Any, *, query: str = "", **headers: str) -> httpx.Response:
    """Send a message."""
    return await door.client.post(f"/mcp{query}", json=message, headers={**HEADERS, **headers})


def answers(response: httpx.Response) -> list[dict[str, Any]]:
    """The messages of a response."""
    assert response.status_code == 200, response.text
    if response.headers["content-type"].startswith("application/json"):
        return [response.json()]
    return [
        json.loads(line[5:]) for line in response.text.splitlines() if line.startswith("data:") and line[5:].strip()
    ]


def told(response: httpx.Response) -> str:
    """The text that a tool answers with."""
    return str(answers(response)[-1]["result"]["content"][0]["text"])


@pytest.mark.parametrize("version", OLDER)
async def test_hosts_of_each_older_version_shake_hands_and_call(door: Door, version: str) -> None:
    await door.people("Ada")
    response = await post(door, hello(version))
    (answer,) = answers(response)
    assert answer["result"]["protocolVersion"] == version
    assert answer["result"]["serverInfo"]["name"] == "kgmem"
    assert "remember" in answer["result"]["instructions"]
    session = {"Mcp-Session-Id": response.headers["mcp-session-id"]}
    if version >= "2025-06-18":
        session["MCP-Protocol-Version"] = version
    ready = await post(door, {"jsonrpc": "2.0", "method": "notifications/initialized"}, **session)
    assert ready.status_code == 202
    (listed,) = answers(await post(door, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, **session))
    assert len(listed["result"]["tools"]) == 10
    assert "Ada" in told(await post(door, call("search_entities", "two"), **session))
    (pong,) = answers(await post(door, request("ping", 9), **session))
    assert pong == {"jsonrpc": "2.0", "id": 9, "result": {}}


async def test_a_version_of_the_future_is_answered_by_one_that_is_known(door: Door) -> None:
    (answer,) = answers(await post(door, hello("2031-01-01")))
    assert answer["result"]["protocolVersion"] in OLDER


async def test_the_newest_version_needs_no_handshake_and_no_session(door: Door) -> None:
    await door.people("Ada")
    message, headers = newest(request("server/discover"))
    response = await post(door, message, **headers)
    assert NEWEST in answers(response)[0]["result"]["supportedVersions"]
    assert "mcp-session-id" not in response.headers
    message, headers = newest(call("search_entities"))
    assert "Ada" in told(await post(door, message, **headers))


async def test_the_client_of_the_sdk_calls_by_both_ways(door: Door) -> None:
    await door.people("Ada")
    transport = httpx2.ASGITransport(door.app)
    for mode in ("auto", "legacy"):
        headers = {"Authorization": door.client.headers["authorization"]}
        async with httpx2.AsyncClient(transport=transport, headers=headers) as client:
            address = "http://127.0.0.1:8420/mcp?tools=analyst"
            async with Client(streamable_http_client(address, http_client=client), mode=mode) as connected:
                names = [tool.name for tool in (await connected.list_tools()).tools]
                assert "run_cypher" in names
                assert "remember" not in names
                found = await connected.call_tool("run_cypher", {"query": "MATCH (n) RETURN n.name"})
                assert found.structured_content["rows"] == [["Ada"]]


async def test_only_a_valid_key_gets_in(door: Door) -> None:
    for header in ("", "Bearer", "Bearer kgm_wrong_wrong", "Digest x"):
        problem = await post(door, hello(OLDER[0]), Authorization=header)
        refused(problem, 401)
        assert problem.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_sees_only_its_scope_and_graph_whatever_the_model_sends(door: Door) -> None:
    await door.people("Ada", scope="user/1")
    await door.people("Eve", scope="user/2")
    mine = await door.key("writer", scope="user/1")
    assert "Ada" in told(await post(door, call("search_entities"), **mine))
    assert "Eve" not in told(await post(door, call("search_entities"), **mine))
    assert "no argument 'scope'" in told(await post(door, call("search_entities", scope="user/2"), **mine))
    (listed,) = answers(await post(door, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, **mine))
    assert all("scope" not in tool["inputSchema"]["properties"] for tool in listed["result"]["tools"])
    assert "another scope" in told(await post(door, call("search_entities"), query="?scope=user/2", **mine))
    for hostile in ("kgmem://main/entity/eve", "kgmem://other/entity/eve"):
        (answer,) = answers(await post(door, request("resources/read", uri=hostile), **mine))
        assert "There is no" in answer["error"]["message"]
    query = call("run_cypher", query="MATCH (n) RETURN count(n) AS n")
    assert "[1]" in told(await post(door, query, query="?tools=analyst", **mine))
    schema = told(await post(door, call("get_schema"), query="?tools=analyst", **mine))
    assert "label:Person] 1" in schema
    other = await door.key("admin", graph="main")
    assert "There is no graph" in told(await post(door, call("search_entities"), query="?graph=absent", **other))


async def test_grants_widen_what_a_key_reads(door: Door) -> None:
    await door.people("Ada", scope="team/7")
    key, secret = await door.memory.keys.create("one", "reader", scope="user/1")
    bearer = {"Authorization": f"Bearer {secret}"}
    assert "Ada" not in told(await post(door, call("search_entities"), **bearer))
    grant = await door.memory.keys.grant(key.id, GrantRequest("team/7", "read", "for a test"))
    async with asyncio.timeout(10):
        while "Ada" not in told(await post(door, call("search_entities"), **bearer)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await door.memory.keys.revoke_grant(key.id, grant.id)
        while "Ada" in told(await post(door, call("search_entities"), **bearer)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_reader_is_offered_nothing_that_writes_and_can_write_nothing(door: Door) -> None:
    reader = await door.key("reader")
    (listed,) = answers(await post(door, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, **reader))
    assert all(tool["annotations"]["readOnlyHint"] for tool in listed["result"]["tools"])
    (answer,) = answers(await post(door, call("remember", text="x"), **reader))
    assert "may not use it" in answer["error"]["message"]
    query = call("run_cypher", query="CREATE (:X)", write=True)
    assert "no argument 'write'" in told(await post(door, query, query="?tools=all", **reader))
    writing = call("run_cypher", query="CREATE (:X)")
    assert "write" in told(await post(door, writing, query="?tools=all", **reader))
    assert (await door.memory.graphs.stats("main")).entities == 0


async def test_a_session_is_its_key_s_alone(door: Door) -> None:
    session = (await post(door, hello("2025-06-18"))).headers["mcp-session-id"]
    other = await door.key("admin")
    for stranger in (session, "made-up", f"{session}0", "-"):
        refused(await post(door, request("ping"), **{**other, "Mcp-Session-Id": stranger}), 404, "session")
    (pong,) = answers(await post(door, request("ping"), **{"Mcp-Session-Id": session}))
    assert pong["result"] == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8420"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Host": "localhost", "Origin": "https://evil.example"},
        {"Host": "localhost", "Origin": "null"},
        {"Host": "localhost", "Origin": "http://203.0.113.9"},
        {"Host": "localhost", "Origin": "http://localhost.evil.example"},
    ],
)
async def test_names_that_may_be_rebound_and_foreign_pages_are_refused(door: Door, headers: dict[str, str]) -> None:
    refused(await post(door, hello(OLDER[0]), **headers), 403, "KGMEM_MCP_HOSTS")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:8420", "Origin": "http://localhost:6274"},
        {"Host": "[::1]:8420"},
        {"Host": "192.168.1.7:8420", "Origin": "http://127.0.0.1"},
        {"Host": "192.168.1.7:8420", "Origin": "http://192.168.1.7:8420"},
    ],
)
async def test_this_machine_s_names_and_addresses_are_answered(door: Door, headers: dict[str, str]) -> None:
    answers(await post(door, hello(OLDER[0]), **headers))


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
async def test_there_is_no_stream_to_open_and_no_session_to_delete(door: Door, method: str) -> None:
    response = await door.client.request(method, "/mcp", headers=HEADERS)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"1e999", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe",
        b'{"jsonrpc":"2.0"}', b'{"jsonrpc":"1.0","id":1,"method":"ping"}', b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"recall","arguments":"x"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"no/such"}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", [None, NEWEST])
async def test_what_is_no_message_is_refused_and_breaks_nothing(door: Door, body: bytes, version: str | None) -> None:
    headers = HEADERS | ({"MCP-Protocol-Version": version} if version else {})
    response = await door.client.post("/mcp", content=body, headers=headers)
    assert response.status_code in {200, 202, 400, 404, 422}
    if response.status_code == 200:
        assert all("error" in answer or answer["result"]["isError"] for answer in answers(response))
    assert "Traceback" not in response.text
    answers(await post(door, hello(OLDER[0])))


async def test_a_request_that_is_too_large_is_refused_unread(door: Door) -> None:
    message = call("recall", query="x" * (9 * 1024 * 1024))
    refused(await post(door, message), 413)
    assert "4000" in told(await post(door, call("recall", query="x" * 1_000_000)))


async def test_an_unknown_parameter_of_the_address_is_refused(door: Door) -> None:
    refused(await post(door, hello(OLDER[0]), query="?profile=all"), 422, "tools, graph, scope, read_only")


async def test_a_key_has_so_many_calls_at_once(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgmem.mcp.protocol.MOST_CALLS", 0)
    assert "in progress, the maximum" in told(await post(door, call("search_entities")))
