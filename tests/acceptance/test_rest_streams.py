"""Work streams over REST: from the producer to the acknowledgement, by whom, and what is refused."""

from typing import Any

from tests.rest import GRAPH, Door, done, refused

ALL = f"{GRAPH}/streams"
TASKS = f"{ALL}/tasks"
GROUP = f"{TASKS}/groups/g"


async def append(door: Door, *bodies: Any, **more: Any) -> Any:
    messages = [{"body": body, **more} for body in bodies]
    return done(await door.client.post(f"{TASKS}/messages", json={"messages": messages}), 201)


async def test_the_way_of_a_message(door: Door) -> None:
    client = door.client
    assert await append(door, {"n": 1}, None, key="k") == {"ids": [1, 2], "duplicates": 0}
    (first,) = done(await client.post(f"{GROUP}/read", json={"consumer": "ann", "wait": 1}))["messages"]
    assert (first["body"], first["key"], first["deliveries"], first["receipt"]) == ({"n": 1}, "k", 1, "1.1")
    assert done(await client.post(f"{GROUP}/read", json={}))["messages"] == []
    pending = done(await client.get(f"{GROUP}/pending"))["pending"]
    assert [(each["id"], each["consumer"]) for each in pending] == [(1, "ann"), (2, None)]
    extended = done(await client.post(f"{GROUP}/extend", json={"receipts": ["1.1"], "lease_seconds": 120}))
    assert extended == {"settled": [1], "lost": []}
    (taken,) = done(await client.post(f"{GROUP}/claim", json={"consumer": "bob", "of": "ann"}))["messages"]
    assert done(await client.post(f"{GROUP}/ack", json={"receipts": ["1.1"]})) == {"settled": [], "lost": ["1.1"]}
    dead = {"receipts": [taken["receipt"]], "dead": True, "reason": "No."}
    assert done(await client.post(f"{GROUP}/release", json=dead))["settled"] == [1]
    (letter,) = done(await client.get(f"{GROUP}/dead-letters"))["dead_letters"]
    assert (letter["id"], letter["body"], letter["reason"]) == (1, {"n": 1}, "No.")
    assert done(await client.post(f"{GROUP}/dead-letters/replay", json={"ids": [1]})) == {"count": 1}
    assert done(await client.delete(f"{GROUP}/dead-letters", params={"id": 1})) == {"count": 0}
    shown = done(await client.get(TASKS))
    assert (shown["last"], shown["groups"][0]["pending"], "id" in shown) == (2, 2, False)
    assert done(await client.post(f"{TASKS}/trim", json={"max_length": 0})) == {"removed": 0}
    assert [each["id"] for each in done(await client.get(f"{TASKS}/messages"))["messages"]] == [1, 2]
    assert done(await client.put(TASKS, json={"max_length": 5}))["settings"]["max_length"] == 5
    assert [each["name"] for each in done(await client.get(ALL))["streams"]] == ["tasks"]
    done(await client.delete(GROUP), 204)
    done(await client.delete(TASKS), 204)
    refused(await client.get(TASKS), 404, "tasks")


async def test_bad_input_is_refused_with_the_name_of_the_field(door: Door) -> None:
    client = door.client
    for body, word in (
        ({"messages": []}, "messages"),
        ({"messages": [{}]}, "body"),
        ({"messages": [{"body": 1, "key": ""}]}, "messages[0].key"),
        ({"messages": [{"body": 1, "kye": "x"}]}, "kye"),
    ):
        refused(await client.post(f"{TASKS}/messages", json=body), 422, word)
    refused(await client.post(f"{ALL}/a b/messages", json={"messages": [{"body": 1}]}), 422, "stream")
    refused(await client.post(f"{GROUP}/read", json={}), 404, "tasks")
    await append(door, 1, idempotency_key="i")
    refused(
        await client.post(f"{TASKS}/messages", json={"messages": [{"body": 2, "idempotency_key": "i"}]}), 409, "hint"
    )
    for path, body, word in (
        ("read", {"limit": 0}, "limit"),
        ("read", {"wait": 26}, "wait"),
        ("read", {"lease_seconds": 0}, "lease_seconds"),
        ("ack", {"receipts": ["x"]}, "receipts[0]"),
        ("release", {"receipts": ["1.1"], "delay_seconds": -1}, "delay_seconds"),
    ):
        refused(await client.post(f"{GROUP}/{path}", json=body), 422, word)
    refused(await client.post(f"{GROUP}/ack", json={"receipts": ["1.1"]}), 404, "'g'")


