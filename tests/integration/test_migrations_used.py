"""Migrations of a database in use: what was stored before is answered afterwards, and can be changed and undone."""

from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from kgmem.domain.agents.publication import PublicationRequest
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, NewAdjudication
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from kgmem.store.db.migrate import downgrade, migrate, require_current
from tests.integration.test_migrations import catalog_of
from tests.invariants import assert_index_matches_labels
from tests.memories import hashing, index_schema, opened_memory

pytestmark = pytest.mark.server

GRAPH = "moon"
SCHEMA = {"predicates": {"cause": {"critical": True}}}
SAID = {"by": "ann", "reason": "She looked."}
# A revision from which a way up begins; what later revisions add is lost on the way down, and is not compared.
OLDER = "0026"
NEWER_TABLES = {"claim_origin", "answered", "source_key"}
PROPERTIES = {"rank": "commander", "aliases": ["First Man"]}


async def use(memory: Memory) -> str:
    """Fill a graph by every kind of write; returns a moment before the last of them."""
    await memory.graphs.create(GRAPH, facts="all", schema=SCHEMA)
    await memory.entities.put(
        GRAPH,
        [
            Entity("neil", "Person", name="Neil Armstrong", properties={"born": 1930}, source="nasa", text="A pilot."),
            Entity("n-a", "Person", name="N. Armstrong", properties=PROPERTIES, source="news", text="On the moon."),
            Entity("buzz", "Person", name="Buzz Aldrin", valid_from="1930", scope="user/42"),
            Entity("apollo", "Mission", name="Apollo 11"),
            Entity("fire", "Event", name="A fire"),
        ],
    )
    links = [
        Relationship("FLEW", "neil", "apollo", text="Neil flew Apollo 11", source="nasa", valid_from="1969"),
        Relationship("FLEW", "neil", "apollo", text="Neil flew Apollo 11", source="news", valid_from="1970"),
        Relationship("KNOWS", "n-a", "apollo", id="own-id", source="news"),
        Relationship("KNOWS", "neil", "n-a", properties={"weight": 2}),
    ]
    await memory.relationships.put(GRAPH, links)
    await memory.episodes.put(GRAPH, [Episode("Neil walked on the moon.", key="e", source="news")])
    claims = [("a", "cable"), ("b", "spark"), ("c", "spark")]
    await memory.claims.put(GRAPH, [ClaimStatement(source, "fire", "cause", value=value) for source, value in claims])
    await memory.claims.compute_consensus(GRAPH)
    await memory.embeddings.run(GRAPH)
    moment = (await memory.entities.get(GRAPH, "apollo")).known_from
    await memory.entities.put(GRAPH, [Entity("apollo", "Mission", text="The eagle landed.", properties={"crew": 3})])
    (fact,) = (await memory.facts.list(GRAPH, FactFilter(subject="fire", predicate="cause"))).items
    await memory.adjudications.create(GRAPH, NewAdjudication("accept", [fact.id], **SAID, value="spark"))
    await memory.resolution.merge(GRAPH, NewMerge("neil", "n-a", **SAID))
    await memory.embeddings.run(GRAPH)
    assert moment is not None
    return moment


async def answers(memory: Memory, moment: str) -> dict[str, Any]:
    """Return what a reader sees, now and as of an earlier moment."""
    recalled = [
        await memory.recall(GRAPH, Question(What(text="moon eagle pilot"), when))
        for when in (When(), When(known_at=moment), When(valid_at="1969"))
    ]
    return {
        "entities": (await memory.entities.list(GRAPH)).items,
        "private": await memory.entities.get(GRAPH, "buzz", scope="user/42"),
        "relationships": (await memory.relationships.list(GRAPH)).items,
        "claims": (await memory.claims.list(GRAPH, ClaimFilter())).items,
        "facts": (await memory.facts.list(GRAPH, FactFilter())).items,
        "earlier facts": (await memory.facts.list(GRAPH, FactFilter(known_at=moment))).items,
        "decisions": await memory.adjudications.list(GRAPH),
        "merges": await memory.resolution.merges(GRAPH),
        "recalled": [[(hit.kind, hit.key, hit.text) for hit in answer.hits] for answer in recalled],
    }


async def rows_of(url: str, schema: str) -> dict[str, list[str]]:
    """Return every row of a graph's retrieval index as JSON, by table."""
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1", schema)
        return {
            name: [
                row[0]
                for row in await connection.fetch(f'SELECT to_jsonb(t)::text FROM "{schema}"."{name}" t ORDER BY 1')
            ]
            for name in (row[0] for row in names if row[0] not in NEWER_TABLES)
        }
    finally:
        await connection.close()


