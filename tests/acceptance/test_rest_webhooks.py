"""Webhooks over REST: what is shown, to whom, and what is refused."""

from dataclasses import replace

from kgmem.memory import Memory
from tests.receivers import loopback_sender, receiver
from tests.rest import GRAPH, Door, done, refused

ALL = f"{GRAPH}/webhooks"
HOOK = f"{ALL}/hook"
URL = "https://93.184.215.14/hook"


async def test_the_way_of_a_webhook(door: Door) -> None:
    client = door.client
    body = {"name": "hook", "url": URL, "what": "label", "filter": {"labels": ["Person"]}, "batch": 10}
    made = done(await client.post(ALL, json=body), 201)
    assert made["secret"].startswith("whsec_")
    assert (made["url"], made["state"], made["batch"], "id" in made) == (URL, "active", 10, False)
    refused(await client.post(ALL, json=body), 409, "hook")
    shown = done(await client.get(HOOK))
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert [each["name"] for each in done(await client.get(ALL))["webhooks"]] == ["hook"]
    changed = done(await client.patch(HOOK, json={"active": False, "below": False, "batch": 1}))
    assert (changed["state"], changed["below"], changed["filter"]["labels"]) == ("disabled", False, ["Person"])
    rotated = done(await client.post(f"{HOOK}/rotate-secret", json={"overlap_seconds": 60}))
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"] is not None
    assert done(await client.get(f"{HOOK}/attempts")) == {"attempts": []}
    assert done(await client.get(f"{HOOK}/dead-letters")) == {"dead_letters": []}
    assert done(await client.post(f"{HOOK}/dead-letters/replay", json={"ids": ["1.1"]})) == {"count": 0}
    assert done(await client.delete(f"{HOOK}/dead-letters", params={"id": "1.1"})) == {"count": 0}
    done(await client.delete(HOOK), 204)
    refused(await client.get(HOOK), 404, "hook")


async def test_a_test_request_tells_what_came_of_it(door: Door) -> None:
    async with receiver() as got:
        sender = loopback_sender()
        door.app.state.memory = Memory(replace(door.memory.ports, sender=sender))
        made = done(await door.client.post(ALL, json={"name": "hook", "url": got.url}), 201)
        assert done(await door.client.post(f"{HOOK}/test"))["status"] == 204
        assert got.verified(made["secret"])
        got.answer = lambda body: 500
        failed = done(await door.client.post(f"{HOOK}/test"))
        assert (failed["status"], "500" in failed["error"]) == (500, True)
        door.app.state.memory = door.memory
        done(await door.client.delete(HOOK), 204)
        await sender.aclose()


async def test_bad_input_is_refused_with_the_name_of_the_field(door: Door) -> None:
    client = door.client
    for body, word in (
        ({"name": "a b", "url": URL}, "webhook"),
        ({"name": "a"}, "url"),
        ({"name": "a", "url": "ftp://example.org"}, "url"),
        ({"name": "a", "url": "http://127.0.0.1/"}, "KGMEM_WEBHOOK_ALLOW"),
        ({"name": "a", "url": "http://localhost:8420/v1"}, "url"),
        ({"name": "a", "url": "http://169.254.169.254/latest/meta-data"}, "url"),
        ({"name": "a", "url": URL, "batch": 0}, "batch"),
        ({"name": "a", "url": URL, "max_attempts": 31}, "max_attempts"),
        ({"name": "a", "url": URL, "what": "entity"}, "filter.keys"),
        ({"name": "a", "url": URL, "filter": {"kinds": ["x.y"]}}, "filter.kinds[0]"),
        ({"name": "a", "url": URL, "secret": "mine"}, "secret"),
    ):
        refused(await client.post(ALL, json=body), 422, word)
    assert done(await client.get(ALL))["webhooks"] == []
    done(await client.post(ALL, json={"name": "hook", "url": URL}), 201)
    refused(await client.patch(HOOK, json={"url": "http://10.0.0.1/"}), 422, "url")
    refused(await client.patch(HOOK, json={"batch": 0}), 422, "batch")
    refused(await client.post(f"{HOOK}/rotate-secret", json={"overlap_seconds": -1}), 422, "overlap_seconds")
    refused(await client.post(f"{HOOK}/dead-letters/replay", json={"ids": ["x"]}), 422, "ids[0]")
    assert done(await client.get(HOOK))["url"] == URL


async def test_webhooks_need_a_writer_in_their_scope(door: Door) -> None:
    client = door.client
    mine = await door.key("writer", graph="main", scope="team/7")
    made = done(await client.post(ALL, json={"name": "hook", "url": URL}, headers=mine), 201)
    assert (made["scope"], made["author"] is not None) == ("team/7", True)
    refused(await client.get(HOOK), 404)
    reader = await door.key("reader", graph="main", scope="team/7")
    for answer in (await client.get(ALL, headers=reader), await client.get(HOOK, headers=reader)):
        refused(answer, 403, "writer")
    other = await door.key("writer", graph="main", scope="team/8")
    refused(await client.get(HOOK, headers=other), 404)
    refused(await client.delete(HOOK, headers=other, params={"scope": "team/7"}), 403)
    refused(await client.post(f"{HOOK}/test", headers=other), 404)
