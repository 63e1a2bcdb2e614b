"""Retention rules remove what is due, exactly as the dry run named it, and nothing that a legal hold covers."""

import asyncio
import random
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement
from kgmem.domain.erasure.erasure import ErasureRequest
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.flows.flow import FlowFilter
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.retention.hold import HoldRequest
from kgmem.domain.retention.rule import RetentionRule, RetentionRun
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from kgmem.store.retention.rules import PostgresRetention
from tests.memories import new_graph, query, with_ports
from tests.sizes import size

NOW = 0.001  # Seconds: what is there when a run begins is due.
CHAT = " We talked for hours about nothing in particular. The coffee was as good as ever, and nobody wanted to leave."


@pytest.fixture
async def graph(memory: Memory) -> str:
    return await new_graph(memory, f"retention_{secrets.token_hex(6)}")


async def keys(memory: Memory, graph: str, scope: str = "") -> set[str]:
    """Return the keys of entities and episodes in this scope only."""
    index = await index_of(memory, graph)
    rows = await query(memory, f"SELECT i.key, s.path FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope "
                               "WHERE i.kind < 3")  # fmt: skip
    return {row["key"] for row in rows if row["path"] == scope}


async def text(memory: Memory, graph: str, key: str, scope: str = "", **fields: Any) -> None:
    await memory.episodes.put(graph, [Episode(f"Text {key}.", key, scope=scope, **fields)])


def removed(run: RetentionRun) -> int:
    return sum(each.removed for each in run.counts)


@pytest.mark.parametrize(
    ("rule", "stay"),
    [
        ({}, ""),
        ({"scope": "user"}, "shared web"),
        ({"scope": "user/1"}, "shared web u2"),
        ({"scope": ""}, "u1 u2"),
        ({"label": "Ship"}, "shared web u1 u2"),
        ({"label": "Episode"}, "ship"),
        ({"source": "web"}, "shared u1 u2 ship"),
        ({"source": "web", "label": "Ship"}, "shared web u1 u2 ship"),
    ],
)
async def test_a_rule_covers_what_it_names(memory: Memory, graph: str, rule: dict[str, Any], stay: str) -> None:
    await text(memory, graph, "shared")
    await text(memory, graph, "web", source="web")
    await text(memory, graph, "u1", "user/1")
    await text(memory, graph, "u2", "user/2")
    await memory.entities.put(graph, [Entity("ship", "Ship")])
    await memory.retention.put(graph, name="r", keep=NOW, **rule)
    run = await memory.retention.run(graph, by="ann")
    left = {key for scope in ("", "user/1", "user/2") for key in await keys(memory, graph, scope)}
    if rule.get("scope") is not None and rule["scope"] != "":
        stay += " ship"
    assert left == set(stay.split())
    assert (run.state, run.by, removed(run), run.done) == ("done", "ann", 5 - len(left), 5 - len(left))


@pytest.mark.long
async def test_time_is_counted_from_the_clock_of_the_rule(memory: Memory, graph: str) -> None:
    await text(memory, graph, "old", occurred_at="2001-02-03")
    await text(memory, graph, "new")
    await memory.entities.put(
        graph, [Entity("ended", valid_from="1990", valid_to="1995"), Entity("lasts", valid_from="1990")]
    )
    await memory.retention.put(graph, name="r", keep="365d", clock="recorded")
    assert (await memory.retention.dry_run(graph)).planned == 0
    await memory.retention.put(graph, name="r", keep="365d", clock="event")
    assert {each.key for each in (await memory.retention.dry_run(graph)).items} == {"old", "ended"}
    await memory.retention.put(graph, name="r", keep=0.5, clock="used")
    await asyncio.sleep(0.6)
    await memory.episodes.get(graph, "new")
    assert "new" not in {each.key for each in (await memory.retention.dry_run(graph)).items}
    assert {each.key for each in (await memory.retention.dry_run(graph)).items} == {"old", "ended", "lasts"}


async def test_the_most_specific_rule_decides(memory: Memory, graph: str) -> None:
    for name, rule in {
        "graph": {"keep": NOW},
        "label": {"keep": None, "label": "Episode"},
        "source": {"keep": NOW, "source": "web"},
        "scope": {"keep": None, "scope": "a"},
        "deep": {"keep": NOW, "scope": "a/b"},
    }.items():
        await memory.retention.put(graph, name=name, **rule)
    assert [each.name for each in await memory.retention.list(graph)] == ["deep", "scope", "source", "label", "graph"]
    for key, scope, source in (("1", "", None), ("2", "", "web"), ("3", "a", "web"), ("4", "a/b/c", None)):
        await text(memory, graph, key, scope, source=source)
    run = await memory.retention.run(graph)
    assert {each.rule: each.removed for each in run.counts} == {"source": 1, "deep": 1}
    assert [await keys(memory, graph, scope) for scope in ("", "a", "a/b/c")] == [{"1"}, {"3"}, set()]


