"""Grants: a key reads or writes further scopes for a time, over every interface, and nothing beyond them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from neo4j.exceptions import DriverError, Neo4jError
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.domain.access import MOST_GRANTS, GrantRequest
from kgmem.domain.errors import Forbidden
from kgmem.domain.time.interval import SECOND, iso, now
from kgmem.memory import Memory
from kgmem.settings import Settings
from tests.acceptance.conftest import FAKES
from tests.acceptance.test_rest_keys import GUARDED, naming
from tests.acceptance.test_revoked_keys import WITHIN, bolt
from tests.graph_pool import GraphPool
from tests.rest import GRAPH, Door, done, refused

pytestmark = pytest.mark.skipif(FAKES, reason="Dictionaries have no grants.")
OWN, TEAM = "user/1", "team/a"
# Scopes that the grant does not open: one has a name that begins like its own.
HIDDEN = ("team/ab", "team/b", "user/12", "user/2")


class Agent:
    """A key of `user/1` behind a door, with its id and headers."""

    def __init__(self, door: Door, id_: str, secret: str) -> None:
        self.door, self.id, self.secret = door, id_, secret
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.admin = dict(door.client.headers)

    async def grant(self, scope: str = TEAM, access: str = "read", **more: Any) -> dict[str, Any]:
        """Grant a scope over REST."""
        body = {"scope": scope, "access": access, "reason": "works on it", **more}
        made: dict[str, Any] = done(await self.door.client.post(f"/v1/keys/{self.id}/grants", json=body), 201)
        return made

    async def seen(self, **asked: Any) -> set[str]:
        """Return the keys of the entities that it sees in the listing."""
        found = done(await self.door.client.get(f"{GRAPH}/entities", headers=self.headers, params=asked))
        return {each["key"] for each in found["entities"]}


@pytest.fixture
async def agent(door: Door) -> Agent:
    """An agent, and an entity in each scope around its own, whose key is the scope's name."""
    entities = [
        {"key": f"in {scope}", "label": "Person", "name": f"secret of {scope}", "scope": scope}
        for scope in (OWN, TEAM, f"{TEAM}/x", *HIDDEN)
    ]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": entities}))
    key, secret = await door.memory.keys.create("agent", "writer", graph="main", scope=OWN)
    return Agent(door, key.id, secret)


@pytest.fixture
async def elsewhere(pool: GraphPool, tmp_path: Path) -> AsyncIterator[Memory]:
    """A memory of another process over the same database."""
    settings = Settings(database_url=SecretStr(pool.url), embedder="none", home=tmp_path / "other")
    async with open_memory(settings) as opened:
        yield opened


async def test_a_granted_scope_is_read_beside_the_own_one_and_by_its_name(agent: Agent) -> None:
    assert await agent.seen() == {"in user/1"}
    await agent.grant()
    assert await agent.seen() == {"in user/1", "in team/a"}
    assert await agent.seen(scope=TEAM) == {"in team/a"}
    assert await agent.seen(scope=f"{TEAM}/x") == {"in team/a", "in team/a/x"}
    assert await agent.seen(scope=OWN) == {"in user/1"}
    for scope in (*HIDDEN, "team", "user", ""):
        answer = await agent.door.client.get(f"{GRAPH}/entities", headers=agent.headers, params={"scope": scope})
        refused(answer, 403, "kgmem key grant")


async def test_recall_facts_cypher_and_bolt_see_what_is_granted(agent: Agent) -> None:
    claims = [
        {"source": "diary", "subject": f"in {scope}", "predicate": "height", "value": 1.8, "scope": scope}
        for scope in (OWN, TEAM, "team/ab")
    ]
    done(await agent.door.client.post(f"{GRAPH}/claims", json={"claims": claims}))
    query = "MATCH (n) RETURN n.name AS name"

    async def all_of_it() -> list[set[str]]:
        client, headers = agent.door.client, agent.headers
        hits = done(await client.post(f"{GRAPH}/recall", headers=headers, json={"what": {"text": "secret"}, "k": 50}))
        rows = done(await client.post(f"{GRAPH}/cypher", headers=headers, json={"query": query}))["rows"]
        facts = done(await client.get(f"{GRAPH}/facts", headers=headers))["facts"]
        async with bolt(agent.door.memory, agent.secret) as driver, driver.session(database="main") as session:
            over_bolt = {row["name"] async for row in await session.run(query)}
        return [
            {hit["key"] for hit in hits["hits"] if hit["kind"] == "entity"},
            {"in " + str(row[0]).removeprefix("secret of ") for row in rows},
            {each["subject"] for each in facts},
            {"in " + str(name).removeprefix("secret of ") for name in over_bolt},
        ]

    for seen in await all_of_it():
        assert seen == {"in user/1"}
    await agent.grant()
    for seen in await all_of_it():
        assert seen == {"in user/1", "in team/a"}


