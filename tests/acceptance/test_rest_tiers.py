"""Tiers over REST."""

import pytest

from tests.rest import GRAPH, Door, done, refused

TIERS = f"{GRAPH}/tiers"
UNCHANGED = {"raised": 0, "lowered": 0, "missing": [], "archived": 0, "restored": 0}


@pytest.fixture
async def ids(door: Door) -> dict[str, int]:
    ferries = [{"key": f"f{n}", "name": f"Ferry {n}"} for n in range(2)]
    ferries.append({"key": "own", "name": "Ferry of a user", "scope": "user/1"})
    stored = done(await door.client.put(f"{GRAPH}/entities", json={"entities": ferries}))
    return dict(zip(("f0", "f1", "own"), stored["ids"], strict=True))


async def test_items_are_moved_listed_counted_and_searched_by_tier(door: Door, ids: dict[str, int]) -> None:
    moved = done(await door.client.post(f"{TIERS}/move", json={"tier": "cold", "keys": ["f0"], "kind": "entity"}))
    assert moved == {**UNCHANGED, "lowered": 1}
    assert done(await door.client.get(TIERS))["tiers"]["cold"] == {"items": 1, "pinned": 0, "archived": 0}
    page = done(await door.client.get(f"{TIERS}/items", params={"tier": "cold"}))
    assert [(each["key"], each["tier"], each["pinned"]) for each in page["items"]] == [("f0", "cold", False)]
    asked = {"what": {"text": "Ferry"}, "tiers": ["cold"]}
    answer = done(await door.client.post(f"{GRAPH}/recall", json=asked))
    assert [hit["key"] for hit in answer["hits"]] == ["f0"]
    assert done(await door.client.post(f"{TIERS}/sweep")) == UNCHANGED


async def test_items_of_other_scopes_are_missing(door: Door, ids: dict[str, int]) -> None:
    moved = done(await door.client.post(f"{TIERS}/move", json={"tier": "cold", "ids": [ids["own"]]}))
    assert moved == {**UNCHANGED, "missing": [str(ids["own"])]}
    body = {"tier": "cold", "ids": [ids["own"]]}
    assert done(await door.client.post(f"{TIERS}/move", params={"scope": "user/1"}, json=body))["lowered"] == 1
    assert done(await door.client.get(TIERS))["tiers"]["cold"]["items"] == 0
    assert done(await door.client.get(TIERS, params={"of": "graph"}))["tiers"]["cold"]["items"] == 1


async def test_pins_keep_items_where_they_are(door: Door, ids: dict[str, int]) -> None:
    pinned = done(await door.client.post(f"{TIERS}/pins", json={"keys": ["f0"], "tier": "warm"}))
    assert pinned == {"items": 1, "pinned": True}
    assert done(await door.client.post(f"{TIERS}/move", json={"tier": "cold", "ids": [ids["f0"]]}))["lowered"] == 0
    refused(await door.client.post(f"{TIERS}/pins", json={"keys": ["f0", "nobody"]}), 404, "nobody")
    assert done(await door.client.post(f"{TIERS}/pins", json={"keys": ["f0"], "pinned": False}))["items"] == 1


async def test_settings_are_changed_one_by_one(door: Door) -> None:
    before = done(await door.client.get(f"{TIERS}/settings"))
    assert before == {"hot_for": 3600, "warm_for": 86_400, "half_life": 604_800, "archive": False, "enough": 0.6}
    assert done(await door.client.patch(f"{TIERS}/settings", json={"hot_for": 7200})) == {**before, "hot_for": 7200}
    for wrong in ({"hot_for": 90_000}, {"warm_for": 1}, {"half_life": 0}, {"hot_for": -1}, {"colour": 1}):
        refused(await door.client.patch(f"{TIERS}/settings", json=wrong), 422)
    assert done(await door.client.get(f"{TIERS}/settings"))["hot_for"] == 7200


@pytest.mark.parametrize(
    "body",
    [
        {"tier": "lukewarm", "keys": ["f0"]},
        {"tier": "cold"},
        {"tier": "cold", "ids": [0]},
        {"tier": "cold", "keys": [""]},
        {"tier": "cold", "keys": ["f0"], "kind": "fact"},
        {"tier": "cold", "keys": [f"k{n}" for n in range(1001)]},
    ],
)
async def test_bad_moves_are_refused(door: Door, body: dict[str, object]) -> None:
    refused(await door.client.post(f"{TIERS}/move", json=body), 422)