async def test_of_two_rules_for_labels_of_one_entity_the_longer_time_decides(memory: Memory, graph: str) -> None:
    await memory.cypher(graph, "CREATE (:A:B {key: 'x'})", mode="write")
    await memory.retention.put(graph, name="a", keep=NOW, label="A")
    await memory.retention.put(graph, name="b", keep="1d", label="B")
    assert (await memory.retention.dry_run(graph)).planned == 0


async def test_what_was_extracted_goes_with_its_last_text(memory: Memory, graph: str) -> None:
    memory = with_ports(memory, extractor=OfflineExtractor(0))
    await memory.remember(graph, Episode("Ada Lovelace works for Babbage Engines.", "t1", scope="a"))
    await memory.remember(graph, Episode("Ada Lovelace lives in London.", "t2", scope="a", source="web"))
    await memory.retention.put(graph, name="web", keep=None, source="web", scope="a")
    await memory.retention.put(graph, name="rest", keep=NOW)
    before = await keys(memory, graph, "a")
    planned = await memory.retention.dry_run(graph)
    named = {each.key for each in planned.items if each.kind in ("entity", "episode")}
    run = await memory.retention.run(graph)
    left = await keys(memory, graph, "a")
    assert before - left == named
    assert "t1" in named
    assert "t2" in left
    assert {"Ada Lovelace", "London"} <= left
    assert run.effects["entity"] == planned.effects["entity"] == len(named) - 1


async def test_a_relationship_stays_while_one_of_its_sources_keeps_it(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("ann"), Entity("acme")])
    for source in ("crm", "web"):
        await memory.claims.put(graph, [ClaimStatement(source, "ann", "WORKS_FOR", object="acme")])
    await memory.retention.put(graph, name="crm", keep=NOW, source="crm")
    run = await memory.retention.run(graph)
    assert [(each.kind, each.removed) for each in run.counts] == [("claim", 1)]
    claims = (await memory.claims.list(graph, ClaimFilter(subject="ann"))).items
    assert [each.source for each in claims] == ["web"]
    await memory.retention.put(graph, name="web", keep=NOW, source="web")
    run = await memory.retention.run(graph)
    assert [(each.kind, each.removed) for each in run.counts] == [("relationship", 1)]
    assert await keys(memory, graph) == {"ann", "acme"}


async def test_an_entity_stays_while_something_that_stays_is_about_it(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("ann", "Person"), Entity("bo", "Person"), Entity("acme", "Firm")])
    await memory.relationships.put(graph, [Relationship("AT", "ann", "acme")])
    await memory.retention.put(graph, name="people", keep=NOW, label="Person")
    await memory.retention.run(graph)
    assert await keys(memory, graph) == {"ann", "acme"}
    await memory.retention.put(graph, name="at", keep=NOW, label="AT")
    await memory.retention.run(graph)
    assert await keys(memory, graph) == {"acme"}


async def test_forgetting_keeps_the_history_and_erasing_does_not(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("f", "Forgotten"), Entity("e", "Erased")])
    await memory.retention.put(graph, name="f", keep=NOW, label="Forgotten")
    await memory.retention.put(graph, name="e", keep=NOW, label="Erased", then="erase")
    await memory.retention.run(graph)
    catalog: Any = memory.ports.graphs
    index = (await catalog.layout(graph)).index_name
    assert [row["key"] for row in await query(memory, f"SELECT key FROM {index}.past_item")] == ["f"]


