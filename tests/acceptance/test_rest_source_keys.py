"""Over REST: new names that came by one API key have one voice, and a source shows the keys of its claims."""

import asyncio
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.extraction.offline import OfflineExtractor
from kgmem.tasks import for_nobody
from tests.acceptance.test_rest_new_names import claim, known, registered, settled, states
from tests.memories import query, with_ports
from tests.rest import GRAPH, Door, done, refused

LIES = 20
NAMES = 8
PEOPLE = ("Bob Miller", "Paula Jones", "Carl Weber")
HOW_SURE = 0.6  # The confidence of a claim that the offline rules extract.
# What each text says besides, since texts that say the same are taken for copies.
BESIDES = (
    "It rains.", "We took the night train home.", "The soup was cold again.", "Nobody fixed the old printer.",
    "My garden needs water.", "They painted the fence green.", "A storm hit the coast.", "The museum opens late.",
)  # fmt: skip


async def put(door: Door, claims: list[dict[str, Any]], by: dict[str, str] | None = None) -> list[int]:
    """Store claims by a key, or by the admin's; returns the facts."""
    answer = await door.client.post(f"{GRAPH}/claims", json={"claims": claims}, headers=by)
    return list(done(answer)["facts"])


async def aged(door: Door) -> None:
    """Let all keys be a month old."""
    await query(door.memory, "UPDATE kgmem.key SET created_at = created_at - interval '30 days'")


async def fact(door: Door, id_: int) -> Any:
    return done(await door.client.get(f"{GRAPH}/facts/{id_}"))


def ring(value: Any = "lie") -> list[dict[str, Any]]:
    return [claim(f"new{name}", f"lie{thing}", value) for name in range(NAMES) for thing in range(LIES)]


async def test_eight_names_of_one_key_neither_verify_nor_outweigh_in_a_graph_without_history(door: Door) -> None:
    honest = [claim(name, f"lie{thing}", "truth") for name in ("almanac", "gazette") for thing in range(LIES)]
    await put(door, honest)
    by = await door.key("writer")
    await aged(door)
    alone = await put(
        door, [claim(f"new{name}", f"own{thing}", "lie") for name in range(NAMES) for thing in range(LIES)], by
    )
    ids = await put(door, ring(), by)
    for _ in range(2):  # At once, and after a full run.
        assert await states(door, alone) == {"unverified"}
        assert {(await fact(door, id_))["value"] for id_ in ids} == {"truth"}
        await door.memory.claims.compute_consensus("main")
    assert (await fact(door, alone[0]))["probability"] <= 0.5
    assert done(await door.client.get(f"{GRAPH}/sources/new0"))["trust"] <= 0.5


@pytest.mark.long
async def test_eight_names_of_one_key_neither_verify_nor_outweigh_known_sources(door: Door) -> None:
    await settled(door)
    await put(door, [claim(f"old{n}", f"lie{thing}", "truth") for n in range(2) for thing in range(LIES)])
    by = await door.key("writer")
    await aged(door)
    alone = await put(door, [claim(f"new{name}", "own", "lie") for name in range(NAMES)], by)
    ids = await put(door, ring(), by)
    for _ in range(2):
        assert await states(door, alone) == {"unverified"}
        assert {(await fact(door, id_))["value"] for id_ in ids} == {"truth"}
        await door.memory.claims.compute_consensus("main")


@pytest.mark.parametrize("history", [True, False])
async def test_sources_of_two_keys_count_as_two(door: Door, history: bool) -> None:
    await (settled(door) if history else put(door, [claim("almanac", "f", "right")]))
    one, other = await door.key("writer"), await door.key("writer")
    await aged(door)
    (id_,) = await put(door, [claim("ann", "bridge", 1902)], one)
    assert (await fact(door, id_))["state"] == "unverified"
    await put(door, [claim("bob", "bridge", 1902)], other)
    for _ in range(2):
        assert (await fact(door, id_))["supporting"] == 2
        assert await states(door, [id_]) == {"verified"}
        await door.memory.claims.compute_consensus("main")


@pytest.mark.parametrize("value", [1902, ["a", "b"], "an open text"])
async def test_names_of_one_key_count_as_one_whatever_the_kind_of_value(door: Door, value: Any) -> None:
    await settled(door)
    one = await door.key("writer")
    (id_,) = await put(door, [claim(f"n{n}", "bridge", value) for n in range(4)], one)
    for _ in range(2):
        assert await states(door, [id_]) == {"unverified"}
        await door.memory.claims.compute_consensus("main")


