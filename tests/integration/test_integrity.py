"""The integrity check: every kind of damage is found and named, what is derivable is repaired, health gives no alarm."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from kgmem.domain.claim import ClaimStatement
from kgmem.domain.entity import Entity
from kgmem.domain.episode import Episode
from kgmem.domain.errors import NotFound
from kgmem.domain.integrity import IntegrityReport
from kgmem.domain.place import parse_place
from kgmem.domain.question import Question, What
from kgmem.domain.relationship import Relationship
from kgmem.memory import Memory
from kgmem.storage.postgres.integrity.checks import CHECKS
from tests.invariants import assert_index_matches_labels
from tests.memories import cypher, other_client, query, stable_vector


async def fill(memory: Memory, graph: str) -> None:
    """Store something of every kind: labels, scopes, times, places, sources, history, claims, texts, vectors."""
    await memory.put_entities(
        graph,
        [
            Entity(
                f"k{n}", ["Person", "odd label"][n % 2], name=f"Name {n}", text=f"apple number{n}",
                labels=["Machine"] if n % 5 == 0 else None, source=["nasa", None][n % 2],
                valid_from="1960" if n % 3 else None, scope="u/1" if n % 7 == 6 else "",
                place=parse_place([8.5, 47.2]) if n % 4 == 0 else None,
            )
            for n in range(42)
        ],
    )  # fmt: skip
    shared = [f"k{n}" for n in range(42) if n % 7 != 6]
    await memory.put_relationships(
        graph,
        [
            Relationship("NEXT", one, other, source="nasa", confidence=0.7, text=f"{one} comes before {other}")
            for one, other in zip(shared, shared[1:], strict=False)
        ],
    )
    await memory.put_relationships(graph, [Relationship("LED_BY", "k0", "k1", source=name) for name in ("a", "b")])
    await memory.put_episodes(graph, [Episode("apple " * 300, "long", "1966", speaker="Ada", mentions=["k1"])])
    for turn in range(3):
        await memory.put_entities(graph, [Entity("k1", properties={"turn": turn}), Entity("k2", text=f"turn {turn}")])
    await memory.put_entities(graph, [Entity("k3", "Pilot")])
    await memory.delete_entities(graph, ["k5"])
    await memory.put_entities(graph, [Entity("given", embedding=stable_vector("given"))])
    await memory.claim(
        graph, [ClaimStatement("x", "k3", "BORN_IN", object="k4"), ClaimStatement("x", "k3", "age", value=3)]
    )
    await memory.embed_waiting(graph)


@pytest.fixture
async def full(memory: Memory, graph: str) -> str:
    """A graph with something of every kind in it."""
    await fill(memory, graph)
    return graph


async def check(memory: Memory, graph: str, *, repair: bool = False) -> IntegrityReport:
    """Check one graph."""
    (report,) = await memory.check_integrity(graph, repair=repair)
    return report


def names(report: IntegrityReport) -> set[str]:
    """The checks that found something."""
    return {damage.check for damage in report.damages}


class TestHealth:
    async def test_a_healthy_graph_gives_no_alarm_and_all_is_checked(self, memory: Memory, full: str) -> None:
        report = await check(memory, full)
        assert report.damages == []
        assert set(report.skipped) <= {"btrees", "keyword-index"}
        expected = set(CHECKS) - {"schemas", "checksums", "pages", "btrees", "keyword-index"}
        assert expected <= set(report.checks)
        assert report.checked_at

    async def test_an_empty_graph_and_one_without_vectors_are_sound(self, memory: Memory, graph: str) -> None:
        assert (await check(memory, graph)).damages == []
        bare = f"{graph}_bare"
        await memory.create_graph(bare, space=None, facts="all")
        await fill_bare(memory, bare)
        assert (await check(memory, bare)).damages == []

    async def test_writers_of_all_kinds_cause_no_alarm(
        self, memory: Memory, full: str, shared_database_url: str
    ) -> None:
        done = asyncio.Event()

        async def write() -> int:
            count = 0
            while not done.is_set():
                count += 1
                keys = [f"w{count % 7}", f"w{count % 5}x"]
                await memory.put_entities(full, [Entity(key, "Person", text=f"turn {count}") for key in keys])
                await memory.put_relationships(full, [Relationship("NEXT", *keys, source="press")])
                await memory.delete_entities(full, [f"w{(count + 3) % 7}"])
                await memory.absorb_foreign_writes(full)
            return count

        async def write_elsewhere() -> int:
            count = 0
            async with other_client(shared_database_url) as client:
                name = (await query(memory, "SELECT age_name FROM kgmem.graph WHERE name = $1", full))[0][0]
                while not done.is_set():
                    count += 1
                    made = f"CREATE (a:Person {{name: 'foreign {count}'}})-[:NEXT]->(b:Visitor {{name: 'b'}})"
                    await cypher(client, name, made)
            return count

        writers = [asyncio.create_task(write()), asyncio.create_task(write_elsewhere())]
        try:
            reports = [await check(memory, full) for _ in range(3)]
        finally:
            done.set()
            written = await asyncio.gather(*writers)
        assert all(count > 0 for count in written)
        assert [report.damages for report in reports] == [[], [], []]

    async def test_reports_are_kept_for_metrics_and_for_the_job(self, memory: Memory, full: str) -> None:
        due = await memory.parts.integrity.due(-1.0)
        assert full in due
        await memory.run_integrity_check(full)
        (kept,) = await memory.integrity_reports(full)
        assert (kept.graph, kept.damages) == (full, [])
        assert full not in await memory.parts.integrity.due(3600.0)

    async def test_a_graph_that_is_not_there_is_refused(self, memory: Memory) -> None:
        with pytest.raises(NotFound):
            await memory.check_integrity("nonesuch")


async def fill_bare(memory: Memory, graph: str) -> None:
    """A few nodes, worded facts, and a node of another label than before."""
    await memory.put_entities(graph, [Entity(f"k{n}", "Person", name=f"N {n}") for n in range(5)])
    await memory.put_relationships(graph, [Relationship("KNOWS", f"k{n}", f"k{n + 1}") for n in range(4)])
    await memory.put_entities(graph, [Entity("k2", "Pilot")])


# Each plants one kind of damage in {i}, the schema of the index, or {g}, that of AGE: the check that must name it.
DERIVABLE: Sequence[tuple[str, str]] = [
    ("nodes-unindexed", "DELETE FROM {i}.item WHERE key = 'k7'"),
    ("nodes-differ", "UPDATE {i}.item SET valid = tstzrange('1999-01-01', NULL) WHERE key = 'k8'"),
    ("nodes-differ", "UPDATE {i}.item SET scope = 77 WHERE key = 'k9'"),
    ("nodes-differ", "UPDATE {i}.item SET place = point(1, 2) WHERE key = 'k12'"),
    ("nodes-gone", "INSERT INTO {i}.item (id, kind, scope, key) SELECT max(id) + 900, 1, 0, 'ghost' FROM {i}.item"),
    ("relationships-unindexed", "DELETE FROM {i}.edge WHERE source = (SELECT id FROM {i}.item WHERE key = 'k15')"),
    (
        "relationships-differ",
        "UPDATE {i}.edge SET confidence = 0.1 WHERE source = (SELECT id FROM {i}.item WHERE key = 'k16')",
    ),
    (
        "relationships-gone",
        "INSERT INTO {i}.edge (id, source, target, kind, scope, discriminator) "
        "SELECT max(id) + 900, min(source), min(target), min(kind), 0, 7 FROM {i}.edge GROUP BY id >> 48 LIMIT 1",
    ),
    (
        "facts-differ",
        "DELETE FROM {i}.item WHERE kind = 3 AND id = "
        "(SELECT e.id FROM {i}.edge e JOIN {i}.item i ON i.id = e.source WHERE i.key = 'k21' LIMIT 1)",
    ),
    ("passages-differ", "UPDATE {i}.passage SET body = 'wrong' WHERE body LIKE '%number22%'"),
    ("passages-differ", "DELETE FROM {i}.passage WHERE body LIKE '%number23%'"),
    ("passages-gone", "INSERT INTO {i}.passage (item, ordinal, start, body) VALUES (12345, 0, 0, 'nobody')"),
    ("vectors-missing", "DELETE FROM {i}.{v} WHERE passage IN (SELECT id FROM {i}.passage WHERE body LIKE '%number24%')"),
    ("vectors-gone", "INSERT INTO {i}.{v} SELECT 987654, 12345, false, embedding FROM {i}.{v} LIMIT 1"),
    ("vectors-gone", "UPDATE {i}.{v} SET item = 1 WHERE passage = (SELECT min(passage) FROM {i}.{v})"),
    ("waiting-gone", "INSERT INTO {i}.unembedded (passage, space) VALUES (987655, 'no-such-space')"),
    ("extraction-gone", "INSERT INTO {i}.unread (episode, digest) VALUES (12345, 1)"),
    ("topics-unweighed", "DELETE FROM {i}.fact WHERE topic = (SELECT id FROM {i}.topic WHERE predicate = 'age')"),
    ("facts-lost", "UPDATE {i}.fact SET topic = 987654 WHERE id = (SELECT max(id) FROM {i}.fact)"),
    ("states-lost", "INSERT INTO {i}.stance (id, fact, state, probability) VALUES (5, 987654, 1, 0.5)"),
    ("feed", "INSERT INTO {i}.change (xid, operation, kind, ids) VALUES ('9000000000', 2, 1, '{{1}}')"),
    ("indexes", "DROP INDEX {i}.edge_in"),
    ("indexes", "DROP INDEX {i}.passage_words"),
    ("indexes", "DROP INDEX {i}.{v}_hnsw"),
    ("indexes", "ALTER TABLE {i}.item DROP CONSTRAINT item_scope_key_kind_key"),
    ("indexes", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{i}.item_labelled'::regclass"),
    ("indexes", 'ALTER TABLE {g}."Person" DROP CONSTRAINT "Person_pkey"'),
    ("triggers", "DROP TRIGGER keep ON {i}.item"),
    ("triggers", "ALTER TABLE {i}.edge DISABLE TRIGGER keep_gone"),
    ("triggers", "CREATE OR REPLACE FUNCTION {i}.keep_edge() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    ("triggers", "DROP VIEW {i}_then.decision"),
    ("capture", "ALTER TABLE {g}._ag_label_vertex DROP CONSTRAINT kgmem_capture"),
    ("property-indexes", "DO $$ DECLARE n text; BEGIN FOR n IN SELECT indexname FROM pg_indexes WHERE schemaname = '{g}' "
     "AND indexname LIKE 'kgmem_indexed_%' LOOP EXECUTE format('DROP INDEX {g}.%I', n); END LOOP; END $$"),
    ("sequences", "SELECT setval('{g}.\"Person_id_seq\"', 1)"),
    ("sequences", "SELECT setval(pg_get_serial_sequence('{i}.change', 'id'), 1)"),
]  # fmt: skip
LOST: Sequence[tuple[str, str]] = [
    ("ends-gone", 'DELETE FROM {g}."Person" WHERE id = (SELECT id::text::ag_catalog.graphid FROM {i}.item WHERE key = \'k30\')'),
    ("claims-lost", "DELETE FROM {i}.topic WHERE predicate = 'BORN_IN'"),
    ("decisions-lost", "INSERT INTO {i}.decision (scope, topic, action, by, reason) VALUES (0, 987654, 'accept', 'x', 'y')"),
    ("history", "UPDATE {i}.history SET known = tstzrange(lower(known), 'infinity') WHERE version = 1 AND id = "
     "(SELECT id FROM {i}.item WHERE key = 'k1')"),
    ("history-gaps", "DELETE FROM {i}.history WHERE version = 2 AND id = (SELECT id FROM {i}.item WHERE key = 'k2')"),
    ("feed-gaps", "DELETE FROM {i}.change WHERE id = (SELECT min(id) FROM {i}.change)"),
]  # fmt: skip


async def plant(memory: Memory, graph: str, damages: Sequence[tuple[str, str]]) -> None:
    """Damage a graph by SQL, as nobody may."""
    catalog: Any = memory.parts.graphs
    layout = await catalog.layout(graph)
    for _, sql in damages:
        await query(memory, sql.format(i=layout.index_name, g=layout.age_name, v=layout.vectors))


async def recalled(memory: Memory, graph: str) -> list[Any]:
    """What recall finds for a few questions."""
    questions = [Question(What(text="apple")), Question(What(text="comes before")), Question(What(labels=["Machine"]))]
    answers = [await memory.recall(graph, question) for question in questions]
    return [sorted((hit.key, hit.label, str(hit.properties)) for hit in answer.hits) for answer in answers]


class TestDamage:
    async def test_every_derivable_kind_is_found_named_and_repaired(self, memory: Memory, full: str) -> None:
        before = await recalled(memory, full)
        await plant(memory, full, DERIVABLE)
        found = await check(memory, full)
        assert {check for check, _ in DERIVABLE} <= names(found)
        assert all(damage.hint and damage.count for damage in found.damages)
        assert not found.sound
        # Nothing was changed by looking.
        assert names(await check(memory, full)) == names(found)

        repaired = await check(memory, full, repair=True)
        await memory.embed_waiting(full)
        assert {check for check, _ in DERIVABLE} <= {damage.check for damage in repaired.repaired}
        left = await check(memory, full)
        assert names(left) == set(), left.damages
        await assert_index_matches_labels(memory, full)
        assert await recalled(memory, full) == before
        assert (await memory.put_entities(full, [Entity("new", "Person", text="apple")])).created == 1

    async def test_what_cannot_be_derived_is_named_and_left(self, memory: Memory, full: str) -> None:
        await plant(memory, full, LOST)
        found = await check(memory, full)
        assert {check for check, _ in LOST} <= names(found)
        left = await check(memory, full, repair=True)
        assert {check for check, _ in LOST} <= names(left)
        assert [damage for damage in left.damages if damage.repairable] == []

    @pytest.mark.parametrize("damage", DERIVABLE, ids=lambda each: each[0])
    @pytest.mark.slow
    async def test_one_kind_of_damage_is_named_alone_and_repaired(
        self, memory: Memory, full: str, damage: tuple[str, str]
    ) -> None:
        await plant(memory, full, [damage])
        found = await check(memory, full)
        assert damage[0] in names(found)
        assert len(names(found)) <= 4, found.damages
        await check(memory, full, repair=True)
        assert names(await check(memory, full)) == set()

    async def test_missing_tables_are_named_and_do_not_stop_the_other_checks(self, memory: Memory, full: str) -> None:
        await plant(memory, full, [("", "DROP TABLE {i}.unread"), ("", "UPDATE {i}.passage SET body = 'wrong'")])
        found = await check(memory, full)
        assert {"tables", "passages-differ"} <= names(found)
        assert "unread" in next(each for each in found.damages if each.check == "tables").example
        assert "extraction-gone" in found.skipped

    async def test_a_label_that_was_forgotten_comes_back(self, memory: Memory, full: str) -> None:
        await plant(memory, full, [("labels", "DELETE FROM {i}.label WHERE name = 'Person'")])
        memory.parts.graphs.forget(full)  # type: ignore[attr-defined]
        assert "labels" in names(await check(memory, full))
        await check(memory, full, repair=True)
        assert names(await check(memory, full)) == set()
        await assert_index_matches_labels(memory, full)

    @pytest.mark.parametrize("index", ["passage_words", "{v}_hnsw"])
    async def test_a_search_index_that_has_lost_rows_is_found(self, memory: Memory, full: str, index: str) -> None:
        catalog: Any = memory.parts.graphs
        layout = await catalog.layout(full)
        if index == "passage_words" and not catalog.words:
            pytest.skip("Postgres full text cannot be asked what it has")
        name = f"{layout.index_name}.{index.format(v=layout.vectors)}"
        ready = f"UPDATE pg_index SET indisready = %s WHERE indexrelid = '{name}'::regclass"
        await query(memory, ready % "false")
        await memory.put_entities(full, [Entity(f"late {n}", text=f"later {n} {'x' * n}") for n in range(80)])
        await memory.embed_waiting(full)
        await query(memory, ready % "true")
        assert {"keyword-index", "vector-index"} & names(await check(memory, full))
        await check(memory, full, repair=True)
        assert names(await check(memory, full)) == set()
        answer = await memory.recall(full, Question(What(text="later 3 xxx")))
        assert "late 3" in [hit.key for hit in answer.hits]
