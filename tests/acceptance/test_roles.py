"""Roles: each may use the routes that docs/roles.md lists for it, and nothing else, over REST, MCP and Bolt."""

from typing import Any

import neo4j
import orjson
import pytest

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.domain.access import ROLES, Role, highest
from tests.acceptance.test_rest_keys import GUARDED, naming
from tests.rest import GRAPH, Door, done, refused
from tests.role_table import HEAD, PAGE, documented, lines

NARROW: tuple[Role, ...] = ("analyst", "reviewer", "importer")


def test_the_page_lists_every_route() -> None:
    text = PAGE.read_text().partition(HEAD)
    assert (text[1] + text[2]).splitlines() == lines(), "python -m tests.role_table"
    assert {(route.method, route.template) for route in GUARDED} == documented().keys()


@pytest.mark.long
async def test_every_route_lets_in_the_roles_that_the_page_lists_and_no_others(door: Door) -> None:
    await door.people("Ann", "Bob")
    del door.client.headers["Authorization"]
    keys = {role: await door.key(role) for role in ROLES}
    table = documented()
    for route in GUARDED:
        allowed = table[route.method, route.template]
        for role in ROLES:
            if role in allowed and (role not in NARROW or (role == "analyst" and "reader" in allowed)):
                continue  # tests/acceptance/test_rest_keys.py walks what readers, writers and admins may do.
            with naming(route):
                answer = await route.ask(door.client, "main", keys[role])
                if role in allowed:
                    assert answer.status_code != 403, (role, answer.text)
                    assert answer.status_code < 500, (role, answer.text)
                else:
                    refused(answer, 403, f"has the role {role}")


async def test_a_reviewer_decides_and_writes_nothing_else(door: Door) -> None:
    await door.people("Ann", "Anne")
    done(await door.client.post(f"{GRAPH}/claims", json={"claims": [_height(1.7, "a"), _height(1.8, "b")]}))
    key = await door.key("reviewer")
    (fact, *_) = done(await door.client.get(f"{GRAPH}/facts?subject=ann", headers=key))["facts"]
    decided = {"action": "accept", "facts": [fact["id"]], "reason": "Measured."}
    done(await door.client.post(f"{GRAPH}/adjudications", json=decided, headers=key))
    merge = {"keep": "ann", "merge": "anne", "reason": "One person."}
    merged = done(await door.client.post(f"{GRAPH}/merges", json=merge, headers=key))
    undo = f"{GRAPH}/merges/{merged['id']}/undo"
    done(await door.client.post(undo, json={"reason": "Two."}, headers=key))
    cypher = {"query": "CREATE (:X)", "mode": "write"}
    refused(await door.client.post(f"{GRAPH}/cypher", json=cypher, headers=key), 403, "has the role reviewer")
    wrong = await door.client.post("/db/main/query/v2", json={"statement": "CREATE (:X)"}, headers=key)
    assert wrong.status_code == 422, wrong.text  # As of a reader: its transactions only read.
    assert done(await _count(door, key))["rows"] == [[2]]


async def test_an_importer_writes_and_sees_nothing_but_its_own_imports(door: Door) -> None:
    mine, other = await door.key("importer"), await door.key("importer")
    entity = {"entities": [{"key": "eve", "label": "Person", "name": "Eve"}]}
    done(await door.client.put(f"{GRAPH}/entities", json=entity, headers=mine))
    refused(await door.client.get(f"{GRAPH}/entities/eve", headers=mine), 403)
    refused(await door.client.delete(f"{GRAPH}/entities/eve", headers=mine), 403)
    refused(await _count(door, mine), 403)
    line = {"type": "entity", "key": "joe", "label": "Person", "name": "Joe"}
    begun = done(await door.client.post(f"{GRAPH}/imports?format=jsonl", json=line, headers=mine), 202)
    theirs = {**line, "key": "kim"}
    done(await door.client.post(f"{GRAPH}/imports?format=jsonl", json=theirs, headers=other), 202)
    listed = done(await door.client.get(f"{GRAPH}/imports", headers=mine))["imports"]
    assert [each["id"] for each in listed] == [begun["id"]]
    for path in ("", "/items", "/rejected"):
        address = f"{GRAPH}/imports/{begun['id']}{path}"
        assert (await door.client.get(address, headers=mine)).status_code == 200
        refused(await door.client.get(address, headers=other), 404)
    refused(await door.client.post(f"{GRAPH}/imports/{begun['id']}/resume", headers=other), 404)
    refused(await door.client.post(f"{GRAPH}/imports/{begun['id']}/undo", headers=mine), 403)
    assert len(done(await door.client.get(f"{GRAPH}/imports"))["imports"]) == 2


