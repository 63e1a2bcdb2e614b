"""Subscriptions over REST: from subscribing to replay, by whom, and what is refused."""

from typing import Any

from tests.rest import GRAPH, Door, done, refused

ALL = f"{GRAPH}/subscriptions"
NEWS = f"{ALL}/news"


async def subscribed(door: Door, **more: Any) -> dict[str, Any]:
    subscription: dict[str, Any] = done(await door.client.post(ALL, json={"name": "news", **more}), 201)
    return subscription


async def test_the_way_of_an_event(door: Door) -> None:
    client = door.client
    made = await subscribed(door, what="label", filter={"labels": ["Person"]})
    assert (made["groups"], made["created"], "id" in made) == ([], True, False)
    again = await client.post(ALL, json={"name": "news", "what": "label", "filter": {"labels": ["Person"]}})
    assert done(again)["created"] is False
    refused(await client.post(ALL, json={"name": "news"}), 409, "news")
    await door.people("Ann", "Bob")

    found = done(await client.get(f"{NEWS}/events", params={"group": "g", "limit": 1, "wait": 5}))
    assert [(each["kind"], each["key"]) for each in found["events"]] == [("entity.created", "ann")]
    busy = done(await client.get(f"{NEWS}/events", params={"group": "g"}))
    assert (busy["events"], busy["lease"], busy["leased_until"]) == ([], None, found["leased_until"])

    told = {"group": "g", "cursor": found["cursor"], "lease": found["lease"]}
    refused(await client.post(f"{NEWS}/ack", json={**told, "expected": "77"}), 412, found["previous"])
    refused(await client.post(f"{NEWS}/ack", json={**told, "lease": "x"}), 409, "lease")
    refused(await client.post(f"{NEWS}/ack", json={**told, "cursor": "9999.1"}), 422, "cursor")
    assert done(await client.post(f"{NEWS}/ack", json=told)) == {
        "name": "g", "cursor": found["cursor"], "leased_until": None,
    }  # fmt: skip
    second = done(await client.get(f"{NEWS}/events", params={"group": "g", "wait": 10}))
    assert [each["key"] for each in second["events"]] == ["bob"]
    with_ack = {"group": "g", "lease": second["lease"], "ack": second["cursor"]}
    assert done(await client.get(f"{NEWS}/events", params=with_ack))["events"] == []
    assert done(await client.get(NEWS))["groups"][0]["cursor"] == second["cursor"]

    done(await client.post(f"{NEWS}/seek", json={"group": "g", "cursor": found["events"][0]["id"]}))
    again = done(await client.get(f"{NEWS}/events", params={"group": "g", "wait": 10}))
    assert again["events"] == second["events"]
    done(await client.delete(f"{NEWS}/groups/g"), 204)
    refused(await client.delete(f"{NEWS}/groups/g"), 404, "'g'")
    assert [each["name"] for each in done(await client.get(ALL))["subscriptions"]] == ["news"]
    assert done(await client.delete(NEWS)) == {"groups": 0}
    refused(await client.get(f"{NEWS}/events"), 404, "news")


async def test_bad_input_is_refused_with_the_name_of_the_field(door: Door) -> None:
    client = door.client
    for body, word in (
        ({"name": "a b"}, "subscription"),
        ({"name": "a", "what": "entity"}, "filter.keys"),
        ({"name": "a", "what": "everything"}, "what"),
        ({"name": "a", "filter": {"kinds": ["x.y"]}}, "filter.kinds[0]"),
        ({"name": "a", "filter": {"kyes": ["x"]}}, "kyes"),
        ({"name": "a", "start": "yesterday"}, "start"),
    ):
        refused(await client.post(ALL, json=body), 422, word)
    await subscribed(door)
    for parameters, word in (
        ({"after": "x"}, "after"),
        ({"after": "0", "group": "g"}, "after"),
        ({"ack": "0"}, "ack"),
        ({"group": "g", "ack": "0"}, "lease"),
        ({"group": "a b"}, "group"),
        ({"wait": "26"}, "wait"),
        ({"group": "g", "lease_seconds": "0"}, "lease_seconds"),
        ({"limit": "0"}, "limit"),
        ({"gruop": "g"}, "gruop"),
    ):
        refused(await client.get(f"{NEWS}/events", params=parameters), 422, word)
    refused(await client.get(f"{NEWS}/events", params={"after": "99999"}), 410, "cursor", "hint")
    refused(await client.post(f"{NEWS}/seek", json={"group": "g", "cursor": "0", "since": "2020"}), 422, "since")
    refused(await client.post(f"{NEWS}/seek", json={"group": "g", "since": "soon"}), 422, "soon")


