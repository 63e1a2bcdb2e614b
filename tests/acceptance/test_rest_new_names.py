"""Over REST: sources without history that agree with each other verify nothing in a graph that has others."""

import random
from typing import Any

import pytest

from tests.rest import GRAPH, Door, done

LIES = 20
NAMES = 8


def known() -> list[dict[str, Any]]:
    """Five sources that are right on four of five facts."""
    chance = random.Random(1)
    return [
        claim(f"old{n}", f"f{thing}", "right" if chance.random() < 0.8 else f"wrong {n} {thing}")
        for n in range(5)
        for thing in range(40)
    ]


def claim(source: str, subject: str, value: Any, predicate: str = "p") -> dict[str, Any]:
    return {"source": source, "subject": subject, "predicate": predicate, "value": value}


async def put(door: Door, claims: list[dict[str, Any]]) -> list[int]:
    return list(done(await door.client.post(f"{GRAPH}/claims", json={"claims": claims}))["facts"])


async def settled(door: Door) -> None:
    """A graph with a history: a full run has learned who is right."""
    await put(door, known())
    await door.memory.claims.compute_consensus("main")


async def states(door: Door, ids: list[int]) -> set[str]:
    return {done(await door.client.get(f"{GRAPH}/facts/{id_}"))["state"] for id_ in ids}


@pytest.mark.long
async def test_a_ring_of_new_names_verifies_nothing_claim_by_claim_nor_together(door: Door) -> None:
    await settled(door)
    ids: set[int] = set()
    for name in range(NAMES):
        ids |= set(await put(door, [claim(f"new{name}", f"lie{thing}", "lie") for thing in range(LIES)]))
    assert len(ids) == LIES
    assert await states(door, sorted(ids)) == {"unverified"}
    await door.memory.claims.compute_consensus("main")
    assert await states(door, sorted(ids)) == {"unverified"}
    await put(door, [claim("new9", "lie0", "lie")])
    assert await states(door, sorted(ids)) == {"unverified"}


async def test_what_a_known_source_says_too_is_verified_and_it_wins_against_a_ring(door: Door) -> None:
    await settled(door)
    ring = [claim(f"new{name}", subject, "lie") for name in range(NAMES) for subject in ("here", "there")]
    await put(door, ring)
    (here,) = await put(door, [claim("old0", "here", "lie"), claim("old1", "here", "lie")])
    assert await states(door, [here]) == {"verified"}
    (there,) = await put(door, [claim("old0", "there", "truth"), claim("old1", "there", "truth")])
    fact = done(await door.client.get(f"{GRAPH}/facts/{there}"))
    assert fact["value"] == "truth"


async def test_in_a_graph_without_history_sources_that_agree_are_believed(door: Door) -> None:
    ids = await put(door, [claim(f"s{n}", "bridge", 1902, "opened") for n in range(3)])
    assert await states(door, ids) == {"verified"}


async def registered(door: Door) -> None:
    """A graph in which people gave two sources a trust of their own; nothing was learned yet."""
    trusted = [{"key": name, "trust": 0.9} for name in ("registry", "court")]
    done(await door.client.put(f"{GRAPH}/sources", json={"sources": trusted}))
    await put(door, [claim(name, f"f{thing}", "right") for name in ("registry", "court") for thing in range(5)])


async def test_a_ring_verifies_nothing_beside_sources_that_people_trust_before_any_full_run(door: Door) -> None:
    await registered(door)
    ring = [claim(f"new{name}", f"lie{thing}", "lie") for name in range(NAMES) for thing in range(LIES)]
    ids = await put(door, ring)
    assert await states(door, ids) == {"unverified"}
    await door.memory.claims.compute_consensus("main")
    assert await states(door, ids) == {"unverified"}


async def test_who_repeats_one_known_fact_each_is_a_new_name_still(door: Door) -> None:
    await settled(door)
    await put(door, [claim(f"new{name}", f"f{name}", "right") for name in range(NAMES)])
    await door.memory.claims.compute_consensus("main")
    ids = await put(door, [claim(f"new{name}", f"lie{thing}", "lie") for name in range(NAMES) for thing in range(LIES)])
    assert await states(door, ids) == {"unverified"}
    await door.memory.claims.compute_consensus("main")
    assert await states(door, ids) == {"unverified"}


