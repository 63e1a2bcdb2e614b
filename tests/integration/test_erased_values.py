"""Values that a write has given stay when claims of the same property are erased, now and in the history."""

from typing import Any, Literal

import orjson
import pytest

from kgmem.domain.agents.publication import PublicationRequest
from kgmem.domain.claims.claim import ClaimStatement, FactFilter
from kgmem.domain.erasure.erasure import ErasureRequest
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from tests.memories import index_schema, new_graph, query

GRAPH = "values"
TEAM, ADA = "team", "ada"
Order = Literal["write first", "claim first"]
ORDERS = pytest.mark.parametrize("order", ["write first", "claim first"])
Ending = Literal["withdraw", "unpublish", "delete", "erase"]


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def put(memory: Memory, properties: dict[str, Any], scope: str = "") -> None:
    await memory.entities.put(GRAPH, [Entity("berlin", "City", "Berlin", properties=properties, scope=scope)])


async def shown(memory: Memory, name: str, scope: str = "") -> Any:
    """Return what the entity shows once everything is weighed; facts are no part of it."""
    await memory.facts.list(GRAPH, FactFilter(scope=scope))
    properties = (await memory.entities.get(GRAPH, "berlin", scope=scope)).properties
    return properties.get(name)


async def versions(memory: Memory) -> set[tuple[Any, ...]]:
    """Return what the versions of the team's entity show, those before the write without it."""
    schema = await index_schema(memory, GRAPH)
    rows = await query(
        memory,
        f"""SELECT h.record -> 'properties' AS shown FROM {schema}.history h JOIN {schema}.item i ON i.id = h.id
            JOIN {schema}.scope s ON s.id = i.scope WHERE i.key = 'berlin' AND s.path = $1""",
        TEAM,
    )
    assert rows
    return {tuple(orjson.loads(row["shown"]).get(name) for name in ("districts", "rivers")) for row in rows}


@ORDERS
async def test_a_person_in_a_claim_is_erased_and_the_entity_shows_what_it_was_given(
    memory: Memory, order: Order
) -> None:
    if order == "write first":
        await put(memory, {"mayor": "Bob", "area": 891})
    await memory.claims.put(
        GRAPH,
        [
            ClaimStatement("radio", "berlin", "mayor", value="Clara Weber"),
            ClaimStatement("radio", "berlin", "area", value=892),
        ],
    )
    await shown(memory, "mayor")
    if order == "claim first":
        await put(memory, {"mayor": "Bob", "area": 891})
    await memory.erasures.erase(GRAPH, ErasureRequest(texts=["clara weber"], reason="asked"))
    assert await shown(memory, "mayor") == "Bob"
    assert await shown(memory, "area") in {891, 892}
    assert (await memory.erasures.verify(GRAPH, texts=["clara weber"])).clean


@pytest.mark.parametrize("property_", ["name", "e-mail", "Full Name", "aliases"])
async def test_an_entity_that_is_named_so_is_erased(memory: Memory, property_: str) -> None:
    value: Any = ["CW", "Clara Weber"] if property_ == "aliases" else "Clara Weber"
    await put(memory, {property_: value})
    await memory.erasures.erase(GRAPH, ErasureRequest(texts=["clara weber"], reason="asked"))
    with pytest.raises(NotFound):
        await memory.entities.get(GRAPH, "berlin")


async def test_an_entity_that_names_somebody_stays_without_the_name(memory: Memory) -> None:
    await put(memory, {"mayor": "Clara Weber", "user": "Clara Weber", "council": ["Ann", "Clara Weber"], "area": 891})
    await memory.erasures.erase(GRAPH, ErasureRequest(texts=["clara weber"], reason="asked"))
    properties = (await memory.entities.get(GRAPH, "berlin")).properties
    assert properties == {"mayor": "[erased]", "user": "[erased]", "council": ["Ann", "[erased]"], "area": 891}


@pytest.mark.parametrize("ending", ["withdraw", "unpublish", "delete", "erase"])
@pytest.mark.parametrize("given", [2, 3], ids=["another", "the same"])
@ORDERS
async def test_what_is_published_goes_and_what_the_team_wrote_stays(
    memory: Memory, order: Order, given: int, ending: Ending
) -> None:
    if order == "write first":
        await put(memory, {"districts": given, "rivers": 2}, TEAM)
    said = [ClaimStatement("ada", "berlin", name, value=3, scope=ADA) for name in ("districts", "rivers")]
    ids = (await memory.claims.put(GRAPH, said)).ids
    published = [
        await memory.publications.publish(GRAPH, PublicationRequest(TEAM, "ada", "known", item=fact.id, scope=ADA))
        for fact in (await memory.facts.list(GRAPH, FactFilter(scope=ADA))).items
    ]
    if order == "write first":
        assert await shown(memory, "districts", TEAM) == 3
    else:
        assert await shown(memory, "rivers", TEAM) == 3
        await put(memory, {"districts": given, "rivers": 2}, TEAM)
    await put(memory, {"note": "a version of the history shows the claims"}, TEAM)
    await shown(memory, "districts", TEAM)
    if ending == "withdraw":
        await memory.claims.withdraw(GRAPH, ids, scope=ADA)
    elif ending == "unpublish":
        for publication, _ in published:
            await memory.publications.withdraw(GRAPH, publication.id, scope=ADA)
    else:
        await memory.scopes.delete(GRAPH, ADA, erase=ending == "erase")
    assert await shown(memory, "districts", TEAM) == given
    assert await shown(memory, "rivers", TEAM) == 2
    if ending == "erase":
        assert await versions(memory) <= {(given, 2), (None, None)}