async def test_what_is_on_hold_stays_with_the_texts_it_rests_on(memory: Memory, graph: str) -> None:
    await text(memory, graph, "held", "case")
    await text(memory, graph, "free")
    await memory.entities.put(graph, [Entity("ann", "Person")])
    await memory.episodes.put(graph, [Episode("Ann sails.", "about", mentions=["ann"])])
    hold = await memory.holds.put(graph, HoldRequest("scope", "Case 7.", "ann", "case"))
    await memory.holds.put(graph, HoldRequest("items", "Case 8.", "ann", keys=["ann"]))
    await memory.retention.put(graph, name="all", keep=NOW)
    planned = await memory.retention.dry_run(graph)
    assert ({each.key for each in planned.items}, planned.on_hold) == ({"free"}, {"all": 2})
    run = await memory.retention.run(graph)
    assert (removed(run), run.on_hold) == (1, {"all": 2})
    assert await keys(memory, graph) == {"ann", "about"}
    assert await keys(memory, graph, "case") == {"held"}
    await memory.holds.release(graph, hold.id, by="ann", reason="Closed.")
    await memory.retention.run(graph)
    assert await keys(memory, graph, "case") == set()


async def test_due_texts_are_distilled(memory: Memory, graph: str) -> None:
    for n, said in enumerate(("Maria Chen works for Acme Corporation.", "The weather was lovely.", "It was nice.")):
        await memory.episodes.put(graph, [Episode(said + CHAT, f"t{n}", scope="u")])
    await memory.retention.put(graph, name="d", keep=NOW, then="distil", scope="u")
    run = await memory.retention.run(graph)
    assert [(each.then, each.distilled) for each in run.counts] == [("distil", 3)]
    assert (await memory.distillation.list(graph, scope="u")).items[0].trigger == "retention"
    assert (await memory.retention.dry_run(graph)).planned == 0


@pytest.mark.long
async def test_originals_of_what_is_distilled_go_later_and_their_facts_stay(memory: Memory, graph: str) -> None:
    memory = with_ports(memory, extractor=OfflineExtractor(0))
    for n, said in enumerate(("Maria Chen works for Acme Corporation.", "The weather was lovely.", "It was nice.")):
        await memory.remember(graph, Episode(said + CHAT, f"t{n}", scope="u", source="sam"))
    await memory.retention.put(graph, name="d", keep=NOW, then="distil", originals=NOW, scope="u")
    first = await memory.retention.run(graph)
    assert [(each.then, each.distilled) for each in first.counts] == [("distil", 3)]
    before = await keys(memory, graph, "u")
    distilled = (await memory.distillation.list(graph, scope="u")).items[0]
    hold = await memory.holds.put(graph, HoldRequest("items", "r", "a", keys=["t1"], keys_in="u"))
    assert (await memory.retention.run(graph)).on_hold == {"d": 3}
    await memory.holds.release(graph, hold.id, by="a", reason="r")
    second = await memory.retention.run(graph)
    assert [(each.then, each.removed) for each in second.counts] == [("originals", 3)]
    assert before - await keys(memory, graph, "u") == {"t0", "t1", "t2"}
    text_ = next(key for key in await keys(memory, graph, "u") if "Maria" not in key and "Acme" not in key)
    claims = (await memory.claims.list(graph, ClaimFilter("u", "Maria Chen"))).items
    assert [(each.source, each.episode) for each in claims] == [("sam", text_)]
    assert await memory.episodes.provenance(graph, [text_], scope="u")
    with pytest.raises(Conflict, match="retention"):
        await memory.distillation.undo(graph, distilled.id, scope="u", by="ann")
    await memory.tasks.distil(graph)
    assert text_ in await keys(memory, graph, "u")
    await memory.episodes.forget(graph, [text_], scope="u")
    assert await keys(memory, graph, "u") == set()


async def test_a_distillation_is_undone_until_its_originals_go(memory: Memory, graph: str) -> None:
    for n, said in enumerate(("Maria Chen works for Acme Corporation.", "The weather was lovely.", "It was nice.")):
        await memory.episodes.put(graph, [Episode(said + CHAT, f"t{n}", scope="u")])
    await memory.retention.put(graph, name="d", keep=NOW, then="distil", originals="30d", scope="u")
    await memory.retention.run(graph)
    assert (await memory.retention.dry_run(graph)).planned == 0
    distilled = (await memory.distillation.list(graph, scope="u")).items[0]
    assert (await memory.distillation.undo(graph, distilled.id, scope="u", by="ann")).missing == []
    assert await keys(memory, graph, "u") == {"t0", "t1", "t2"}


