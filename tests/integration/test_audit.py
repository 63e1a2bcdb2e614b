"""The audit log: what is noted of every interface, that it only grows, and that no tampering goes unseen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import neo4j
import orjson
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.bootstrap import open_memory
from kgmem.domain.audit.chain import FIRST_HASH, chained, verify_export
from kgmem.domain.audit.log import AuditEntry, AuditEvent, AuditFilter, AuditHead
from kgmem.domain.erasure.erasure import ErasureRequest
from kgmem.domain.errors import InvalidInput
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.store.audit import audit_log
from kgmem.store.audit.audit_log import PostgresAuditLog
from kgmem.store.db.database import Database
from kgmem_api.app import close, create_app
from tests.rest import Door, done, refused

EVENT = AuditEvent("rest", "GET /v1/x", change=False, outcome="done", key="k", graph="g", scope="user/1", item="secret")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
async def log(database: Database) -> AsyncIterator[PostgresAuditLog]:
    made = PostgresAuditLog(database, default="all")
    yield made
    await made.aclose()


async def _noted(log: PostgresAuditLog, count: int = 1, event: AuditEvent = EVENT) -> AuditHead:
    for _ in range(count):
        log.note(event)
    return await log.head()


async def _sql(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_entries_are_chained_and_say_no_names(log: PostgresAuditLog) -> None:
    head = await _noted(log, 3)
    page = await log.list(AuditFilter(), cursor=None, limit=2)
    assert [each.id for each in page.items] == [3, 2]
    (first,) = (await log.list(AuditFilter(), cursor=page.cursor, limit=2)).items
    assert (first.id, first.action, first.key, first.graph, first.change) == (1, "GET /v1/x", "k", "g", False)
    assert "secret" not in first.text()
    assert "user/1" not in first.text()
    hash_ = FIRST_HASH
    exported = [entry async for entry in log.export(AuditFilter())]
    for entry in exported:  # Whoever has an export can verify it with nothing but SHA-256.
        hash_ = chained(hash_, entry.text())
        assert entry.hash == hash_.hex()
    assert (head.id, head.hash) == (3, hash_.hex())
    found = await log.verify(None)
    assert (found.entries, found.broken, found.head) == (3, None, head)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kgmem.audit SET key = 'another'",
        "UPDATE kgmem.audit SET entry = entry WHERE false",
        "DELETE FROM kgmem.audit WHERE id = 1",
        "TRUNCATE kgmem.audit",
    ],
)
async def test_the_database_refuses_to_change_and_delete_entries(
    log: PostgresAuditLog, database_url: str, statement: str
) -> None:
    await _noted(log)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only grows"):
        await _sql(database_url, statement)
    assert (await log.verify(None)).entries == 1


_OFF = "ALTER TABLE kgmem.audit DISABLE TRIGGER audit_grows"


@pytest.mark.parametrize(
    ("damage", "broken", "reason"),
    [
        ("UPDATE kgmem.audit SET entry = replace(entry, '\"done\"', '\"gone\"') WHERE id = 4", 4, "hash"),
        ("UPDATE kgmem.audit SET key = 'another' WHERE id = 4", 4, "columns"),
        ("UPDATE kgmem.audit SET key = NULL WHERE id = 4", 4, "columns"),
        ("UPDATE kgmem.audit SET at = at + interval '1 us' WHERE id = 4", 4, "columns"),
        ("UPDATE kgmem.audit SET change = true WHERE id = 4", 4, "columns"),
        ("UPDATE kgmem.audit SET hash = sha256('x') WHERE id = 4", 4, "hash"),
        ("DELETE FROM kgmem.audit WHERE id = 4", 4, "missing"),
        ("DELETE FROM kgmem.audit WHERE id = 1", 1, "missing"),
        ("DELETE FROM kgmem.audit WHERE id > 4", 5, "missing"),
        ("DELETE FROM kgmem.audit", 1, "missing"),
        ("UPDATE kgmem.audit SET id = 100 WHERE id = 4", 4, "missing"),
        ("UPDATE kgmem.audit_state SET last_hash = sha256('x')", 8, "ended"),
    ],
)
async def test_the_first_entry_that_was_tampered_with_is_named(
    log: PostgresAuditLog, database_url: str, damage: str, broken: int, reason: str
) -> None:
    await _noted(log, 8)
    await _sql(database_url, _OFF, damage)
    found = await log.verify(None)
    assert found.broken == broken
    assert reason in (found.reason or "")


async def test_a_chain_that_was_computed_again_does_not_have_what_was_noted(
    log: PostgresAuditLog, database_url: str, database: Database
) -> None:
    noted = await _noted(log, 3)
    await _noted(log, 2)
    assert (await log.verify(noted)).broken is None
    truncated = "UPDATE kgmem.audit_state SET last_id = 2, last_hash = (SELECT hash FROM kgmem.audit WHERE id = 2)"
    await _sql(database_url, _OFF, "DELETE FROM kgmem.audit WHERE id > 2", truncated)
    assert (await log.verify(None)).broken is None
    assert (await log.verify(noted)).broken == 3
    anew = ("DELETE FROM kgmem.audit_state", "INSERT INTO kgmem.audit_state DEFAULT VALUES")
    await _sql(database_url, "DELETE FROM kgmem.audit", *anew)
    again = PostgresAuditLog(database, default="all")
    await _noted(again, 5, AuditEvent("rest", "GET /v1/y", change=False, outcome="done"))
    assert (await again.verify(None)).broken is None
    assert (await again.verify(noted)).broken == 3
    await again.aclose()


async def test_processes_extend_one_chain(database: Database) -> None:
    logs = [PostgresAuditLog(database, default="all") for _ in range(5)]
    for number in range(40):
        for each in logs:
            each.note(EVENT)
        if number % 10 == 0:
            await asyncio.gather(*(each.head() for each in logs))
    for each in logs:
        await each.aclose()
    found = await logs[0].verify(None)
    assert (found.entries, found.broken) == (200, None)


async def test_old_entries_go_and_the_rest_is_still_one_chain(
    log: PostgresAuditLog, database: Database, database_url: str
) -> None:
    noted = await _noted(log, 3)
    await asyncio.sleep(0.05)
    later = await _noted(log, 2)
    assert await log.trim() == 0  # Without a setting nothing goes.
    age = "SELECT extract(epoch FROM now() - max(at))::float8 FROM kgmem.audit WHERE id = 3"
    async with database.connection() as connection:
        seconds = await connection.fetchval(age)
    keeping = PostgresAuditLog(database, default="all", days=(seconds - 0.02) / 86_400)
    assert await keeping.trim() == 3
    found = await log.verify(later)
    assert (found.entries, found.first, found.broken, found.noted) == (3, 4, None, "present")
    (last, *_) = (await log.list(AuditFilter(), cursor=None, limit=1)).items
    assert last.action == f"removed entries up to 3:{noted.hash}"
    assert (await log.verify(noted)).noted == "present"  # The last that went is what the chain now begins with.
    assert (await log.verify(AuditHead(2, "0" * 64))).noted == "removed"
    assert (await log.verify(AuditHead(3, "0" * 64))).broken == 3
    assert (await log.verify(AuditHead(99, "0" * 64))).broken == 99
    await _noted(log)
    assert (await log.verify(None)).entries == 4
    exported = [each async for each in log.export(AuditFilter())]
    assert (verify_export(exported, later).entries, verify_export(exported, later).noted) == (4, "present")
    assert verify_export(exported[1:]).broken == 4
    # Who removes more, and sets where the chain begins, has no entry of it.
    cut = "UPDATE kgmem.audit_state SET base_id = 4, base_hash = (SELECT hash FROM kgmem.audit WHERE id = 4)"
    await _sql(database_url, _OFF, cut, "DELETE FROM kgmem.audit WHERE id = 4")
    found = await log.verify(None)
    assert (found.broken, found.reason) == (4, "It and those before were not removed by retention.")


async def test_retention_goes_on_in_steps_and_keeps_up_with_writers(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "_REMOVED_AT_ONCE", 7)
    keeping = PostgresAuditLog(database, default="all", days=1e-9)
    await _noted(keeping, 20)
    removed, _ = await asyncio.gather(keeping.trim(), _noted(keeping, 5))
    assert removed >= 20
    assert (await keeping.verify(None)).broken is None
    await keeping.aclose()


async def test_an_export_that_was_changed_is_not_right(log: PostgresAuditLog) -> None:
    await _noted(log, 4)
    exported = [each async for each in log.export(AuditFilter())]
    assert (verify_export(exported).entries, verify_export(exported).broken) == (4, None)
    changed = replace(exported[1], outcome="failed")
    assert verify_export([exported[0], changed, *exported[2:]]).broken == 2
    assert verify_export([exported[0], *exported[2:]]).broken == 2
    assert verify_export(exported[:3], AuditHead(4, exported[3].hash)).broken == 4


async def test_what_waits_while_the_database_is_away_is_bounded_and_losses_are_noted(
    log: PostgresAuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "_WAITING", 3)
    for _ in range(10):
        log.note(EVENT)
    await log.head()
    page = await log.list(AuditFilter(), cursor=None, limit=10)
    assert [each.action for each in page.items] == ["lost 7 entries", *["GET /v1/x"] * 3]


async def test_filters_find_by_digest_and_refuse_what_has_no_graph(log: PostgresAuditLog) -> None:
    await _noted(log, 2)
    await _noted(log, 1, AuditEvent("bolt", "cypher", change=True, outcome="done", key="other", graph="h"))

    async def count(**wanted: Any) -> int:
        return len((await log.list(AuditFilter(**wanted), cursor=None, limit=10)).items)

    assert await count(graph="g", item="secret") == 2
    assert await count(graph="g", item="another") == 0
    assert await count(graph="g", scope="user/1") == 2
    assert await count(graph="h", item="secret") == 0
    assert (await count(key="other"), await count(change=True), await count(change=False)) == (1, 1, 2)
    assert (await count(since="2999"), await count(until="2999"), await count(since="2001", until="2002")) == (0, 3, 0)
    for wrong in ({"item": "secret"}, {"scope": "user/1"}, {"since": "never"}):
        with pytest.raises(InvalidInput):
            await count(**wrong)
    for cursor in ("x", "-1", "1; DROP TABLE kgmem.audit", "9" * 30):
        with pytest.raises(InvalidInput):
            await log.list(AuditFilter(), cursor=cursor, limit=10)


@asynccontextmanager
async def _noting(database_url: str) -> AsyncIterator[tuple[FastAPI, Memory]]:
    """A server that notes everything of all graphs."""
    settings = Settings(database_url=SecretStr(database_url), embedder="none", extractor="none", audit="all")
    async with open_memory(settings) as memory:
        app = create_app(memory, settings=settings)
        yield app, memory
        await close(app)


@pytest.fixture
async def door(database_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    """REST over a memory of its own, with the graphs `main` and `quiet`."""
    settings = Settings(
        database_url=SecretStr(database_url), embedder="none", extractor="none", pool_size=2, home=tmp_path
    )
    async with open_memory(settings) as memory:
        for name in ("main", "quiet"):
            await memory.graphs.create(name)
        _, secret = await memory.keys.create("tests", "admin")
        app = create_app(memory, settings=settings)
        transport = httpx.ASGITransport(app, client=("203.0.113.5", 9))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            client.headers["Authorization"] = f"Bearer {secret}"
            yield Door(client, memory, app)
            await close(app)


async def _actions(memory: Memory, **wanted: Any) -> list[tuple[str, str]]:
    await memory.audit.head()
    page = await memory.audit.list(AuditFilter(**wanted))
    return [(each.action, each.outcome) for each in reversed(page.items)]


async def test_rest_and_bolt_note_what_the_level_of_the_graph_says(door: Door) -> None:
    client = door.client
    await client.get("/v1/graphs/main")
    assert await _actions(door.memory) == []  # Off until somebody sets it.
    assert done(await client.put("/v1/graphs/main/audit", json={"level": "changes"})) == {"level": "changes"}
    entity = {"entities": [{"key": "person/ada", "label": "Person", "name": "Ada"}]}
    done(await client.put("/v1/graphs/main/entities", json=entity))
    done(await client.get("/v1/graphs/main/entities/person/ada"))
    done(await client.put("/v1/graphs/quiet/entities", json=entity))
    await client.delete("/v1/graphs/main/entities/person/nobody")
    reader = await door.key("reader", graph="main", scope="user/1")
    refused(await client.put("/v1/graphs/main/entities", json=entity, headers=reader), 403)
    told = await _actions(door.memory)
    assert told[-3:] == [
        ("PUT /v1/graphs/{graph}/entities", "done"),
        ("DELETE /v1/graphs/{graph}/entities/{key}", "failed"),
        ("PUT /v1/graphs/{graph}/entities", "refused"),
    ]
    done(await client.put("/v1/graphs/main/audit", json={"level": "all"}))
    done(await client.get("/v1/graphs/main/entities/person/ada"))
    done(await client.post("/v1/graphs/main/cypher", json={"query": "MATCH (n) RETURN count(n)"}))
    refused(await client.get("/v1/graphs/main", headers={"Authorization": "Bearer nonsense"}), 401)
    told = await _actions(door.memory, graph="main")
    assert ("GET /v1/graphs/{graph}/entities/{key}", "done") in told
    assert ("GET /v1/graphs/{graph}", "refused") in told
    found = (await door.memory.audit.list(AuditFilter(graph="main", item="person/ada"))).items
    assert [(each.action, each.change, each.address) for each in found] == [
        ("GET /v1/graphs/{graph}/entities/{key}", False, "203.0.113.5")
    ]
    async with serving(MemoryBackend(door.memory), ServerOptions("127.0.0.1", 0)) as address:
        key, secret = await door.memory.keys.create("bolt", "writer")
        async with neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret)) as driver:
            await driver.execute_query("MATCH (n) RETURN n", database_="main")
            await driver.execute_query("CREATE (:X)", database_="main")
            with pytest.raises(neo4j.exceptions.ClientError):
                await driver.execute_query("RETURN nonsense", database_="main")
    await door.memory.audit.head()
    found = (await door.memory.audit.list(AuditFilter(key=key.id))).items
    assert [(each.interface, each.change, each.outcome) for each in reversed(found)] == [
        ("bolt", False, "done"),
        ("bolt", True, "done"),
        ("bolt", True, "failed"),
    ]
    assert (await door.memory.audit.verify()).broken is None


async def test_only_an_admin_of_the_server_reads_the_log_and_only_one_of_the_graph_sets_its_level(door: Door) -> None:
    for path in ("/v1/audit", "/v1/audit/head", "/v1/audit/verification"):
        for headers in (await door.key("writer"), await door.key("admin", graph="main")):
            refused(await door.client.get(path, headers=headers), 403)
    writer = await door.key("writer")
    refused(await door.client.put("/v1/graphs/main/audit", json={"level": "off"}, headers=writer), 403)
    for body in ({"level": "some"}, {}, {"level": "off", "x": 1}):
        refused(await door.client.put("/v1/graphs/main/audit", json=body), 422)
    refused(await door.client.put("/v1/graphs/none/audit", json={"level": "off"}), 404)
    own = await door.key("admin", graph="main")
    assert done(await door.client.put("/v1/graphs/main/audit", json={"level": "all"}, headers=own))["level"] == "all"
    assert done(await door.client.put("/v1/graphs/main/audit", json={"level": None}))["level"] == "off"
    refused(await door.client.get("/v1/audit/verification?id=1&hash=xyz"), 422)


async def test_a_query_is_noted_of_each_graph_that_it_uses_however_they_are_named(door: Door) -> None:
    client, memory = door.client, door.memory
    await memory.audit.set_level("quiet", "all")
    before = len(await _actions(memory, graph="quiet"))
    reading, writing = "USE quiet MATCH (n) RETURN count(n)", "USE quiet CREATE (:Spy)"
    done(await client.post("/v1/graphs/main/cypher", json={"query": reading}))
    done(await client.post("/v1/graphs/main/cypher", json={"query": writing, "mode": "write"}))
    done(await client.post("/db/main/query/v2", json={"statement": reading}), 202)
    done(await client.post("/db/QUIET/query/v2", json={"statement": "MATCH (n) RETURN n"}), 202)
    opened = done(await client.post("/db/quiet/query/v2/tx", json={}), 202)["transaction"]["id"]
    done(await client.post(f"/db/quiet/query/v2/tx/{opened}/commit", json={"statement": "CREATE (:Spy)"}), 202)
    call = {"name": "run_cypher", "arguments": {"query": reading, "graph": "main"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    headers = {"Accept": "application/json, text/event-stream"}
    assert "error" not in (await client.post("/mcp?tools=all", json=body, headers=headers)).text
    async with serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0)) as address:
        _, secret = await memory.keys.create("bolt", "writer")
        async with neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret)) as driver:
            await driver.execute_query(writing, database_="main")
    await memory.audit.head()
    found = (await memory.audit.list(AuditFilter(graph="quiet"))).items[::-1][before:]
    assert [(each.interface, each.action.rpartition("/")[2], each.change) for each in found] == [
        ("rest", "cypher", False),
        ("rest", "cypher", True),
        ("rest", "v2", False),
        ("rest", "v2", False),
        ("rest", "tx", False),
        ("rest", "commit", True),
        ("mcp", "run_cypher", False),
        ("bolt", "cypher", True),
    ]


async def test_nobody_switches_the_log_off_unseen(door: Door) -> None:
    await door.memory.audit.set_level("main", "all")
    own = await door.key("admin", graph="main")
    done(await door.client.put("/v1/graphs/main/audit", json={"level": "off"}, headers=own))
    done(await door.client.put("/v1/graphs/main/audit", json={"level": "off"}, headers=own))
    done(await door.client.get("/v1/graphs/main"))
    assert await _actions(door.memory) == [
        ("audit level: default to all", "done"),
        ("audit level: all to off", "done"),
    ]
    (last, first) = (await door.memory.audit.list(AuditFilter(graph="main"))).items
    assert (first.interface, first.key, last.interface, last.address) == ("python", None, "rest", "203.0.113.5")
    assert last.key is not None


@pytest.mark.long
async def test_an_erasure_leaves_the_chain_whole_and_nobody_named(door: Door, database_url: str) -> None:
    client, memory = door.client, door.memory
    await memory.audit.set_level("main", "all")
    ada = {"key": "person/ada-quill", "label": "Person", "name": "Ada Quill", "scope": "user/quill"}
    done(await client.put("/v1/graphs/main/entities", json={"entities": [ada]}))
    done(await client.get("/v1/graphs/main/entities/person/ada-quill?scope=user/quill"))
    asked = {"what": {"text": "Ada Quill"}, "scope": "user/quill"}
    done(await client.post("/v1/graphs/main/recall", json=asked))
    await client.get("/v1/graphs/Quill_of_nobody", headers={"Authorization": "Bearer Quill"})
    noted = await memory.audit.head()
    erasure = ErasureRequest(texts=["Ada Quill", "ada-quill", "quill", "main"], scope="user/quill")
    await memory.erasures.erase("main", erasure)  # It finds the name of the graph in the log, and leaves the log alone.
    found = await memory.audit.verify(noted)
    assert (found.broken, found.noted) == (None, "present")
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT a::text AS row FROM kgmem.audit a")
    await connection.close()
    assert len(rows) == 4
    assert not [row["row"] for row in rows if "quill" in row["row"].lower()]


async def test_a_graph_that_is_no_name_is_not_noted_and_a_login_that_failed_is(database_url: str) -> None:
    async with _noting(database_url) as (app, memory):
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 9))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            refused(await client.get("/v1/graphs/Tell me a secret"), 401)
            refused(await client.get("/v1/graphs/Ann_Quill"), 401)
        async with serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0)) as address:
            with pytest.raises(neo4j.exceptions.AuthError):
                async with neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", "no key")) as driver:
                    await driver.execute_query("RETURN 1")
        await memory.audit.head()
        found = (await memory.audit.list()).items
    assert [(each.action, each.graph, each.outcome, each.key) for each in found][::-1] == [
        ("GET /v1/graphs/{graph}", None, "refused", None),
        ("GET /v1/graphs/{graph}", None, "refused", None),
        ("login", None, "refused", None),
    ]


async def test_an_export_over_rest_is_what_the_log_has(door: Door, tmp_path: Path) -> None:
    await door.memory.audit.set_level("main", "all")
    done(await door.client.get("/v1/graphs/main"))
    answer = await door.client.get("/v1/audit/export")
    assert answer.headers["content-type"] == "application/x-ndjson"
    exported = [AuditEntry(**orjson.loads(line)) for line in answer.text.splitlines()]
    found = verify_export(exported, await door.memory.audit.head())
    assert (found.entries, found.broken) == (2, None)
    refused(await door.client.get("/v1/audit/export?since=never"), 422)
    refused(await door.client.get("/v1/audit/verification?id=1"), 422)


async def test_a_batch_is_written_once_whoever_is_cancelled_meanwhile(log: PostgresAuditLog) -> None:
    for number in range(30):
        log.note(EVENT)
        impatient = asyncio.create_task(log.head())
        await asyncio.sleep(0.0005 * (number % 7))
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
    await log.head()
    found = await log.verify(None)
    assert (found.entries, found.broken) == (30, None)


async def test_a_stream_is_noted_while_it_runs(door: Door) -> None:
    await door.memory.audit.set_level("main", "all")
    begun, sent, left = asyncio.Event(), list[Any](), asyncio.Event()

    async def receive() -> Any:
        if not sent:
            sent.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            begun.set()

    headers = [(b"host", b"localhost"), (b"accept", b"text/event-stream")]
    headers.append((b"authorization", door.client.headers["Authorization"].encode()))
    path = "/v1/graphs/main/changes"
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("203.0.113.5", 9), "server": ("localhost", 80),
    }  # fmt: skip
    stream = asyncio.create_task(door.app(scope, receive, send))
    await asyncio.wait_for(begun.wait(), 10)
    assert ("GET /v1/graphs/{graph}/changes", "done") in await _actions(door.memory, graph="main")
    assert not stream.done()
    left.set()
    await asyncio.wait_for(stream, 10)
    assert (await _actions(door.memory, graph="main")).count(("GET /v1/graphs/{graph}/changes", "done")) == 1


async def test_a_tool_of_mcp_is_noted_by_its_name(door: Door) -> None:
    done(await door.client.put("/v1/graphs/main/audit", json={"level": "all"}))
    call = {"name": "search_entities", "arguments": {"query": "Ada", "graph": "main"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    headers = {"Accept": "application/json, text/event-stream"}
    answer = await door.client.post("/mcp", json=body, headers=headers)
    assert "error" not in answer.text, answer.text
    await door.memory.audit.head()
    noted = [each.action for each in (await door.memory.audit.list(AuditFilter(graph="main"))).items]
    assert noted[0] == "search_entities"
