"""Between a memory and a real server that speaks Bolt and answers Cypher."""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neo4j.spatial import CartesianPoint, WGS84Point
from neo4j.time import Date, DateTime, Duration

from kgmem.bridges.neo4j import read as reading
from kgmem.bridges.neo4j.write import LOST_ENDS
from kgmem.bridges.servers import Server, destination, origin
from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput, NotFound, Unauthenticated, Unavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.records import Located, ReadOptions, Record, Rejected, WriteOptions
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests import postgres
from tests.bolt import BreakingWire, Database, free_port, kgmem_server, running_server
from tests.files import by_kind
from tests.memories import new_graph
from tests.sizes import examples, sized

RECORDS: Sequence[Record] = [
    Source("nasa", "NASA", trust=0.9),
    Entity(
        "armstrong",
        "Person",
        "Neil Armstrong",
        {"missions": 2, "ratio": 1.0, "names": ["Neil", "Alden"], "rank": {"navy": ["Lt", None]}, "mixed": [1, "a"]},
        labels=["Pilot", "Astronaut"],
        text="Commander of Apollo 11.",
        valid_from="1930-08-05",
        source="nasa",
    ),
    Entity("apollo-11", "Mission", "Apollo 11", place=parse_place([-80.6, 28.6]), valid_from="1969"),
    Entity("diary", "Kgmem", scope="user/42"),
    Entity("armstrong", scope="user/42"),
    Relationship("FLEW", "armstrong", "apollo-11", properties={"seat": {"side": "left"}}, confidence=0.99),
    Relationship("FLEW", "armstrong", "apollo-11", valid_from="1969"),
    Relationship("FLEW", "armstrong", "apollo-11", key="first"),
    Relationship("WROTE it", "armstrong", "diary", key="first", scope="user/42"),
    Episode("The Eagle has landed.", "eagle", speaker="Armstrong", mentions=["armstrong"], properties={"a": [[1]]}),
]