async def test_a_run_takes_at_most_its_limit_and_the_next_one_the_rest(memory: Memory, graph: str) -> None:
    for n in range(5):
        await text(memory, graph, f"t{n}")
    await memory.retention.put(graph, name="r", keep=NOW)
    first = await memory.retention.run(graph, limit=3)
    assert (removed(first), first.more) == (3, True)
    second = await memory.retention.run(graph, limit=3)
    assert (removed(second), second.more) == (2, False)
    listed = (await memory.retention.items(graph, rule="r")).items
    assert [each.key for each in listed] == ["t4", "t3", "t2", "t1", "t0"]
    assert {(each.kind, each.state, each.rule) for each in listed} == {("episode", "removed", "r")}
    assert len((await memory.retention.items(graph, run=first.id)).items) == 3
    assert [each.id for each in (await memory.retention.runs(graph)).items] == [second.id, first.id]


async def test_what_was_written_after_the_plan_stays(memory: Memory, graph: str) -> None:
    await text(memory, graph, "a")
    await text(memory, graph, "b")
    await memory.retention.put(graph, name="r", keep=NOW)
    id_ = await memory.ports.retention.add_run(graph, "operator", "", 10)
    await memory.ports.retention.fill(graph, id_)
    await memory.episodes.put(graph, [Episode("Another text.", "a")])
    await memory.tasks.apply_retention(graph)
    assert await keys(memory, graph) == {"a"}
    listed = (await memory.retention.items(graph, run=id_)).items
    assert {each.key: each.state for each in listed} == {"a": "kept", "b": "removed"}


async def test_a_job_applies_rules_once_an_hour_and_after_a_change_of_rules(memory: Memory, graph: str) -> None:
    await text(memory, graph, "a")
    assert await memory.tasks.apply_retention(graph) == 0
    await memory.retention.put(graph, name="r", keep=NOW)
    assert await memory.tasks.apply_retention(graph) == 1
    await text(memory, graph, "b")
    assert await memory.tasks.apply_retention(graph) == 0
    await memory.retention.put(graph, name="r", keep=NOW, clock="used")
    assert await memory.tasks.apply_retention(graph) == 1
    assert (await memory.retention.runs(graph)).items[0].trigger == "schedule"


async def test_a_run_is_a_flow_of_the_graph(memory: Memory, graph: str) -> None:
    await text(memory, graph, "a")
    await memory.retention.put(graph, name="r", keep=NOW)
    run = await memory.retention.run(graph)
    await memory.ports.flows.flush()
    flows = [
        each for each in (await memory.flows.list(FlowFilter(graph=graph))).items if each.about == f"retention/{run.id}"
    ]
    assert [each.kind for each in flows] == ["forget"]
    assert {"plan", "episode", "entity"} <= {each.name for each in (await memory.flows.get(flows[0].id)).steps}


async def test_wrong_rules_are_refused_and_change_nothing(memory: Memory, graph: str) -> None:
    wrong: Sequence[dict[str, Any]] = (
        {"name": ""}, {"name": "a b"}, {"keep": 0}, {"keep": "soon"}, {"clock": "birth"}, {"then": "burn"},
        {"originals": 1}, {"label": ""}, {"scope": "a//b"}, {"reason": "x" * 1001},
    )  # fmt: skip
    for each in wrong:
        with pytest.raises(InvalidInput) as refused:
            await memory.retention.put(graph, **{"name": "r", "keep": "1d", **each})
        assert refused.value.hint, each
    assert await memory.retention.list(graph) == []
    await memory.retention.put(graph, name="r", keep="1d", scope="a")
    with pytest.raises(Conflict, match="'r'"):
        await memory.retention.put(graph, RetentionRule("s", 1.0, "a"))
    with pytest.raises(NotFound):
        await memory.retention.get(graph, "s")
    with pytest.raises(NotFound):
        await memory.retention.delete(graph, "s")
    with pytest.raises(NotFound):
        await memory.retention.put("nowhere", RetentionRule("s", 1.0))
    with pytest.raises(InvalidInput):
        await memory.retention.run(graph, limit=0)
    await memory.ports.retention.add_run(graph, "operator", "", 10)
    with pytest.raises(Conflict):
        await memory.retention.run(graph)


@pytest.mark.long
async def test_an_erasure_removes_names_from_what_retention_removed(memory: Memory, graph: str) -> None:
    await text(memory, graph, "note on Clara Weber")
    await text(memory, graph, "other")
    await memory.retention.put(graph, name="r", keep=NOW)
    await memory.retention.run(graph)
    signed = await memory.erasures.erase(graph, ErasureRequest(texts=["Clara Weber"]))
    assert signed.report["complete"]
    assert {each.key for each in (await memory.retention.items(graph)).items} == {"note on [erased]", "other"}
    assert await memory.retention.list(graph)


