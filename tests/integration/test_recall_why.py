"""Recall's why: causes, effects and paths, against an enumeration of all simple paths."""

import random
import secrets
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.causality import Ancestry
from kgmem.domain.recall.question import Question, What, When, Why
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from kgmem.store.search import SearchRequest
from kgmem.store.search.statement import candidate_statement
from tests.causes import NETWORKS, Link, Naive, network, put
from tests.memories import let_go, new_graph
from tests.sizes import examples, sized

pytestmark = pytest.mark.server

DEEP = 20


async def ask(memory: Memory, graph: str, why: Why, **parts: Any) -> Answer:
    """Ask why."""
    return await memory.recall(graph, Question(why=why, **{"k": 1000, **parts}))


def values(answer: Answer) -> dict[str, float]:
    """What the retriever says of each hit."""
    return {hit.key: hit.retrievers["why"].value for hit in answer.hits}


def told(answer: Answer) -> list[tuple[tuple[str, ...], float, int]]:
    """The paths of hits: keys, strength, sign."""
    found = []
    for hit in answer.hits:
        (path,) = hit.paths
        assert hit.kind == "path"
        assert len(path.links) == len(path.entities) - 1
        assert hit.key == path.key
        assert hit.retrievers["why"].value == path.strength
        found.append((tuple(each.key for each in path.entities), path.strength, -1 if path.prevents else 1))
    return found


