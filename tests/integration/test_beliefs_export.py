"""What a graph believes goes out with an export and comes back: claims, decisions, facts, trust, merges, pairs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, Correlated, FactFilter, NewAdjudication
from kgmem.domain.errors import Conflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.text.resolution import Candidate, NewMerge
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from tests.memories import change_feed, new_graph

SCHEMA = {"kinds": {"LED_BY": {"functional": True}}, "predicates": {"population": {"tolerance": 100}}}


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph with claims, withdrawn ones too, decisions, a correlation, learned trust, a merge, and pairs."""
    name = await new_graph(memory, f"beliefs_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)
    await memory.entities.put(name, [Entity(key) for key in ("acme", "globex", "alice", "bob", "bobby", "berne")])
    await memory.episodes.put(name, [Episode("Alice leads Acme.", key="e1")])
    said = [("a", "alice"), ("b", "alice"), ("c", "alice"), ("d", "bob")]
    await memory.relationships.put(name, [Relationship("LED_BY", "acme", who, source=source) for source, who in said])
    await memory.relationships.put(name, [Relationship("KNOWS", "alice", "bob", source=source) for source in "ab"])
    await memory.claims.put(
        name,
        [
            ClaimStatement("a", "globex", "LED_BY", object="bob", episode="e1", span=(0, 5), confidence=0.8),
            ClaimStatement("b", "globex", "LED_BY", object="alice", valid_from="1990", valid_to="1999"),
            ClaimStatement("c", "globex", "LED_BY", object="alice"),
            *(ClaimStatement(source, "berne", "population", value=134_000) for source in "abc"),
            ClaimStatement("d", "berne", "population", value=90_000),
            ClaimStatement("d", "berne", "elevation", value="540 m", scope="user/1"),
        ],
    )
    await memory.claims.compute_consensus(name)
    facts = {fact.subject: fact for fact in (await memory.facts.list(name, FactFilter())).items}
    await memory.adjudications.create(
        name, NewAdjudication("reject", [facts["acme"].id], "ann", "She left.", value="alice")
    )
    (taken,) = await memory.adjudications.create(
        name, NewAdjudication("accept", [facts["berne"].id], "ann", "Counted.", value=90_000)
    )
    assert taken.adjudication is not None
    await memory.adjudications.undo(name, taken.adjudication, by="bea", reason="Miscounted.")
    await memory.correlations.create(
        name, Correlated("exclusion", [facts["acme"].id, facts["globex"].id], ["bob", "bob"], "One job.", "ann")
    )
    await memory.claims.withdraw(name, source="b", dry_run=False)
    await memory.claims.compute_consensus(name)
    await memory.resolution.merge(name, NewMerge("bob", "bobby", "ann", "One man."))
    await memory.entities.put(name, [Entity(key, scope="user/1") for key in ("x1", "x2")])
    for scope, one, other in (("", "acme", "globex"), ("user/1", "x1", "x2")):
        await memory.resolution.propose(name, [Candidate(one, other, 1.5, {"name": 1.5}, "types")], scope=scope)
        (waiting,) = [
            each for each in (await memory.resolution.candidates(name, scope=scope)).items if each.scope == scope
        ]
        assert waiting.id is not None
        await memory.resolution.reject(name, waiting.id, by="ann", reason=f"Two in {scope!r}.", scope=scope)
    return name


async def decided_pairs(memory: Memory, graph: str, folder: Path, scope: str | None = None) -> list[dict[str, Any]]:
    """The pairs that people marked as different, as an export has them."""
    target = folder / f"pairs_of_{graph}.jsonl"
    await memory.exports.write(graph, target, ExportOptions(kind="pair", scope=scope))
    return [orjson.loads(line) for line in target.read_bytes().splitlines()]


async def held(memory: Memory, graph: str, scope: str = "user/1") -> dict[str, Any]:
    """What a graph believes, without the numbers that it has for it."""
    claims = (await memory.claims.list(graph, ClaimFilter(scope=scope, withdrawn=True, limit=1000))).items
    facts = (await memory.facts.list(graph, FactFilter(scope=scope, limit=1000))).items
    edges = (await memory.relationships.list(graph, limit=1000)).items
    ends = {edge.id: (edge.kind, edge.start, edge.end) for edge in edges}
    decided = await memory.adjudications.list(graph, scope=scope)
    numbers = {each.id: n for n, each in enumerate(sorted(decided, key=lambda each: each.id))}
    return {
        "claims": sorted(repr(replace(each, id=None, relationship=None)) for each in claims),
        "tied": sorted(repr((each.source, each.known_from, ends.get(each.relationship or 0))) for each in claims),
        "facts": sorted(
            repr(
                (
                    replace(each, id=0, options=(), relationships=(), adjudication=None),
                    [replace(option, claims=len(option.claims)) for option in each.options],  # type: ignore[arg-type]
                    sorted(ends[edge] for edge in each.relationships),
                    each.adjudication and each.adjudication.reason,
                )
            )
            for each in facts
        ),
        "decisions": [
            (each.action, each.by, each.reason, each.at, each.subject, each.value, len(each.claims), each.ended,
             numbers.get(each.ended_by or 0), each.detail.get("undoes") in numbers or "undoes" not in each.detail)
            for each in decided
        ],
        "correlations": [
            (each.kind, [repr(value) for value in each.values], each.reason, each.by, each.strength, each.known_from)
            for each in await memory.correlations.list(graph)
        ],
        "trust": [replace(each, copies=()) for each in await memory.sources.reliability(graph)],
        "history": [list((await memory.sources.get(graph, source)).history) for source in "abcd"],
        "merges": [replace(each, id=None) for each in await memory.resolution.merges(graph)],
        "episodes": [(each.key, each.text) for each in (await memory.episodes.list(graph)).items],
        "states": sorted((*ends[edge.id], str(edge.properties), str(edge.source)) for edge in edges if edge.id),
    }  # fmt: skip


WAYS = [
    "all.jsonl",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("all.jsonl.gz", "folder/", "tables/", "all.nq", "all.ttl")
    ),
]