async def test_a_name_of_a_key_that_others_confirm_has_a_voice_of_its_own(door: Door) -> None:
    await put(door, [claim(f"old{n}", f"f{thing}", "right") for n in range(3) for thing in range(20)])
    by = await door.key("writer")
    await aged(door)
    await put(door, [claim(name, f"f{thing}", "right") for name in ("ann", "bob") for thing in range(10)], by)
    await door.memory.claims.compute_consensus("main")
    (id_,) = await put(door, [claim("ann", "bridge", 1902), claim("bob", "bridge", 1902)], by)
    assert (await fact(door, id_))["supporting"] == 2


async def test_the_key_of_the_first_claim_is_the_graphs_own(door: Door) -> None:
    by = await door.key("writer")
    ids = await put(door, [claim(f"s{n}", f"bridge{thing}", 1902) for n in range(3) for thing in range(6)], by)
    for _ in range(2):
        assert await states(door, ids) == {"verified"}
        await door.memory.claims.compute_consensus("main")


async def test_an_admins_key_binds_no_names(door: Door) -> None:
    await put(door, [claim("almanac", "f", "right")])
    ids = await put(
        door, [claim(f"s{n}", f"bridge{thing}", 1902) for n in range(3) for thing in range(6)], await door.key("admin")
    )
    assert await states(door, ids) == {"verified"}


async def test_a_source_that_people_trust_is_not_bound_to_its_key(door: Door) -> None:
    await put(door, [claim("almanac", "f", "right")])
    trusted = [{"key": name, "trust": 0.8} for name in ("ann", "bob")]
    done(await door.client.put(f"{GRAPH}/sources", json={"sources": trusted}))
    (id_,) = await put(door, [claim("ann", "bridge", 1902), claim("bob", "bridge", 1902)], await door.key("writer"))
    assert (await fact(door, id_))["supporting"] == 2


async def test_names_of_a_young_key_are_trusted_less_until_it_is_a_day_old(door: Door) -> None:
    await registered(door)
    by = await door.key("writer")
    (id_,) = await put(door, [claim("ann", "bridge", 1902)], by)
    young = (await fact(door, id_))["probability"]
    await aged(door)
    await door.memory.claims.compute_consensus("main")
    old = (await fact(door, id_))["probability"]
    assert young <= 0.4 < old <= 0.5


async def test_a_source_shows_its_keys_also_after_they_are_revoked(door: Door) -> None:
    key, secret = await door.memory.keys.create("ingest", "writer")
    by = {"Authorization": f"Bearer {secret}"}
    await put(door, [claim("ann", "bridge", 1902)], by)
    await put(door, [claim("ann", "bridge", 1903)])
    told = done(await door.client.get(f"{GRAPH}/sources/ann"))["keys"]
    assert told[0]["name"] == "ingest"
    assert len(told) == 2
    assert told[0]["id"] == key.id
    assert told[0]["first_seen"] < told[1]["first_seen"]
    assert secret not in str(told)
    await door.memory.keys.revoke(key.id)
    assert done(await door.client.get(f"{GRAPH}/sources/ann"))["keys"] == told


async def test_entities_relationships_and_cypher_note_the_key_too(door: Door) -> None:
    done(await door.client.patch(f"{GRAPH}/schema", json={"schema": {"predicates": {"height": {}}}}))
    by = await door.key("writer")
    entities = [{"key": name, "source": "ann", "properties": {"height": 1.8}} for name in ("x", "y")]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": entities}, headers=by))
    stated = {"kind": "KNOWS", "from": "x", "to": "y", "source": "bob"}
    done(await door.client.put(f"{GRAPH}/relationships", json={"relationships": [stated]}, headers=by))
    query_ = "MATCH (x {key: 'x'}), (y {key: 'y'}) CREATE (y)-[:KNOWS {source: 'cid'}]->(x)"
    done(await door.client.post(f"{GRAPH}/cypher", json={"query": query_, "mode": "write"}, headers=by))
    episode = {"text": "It rains.", "source": "dan"}
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": [episode]}, headers=by), 200)
    for name in ("ann", "bob", "cid", "dan"):
        assert [each["name"] for each in done(await door.client.get(f"{GRAPH}/sources/{name}"))["keys"]] == ["another"]


