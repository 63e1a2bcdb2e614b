"""Decisions of agents over REST."""

from tests.memories import until
from tests.rest import GRAPH, Door, done, refused

ONE = {"key": "d1", "decision": "Answer Ada.", "agent": "planner", "expected": "Thanks.", "probability": 0.8}


async def test_a_decision_is_recorded_resolved_and_followed(door: Door) -> None:
    entities = [{"key": key} for key in ("ada", "acme", "thanks")]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": entities}))
    body = {"relationships": [{"kind": "KNOWS", "from": "ada", "to": "acme"}]}
    (fact,) = done(await door.client.put(f"{GRAPH}/relationships", json=body))["ids"]
    stated = {**ONE, "evidence": [{"type": "fact", "id": fact}], "caused": [{"to": "thanks"}]}
    made = done(await door.client.post(f"{GRAPH}/decisions", json=stated), 201)
    assert made["created"]
    assert made["evidence"][0]["state"] == "current"
    assert not done(await door.client.post(f"{GRAPH}/decisions", json=stated))["created"]
    refused(await door.client.post(f"{GRAPH}/decisions", json={**stated, "probability": 0.1}), 409, "another decision")

    correction = {"action": "retract", "fact": fact, "reason": "Never met."}
    done(await door.client.post(f"{GRAPH}/corrections", json=correction))
    listed = done(await door.client.get(f"{GRAPH}/decisions", params={"evidence": "retracted"}))
    assert [each["key"] for each in listed["decisions"]] == ["d1"]
    queue = done(await door.client.get(f"{GRAPH}/adjudications/queue"))
    assert [each["key"] for each in queue["decisions"]] == ["d1"]
    seen = done(await door.client.post(f"{GRAPH}/decisions/d1/review", json={"reason": "Fine."}))
    assert seen["review"]["states"] == ["retracted"]
    assert done(await door.client.get(f"{GRAPH}/adjudications/queue"))["decisions"] == []

    done(await door.client.put(f"{GRAPH}/decisions/d1/outcome", json={"outcome": "no"}))
    told = done(await door.client.put(f"{GRAPH}/decisions/d1/outcome", json={"outcome": "yes", "by": "ann"}))
    assert [each["outcome"] for each in told["outcomes"]] == ["no", "yes"]
    assert told["outcome"]["by"] == "ann"
    found = done(await door.client.get(f"{GRAPH}/agents/planner/calibration", params={"bins": 2}))
    assert (found["resolved"], round(found["brier"], 2)) == (1, 0.04)
    after = done(await door.client.get(f"{GRAPH}/decisions/d1/consequences"))
    assert [each["key"] for each in after["consequences"]] == ["thanks"]
    assert after["cut"] is False


async def test_bad_input_is_named(door: Door) -> None:
    refused(await door.client.post(f"{GRAPH}/decisions", json={"decision": "x"}), 422, "agent")
    refused(await door.client.post(f"{GRAPH}/decisions", json={**ONE, "probability": 2}), 422, "probability")
    refused(await door.client.post(f"{GRAPH}/decisions", json={**ONE, "why": 2}), 422, "why")
    for evidence in ({"type": "fact", "id": 1}, {"type": "episode", "key": "no"}, {"type": "rumour", "key": "x"}):
        refused(await door.client.post(f"{GRAPH}/decisions", json={**ONE, "evidence": [evidence]}), 422, "evidence")
    refused(await door.client.get(f"{GRAPH}/decisions", params={"evidence": "lost"}), 422, "evidence")
    refused(await door.client.get(f"{GRAPH}/decisions/none"), 404, "none")
    refused(await door.client.put(f"{GRAPH}/decisions/none/outcome", json={"outcome": "yes"}), 404, "none")
    refused(await door.client.get(f"{GRAPH}/agents/planner/calibration", params={"bins": 0}), 422, "bins")
    assert done(await door.client.get(f"{GRAPH}/decisions"))["decisions"] == []


async def test_a_decision_expires_at_its_time(door: Door) -> None:
    made = done(await door.client.post(f"{GRAPH}/decisions", json={**ONE, "expires_at": "2990-01-01"}), 201)
    assert made["expires_at"] == "2990-01-01T00:00:00Z"
    again = done(await door.client.post(f"{GRAPH}/decisions", json=ONE))
    assert (again["created"], again["expires_at"]) == (False, made["expires_at"])
    assert "ttl" not in again
    done(await door.client.put(f"{GRAPH}/decisions/d1/outcome", json={"outcome": "yes"}))
    assert done(await door.client.get(f"{GRAPH}/decisions/d1"))["expires_at"] == made["expires_at"]
    brief = await door.client.post(f"{GRAPH}/decisions", json={**ONE, "key": "d2", "ttl": 0.3})
    assert brief.status_code in {201, 404}  # On a busy machine its time is over before it is read.
    await until(lambda: gone(door, "d2"))
    for wrong in ({"ttl": -1}, {"ttl": "1d", "expires_at": "2990-01-01"}, {"expires_at": "1990-01-01"}):
        refused(await door.client.post(f"{GRAPH}/decisions", json={**ONE, "key": "d3", **wrong}), 422, "")
    assert await gone(door, "d3")


async def gone(door: Door, key: str) -> bool:
    return (await door.client.get(f"{GRAPH}/decisions/{key}")).status_code == 404


async def test_a_decision_and_a_message_are_stored_once_under_an_idempotency_key(door: Door) -> None:
    header = {"Idempotency-Key": "call-1"}
    body = {"decision": "Wait.", "agent": "planner"}
    made = done(await door.client.post(f"{GRAPH}/decisions", json=body, headers=header), 201)
    assert done(await door.client.post(f"{GRAPH}/decisions", json=body, headers=header), 200)["key"] == made["key"]
    refused(await door.client.post(f"{GRAPH}/decisions", json={**body, "decision": "Go."}, headers=header), 409)
    other = done(await door.client.post(f"{GRAPH}/decisions", json={**body, "key": "own"}, headers=header), 201)
    assert other["key"] == "own"
    done(await door.client.put(f"{GRAPH}/sessions/s1", json={"agent": "planner"}), 201)
    messages = [{"role": "user", "content": "Hello."}, {"role": "user", "content": "Hello."}]
    path = f"{GRAPH}/sessions/s1/messages"
    first = done(await door.client.post(path, json={"messages": messages}, headers=header))
    second = done(await door.client.post(path, json={"messages": messages}, headers=header))
    assert (first["created"], second["created"]) == (2, 0)
    assert [each["id"] for each in first["messages"]] == [each["id"] for each in second["messages"]]
    stream = f"{GRAPH}/streams/work/messages"
    sent = [{"body": 1}, {"body": 2, "idempotency_key": "own"}]
    one = done(await door.client.post(stream, json={"messages": sent}, headers=header), 201)
    two = done(await door.client.post(stream, json={"messages": sent}, headers=header), 201)
    assert (one["ids"], one["duplicates"]) == (two["ids"], 0)
    assert two["duplicates"] == 2
