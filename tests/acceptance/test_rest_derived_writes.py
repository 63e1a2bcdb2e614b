"""Entities and relationships over REST that say what they are derived from."""

from tests.rest import GRAPH, Door, done, refused


async def test_a_relationship_that_an_agent_writes_back_is_listed_as_an_echo(door: Door) -> None:
    await door.people("Ada")
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": [{"key": "berlin", "label": "City"}]}))
    lives = {"kind": "LIVES_IN", "from": "ada", "to": "berlin"}
    written = done(
        await door.client.put(f"{GRAPH}/relationships", json={"relationships": [{**lives, "source": "alice"}]})
    )
    (before,) = done(await door.client.get(f"{GRAPH}/facts", params={"predicate": "LIVES_IN"}))["facts"]
    echoes = [{**lives, "source": f"bot {n}", "derived_from": [f"hit:{written['ids'][0]}"]} for n in range(3)]
    done(await door.client.put(f"{GRAPH}/relationships", json={"relationships": echoes}))

    (after,) = done(await door.client.get(f"{GRAPH}/facts", params={"predicate": "LIVES_IN"}))["facts"]
    assert (after["probability"], after["supporting"]) == (before["probability"], before["supporting"])
    detail = done(await door.client.get(f"{GRAPH}/facts/{after['id']}"))
    assert {(each["source"], *each["derived_from"]) for each in detail["echoes"]} == {
        (f"bot {n}", "source:alice") for n in range(3)
    }
    shown = done(await door.client.get(f"{GRAPH}/relationships", params={"kind": "LIVES_IN"}))["relationships"]
    assert all("derived_from" not in each for each in shown)

    wrong = {"relationships": [{**lives, "source": "bot", "derived_from": ["gossip"]}]}
    refused(await door.client.put(f"{GRAPH}/relationships", json=wrong), 422, "episode:KEY", "gossip")
    many = {"entities": [{"key": "ada", "derived_from": ["source:alice"] * 21}]}
    refused(await door.client.put(f"{GRAPH}/entities", json=many), 422, "derived_from")