@pytest.mark.long
@pytest.mark.parametrize("name", WAYS)
async def test_what_a_graph_believes_comes_back_into_another_graph_and_twice(
    memory: Memory, graph: str, tmp_path: Path, name: str
) -> None:
    other = await new_graph(memory, f"{graph}_2", schema=SCHEMA)
    format_ = {"folder/": "csv", "tables/": "parquet"}.get(name)
    target = tmp_path / name
    done = await memory.exports.write(graph, f"{target}/" if format_ else target, ExportOptions(format=format_))
    before = await held(memory, graph)
    assert {"claim", "adjudication", "fact", "correlation", "trust", "merge", "pair"} <= done.records.keys()
    assert not {key: count for key, count in done.lost.items() if "graph" not in key}

    files = sorted(target.iterdir()) if format_ else [target]
    result = await memory.imports.run(other, files)

    assert not result.rejections
    assert await held(memory, other) == before
    pairs = await decided_pairs(memory, graph, tmp_path)
    assert [(each["one"], each["by"], each["reason"]) for each in pairs] == [
        ("acme", "ann", "Two in ''."), ("x1", "ann", "Two in 'user/1'."),
    ]  # fmt: skip
    assert await decided_pairs(memory, other, tmp_path) == pairs
    feed = await change_feed(memory, other)
    again = await memory.imports.run(other, files)
    assert (again.rejected, again.created) == (0, 0)
    assert await held(memory, other) == before
    assert await decided_pairs(memory, other, tmp_path) == pairs
    assert [each for each in (await change_feed(memory, other))[len(feed) :] if each.kind in {"claim", "fact"}] == []


