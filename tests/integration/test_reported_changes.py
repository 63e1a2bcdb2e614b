"""How sources report changes is learned by a full run, and counts for what is resolved after it."""

from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimStatement, FactFilter
from kgmem.memory import Memory
from kgmem.store.db.migrate import downgrade, migrate
from tests.integration.test_migrations import catalog_of
from tests.memories import index_schema, new_graph, opened_memory

pytestmark = pytest.mark.server

NAMES = ("bulletin", "gazette", "herald", "register")
REPORTED = (
    20 + 5 * (80 / 85)
) / 25  # All four tell of all 20 changes; where little is known, as all of them do: 80 of 80 + 5.
SCHEMA = {"predicates": {"ceo": {"functional": True}}}


def claim(source: str, subject: str, value: str, valid_from: str) -> ClaimStatement:
    return ClaimStatement(source, subject, "ceo", value=value, valid_from=valid_from)


def history() -> list[ClaimStatement]:
    """Twenty companies with a change that all four sources report."""
    return [
        claim(name, f"company{n}", value, start)
        for n in range(20)
        for name in NAMES
        for value, start in ((f"former{n}", "2010"), (f"new{n}", "2015"))
    ]


async def facts(memory: Memory, graph: str, subject: str) -> list[tuple[Any, ...]]:
    page = await memory.facts.list(graph, FactFilter(subject=subject))
    told = [(each.value, each.valid_from, each.valid_to, each.state) for each in page.items]
    return sorted(told, key=str)


async def settled(memory: Memory, name: str) -> str:
    graph = await new_graph(memory, name, schema=SCHEMA)
    await memory.claims.put(graph, history())
    await memory.claims.compute_consensus(graph)
    return graph


async def test_the_silence_of_who_reports_changes_counts_between_full_runs(memory: Memory) -> None:
    graph = await settled(memory, "reported_silence")
    await memory.claims.put(graph, [claim(name, "acme", "alice", "2010") for name in NAMES])
    await memory.claims.put(graph, [claim("rumour", "acme", "bob", "2016")])

    between = await facts(memory, graph, "acme")
    await memory.claims.compute_consensus(graph)

    assert between == await facts(memory, graph, "acme")
    assert [(value, valid_to) for value, _, valid_to, _ in between] == [("alice", None)]


async def test_what_several_report_is_a_change_between_full_runs_too(memory: Memory) -> None:
    graph = await settled(memory, "reported_change")
    await memory.claims.put(graph, [claim(name, "acme", "alice", "2010") for name in NAMES])
    await memory.claims.put(graph, [claim(name, "acme", "bob", "2016") for name in NAMES[:3]])

    between = await facts(memory, graph, "acme")
    await memory.claims.compute_consensus(graph)

    assert between == await facts(memory, graph, "acme")
    assert [value for value, *_ in between] == ["alice", "bob"]


async def test_the_share_of_changes_is_shown_with_the_trust(memory: Memory) -> None:
    graph = await settled(memory, "reported_shown")
    await memory.claims.put(graph, [claim("rumour", "nobody", "x", "2016")])

    told = await memory.sources.get(graph, "gazette")

    assert told.reported_changes == pytest.approx(REPORTED, abs=1e-4)
    assert told.reporting_delay is not None
    assert 10 < told.reporting_delay / 86_400 / 365 < 100
    assert "It reports 0.99 of the changes that others report." in told.reason
    unknown = await memory.sources.get(graph, "rumour")
    assert (unknown.reported_changes, unknown.reporting_delay) == (None, None)


@pytest.mark.long
async def test_it_goes_along_with_an_export(memory: Memory, tmp_path: Path) -> None:
    graph = await settled(memory, "reported_export")
    await memory.claims.put(graph, [claim("rumour", "acme", "bob", "2016")])
    await memory.claims.compute_consensus(graph)
    file = tmp_path / "graph.jsonl"
    await memory.exports.write(graph, file)
    await memory.graphs.create("reported_import", schema=SCHEMA)
    await memory.imports.run("reported_import", [str(file)])

    there, here = [await memory.sources.get(name, "gazette") for name in ("reported_import", graph)]

    assert (there.reported_changes, there.reporting_delay) == (here.reported_changes, here.reporting_delay)


@pytest.mark.long
async def test_earlier_reliability_survives_the_columns(database_url: str) -> None:
    async with opened_memory(database_url) as memory:
        graph = await settled(memory, "reported_migrated")
        await memory.claims.put(graph, [claim(name, "acme", "alice", "2010") for name in NAMES])
        await memory.claims.compute_consensus(graph)
        schema = await index_schema(memory, graph)
        history = (await memory.sources.get(graph, "gazette")).history
        before = await catalog_of(database_url, schema, f"{schema}_asof")
    assert history
    await downgrade(database_url, "0030")
    assert not [each for each in await catalog_of(database_url, schema) if "reported_changes" in each]
    await migrate(database_url)
    assert await catalog_of(database_url, schema, f"{schema}_asof") == before
    async with opened_memory(database_url) as memory:
        after = (await memory.sources.get(graph, "gazette")).history
        dropped = {"reported_changes": None, "reporting_delay": None}
        assert after == [{**each, **dropped} for each in history]
        await memory.claims.compute_consensus(graph)
        assert (await memory.sources.get(graph, "gazette")).reported_changes == pytest.approx(REPORTED, abs=1e-4)