async def test_rules_of_a_scope_go_with_it(memory: Memory, graph: str) -> None:
    await text(memory, graph, "a", "u/1")
    await memory.retention.put(graph, name="u", keep="1d", scope="u/1")
    await memory.retention.put(graph, name="g", keep="1d")
    await memory.scopes.delete(graph, "u/1", erase=True)
    assert [each.name for each in await memory.retention.list(graph)] == ["g"]


@pytest.mark.long
async def test_rules_come_back_by_an_export_and_an_import(memory: Memory, graph: str, tmp_path: Path) -> None:
    await text(memory, graph, "a", "u/1")
    await memory.retention.put(graph, name="all", keep="1d", reason="Law.", by="ann")
    await memory.retention.put(graph, name="u", keep=None, scope="u/1", label="Episode", source="web", clock="event")
    await memory.retention.put(graph, name="shared", keep=5, scope="", then="distil", originals=7)
    rules = await memory.retention.list(graph)
    for form, name in ((None, "x.jsonl"), ("csv", "csv.zip"), ("parquet", "parquet.zip")):
        await memory.exports.write(graph, tmp_path / name, ExportOptions(format=form))
        other = await new_graph(memory, f"retention_{secrets.token_hex(6)}")
        await memory.imports.run(other, [tmp_path / name], ImportOptions())
        assert await memory.retention.list(other) == rules, form
        await memory.imports.run(other, [tmp_path / name], ImportOptions())
        assert await memory.retention.list(other) == rules, form


async def test_an_import_of_a_scope_brings_no_rule_for_others(memory: Memory, graph: str, tmp_path: Path) -> None:
    record = {"type": "retention_rule", "rule": "r", "keep": 1, "clock": "recorded", "then": "erase"}
    for number, (more, stored) in enumerate(
        (({"covers": {"everywhere": True}}, 0), ({"covers": {}, "scope": "b"}, 0),
         ({"covers": {"everywhere": True}, "scope": "a"}, 0), ({"covers": {"x": 1}, "scope": "a"}, 0),
         ({"covers": {}, "scope": "a"}, 1))
    ):  # fmt: skip
        file = tmp_path / f"{number}.jsonl"
        file.write_bytes(orjson.dumps({**record, **more}) + b"\n")
        await memory.imports.run(graph, [file], ImportOptions(within="a", scope="a"))
        assert len(await memory.retention.list(graph)) == stored, more


async def test_a_run_that_was_broken_off_goes_on_and_tells_what_it_removed(memory: Memory, graph: str) -> None:
    for key in ("a", "b"):
        await text(memory, graph, key)
    await memory.entities.put(graph, [Entity("e")])
    await memory.retention.put(graph, name="r", keep=NOW)
    catalog: Any = memory.ports.graphs
    store = PostgresRetention(catalog, lease=0.01)
    note = store.note

    async def broken(graph: str, rows: Sequence[int], state: Any, why: str | None = None) -> None:
        if rows and state == "removed":
            raise RuntimeError("The process ends here.")
        await note(graph, rows, state, why)

    store.note = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await with_ports(memory, retention=store).retention.run(graph)
    assert await keys(memory, graph) == {"e"}
    store.note = note  # type: ignore[method-assign]
    await asyncio.sleep(0.05)
    await with_ports(memory, retention=store).tasks.apply_retention(graph)
    assert await keys(memory, graph) == set()
    items = (await memory.retention.items(graph)).items
    assert {(each.key, each.state, each.why) for each in items} == {(key, "removed", None) for key in "abe"}
    assert (await memory.retention.runs(graph)).items[0].state == "done"