@pytest.mark.long
async def test_what_was_believed_before_is_known_in_the_other_graph_too(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    then = iso(now())
    await memory.claims.put(graph, [ClaimStatement(source, "acme", "LED_BY", object="bob") for source in "xyz"])
    other = await new_graph(memory, f"{graph}_2", schema=SCHEMA)
    await memory.exports.write(graph, tmp_path / "all.jsonl", ExportOptions())

    await memory.imports.run(other, [tmp_path / "all.jsonl"])

    async def known(name: str) -> list[Any]:
        facts = (await memory.facts.list(name, FactFilter(subject="acme", known_at=then))).items
        return [(fact.value, fact.state, fact.probability) for fact in facts]

    assert await known(other) == await known(graph)
    assert await known(graph)


async def test_claims_of_two_graphs_are_weighed_together(memory: Memory, tmp_path: Path) -> None:
    one, other = [await new_graph(memory, f"together_{n}_{abs(hash(tmp_path)):x}", schema=SCHEMA) for n in (1, 2)]
    for name, said in ((one, [("a", "alice"), ("b", "alice")]), (other, [("c", "alice"), ("d", "bob")])):
        await memory.entities.put(name, [Entity(key) for key in ("acme", "alice", "bob")])
        await memory.relationships.put(
            name, [Relationship("LED_BY", "acme", who, source=source) for source, who in said]
        )
    await memory.exports.write(one, tmp_path / "one.jsonl", ExportOptions())

    await memory.imports.run(other, [tmp_path / "one.jsonl"])

    (fact,) = (await memory.facts.list(other, FactFilter())).items
    assert (fact.value, fact.supporting, fact.opposing) == ("alice", 3, 1)


@pytest.mark.long
async def test_a_merge_that_was_imported_is_not_undone(memory: Memory, graph: str, tmp_path: Path) -> None:
    other = await new_graph(memory, f"{graph}_2", schema=SCHEMA)
    await memory.exports.write(graph, tmp_path / "all.jsonl", ExportOptions())
    await memory.imports.run(other, [tmp_path / "all.jsonl"])
    (merge,) = await memory.resolution.merges(other)
    assert merge.id is not None

    with pytest.raises(Conflict, match="came with an import"):
        await memory.resolution.undo_merge(other, merge.id, by="ann", reason="Two men.")


@pytest.mark.long
async def test_a_pair_that_a_person_marked_as_different_is_not_proposed_where_it_was_imported(
    memory: Memory, tmp_path: Path
) -> None:
    one, other = [await new_graph(memory, f"pair_{n}_{abs(hash(tmp_path)):x}") for n in (1, 2)]
    for graph in (one, other):
        await memory.entities.put(graph, [Entity(key, "Person", name="Ann Lee") for key in ("ann", "lee")])
        await memory.entities.put(graph, [Entity(key, "Person", name="Bo", scope="user/1") for key in ("bo", "bob")])
        await memory.resolution.find_duplicates(graph)
        await memory.resolution.find_duplicates(graph, scope="user/1")
    waiting = {each.one: each for each in (await memory.resolution.candidates(one, scope="user/1")).items}
    assert waiting.keys() == {"ann", "bo"}
    for key, scope in (("ann", ""), ("bo", "user/1")):
        id_ = waiting[key].id
        assert id_ is not None
        await memory.resolution.reject(one, id_, by="cy", reason="Met both.", scope=scope)
    shared = tmp_path / "shared.jsonl"
    await memory.exports.write(one, shared, ExportOptions(scope=""))
    assert [each["one"] for each in await decided_pairs(memory, one, tmp_path, scope="user/1")] == ["bo"]

    result = await memory.imports.run(other, [shared])

    assert (result.rejected, result.created, result.updated) == (0, 0, 1)
    assert [each.one for each in (await memory.resolution.candidates(other, scope="user/1")).items] == ["bo"]
    assert await memory.resolution.find_duplicates(other) == (2, 0)
    (pair,) = await decided_pairs(memory, other, tmp_path)
    assert (pair["one"], pair["by"], pair["reason"]) == ("ann", "cy", "Met both.")


async def test_what_was_decided_of_a_pair_here_stays_and_bad_pairs_are_refused(memory: Memory, tmp_path: Path) -> None:
    graph = await new_graph(memory, f"pairs_{abs(hash(tmp_path)):x}")
    good = {"type": "pair", "one": "zoe", "other": "ann", "decided": "different", "by": "cy", "at": "2020-01-01"}
    bad = [
        {**good, "other": "zoe"}, {**good, "decided": "same"}, {**good, "other": "x", "detail": {"parts": [1]}},
        {**good, "other": "y", "detail": {"evidence": "much"}}, {"type": "pair", "one": "zoe", "other": "z"},
        {**good, "other": "w", "detail": {"evidence": 1e300}}, {**good, "other": "v", "detail": 5},
    ]  # fmt: skip
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, [good, *bad, {**good, "one": "ann", "other": "zoe", "by": "dan"}])))

    result = await memory.imports.run(graph, [path])

    assert sorted(each.line for each in result.rejections) == list(range(2, 9))
    assert result.read == result.created + result.updated + result.unchanged + result.rejected
    (pair,) = await decided_pairs(memory, graph, tmp_path)
    assert (pair["one"], pair["other"], pair["by"]) == ("ann", "zoe", "cy")
    path.write_bytes(orjson.dumps({**good, "by": "eve"}))
    assert (await memory.imports.run(graph, [path])).unchanged == 1
    assert await decided_pairs(memory, graph, tmp_path) == [pair]
    assert await memory.resolution.propose(graph, [Candidate("zoe", "ann", 9.0, {})]) == 0


