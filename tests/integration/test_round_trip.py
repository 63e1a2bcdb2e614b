"""Export and import of a graph with records of every kind: nothing is lost, and what names something names it still."""

import io
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from kgmem.domain.agents.decision import DecisionFilter
from kgmem.domain.claims.records import BELIEF_KINDS
from kgmem.formats.ledger import hold_wire, transaction_wire
from kgmem.formats.records import KINDS
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from kgmem.store.graph.subsystems import TABLES
from tests.everything import AGENT, CHAT, SCOPES, TEAM, fill_everything
from tests.memories import index_schema, new_graph, query

# Tables of which an import makes as many rows as there were. A new table belongs here, or below with its reason.
CARRIED: Final = frozenset(
    {
        "claim", "claim_origin", "fact", "past_fact", "adjudication", "correlation", "source_reliability",
        "past_source_reliability", "predicate_parameters", "source_dependence", "consensus_run", "merge",
        "merge_candidate", "agent_state", "agent_state_version", "agent_state_checkpoint", "agent_retention", "session",
        "session_message", "ledger_record", "ledger_entry", "ledger_account", "ledger_hold", "ledger_head",
        "memory_block", "memory_block_version", "subscription", "subscription_group", "expiry", "feedback",
        "publication", "published_claim", "published_item", "tier_settings", "item_pin", "distil_run", "distil_group",
        "distil_member", "distil_allowance", "followed_answer", "retention_rule",
    }
)  # fmt: skip
_EARLIER, _DERIVED, _WORK = "earlier versions, which no export has", "made anew", "work in progress or its log"
NOT_CARRIED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("past_item", "past_passage", "past_vector", "past_edge", "past_source", "lexeme"), _EARLIER),
    **dict.fromkeys(("past_relationship_state", "source_origin", "source_key"), _EARLIER),
    **dict.fromkeys(("topic", "relationship_state", "answered", "entity_name", "entity_name_position"), _DERIVED),
    **dict.fromkeys(("community_scope", "community", "community_member", "summary", "summary_of"), _DERIVED),
    **dict.fromkeys(("similarity_settings", "similarity_done", "session_part", "epoch", "boundary"), _DERIVED),
    **dict.fromkeys(("archived", "archive_word", "archive_space", "item_use", "answer_event"), _DERIVED),
    **dict.fromkeys(("extraction_queue", "extraction_run", "provenance", "distil_probe", "presence"), _WORK),
    **dict.fromkeys(("retention_run", "retention_item", "retention_final", "erased_scope"), _WORK),
    **dict.fromkeys(("webhook", "webhook_secret", "webhook_waiting", "webhook_attempt"), "events go nowhere else"),
    **dict.fromkeys(("work_stream", "work_message", "work_group", "work_delivery", "work_dead"), _WORK),
}


# Rows that tell only of this graph: notes on writing the registry, and what publications stored that is gone.
_LEFT_OUT = {"adjudication": "WHERE action <> 'source'", "published_item": "WHERE state <> 4"}


async def exported(memory: Memory, graph: str, **options: Any) -> list[dict[str, Any]]:
    """Return the records of an export in an order of their own; those of the ledger without numbers and hashes."""
    stream = io.BytesIO()
    await memory.exports.write(graph, stream, ExportOptions(format="jsonl", **options))
    return sorted(map(_comparable, stream.getvalue().splitlines()), key=orjson.dumps)


def _comparable(line: bytes) -> dict[str, Any]:
    record: dict[str, Any] = orjson.loads(line)
    if record["type"] != "ledger_record":
        return record
    content = orjson.loads(record["content"])
    kept = {"scope": content["scope"], "kind": content["kind"], "stated": content["stated"], "at": content["at"]}
    return {"type": "ledger_record", **kept}