# Each runs until the tests of the module have ended, in whatever order these use the two.
@pytest.fixture(scope="module")
def another_server() -> Iterator[Server]:
    """A Bolt server of somebody else's."""
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def own_server(postgres_url: str, template_database: str) -> Iterator[Server]:
    """kgmem's own Bolt server."""
    name = f"kgmem_test_{secrets.token_hex(6)}"
    asyncio.run(postgres.run_on(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template_database}"))
    with kgmem_server(postgres.with_database(postgres_url, name)) as running:
        yield running
    asyncio.run(postgres.drop_database(postgres_url, name))


@pytest.fixture(scope="module", params=["another's", "kgmem's"])
def server(request: pytest.FixtureRequest) -> Server:
    """A Bolt server of somebody else's, and kgmem's own."""
    found: Server = request.getfixturevalue("another_server" if request.param == "another's" else "own_server")
    return found


@pytest.fixture(scope="module")
def connected(server: Server) -> Iterator[Database]:
    database = Database(server)
    yield database
    database.close()


@pytest.fixture
def database(connected: Database) -> Database:
    connected.run("MATCH (n) DETACH DELETE n")
    return connected


@pytest.fixture
async def copy(memory: Memory, graph: str) -> str:
    return await new_graph(memory, f"{graph}-copy")


def write(server: Server, records: Sequence[Record], **options: str) -> dict[str, int]:
    with destination(server).writer(WriteOptions(options=options)) as writer:
        writer.write(by_kind(records))
        writer.close()
        return {what: count for what, count in writer.lost.items() if count}


def read(server: Server, query: str | None = None, **options: str) -> list[Located | Rejected]:
    return list(origin(server, query).read(ReadOptions(options=options)))


def records_of(found: Sequence[Located | Rejected]) -> list[Record]:
    assert all(isinstance(one, Located) for one in found), found
    return [one.record for one in found if isinstance(one, Located)]


def same(left: Sequence[Record], right: Sequence[Record]) -> bool:
    """Whether records are the same, integers and floats told apart; maps have no order."""
    return sorted(repr(_ordered(each)) for each in left) == sorted(repr(_ordered(each)) for each in right)


def _ordered(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, [(each.name, _ordered(getattr(value, each.name))) for each in fields(value)]
    if isinstance(value, dict):
        return sorted((name, _ordered(each)) for name, each in value.items())
    return [_ordered(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.long
def test_what_was_written_is_read_back_as_it_was_however_often_it_was_written(
    server: Server, database: Database
) -> None:
    for _ in range(2):
        assert write(server, RECORDS) == {}
        assert same(records_of(read(server)), RECORDS)
    assert database.run("MATCH (n:Person:Pilot:Astronaut:Kgmem) RETURN count(n)") == [[1]]


@pytest.mark.long
async def test_a_graph_goes_to_the_server_and_comes_back(
    server: Server, database: Database, memory: Memory, graph: str, copy: str
) -> None:
    await memory.sources.put(graph, [one for one in RECORDS if isinstance(one, Source)])
    await memory.entities.put(graph, [one for one in RECORDS if isinstance(one, Entity)])
    await memory.relationships.put(graph, [one for one in RECORDS if isinstance(one, Relationship)])
    await memory.episodes.put(graph, [one for one in RECORDS if isinstance(one, Episode)])
    written = await memory.exports.write(graph, destination(server))
    assert dict(written.records) == {"source": 1, "entity": 4, "relationship": 4, "episode": 1}
    assert dict(written.lost) == {}
    first = await memory.imports.run(copy, [origin(server)])
    again = await memory.imports.run(copy, [origin(server)])
    assert (first.created, first.rejected, again.unchanged, again.created, again.updated) == (10, 0, 10, 0, 0)
    await memory.exports.write(copy, destination(server))
    assert same(records_of(read(server)), [statement(one) async for one in memory.exports.items(graph)])


def statement(record: Record) -> Record:
    """A held record without what only the store knows."""
    if isinstance(record, Source):
        return record
    return replace(record, id=None, version=None, known_from=None)


_NAMES = st.text("abcXYZ 019_äß中", min_size=1, max_size=8).filter(lambda name: name.strip() == name)
_VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=2),
    max_leaves=4,
)
_PROPERTIES = st.dictionaries(_NAMES.map(lambda name: f"p{name}"), _VALUES, max_size=4)
_KEYS = st.sampled_from(["a", "b", "c", "d`e", "f#g"])


@st.composite
def graphs(draw: st.DrawFn) -> list[Record]:
    """Entities of a few keys, and relationships between them, of which each is another one."""
    keys = draw(st.lists(_KEYS, min_size=1, max_size=5, unique=True))
    found: list[Record] = [
        Entity(key, *draw(st.tuples(_NAMES.map("L".__add__), st.none() | _NAMES)), properties=draw(_PROPERTIES))
        for key in keys
    ]
    ends = st.sampled_from(keys)
    for n in range(draw(st.integers(0, 5))):
        kind, key = draw(_NAMES.map("K".__add__)), draw(st.sampled_from([None, f"r{n}"]))
        told: Any = {} if key else {"valid_from": f"{2000 + n}"}
        found.append(Relationship(kind, draw(ends), draw(ends), key, draw(_PROPERTIES), **told))
    return found


@sized
@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=graphs())
def test_every_property_graph_comes_back_as_it_was(server: Server, connected: Database, records: list[Record]) -> None:
    connected.run("MATCH (n) DETACH DELETE n")
    assert write(server, records, batch="2") == {}
    assert same(records_of(read(server)), records)


def test_relationships_without_ends_are_counted(server: Server, database: Database) -> None:
    assert write(server, [Entity("a", "A"), Relationship("K", "a", "b"), Relationship("K", "a", "a")]) == {LOST_ENDS: 1}


def test_what_changed_is_written_again_and_what_others_added_is_taken_away_or_left(
    server: Server, database: Database
) -> None:
    write(server, [Entity("a", "A", properties={"x": 1, "y": 1}), Relationship("K", "a", "a", properties={"z": 1})])
    database.run("MATCH (n:A)-[r]->() SET n.mine = 1, r.mine = 1")
    changed = [Entity("a", "A", properties={"x": 2}), Relationship("K", "a", "a")]
    write(server, changed, properties="add")
    assert database.run("MATCH (n:A)-[r]->() RETURN n.x, n.y, n.mine, r.z, r.mine") == [[2, 1, 1, 1, 1]]
    write(server, changed)
    assert database.run("MATCH (n:A)-[r]->() RETURN n.x, n.y, n.mine, r.z, r.mine") == [[2, None, None, None, None]]


def test_foreign_data_of_every_type_is_read(server: Server, database: Database, request: pytest.FixtureRequest) -> None:
    # Only another's server stores what is no number.
    odd = {"none": float("nan")} if request.node.callspec.params["server"] == "another's" else {}
    held = {
        "date": Date(2020, 1, 2),
        "time": DateTime(2020, 1, 2, 3, 4, 5, 600_000_000),
        "span": Duration(months=1, days=2),
        "point": WGS84Point((10.75, 59.91)),
        "flat": CartesianPoint((1.0, 2.0)),
        "bytes": b"\x00\xff",
        "list": ["a", "b"],
        **odd,
    }
    database.run("CREATE (a:City {name: 'Oslo'}) SET a += $held CREATE (a)-[:IN {since: 1814}]->(:Country)", held=held)
    city, country, link = records_of(read(server))
    assert isinstance(city, Entity)
    assert isinstance(country, Entity)
    assert isinstance(link, Relationship)
    if city.label != "City":
        city, country = country, city
    assert (city.name, city.label, country.label) == ("Oslo", "City", "Country")
    assert dict(city.properties) == {
        "date": "2020-01-02",
        "time": "2020-01-02T03:04:05.6",
        "span": "P1M2D",
        "point": {"type": "Point", "coordinates": [10.75, 59.91]},
        "flat": {"x": 1.0, "y": 2.0, "crs": "cartesian"},
        "bytes": "AP8=",
        "list": ["a", "b"],
        **dict.fromkeys(odd, "NaN"),
    }
    assert city.place == parse_place([10.75, 59.91])
    assert (link.kind, link.start, link.end, link.properties) == ("IN", city.key, country.key, {"since": 1814})


@pytest.mark.parametrize("page", [1, 2, 7])
def test_pages_of_any_size_give_all_of_it_in_the_same_order(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    database.run("UNWIND range(1, 6) AS i CREATE (:N {i: i})-[:K {i: i}]->(:M)")
    whole = read(server)
    monkeypatch.setattr(reading, "_PAGE", page)
    assert read(server) == whole
    assert [one.line for one in whole] == list(range(1, 19))


def test_a_natural_key_names_nodes_and_the_ends_of_relationships(server: Server, database: Database) -> None:
    database.run("CREATE (:A {code: 'x'})-[:K]->(:B {code: 7})-[:K]->(:C)")
    found = records_of(read(server, key="code"))
    keys = {one.label: one.key for one in found if isinstance(one, Entity)}
    assert (keys["A"], keys["B"]) == ("x", "7")
    links = {(one.start, one.end) for one in found if isinstance(one, Relationship)}
    assert links == {("x", "7"), ("7", keys["C"])}


@pytest.mark.parametrize(
    ("query", "entities", "relationships"),
    [
        ("MATCH (a:A) RETURN a, a AS b", {"A"}, 0),
        ("MATCH ()-[r:K]->() RETURN r", {"A", "B"}, 1),
        ("MATCH p = (:A)-[*2]->() RETURN p", {"A", "B", "C"}, 2),
        ("MATCH p = (a:A)-[:K]->() RETURN {held: [1, {path: p}], other: [a]} AS x, 5 AS y", {"A", "B"}, 1),
        ("MATCH (n) RETURN collect(n) AS all", {"A", "B", "C"}, 0),
        ("MATCH (n:Nothing) RETURN n", set(), 0),
    ],
)
def test_what_a_query_returns_is_read_each_once_with_its_ends(
    server: Server, database: Database, query: str, entities: set[str], relationships: int
) -> None:
    database.run("CREATE (:A)-[:K]->(:B)-[:L]->(:C)")
    found = records_of(read(server, query))
    assert sorted(one.label or "" for one in found if isinstance(one, Entity)) == sorted(entities)
    assert sum(isinstance(one, Relationship) for one in found) == relationships


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("MATCH (n) RETURN n.name", "returns no node"),
        ("MATCH (n) SET n.seen = true RETURN n", "(?i)read|changes"),
        ("CREATE (n:Made) RETURN n", "(?i)read|changes"),
        ("MATCH (n RETURN n", "(?i)syntax|input|expected"),
    ],
)
def test_a_query_that_gives_no_graph_is_refused_and_changes_nothing(
    server: Server, database: Database, query: str, message: str
) -> None:
    database.run("CREATE (:A {name: 'x'})")
    with pytest.raises(InvalidInput, match=message):
        read(server, query)
    assert database.run("MATCH (n) RETURN count(n), count(n.seen)") == [[1, 0]]