async def test_writes_of_two_keys_that_share_a_commit_keep_their_keys(door: Door) -> None:
    await door.people("Ann", "Bob")
    one, other = await door.key("writer"), await door.key("writer")
    made = {key.id: key.name for key in await door.memory.keys.list()}
    stated = [{"kind": "KNOWS", "from": "ann", "to": "bob", "source": f"s{n}"} for n in range(12)]
    answers = await asyncio.gather(
        *(
            door.client.put(f"{GRAPH}/relationships", json={"relationships": [each]}, headers=(one, other)[n % 2])
            for n, each in enumerate(stated)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    sent = [[key["id"] for key in done(await door.client.get(f"{GRAPH}/sources/s{n}"))["keys"]] for n in range(12)]
    assert all(len(keys) == 1 and keys[0] in made for keys in sent)
    assert len({keys[0] for keys in sent[::2]}) == len({keys[0] for keys in sent[1::2]}) == 1
    assert sent[0] != sent[1]


async def test_a_refused_batch_notes_nothing(door: Door) -> None:
    by = await door.key("writer")
    wrong = [claim("ann", "bridge", 1902), {**claim("ann", "bridge", 1903), "episode": "missing"}]
    refused(await door.client.post(f"{GRAPH}/claims", json={"claims": wrong}, headers=by), 422)
    assert done(await door.client.get(f"{GRAPH}/sources/ann"))["keys"] == []


async def test_claims_of_the_process_itself_have_no_key(door: Door) -> None:
    stored = door.memory.claims.put("main", [ClaimStatement("ann", "bridge", "p", value=1902)])
    await asyncio.create_task(stored, context=for_nobody())
    assert done(await door.client.get(f"{GRAPH}/sources/ann"))["keys"] == []


async def test_what_is_known_of_keys_is_not_exported(door: Door) -> None:
    await put(door, [*known(), claim("ann", "bridge", 1902)], await door.key("writer"))
    text = (await door.client.get(f"{GRAPH}/export")).text
    assert '"ann"' in text
    assert "another" not in text


def texts(place: str, **named: Any) -> list[dict[str, Any]]:
    """Texts that say where twelve people live, each by another speaker or source, or by none."""
    return [
        {"text": f"{BESIDES[n]} {name} lives in {place}.", "key": f"{place}-{n}-{name}", "extract": True}
        | {field: f"{value}{n}" for field, value in named.items()}
        for n in range(NAMES)
        for name in PEOPLE
    ]


async def extracted(door: Door) -> None:
    """Run the job that extracts, which has no caller."""
    memory = with_ports(door.memory, extractor=OfflineExtractor())
    await asyncio.create_task(memory.extraction.run("main"), context=for_nobody())


async def homes(door: Door) -> list[Any]:
    facts = done(await door.client.get(f"{GRAPH}/facts", params={"limit": 1000}))["facts"]
    return [each for each in facts if each["predicate"] == "LIVES_IN"]


@pytest.mark.long
@pytest.mark.parametrize("named", [{"speaker": "Speaker"}, {"source": "source"}, {"session": "session"}, {}])
async def test_names_in_texts_of_one_key_have_one_voice_also_where_a_job_extracts(
    door: Door, named: dict[str, Any]
) -> None:
    await put(door, [claim("almanac", "f", "right")])
    by = await door.key("writer")
    await aged(door)
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": texts("Rome", **named)}, headers=by))
    await extracted(door)
    for _ in range(2):
        found = await homes(door)
        assert {each["state"] for each in found} == {"unverified"}
        assert len(found) == len(PEOPLE)
        assert max(each["supporting"] for each in found) <= 1
        await door.memory.claims.compute_consensus("main")


@pytest.mark.long
async def test_speakers_whose_texts_came_by_two_keys_are_two_voices(door: Door) -> None:
    await put(door, [claim("almanac", "f", "right")])
    keys = [await door.key("writer") for _ in range(2)]
    ids = {key.id for key in await door.memory.keys.list() if key.name == "another"}
    await aged(door)
    said = [
        {"text": "The old teacher Bob Miller lives in Rome with two dogs.", "speaker": "Ann", "extract": True},
        {"text": "Bob Miller lives in Rome. He wrote to me from there.", "speaker": "Eve", "extract": True},
    ]
    await asyncio.gather(
        *(
            door.client.post(f"{GRAPH}/episodes", json={"episodes": [one]}, headers=by)
            for one, by in zip(said, keys, strict=True)
        )
    )
    await extracted(door)
    (home,) = await homes(door)
    assert home["supporting"] == pytest.approx(2 * HOW_SURE)
    noted = [done(await door.client.get(f"{GRAPH}/sources/{name}"))["keys"] for name in ("Ann", "Eve")]
    assert {key["id"] for each in noted for key in each} == ids
    assert [len(each) for each in noted] == [1, 1]
