"""Flows: steps while they run and after, also of another process, for whom they are visible, and how many are kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.flows.flow import Flow, FlowFilter, Visible
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.recall.question import Question, What
from kgmem.domain.text.resolution import NewMerge
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from kgmem.store.derived.extraction_queue import PostgresExtractionStore
from kgmem.store.flows.flow_log import FlowRetention, PostgresFlows
from kgmem.store.graph.catalog import PostgresCatalog
from tests.memories import new_graph, with_ports

GRAPH = "flowing"


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


@pytest.fixture
async def elsewhere(memory: Memory) -> AsyncIterator[PostgresFlows]:
    """The log of another process over the same database."""
    flows = PostgresFlows(memory.ports.graphs.database)  # type: ignore[attr-defined]
    yield flows
    await flows.close()


async def newest(memory: Memory, kind: str, **wanted: str) -> Flow:
    page = await memory.flows.list(FlowFilter(graph=GRAPH, kind=kind, **wanted), limit=1)  # type: ignore[arg-type]
    return page.items[0]


async def test_a_recall_leaves_its_steps_with_counts_and_durations(memory: Memory) -> None:
    await memory.episodes.put(GRAPH, [Episode("Grace drinks tea.", "n1")])
    await memory.recall(GRAPH, Question(What(text="Who drinks tea?")))
    flow = await newest(memory, "recall")
    assert (flow.state, flow.scope, flow.counts["hits"]) == ("done", "", 1)
    assert [each.name for each in flow.steps] == ["embed", "search", "rank", "rank/fetch"]
    assert all(each.state == "done" and each.runs == 1 and each.duration_ms >= 0 for each in flow.steps)
    assert flow.ended_at is not None
    assert sum(each.duration_ms for each in flow.steps if "/" not in each.name) <= flow.duration_ms
    assert await memory.flows.get(flow.id) == flow


async def test_what_is_remembered_and_forgotten_leaves_flows_of_its_scope(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("a", "Person", scope="team/1/x"), Entity("b", "Person", scope="team/1/y")])
    remembered = await newest(memory, "remember")
    assert (remembered.scope, remembered.steps[0].counts["created"]) == ("team/1", 2)
    await memory.episodes.put(GRAPH, [Episode("Grace drinks tea.", "n1", scope="team/1")])
    await memory.episodes.delete(GRAPH, ["n1"], scope="team/1")
    forgotten = await newest(memory, "forget")
    assert (forgotten.scope, forgotten.state) == ("team/1", "done")
    assert {each.name: each for each in forgotten.steps}["delete"].counts["episodes"] == 1


async def test_another_process_sees_the_steps_of_a_flow_that_runs(memory: Memory, elsewhere: PostgresFlows) -> None:
    with elsewhere.run("distil", GRAPH, about="run/1") as flow:
        with step("group"):
            count(groups=3)
        with step("write"):
            flow.started -= 1  # As if both had begun a second ago.
            flow.steps["write"].since -= 1
            await elsewhere.flush()
            seen = await memory.flows.get(flow.id)
            assert (seen.state, seen.ended_at, seen.about) == ("running", None, "run/1")
            assert [(each.name, each.state) for each in seen.steps] == [("group", "done"), ("write", "running")]
            assert seen.steps[0].counts == {"groups": 3}
            assert seen.steps[1].duration_ms > 900
    await elsewhere.flush()
    assert (await memory.flows.get(flow.id)).state == "done"


async def test_a_flow_without_a_heartbeat_is_broken_off(memory: Memory, elsewhere: PostgresFlows) -> None:
    with elsewhere.run("distil", GRAPH) as flow, step("write"):
        flow.started -= 1
        await elsewhere.flush()
        database = memory.ports.graphs.database  # type: ignore[attr-defined]
        async with database.connection() as connection:
            await connection.execute(
                "UPDATE kgmem.flow SET heartbeat_at = now() - interval '16 s' WHERE id = $1", flow.id
            )
        seen = await memory.flows.get(flow.id)
        assert (seen.state, seen.steps[0].state) == ("broken_off", "broken_off")
        assert (await newest(memory, "distil", state="broken_off")).id == flow.id
        assert not (await memory.flows.list(FlowFilter(graph=GRAPH, state="running"))).items


async def test_an_error_is_shown_by_its_code_and_never_by_a_text_of_its_caller(memory: Memory) -> None:
    with pytest.raises(NotFound), memory.ports.flows.run("distil", GRAPH), step("write"):
        raise NotFound("There is no secret-of-ada.", hint="secret-of-ada")
    flow = await newest(memory, "distil")
    assert (flow.state, flow.error) == ("failed", "not-found")
    assert (flow.steps[0].state, flow.steps[0].error) == ("failed", "not-found")
    with pytest.raises(ZeroDivisionError), memory.ports.flows.run("distil", GRAPH):
        _ = 1 / 0
    assert (await newest(memory, "distil")).error == "internal"
    assert "secret" not in repr(await memory.flows.list(FlowFilter(graph=GRAPH)))


async def test_a_cancelled_flow_is_stopped(memory: Memory) -> None:
    async def long() -> None:
        with memory.ports.flows.run("distil", GRAPH), step("wait"):
            await asyncio.sleep(60)

    task = asyncio.create_task(long())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    flow = await newest(memory, "distil")
    assert (flow.state, flow.error, flow.steps[0].state) == ("stopped", None, "stopped")


async def test_steps_at_the_same_time_and_again_are_one_with_their_sums(memory: Memory) -> None:
    async def store() -> None:
        with step("store"):
            await asyncio.sleep(0)
            count(items=2)

    with memory.ports.flows.run("import", GRAPH), step("read"):
        await asyncio.gather(*(store() for _ in range(3)))
    flow = await newest(memory, "import")
    assert [(each.name, each.runs, each.counts) for each in flow.steps] == [
        ("read", 1, {}),
        ("read/store", 3, {"items": 6}),
    ]


async def test_a_flow_has_at_most_a_hundred_steps(memory: Memory) -> None:
    with memory.ports.flows.run("distil", GRAPH):
        for n in range(150):
            with step(f"s{n}"):
                count(items=1)
    flow = await newest(memory, "distil")
    assert len(flow.steps) == 100
    assert flow.counts == {"items": 50}


async def test_a_flow_within_another_is_a_step_of_it(memory: Memory) -> None:
    with memory.ports.flows.run("distil", GRAPH) as flow:
        await memory.entities.put(GRAPH, [Entity("a", "Person")])
    assert not (await memory.flows.list(FlowFilter(graph=GRAPH, kind="remember"))).items
    assert [each.name for each in (await memory.flows.get(flow.id)).steps] == ["remember", "remember/store_entities"]


async def test_a_reader_sees_the_flows_of_its_own_scopes_alone(memory: Memory, elsewhere: PostgresFlows) -> None:
    for scope in (None, "", "team/1", "team/1/x", "team/10"):
        with elsewhere.run("distil", GRAPH, scope=scope):
            pass
    await elsewhere.flush()

    async def seen(*readers: Visible) -> list[str | None]:
        page = await memory.flows.list(FlowFilter(graph=GRAPH), seen=readers)
        found = [flow.scope for flow in page.items]
        for flow in (await memory.flows.list(FlowFilter(graph=GRAPH))).items:
            if flow.scope in found:
                assert await memory.flows.get(flow.id, seen=readers) == flow
            else:
                with pytest.raises(NotFound):
                    await memory.flows.get(flow.id, seen=readers)
        return found

    assert await seen(Visible(GRAPH, "team/1")) == ["team/1/x", "team/1"]
    assert await seen(Visible("another", ""), Visible(None, "team/10")) == ["team/10"]
    assert await seen(Visible(GRAPH, "")) == ["team/10", "team/1/x", "team/1", "", None]
    assert await seen() == []


async def test_a_deleted_scope_leaves_no_flow_that_names_it(memory: Memory, elsewhere: PostgresFlows) -> None:
    await memory.entities.put(GRAPH, [Entity("a", "Person", scope="user/ada")])
    with elsewhere.run("recall", GRAPH, scope="user/ada"):  # Not written when the scope is deleted.
        pass
    await memory.flows.list()
    await memory.scopes.delete(GRAPH, "user/ada", erase=True)
    await elsewhere.flush()
    flows = (await memory.flows.list(FlowFilter(graph=GRAPH))).items
    assert [(flow.kind, flow.scope) for flow in flows] == [("forget", None)]
    traces = (await memory.scopes.find_traces(GRAPH, ["user/ada"])).found
    assert not [trace for trace in traces if trace.table.startswith("kgmem.")]
    with elsewhere.run("distil", GRAPH, scope="user/ada"):
        pass
    await elsewhere.flush()
    assert (await newest(memory, "distil")).scope == "user/ada"


async def test_old_flows_and_those_over_the_limit_go_brief_ones_apart(memory: Memory) -> None:
    database = memory.ports.graphs.database  # type: ignore[attr-defined]
    flows = PostgresFlows(database, retention=FlowRetention(most=3, days=1))
    for n in range(6):
        with flows.run("distil", GRAPH) as flow:
            flow.started -= 60 * (n % 2)
            flow.started_us -= 2 * 86_400_000_000 if n == 5 else 0
    await flows.flush()
    await flows.trim()
    kept = (await memory.flows.list(FlowFilter(graph=GRAPH))).items
    assert sorted(flow.duration_ms > 1000 for flow in kept) == [False, False, False, True, True]
    await flows.close()


async def test_of_many_brief_recalls_a_part_is_written_and_none_that_failed_is_missing(
    memory: Memory, elsewhere: PostgresFlows
) -> None:
    for n in range(300):
        with suppress(InvalidInput), elsewhere.run("recall", GRAPH):
            check_scope(" " if n % 100 == 0 else "")
    await elsewhere.flush()
    page = await memory.flows.list(FlowFilter(graph=GRAPH, kind="recall"), limit=1000)
    assert 50 <= len(page.items) < 200
    assert sum(flow.state == "failed" for flow in page.items) == 3


async def test_upkeep_that_found_nothing_to_do_is_not_kept(memory: Memory) -> None:
    await memory.claims.compute_consensus(GRAPH)
    await memory.embeddings.run(GRAPH)
    assert not [flow for flow in (await memory.flows.list(FlowFilter(graph=GRAPH))).items if flow.kind == "consolidate"]


async def test_flows_come_by_pages_newest_first(memory: Memory) -> None:
    for _ in range(5):
        with memory.ports.flows.run("distil", GRAPH):
            pass
    first = await memory.flows.list(FlowFilter(graph=GRAPH), limit=3)
    second = await memory.flows.list(FlowFilter(graph=GRAPH), cursor=first.cursor, limit=3)
    ids = [flow.id for flow in [*first.items, *second.items]]
    assert len(ids) == 5
    assert ids == sorted(ids, reverse=True)
    assert second.cursor is None


async def test_an_unknown_kind_or_state_is_refused(memory: Memory) -> None:
    for wanted in (FlowFilter(kind="lose"), FlowFilter(state="odd"), FlowFilter(scope=" ")):  # type: ignore[arg-type]
        with pytest.raises(InvalidInput):
            await memory.flows.list(wanted)


async def test_a_database_that_refuses_flows_fails_nothing(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    flows = PostgresFlows(memory.ports.graphs.database)  # type: ignore[attr-defined]
    with flows.run("distil", GRAPH) as flow:
        pass

    async def refused(*_: object) -> None:
        raise InvalidInput

    monkeypatch.setattr(flows, "_write", refused)
    assert not await flows.flush()
    monkeypatch.undo()
    assert await flows.flush()
    assert (await memory.flows.get(flow.id)).state == "done"
    await flows.close()


async def test_a_refused_scope_that_cannot_be_stored_stops_no_other_flow(memory: Memory) -> None:
    for scope in ("user/\ud800", "user/\0"):
        with pytest.raises(InvalidInput):
            await memory.recall(GRAPH, Question(What("tea"), scope=scope))
        with memory.ports.flows.run("distil", GRAPH, scope=scope, about="odd"):
            pass
    with memory.ports.flows.run("distil", GRAPH, scope="user/9", about="whole"):
        pass
    flows: Any = memory.ports.flows
    await flows.flush()
    page = await memory.flows.list(FlowFilter(GRAPH, about="whole"))
    assert [each.scope for each in page.items] == ["user/9"]


@pytest.fixture
async def reading(memory: Memory) -> Memory:
    catalog = memory.ports.store.catalog
    assert isinstance(catalog, PostgresCatalog)
    return with_ports(memory, extractor=OfflineExtractor(), extractions=PostgresExtractionStore(catalog))


def shown(flow: Flow) -> dict[str, dict[str, int]]:
    """Return the steps with their counts, after a look at what each has."""
    assert flow.ended_at is not None
    assert flow.duration_ms >= 0
    assert all(each.state == "done" and each.duration_ms >= 0 and each.error is None for each in flow.steps)
    return {each.name: dict(each.counts) for each in flow.steps}


@pytest.mark.long
async def test_reading_texts_is_a_flow_that_consolidates(reading: Memory) -> None:
    await reading.episodes.put(GRAPH, [Episode("Ada visited Oslo.", "n1", extract=True)])
    await reading.extraction.run(GRAPH)
    flow = await newest(reading, "consolidate")
    steps = shown(flow)
    assert list(steps) == ["extract", "store"]
    assert steps["extract"]["texts"] == 1
    assert (steps["store"]["episodes"], steps["store"]["entities"], steps["store"]["refused"]) == (1, 2, 0)


async def test_consensus_and_merges_are_flows_that_reconcile(memory: Memory) -> None:
    await memory.claims.put(GRAPH, [ClaimStatement(source, "ship", "port", value=source) for source in ("a", "b")])
    await memory.claims.compute_consensus(GRAPH)
    assert {"learn_reliability", "resolve_facts"} <= set(shown(await newest(memory, "reconcile")))
    await memory.entities.put(GRAPH, [Entity("ada", "Person"), Entity("countess", "Person")])
    await memory.resolution.merge(GRAPH, NewMerge("ada", "countess", "ann", "One woman."))
    assert {"merge": {"merges": 1}}.items() <= shown(await newest(memory, "reconcile", state="done")).items()


async def test_an_import_and_its_undoing_are_flows_with_what_came_and_went(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text('{"type": "entity", "key": "a", "label": "Person"}\n{"type": "entity"}\n')
    done = await memory.imports.run(GRAPH, [file])
    flow = await newest(memory, "import")
    steps = shown(flow)
    assert flow.about == f"import/{done.id}"
    assert list(steps) == ["read", "read/store", "link", "build_indexes", "resolve_facts"]
    assert (steps["read"]["rejected"], steps["read/store"]["created"]) == (1, 1)
    await memory.imports.undo(GRAPH, done.id)
    undone = await newest(memory, "import")
    assert undone.about == flow.about
    assert shown(undone)["undo"] == {"deleted": 1, "restored": 0}


async def test_an_import_that_fails_shows_which_step_failed_and_why(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text('{"type": "entity", "key": "a", "label": "Person"}\n{"type": "entity"}\n')
    with pytest.raises(InvalidInput):
        await memory.imports.run(GRAPH, [file], ImportOptions(on_error="stop"))
    flow = await newest(memory, "import")
    assert (flow.state, flow.error) == ("failed", "invalid-input")
    assert [(each.name, each.state) for each in flow.steps if each.state != "done"] == [("read", "failed")]
