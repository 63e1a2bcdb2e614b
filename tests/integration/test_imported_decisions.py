"""Imported decisions name the facts and claims of the graph that they came into, whatever numbers these have there."""

import secrets
from pathlib import Path

import pytest

from kgmem.domain.agents.decision import DecisionFilter, DecisionStatement, Evidence
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.ledger.ledger import AccountSpec
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions, ImportResult
from tests.memories import new_graph

FUNCTIONAL = {"predicates": {"WORKS_AT": {"functional": True}}}


@pytest.fixture
async def origin(memory: Memory) -> str:
    """A graph with a decision that rests on each kind of evidence."""
    graph = await new_graph(memory, f"origin_{secrets.token_hex(6)}", schema=FUNCTIONAL)
    await memory.entities.put(graph, [Entity(key, "Thing") for key in ("ada", "acme", "globex")])
    await memory.episodes.put(graph, [Episode("Ada is at Acme.", key="e1")])
    (plain,) = (await memory.relationships.put(graph, [Relationship("OWNS", "ada", "globex", key="own")])).ids
    (claimed,) = (await memory.relationships.put(graph, [Relationship("WORKS_AT", "ada", "acme", source="press")])).ids
    await memory.claims.put(graph, [ClaimStatement(each, "ada", "height", value=170) for each in ("a", "b")])
    (height,) = (await memory.facts.list(graph, FactFilter(subject="ada", predicate="height"))).items
    (claim,) = (await memory.claims.list(graph, ClaimFilter(predicate="height", source="b"))).items
    evidence = [
        Evidence("fact", id=claimed), Evidence("fact", id=plain), Evidence("fact", id=height.id),
        Evidence("claim", id=claim.id), Evidence("episode", key="e1"),
    ]  # fmt: skip
    await memory.decisions.record(graph, DecisionStatement("First", "a", "first"))
    await memory.decisions.record(
        graph, DecisionStatement("It", "a", "it", evidence=[*evidence, Evidence("decision", key="first")])
    )
    return graph


async def copied(memory: Memory, origin: str, target: Path, format_: str = "jsonl") -> str:
    """A graph that had other things when the origin came into it."""
    await memory.exports.write(origin, target, ExportOptions(format=format_))
    graph = await new_graph(memory, f"copy_{secrets.token_hex(6)}", schema=FUNCTIONAL)
    await memory.entities.put(graph, [Entity(f"other{number}", "Thing") for number in range(3)])
    others = [Relationship(kind, "other0", f"other{to}") for kind in ("WORKS_AT", "OWNS") for to in (1, 2)]
    await memory.relationships.put(graph, others)
    await memory.claims.put(graph, [ClaimStatement("z", f"other{number}", "height", value=9) for number in range(3)])
    assert not (await memory.imports.run(graph, [target])).rejections
    return graph


async def rests_on(memory: Memory, graph: str, id_: int) -> list[str]:
    return [each.key for each in (await memory.decisions.list(graph, DecisionFilter(rests_on=str(id_)))).items]


@pytest.mark.long
@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
async def test_an_imported_decision_rests_on_what_was_imported(
    memory: Memory, origin: str, tmp_path: Path, format_: str
) -> None:
    target = tmp_path / ("all.jsonl" if format_ == "jsonl" else "all.zip")
    copy = await copied(memory, origin, target, format_)
    before = (await memory.decisions.get(origin, "it")).statement.evidence
    after = (await memory.decisions.get(copy, "it")).statement.evidence
    assert [each.state for each in after] == [each.state for each in before]
    for each in after[:2]:
        edge = await memory.relationships.get(copy, each.id or 0)
        assert (edge.start, edge.kind, edge.end) == (each.subject, each.predicate, each.object)
        assert await rests_on(memory, copy, each.id or 0) == ["it"]
    (height,) = (await memory.facts.list(copy, FactFilter(subject="ada", predicate="height"))).items
    (claim,) = (await memory.claims.list(copy, ClaimFilter(predicate="height", source="b"))).items
    assert [each.id for each in after[2:4]] == [height.id, claim.id]
    others = (await memory.facts.list(copy, FactFilter(subject="other0"))).items
    assert others
    assert [await rests_on(memory, copy, each.id) for each in others] == [[]] * len(others)
    table = await memory.cypher(copy, "MATCH (d:Decision {key: 'it'})-[r:RESTS_ON]->() RETURN d.facts, r.fact")
    assert {tuple(row[0]) for row in table.rows} == {tuple(each.id for each in after[:4])}
    assert {row[1] for row in table.rows} - {None} == {each.id for each in after[:4]}


@pytest.mark.long
async def test_the_same_import_again_changes_no_decision(memory: Memory, origin: str, tmp_path: Path) -> None:
    target = tmp_path / "all.jsonl"
    copy = await copied(memory, origin, target)
    before = await memory.decisions.get(copy, "it")
    again = await memory.imports.run(copy, [target])
    assert (again.created, again.updated, again.rejected) == (0, 0, 0)
    assert await memory.decisions.get(copy, "it") == before
    same = await memory.imports.run(origin, [target])
    assert (same.created, same.updated, same.rejected) == (0, 0, 0)


async def test_an_import_with_decisions_can_be_undone(memory: Memory, origin: str, tmp_path: Path) -> None:
    copy = await copied(memory, origin, tmp_path / "all.jsonl")
    (done,) = await memory.imports.list(copy)
    assert done.read == done.created + done.updated + done.unchanged
    undone = await memory.imports.undo(copy, done.id)
    assert not undone.kept
    assert not (await memory.decisions.list(copy, DecisionFilter())).items


