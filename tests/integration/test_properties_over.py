"""An entity shows what is true now: what is retracted, withdrawn, forgotten or over leaves it, by every door."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.claims.claim import ClaimStatement, FactFilter, FactTarget, Source
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.time.interval import SECOND, iso, now
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from tests.memories import change_feed, new_graph

SCHEMA = {
    "predicates": {"population": {"values": "number"}, "speaks": {"several": True}, "LIVES_IN": {"functional": True}}
}
BY = {"by": "ann", "reason": "I know."}
PLAN = FactTarget(subject="ada", predicate="plan")


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph in which a source says which plan Ada has."""
    graph = await new_graph(memory, f"over_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)
    await memory.entities.put(graph, [Entity("ada", "Person", name="Ada", properties={"height": 170})])
    await memory.episodes.put(graph, [Episode("Ada pays for the plan gold.", key="note")])
    await say(memory, graph, "gold", episode="note")
    assert (await shown(memory, graph))["plan"] == "gold"
    return graph


async def say(memory: Memory, graph: str, value: Any, predicate: str = "plan", source: str = "crm", **more: Any) -> int:
    (id_,) = (await memory.claims.put(graph, [ClaimStatement(source, "ada", predicate, value=value, **more)])).ids
    return id_


async def shown(memory: Memory, graph: str, key: str = "ada") -> dict[str, Any]:
    """Return the properties of an entity as it is read; by Cypher and by recall they are the same."""
    told = dict((await memory.entities.get(graph, key)).properties)
    found = await memory.cypher(graph, "MATCH (n {key: $key}) RETURN properties(n) AS told", {"key": key})
    (read,) = [row[0] for row in found.rows]
    (hit,) = [
        hit
        for hit in (await memory.recall(graph, Question(What(text="Ada", kinds=("entity",))))).hits
        if hit.key == key
    ]
    for name in ("plan", "population", "speaks", "height", "consensus"):
        assert read.get(name) == told.get(name) == hit.properties.get(name), name
    return told


def soon(seconds: float) -> str:
    return iso(now() + int(seconds * SECOND))


async def becomes(memory: Memory, graph: str, expected: Any, name: str = "plan") -> None:
    """Wait until an entity shows a value, without any other request to the graph."""
    for _ in range(100):
        if (told := (await memory.entities.get(graph, "ada")).properties.get(name)) == expected:
            break
        await asyncio.sleep(0.1)
    assert told == expected


async def states(memory: Memory, graph: str, predicate: str = "plan") -> dict[Any, str]:
    """Return the states of facts, by value."""
    facts = (await memory.facts.list(graph, FactFilter(predicate=predicate))).items
    return {fact.value: fact.state for fact in facts}


async def retracted(memory: Memory, graph: str) -> None:
    await memory.facts.retract(graph, PLAN, **BY)


async def expired(memory: Memory, graph: str) -> None:
    await memory.facts.expire(graph, PLAN, **BY)


async def expired_earlier(memory: Memory, graph: str) -> None:
    await memory.facts.expire(graph, PLAN, valid_to="2020-01-01", **BY)


async def withdrawn(memory: Memory, graph: str) -> None:
    await memory.claims.withdraw(graph, source="crm")


async def forgotten(memory: Memory, graph: str) -> None:
    await memory.episodes.forget(graph, ["note"])


async def lapsed(memory: Memory, graph: str) -> None:
    await say(memory, graph, "gold", episode="note", ttl=0.3)
    await asyncio.sleep(0.4)


WAYS = (retracted, expired, expired_earlier, withdrawn, forgotten, lapsed)


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_is_true_no_more_leaves_the_entity(
    memory: Memory, graph: str, way: Callable[[Memory, str], Awaitable[None]]
) -> None:
    before = await memory.entities.get(graph, "ada")
    feed = len(await change_feed(memory, graph))

    await way(memory, graph)

    told = await shown(memory, graph)
    assert "plan" not in told
    assert told["height"] == 170
    note = told.get("consensus", {}).get("plan", {"current": False})
    assert note["current"] is False
    assert (note.keys() == {"current"}) is (way in {withdrawn, forgotten, lapsed})
    after = await memory.entities.get(graph, "ada")
    assert after.version is not None
    assert before.version is not None
    assert after.version > before.version
    assert len(await change_feed(memory, graph)) > feed
    found = await memory.recall(graph, Question(What(text="Ada", kinds=("entity",)), When(known_at=before.known_from)))
    assert found.hits[0].properties["plan"] == "gold"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_is_said_after_that_is_shown(
    memory: Memory, graph: str, way: Callable[[Memory, str], Awaitable[None]]
) -> None:
    await way(memory, graph)
    await say(memory, graph, "bronze", source="shop", valid_from=iso(now()))
    assert (await shown(memory, graph))["plan"] == "bronze"


@pytest.mark.long
@pytest.mark.parametrize("way", [retracted, withdrawn, forgotten, lapsed], ids=lambda way: way.__name__)
async def test_the_value_of_another_source_takes_the_place(
    memory: Memory, graph: str, way: Callable[[Memory, str], Awaitable[None]]
) -> None:
    await memory.sources.put(graph, [Source("crm", trust=0.9)])
    await say(memory, graph, "silver", source="shop")
    assert (await shown(memory, graph))["plan"] == "gold"
    await way(memory, graph)
    assert (await shown(memory, graph))["plan"] == "silver"


async def test_a_value_that_was_true_for_a_time_is_not_shown_as_current(memory: Memory, graph: str) -> None:
    await memory.claims.withdraw(graph, source="crm")
    await say(memory, graph, "silver", source="shop", valid_from="1999", valid_to="2020")
    told = await shown(memory, graph)
    assert "plan" not in told
    assert told["consensus"]["plan"]["current"] is False
    (fact,) = (await memory.facts.list(graph, FactFilter(predicate="plan", valid_at="2010"))).items
    assert fact.value == "silver"


@pytest.mark.parametrize("way", [retracted, expired], ids=lambda way: way.__name__)
async def test_what_is_undone_is_shown_again(
    memory: Memory, graph: str, way: Callable[[Memory, str], Awaitable[None]]
) -> None:
    await way(memory, graph)
    assert "plan" not in await shown(memory, graph)
    (decision,) = [each for each in await memory.adjudications.list(graph) if each.action in {"reject", "expire"}]

    await memory.adjudications.undo(graph, decision.id, **BY)

    told = await shown(memory, graph)
    assert told["plan"] == "gold"
    assert told["consensus"]["plan"]["state"] == "unverified"
    assert "current" not in told["consensus"]["plan"]


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_an_entity_was_given_later_stays(
    memory: Memory, graph: str, way: Callable[[Memory, str], Awaitable[None]]
) -> None:
    await memory.entities.put(graph, [Entity("ada", properties={"plan": "platinum"})])
    await way(memory, graph)
    assert (await shown(memory, graph))["plan"] == "platinum"
    await say(memory, graph, "bronze", source="shop", valid_from="2024")
    await memory.claims.withdraw(graph, source="shop")
    assert (await shown(memory, graph))["plan"] == "platinum"


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_an_entity_was_given_before_comes_back_unless_it_is_older_than_what_ended(
    memory: Memory, graph: str, way: Callable[[Memory, str], Awaitable[None]]
) -> None:
    await memory.entities.put(graph, [Entity("eve", "Person", name="Ada Eve", properties={"plan": "gold"})])
    await memory.entities.put(graph, [Entity("kim", "Person", name="Ada Kim", properties={"plan": "iron"})])
    for key in ("eve", "kim"):
        claim = ClaimStatement("crm", key, "plan", value="gold", episode="note")
        await memory.claims.put(graph, [claim])
        assert (await shown(memory, graph, key))["plan"] == "gold"
        if way is lapsed:
            await memory.claims.put(graph, [ClaimStatement("crm", key, "plan", value="gold", episode="note", ttl=0.3)])
        elif way in {retracted, expired, expired_earlier}:
            act = memory.facts.retract if way is retracted else memory.facts.expire
            more = {"valid_to": "2020-01-01"} if way is expired_earlier else {}
            await act(graph, FactTarget(subject=key, predicate="plan"), **BY, **more)
    await way(memory, graph)

    ended = way in {expired, expired_earlier}
    wrong = ended or way is retracted  # Gold itself, which Eve was given.
    assert (await shown(memory, graph, "eve")).get("plan") == (None if wrong else "gold")
    assert (await shown(memory, graph, "kim")).get("plan") == (None if ended else "iron")
    for key in ("eve", "kim"):
        await memory.claims.put(graph, [ClaimStatement("shop", key, "plan", value="tin", valid_from="2990")])
    assert (await shown(memory, graph, "kim")).get("plan") == (None if ended else "iron")
    for source in ("shop", "crm"):
        await memory.claims.withdraw(graph, source=source)
    assert (await shown(memory, graph, "kim"))["plan"] == "iron"
    assert (await shown(memory, graph, "eve"))["plan"] == "gold"


async def test_a_source_that_says_again_what_was_retracted_does_not_bring_it_back(memory: Memory, graph: str) -> None:
    stated = Entity("ada", properties={"population": 5}, source="a")
    await memory.entities.put(graph, [stated])
    assert (await shown(memory, graph))["population"] == 5
    await memory.facts.retract(graph, FactTarget(subject="ada", predicate="population"), **BY)
    for _ in range(2):
        await memory.entities.put(graph, [stated])
        assert "population" not in await shown(memory, graph)
    await memory.entities.put(graph, [Entity("ada", properties={"population": 6}, source="b")])
    assert (await shown(memory, graph))["population"] == 6


async def test_of_several_values_the_one_that_is_over_leaves_the_list(memory: Memory, graph: str) -> None:
    for value in ("French", "Latin", "Greek"):
        last = await say(memory, graph, value, "speaks", source=f"s-{value}")
    assert sorted((await shown(memory, graph))["speaks"]) == ["French", "Greek", "Latin"]
    await memory.facts.retract(graph, FactTarget(subject="ada", predicate="speaks", value="Latin"), **BY)
    assert sorted((await shown(memory, graph))["speaks"]) == ["French", "Greek"]
    await memory.claims.withdraw(graph, [last])
    assert (await shown(memory, graph))["speaks"] == "French"
    await memory.facts.expire(graph, FactTarget(subject="ada", predicate="speaks", value="French"), **BY)
    assert "speaks" not in await shown(memory, graph)
    await say(memory, graph, "Norse", "speaks", source="s", valid_from="1000", valid_to="1100")
    assert "speaks" not in await shown(memory, graph)


@pytest.mark.long
async def test_an_end_to_come_is_over_at_its_time_and_not_before(memory: Memory, graph: str) -> None:
    ends = soon(1.0)
    await memory.facts.expire(graph, PLAN, valid_to=ends, **BY)
    await becomes(memory, graph, None)
    assert iso(now()) >= ends
    assert await states(memory, graph) == {"gold": "superseded"}
    assert "plan" not in await shown(memory, graph)


@pytest.mark.long
async def test_what_begins_later_is_shown_from_then_on(memory: Memory, graph: str) -> None:
    begins = soon(1.0)
    await say(memory, graph, "platinum", valid_from=begins)
    await becomes(memory, graph, "platinum")
    assert iso(now()) >= begins
    assert await states(memory, graph) == {"gold": "superseded", "platinum": "unverified"}


async def test_far_plans_and_ends_change_nothing_now(memory: Memory, graph: str) -> None:
    await say(memory, graph, "platinum", valid_from="2990")
    await memory.facts.expire(graph, FactTarget(subject="ada", predicate="plan", value="gold"), valid_to="2980", **BY)
    assert await states(memory, graph) == {"gold": "unverified", "platinum": "unverified"}
    assert (await shown(memory, graph))["plan"] == "gold"
    await say(memory, graph, "iron", "metal", valid_from="2990")
    assert "metal" not in await shown(memory, graph)


@pytest.mark.long
async def test_what_is_claimed_until_a_time_leaves_then_and_the_next_value_comes(memory: Memory, graph: str) -> None:
    await memory.claims.withdraw(graph, source="crm")
    first, second = soon(1.2), soon(2.4)
    await say(memory, graph, "bronze", valid_to=first)
    await say(memory, graph, "silver", valid_from=first, valid_to=second)
    await becomes(memory, graph, "silver")
    assert iso(now()) >= first
    await becomes(memory, graph, None)
    assert iso(now()) >= second


@pytest.mark.long
async def test_relationships_to_come_hide_no_current_ones(memory: Memory, graph: str) -> None:
    begins = soon(1.0)
    for place, at in (("oslo", "2020"), ("rome", begins), ("lima", "2990")):
        await memory.claims.put(graph, [ClaimStatement("crm", "ada", "LIVES_IN", object=place, valid_from=at)])
    for _ in range(100):
        if (told := await states(memory, graph, "LIVES_IN"))["oslo"] == "superseded":
            break
        await asyncio.sleep(0.05)
    assert iso(now()) >= begins
    assert told == {"oslo": "superseded", "rome": "unverified", "lima": "unverified"}


async def test_a_name_that_was_retracted_is_found_no_more(memory: Memory, graph: str) -> None:
    async def named() -> list[str | None]:
        found = await memory.recall(graph, Question(What(text="Wolverine Zebulon", kinds=("entity",))))
        return [hit.name for hit in found.hits]

    await say(memory, graph, "Wolverine Zebulon", "name")
    assert await named() == ["Wolverine Zebulon"]
    await memory.facts.retract(graph, FactTarget(subject="ada", predicate="name"), **BY)
    assert "Wolverine Zebulon" not in await named()
    assert (await memory.entities.get(graph, "ada")).name == "Ada"


@pytest.mark.long
async def test_an_export_takes_what_is_true_now_and_what_changes_later_along(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    ends = soon(3.0)
    await memory.facts.expire(graph, PLAN, valid_to=ends, **BY)
    await say(memory, graph, 5, "population")
    await memory.facts.retract(graph, FactTarget(subject="ada", predicate="population"), **BY)
    await memory.exports.write(graph, tmp_path / "all.jsonl", ExportOptions())
    other = await new_graph(memory, f"{graph}_2", schema=SCHEMA)

    await memory.imports.run(other, [tmp_path / "all.jsonl"])

    assert "population" not in (await memory.entities.get(other, "ada")).properties
    await becomes(memory, other, None)
    assert iso(now()) >= ends
    assert await states(memory, other) == {"gold": "superseded"}


@pytest.mark.long
async def test_the_integrity_check_finds_and_repairs_what_an_earlier_version_left(memory: Memory, graph: str) -> None:
    await say(memory, graph, 5, "population")
    await memory.claims.withdraw(graph, source="crm")
    left = {"plan": "gold", "population": 5, "consensus": {name: {"trust": 0.5} for name in ("plan", "population")}}
    await memory.entities.put(graph, [Entity("ada", properties=left)])

    await memory.index.check_integrity(graph, repair=True)
    await memory.claims.compute_consensus(graph)

    told = await shown(memory, graph)
    assert told == {"height": 170}


async def test_what_an_import_claimed_goes_with_it(memory: Memory, graph: str, tmp_path: Path) -> None:
    stated = [
        {"type": "claim", "source": "file", "subject": "ada", "predicate": "team", "value": "blue"},
        {"key": "ada", "label": "Person", "source": "file", "properties": {"population": 9}},
    ]
    (tmp_path / "said.jsonl").write_bytes(b"\n".join(map(orjson.dumps, stated)))
    done = await memory.imports.run(graph, [tmp_path / "said.jsonl"])
    told = (await memory.entities.get(graph, "ada")).properties
    assert (told["team"], told["population"]) == ("blue", 9)

    await memory.imports.undo(graph, done.id)

    told = (await memory.entities.get(graph, "ada")).properties
    assert "team" not in told
    assert "population" not in told
    assert told["plan"] == "gold"


@pytest.mark.parametrize("door", ["put", "import"])
async def test_a_value_that_a_write_of_nobody_gives_as_well_stays_when_its_sources_withdraw(
    memory: Memory, graph: str, door: str, tmp_path: Path
) -> None:
    given = Entity("ada", properties={"plan": "gold", "height": 171})
    if door == "put":
        await memory.entities.put(graph, [given])
    else:
        target = tmp_path / "given.jsonl"
        record = {"type": "entity", "key": "ada", "properties": {"plan": "gold", "height": 171}}
        target.write_bytes(orjson.dumps(record) + b"\n")
        assert not (await memory.imports.run(graph, [target])).rejections
    await memory.claims.withdraw(graph, source="crm")
    told = await shown(memory, graph)
    assert (told["plan"], told["height"]) == ("gold", 171)
    assert "consensus" not in told


async def test_what_an_entity_was_read_with_and_written_back_is_no_statement(memory: Memory, graph: str) -> None:
    read = await memory.entities.get(graph, "ada")
    await memory.entities.put(graph, [Entity("ada", properties={**read.properties, "height": 171})])
    await memory.claims.withdraw(graph, source="crm")
    told = await shown(memory, graph)
    assert (told.get("plan"), told["height"]) == (None, 171)


@pytest.mark.parametrize("given", ["before", "after"])
async def test_a_value_that_is_retracted_is_not_shown_since_a_write_of_nobody_gave_it_too(
    memory: Memory, graph: str, given: str
) -> None:
    write = Entity("eve", "Person", name="Eve", properties={"plan": "gold"})
    if given == "before":
        await memory.entities.put(graph, [write])
    await memory.claims.put(graph, [ClaimStatement("crm", "eve", "plan", value="gold")])
    if given == "after":
        await memory.entities.put(graph, [write])
    target = FactTarget(subject="eve", predicate="plan")
    await memory.facts.retract(graph, target, **BY)
    read = (await memory.entities.get(graph, "eve")).properties
    assert "plan" not in read
    assert read["consensus"]["plan"]["current"] is False

    (decided,) = [each for each in await memory.adjudications.list(graph) if each.action == "reject"]
    await memory.adjudications.undo(graph, decided.id, **BY)
    assert (await memory.entities.get(graph, "eve")).properties["plan"] == "gold"
    await memory.facts.retract(graph, target, **BY)
    await memory.entities.put(graph, [Entity("eve", properties={"plan": "gold"})])
    assert (await memory.entities.get(graph, "eve")).properties["plan"] == "gold"
    await memory.claims.withdraw(graph, source="crm")
    assert (await memory.entities.get(graph, "eve")).properties["plan"] == "gold"
