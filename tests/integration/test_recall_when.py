"""When: valid time in all its relations, against brute force on real facts; how times rank; times in texts."""

import random
import secrets
from collections.abc import Sequence
from typing import Any, get_args

import pytest

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question, Relation, What, When
from kgmem.domain.time.interval import DAY, Allen, is_timeless, iso, now, relation, valid_interval
from kgmem.memory import Memory
from kgmem.store.search.request import SearchRequest
from kgmem.store.search.statement import candidate_statement
from tests.data import plain
from tests.memories import new_graph, opened_memory

pytestmark = pytest.mark.server

RELATIONS: Sequence[Allen] = get_args(Allen)
Facts = dict[str, tuple[str | None, str | None]]


def yago() -> Facts:
    """The times of YAGO11k's facts by a key each; digits that nobody knows make a time coarser, or none."""
    lines = [
        line for part in ("train", "valid", "test") for line in plain(f"temporal_kg/yago/{part}.txt.xz").split(b"\n")
    ]
    facts = {}
    for n, line in enumerate(line for line in lines if line):
        first, last = (_unmasked(text) for text in line.decode().split("\t")[3:5])
        facts[f"y{n}"] = (first, last if _follow(first, last) else None)
    return facts


def icews() -> Facts:
    """The days of ICEWS14's events."""
    lines = [line for part in ("valid", "test") for line in plain(f"temporal_kg/icews14/{part}.txt.xz").split(b"\n")]
    days = [line.decode().rstrip("\r").split("\t")[3] for line in lines if line]
    return {f"i{n}": (day, day) for n, day in enumerate(days)}


def _unmasked(text: str) -> str | None:
    sign = "-" if text.startswith("-") else ""
    parts = [part for part in text.removeprefix("-").split("-") if "#" not in part]
    told = sign + "-".join([parts[0].rjust(4, "0"), *parts[1:]]) if parts and not text.startswith("#") else None
    return told if _follow(told, None) else None


def _follow(first: str | None, last: str | None) -> bool:
    try:
        valid_interval(first, last)
    except InvalidInput:
        return False
    return True


async def keep(memory: Memory, facts: Facts) -> str:
    """A graph of the facts, one entity each."""
    graph = await new_graph(memory, f"facts_{secrets.token_hex(6)}")
    told = [Entity(key, "Fact", valid_from=start, valid_to=end) for key, (start, end) in facts.items()]
    for at in range(0, len(told), 2000):
        await memory.entities.put(graph, told[at : at + 2000])
    return graph


