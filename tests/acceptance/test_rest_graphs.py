"""Graphs, schemas, figures, jobs, keys and exports over REST."""

import json
from typing import Any

import pytest

from kgmem_api.wire.answers import GraphStatsShape
from tests.acceptance.conftest import FAKES
from tests.memories import feed_settled
from tests.rest import GRAPH, Door, done, refused

SHIPS = {"labels": {"Ship": {"properties": {"tonnage": {"type": "integer", "required": True}}}}}


async def test_a_graph_is_created_once_and_the_same_request_again_finds_it(door: Door) -> None:
    body = {"strict": False, "fusion": "rrf"}
    assert done(await door.client.put("/v1/graphs/ships", json=body), 201)["fusion"] == "rrf"
    assert done(await door.client.put("/v1/graphs/ships", json=body), 200)["name"] == "ships"
    done(await door.client.put("/v1/graphs/ships"), 200)
    refused(await door.client.put("/v1/graphs/ships", json={"fusion": "convex"}), 409, "fusion")


async def test_a_graph_may_be_of_vectors_that_callers_give(door: Door) -> None:
    body = {"embedding": {"model": "mine", "dimension": 3}}
    made = done(await door.client.put("/v1/graphs/vectors", json=body), 201)
    assert (made["embedding"]["model"], made["embedding"]["dimension"]) == ("mine", 3)
    assert done(await door.client.put("/v1/graphs/words", json={"embedding": None}), 201)["embedding"] is None
    done(await door.client.put("/v1/graphs/vectors", json=body), 200)
    refused(await door.client.put("/v1/graphs/vectors", json={"embedding": None}), 409, "embedding")


async def test_a_bad_name_for_a_graph_is_refused(door: Door) -> None:
    refused(await door.client.put("/v1/graphs/8ball"), 422, "8ball")


async def test_graphs_are_listed_changed_and_deleted(door: Door) -> None:
    done(await door.client.put("/v1/graphs/ships"), 201)
    assert [graph["name"] for graph in done(await door.client.get("/v1/graphs"))["graphs"]] == ["main", "ships"]
    assert done(await door.client.patch("/v1/graphs/ships", json={"strict": True}))["strict"] is True
    assert done(await door.client.get("/v1/graphs/ships"))["strict"] is True
    done(await door.client.delete("/v1/graphs/ships"), 204)
    refused(await door.client.get("/v1/graphs/ships"), 404, "ships")
    refused(await door.client.delete("/v1/graphs/ships"), 404)


async def test_a_graph_extends_the_schema_and_holds_its_entities_to_it(door: Door) -> None:
    extended = done(await door.client.patch(f"{GRAPH}/schema", json={"schema": SHIPS}))
    assert "Ship" in extended["schema"]["labels"]
    assert done(await door.client.get(f"{GRAPH}/schema")) == extended
    body = {"entities": [{"key": "victory", "label": "Ship", "properties": {"tonnage": "heavy"}}]}
    problem = refused(await door.client.put(f"{GRAPH}/entities", json=body), 422, "tonnage")
    assert problem["type"] == "urn:kgmem:error:schema-violation"
    refused(await door.client.patch(f"{GRAPH}/schema", json={"schema": {"lables": {}}}), 422, "lables")
    boats = {"labels": {"Boat": {"properties": {"number": {"type": "integer", "indexed": True}}}}}
    replaced = done(await door.client.put(f"{GRAPH}/schema", json={"schema": boats}))
    assert "Boat" in replaced["schema"]["labels"]
    assert "Ship" not in replaced["schema"]["labels"]
    done(await door.client.put(f"{GRAPH}/entities", json=body))


@pytest.mark.skipif(FAKES, reason="fakes hold to no unique values")
async def test_a_value_that_is_taken_is_a_conflict_that_names_who_has_it(door: Door) -> None:
    ships = {"labels": {"Ship": {"properties": {"imo": {"type": "integer", "unique": True}}}}}
    done(await door.client.patch(f"{GRAPH}/schema", json={"schema": ships}))
    ship = {"label": "Ship", "properties": {"imo": 9074729}}
    done(await door.client.put(f"{GRAPH}/entities/ann", json=ship), 201)
    problem = refused(await door.client.put(f"{GRAPH}/entities/bea", json=ship), 409, "'ann' has the value 9074729")
    facts = {"property": "imo", "value": "9074729", "label": "Ship", "keys": ["ann"]}
    assert problem["facts"] == {"type": "ConstraintValidationFailed", **facts}


