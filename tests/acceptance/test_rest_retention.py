"""Retention over REST."""

from typing import Any

import pytest

from kgmem.domain.graph.episode import Episode
from kgmem.domain.retention.hold import HoldRequest
from tests.rest import GRAPH, Door, done, refused

RULES, RUNS = f"{GRAPH}/retention/rules", f"{GRAPH}/retention/runs"


async def test_rules_are_stored_tried_applied_and_deleted(door: Door) -> None:
    await door.memory.episodes.put("main", [Episode("One.", "t1", scope="u"), Episode("Two.", "t2", scope="law")])
    await door.memory.holds.put("main", HoldRequest("scope", "Case 7.", "ann", "law"))
    stored = done(await door.client.put(f"{RULES}/all", json={"keep": 0.001, "clock": "used", "then": "erase"}))
    assert (stored["keep"], stored["clock"], stored["then"], stored["scope"]) == (0.001, "used", "erase", None)
    assert done(await door.client.get(f"{RULES}/all")) == stored
    assert done(await door.client.get(RULES)) == {"rules": [stored]}
    dry = done(await door.client.post(RUNS, json={"dry_run": True}))
    assert (dry["id"], dry["planned"], dry["on_hold"]) == (0, 1, {"all": 1})
    assert [(each["key"], each["rule"]) for each in dry["items"]] == [("t1", "all")]
    run = done(await door.client.post(RUNS, json={"by": "bo"}), 202)
    refused(await door.client.post(RUNS, json={}), 409, "progress")
    await door.memory.tasks.apply_retention("main")
    report = done(await door.client.get(f"{RUNS}/{run['id']}"))
    assert (report["state"], report["by"], report["done"], report["on_hold"]) == ("done", "bo", 1, {"all": 1})
    assert [each["id"] for each in done(await door.client.get(RUNS))["runs"]] == [run["id"]]
    items = done(await door.client.get(f"{GRAPH}/retention/items", params={"rule": "all"}))["items"]
    assert [(each["key"], each["state"], each["scope"]) for each in items] == [("t1", "removed", "u")]
    assert done(await door.client.delete(f"{RULES}/all")) == {"deleted": 1}
    refused(await door.client.get(f"{RULES}/all"), 404, "all")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"keep": "soon"}, "keep"),
        ({"keep": 0}, "keep"),
        ({}, "keep"),
        ({"keep": 1, "clock": "birth"}, "clock"),
        ({"keep": 1, "then": "burn"}, "then"),
        ({"keep": 1, "originals": 1}, "originals"),
        ({"keep": 1, "scope": "a//b"}, "scope"),
        ({"keep": 1, "else": 1}, "else"),
    ],
    ids=str,
)
async def test_what_is_no_rule_is_refused_by_name(door: Door, body: dict[str, Any], named: str) -> None:
    refused(await door.client.put(f"{RULES}/r", json=body), 422, named)
    assert done(await door.client.get(RULES)) == {"rules": []}