async def test_files_of_an_importer_decide_nothing(door: Door) -> None:
    key = await door.key("importer")
    done(await door.client.post(f"{GRAPH}/claims", json={"claims": [_height(1.7, "a"), _height(1.8, "b")]}))
    done(await door.client.put(f"{GRAPH}/blocks/persona", json={"text": "Polite."}), 201)
    exported = (await door.client.get(f"{GRAPH}/export")).text.splitlines()
    claim = next(line for line in exported if orjson.loads(line)["type"] == "claim")
    decision = {"type": "adjudication", "action": "reject", "by": "crawler", "at": "2026-01-01", "reason": "Mine."}
    block = next(line for line in exported if orjson.loads(line)["type"] == "memory_block").replace(
        "persona", "another"
    )
    entity = {"type": "entity", "key": "eve", "label": "Person", "name": "Eve"}
    lines = [orjson.dumps(each).decode() for each in (decision, entity)] + [block, claim]
    for dry in ("false", "true"):
        address = f"{GRAPH}/imports?format=jsonl&dry_run={dry}"
        begun = done(await door.client.post(address, content="\n".join(lines), headers=key), 202)
        await door.memory.tasks.run_upload("main", begun["id"])
        state = done(await door.client.get(f"{GRAPH}/imports/{begun['id']}", headers=key))
        assert (state["state"], state["rejected"]) == ("done", 2), state
        rejected = (await door.client.get(f"{GRAPH}/imports/{begun['id']}/rejected", headers=key)).text
        assert "A record of the kind adjudication needs a key with the role writer." in rejected
        assert "A record of the kind memory_block needs" in rejected
    assert [each["name"] for each in done(await door.client.get(f"{GRAPH}/blocks"))["blocks"]] == ["persona"]


async def test_bolt_reads_for_reviewers_and_refuses_importers(door: Door) -> None:
    async def run(role: Role, query: str) -> Any:
        _, secret = await door.memory.keys.create(role, role)
        async with neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret)) as driver:
            return await driver.execute_query(query, database_="main")

    async with serving(MemoryBackend(door.memory), ServerOptions("127.0.0.1", 0)) as address:
        for role in ("analyst", "reviewer"):
            assert (await run(role, "MATCH (n) RETURN count(n) AS n")).records[0]["n"] == 0
            with pytest.raises(neo4j.exceptions.Neo4jError, match="writer"):
                await run(role, "CREATE (:X)")
        for query in ("RETURN 1", "CREATE (:X)"):
            with pytest.raises(neo4j.exceptions.Neo4jError, match="importer"):
                await run("importer", query)


async def test_mcp_lists_what_a_role_may_use(door: Door) -> None:
    async def tools(role: Role) -> set[str]:
        headers = {**await door.key(role), "Accept": "application/json, text/event-stream"}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        answer = await door.client.post("/mcp?tools=all", json=body, headers=headers)
        listed = answer.json() if answer.text.startswith("{") else _event(answer.text)
        return {each["name"] for each in listed["result"]["tools"]}

    reader, writer = await tools("reader"), await tools("writer")
    assert reader < writer
    assert await tools("analyst") == await tools("reviewer") == reader
    assert not await tools("importer")
    headers = {**await door.key("importer"), "Accept": "application/json, text/event-stream"}
    for name, arguments in (("search_entities", {"query": "Ann"}), ("remember", {"text": "Ann sings."})):
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        answer = await door.client.post("/mcp?tools=all", json=call, headers=headers)
        assert "error" in answer.text.lower(), answer.text
    assert done(await _count(door, await door.key("reader")))["rows"] == [[0]]


async def test_a_grant_never_widens_a_role(door: Door) -> None:
    for role, access in (("importer", "read"), ("reader", "write")):
        created = {"name": "one", "role": role, "scope": "team/1"}
        id_ = done(await door.client.post("/v1/keys", json=created), 201)["id"]
        grant = {"scope": "team/2", "access": access, "reason": "It asks for it."}
        refused(await door.client.post(f"/v1/keys/{id_}/grants", json=grant), 422, "cannot")


def test_of_several_roles_the_one_that_allows_most_counts() -> None:
    assert highest(["reader", "importer"]) == "reader"
    assert highest(["reviewer", "analyst", "reader"]) == "reviewer"
    assert highest(["importer", "writer", "reviewer"]) == "writer"


def _height(value: float, source: str) -> dict[str, Any]:
    return {"source": source, "subject": "ann", "predicate": "height", "value": value}


def _event(text: str) -> Any:
    return orjson.loads(text.partition("data: ")[2].partition("\n")[0])


async def _count(door: Door, key: dict[str, str]) -> Any:
    return await door.client.post(f"{GRAPH}/cypher", json={"query": "MATCH (n) RETURN count(n)"}, headers=key)