async def all_keys(memory: Memory, graph: str, when: When) -> set[str]:
    """The keys of all that a question of times finds, however many."""
    index: Any = memory.ports.index
    found = await index.candidates(graph, Question(what=What(), when=when, k=40_000), None)
    (retriever,) = found.retrievers.values()
    async with index.catalog.on(graph) as layout, index.database.connection() as connection:
        rows = await connection.fetch(
            f"SELECT key FROM {layout.index_name}.item WHERE id = ANY ($1::bigint[])", [id_ for id_, _ in retriever]
        )
    return {row["key"] for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("facts", [yago, icews], ids=["YAGO11k", "ICEWS14"])
async def test_every_relation_finds_just_what_a_scan_finds(shared_database_url: str, facts: Any) -> None:
    held: Facts = facts()
    intervals = {key: valid_interval(*ends) for key, ends in held.items()}
    chooser = random.Random(4)
    timed = [key for key, interval in intervals.items() if not is_timeless(interval)]
    async with opened_memory(shared_database_url) as memory:
        graph = await keep(memory, held)
        for key in chooser.sample(timed, 4):
            stands = {other: relation(intervals[other], intervals[key]) for other in timed}
            for name in RELATIONS:
                expected = {other for other, holds in stands.items() if holds == name}
                by_entity = await all_keys(memory, graph, When(relation=Relation(name, entity=key)))
                by_ends = await all_keys(memory, graph, When(relation=Relation(name, of=held[key])))
                assert by_entity == expected, name
                assert by_ends == expected, name
            overlapping = {other for other in held if intervals[other].overlaps(intervals[key])}
            (first, last) = held[key]
            if first is not None and last is not None and len(last) < 10:
                assert await all_keys(memory, graph, When(between=(first, last))) == overlapping
        for year in ("0360", "1700", "1914", "1952-07", "2014-03-06"):
            asked = valid_interval(year, year)
            expected = {key for key, interval in intervals.items() if interval.overlaps(asked)}
            assert await all_keys(memory, graph, When(valid_at=year)) == expected


@pytest.mark.long
async def test_what_ended_is_told_as_past_what_lasts_stays_and_nothing_later_is_seen_before(
    shared_database_url: str,
) -> None:
    ended = {key: ends for key, ends in yago().items() if ends[0] and ends[1]}
    lasting = {key: ends for key, ends in yago().items() if ends[0] and not ends[1]}
    closed, open_ = dict(list(ended.items())[:300]), dict(list(lasting.items())[:300])
    async with opened_memory(shared_database_url) as memory:
        graph = await keep(memory, {**{key: (start, None) for key, (start, _) in closed.items()}, **open_})
        moment = iso(now())
        await memory.entities.put(graph, [Entity(key, valid_to=end) for key, (_, end) in closed.items()])
        question = Question(What(labels=["Fact"]), k=1000)

        answer = await memory.recall(graph, question)
        assert {hit.key for hit in answer.hits if hit.state == "current"} == set(open_)
        assert {hit.key for hit in answer.hits if hit.state == "past"} == set(closed)
        assert answer.suppressed == {}
        before = await memory.recall(graph, Question(What(labels=["Fact"]), When(known_at=moment), k=1000))
        assert {hit.key for hit in before.hits} == {*closed, *open_}
        assert {hit.valid_to for hit in before.hits} == {None}


async def test_what_was_so_twice_is_found_at_both_times_and_not_between(memory: Memory, graph: str) -> None:
    terms = [("1961", "1963"), ("1969", "1970")]
    await memory.entities.put(
        graph, [Entity(f"term{n}", "Fact", valid_from=a, valid_to=b) for n, (a, b) in enumerate(terms)]
    )
    for year, expected in (("1962", ["term0"]), ("1966", []), ("1969", ["term1"])):
        assert keys(await memory.recall(graph, Question(What(), When(valid_at=year)))) == expected


def keys(answer: Answer) -> list[str]:
    """The keys of the hits, best first."""
    return [hit.key for hit in answer.hits]


@pytest.fixture
async def missions(memory: Memory, graph: str) -> str:
    """A graph of things that happened, and of one that has no time."""
    told = [
        ("mercury", "1958", "1963"),
        ("gemini", "1961", "1966"),
        ("apollo", "1961", "1972"),
        ("apollo11", "1969-07-16", "1969-07-24"),
        ("skylab", "1973", "1974"),
        ("voyager", "1977", None),
        ("idea", None, None),
    ]
    await memory.entities.put(
        graph, [Entity(key, "Mission", text=f"space flight {key}", valid_from=a, valid_to=b) for key, a, b in told]
    )
    await memory.embeddings.run(graph)
    return graph


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (When(relation=Relation("before", entity="apollo11")), ["gemini", "mercury"]),
        (When(relation=Relation("after", entity="apollo11")), ["skylab", "voyager"]),
        (When(relation=Relation("contains", entity="apollo11")), ["apollo"]),
        (When(relation=Relation("meets", of=("1973", "1974"))), ["apollo"]),
        (When(relation=Relation("equals", of=("1973", "1974"))), ["skylab"]),
        (When(relation=Relation("starts", entity="apollo")), ["gemini"]),
        (When(relation=Relation("during", of=("1969", "1969"))), ["apollo11"]),
        (When(valid_at="1969-07-20"), ["apollo11", "apollo", "idea"]),
        (When(between=("1973", None)), ["skylab", "voyager", "idea"]),
        (When(valid_at="1962", relation=Relation("before", entity="apollo11")), ["gemini", "mercury"]),
    ],
)
async def test_times_alone_find_and_order_by_how_near_they_are(
    memory: Memory, missions: str, when: When, expected: list[str]
) -> None:
    answer = await memory.recall(missions, Question(What(), when))
    assert keys(answer) == expected
    assert all(set(hit.retrievers) == {"when"} for hit in answer.hits)


async def test_as_a_should_what_holds_counts_one_and_the_rest_by_its_distance(memory: Memory, missions: str) -> None:
    when = When(valid_at="1972")
    answer = await memory.recall(missions, Question(What(text="space flight"), when, modes={"when": "should"}))
    assert len(answer.hits) == 7
    values = {hit.key: hit.retrievers["when"].value for hit in answer.hits if "when" in hit.retrievers}
    assert values["apollo"] == 1
    assert values["skylab"] == pytest.approx(0.5)
    assert values["gemini"] == pytest.approx(0.5 * 2 ** -(1826 / 366), rel=1e-6)
    assert values["mercury"] < values["gemini"]
    assert "idea" not in values