async def test_claims_may_be_written_by_hand_and_bad_records_cost_only_themselves(
    memory: Memory, tmp_path: Path
) -> None:
    name = await new_graph(memory, f"by_hand_{abs(hash(tmp_path)):x}", schema=SCHEMA)
    records = [
        {"type": "claim", "source": "a", "subject": "berne", "predicate": "population", "value": 134_000},
        {"type": "claim", "source": "b", "subject": "berne", "predicate": "population", "value": 134_000},
        {"type": "claim", "source": "b", "subject": "berne", "predicate": "population"},
        {"type": "claim", "source": "b", "subject": "berne", "predicate": "population", "value": 1, "span": ["x"]},
        {"type": "adjudication", "action": "accept", "by": "x", "at": "2020-01-01", "subject": "berne",
         "predicate": "population", "detail": {"ends": 5}},
        {"type": "fact", "subject": "berne", "predicate": "population", "facts": [{"state": "true"}]},
        {"type": "fact", "subject": "berne", "predicate": "population", "facts": 7},
        {"type": "trust", "of": "source", "source": "a", "detail": []},
        {"type": "correlation", "relation": "exclusion", "detail": {"topics": [[1, 2]], "claims": [[]]}},
        {"type": "merge", "keep": "x", "gone": "y", "at": "soon"},
    ]  # fmt: skip
    path = tmp_path / "claims.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, records)))

    result = await memory.imports.run(name, [path])

    assert sorted(each.line for each in result.rejections) == [3, 4, 5, 6, 7, 8, 9, 10]
    (fact,) = (await memory.facts.list(name, FactFilter())).items
    assert (fact.value, fact.supporting) == (134_000, 2)
    assert result.read == result.created + result.updated + result.unchanged + result.rejected


async def test_formats_that_carry_no_claims_say_so(memory: Memory, graph: str, tmp_path: Path) -> None:
    done = await memory.exports.write(graph, tmp_path / "all.graphml", ExportOptions())

    assert done.lost["claims"] >= 10
    assert {"adjudications", "facts", "correlations", "learned trust", "merges", "pairs"} <= done.lost.keys()