async def test_a_key_gets_events_of_what_it_may_read_only(door: Door) -> None:
    client = door.client
    key = await door.key("writer", graph="main", scope="team/7")
    made = done(await client.post(ALL, json={"name": "mine"}, headers=key), 201)
    assert made["scope"] == "team/7"
    await subscribed(door)
    for scope in ("team/7", "team/7/ann", "team/8", "team", ""):
        await door.people(f"P{scope.replace('/', '-')}", scope=scope)

    done(await client.post(ALL, json={"name": "settled"}), 201)  # Waits for transactions of other tests.
    found = done(await client.get(f"{ALL}/mine/events", headers=key))
    assert {each["scope"] for each in found["events"]} == {"", "team", "team/7", "team/7/ann"}
    assert "team/8" not in str(found)
    refused(await client.get(f"{NEWS}/events", headers=key), 404)
    refused(await client.get(f"{NEWS}/events", headers=key, params={"scope": ""}), 403)
    other = await door.key("reader", graph="main", scope="team/8")
    refused(await client.get(f"{ALL}/mine/events", headers=other), 404)
    refused(await client.get(f"{ALL}/mine/events", headers=other, params={"scope": "team/7"}), 403)
    reader = await door.key("reader", graph="main", scope="team/7")
    leased = done(await client.get(f"{ALL}/mine/events", headers=reader, params={"group": "g"}))
    told = {"group": "g", "cursor": leased["cursor"], "lease": leased["lease"]}
    done(await client.post(f"{ALL}/mine/ack", headers=reader, json=told))
    refused(await client.post(f"{ALL}/mine/seek", headers=reader, json={"group": "g"}), 403)


async def test_the_best_hits_of_a_question_are_followed(door: Door) -> None:
    client, question = door.client, {"what": {"text": "Ann or Bob?", "labels": ["Person"]}, "k": 2}
    made = await subscribed(door, what="answer", answer=question, start="beginning")
    assert made["answer"] == question
    assert done(await client.get(NEWS))["answer"] == question
    assert done(await client.post(ALL, json={"name": "news", "what": "answer", "answer": question}))["created"] is False
    await door.people("Ann", "Bob")

    found = done(await client.get(f"{NEWS}/events", params={"group": "g", "wait": 5}))
    assert [(each["kind"], each["rank"], each["previous_rank"]) for each in found["events"]] == [
        ("answer.entered", 1, None),
        ("answer.entered", 2, None),
    ]
    answer = done(await client.get(f"{NEWS}/answer"))
    assert [each["key"] for each in answer["items"]] == [each["key"] for each in found["events"]]
    assert (answer["cursor"], answer["problem"]) == (found["cursor"], None)
    hits = done(await client.post(f"{GRAPH}/recall", json=question))["hits"]
    assert [each["item"] for each in answer["items"]] == [each["id"] for each in hits]
    done(await client.delete(NEWS))
    await subscribed(door)
    refused(await client.get(f"{NEWS}/answer"), 404, "news")


async def test_a_question_that_cannot_be_followed_is_refused_with_its_field(door: Door) -> None:
    tea = {"what": {"text": "tea"}}
    for answer, word in (
        (None, "answer"),
        ({**tea, "k": 101}, "answer.k"),
        ({**tea, "rerank": True}, "answer.rerank"),
        ({**tea, "scope": "user/2"}, "answer.scope"),
        ({**tea, "known": 1}, "known"),
        ({"what": {"text": "tea", "vector": [1.0]}}, "answer.what.vector"),
    ):
        body = {"name": "a", "what": "answer", "answer": answer}
        refused(await door.client.post(ALL, json=body, params={"scope": "user/1"}), 422, word)
    hook = {"name": "h", "url": "https://93.184.215.14/hook", "what": "answer"}
    refused(await door.client.post(f"{GRAPH}/webhooks", json=hook), 422, "subscription")