@pytest.mark.long
async def test_a_used_database_answers_as_before_after_the_way_down_and_up_again(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory:
        moment = await use(memory)
        before, schema = await answers(memory, moment), await index_schema(memory, GRAPH)
    rows = await rows_of(database_url, schema)
    schemas = (schema, f"{schema}_asof", "kgm_0", "kgm_0_asof")
    catalog = await catalog_of(database_url, *schemas)
    assert {name for name, each in rows.items() if each} >= {"item", "edge", "claim", "adjudication", "past_item"}

    await downgrade(database_url, OLDER)
    await migrate(database_url)

    assert (await require_current(database_url)).state == "current"
    assert await rows_of(database_url, schema) == rows
    assert await catalog_of(database_url, *schemas) == catalog
    async with opened_memory(database_url, embedder=hashing()) as memory:
        assert await answers(memory, moment) == before
        await assert_index_matches_labels(memory, GRAPH)


@pytest.mark.long
async def test_what_was_merged_and_decided_before_a_migration_is_undone_after_it(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory:
        await use(memory)
    await downgrade(database_url, OLDER)
    await migrate(database_url)

    async with opened_memory(database_url, embedder=hashing()) as memory:
        (merged,) = await memory.resolution.merges(GRAPH)
        await memory.resolution.undo_merge(GRAPH, merged.id or 0, by="bob", reason="Two people.")
        again = await memory.entities.get(GRAPH, "n-a")
        assert (again.name, dict(again.properties)) == ("N. Armstrong", PROPERTIES)
        links = (await memory.relationships.list(GRAPH, kind="KNOWS")).items
        assert {(each.start, each.end) for each in links} == {("n-a", "apollo"), ("neil", "n-a")}
        (decided,) = await memory.adjudications.list(GRAPH)
        await memory.adjudications.undo(GRAPH, decided.id, by="bob", reason="A slip.")
        assert (await memory.adjudications.list(GRAPH))[0].action == "undo"
        # The same statements change nothing, and a new one is stored.
        written = await memory.relationships.put(
            GRAPH,
            [Relationship("FLEW", "neil", "apollo", text="Neil flew Apollo 11", source="nasa", valid_from="1969")],
        )
        assert (written.created, written.unchanged) == (0, 1)
        await memory.claims.put(GRAPH, [ClaimStatement("d", "fire", "cause", value="cable")])
        await assert_index_matches_labels(memory, GRAPH)


@pytest.mark.long
async def test_what_was_published_before_a_migration_follows_its_origin_after_it(database_url: str) -> None:
    ada, team = "team/ada", "team"

    async def there(memory: Memory) -> list[Any]:
        page = await memory.claims.list(GRAPH, ClaimFilter(team))
        return sorted((each.source, each.value) for each in page.items if each.scope == team)

    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.graphs.create(GRAPH)
        said = ClaimStatement("radio", "ferry", "port", value="Kiel", scope=ada)
        ids = (await memory.claims.put(GRAPH, [said, replace(said, source="web"), replace(said, scope=team)])).ids
        (fact,) = (await memory.facts.list(GRAPH, FactFilter(ada, subject="ferry"))).items[:1]
        own = fact if fact.scope == ada else (await memory.facts.list(GRAPH, FactFilter(ada))).items[1]
        await memory.publications.publish(GRAPH, PublicationRequest(team, "ada", "Asked.", item=own.id, scope=ada))
        before = await there(memory)
        assert before == [("radio", "Kiel"), ("radio", "Kiel"), ("web", "Kiel")]
    await downgrade(database_url, "0045")
    await migrate(database_url)
    async with opened_memory(database_url, embedder=hashing()) as memory:
        assert await there(memory) == before
        await memory.claims.withdraw(GRAPH, [ids[0]], scope=ada)
        assert await there(memory) == [("radio", "Kiel"), ("web", "Kiel")]
        await memory.claims.withdraw(GRAPH, [ids[1]], scope=ada)
        assert await there(memory) == [("radio", "Kiel")]


async def test_what_publications_stored_before_it_was_noted_goes_but_not_what_the_team_wrote(database_url: str) -> None:
    ada, team = "team/ada", "team"
    notes = {name: Episode(f"The {name} note.", name, scope=ada) for name in ("kept", "edited", "changed", "gone")}

    async def there(memory: Memory) -> dict[str, str]:
        page = await memory.episodes.list(GRAPH, scope=team)
        return {each.key or "": each.text for each in page.items if each.scope == team}

    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.graphs.create(GRAPH)
        await memory.episodes.put(GRAPH, list(notes.values()))
        for name in notes:
            await memory.publications.publish(GRAPH, PublicationRequest(team, "ada", "Asked.", None, name, ada))
        await memory.episodes.put(GRAPH, [Episode("The team's words.", "edited", scope=team)])
    await downgrade(database_url, "0063")
    index = await index_of(database_url)
    connection = await asyncpg.connect(database_url)
    try:  # As if the older version had stopped between a change of the origin and the next use of the graph.
        await connection.execute(f'UPDATE "{index}".publication SET changes = changes + 1')
    finally:
        await connection.close()
    await migrate(database_url)
    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.episodes.put(GRAPH, [replace(notes["changed"], text="It changed.")])
        await memory.episodes.forget(GRAPH, ["gone"], scope=ada)
        assert await there(memory) == {
            "kept": "The kept note.", "edited": "The team's words.", "changed": "It changed."
        }  # fmt: skip
        await memory.scopes.delete(GRAPH, ada)
        assert await there(memory) == {"edited": "The team's words."}


async def index_of(url: str) -> str:
    """The schema of the graph's index."""
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetchval("SELECT index_name FROM kgmem.graph WHERE name = $1", GRAPH)
    finally:
        await connection.close()
    return str(found)