async def test_a_decision_on_a_fact_finds_it_by_the_ids_of_fact_and_relationship(memory: Memory, origin: str) -> None:
    (fact,) = (await memory.facts.list(origin, FactFilter(subject="ada", predicate="WORKS_AT"))).items
    assert await rests_on(memory, origin, fact.id) == ["it"]
    assert await rests_on(memory, origin, fact.relationships[0]) == ["it"]


@pytest.mark.long
async def test_a_retracted_relationship_is_retracted_in_the_copy_too(
    memory: Memory, origin: str, tmp_path: Path
) -> None:
    evidence = (await memory.decisions.get(origin, "it")).statement.evidence
    for each in evidence[:2]:
        await memory.facts.retract(origin, each.id or 0, by="ann", reason="Another Ada.")
    copy = await copied(memory, origin, tmp_path / "all.jsonl")
    states = [
        [each.state for each in (await memory.decisions.get(graph, "it")).statement.evidence]
        for graph in (origin, copy)
    ]
    assert states[0][:2] == ["retracted", "retracted"]
    assert states[0] == states[1]


def reasons(result: ImportResult) -> list[tuple[int, str]]:
    return sorted((each.line, each.reason) for each in result.rejections)


async def test_a_decision_of_a_key_that_another_decision_has_is_rejected_and_changes_nothing(
    memory: Memory, origin: str, tmp_path: Path
) -> None:
    target = tmp_path / "all.jsonl"
    await memory.exports.write(origin, target, ExportOptions())
    graph = await new_graph(memory, f"other_{secrets.token_hex(6)}", schema=FUNCTIONAL)
    await memory.decisions.record(graph, DecisionStatement("Ours", "b", "it", rationale="We said so."))
    before = await memory.decisions.get(graph, "it")

    foreseen = await memory.imports.run(graph, [target], ImportOptions(dry_run=True))
    done = await memory.imports.run(graph, [target])

    assert reasons(foreseen) == reasons(done)
    first, *rest = done.rejections
    assert "'it' is that of another decision" in first.reason
    assert rest
    assert all("belongs to the decision 'it', which was rejected" in each.reason for each in rest)
    assert await memory.decisions.get(graph, "it") == before
    table = await memory.cypher(graph, "MATCH (:Decision {key: 'it'})-[r]-() RETURN count(r)")
    assert [list(row) for row in table.rows] == [[0]]
    assert (await memory.decisions.get(graph, "first")).statement.decision == "First"


@pytest.mark.parametrize("keyed", [True, False], ids=["key", "no key"])
async def test_an_imported_decision_names_its_transaction_by_the_number_that_it_has_in_the_ledger_here(
    memory: Memory, tmp_path: Path, keyed: bool
) -> None:
    graph = await new_graph(memory, f"books_{secrets.token_hex(6)}")
    for name in ("purse", "shop"):
        await memory.ledger.put_account(graph, AccountSpec(name, "asset", "USD"), scope="team")
    moves = {"purse": "-2.50", "shop": "2.50"}
    paid = await memory.ledger.post(graph, moves, scope="team", idempotency_key="pens" if keyed else None)
    stated = DecisionStatement("Buy pens", "a", "pens", transaction=str(paid.id), scope="team/ann")
    await memory.decisions.record(graph, stated)
    stray = DecisionStatement("Elsewhere", "a", "stray", transaction="bank-4711", scope="team/ann")
    await memory.decisions.record(graph, stray)
    target = tmp_path / "all.jsonl"
    await memory.exports.write(graph, target, ExportOptions())

    copy = await new_graph(memory, f"copy_{secrets.token_hex(6)}")
    for name in ("a", "b", "c"):
        await memory.ledger.put_account(copy, AccountSpec(name, "asset", "USD"))
    assert not (await memory.imports.run(copy, [target])).rejections

    found = await memory.decisions.get(copy, "pens", scope="team/ann")
    assert found.statement.transaction not in {None, str(paid.id)}
    there = await memory.ledger.transaction(copy, int(found.statement.transaction or 0), scope="team")
    assert [(each.account, each.amount) for each in there.entries] == [
        (each.account, each.amount) for each in paid.entries
    ]
    assert not found.altered
    assert (await memory.decisions.get(copy, "stray", scope="team/ann")).statement.transaction == "bank-4711"
    table = await memory.cypher(copy, "MATCH (d:Decision {key: 'pens'}) RETURN d.transaction_id")
    assert [list(row) for row in table.rows] == [[there.id]]

    again = await memory.imports.run(copy, [target])
    assert (again.created, again.updated, again.rejected) == (0, 0, 0)
    same = await memory.imports.run(graph, [target])
    assert (same.created, same.updated, same.rejected) == (0, 0, 0)
    assert (await memory.decisions.get(graph, "pens", scope="team/ann")).statement.transaction == str(paid.id)

    onward = tmp_path / "onward.zip"
    await memory.exports.write(copy, onward, ExportOptions(format="csv"))
    third = await new_graph(memory, f"third_{secrets.token_hex(6)}")
    await memory.ledger.put_account(third, AccountSpec("z", "asset", "USD"))
    assert not (await memory.imports.run(third, [onward])).rejections
    number = (await memory.decisions.get(third, "pens", scope="team/ann")).statement.transaction
    last = await memory.ledger.transaction(third, int(number or 0), scope="team")
    assert [each.amount for each in last.entries] == [each.amount for each in paid.entries]