async def test_a_check_names_what_departs_from_the_schema(door: Door) -> None:
    body = {"entities": [{"key": "nautilus", "label": "Submarine"}]}
    done(await door.client.put(f"{GRAPH}/entities", json=body))
    departures = done(await door.client.get(f"{GRAPH}/schema/violations"))["violations"]
    assert any("Submarine" in found["what"] and found["example"] == "nautilus" for found in departures)


async def test_stats_count_what_is_there(door: Door) -> None:
    await door.people("Ann", "Bob")
    stats = GraphStatsShape.model_validate(done(await door.client.get(f"{GRAPH}/stats")))
    assert stats.entities == 2


async def test_jobs_are_asked_for_once_and_can_be_looked_at(door: Door) -> None:
    asked = await door.client.post(f"{GRAPH}/jobs", json={"task": "rebuild"})
    job = done(asked, 202)["job"]
    assert asked.headers["location"] == f"/v1/jobs/{job}"
    assert done(await door.client.post(f"{GRAPH}/jobs", json={"task": "rebuild"}), 200) == {"job": None}
    held = done(await door.client.get(f"/v1/jobs/{job}"))
    assert (held["task"], held["graph"], held["status"]) == ("rebuild", "main", "waiting")
    listed = done(await door.client.get("/v1/jobs", params={"graph": "main", "status": "waiting"}))["jobs"]
    assert job in [one["id"] for one in listed]
    refused(await door.client.get("/v1/jobs/999999"), 404)
    refused(await door.client.post(f"{GRAPH}/jobs", json={"task": "dance"}), 422, "/task")
    assert (await door.client.post(f"{GRAPH}/jobs", json={"task": "embed", "retry": True})).is_success
    refused(await door.client.post(f"{GRAPH}/jobs", json={"task": "rebuild", "retry": True}), 422, "retry")
    refused(await door.client.post("/v1/graphs/nowhere/jobs", json={"task": "embed"}), 404, "nowhere")


async def test_a_key_is_made_used_and_revoked(door: Door) -> None:
    made = await door.client.post("/v1/keys", json={"name": "robot", "role": "reader", "graph": "main"})
    key = done(made, 201)
    assert made.headers["cache-control"] == "no-store"
    headers = {"Authorization": f"Bearer {key['secret']}"}
    done(await door.client.get(f"{GRAPH}/entities", headers=headers))
    listed = done(await door.client.get("/v1/keys"))["keys"]
    assert key["id"] in [one["id"] for one in listed]
    assert key["secret"] not in json.dumps(listed)
    assert done(await door.client.delete(f"/v1/keys/{key['id']}"))["revoked_at"]
    refused(await door.client.get(f"{GRAPH}/entities", headers=headers), 401)
    refused(await door.client.delete("/v1/keys/nothing"), 404)


async def test_an_export_gives_every_item_as_one_line(door: Door) -> None:
    await door.people("Ann", "Bob")
    await door.people("Cid", scope="user/1")
    await door.client.put(f"{GRAPH}/relationships", json={"relationships": [{"kind": "K", "from": "ann", "to": "bob"}]})
    await door.client.post(f"{GRAPH}/episodes", json={"episodes": [{"key": "e", "text": "Ann met Bob."}]})
    answer = await door.client.get(f"{GRAPH}/export", params={"format": "jsonl"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert sorted((line["type"], line.get("key", "")) for line in lines) == [
        ("entity", "ann"),
        ("entity", "bob"),
        ("entity", "cid"),
        ("episode", "e"),
        ("relationship", ""),
    ]
    one = await door.client.get(f"{GRAPH}/export", params={"scope": "user/1"})
    assert [json.loads(line)["key"] for line in one.text.splitlines()] == ["cid"]
    refused(await door.client.get("/v1/graphs/nowhere/export"), 404, "nowhere")
    refused(await door.client.get(f"{GRAPH}/export", params={"format": "xml"}), 422, "format")


async def test_changes_are_read_from_a_cursor(door: Door) -> None:
    async def changes(after: str | None = None) -> dict[str, Any]:
        await feed_settled(door.memory, "main")
        found: dict[str, Any] = done(
            await door.client.get(f"{GRAPH}/changes", params={"after": after} if after else {})
        )
        return found

    await door.people("Ann")
    first = await changes()
    assert [(change["operation"], change["kind"]) for change in first["changes"]] == [("created", "entity")]
    await door.client.delete(f"{GRAPH}/entities/ann")
    more = await changes(first["cursor"])
    assert more["changes"][0]["operation"] == "deleted"
    assert more["changes"][0]["keys"] == ["ann"]
    assert await changes(more["cursor"]) == {"changes": [], "cursor": more["cursor"]}