@pytest.mark.parametrize("kind", ["number", "list", "text"])
async def test_a_ring_does_not_outvote_known_sources_of_any_kind_of_value(door: Door, kind: str) -> None:
    right, lie = {"number": (12.5, 99.5), "list": (["a", "b"], ["x", "y"]), "text": ("right", "lie")}[kind]
    known = {"number": [n * 10.25 for n in range(40)], "list": [[f"part {n}"] for n in range(40)]}
    values: Any = known.get(kind, [f"text {n}" for n in range(40)])
    await put(door, [claim(f"old{n}", f"f{thing}", value) for n in range(5) for thing, value in enumerate(values)])
    await door.memory.claims.compute_consensus("main")
    await put(door, [claim(f"old{n}", "here", right) for n in range(2)])
    (id_,) = await put(door, [claim(f"new{n}", "here", lie) for n in range(NAMES)])
    assert done(await door.client.get(f"{GRAPH}/facts/{id_}"))["value"] == right
    await door.memory.claims.compute_consensus("main")
    assert done(await door.client.get(f"{GRAPH}/facts/{id_}"))["value"] == right


async def test_what_a_ring_says_of_a_later_time_is_not_verified(door: Door) -> None:
    done(await door.client.patch(f"{GRAPH}/schema", json={"schema": {"predicates": {"ceo": {"functional": True}}}}))
    await settled(door)
    await put(door, [{**claim(f"old{n}", "acme", "alice", "ceo"), "valid_from": "2010"} for n in range(5)])
    await put(door, [{**claim(f"new{n}", "acme", "mallory", "ceo"), "valid_from": "2020"} for n in range(NAMES)])
    facts = done(await door.client.get(f"{GRAPH}/facts", params={"subject": "acme", "valid_at": "2025"}))["facts"]
    assert "verified" not in {each["state"] for each in facts if each["value"] == "mallory"}
    await door.memory.claims.compute_consensus("main")
    facts = done(await door.client.get(f"{GRAPH}/facts", params={"subject": "acme"}))["facts"]
    assert "verified" not in {each["state"] for each in facts if each["value"] == "mallory"}


async def test_sources_that_came_before_a_trusted_one_are_not_new_for_it(door: Door) -> None:
    done(await door.client.put(f"{GRAPH}/sources", json={"sources": [{"key": "registry", "trust": 0.9}]}))
    ids = await put(door, [claim(f"s{n}", f"bridge{thing}", 1902, "opened") for n in range(3) for thing in range(6)])
    await put(door, [claim("registry", "tower", 1950, "opened")])
    await put(door, [claim("s0", "bridge0", 1902, "opened")])
    assert await states(door, ids) == {"verified"}
    await door.memory.claims.compute_consensus("main")
    assert await states(door, ids) == {"verified"}


async def led_by_alice(door: Door) -> None:
    """A graph with a history, in which known sources say who leads Acme since 2010."""
    done(await door.client.patch(f"{GRAPH}/schema", json={"schema": {"predicates": {"ceo": {"functional": True}}}}))
    await settled(door)
    await put(door, [{**claim(f"old{n}", "acme", "alice", "ceo"), "valid_from": "2010"} for n in range(3)])


def later(source: str) -> dict[str, Any]:
    return {**claim(source, "acme", "mallory", "ceo"), "valid_from": "2020"}


async def led_in_2025(door: Door) -> list[dict[str, Any]]:
    params = {"subject": "acme", "valid_at": "2025"}
    return list(done(await door.client.get(f"{GRAPH}/facts", params=params))["facts"])


@pytest.mark.parametrize("names", [1, 5])
async def test_later_words_of_new_names_alone_end_nothing_and_are_shown_against_it(door: Door, names: int) -> None:
    await led_by_alice(door)
    await put(door, [later(f"new{n}") for n in range(names)])
    for _ in range(2):  # At once, and after a full run.
        (fact,) = await led_in_2025(door)
        assert fact["value"] == "alice"
        told = done(await door.client.get(f"{GRAPH}/facts/{fact['id']}"))
        assert {each["source"] for each in told["claims"]["against"]} == {f"new{n}" for n in range(names)}
        await door.memory.claims.compute_consensus("main")


async def test_a_known_source_that_says_so_too_lets_the_later_value_follow(door: Door) -> None:
    await led_by_alice(door)
    await put(door, [later("new1"), later("old4")])
    for _ in range(2):
        values = {each["value"]: each["state"] for each in await led_in_2025(door)}
        assert "alice" not in values
        assert "mallory" in values
        await door.memory.claims.compute_consensus("main")


async def test_without_a_history_a_lone_later_word_ends_what_was(door: Door) -> None:
    done(await door.client.patch(f"{GRAPH}/schema", json={"schema": {"predicates": {"ceo": {"functional": True}}}}))
    await put(door, [{**claim("one", "acme", "alice", "ceo"), "valid_from": "2010"}])
    await put(door, [later("two")])
    assert [each["value"] for each in await led_in_2025(door)] == ["mallory"]