def test_what_is_deleted_while_it_is_read_is_told_and_what_is_new_stays_out(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PAGE", 2)
    database.run("UNWIND range(1, 6) AS i CREATE (:N {i: i})-[:K]->(:N {i: -i})")
    from_server = origin(server)
    records = from_server.read(ReadOptions())
    first = next(records)
    assert isinstance(first, Located)
    database.run("MATCH (n:N {i: 6}) DETACH DELETE n")
    database.run("CREATE (:N {i: 99})")
    rest = list(records)
    gone = [one for one in rest if isinstance(one, Rejected)]
    assert len(rest) == 17
    assert 1 <= len(gone) <= 2  # The node may have been read already; its relationship was not.
    assert all("deleted" in one.reason for one in gone)
    assert from_server.progress() == (18, 18)


def test_the_identity_tells_whether_there_is_something_else_to_read(server: Server, database: Database) -> None:
    database.run("CREATE (:A)-[:K]->(:B)")
    whole = origin(server).identity()
    assert whole == origin(server).identity()
    assert whole["size"] == 3
    queried = origin(server, "MATCH (a:A) RETURN a").identity()
    assert queried["size"] == 1
    database.run("CREATE (:A)")
    others = [origin(server).identity(), origin(server, "MATCH (a:A) RETURN a").identity()]
    assert whole not in others
    assert queried not in others


@pytest.mark.long
@pytest.mark.parametrize("after", [300, 1200, 3000])
def test_a_connection_that_breaks_is_made_again(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(reading, "_PAGE", 5)
    database.run("UNWIND range(1, 30) AS i CREATE (:N {i: i})-[:K]->(:N {i: -i})")
    whole = read(server)
    wire = BreakingWire(server, after, times=2)
    try:
        assert read(wire.server) == whole
    finally:
        wire.close()
    assert wire.breaks < 2


@pytest.mark.long
@pytest.mark.parametrize("after", [400, 620])  # Within a transaction, and within its commit.
def test_a_write_whose_connection_breaks_is_written_once(server: Server, database: Database, after: int) -> None:
    records: list[Record] = [Entity(f"e{n}", "E", properties={"n": n}) for n in range(40)]
    records += [Relationship("K", f"e{n}", "e0", f"r{n}") for n in range(40)]
    write(server, [Entity("e0", "E")])
    wire = BreakingWire(server, after, times=3)
    try:
        assert write(wire.server, records, batch="7") == {}
    finally:
        wire.close()
    assert wire.breaks < 3
    assert same(records_of(read(server)), records)


@pytest.mark.long
async def test_an_import_that_stopped_goes_on_where_nothing_changed_and_begins_anew_where_it_did(
    server: Server, database: Database, memory: Memory, graph: str
) -> None:
    database.run("UNWIND range(1, 30) AS i CREATE (:N {name: 'n' + toString(i)})")

    class Stopped(Exception):
        pass

    def stop(told: Any) -> None:
        if told.read >= 20:
            raise Stopped

    options = ImportOptions(batch=10, resume=True)
    with pytest.raises(Stopped):
        await memory.imports.run(graph, [origin(server)], options, progress=stop)
    resumed = await memory.imports.run(graph, [origin(server)], options)
    assert (resumed.read, resumed.created, resumed.rejected) == (30, 30, 0)
    with pytest.raises(Stopped):
        await memory.imports.run(graph, [origin(server)], options, progress=stop)
    database.run("MATCH (n {name: 'n1'}) DELETE n")
    anew = await memory.imports.run(graph, [origin(server)], options)
    assert (anew.read, anew.unchanged, anew.rejected) == (29, 29, 0)


async def test_progress_counts_records(server: Server, database: Database, memory: Memory, graph: str) -> None:
    database.run("UNWIND range(1, 5) AS i CREATE (:N)-[:K]->(:M)")
    seen: list[tuple[int, int | None]] = []
    checked = await memory.imports.run(
        graph,
        [origin(server)],
        ImportOptions(dry_run=True),
        progress=lambda told: seen.append((told.done, told.total)),
    )
    assert checked.checked == 15
    assert seen[-1] == (15, 15)


def test_wrong_names_passwords_and_addresses_are_told(server: Server) -> None:
    if server.user is not None:
        wrong = Server(server.url, server.database, server.user, "wrong")
        with pytest.raises(Unauthenticated, match="KGMEM_NEO4J_PASSWORD"):
            read(wrong)
    with pytest.raises(NotFound, match="'nosuchdatabase'"):
        read(Server(server.url, "nosuchdatabase", server.user, server.password))
    with pytest.raises(Unavailable, match="No Bolt server answers"):
        read(Server(f"bolt://127.0.0.1:{free_port()}"))


async def test_nothing_is_asked_of_the_server_for_a_graph_that_is_not_there(memory: Memory) -> None:
    nowhere = Server(f"bolt://127.0.0.1:{free_port()}")
    with pytest.raises(NotFound):
        await memory.imports.run("no-such-graph", [origin(nowhere)])
    with pytest.raises(NotFound):
        await memory.exports.write("no-such-graph", destination(nowhere), ExportOptions())
