"""Distilled texts stand for their originals: what is recalled stays, and undoing brings back what was."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimFilter
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.derived.summaries import Sentence, WordedSummary
from kgmem.domain.distillation.pressure import Pressure
from kgmem.domain.distillation.run import Allowance, DistilRun, DistilSettings
from kgmem.domain.errors import Conflict, DatabaseUnavailable, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.retention.hold import HoldRequest
from kgmem.domain.time.interval import iso, now
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from kgmem.services.distillation import execute
from tests.memories import index_schema, new_graph, query, with_ports

GRAPH = "distilled"
SCOPE = "user/1"
CHAT = (
    " We talked for hours about nothing in particular, as one does on such days. The coffee was as good as ever. "
    "Somebody should really order more of these biscuits, since they were gone before anybody had asked for them."
)
TALK = [
    "Good morning, it is nice to see everybody here again after such a long time.",
    "Maria Chen works for Acme Corporation as an engineer since 2019.",
    "The weather was lovely.",
    "Maria Chen lives in Lisbon. She has two cats.",
    "The flood of 2021 caused the closure of the old bridge in Porto for 14 months.",
    "Well, that was quite a meeting.",
]


@pytest.fixture(scope="module")
def extractor() -> OfflineExtractor:
    return OfflineExtractor(0)


@pytest.fixture
async def memory(memory: Memory, extractor: OfflineExtractor) -> Memory:
    memory = with_ports(memory, extractor=extractor)
    await new_graph(memory, GRAPH)
    return memory


async def talk(memory: Memory, scope: str = SCOPE, **more: Any) -> list[str]:
    episodes = [
        Episode(text + CHAT, f"t{n}", f"2024-03-0{n + 1}", speaker="Sam", scope=scope, **more)
        for n, text in enumerate(TALK)
    ]
    await memory.remember(GRAPH, episodes)
    return [each.key or "" for each in episodes]


async def distilled(memory: Memory, scope: str = SCOPE, **what: Any) -> tuple[DistilRun, list[Episode]]:
    """Distil a scope; return the run and the texts that stand for its originals."""
    run = await memory.distillation.run(GRAPH, scope=scope, **what)
    keys = [each.distilled for each in run.groups if each.distilled]
    return run, [await memory.episodes.get(GRAPH, key, scope=scope) for key in keys]


async def tiers(memory: Memory) -> dict[str, int]:
    schema = await index_schema(memory, GRAPH)
    rows = await query(memory, f'SELECT key, tier FROM "{schema}".item WHERE kind = 2')
    return dict(rows)


async def contents(memory: Memory) -> list[str]:
    """All that the graph holds but runs, without versions, ids and times of the system, as an export gives it."""
    found = []
    async for page in memory.ports.store.export(GRAPH, None):
        for each in page:
            if isinstance(each, BeliefRecord) and each.kind == "distillation":
                continue
            told = replace(each, id=None) if hasattr(each, "id") and not isinstance(each, type) else each
            found.append(repr(told))
    return sorted(found)


@pytest.mark.long
async def test_texts_become_one_that_keeps_what_they_state(memory: Memory) -> None:
    keys = await talk(memory)
    claims = await memory.claims.list(GRAPH, ClaimFilter(scope=SCOPE))

    run, (text,) = await distilled(memory)

    assert (run.state, run.episodes, run.trigger) == ("done", 6, "operator")
    assert run.had == run.kept > 10
    assert run.score == 1
    assert run.ratio > 2
    assert 0 < run.bytes_after < run.bytes_before / 2
    for said in ("Acme Corporation", "2019", "Lisbon", "two cats", "flood of 2021", "14 months", "Sam", "2024-03-05"):
        assert said in text.text
    assert list(text.derived_from) == [f"episode:{key}" for key in keys]
    assert text.scope == SCOPE
    assert (await memory.claims.list(GRAPH, ClaimFilter(scope=SCOPE))) == claims
    await memory.tiers.sweep(GRAPH)  # What was measured counts as no use.
    by = await tiers(memory)
    assert [by[key] for key in keys] == [2] * 6
    assert by[text.key or ""] == 3
    rows = (await memory.cypher(GRAPH, "MATCH (d)-[:DISTILLED_FROM]->(o) RETURN o.key ORDER BY o.key")).rows
    assert [row[0] for row in rows] == keys
    asked = Question(What(text="Where does Maria Chen live?"), scope=SCOPE, tiers=("hot", "warm", "distilled"))
    assert any("Lisbon" in (hit.text or "") for hit in (await memory.recall(GRAPH, asked)).hits)
    assert await memory.distillation.get(GRAPH, run.id, scope=SCOPE) == run
    (listed,) = (await memory.distillation.list(GRAPH, scope=SCOPE)).items
    assert replace(listed, groups=run.groups) == run
    assert (await memory.distillation.run(GRAPH, scope=SCOPE)).id == 0  # Nothing is left.


async def test_a_plan_shows_what_would_become_of_what_and_changes_nothing(memory: Memory) -> None:
    keys = await talk(memory)
    before = await contents(memory)

    plan = await memory.distillation.plan(GRAPH, scope=SCOPE, older_than="0.000001s")

    (group,) = plan.groups
    assert (plan.id, plan.dry_run, list(group.episodes)) == (0, True, keys)
    assert "Acme" in (group.text or "")
    assert sum(each.facts for each in group.sentences) >= group.facts > 2
    assert plan.tokens_after < plan.tokens_before
    assert await contents(memory) == before
    assert not (await memory.distillation.list(GRAPH, scope=SCOPE)).items
    assert (await memory.distillation.plan(GRAPH, scope=SCOPE, older_than="1d")).episodes == 0


async def rows(memory: Memory) -> dict[str, list[str]]:
    """Every row of the tables that hold items, links, passages, vectors, claims and facts, with ids and times."""
    schema = await index_schema(memory, GRAPH)
    tables = "item|edge|passage|vector_.+|provenance|claim|topic|fact|relationship_state|extraction_run"
    names = await query(
        memory,
        "SELECT relname::text FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relname ~ $2",
        f'"{schema}"', f"^({tables})$",
    )  # fmt: skip
    found = {}
    for (name,) in names:
        found[name] = [row[0] for row in await query(memory, f'SELECT t::text FROM "{schema}"."{name}" t ORDER BY 1')]
    return found


@pytest.mark.long
async def test_undo_restores_the_originals_exactly(memory: Memory) -> None:
    await talk(memory)
    await memory.extraction.run(GRAPH)
    await memory.embeddings.run(GRAPH)
    before, tiers_before, rows_before = await contents(memory), await tiers(memory), await rows(memory)
    assert {"item", "edge", "passage", "claim"} <= rows_before.keys()
    assert any(held for name, held in rows_before.items() if name.startswith("vector_")), list(rows_before)
    run, _ = await distilled(memory)
    assert await contents(memory) != before

    undone = await memory.distillation.undo(GRAPH, run.id, scope=SCOPE, by="ann")

    assert (undone.state, undone.by, undone.missing) == ("undone", "ann", [])
    assert await contents(memory) == before
    assert await tiers(memory) == tiers_before
    assert await rows(memory) == rows_before
    with pytest.raises(Conflict):
        await memory.distillation.undo(GRAPH, run.id, scope=SCOPE, by="ann")
    assert (await memory.distillation.run(GRAPH, scope=SCOPE)).state == "done"  # They may be distilled again.


@pytest.mark.long
async def test_what_keeps_too_little_is_rolled_back_and_says_why(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk(memory)
    before = await contents(memory)
    monkeypatch.setattr(execute, "written", lambda *_: "Some people talked.")
    monkeypatch.setattr(execute, "_REPAIRS", 0)

    run = await memory.distillation.run(GRAPH, scope=SCOPE)

    assert run.state == "rolled_back"
    assert run.score < 0.98
    assert "were not found again" in (run.problem or "")
    assert {each["word"] for each in run.groups[0].lost} & {"2019", "2021", "14"}
    assert await contents(memory) == before


def spoil(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """Let the text of every group that mentions a word say nothing of it."""
    real = execute.written

    def spoiled(originals: Any, sentences: Any) -> str:
        if any(word in each.text for each in originals):
            return "Some people talked."
        return real(originals, sentences)

    monkeypatch.setattr(execute, "written", spoiled)
    monkeypatch.setattr(execute, "_REPAIRS", 0)


async def two_groups(memory: Memory) -> list[str]:
    """Store two sessions; the later one is about a flood."""
    first = [Episode(text + CHAT, f"a{n}", scope=SCOPE, session="a") for n, text in enumerate(TALK) if n != 4]
    flood = (TALK[4], "The storm of 1987 caused the collapse of the church in Braga for 3 days.")
    second = [Episode(text + CHAT, f"b{n}", scope=SCOPE, session="b") for n, text in enumerate(flood)]
    await memory.remember(GRAPH, [*first, *second])
    return [each.key or "" for each in second]


@pytest.mark.long
async def test_a_group_that_keeps_too_little_is_dropped_and_the_others_stay(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood = await two_groups(memory)
    before = await tiers(memory)
    spoil(monkeypatch, "flood")

    run, (text,) = await distilled(memory)

    assert (run.state, run.score, run.episodes, run.dropped) == ("done", 1, 5, 2)
    assert {each.state: list(each.episodes) for each in run.groups}["dropped"] == flood
    (weak,) = [each for each in run.groups if each.state == "dropped"]
    assert weak.lost
    assert weak.kept < weak.had
    assert "2 texts kept too little" in (run.problem or "")
    assert run.tokens_before == sum(each.tokens_before for each in run.groups if each.state == "done")
    assert "Lisbon" in text.text
    after = await tiers(memory)
    assert {key: after[key] for key in flood} == {key: before[key] for key in flood}
    assert after["a0"] == 2
    undone = await memory.distillation.undo(GRAPH, run.id, scope=SCOPE)
    assert sorted(each.state for each in undone.groups) == ["dropped", "undone"]
    assert await tiers(memory) == before


@pytest.mark.long
async def test_a_run_that_was_broken_off_while_it_drops_a_group_goes_on(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_groups(memory)
    spoil(monkeypatch, "flood")
    real = execute.restore

    async def broken(*_: object) -> None:
        raise DatabaseUnavailable("It is away.")

    monkeypatch.setattr(execute, "restore", broken)
    with pytest.raises(DatabaseUnavailable):
        await memory.distillation.run(GRAPH, scope=SCOPE)
    monkeypatch.setattr(execute, "restore", real)

    await memory.tasks.distil(GRAPH)

    (run,) = (await memory.distillation.list(GRAPH, scope=SCOPE)).items
    assert (run.state, run.score, run.episodes, run.dropped) == ("done", 1, 5, 2)


@pytest.mark.long
async def test_what_was_not_found_again_is_quoted_too(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    await talk(memory)
    real, calls = execute.select, []

    def forgetful(originals: Any, share: float, also: Sequence[Any] = ()) -> Any:
        selection = real(originals, share, also)
        calls.append(also)
        left = [each for each in selection.sentences if "flood" not in each.text or each in also]
        return replace(selection, sentences=left)

    monkeypatch.setattr(execute, "select", forgetful)

    run, (text,) = await distilled(memory)

    assert run.state == "done"
    assert run.score == 1
    assert "flood of 2021" in text.text
    assert any(calls)


@pytest.mark.long
async def test_critical_knowledge_waits_for_approval(memory: Memory) -> None:
    await talk(memory)
    await talk(memory, "user/2", properties={"critical": True})

    run, texts = await distilled(memory, "user/2")

    assert (run.state, texts) == ("waiting", [])
    assert [each.critical for each in run.groups] == [True]
    assert set((await tiers(memory)).values()) == {0}
    waiting = await memory.distillation.list(GRAPH, scope="user/2", state="waiting")
    assert [each.id for each in waiting.items] == [run.id]
    with pytest.raises(NotFound):
        await memory.distillation.approve(GRAPH, run.id, scope=SCOPE, by="ann")
    done = await memory.distillation.approve(GRAPH, run.id, scope="user/2", by="ann")
    assert (done.state, done.by, done.score) == ("done", "ann", 1)
    with pytest.raises(Conflict):
        await memory.distillation.reject(GRAPH, run.id, scope="user/2", by="ann")


async def test_a_critical_entity_makes_what_is_said_of_it_critical_and_rejected_texts_stay(memory: Memory) -> None:
    await talk(memory)
    (entity,) = [each for each in (await memory.entities.list(GRAPH, scope=SCOPE)).items if each.name == "Lisbon"]
    await memory.entities.put(GRAPH, [Entity(entity.key, properties={"critical": True}, scope=SCOPE)])

    run, _ = await distilled(memory)

    assert run.state == "waiting"
    kept = await memory.distillation.reject(GRAPH, run.id, scope=SCOPE, by="bo")
    assert kept.state == "done"
    states = {tuple(each.episodes): each.state for each in kept.groups}
    assert states[("t3",)] == "kept" if ("t3",) in states else "kept" in states.values()


@pytest.mark.long
@pytest.mark.parametrize("erase", [False, True])
async def test_a_forgotten_original_is_quoted_no_more(memory: Memory, erase: bool) -> None:
    await talk(memory)
    run, (text,) = await distilled(memory)

    await memory.episodes.forget(GRAPH, ["t4"], scope=SCOPE, erase=erase)

    with pytest.raises(NotFound):
        await memory.episodes.get(GRAPH, text.key or "", scope=SCOPE)
    assert await memory.tasks.distil(GRAPH) == 0
    (left,) = (await memory.distillation.get(GRAPH, run.id, scope=SCOPE)).groups
    again = await memory.episodes.get(GRAPH, left.distilled or "", scope=SCOPE)
    assert "flood" not in again.text
    assert "Lisbon" in again.text
    if erase:
        traces = await memory.scopes.find_traces(GRAPH, ["closure of the old bridge"], server=False)
        assert traces.found == []


@pytest.mark.long
async def test_a_corrected_fact_makes_the_text_stale_and_it_is_made_anew(memory: Memory) -> None:
    await talk(memory)
    run, (text,) = await distilled(memory)
    assert "Lisbon" in text.text
    claims = (await memory.claims.list(GRAPH, ClaimFilter(scope=SCOPE, predicate="LIVES_IN"))).items
    assert claims

    await memory.claims.withdraw(GRAPH, [each.id for each in claims], scope=SCOPE)

    assert await memory.tasks.queue_distillation() == 1
    assert (await memory.distillation.get(GRAPH, run.id, scope=SCOPE)).stale == 1
    await memory.tasks.distil(GRAPH)
    done = await memory.distillation.get(GRAPH, run.id, scope=SCOPE)
    assert done.stale == 0
    again = await memory.episodes.get(GRAPH, done.groups[0].distilled or "", scope=SCOPE)
    assert "Lisbon" not in again.text
    assert "Acme" in again.text
    assert await memory.tasks.queue_distillation() == 0


@pytest.mark.long
async def test_earlier_times_show_the_originals(memory: Memory) -> None:
    keys = await talk(memory)
    moment = iso(now())
    _, (text,) = await distilled(memory)

    asked = Question(What(text="flood bridge Porto"), scope=SCOPE, when=When(known_at=moment))
    found = [hit.key for hit in (await memory.recall(GRAPH, asked)).hits]

    assert keys[4] in found
    assert text.key not in found


@pytest.mark.long
async def test_an_allowance_starts_distillation_above_four_fifths(memory: Memory) -> None:
    await talk(memory)
    stored = await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, items=8))
    assert (stored.used_items, stored.fullness()) == (6, 0.75)
    assert await memory.tasks.queue_distillation() == 0

    await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, items=7))

    assert await memory.tasks.queue_distillation() == 1
    assert await memory.tasks.distil(GRAPH) == 1
    (run,) = (await memory.distillation.list(GRAPH, scope=SCOPE)).items
    assert (run.trigger, run.state) == ("allowance", "done")
    assert (await memory.distillation.allowance(GRAPH, SCOPE)).fullness() < 0.8
    assert [each.scope for each in (await memory.distillation.allowances(GRAPH, within="user")).items] == [SCOPE]
    await memory.distillation.delete_allowance(GRAPH, SCOPE)
    with pytest.raises(NotFound):
        await memory.distillation.allowance(GRAPH, SCOPE)


@pytest.mark.long
async def test_a_run_that_was_broken_off_goes_on(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    await talk(memory)
    real = execute.to_cold

    async def broken(*_: object) -> None:
        raise DatabaseUnavailable("It is away.")

    monkeypatch.setattr(execute, "to_cold", broken)
    with pytest.raises(DatabaseUnavailable):
        await memory.distillation.run(GRAPH, scope=SCOPE)
    (run,) = (await memory.distillation.list(GRAPH, scope=SCOPE)).items
    assert run.state == "running"
    monkeypatch.setattr(execute, "to_cold", real)

    assert await memory.tasks.queue_distillation() == 1
    await memory.tasks.distil(GRAPH)

    done = await memory.distillation.get(GRAPH, run.id, scope=SCOPE)
    assert (done.state, done.score) == ("done", 1)
    rows = (await memory.cypher(GRAPH, "MATCH (d)-[:DISTILLED_FROM]->(o) RETURN count(o)")).rows
    assert rows[0][0] == 6


async def test_a_queued_run_is_planned_and_executed_by_a_job(memory: Memory) -> None:
    await talk(memory)
    run = await memory.distillation.enqueue(GRAPH, scope=SCOPE, episodes=["t0", "t1", "t2", "t3"])
    assert (run.state, run.groups) == ("running", [])

    await memory.tasks.distil(GRAPH)

    done = await memory.distillation.get(GRAPH, run.id, scope=SCOPE)
    assert (done.state, done.episodes) == ("done", 4)


@pytest.mark.long
async def test_a_scope_that_is_deleted_takes_its_runs_and_allowances(memory: Memory) -> None:
    await talk(memory)
    await distilled(memory)
    await memory.distillation.put_allowance(GRAPH, Allowance(SCOPE, items=8))

    await memory.scopes.delete(GRAPH, SCOPE, erase=True)

    assert not (await memory.distillation.list(GRAPH, scope=SCOPE)).items
    assert not (await memory.distillation.allowances(GRAPH)).items
    assert (await memory.scopes.find_traces(GRAPH, ["Maria Chen", "flood of 2021"], server=False)).found == []


@pytest.mark.long
async def test_pressure_distils_the_least_used_scopes(memory: Memory) -> None:
    await talk(memory)

    class Full:
        async def read(self) -> list[Pressure]:
            return [Pressure("disk", 0.95, 0.9), Pressure("memory", 0.2, 0.9)]

    full = with_ports(memory, gauges=Full())
    await full.tasks.relieve_pressure()
    runs = (await memory.distillation.list(GRAPH, scope=SCOPE)).items
    assert [each.trigger for each in runs] == ["emergency"]
    assert [each.kind for each in await full.distillation.pressures() if each.is_high] == ["disk"]


class Careless:
    """A model that rewords two sentences well, changes a number in one, and forgets the others."""

    name = "test:careless"

    async def word(self, sentences: Sequence[Sentence], *, every: bool = False) -> WordedSummary:
        assert every
        made = []
        for each in sentences:
            if "Acme" in each.text:
                made.append(
                    replace(each, text="Since 2019, Sam says, Maria Chen works as an engineer for Acme Corporation.")
                )
            if "flood" in each.text:
                made.append(
                    replace(each, text="The flood of 2021 caused the closure of the bridge in Porto for 15 months.")
                )
        return WordedSummary(made, self.name)


async def test_what_a_model_says_counts_as_far_as_the_originals_say_it(memory: Memory) -> None:
    await talk(memory)

    run, (text,) = await distilled(with_ports(memory, wording=Careless()))

    assert run.groups[0].maker == "test:careless"
    assert "Since 2019, Sam says" in text.text
    assert "15 months" not in text.text
    assert "14 months" in text.text
    assert "Lisbon" in text.text
    assert run.score == 1


@pytest.mark.long
async def test_what_is_on_hold_stays_as_it_is(memory: Memory) -> None:
    keys = await talk(memory)
    hold = await memory.holds.put(GRAPH, HoldRequest("items", "A lawsuit.", "ann", keys=[keys[1]], keys_in=SCOPE))

    run, (text,) = await distilled(memory)

    assert run.skipped == {"on hold": 1}
    assert "Acme" not in text.text
    assert (await tiers(memory))[keys[1]] == 0
    await memory.holds.release(GRAPH, hold.id, by="ann", reason="It is over.")
    await memory.distillation.undo(GRAPH, run.id, scope=SCOPE)
    assert (await memory.distillation.plan(GRAPH, scope=SCOPE)).episodes == 6


@pytest.mark.long
async def test_a_threshold_that_nothing_reaches_undoes_every_run(memory: Memory) -> None:
    await talk(memory)
    strict = with_ports(memory, distil_settings=DistilSettings(threshold=1.1))

    assert (await strict.distillation.run(GRAPH, scope=SCOPE)).state == "rolled_back"
    assert set((await tiers(memory)).values()) == {0}