async def test_the_recent_stands_above_the_old(memory: Memory, missions: str) -> None:
    await memory.entities.put(missions, [Entity("tomorrow", "Mission", text="space flight", valid_from="2400")])
    when = When(any_time=True, half_life_days=3652.5)
    answer = await memory.recall(missions, Question(What(text="space flight"), when))
    values = {hit.key: hit.retrievers["recency"].value for hit in answer.hits if "recency" in hit.retrievers}
    start = valid_interval("1973", None).start
    assert start is not None
    assert values["skylab"] == pytest.approx(2 ** -((now() - start) / DAY / 3652.5), rel=1e-6)
    assert values["tomorrow"] == 1
    assert "idea" not in values
    listed = await memory.recall(missions, Question(What(labels=["Mission"]), when))
    assert [key for key in keys(listed) if key != "idea"][:3] == ["tomorrow", "voyager", "skylab"]


async def test_what_a_question_relates_to_must_be_there_have_a_time_and_be_seen(memory: Memory, missions: str) -> None:
    await memory.entities.put(
        missions, [Entity("secret", "Mission", valid_from="1950", valid_to="1955", scope="user/1")]
    )
    for scope in ("", "user/2"):
        question = Question(What(), When(relation=Relation("after", entity="secret")), scope=scope)
        with pytest.raises(NotFound, match="secret"):
            await memory.recall(missions, question)
    seen = Question(What(), When(relation=Relation("after", entity="secret")), scope="user/1/agent")
    found = await memory.recall(missions, seen)
    assert keys(found)[0] == "mercury"
    assert "secret" not in keys(found)
    with pytest.raises(InvalidInput, match="no valid time"):
        await memory.recall(missions, Question(What(), When(relation=Relation("after", entity="idea"))))


@pytest.mark.parametrize(
    "when",
    [
        When(relation=Relation("before")),
        When(relation=Relation("before", of=(None, None))),
        When(relation=Relation("before", of=("1969", None), entity="apollo")),
        When(relation=Relation("before", of=("1970", "1969"))),
        When(relation=Relation("before", of=("1970", None)), any_time=True),
        When(half_life_days=0),
        When(half_life_days=float("nan")),
    ],
)
async def test_times_that_cannot_be_meant_are_refused(memory: Memory, missions: str, when: When) -> None:
    with pytest.raises(InvalidInput):
        await memory.recall(missions, Question(What(text="space"), when))


async def test_a_time_in_the_text_filters_or_ranks_and_is_told(memory: Memory, missions: str) -> None:
    text = "Which space flight was there in July 1969?"
    must = await memory.recall(missions, Question(What(text=text), When(in_text=True)))
    assert set(keys(must)) == {"apollo", "apollo11", "idea"}
    assert must.understood == {
        "when": {"text": "in July 1969", "from": "1969-07-01T00:00:00Z", "to": "1969-08-01T00:00:00Z"}
    }
    should = await memory.recall(missions, Question(What(text=text), When(in_text=True), modes={"when": "should"}))
    assert len(should.hits) == 7
    assert should.hits[0].retrievers["when"].value == 1
    for other in ("Which space flight was there?", "in 1961 or in 1969"):
        asked = Question(What(text=other), When(in_text=True))
        plain_answer = await memory.recall(missions, Question(What(text=other)))
        answer = await memory.recall(missions, asked)
        assert (keys(answer), answer.understood) == (keys(plain_answer), {})
    named = await memory.recall(missions, Question(What(text=text), When(in_text=True, valid_at="1962")))
    assert named.understood == {}


async def test_last_year_is_that_before_what_counts_as_now(memory: Memory, graph: str) -> None:
    await memory.episodes.put(graph, [Episode("we met", "e", occurred_at="2020-05-05")])
    answer = await memory.recall(graph, Question(What(text="who met last year?"), When(in_text=True)))
    assert answer.understood["when"]["text"] == "last year"
    assert answer.hits == []


@pytest.mark.long
async def test_a_relation_that_leaves_little_is_answered_by_the_index(shared_database_url: str) -> None:
    facts: Facts = {f"f{n}": (str(1000 + n // 5), str(1001 + n // 5)) for n in range(5000)}
    async with opened_memory(shared_database_url) as memory:
        graph = await keep(memory, facts)
        index: Any = memory.ports.index
        async with index.catalog.on(graph) as layout, index.searches.connection() as connection:
            await index.database.transact(lambda c: c.execute(f"ANALYZE {layout.index_name}.item"))
            for when in (When(relation=Relation("during", of=("1500", "1510"))), When(valid_at="1500-07")):
                request = SearchRequest(Question(What(), when), None, (), words=True)
                asked = candidate_statement(layout, request, only_standing=False, most=40)
                assert asked is not None
                plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {asked.sql}", *asked.values))
                assert "item_valid_idx" in plan
                assert "Seq Scan on item" not in plan