async def counts(memory: Memory, graph: str) -> dict[str, int]:
    """Return how many rows each table of a subsystem has."""
    schema = await index_schema(memory, graph)
    made = {row[0] for row in await query(memory, "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)}
    named = sorted(made & {table for tables in TABLES.values() for table in tables})
    union = " UNION ALL ".join(
        f"SELECT '{table}', count(*) FROM \"{schema}\".{table} {_LEFT_OUT.get(table, '')}" for table in named
    )
    return {row[0]: row[1] for row in await query(memory, union)}


async def named(memory: Memory, graph: str) -> Mapping[str, Any]:
    """Return what records name by numbers, as what is there under these numbers."""
    found: dict[str, Any] = {}
    for scope in SCOPES:
        for each in (await memory.decisions.list(graph, DecisionFilter(scope=scope))).items:
            found["decision", scope, each.key] = (
                each.outcomes, each.review, each.altered, [part.state for part in each.statement.evidence],
                [await _fact(memory, graph, part.id, scope) for part in each.statement.evidence],
                await _posted(memory, graph, each.statement.transaction, scope),
            )  # fmt: skip
        waiting = await memory.decisions.list(graph, DecisionFilter(scope=scope, waiting=True))
        found["waiting", scope] = [each.key for each in waiting.items]
        for each in (await memory.ledger.transactions(graph, scope=scope)).items:
            reversed_ = await _posted(memory, graph, each.reverses, scope)
            hold = each.hold and hold_wire(await memory.ledger.get_hold(graph, each.hold, scope=scope))["at"]
            key = each.idempotency_key or ""  # Records without one are recognised by one that the import gives them.
            found["transaction", scope, each.at] = (
                reversed_,
                hold,
                each.note,
                "" if key.startswith("import-") else key,
            )
        for each in (await memory.feedback.list(graph, scope=scope)).items:
            found["feedback", scope, each.at] = (await _item(memory, graph, each.item, scope), replace(each, item=0))
        for each in await memory.adjudications.list(graph, scope=scope):
            if each.action != "source":  # A note on writing the registry of this graph; the registry itself is carried.
                found["adjudication", scope, each.at] = (each.action, each.subject, each.predicate, each.reason)
        for place, each in enumerate((await memory.distillation.list(graph, scope=scope)).items):
            found["run", scope, place] = replace(await memory.distillation.get(graph, each.id, scope=scope), id=0)
    found["messages"] = (await memory.sessions.messages(graph, CHAT)).items
    found["consequences"] = await memory.decisions.consequences(graph, "d1", scope=AGENT)
    return found


async def _posted(memory: Memory, graph: str, number: int | str | None, scope: str) -> Any:
    if number is None:
        return None
    posted = transaction_wire(await memory.ledger.transaction(graph, int(number), scope=scope))
    return posted["at"], [(entry["account"], entry["amount"]) for entry in posted["entries"]]


async def _fact(memory: Memory, graph: str, number: int | None, scope: str) -> Any:
    if number is None:
        return None
    if number > 2**40:
        edge = await memory.relationships.get(graph, number, scope=scope)
        return edge.start, edge.kind, edge.end, edge.key, edge.valid_from
    fact = await memory.facts.get(graph, number, scope=scope)
    return fact.subject, fact.predicate, fact.value


async def _item(memory: Memory, graph: str, number: int, scope: str) -> Any:
    schema = await index_schema(memory, graph)
    text = f"""SELECT kind, key, NULL, NULL FROM "{schema}".item WHERE id = $1
        UNION ALL SELECT kind, key, source, valid::text FROM "{schema}".edge WHERE id = $1"""
    ((_, key, source, valid),) = await query(memory, text, number)
    return key, source is not None, valid


@pytest.fixture
async def graphs(memory: Memory) -> tuple[str, str]:
    """A graph with everything, and one that other things are in, so that numbers differ."""
    old = await new_graph(memory, f"old_{secrets.token_hex(6)}")
    new = await new_graph(memory, f"new_{secrets.token_hex(6)}")
    await fill_everything(memory, old)
    return old, new


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("all.jsonl", "jsonl"),
        pytest.param("all.zip", "csv", marks=pytest.mark.long),
        pytest.param("parquet.zip", "parquet", marks=pytest.mark.long),
        pytest.param("all.nq", "nquads", marks=pytest.mark.long),
    ],
)
async def test_a_round_trip_loses_nothing_of_any_kind(
    memory: Memory, graphs: tuple[str, str], tmp_path: Path, name: str, format_: str
) -> None:
    old, new = graphs
    first = await exported(memory, old)
    assert {each["type"] for each in first} == {*KINDS, *BELIEF_KINDS}  # What is not written here is not compared.
    known, before = await named(memory, old), await counts(memory, old)

    written = await memory.exports.write(old, tmp_path / name, ExportOptions(format=format_))
    done = await memory.imports.run(new, [tmp_path / name], ImportOptions())

    assert (written.lost, done.rejections) == ({}, ())
    assert await exported(memory, new) == first
    there = await named(memory, new)
    assert {key: (value, there.get(key)) for key, value in known.items() if there.get(key) != value} == {}
    after = await counts(memory, new)
    assert {table: after.get(table, 0) for table in CARRIED} == {table: before.get(table, 0) for table in CARRIED}
    again = await memory.imports.run(new, [tmp_path / name], ImportOptions())
    assert (again.created, again.updated, again.rejections) == (0, 0, ())
    assert await exported(memory, new) == first


@pytest.mark.long
async def test_an_export_of_a_scope_comes_back_as_it_was(
    memory: Memory, graphs: tuple[str, str], tmp_path: Path
) -> None:
    old, new = graphs
    for scope in (TEAM, AGENT):  # What the second one names above it is there then.
        target = tmp_path / f"{scope.replace('/', '-')}.jsonl"
        await memory.exports.write(old, target, ExportOptions(scope=scope))
        assert (await memory.imports.run(new, [target], ImportOptions())).rejections == ()
    for scope in (AGENT, TEAM):
        assert await exported(memory, new, scope=scope) == await exported(memory, old, scope=scope)


def test_each_table_of_a_graph_is_carried_or_has_a_reason_not_to_be() -> None:
    tables = {table for tables in TABLES.values() for table in tables}
    assert tables == CARRIED | NOT_CARRIED.keys()
    assert not CARRIED & NOT_CARRIED.keys()
