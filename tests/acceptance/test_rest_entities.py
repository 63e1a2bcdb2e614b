"""Entities, relationships, episodes and sources over REST."""

from urllib.parse import quote

import pytest

from tests.rest import GRAPH, Door, done, refused

ARMSTRONG = {
    "key": "person/armstrong",
    "label": "Person",
    "labels": ["Astronaut"],
    "name": "Neil Armstrong",
    "properties": {"missions": ["Gemini 8", "Apollo 11"], "landed": True},
    "text": "The first human on the Moon.",
    "place": {"type": "Point", "coordinates": [-84.19, 40.56]},
    "valid_from": "1930-08-05",
    "source": "nasa",
}


async def test_an_entity_comes_back_as_it_was_written(door: Door) -> None:
    written = done(await door.client.put(f"{GRAPH}/entities", json={"entities": [ARMSTRONG]}))
    assert (written["created"], written["updated"], written["unchanged"]) == (1, 0, 0)
    held = done(await door.client.get(f"{GRAPH}/entities/person/armstrong"))
    assert held["id"] == written["ids"][0]
    assert held["version"] == 1
    assert {name: held[name] for name in ARMSTRONG if name != "valid_from"} == {
        name: value for name, value in ARMSTRONG.items() if name != "valid_from"
    }
    assert held["valid_from"].startswith("1930-08-05")


async def test_a_key_with_a_slash_may_be_escaped_or_not(door: Door) -> None:
    await door.client.put(f"{GRAPH}/entities", json={"entities": [ARMSTRONG]})
    plain = done(await door.client.get(f"{GRAPH}/entities/person/armstrong"))
    assert plain == done(await door.client.get(f"{GRAPH}/entities/person%2Farmstrong"))


async def test_any_key_has_an_address(door: Door) -> None:
    for key in ("/", "//a//", " a b ", "a?b#c&d=e", "100%", "%2F", "ü/日本", "a+b", ".hidden", "a;b,c:@!$'()*"):
        address = f"{GRAPH}/entities/{quote(key, safe='')}"
        done(await door.client.put(address, json={"label": "Thing"}), 201)
        assert done(await door.client.get(address))["key"] == key
        assert done(await door.client.delete(address))["entities"] == 1
        done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": [{"key": key, "text": "Hello."}]}))
        assert done(await door.client.get(f"{GRAPH}/episodes/{quote(key, safe='')}"))["key"] == key


async def test_control_characters_in_keys_are_refused_but_not_in_addresses(door: Door) -> None:
    for key in ("a\nb", "\x7f", "a\x85"):
        body = {"entities": [{"key": key}]}
        refused(await door.client.put(f"{GRAPH}/entities", json=body), 422, "control character")
        refused(await door.client.put(f"{GRAPH}/entities/{quote(key)}", json={}), 422, "control character")
        refused(await door.client.get(f"{GRAPH}/entities/{quote(key)}"), 404, "There is no entity")
    relationship = {"kind": "KNOWS", "from": "a", "to": "b", "key": "a\tb"}
    refused(await door.client.put(f"{GRAPH}/relationships", json={"relationships": [relationship]}), 422, "control")
    episode = {"key": "a\rb", "text": "Hello."}
    refused(await door.client.post(f"{GRAPH}/episodes", json={"episodes": [episode]}), 422, "control")


async def test_the_same_statement_again_changes_nothing(door: Door) -> None:
    body = {"entities": [ARMSTRONG]}
    await door.client.put(f"{GRAPH}/entities", json=body)
    again = done(await door.client.put(f"{GRAPH}/entities", json=body))
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 1)


async def test_one_entity_is_written_under_its_address(door: Door) -> None:
    made = await door.client.put(f"{GRAPH}/entities/luna", json={"label": "Place", "name": "The Moon"})
    done(made, 201)
    assert made.headers["etag"] == '"1"'
    changed = await door.client.put(f"{GRAPH}/entities/luna", json={"name": "Luna"})
    done(changed, 200)
    assert changed.headers["etag"] == '"2"'
    other = await door.client.put(f"{GRAPH}/entities/luna", json={"key": "sol"})
    refused(other, 422, "luna")