@pytest.mark.sized
@pytest.mark.parametrize("seed", range(size(2, 30)))
async def test_a_run_removes_exactly_what_its_dry_run_named_and_nothing_on_hold(
    memory: Memory, graph: str, seed: int
) -> None:
    memory = with_ports(memory, extractor=OfflineExtractor(0))
    dice = random.Random(f"{seed}")
    scopes, sources, labels = ("", "u/1", "u/2"), (None, "crm", "web"), ("A", "B")
    for n in range(12):
        await memory.entities.put(
            graph, [Entity(f"e{n}", dice.choice(labels), scope=dice.choice(scopes), source=dice.choice(sources))]
        )
    there = {scope: sorted(await keys(memory, graph, scope)) for scope in scopes}
    for n in range(10):
        scope = dice.choice([each for each in scopes if there[each]])
        about = dice.sample(there[scope], dice.randint(0, min(2, len(there[scope]))))
        await memory.episodes.put(
            graph, [Episode(f"Text {n}.", f"t{n}", scope=scope, source=dice.choice(sources), mentions=about)]
        )
    for _ in range(12):
        scope = dice.choice([each for each in scopes if there[each]])
        ends = [dice.choice(there[scope]) for _ in range(2)]
        kind = dice.choice(("KNOWS", "AT"))
        if dice.random() < 0.5:
            await memory.relationships.put(graph, [Relationship(kind, *ends, scope=scope, source=dice.choice(sources))])
        else:
            source = dice.choice(("crm", "web"))
            await memory.claims.put(graph, [ClaimStatement(source, ends[0], kind, object=ends[1], scope=scope)])
    names = ("Dora Blau", "Emil Grün", "Fritz Rot")
    await memory.remember(graph, [Episode(f"{dice.choice(names)} knows {dice.choice(names)}.", f"x{n}", scope="u/1")
                                  for n in range(3)])  # fmt: skip
    conditions: Sequence[dict[str, str]] = (
        {"scope": "u/1"}, {"scope": "u/2"}, {"scope": ""}, {"label": "A"}, {"label": "KNOWS"}, {"label": "Episode"},
        {"source": "crm"}, {},
    )  # fmt: skip
    for n, rule in enumerate(dice.sample(conditions, 4)):
        action = dice.choice(("forget", "erase"))
        await memory.retention.put(graph, name=f"r{n}", keep=dice.choice((NOW, NOW, None)), then=action, **rule)
    hold = dice.choice((HoldRequest("label", "r", "a", "B"), HoldRequest("source", "r", "a", "web"),
                        HoldRequest("scope", "r", "a", "u/2"), HoldRequest("label", "r", "a", "KNOWS")))  # fmt: skip
    await memory.holds.put(graph, hold)
    before, held, about = await contents(memory, graph), await on_hold(memory, graph), await mentions(memory, graph)
    planned = await memory.retention.dry_run(graph, listed=1000)
    assert await contents(memory, graph) == before
    run = await memory.retention.run(graph)
    gone = before - await contents(memory, graph)
    named = {(each.kind, each.item) for each in planned.items}
    claims_of_named = {each for each in gone if each[0] == "claim"} - named
    edges = {("relationship", edge) for edge in await edges_of(memory, graph, [each[1] for each in claims_of_named])}
    assert edges <= named | {("relationship", None)} | gone
    assert gone - claims_of_named - about == named - about
    assert not gone & held
    assert run.planned == planned.planned
    assert sum(each.kept for each in run.counts) == 0


async def index_of(memory: Memory, graph: str) -> str:
    catalog: Any = memory.ports.graphs
    return str((await catalog.layout(graph)).index_name)


async def contents(memory: Memory, graph: str) -> set[tuple[str, Any]]:
    index = await index_of(memory, graph)
    found: set[tuple[str, Any]] = set()
    for kind, sql in (
        ("entity", f"SELECT id FROM {index}.item WHERE kind = 1"),
        ("episode", f"SELECT id FROM {index}.item WHERE kind = 2"),
        ("relationship", f"SELECT id FROM {index}.edge"),
        ("claim", f"SELECT id FROM {index}.claim WHERE known_to IS NULL"),
    ):
        found |= {(kind, row["id"]) for row in await query(memory, sql)}
    return found


async def on_hold(memory: Memory, graph: str) -> set[tuple[str, Any]]:
    there = await contents(memory, graph)
    held = set(await memory.ports.holds.held_items(graph, [id_ for kind, id_ in there if kind != "claim"]))
    return {each for each in there if each[0] != "claim" and each[1] in held}


async def edges_of(memory: Memory, graph: str, claims: Sequence[int]) -> set[Any]:
    index = await index_of(memory, graph)
    rows = await query(memory, f"SELECT id, edge FROM {index}.claim WHERE edge IS NOT NULL")
    return {row["edge"] for row in rows if row["id"] in claims}


async def mentions(memory: Memory, graph: str) -> set[tuple[str, Any]]:
    """Return the relationships that go with the texts and entities at their ends."""
    index = await index_of(memory, graph)
    rows = await query(memory, f"SELECT e.id FROM {index}.edge e JOIN {index}.label l ON l.id = e.kind "
                               "WHERE l.name IN ('MENTIONS', 'CO_MENTIONED', 'SIMILAR_TO')")  # fmt: skip
    return {("relationship", row["id"]) for row in rows}
