"""Causal checks over REST."""

from kgmem.domain.recall.causality import CausalPath, PathEntity, PathLink
from kgmem_api.wire import recall as wire
from tests.rest import GRAPH, Door, done, refused

SEPARATION, ANCESTRY = f"{GRAPH}/causality/separation", f"{GRAPH}/causality/ancestry"


async def linked(door: Door, *pairs: str) -> None:
    """Write people of whom each pair's first causes its second."""
    await door.people(*sorted({name for pair in pairs for name in pair}))
    links = [{"kind": "CAUSES", "from": pair[0].lower(), "to": pair[1].lower()} for pair in pairs]
    done(await door.client.put(f"{GRAPH}/relationships", json={"relationships": links}))


async def test_separation_is_answered(door: Door) -> None:
    await linked(door, "AB", "BC", "DC")
    through = {"one": "a", "other": ["c"]}
    assert done(await door.client.post(SEPARATION, json=through)) == {
        "separated": False,
        "given_is_minimal": False,
        "minimal": ["b"],
        "entities": 4,
    }
    given = done(await door.client.post(SEPARATION, json={**through, "given": "b"}))
    assert (given["separated"], given["given_is_minimal"]) == (True, True)
    assert done(await door.client.post(SEPARATION, json={**through, "among": ["d"]}))["minimal"] is None
    assert done(await door.client.post(SEPARATION, json={"one": "a", "other": "d"}))["separated"]
    assert not done(await door.client.post(SEPARATION, json={"one": "a", "other": "d", "given": ["c"]}))["separated"]


async def test_ancestry_is_answered_with_circles(door: Door) -> None:
    await linked(door, "AB", "BC", "CB")
    found = done(await door.client.post(ANCESTRY, json={"of": "b", "when": {"any_time": True}}))
    assert found == {"ancestors": ["a", "c"], "descendants": ["c"], "acyclic": False, "cycles": [["b", "c", "b"]]}
    refused(await door.client.post(SEPARATION, json={"one": "a", "other": "c"}), 409, "b -> c -> b")


async def test_what_makes_no_sense_is_refused(door: Door) -> None:
    await door.people("A", "B")
    refused(await door.client.post(SEPARATION, json={"one": "a", "other": "a"}), 422, "one")
    refused(await door.client.post(SEPARATION, json={"one": "a"}), 422, "other")
    refused(await door.client.post(SEPARATION, json={"one": "a", "other": "b", "depth": 3}), 422, "depth")
    refused(await door.client.post(ANCESTRY, json={"of": []}), 422)
    refused(await door.client.post(ANCESTRY, json={"of": "nobody"}), 404, "nobody")


def test_a_path_is_told_as_the_document_says() -> None:
    path = CausalPath(
        [PathEntity(1, "a", "Event", "A"), PathEntity(2, "b", "Event", None, "u/1")],
        [PathLink(3, "CAUSES", 0.5, None)],
        strength=0.5,
        prevents=False,
    )
    told = wire.CausalPath.model_validate(path, from_attributes=True).model_dump()
    assert [entity["key"] for entity in told["entities"]] == ["a", "b"]
    assert told["links"][0]["kind"] == "CAUSES"
    assert (path.key, path.text, path.name) == ("a -[CAUSES]-> b", "A -[CAUSES]-> b", "A -> b")