async def test_of_two_entities_with_one_key_the_own_one_is_found(agent: Agent) -> None:
    entities = [{"key": "plan", "name": scope, "scope": scope} for scope in (OWN, "user/2", "team/a/x", "")]
    done(await agent.door.client.put(f"{GRAPH}/entities", json={"entities": entities}))
    for scope in ("user/2", "team/a/x"):
        await agent.grant(scope)
    client, headers = agent.door.client, agent.headers
    assert done(await client.get(f"{GRAPH}/entities/plan", headers=headers))["scope"] == OWN
    near = {"keys": ["plan"]}
    assert done(await client.post(f"{GRAPH}/view", headers=headers, json=near))["entities"][0]["name"] == OWN


async def test_a_grant_to_read_changes_nothing_over_any_route(agent: Agent) -> None:
    await agent.grant()
    for route in GUARDED:
        if route.demand is None or route.demand.role == "reader":
            continue
        with naming(route):
            answer = await route.ask(agent.door.client, "main", agent.headers, scope=TEAM)
            refused(answer, 404 if "/imports/{id}" in route.template else 403)
    told = {"query": "MATCH (n) SET n.name = 'mine'", "mode": "write"}
    refused(await agent.door.client.post(f"{GRAPH}/cypher", headers=agent.headers, json=told), 403)
    named = {**told, "scope": TEAM}
    refused(await agent.door.client.post(f"{GRAPH}/cypher", headers=agent.headers, json=named), 403)
    rows = (await agent.door.memory.cypher("main", "MATCH (n) WHERE n.name = 'mine' RETURN n")).rows
    assert not rows


@pytest.mark.long
async def test_a_grant_opens_no_other_scope_over_any_route(agent: Agent) -> None:
    await agent.grant(access="write")
    for route in GUARDED:
        if not route.takes_scope and route.method != "POST":
            continue
        for scope in (*HIDDEN, "team"):
            with naming(route):
                answer = await route.ask(agent.door.client, "main", agent.headers, scope=scope)
                assert "secret of team/ab" not in answer.text
                assert "secret of user/" not in answer.text.replace('secret of user/1"', "")
                if route.takes_scope:
                    refused(answer, 403)


async def test_a_grant_to_write_writes_where_it_is_named_and_else_in_the_own_scope(agent: Agent) -> None:
    await agent.grant(access="write")
    client, headers = agent.door.client, agent.headers
    told = {"entities": [{"key": "mine"}, {"key": "ours", "scope": TEAM}, {"key": "deep", "scope": f"{TEAM}/x"}]}
    done(await client.put(f"{GRAPH}/entities", headers=headers, json=told))
    scopes = {
        each["key"]: each["scope"]
        async for each in _entities(agent, (OWN, TEAM, f"{TEAM}/x"))
        if each["key"] in {"mine", "ours", "deep"}
    }
    assert scopes == {"mine": OWN, "ours": TEAM, "deep": f"{TEAM}/x"}
    query = {"query": "CREATE (:Note {key: 'note'})", "mode": "write"}
    done(await client.post(f"{GRAPH}/cypher", headers=headers, json=query))
    assert done(await client.get(f"{GRAPH}/entities/note", headers=headers))["scope"] == OWN
    done(await client.post(f"{GRAPH}/cypher", headers=headers, json={**query, "scope": TEAM}))
    found = await client.get(f"{GRAPH}/entities/note", headers=headers, params={"scope": TEAM})
    assert done(found)["scope"] == TEAM
    done(await client.delete(f"{GRAPH}/entities/ours", headers=headers, params={"scope": TEAM}))
    state = f"{GRAPH}/agents/a/state/s"
    done(await client.put(state, headers=headers, params={"scope": TEAM}, json={"n": 1}), 201)
    assert done(await client.get(state, headers=headers, params={"scope": TEAM})) == {"n": 1}
    refused(await client.get(state, headers=headers), 404)


async def _entities(agent: Agent, scopes: tuple[str, ...]) -> AsyncIterator[dict[str, Any]]:
    for scope in scopes:
        page = await agent.door.client.get(f"{GRAPH}/entities", headers=agent.headers, params={"scope": scope})
        for each in done(page)["entities"]:
            yield each


