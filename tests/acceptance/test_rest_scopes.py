"""Over REST: scopes are listed, summed up and deleted by who may."""

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.graph.entity import Entity
from tests.rest import GRAPH, Door, done, refused

ALL, ONE = f"{GRAPH}/scopes", f"{GRAPH}/scope"


async def test_scopes_are_listed_summed_up_and_deleted(door: Door) -> None:
    for scope in ("user/1", "user/1/work", "user/10", ""):
        await door.people("Ann", scope=scope)
    await door.memory.blocks.put("main", BlockAddress("human", "user/1"), BlockContent("She sails."))
    listed = done(await door.client.get(ALL, params={"scope": "user", "limit": 2}))
    assert [(each["scope"], each["counts"]["entities"]) for each in listed["scopes"]] == [
        ("user/1", 1),
        ("user/1/work", 1),
    ]
    rest = done(await door.client.get(ALL, params={"scope": "user", "cursor": listed["cursor"]}))
    assert [each["scope"] for each in rest["scopes"]] == ["user/10"]
    whole = done(await door.client.get(ONE, params={"scope": "user/1"}))
    assert (whole["counts"]["entities"], whole["counts"]["memory_blocks"]) == (2, 1)
    assert done(await door.client.get(ONE))["counts"]["entities"] == 4

    asked = {"scope": "user/1", "erase": True}
    dry = done(await door.client.delete(ONE, params={**asked, "dry_run": True}))
    report = done(await door.client.delete(ONE, params=asked))
    assert (dry["dry_run"], report["dry_run"]) == (True, False)
    assert dry["deleted"] == report["deleted"]
    assert report["scopes"] == ["user/1/work", "user/1"]
    refused(await door.client.get(f"{GRAPH}/blocks/human", params={"scope": "user/1"}), 404)
    assert [each["scope"] for each in done(await door.client.get(ALL))["scopes"]] == ["", "user/10"]


async def test_what_cannot_be_deleted_is_refused(door: Door) -> None:
    await door.people("Ann")
    for parameters, status in (({}, 422), ({"scope": ""}, 422), ({"scope": "a b"}, 422), ({"scope": "user/1"}, 404)):
        refused(await door.client.delete(ONE, params=parameters), status, "scope")
    refused(await door.client.get(ONE, params={"scope": "user/1"}), 404)
    assert done(await door.client.get(ONE))["counts"]["entities"] == 1


async def test_a_key_sees_and_deletes_only_its_own_scope(door: Door) -> None:
    for scope in ("user/1", "user/1/work", "user/10", ""):
        await door.people("Ann", scope=scope)
    own = await door.key("writer", graph="main", scope="user/1")
    listed = done(await door.client.get(ALL, headers=own))
    assert [each["scope"] for each in listed["scopes"]] == ["user/1", "user/1/work"]
    for other in ("user", "user/10"):
        for call in (door.client.get, door.client.delete):
            refused(await call(ONE, params={"scope": other}, headers=own), 403)
        refused(await door.client.get(ALL, params={"scope": other}, headers=own), 403)
    reader = await door.key("reader", graph="main", scope="user/1")
    refused(await door.client.delete(ONE, params={"scope": "user/1"}, headers=reader), 403)
    done(await door.client.delete(ONE, params={"scope": "user/1/work"}, headers=own))
    left = [each["scope"] for each in done(await door.client.get(ALL))["scopes"]]
    assert left == ["", "user/1", "user/10"]


async def test_traces_of_what_was_erased_are_searched_for_by_admins_alone(door: Door) -> None:
    client, word = door.client, "Zqwertine"
    await door.memory.entities.put("main", [Entity("z", "Person", word, scope="user/9")])
    asked = {"texts": [word.lower()]}
    found = done(await client.post(f"{GRAPH}/traces", json=asked))
    assert found["found"]
    assert word not in str(found["found"])
    done(await client.delete(ONE, params={"scope": "user/9", "erase": "true"}))
    assert done(await client.post(f"{GRAPH}/traces", json=asked))["found"] == []
    refused(await client.post(f"{GRAPH}/traces", json={"texts": ["ab"]}), 422, "texts[0]")
    _, secret = await door.memory.keys.create("w", "writer")
    refused(await client.post(f"{GRAPH}/traces", json=asked, headers={"Authorization": f"Bearer {secret}"}), 403)
    _, secret = await door.memory.keys.create("a", "admin", graph="main")
    mine = {"Authorization": f"Bearer {secret}"}
    fewer = done(await client.post(f"{GRAPH}/traces", json=asked, headers=mine))
    assert fewer["tables"] < found["tables"]