async def test_a_write_with_an_old_version_is_refused(door: Door) -> None:
    address = f"{GRAPH}/entities/luna"
    done(await door.client.put(address, json={"name": "The Moon"}), 201)
    assert (await door.client.get(address)).headers["etag"] == '"1"'
    done(await door.client.put(address, json={"name": "Luna"}, headers={"If-Match": '"1"'}))
    refused(await door.client.put(address, json={"name": "Mond"}, headers={"If-Match": '"1"'}), 412)
    refused(await door.client.delete(address, headers={"If-Match": '"1"'}), 412)
    refused(await door.client.put(address, json={"name": "x"}, headers={"If-Match": "*"}), 422, "If-Match")
    assert done(await door.client.get(address))["name"] == "Luna"
    assert done(await door.client.delete(address, headers={"If-Match": '"2"'}))["entities"] == 1


async def test_if_match_on_a_batch_is_for_one_entity(door: Door) -> None:
    await door.people("Ann", "Bob")
    one = {"entities": [{"key": "ann", "name": "Anna"}]}
    refused(await door.client.put(f"{GRAPH}/entities", json=one, headers={"If-Match": '"7"'}), 412)
    two = {"entities": [{"key": "ann"}, {"key": "bob"}]}
    refused(await door.client.put(f"{GRAPH}/entities", json=two, headers={"If-Match": '"1"'}), 422, "one entity")


async def test_a_client_that_has_the_version_gets_304(door: Door) -> None:
    await door.people("Ann")
    tag = (await door.client.get(f"{GRAPH}/entities/ann")).headers["etag"]
    again = await door.client.get(f"{GRAPH}/entities/ann", headers={"If-None-Match": tag})
    assert again.status_code == 304
    assert not again.content