@pytest.mark.long
async def test_a_revoked_grant_opens_nothing_at_once_here_and_within_a_second_elsewhere(
    agent: Agent, elsewhere: Memory
) -> None:
    grant = await agent.grant()
    assert await agent.seen() == {"in user/1", "in team/a"}
    key = await elsewhere.keys.authenticate(agent.secret)
    assert [each.id for each in key.grants] == [grant["id"]]
    path = f"/v1/keys/{agent.id}/grants/{grant['id']}"
    over = done(await agent.door.client.delete(path, params={"reason": "left the team"}))
    assert over["revoked_at"]
    assert over["revoke_reason"] == "left the team"
    assert over["revoked_by"] == grant["created_by"]
    assert await agent.seen() == {"in user/1"}
    refused(await agent.door.client.get(f"{GRAPH}/entities", headers=agent.headers, params={"scope": TEAM}), 403)
    async with asyncio.timeout(WITHIN):
        while (await elsewhere.keys.authenticate(agent.secret)).grants:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    again = done(await agent.door.client.delete(path, params={"reason": "another"}))
    assert again == over
    assert done(await agent.door.client.get(f"/v1/keys/{agent.id}/grants"))["grants"] == [over]


@pytest.mark.long
async def test_a_grant_begins_and_ends_at_its_times(agent: Agent) -> None:
    ends = now() + 3 * SECOND // 2
    await agent.grant(starts_at=iso(now() + SECOND // 2), expires_at=iso(ends))
    assert await agent.seen() == {"in user/1"}
    async with asyncio.timeout(10):
        while await agent.seen() == {"in user/1"}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.sleep(max(0.0, (ends - now()) / SECOND) + 0.1)
    assert await agent.seen() == {"in user/1"}


@pytest.mark.long
@pytest.mark.parametrize("alone", [True, False])
async def test_what_bolt_sees_by_a_grant_ends_with_it(agent: Agent, elsewhere: Memory, alone: bool) -> None:
    grant = await agent.grant()
    query = "MATCH (n:Person) RETURN count(n) AS count"
    async with bolt(agent.door.memory, agent.secret) as driver:
        async with driver.session(database="main") as session:
            if alone:
                assert (await (await session.run(query)).single(strict=True))["count"] == 2
                await elsewhere.keys.revoke_grant(agent.id, grant["id"])
                await asyncio.sleep(WITHIN)
            else:
                transaction = await session.begin_transaction()
                assert (await (await transaction.run(query)).single(strict=True))["count"] == 2
                await elsewhere.keys.revoke_grant(agent.id, grant["id"])
                await asyncio.sleep(WITHIN)
                with pytest.raises((DriverError, Neo4jError)):
                    await (await transaction.run(query)).consume()
        async with driver.session(database="main") as session:
            assert (await (await session.run(query)).single(strict=True))["count"] == 1


async def test_a_transaction_of_the_query_api_ends_with_its_grant(agent: Agent) -> None:
    grant = await agent.grant()
    begun = done(await agent.door.client.post("/db/main/query/v2/tx", headers=agent.headers, json={}), 202)
    path = f"/db/main/query/v2/tx/{begun['transaction']['id']}"
    ask = {"statement": "MATCH (n:Person) RETURN count(n)"}
    assert done(await agent.door.client.post(path, headers=agent.headers, json=ask), 202)["data"]["values"] == [[2]]
    await agent.door.memory.keys.revoke_grant(agent.id, grant["id"])
    refused(await agent.door.client.post(path, headers=agent.headers, json=ask), 404)


async def test_a_grant_in_one_graph_opens_nothing_in_another(door: Door) -> None:
    await door.memory.graphs.create("other")
    for graph in ("main", "other"):
        entities = {"entities": [{"key": "plan", "label": "Person", "scope": TEAM}]}
        done(await door.client.put(f"/v1/graphs/{graph}/entities", json=entities))
    key, secret = await door.memory.keys.create("agent", "writer", scope=OWN)
    agent = Agent(door, key.id, secret)
    await agent.grant(graph="main")
    assert await agent.seen() == {"plan"}
    elsewhere = done(await door.client.get("/v1/graphs/other/entities", headers=agent.headers))
    assert elsewhere["entities"] == []
    for scope in ({}, {"scope": TEAM}):
        query = {"query": "USE other MATCH (n:Person) RETURN n", **scope}
        refused(await door.client.post(f"{GRAPH}/cypher", headers=agent.headers, json=query), 403)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"scope": ""}, "scope"),
        ({"scope": "a b"}, "scope"),
        ({"scope": OWN}, "without a grant"),
        ({"scope": f"{OWN}/x"}, "without a grant"),
        ({"access": "own"}, "access"),
        ({"reason": " "}, "reason"),
        ({"graph": "other"}, "graph"),
        ({"expires_at": "2001-01-01"}, "expires_at"),
        ({"starts_at": "2999-01-02", "expires_at": "2999-01-01"}, "expires_at"),
    ],
)
async def test_a_grant_that_makes_no_sense_is_not_made(agent: Agent, body: dict[str, str], word: str) -> None:
    asked = {"scope": TEAM, "access": "read", "reason": "works on it", **body}
    if body.get("graph"):
        await agent.door.memory.graphs.create("other")
    refused(await agent.door.client.post(f"/v1/keys/{agent.id}/grants", json=asked), 422, word)
    assert done(await agent.door.client.get(f"/v1/keys/{agent.id}/grants"))["grants"] == []


