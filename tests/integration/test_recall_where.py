"""Where: nearness, limits, boxes, polygons and named places, each compared with what brute force finds."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import shapely

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question, Spot, What, When, Where
from kgmem.domain.space.geometry import Box
from kgmem.domain.space.place import parse_place
from kgmem.memory import Memory
from tests.earth import Numbers, cities, countries, distances
from tests.memories import new_graph, opened_memory

pytestmark = pytest.mark.server

EVERYTHING = 40_000


@dataclass(frozen=True, slots=True)
class Cities:
    """The cities as a graph and as arrays, in the order of their keys."""

    graph: str
    keys: list[str]
    lons: Numbers
    lats: Numbers

    def within(self, chosen: Any) -> set[str]:
        """The keys of those that a mask or a list of places chooses."""
        return {self.keys[at] for at in np.arange(len(self.keys))[chosen]}


@pytest.fixture(scope="session")
def world(shared_database_url: str) -> Cities:
    """All cities of GeoNames in one graph."""
    told = cities()
    graph = f"cities_{secrets.token_hex(6)}"
    found = [f"g{city['geonameid']}" for city in told]
    entities = [
        Entity(key, "City", city["name"], place=parse_place([city["longitude"], city["latitude"]]))
        for key, city in zip(found, told, strict=True)
    ]

    async def load() -> None:
        async with opened_memory(shared_database_url) as memory:
            await new_graph(memory, graph, space=None)
            for start in range(0, len(entities), 5000):
                await memory.entities.put(graph, entities[start : start + 5000])

    asyncio.run(load())
    lons, lats = (np.array([city[name] for city in told]) for name in ("longitude", "latitude"))
    return Cities(graph, found, lons, lats)


async def everything(memory: Memory, graph: str, where: Where, **parts: Any) -> dict[str, float]:
    """Return all that a question about places finds, by key, with the where retriever's value (or the listed one's)."""
    question = Question(where=where, k=EVERYTHING, **parts)
    found = await memory.ports.index.candidates(graph, question, None)
    (retriever,) = found.retrievers.values()
    keys = await keys_of(memory, graph, [id_ for id_, _ in retriever])
    return {keys[id_]: value for id_, value in retriever}


async def keys_of(memory: Memory, graph: str, ids: list[int]) -> dict[int, str]:
    """The keys of items."""
    catalog: Any = memory.ports.graphs
    layout = await catalog.layout(graph)
    async with catalog.database.connection() as connection:
        rows = await connection.fetch(f"SELECT id, key FROM {layout.index_name}.item WHERE id = ANY ($1)", ids)
    return {row["id"]: row["key"] for row in rows}


def near(lon: float, lat: float, **more: Any) -> Where:
    """Near a point."""
    return Where(near=Spot(point=(lon, lat)), **more)


def ask(where: Where, text: str | None = None, **parts: Any) -> Question:
    """A question about places, and words when given."""
    return Question(What(text=text), where=where, **parts)


def keys(answer: Answer) -> list[str]:
    """The keys of the hits, best first."""
    return [hit.key for hit in answer.hits]


def spots(world: Cities, count: int) -> list[tuple[float, float]]:
    """Points everywhere: by chance, at cities, at the poles and at the antimeridian."""
    chance = np.random.default_rng(4)
    found = [
        (float(lon), float(lat))
        for lon, lat in zip(chance.uniform(-180, 180, count), chance.uniform(-90, 90, count), strict=True)
    ]
    at = chance.integers(0, len(world.keys), count)
    found += [(float(world.lons[n]), float(world.lats[n])) for n in at]
    found += [
        (lon, lat)
        for lon in (-180.0, -179.9, 0.0, 179.99, 180.0)
        for lat in (-90.0, -89.5, -18.0, 0.0, 66.5, 89.9, 90.0)
    ]
    return found


@pytest.mark.slow
async def test_the_nearest_are_those_of_brute_force(memory: Memory, world: Cities) -> None:
    for lon, lat in spots(world, 25):
        answer = await memory.recall(world.graph, ask(near(lon, lat, nearest=20)))
        true = distances(lon, lat, world.lons, world.lats)
        best = np.sort(true)[:20]
        at = {key: n for n, key in enumerate(world.keys)}
        found = np.array([true[at[key]] for key in keys(answer)])
        np.testing.assert_allclose(found, best, rtol=1e-9)
        values = [hit.retrievers["where"].value for hit in answer.hits]
        np.testing.assert_allclose(values, 50 / (50 + best), rtol=1e-9)


@pytest.mark.long
async def test_what_lies_within_a_distance_is_what_brute_force_finds(memory: Memory, world: Cities) -> None:
    for lon, lat in spots(world, 8):
        true = distances(lon, lat, world.lons, world.lats)
        for km in (3.0, 250.0, 2500.0, float(np.sort(true)[100])):
            found = await everything(memory, world.graph, near(lon, lat, km=km))
            assert set(found) == world.within(true <= km * (1 + 1e-9)), (lon, lat, km)


@pytest.mark.long
async def test_everywhere_is_within_half_the_way_around_the_earth(memory: Memory, world: Cities) -> None:
    found = await everything(memory, world.graph, near(10, 50, km=20016))
    assert len(found) == len(world.keys)


@pytest.mark.slow
async def test_what_lies_in_a_box_is_what_brute_force_finds(memory: Memory, world: Cities) -> None:
    chance = np.random.default_rng(5)
    boxes: list[Box] = [
        (170, -50, -170, 10),
        (-180, -90, 180, 90),
        (20, 60, -20, 90),
        (0, -90, 180, -30),
        (7, 51, 7, 52),
    ]
    for _ in range(20):
        (south, north), (west, east) = sorted(chance.uniform(-90, 90, 2)), chance.uniform(-180, 180, 2)
        boxes.append((west, south, east, north))
    at = int(np.argmax(world.lats))
    lon, lat = float(world.lons[at]), float(world.lats[at])
    boxes.append((lon, 0.0, lon, lat))
    for west, south, east, north in boxes:
        across = (world.lons >= west) & (world.lons <= east)
        if west > east:
            across = (world.lons >= west) | (world.lons <= east)
        true = world.within(across & (world.lats >= south) & (world.lats <= north))
        found = await everything(memory, world.graph, Where(box=(west, south, east, north)))
        assert set(found) == true, (west, south, east, north)


@pytest.mark.slow
async def test_what_lies_in_a_country_is_what_shapely_finds(memory: Memory, world: Cities) -> None:
    points = shapely.points(world.lons, world.lats)
    total = 0
    for name, geometry in countries():
        shape = shapely.geometry.shape(geometry)
        if not shape.is_valid:
            continue  # Rings that cross themselves: even-odd and shapely's rule differ there.
        shapely.prepare(shape)
        true = world.within(shapely.intersects(shape, points))
        assert set(await everything(memory, world.graph, Where(within=geometry))) == true, name
        total += len(true)
    assert total > 30_000


async def test_links_and_geometry_lead_into_a_place(memory: Memory, graph: str) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]}
    hole = {"type": "Polygon", "coordinates": [*square["coordinates"], [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]]}
    await memory.entities.put(
        graph,
        [
            Entity("land", "Place", place=parse_place(hole)),
            Entity("town", "Place"),
            Entity("house", "Place"),
            Entity("fair", "Event", valid_from="1970", valid_to="1970"),
            Entity("guest", "Person"),
            Entity("past guest", "Person"),
            Entity("tree", place=parse_place([2, 3])),
            Entity("border stone", place=parse_place([10, 7])),
            Entity("island", place=parse_place([5, 5])),
            Entity("abroad", place=parse_place([10.0001, 7])),
            Entity("reader", "Person"),
        ],
    )
    await memory.relationships.put(
        graph,
        [
            Relationship("LOCATED_IN", "town", "land"),
            Relationship("CONTAINS", "town", "house"),
            Relationship("LOCATED_IN", "town", "house"),  # Round in a circle, as data sometimes goes.
            Relationship("OCCURRED_AT", "fair", "house", valid_from="1970", valid_to="1970"),
            Relationship("MOVED_TO", "guest", "house", valid_from="2000"),
            Relationship("MOVED_TO", "past guest", "house", valid_from="1990", valid_to="1999"),
            Relationship("RELATED_TO", "reader", "house"),
        ],
    )
    inside = {"town", "house", "fair", "guest", "tree", "border stone"}
    assert set(keys(await memory.recall(graph, ask(Where(place="land"))))) == inside
    then = await memory.recall(graph, ask(Where(place="land"), when=When(valid_at="1995")))
    assert set(keys(then)) == (inside - {"guest", "fair"}) | {"past guest"}
    ever = await memory.recall(graph, ask(Where(place="land"), when=When(any_time=True)))
    assert set(keys(ever)) == inside | {"past guest"}
    assert set(keys(await memory.recall(graph, ask(Where(place="house"))))) == {"town", "fair", "guest"}
    assert keys(await memory.recall(graph, ask(Where(place="tree")))) == []


async def test_a_retriever_that_says_the_same_of_all_has_no_share_and_explain_names_it(
    memory: Memory, graph: str
) -> None:
    place = parse_place([10, 50])
    await memory.entities.put(
        graph, [Entity(key, text=f"{key} apple", place=place) for key in ("red", "green", "ripe")]
    )
    asked = ask(near(10, 50), "ripe apple", modes={"where": "should"}, explain=True)
    answer = await memory.recall(graph, asked)
    assert keys(answer)[0] == "ripe"
    assert answer.hits[0].retrievers["where"].share == 0
    assert answer.gates["where"] == "off: all 3 candidates have the same value."


async def test_where_that_should_hold_ranks_and_leaves_what_has_no_place(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph,
        [
            Entity("here", text="apple", place=parse_place([10, 50])),
            Entity("there", text="apple", place=parse_place([11, 50])),
            Entity("nowhere", text="apple"),
        ],
    )
    should: dict[str, Any] = {"modes": {"where": "should"}}
    answer = await memory.recall(graph, ask(near(10, 50, half_km=10), "apple", **should))
    hits = {hit.key: hit for hit in answer.hits}
    assert set(hits) == {"here", "there", "nowhere"}
    assert keys(answer)[0] == "here"
    assert hits["here"].retrievers["where"].value == pytest.approx(1)
    far = float(distances(10, 50, np.array([11.0]), np.array([50.0]))[0])
    assert hits["there"].retrievers["where"].value == pytest.approx(10 / (10 + far), rel=1e-9)
    assert "where" not in hits["nowhere"].retrievers
    everywhere = await memory.recall(graph, ask(near(10, 50, km=30_000), "apple"))
    assert set(keys(everywhere)) == {"here", "there"}
    boxed = await memory.recall(graph, ask(Where(box=(10.5, 49, 12, 51)), "apple", **should))
    values = {hit.key: hit.retrievers["where"].value for hit in boxed.hits if "where" in hit.retrievers}
    assert values == {"there": 1, "here": 0}
    assert keys(boxed)[0] == "there"
    assert len(boxed.hits) == 3
    only = await memory.recall(graph, ask(near(10, 50, nearest=1), "apple", **should))
    assert {hit.key for hit in only.hits if "where" in hit.retrievers} == {"here"}
    assert len(only.hits) == 3
    assert set(keys(await memory.recall(graph, ask(near(10, 50, km=1), "apple")))) == {"here"}
    assert set(keys(await memory.recall(graph, ask(near(10, 50, nearest=2), "apple")))) == {"here", "there"}


async def test_the_nearest_are_chosen_out_of_what_meets_all_else(memory: Memory, graph: str) -> None:
    rows = [
        Entity(
            f"k{n:04}", "Odd" if n % 100 == 7 else "Even", text=f"apple {n}",
            place=parse_place([n * 0.618 % 360 - 180, n * 0.4142 % 170 - 85]),
            valid_to="2000" if n % 200 == 7 else None,
        )
        for n in range(2500)
    ]  # fmt: skip
    await memory.entities.put(graph, rows)
    lons, lats = (np.array([getattr(row.place, axis) for row in rows]) for axis in ("lon", "lat"))
    counts = np.array([row.label == "Odd" and row.valid_to is None for row in rows])
    true = np.where(counts, distances(20, 10, lons, lats), np.inf)
    best = [rows[int(at)].key for at in np.argsort(true)[:5]]
    for _ in range(2):  # The second time it is known that the scope is large.
        labelled = What(labels=["Odd"])
        question = Question(labelled, where=near(20, 10, nearest=5), states=["current"])
        assert keys(await memory.recall(graph, question)) == best
        worded = await memory.recall(graph, replace(question, what=What("apple", labels=["Odd"])))
        assert set(keys(worded)) == set(best)


async def test_an_item_at_the_limit_is_within_it(memory: Memory, graph: str) -> None:
    places = [(0.0, 0.0), (1e-9, 0.0), (0.0, 1e-200), (179.0, 3.0), (-179.0, -3.0), (45.0, 90.0), (120.5, 89.999)]
    await memory.entities.put(graph, [Entity(f"p{n}", place=parse_place([*place])) for n, place in enumerate(places)])
    for lon, lat in [(0.0, 0.0), (180.0, 0.0), (-180.0, 0.0), (7.0, 90.0), (7.0, -90.0), (33.3, 44.4)]:
        for n, (x, y) in enumerate(places):
            km = float(distances(lon, lat, np.array([x]), np.array([y]))[0])
            assert f"p{n}" in keys(await memory.recall(graph, ask(near(lon, lat, km=km)))), (lon, lat, x, y)


async def test_nothing_of_another_scope_is_told(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph,
        [
            Entity("base", place=parse_place([10, 50])),
            Entity("base", place=parse_place([20, 50]), scope="user/1"),
            Entity("secret", place=parse_place([30, 50]), scope="user/2"),
            Entity("shared", place=parse_place([10.1, 50])),
            Entity("own", place=parse_place([20.1, 50]), scope="user/1"),
            Entity("hidden", place=parse_place([20.05, 50]), scope="user/2"),
        ],
    )
    await memory.relationships.put(graph, [Relationship("LOCATED_IN", "hidden", "base", scope="user/2")])
    at_base = Where(near=Spot(entity="base"), km=20)
    assert set(keys(await memory.recall(graph, ask(at_base)))) == {"base", "shared"}
    mine = await memory.recall(graph, ask(at_base, scope="user/1"))
    assert [(hit.key, hit.scope) for hit in mine.hits] == [("base", "user/1"), ("own", "user/1")]
    nearest = await memory.recall(graph, ask(near(20.05, 50, nearest=1), scope="user/1"))
    assert keys(nearest) in (["base"], ["own"])
    assert keys(await memory.recall(graph, ask(Where(place="base"), scope="user/1"))) == []
    assert keys(await memory.recall(graph, ask(Where(place="base"), scope="user/2"))) == ["hidden"]
    for where in (Where(near=Spot(entity="secret"), km=5), Where(place="secret")):
        with pytest.raises(NotFound, match="secret"):
            await memory.recall(graph, ask(where, scope="user/1"))


async def test_entities_that_are_nowhere_are_named(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("idea", text="apple")])
    for where in (Where(near=Spot(entity="idea"), km=5), Where(near=Spot(entity="nobody")), Where(place="nobody")):
        for text in (None, "apple"):
            with pytest.raises(NotFound) as raised:
                await memory.recall(graph, ask(where, text))
            assert raised.value.hint


RING = [[0, 0], [1, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    "where",
    [
        Where(km=5),
        Where(nearest=5),
        Where(half_km=5),
        Where(near=Spot()),
        Where(near=Spot((0, 0), "both")),
        near(181, 0),
        near(0, 91),
        near(float("nan"), 0),
        near(0, 0, km=-1),
        near(0, 0, km=float("inf")),
        near(0, 0, half_km=0),
        near(0, 0, nearest=0),
        near(0, 0, nearest=1001),
        Where(box=(0, 10, 10, 0)),
        Where(box=(0, 0, 181, 0)),
        Where(within={"type": "Point", "coordinates": [0, 0]}),
        Where(within={"type": "Polygon", "coordinates": []}),
        Where(within={"type": "Polygon", "coordinates": [[]]}),
        Where(within={"type": "Polygon", "coordinates": [RING[:3]]}),
        Where(within={"type": "Polygon", "coordinates": [[*RING[:3], [0, 1]]]}),
        Where(within={"type": "Polygon", "coordinates": RING}),
        Where(within={"type": "MultiPolygon", "coordinates": [RING]}),
        Where(within={"type": "Polygon", "coordinates": [[[0, 0], [200, 0], [1, 1], [0, 0]]]}),
        Where(within={"type": "Polygon", "coordinates": [[[0, 0], *[[1, 1]] * 20_000, [0, 0]]]}),
    ],
)
async def test_what_is_no_place_is_refused(memory: Memory, graph: str, where: Where) -> None:
    with pytest.raises(InvalidInput) as raised:
        await memory.recall(graph, ask(where, "apple"))
    assert raised.value.hint