async def test_a_key_reaches_the_streams_of_its_scope_only_and_consumers_write(door: Door) -> None:
    client = door.client
    await append(door, "shared")
    mine = await door.key("writer", graph="main", scope="team/7")
    body = {"messages": [{"body": "mine"}]}
    done(await client.post(f"{TASKS}/messages", json=body, headers=mine), 201)
    found = done(await client.get(f"{TASKS}/messages", headers=mine))["messages"]
    assert [each["body"] for each in found] == ["mine"]
    refused(await client.get(TASKS, headers=mine, params={"scope": ""}), 403)
    other = await door.key("writer", graph="main", scope="team/8")
    refused(await client.post(f"{GROUP}/read", headers=other, json={}), 404)
    refused(await client.post(f"{GROUP}/read", headers=other, json={}, params={"scope": "team/7"}), 403)
    reader = await door.key("reader", graph="main", scope="team/7")
    assert done(await client.get(TASKS, headers=reader))["scope"] == "team/7"
    refused(await client.post(f"{GROUP}/read", headers=reader, json={}), 403, "writer")
    refused(await client.post(f"{TASKS}/messages", headers=reader, json=body), 403)


async def test_a_stream_is_reached_by_its_name_alone_in_the_graph_of_the_key(door: Door) -> None:
    client, named = door.client, "/v1/streams/tasks"
    await door.memory.graphs.ensure("elsewhere")
    body = {"messages": [{"body": "for main"}, {"body": "too", "key": "k"}]}
    assert done(await client.post(named, json=body), 201)["ids"] == [1, 2]
    assert [each["body"] for each in done(await client.get(f"{TASKS}/messages"))["messages"]] == ["for main", "too"]
    (one, two) = done(await client.post(f"{named}/groups/g/read", json={"consumer": "ann"}))["messages"]
    (taken, _) = done(await client.post(f"{named}/groups/g/claim", json={"consumer": "bob", "of": "ann"}))["messages"]
    lost = done(await client.post(f"{named}/groups/g/ack", json={"receipts": [one["receipt"]]}))
    assert lost == {"settled": [], "lost": [one["receipt"]]}
    acknowledged = done(await client.post(f"{named}/groups/g/ack", json={"receipts": [taken["receipt"], "2.2"]}))
    assert acknowledged == {"settled": [1, 2], "lost": []}
    assert two["body"] == "too"
    assert done(await client.post(f"{named}/trim", json={"max_length": 0})) == {"removed": 2}

    # A key of one graph has that graph, sees no other, and needs the same role as there.
    writer, reader = await door.key("writer", graph="elsewhere"), await door.key("reader", graph="elsewhere")
    told = done(await client.post(named, json={"messages": [{"body": "there"}]}, headers=writer), 201)
    assert told["ids"] == [1]
    assert [each["body"] for each in done(await client.get(named, headers=reader))["messages"]] == ["there"]
    params = {"graph": "elsewhere"}
    assert [each["body"] for each in done(await client.get(named, params=params))["messages"]] == ["there"]
    refused(await client.post(named, json=body, headers=reader), 403)
    status = (await client.get(f"{TASKS}/messages", headers=writer)).status_code
    refused(await client.get(named, params={"graph": "main"}, headers=writer), status)
    refused(await client.get(named, params={"graph": "nowhere"}), 404, "nowhere")
    refused(await client.get(named, params={"grahp": "main"}), 422, "grahp")

    # A key of a scope acts in its scope only.
    scoped = await door.key("writer", scope="team/7")
    done(await client.post(named, json={"messages": [{"body": "of the team"}]}, headers=scoped), 201)
    assert done(await client.get(named, params={"scope": "team/7"}))["messages"][0]["body"] == "of the team"
    refused(await client.get(named, params={"scope": "team/8"}, headers=scoped), 403)