async def test_keys_that_need_no_grant_get_none(agent: Agent) -> None:
    keys, client = agent.door.memory.keys, agent.door.client
    chief, _ = await keys.create("chief", "admin")
    reader, _ = await keys.create("reader", "reader", scope=OWN)
    over, _ = await keys.create("over", "writer", scope=OWN)
    await keys.revoke(over.id)
    body = {"scope": TEAM, "access": "write", "reason": "works on it"}
    refused(await client.post(f"/v1/keys/{chief.id}/grants", json=body), 422, "without a grant")
    refused(await client.post(f"/v1/keys/{reader.id}/grants", json=body), 422, "role reader")
    refused(await client.post(f"/v1/keys/{over.id}/grants", json=body), 409, "no longer valid")
    refused(await client.post("/v1/keys/nothing/grants", json=body), 404)
    refused(await client.get("/v1/keys/nothing/grants"), 404)
    refused(await client.delete(f"/v1/keys/{agent.id}/grants/1"), 404)
    refused(await client.post(f"/v1/keys/{agent.id}/grants", headers=agent.headers, json=body), 403)


async def test_a_key_has_a_grant_once_and_not_more_than_a_hundred(agent: Agent) -> None:
    first = await agent.grant()
    body = {"scope": TEAM, "access": "read", "reason": "works on it"}
    path = f"/v1/keys/{agent.id}/grants"
    refused(await agent.door.client.post(path, json=body), 409, str(first["id"]))
    for n in range(MOST_GRANTS - 1):
        await agent.door.memory.keys.grant(agent.id, GrantRequest(f"team/c/{n}", "read", "works on it"))
    refused(await agent.door.client.post(path, json={**body, "scope": "team/d"}), 409, str(MOST_GRANTS))
    await agent.door.memory.keys.revoke_grant(agent.id, first["id"])
    await agent.grant("team/d")
    assert await agent.seen() == {"in user/1"}


async def test_who_granted_and_who_revoked_is_kept(agent: Agent) -> None:
    chief, secret = await agent.door.memory.keys.create("chief", "admin")
    headers = {"Authorization": f"Bearer {secret}"}
    body = {"scope": TEAM, "access": "read", "reason": "on call", "expires_at": "2999-01-01"}
    path = f"/v1/keys/{agent.id}/grants"
    made = done(await agent.door.client.post(path, headers=headers, json=body), 201)
    assert (made["created_by"], made["reason"]) == (chief.id, "on call")
    gone = await agent.door.memory.keys.revoke_grant(agent.id, made["id"], reason="over")
    assert (gone.created_by, gone.revoked_by, gone.revoke_reason) == (chief.id, None, "over")
    with pytest.raises(Forbidden):
        (await agent.door.memory.keys.authenticate(agent.secret)).demand_scope(TEAM)


async def test_a_grant_that_names_no_access_is_one_to_read(agent: Agent) -> None:
    body = {"scope": TEAM, "reason": "works on it"}
    made = done(await agent.door.client.post(f"/v1/keys/{agent.id}/grants", json=body), 201)
    assert made["access"] == "read"
    assert (await agent.door.memory.keys.grant(agent.id, GrantRequest("team/c", reason="too"))).access == "read"


async def test_a_write_in_a_scope_that_may_only_be_read_is_told_so(agent: Agent) -> None:
    await agent.grant()
    body = {"entities": [{"key": "new", "label": "Person", "scope": TEAM}]}
    answer = await agent.door.client.put(f"{GRAPH}/entities", headers=agent.headers, json=body)
    refused(answer, 403, f"may read the scope '{TEAM}' by a grant", "--access write")
    hidden = {"entities": [{"key": "new", "label": "Person", "scope": HIDDEN[0]}]}
    other = await agent.door.client.put(f"{GRAPH}/entities", headers=agent.headers, json=hidden)
    refused(other, 403, "restricted to another scope")