def close(found: dict[str, float], expected: dict[str, float]) -> None:
    """The same keys with the same values."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
async def test_causes_effects_and_paths_of_a_network_are_those_of_an_enumeration(
    memory: Memory, graph: str, name: str
) -> None:
    nodes, links = network(name)
    await put(memory, graph, nodes, links)
    naive, dice = Naive(links), random.Random(3)
    for key in nodes:
        close(values(await ask(memory, graph, Why(causes_of=[key], depth=DEEP))), naive.causes(key, DEEP))
        close(values(await ask(memory, graph, Why(effects_of=[key], depth=DEEP))), naive.effects(key, DEEP))
    for _ in range(20):
        start, end = dice.sample(nodes, 2)
        depth, least = dice.choice([1, 2, 3, 5, DEEP]), dice.choice([0.0, 0.01, 0.2])
        found = told(await ask(memory, graph, Why(start=start, end=end, depth=depth, min_strength=least)))
        expected = naive.between(start, end, depth, least)
        assert sorted(keys for keys, _, _ in found) == sorted(path.keys for path in expected)
        assert [strength for _, strength, _ in found] == pytest.approx([path.strength for path in expected])


_KEYS = "abcdefg"
_weights = st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(2**-7, 1, width=32))
_links = st.builds(
    Link, st.sampled_from(_KEYS), st.sampled_from(_KEYS), _weights, st.booleans(), _weights,
    st.sampled_from(["CAUSES", "ENABLES", "CONTRIBUTES_TO"]),
)  # fmt: skip


@sized
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    links=st.lists(_links, max_size=16),
    begins=st.dictionaries(st.sampled_from(_KEYS), st.integers(1960, 1963)),
    asked=st.lists(st.sampled_from(_KEYS), min_size=1, max_size=2, unique=True),
    depth=st.integers(1, 7),
    least=st.sampled_from([0.0, 0.05, 0.3]),
    any_order=st.booleans(),
)
async def test_values_signs_and_order_are_those_of_an_enumeration(
    memory: Memory,
    links: list[Link],
    begins: dict[str, int],
    asked: list[str],
    depth: int,
    least: float,
    any_order: bool,
) -> None:
    naive, now_or_then = Naive(links, begins, any_order), When(any_time=True)
    graph = await new_graph(memory, f"random_{secrets.token_hex(6)}")
    await put(memory, graph, _KEYS, links, **{key: str(year) for key, year in begins.items()})
    limits: dict[str, Any] = {"depth": depth, "min_strength": least, "any_order": any_order}
    for why, of_one in (
        (Why(causes_of=asked, **limits), naive.causes),
        (Why(effects_of=asked, **limits), naive.effects),
    ):
        each = [of_one(key, depth, least) for key in asked]
        shared = set(each[0]).intersection(*each)
        answer = await ask(memory, graph, why, when=now_or_then, explain=True)
        assert values(answer) == pytest.approx({key: min(one[key] for one in each) for key in shared}, abs=1e-6)
        assert all(len(hit.paths) == len(asked) for hit in answer.hits)
    if len(asked) == 2:
        paths = told(await ask(memory, graph, Why(start=asked[0], end=asked[1], **limits), when=now_or_then))
        naively = naive.between(asked[0], asked[1], depth, least)
        assert sorted((keys, sign) for keys, _, sign in paths) == sorted((p.keys, p.sign) for p in naively)
        assert [strength for _, strength, _ in paths] == pytest.approx([p.strength for p in naively], abs=1e-6)
    await let_go(memory, graph)


async def test_what_prevents_counts_against_and_is_told_so(memory: Memory, graph: str) -> None:
    links = [Link("fire", "alarm", 0.8), Link("mute", "alarm", 0.9, prevents=True), Link("guard", "mute", 0.5, True)]
    await put(memory, graph, ["fire", "alarm", "mute", "guard"], links)
    answer = await ask(memory, graph, Why(causes_of=["alarm"]), explain=True)
    assert [hit.key for hit in answer.hits] == ["fire", "guard", "mute"]
    assert values(answer) == pytest.approx({"fire": 0.8, "guard": 0.45, "mute": -0.9})
    assert [hit.paths[0].prevents for hit in answer.hits] == [False, False, True]
    (path,) = (await ask(memory, graph, Why(start="mute", end="alarm"))).hits
    assert path.text == "Mute -[PREVENTS]-> Alarm"
    assert path.paths[0].prevents
    assert path.name == "Mute -> Alarm"


async def test_paths_say_their_entities_and_relationships_in_order(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, "Event", key.upper()) for key in "abc"])
    await memory.relationships.put(
        graph,
        [
            Relationship("CAUSES", "a", "b", strength=0.9, confidence=0.5, text="because", source="nasa"),
            Relationship("ENABLES", "b", "c"),
        ],
    )
    for why, at in ((Why(start="a", end="c"), 0), (Why(causes_of=["c"]), 1), (Why(effects_of=["a"]), 1)):
        answer = await ask(memory, graph, why, explain=True)
        hit = next(hit for hit in answer.hits if hit.kind == "path" or len(hit.paths[0].links) == 2)
        (path,) = hit.paths
        assert [(each.key, each.label, each.name) for each in path.entities] == [
            ("a", "Event", "A"),
            ("b", "Event", "B"),
            ("c", "Event", "C"),
        ]
        assert [(link.kind, link.strength, link.confidence) for link in path.links] == [
            ("CAUSES", 0.9, 0.5),
            ("ENABLES", None, None),
        ]
        assert (path.links[0].text, path.links[0].source) == ("because", "nasa")
        assert (path.strength, at) == (0.45, at)
    (hit,) = (await ask(memory, graph, Why(start="a", end="c"))).hits
    assert hit.key == "a -[CAUSES]-> b -[ENABLES]-> c"
    assert hit.provenance == [{"source": "nasa", "trust": 0.5}]
    assert not (await ask(memory, graph, Why(causes_of=["c"]))).hits[0].paths


async def test_statements_of_one_link_do_not_make_it_stronger(memory: Memory, graph: str) -> None:
    await put(memory, graph, "ab", [Link("a", "b", 0.6), Link("a", "b", 0.8), Link("a", "b", 0.7, kind="ENABLES")])
    assert values(await ask(memory, graph, Why(causes_of=["b"]))) == {"a": 0.8}
    assert len((await ask(memory, graph, Why(start="a", end="b"))).hits) == 1


async def test_relationships_of_other_kinds_lead_nowhere_and_a_graph_may_declare_its_own(
    memory: Memory, graph: str
) -> None:
    await put(memory, graph, "abc", [Link("a", "b"), Link("b", "c", kind="TRIGGERS")])
    assert (await ask(memory, graph, Why(causes_of=["c"]))).hits == []
    await memory.graphs.update(graph, schema={"kinds": {"TRIGGERS": {"causal": True}}})
    assert values(await ask(memory, graph, Why(causes_of=["c"]))).keys() == {"a", "b"}


async def test_only_relationships_that_hold_then_count(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key) for key in "abc"])
    await memory.relationships.put(
        graph,
        [
            Relationship("CAUSES", "a", "b", valid_from="1960", valid_to="1970"),
            Relationship("CAUSES", "c", "b", valid_from="1980"),
        ],
    )
    for when, expected in (
        (When(), {"c"}),
        (When(any_time=True), {"a", "c"}),
        (When(valid_at="1965"), {"a"}),
        (When(between=("1965", "1990")), {"a", "c"}),
    ):
        assert values(await ask(memory, graph, Why(causes_of=["b"]), when=when)).keys() == expected


async def test_as_it_was_known_then(memory: Memory, graph: str) -> None:
    await put(memory, graph, "abc", [Link("a", "b", 0.5), Link("b", "c", 0.5)])
    then = When(known_at=iso(now()))
    await memory.entities.put(graph, [Entity("d", "Event")])
    await memory.relationships.put(graph, [Link("a", "b", 0.9).stated(0), Link("d", "c").stated(2)])
    await memory.entities.delete(graph, ["c"])
    await memory.entities.put(graph, [Entity("c", "Event")])
    assert values(await ask(memory, graph, Why(effects_of=["a"]))) == {"b": 0.9}
    earlier = await ask(memory, graph, Why(causes_of=["c"]), when=then, explain=True)
    assert values(earlier) == {"b": 0.5, "a": 0.25}
    assert [len(hit.paths) for hit in earlier.hits] == [1, 1]
    (path,) = (await ask(memory, graph, Why(start="a", end="c"), when=then)).hits
    assert [link.strength for link in path.paths[0].links] == [0.5, 0.5]
    lineage = await memory.causality.ancestry(graph, Ancestry(["c"], when=then))
    assert lineage.ancestors == ["a", "b"]
    assert (await memory.causality.ancestry(graph, Ancestry(["c"]))).ancestors == []


async def test_a_cause_never_begins_after_its_effect_also_not_through_others(memory: Memory, graph: str) -> None:
    links = [Link("late", "hidden"), Link("hidden", "early"), Link("before", "hidden")]
    await put(memory, graph, ["late", "hidden", "early", "before"], links, late="1970", early="1960", before="1950")
    assert values(await ask(memory, graph, Why(causes_of=["early"]))).keys() == {"hidden", "before"}
    assert values(await ask(memory, graph, Why(effects_of=["late"]))).keys() == {"hidden"}
    assert (await ask(memory, graph, Why(start="late", end="early"))).hits == []
    assert values(await ask(memory, graph, Why(causes_of=["early"], any_order=True))).keys() == {
        "hidden",
        "before",
        "late",
    }


async def test_scopes_see_nothing_of_each_other(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, "Event", text="apple") for key in "abc"])
    for scope, strength in (("u/1", 0.3), ("u/2", 0.9)):
        await memory.entities.put(graph, [Entity("own", "Event", scope=scope), Entity("c", "Event", scope="u/2")])
        await memory.relationships.put(
            graph,
            [
                Relationship("CAUSES", "a", "b", strength=strength, scope=scope),
                Relationship("CAUSES", "own", "a", strength=strength, scope=scope),
                Relationship("CAUSES", "b", "c", strength=strength, scope=scope),
            ],
        )
    for scope, expected in (("", {}), ("u/1", {"a": 0.3, "own": 0.09}), ("u/2", {"a": 0.9, "own": 0.81})):
        close(values(await ask(memory, graph, Why(causes_of=["b"]), scope=scope)), expected)
        paths = await ask(memory, graph, Why(start="own", end="c"), scope=scope) if scope else None
        assert paths is None or [hit.paths[0].strength for hit in paths.hits] == pytest.approx([expected["a"] ** 3])
    with pytest.raises(NotFound):
        await ask(memory, graph, Why(causes_of=["own"]))
    # The nearest of two that bear one key is meant.
    (shared,) = (await ask(memory, graph, Why(start="b", end="c"), scope="u/1")).hits
    (own,) = (await ask(memory, graph, Why(start="b", end="c"), scope="u/2")).hits
    assert (shared.paths[0].entities[-1].scope, own.paths[0].entities[-1].scope) == ("", "u/2")


async def test_why_filters_what_other_retrievers_find_or_only_ranks_it(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, "Event", text=f"apple {key}") for key in "abcdx"])
    await memory.relationships.put(graph, [Link("a", "b", 0.5).stated(1), Link("b", "c", 0.5).stated(2)])
    await memory.embeddings.run(graph)
    why, what = Why(causes_of=["c"]), What(text="apple")
    must = await ask(memory, graph, why, what=what)
    assert {hit.key for hit in must.hits} == {"a", "b"}
    assert all(hit.retrievers.keys() == {"meaning", "words", "why"} for hit in must.hits)
    should = await ask(memory, graph, why, what=what, modes={"why": "should"})
    assert {hit.key for hit in should.hits} == set("abcdx")
    assert {hit.key for hit in should.hits if "why" in hit.retrievers} == {"a", "b"}
    assert {hit.key for hit in should.hits[:2]} == {"a", "b"}
    around = await ask(memory, graph, Why(start="a", end="c"), what=what)
    assert {hit.key for hit in around.hits if hit.kind == "entity"} == {"a", "b", "c"}
    assert [hit.kind for hit in around.hits].count("path") == 1
    for kinds, expected in ((("path",), {"path"}), (("entity",), {"entity"}), (("entity", "path"), {"entity", "path"})):
        some = await ask(memory, graph, Why(start="a", end="c"), what=What(text="apple", kinds=kinds))  # type: ignore[arg-type]
        assert {hit.kind for hit in some.hits} == expected


@pytest.mark.long
async def test_few_causes_among_many_are_compared_exactly(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(f"k{n}", "Event", text=f"apple {n}") for n in range(1200)])
    await memory.relationships.put(graph, [Link(f"k{n}", "k0", 0.5).stated(n) for n in range(1, 1200, 300)])
    await memory.embeddings.run(graph)
    for _ in range(2):  # What is large is known after the first.
        answer = await ask(memory, graph, Why(causes_of=["k0"]), what=What(text="apple river"), k=10)
        assert {hit.key for hit in answer.hits} == {"k1", "k301", "k601", "k901"}
        assert all(hit.retrievers.keys() == {"meaning", "words", "why"} for hit in answer.hits)


async def test_a_cause_of_one_and_effect_of_another_lies_between_them(memory: Memory, graph: str) -> None:
    await put(memory, graph, "abcd", [Link("a", "b", 0.5), Link("b", "c", 0.4), Link("d", "c")])
    assert values(await ask(memory, graph, Why(causes_of=["c"], effects_of=["a"]))) == {"b": 0.4}


async def test_pages_of_paths_follow_each_other(memory: Memory, graph: str) -> None:
    middle = [f"m{n:02}" for n in range(30)]
    links = [link for key in middle for link in (Link("a", key, 0.9), Link(key, "z", 0.5))]
    await put(memory, graph, ["a", "z", *middle], links)
    whole = await ask(memory, graph, Why(start="a", end="z"))
    assert len(whole.hits) == 30
    assert len({hit.id for hit in whole.hits}) == 30
    assert max(hit.id for hit in whole.hits) < 0
    paged, cursor = [], None
    for _ in range(3):
        page = await ask(memory, graph, Why(start="a", end="z"), k=10, cursor=cursor)
        paged += [hit.key for hit in page.hits]
        cursor = page.cursor
    assert paged == [hit.key for hit in whole.hits]


async def hub(memory: Memory, graph: str, effects: int) -> None:
    """An entity with many effects, each of which has one more; by SQL, since only their number matters."""
    await put(memory, graph, ["hub", "one", "two"], [Link("hub", "one", 0.5), Link("one", "two", 0.5)])
    layout = await memory.ports.graphs.layout(graph)  # type: ignore[attr-defined]
    async with memory.ports.graphs.database.connection() as connection:  # type: ignore[attr-defined]
        for text in (
            f"""INSERT INTO {layout.index_name}.item (id, kind, scope, key)
                SELECT i.id + 10 + n, 1, 0, 'e' || n FROM {layout.index_name}.item i, generate_series(1, {effects}) n
                WHERE i.key = 'two'""",
            f"""INSERT INTO {layout.index_name}.edge (id, source, target, kind, scope, strength, parallel_edge_hash)
                SELECT e.id + 10 + row_number() OVER (), e.source, i.id, e.kind, 0, 0.1, 0
                FROM {layout.index_name}.item i, {layout.index_name}.edge e, {layout.index_name}.item h
                WHERE i.key LIKE 'e%' AND h.key = 'hub' AND e.source = h.id""",
            f"ANALYZE {layout.index_name}.item, {layout.index_name}.edge",
        ):
            await connection.execute(text)


@pytest.mark.long
async def test_an_entity_with_a_hundred_thousand_effects_is_bounded_and_told(memory: Memory, graph: str) -> None:
    await hub(memory, graph, 100_000)
    for why in (Why(effects_of=["hub"], depth=DEEP), Why(effects_of=["hub"], depth=1)):
        started = time.monotonic()
        answer = await ask(memory, graph, why, k=20)
        assert time.monotonic() - started < 20
        assert answer.suppressed == {"paths_cut": 1}
        assert answer.hits[0].key == "one"
    for why in (Why(causes_of=["two"]), Why(start="hub", end="two"), Why(start="hub", end="e5")):
        answer = await ask(memory, graph, why)
        assert answer.suppressed == {}
    strong = await ask(memory, graph, Why(effects_of=["hub"], min_strength=0.2))
    assert values(strong) == {"one": 0.5, "two": 0.25}
    assert strong.suppressed == {}


async def test_no_table_is_read_whole(memory: Memory, graph: str) -> None:
    await hub(memory, graph, 20_000)
    layout = await memory.ports.graphs.layout(graph)  # type: ignore[attr-defined]
    for why in (Why(causes_of=["two"]), Why(effects_of=["one"]), Why(start="hub", end="two")):
        request = SearchRequest(Question(why=why), None, [], words=False)
        statement = candidate_statement(layout, request, only_standing=False, most=40)
        assert statement is not None
        async with memory.ports.index.searches.connection() as connection:  # type: ignore[attr-defined]
            plan = await connection.fetch(f"EXPLAIN {statement.sql}", *statement.values)
        assert not [row[0] for row in plan if "Seq Scan on item" in row[0] or "Seq Scan on edge" in row[0]]


async def test_questions_that_make_no_sense_are_refused(memory: Memory, graph: str) -> None:
    await put(memory, graph, "ab", [Link("a", "b")])
    for why in (
        Why(start="a"),
        Why(end="a"),
        Why(start="a", end="a"),
        Why(start="a", end="b", causes_of=["b"]),
        Why(depth=3),
        Why(causes_of=["a"], depth=0),
        Why(causes_of=["a"], depth=21),
        Why(causes_of=["a"], min_strength=1.1),
        Why(causes_of=["a"] * 101),
    ):
        with pytest.raises(InvalidInput) as raised:
            await ask(memory, graph, why)
        assert raised.value.hint
    for why in (Why(causes_of=["a", "nobody"]), Why(start="a", end="nobody"), Why(effects_of=["nobody"])):
        with pytest.raises(NotFound, match="nobody"):
            await ask(memory, graph, why)


async def test_what_another_client_deleted_breaks_its_paths(memory: Memory, graph: str) -> None:
    await put(memory, graph, "abc", [Link("a", "b"), Link("b", "c")])
    assert len((await ask(memory, graph, Why(start="a", end="c"))).hits) == 1
    await memory.entities.delete(graph, ["b"])
    assert (await ask(memory, graph, Why(start="a", end="c"))).hits == []
    assert (await ask(memory, graph, Why(causes_of=["c"]))).hits == []
