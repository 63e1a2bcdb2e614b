"""Flows over REST: the header that names one, its steps, and keys that see their own scopes alone."""

from kgmem.memory import Memory
from tests.rest import GRAPH, Door, done, refused


async def test_an_answer_names_the_flow_that_its_request_began(door: Door) -> None:
    await door.people("Ann")
    answer = await door.client.post(f"{GRAPH}/recall", json={"what": {"text": "Ann"}})
    flow = done(await door.client.get(f"/v1/flows/{answer.headers['X-Flow-ID']}"))
    assert (flow["kind"], flow["state"], flow["counts"]["hits"]) == ("recall", "done", len(answer.json()["hits"]))
    assert [each["name"] for each in flow["steps"]][:3] == ["embed", "search", "rank"]
    listed = done(await door.client.get("/v1/flows", params={"kind": "recall", "limit": 1}))
    assert listed["flows"][0]["id"] == flow["id"]
    plain = await door.client.get("/v1/flows")
    assert "X-Flow-ID" not in plain.headers


async def test_a_failed_request_leaves_a_failed_flow_without_its_text(door: Door) -> None:
    answer = await door.client.post(f"{GRAPH}/recall", json={"what": {"text": "x"}, "cursor": "my-secret-cursor"})
    assert answer.status_code == 422
    flow = await door.client.get(f"/v1/flows/{answer.headers['X-Flow-ID']}")
    assert (done(flow)["state"], flow.json()["error"]) == ("failed", "invalid-input")
    assert "secret" not in flow.text


async def test_a_key_sees_the_flows_of_its_own_scopes_and_grants(door: Door) -> None:
    ids = {}
    for scope in ("", "team/1", "team/2"):
        answer = await door.client.post(f"{GRAPH}/recall", json={"what": {"text": "Ann"}, "scope": scope})
        ids[scope] = answer.headers["X-Flow-ID"]
    get, theirs = door.client.get, await door.key("reader", scope="team/1")
    assert done(await get(f"/v1/flows/{ids['team/1']}", headers=theirs))["scope"] == "team/1"
    for scope in ("", "team/2"):
        refused(await get(f"/v1/flows/{ids[scope]}", headers=theirs), 404)
    seen = done(await get("/v1/flows", headers=theirs))["flows"]
    assert {each["scope"] for each in seen} == {"team/1"}
    refused(await get("/v1/flows", params={"scope": "team/2"}, headers=theirs), 403)
    refused(await get(f"/v1/flows/{ids['']}", headers=await door.key("reader", graph="main", scope="x")), 404)


async def test_wrong_filters_are_refused_with_what_is_right(door: Door) -> None:
    for name, value in (("kind", "lose"), ("state", "odd"), ("limit", "0"), ("sort", "up")):
        assert (await door.client.get("/v1/flows", params={name: value})).status_code == 422
    refused(await door.client.get("/v1/flows/%00"), 422)
    refused(await door.client.get("/v1/flows/nowhere"), 404)


async def test_the_memory_and_rest_show_the_same_flow(door: Door, memory: Memory) -> None:
    answer = await door.client.post(f"{GRAPH}/recall", json={"what": {"text": "Ann"}})
    flow = await memory.flows.get(answer.headers["X-Flow-ID"])
    assert done(await door.client.get(f"/v1/flows/{flow.id}"))["duration_ms"] == flow.duration_ms
