"""What others of a team see of an agent's private texts and keys once the agent has published a fact: nothing."""

import json
from typing import Any

import pytest

from tests.acceptance.conftest import FAKES
from tests.acceptance.mcp.test_http import answers, call, post
from tests.acceptance.test_revoked_keys import bolt
from tests.rest import GRAPH, Door, done

pytestmark = pytest.mark.skipif(FAKES, reason="Dictionaries have no publications.")

AGENT, OTHER, TEAM = "team/a/agent/7", "team/a/agent/8", "team/a"
# The key of the text, a word of it, the name of the agent's API key, and another fact that the source states.
SECRETS = ("diary-of-march", "confidential", "key-of-agent-7", "hidden_salary")


@pytest.fixture
async def reader(door: Door) -> dict[str, Any]:
    """The headers and the secret of another agent of the team to which an agent has published two facts."""
    people = [{"key": key, "name": key.title(), "scope": TEAM} for key in ("ada", "acme")]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": people}))
    _, secret = await door.memory.keys.create("key-of-agent-7", "writer", graph="main", scope=AGENT)
    agent = {"Authorization": f"Bearer {secret}"}
    diary = {"key": "diary-of-march", "text": "Confidential: Ada works at Acme.", "source": "agent-7"}
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": [diary]}, headers=agent))
    cited = {"source": "agent-7", "subject": "ada", "episode": "diary-of-march", "span": [0, 12]}
    claims = [
        {**cited, "predicate": "WORKS_AT", "object": "acme"},
        {**cited, "predicate": "height", "value": 170},
        {**cited, "predicate": "hidden_salary", "value": 1},
    ]
    stored = done(await door.client.post(f"{GRAPH}/claims", json={"claims": claims}, headers=agent))
    for fact in stored["facts"][:2]:
        asked = {"to": TEAM, "item": fact, "reason": "All need it.", "by": "agent-7", "scope": AGENT}
        done(await door.client.post(f"{GRAPH}/publications", json=asked), 201)
    _, secret = await door.memory.keys.create("reader", "reader", graph="main", scope=OTHER)
    return {"headers": {"Authorization": f"Bearer {secret}"}, "secret": secret}


def without_secrets(answer: str) -> bool:
    return not any(secret in answer.lower() for secret in SECRETS)


async def test_no_route_shows_more_than_the_published_facts(door: Door, reader: dict[str, Any]) -> None:
    client, headers = door.client, reader["headers"]
    facts = done(await client.get(f"{GRAPH}/facts", headers=headers))["facts"]
    assert {fact["predicate"] for fact in facts} == {"WORKS_AT", "height"}
    paths = ["claims", "relationships", "entities", "episodes", "publications", "changes", "events", "adjudications"]
    for path in (*paths, *(f"facts/{fact['id']}" for fact in facts), "export?format=jsonl"):
        answer = await client.get(f"{GRAPH}/{path}", headers=headers)
        assert answer.status_code in {200, 403}, (path, answer.text)
        assert without_secrets(answer.text), path
    asked = {"what": {"text": "Where does Ada work? Confidential diary."}, "k": 50, "explain": True}
    assert without_secrets((await client.post(f"{GRAPH}/recall", headers=headers, json=asked)).text)
    explained = done(await client.get(f"{GRAPH}/facts/{facts[0]['id']}", headers=headers))
    assert [source["source"] for source in explained["sources"]] == ["agent-7"]  # Where it comes from is seen.
    assert explained["published"][0]["scope"] == AGENT
    assert all(source["keys"] == [] and source["history"] == [] for source in explained["sources"])


async def test_a_key_of_the_whole_graph_sees_by_which_keys_claims_came(door: Door, reader: dict[str, Any]) -> None:
    (fact, _) = done(await door.client.get(f"{GRAPH}/facts", headers=reader["headers"]))["facts"]
    whole = done(await door.client.get(f"{GRAPH}/facts/{fact['id']}", params={"scope": TEAM}))
    assert [key["name"] for key in whole["sources"][0]["keys"]] == ["key-of-agent-7"]


async def test_cypher_and_bolt_show_no_more(door: Door, reader: dict[str, Any]) -> None:
    for query in ("MATCH (n) RETURN n, labels(n)", "MATCH (a)-[r]->(b) RETURN a, r, b, properties(r)"):
        answer = await door.client.post(f"{GRAPH}/cypher", headers=reader["headers"], json={"query": query})
        assert done(answer)["rows"]
        assert without_secrets(answer.text)
        async with bolt(door.memory, reader["secret"]) as driver, driver.session(database="main") as session:
            rows = [row.data() async for row in await session.run(query)]
        assert rows
        assert without_secrets(json.dumps(rows, default=str))


async def test_the_tools_of_mcp_show_no_more(door: Door, reader: dict[str, Any]) -> None:
    facts = done(await door.client.get(f"{GRAPH}/facts", headers=reader["headers"]))["facts"]
    for tool, arguments in (
        ("why", {"fact": f"fact:{facts[0]['id']}"}),
        ("recall", {"query": "Where does Ada work?"}),
    ):
        answer = await post(door, call(tool, **arguments), **reader["headers"])
        assert not answers(answer)[-1]["result"].get("isError"), answer.text
        assert "acme" in answer.text.lower()
        assert without_secrets(answer.text)
