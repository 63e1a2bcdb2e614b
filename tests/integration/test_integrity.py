"""The integrity check: every kind of damage is named, what is derivable is repaired, health gives no alarm."""

import asyncio
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.diagnostics import IntegrityReport
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.domain.space.place import parse_place
from kgmem.memory import Memory
from kgmem.store.graph.checks import CHECKS
from tests.invariants import assert_index_matches_labels
from tests.memories import cypher, other_client, query, stable_vector


async def fill(memory: Memory, graph: str) -> None:
    """Store something of every kind: labels, scopes, times, places, sources, history, claims, texts, vectors."""
    await memory.entities.put(
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
    await memory.relationships.put(
        graph,
        [
            Relationship("NEXT", one, other, source="nasa", confidence=0.7, text=f"{one} comes before {other}")
            for one, other in pairwise(shared)
        ],
    )
    await memory.relationships.put(graph, [Relationship("LED_BY", "k0", "k1", source=name) for name in ("a", "b")])
    await memory.episodes.put(graph, [Episode("apple " * 300, "long", "1966", speaker="Ada", mentions=["k1"])])
    for turn in range(3):
        await memory.entities.put(graph, [Entity("k1", properties={"turn": turn}), Entity("k2", text=f"turn {turn}")])
    await memory.entities.put(graph, [Entity("k3", "Pilot")])
    await memory.entities.delete(graph, ["k5"])
    await memory.entities.put(graph, [Entity("given", embedding=stable_vector("given"))])
    await memory.claims.put(
        graph, [ClaimStatement("x", "k3", "BORN_IN", object="k4"), ClaimStatement("x", "k3", "age", value=3)]
    )
    await memory.embeddings.run(graph)


@pytest.fixture
async def full(memory: Memory, graph: str) -> str:
    """A graph with something of every kind in it."""
    await fill(memory, graph)
    return graph


async def check(memory: Memory, graph: str, *, repair: bool = False) -> IntegrityReport:
    """Check one graph."""
    (report,) = await memory.index.check_integrity(graph, repair=repair)
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
        await memory.graphs.create(bare, space=None, facts="all")
        await fill_bare(memory, bare)
        assert (await check(memory, bare)).damages == []

    @pytest.mark.long
    async def test_writers_of_all_kinds_cause_no_alarm(
        self, memory: Memory, full: str, shared_database_url: str
    ) -> None:
        done = asyncio.Event()

        async def write() -> int:
            count = 0
            while not done.is_set():
                count += 1
                keys = [f"w{count % 7}", f"w{count % 5}x"]
                await memory.entities.put(full, [Entity(key, "Person", text=f"turn {count}") for key in keys])
                await memory.relationships.put(full, [Relationship("NEXT", *keys, source="press")])
                await memory.entities.delete(full, [f"w{(count + 3) % 7}"])
                await memory.index.sync(full)
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
        due = await memory.ports.integrity.due(-1.0)
        assert full in due
        await memory.tasks.check_integrity(full)
        (kept,) = await memory.index.integrity_reports(full)
        assert (kept.graph, kept.damages) == (full, [])
        assert full not in await memory.ports.integrity.due(3600.0)

    async def test_a_graph_that_is_not_there_is_refused(self, memory: Memory) -> None:
        with pytest.raises(NotFound):
            await memory.index.check_integrity("nonesuch")


async def fill_bare(memory: Memory, graph: str) -> None:
    """A few nodes, worded facts, and a node of another label than before."""
    await memory.entities.put(graph, [Entity(f"k{n}", "Person", name=f"N {n}") for n in range(5)])
    await memory.relationships.put(graph, [Relationship("KNOWS", f"k{n}", f"k{n + 1}") for n in range(4)])
    await memory.entities.put(graph, [Entity("k2", "Pilot")])


def planted(file: str) -> list[tuple[str, str]]:
    """The damages of a file: the check that must name each, and the SQL that plants it."""
    text = (Path(__file__).parents[1] / file).read_text()
    _, *parts = re.split(r"^-- (.+)\n", text, flags=re.MULTILINE)
    return list(zip(parts[::2], parts[1::2], strict=True))


DERIVABLE = planted("damages_derivable.sql")
LOST = planted("damages_lost.sql")


async def plant(memory: Memory, graph: str, damages: Sequence[tuple[str, str]]) -> None:
    """Damage a graph by SQL, as nobody may."""
    catalog: Any = memory.ports.graphs
    layout = await catalog.layout(graph)
    for _, sql in damages:
        placed = sql.replace("<i>", layout.index_name).replace("<g>", layout.age_name)
        await query(memory, placed.replace("<v>", layout.vectors or ""))


async def recalled(memory: Memory, graph: str) -> list[Any]:
    """What recall finds for a few questions."""
    questions = [Question(What(text="apple")), Question(What(text="comes before")), Question(What(labels=["Machine"]))]
    answers = [await memory.recall(graph, question) for question in questions]
    return [sorted((hit.key, hit.label, str(hit.properties)) for hit in answer.hits) for answer in answers]


class TestDamage:
    @pytest.mark.long
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
        await memory.embeddings.run(full)
        assert {check for check, _ in DERIVABLE} <= {damage.check for damage in repaired.repaired}
        left = await check(memory, full)
        assert names(left) == set(), left.damages
        await assert_index_matches_labels(memory, full)
        assert await recalled(memory, full) == before
        assert (await memory.entities.put(full, [Entity("new", "Person", text="apple")])).created == 1

    @pytest.mark.long
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
        await plant(
            memory, full, [("", "DROP TABLE <i>.extraction_queue"), ("", "UPDATE <i>.passage SET body = 'wrong'")]
        )
        found = await check(memory, full)
        assert {"tables", "passages-differ"} <= names(found)
        assert "extraction_queue" in next(each for each in found.damages if each.check == "tables").example
        assert "extraction-gone" in found.skipped

    @pytest.mark.long
    async def test_a_label_that_was_forgotten_comes_back(self, memory: Memory, full: str) -> None:
        await plant(memory, full, [("labels", "DELETE FROM <i>.label WHERE name = 'Person'")])
        memory.ports.graphs.forget(full)  # type: ignore[attr-defined]
        assert "labels" in names(await check(memory, full))
        await check(memory, full, repair=True)
        assert names(await check(memory, full)) == set()
        await assert_index_matches_labels(memory, full)

    @pytest.mark.long
    @pytest.mark.parametrize("index", ["passage_words", "{v}_hnsw"])
    async def test_a_search_index_that_has_lost_rows_is_found(self, memory: Memory, full: str, index: str) -> None:
        catalog: Any = memory.ports.graphs
        layout = await catalog.layout(full)
        if index == "passage_words" and not catalog.words:
            pytest.skip("Postgres full text cannot be asked what it has")
        name = f"{layout.index_name}.{index.format(v=layout.vectors)}"
        ready = f"UPDATE pg_index SET indisready = %s WHERE indexrelid = '{name}'::regclass"
        await query(memory, ready % "false")
        await memory.entities.put(full, [Entity(f"late {n}", text=f"later {n} {'x' * n}") for n in range(80)])
        await memory.embeddings.run(full)
        await query(memory, ready % "true")
        assert {"keyword-index", "vector-index"} & names(await check(memory, full))
        await check(memory, full, repair=True)
        assert names(await check(memory, full)) == set()
        answer = await memory.recall(full, Question(What(text="later 3 xxx")))
        assert "late 3" in [hit.key for hit in answer.hits]


@pytest.mark.long
async def test_a_rebuild_makes_missing_indexes_and_triggers_too(memory: Memory, full: str) -> None:
    before = await recalled(memory, full)
    structure = [each for each in DERIVABLE if each[0] in {"indexes", "triggers", "property-indexes", "capture"}]
    await plant(memory, full, [*structure, ("nodes-unindexed", "DELETE FROM <i>.item WHERE key = 'k7'")])
    await memory.index.rebuild(full)
    await memory.embeddings.run(full)
    report = await check(memory, full)
    assert report.damages == []
    assert await recalled(memory, full) == before


@pytest.mark.long
async def test_figures_count_damage_of_the_newest_reports(memory: Memory, full: str) -> None:
    await check(memory, full)
    before = (await memory.server.metrics()).damages
    await plant(
        memory, full, [("passages-gone", "INSERT INTO <i>.passage (item, ordinal, start, body) VALUES (1, 0, 0, 'x')")]
    )
    await check(memory, full)
    assert (await memory.server.metrics()).damages["problem"] >= before["problem"] + 1
    await memory.graphs.delete(full)
    assert (await memory.server.metrics()).damages["problem"] == before["problem"]