async def test_a_list_is_read_page_by_page(door: Door) -> None:
    await door.people("Ann", "Bob", "Cid", "Dan", "Eve")
    keys, cursor = [], None
    while True:
        parameters = {"limit": 2, "label": "Person", **({"cursor": cursor} if cursor else {})}
        page = done(await door.client.get(f"{GRAPH}/entities", params=parameters))
        assert len(page["entities"]) <= 2
        keys += [entity["key"] for entity in page["entities"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert sorted(keys) == ["ann", "bob", "cid", "dan", "eve"]
    assert done(await door.client.get(f"{GRAPH}/entities", params={"label": "Ship"}))["entities"] == []


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
async def test_a_page_has_1_to_1000_items(door: Door, limit: str) -> None:
    problem = refused(await door.client.get(f"{GRAPH}/entities", params={"limit": limit}), 422)
    assert problem["errors"][0]["parameter"] == "limit"


async def test_a_cursor_that_was_not_given_is_refused(door: Door) -> None:
    answer = await door.client.get(f"{GRAPH}/entities", params={"cursor": "not-a-cursor"})
    assert answer.status_code == 422 or door.memory.ports.store.__class__.__name__ == "FakeStore"


async def test_an_unknown_parameter_is_refused_rather_than_passed_over(door: Door) -> None:
    refused(await door.client.get(f"{GRAPH}/entities", params={"lable": "Person"}), 422, "lable", "label")


async def test_deleting_says_what_went_and_what_was_not_there(door: Door) -> None:
    await door.people("Ann", "Bob")
    deleted = done(await door.client.delete(f"{GRAPH}/entities", params={"key": ["ann", "nobody"]}))
    assert deleted["entities"] == 1
    assert deleted["missing"] == ["nobody"]
    refused(await door.client.delete(f"{GRAPH}/entities/ann"), 404, "ann")
    refused(await door.client.get(f"{GRAPH}/entities/ann"), 404)
    refused(await door.client.delete(f"{GRAPH}/entities"), 422, "key")


async def test_relationships_are_written_listed_and_deleted(door: Door) -> None:
    await door.people("Ann", "Bob", "Cid")
    body = {
        "relationships": [
            {"kind": "KNOWS", "from": "ann", "to": "bob", "strength": 0.5, "valid_from": "2001"},
            {"kind": "HIRED", "from": "bob", "to": "cid", "properties": {"as": "cook"}},
        ]
    }
    written = done(await door.client.put(f"{GRAPH}/relationships", json=body))
    assert written["created"] == 2
    found = done(await door.client.get(f"{GRAPH}/relationships", params={"entity": "cid"}))["relationships"]
    assert [(one["from"], one["kind"], one["to"]) for one in found] == [("bob", "HIRED", "cid")]
    assert found[0]["properties"] == {"as": "cook"}
    id_ = written["ids"][0]
    assert done(await door.client.get(f"{GRAPH}/relationships/{id_}"))["strength"] == 0.5
    assert done(await door.client.delete(f"{GRAPH}/relationships/{id_}"))["relationships"] == 1
    refused(await door.client.get(f"{GRAPH}/relationships/{id_}"), 404)
    refused(await door.client.delete(f"{GRAPH}/relationships/{id_}"), 404)
    several = done(await door.client.delete(f"{GRAPH}/relationships", params={"id": [written["ids"][1], 1]}))
    assert (several["relationships"], several["missing"]) == (1, ["1"])


async def test_a_relationship_without_its_ends_is_refused_with_their_names(door: Door) -> None:
    body = {"relationships": [{"kind": "KNOWS", "from": "ann", "to": "nobody"}]}
    await door.people("Ann")
    problem = refused(await door.client.put(f"{GRAPH}/relationships", json=body), 422, "nobody")
    assert problem["type"] == "urn:kgmem:error:unknown-entities"
    assert "nobody" in problem["facts"]["keys"]
    assert done(await door.client.get(f"{GRAPH}/relationships"))["relationships"] == []


async def test_episodes_are_stored_listed_and_deleted(door: Door) -> None:
    text = "The Eagle has landed, and the whole world listened."
    body = {"episodes": [{"key": "e/1", "text": text, "session": "s1", "occurred_at": "1969-07-20T20:17:40Z"}]}
    assert done(await door.client.post(f"{GRAPH}/episodes", json=body))["created"] == 1
    held = done(await door.client.get(f"{GRAPH}/episodes/e/1"))
    assert (held["text"], held["session"], held["mentions"]) == (text, "s1", [])
    listed = done(await door.client.get(f"{GRAPH}/episodes", params={"session": "s1"}))
    assert [episode["key"] for episode in listed["episodes"]] == ["e/1"]
    assert done(await door.client.delete(f"{GRAPH}/episodes/e/1"))["episodes"] == 1
    refused(await door.client.get(f"{GRAPH}/episodes/e/1"), 404)
    refused(await door.client.delete(f"{GRAPH}/episodes/e/1"), 404)
    assert done(await door.client.delete(f"{GRAPH}/episodes", params={"key": "e/1"}))["missing"] == ["e/1"]


async def test_episode_that_asks_for_it_waits_to_be_read(door: Door) -> None:
    body = {"episodes": [{"text": "Ann met Bob.", "extract": True}, {"text": "Ann met Tom."}]}
    done(await door.client.post(f"{GRAPH}/episodes", json=body))
    assert (await door.memory.extraction.pending("main")).waiting == 1


async def test_sources_are_registered_with_their_trust(door: Door) -> None:
    body = {"sources": [{"key": "nasa", "name": "NASA", "trust": 0.9}, {"key": "gossip", "trust": 0.1}]}
    done(await door.client.put(f"{GRAPH}/sources", json=body))
    held = done(await door.client.get(f"{GRAPH}/sources"))["sources"]
    assert [(source["key"], round(source["trust"], 3)) for source in held] == [("gossip", 0.1), ("nasa", 0.9)]
    over = {"sources": [{"key": "nasa", "trust": 1.5}]}
    problem = refused(await door.client.put(f"{GRAPH}/sources", json=over), 422)
    assert problem["errors"][0]["pointer"] == "/sources/0/trust"
