"""Merges over REST and on the command line."""

from kgmem.domain.text.resolution import Candidate
from tests.rest import Door, done, refused

GRAPH = "/v1/graphs/space"


async def _ada(door: Door) -> None:
    done(await door.client.put(GRAPH, json={}), 201)
    entities = [
        {"key": "ada", "label": "Person", "name": "Ada Lovelace", "properties": {"born": 1815}},
        {"key": "a-l", "label": "Person", "name": "A. Lovelace", "properties": {"born": 1816}},
        {"key": "london", "label": "Place", "name": "London"},
    ]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": entities}))
    lives = {"relationships": [{"kind": "LIVED_IN", "from": "a-l", "to": "london"}]}
    done(await door.client.put(f"{GRAPH}/relationships", json=lives))


async def test_entities_are_merged_and_parted_again(door: Door) -> None:
    await _ada(door)
    asked = {"keep": "ada", "merge": "a-l", "reason": "One woman.", "by": "Ann"}
    told = done(await door.client.post(f"{GRAPH}/merges", json={**asked, "dry_run": True}))
    assert "id" not in told
    assert told["moved"] == 1
    merged = done(await door.client.post(f"{GRAPH}/merges", json=asked))
    assert (merged["by"], merged["aliases"], merged["contested"]) == ("Ann", ["A. Lovelace"], {"born": 1816})
    assert done(await door.client.get(f"{GRAPH}/entities/a-l"))["key"] == "ada"
    listed = done(await door.client.get(f"{GRAPH}/merges"))
    assert [each["id"] for each in listed["merges"]] == [merged["id"]]
    undone = done(await door.client.post(f"{GRAPH}/merges/{merged['id']}/undo", json={"reason": "Two."}))
    assert undone["undone_reason"] == "Two."
    assert (done(await door.client.get(f"{GRAPH}/entities/a-l")))["name"] == "A. Lovelace"
    refused(await door.client.post(f"{GRAPH}/merges/{merged['id']}/undo", json={"reason": "Two."}), 409)
    refused(await door.client.post(f"{GRAPH}/merges", json={**asked, "merge": "london"}), 422)


async def test_what_is_described_is_known_or_not(door: Door) -> None:
    await _ada(door)
    told = [
        {"names": ["ada lovelace"], "label": "Person"},
        {"names": ["Ada Lovelacee"], "label": "Person", "place": [-0.1, 51.5]},
        {"names": ["Charles Babbage"]},
        {"names": ["London"], "label": "Person"},
    ]
    found = done(await door.client.post(f"{GRAPH}/resolve", json={"described": told}))["resolved"]
    assert [each["decision"] for each in found] == ["same", "candidate", "different", "different"]
    assert found[0]["key"] == "ada"
    assert {each["key"] for each in found[1]["candidates"]} == {"ada", "a-l"}
    (near,) = done(
        await door.client.post(f"{GRAPH}/resolve", json={"described": [{**told[1], "neighbours": ["london"]}]})
    )["resolved"]
    assert (near["decision"], near["key"]) == ("same", "a-l")  # Who lived in London.
    refused(await door.client.post(f"{GRAPH}/resolve", json={"described": [{"names": []}]}), 422)


async def test_pairs_are_listed_and_told_apart(door: Door) -> None:
    await _ada(door)
    await door.memory.resolution.propose("space", [Candidate("ada", "a-l", 1.25, {"name": 2.5})])
    (pair,) = (done(await door.client.get(f"{GRAPH}/merge-candidates")))["candidates"]
    assert (pair["one"], pair["other"], pair["evidence"]) == ("a-l", "ada", 1.25)
    done(await door.client.post(f"{GRAPH}/merge-candidates/{pair['id']}/reject", json={"reason": "Two."}))
    assert (done(await door.client.get(f"{GRAPH}/merge-candidates")))["candidates"] == []
    refused(await door.client.post(f"{GRAPH}/merge-candidates/{pair['id']}/reject", json={"reason": "Two."}), 404)
    refused(await door.client.get(f"{GRAPH}/merge-candidates?cursor=none"), 422)
