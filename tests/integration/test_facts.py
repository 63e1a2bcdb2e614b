"""Facts: relationships that recall finds by what they say, kept right by everything that writes."""

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import End, Hit
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.time.interval import iso
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.data import plain
from tests.imports import lines
from tests.invariants import assert_index_matches_labels
from tests.memories import SwitchableEmbedder, cypher, index_schema, new_graph, other_client, query

pytestmark = pytest.mark.server

PEOPLE = [
    Entity("neil", "Person", "Neil Armstrong"),
    Entity("buzz", "Person", "Buzz Aldrin"),
    Entity("moon", "Place", "Moon"),
    Entity("nameless", "Place"),
]
WALKED = Relationship("WALKED_ON", "neil", "moon", text="Neil was the first to set foot there.", source="nasa")
LONG = " ".join(f"The crew trained for the {n}th manoeuvre." for n in range(60))


@pytest.fixture
async def people(memory: Memory, graph: str) -> str:
    """A graph of some people and places."""
    await memory.entities.put(graph, PEOPLE)
    return graph


@pytest.fixture
async def client(shared_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain AGE client on the database of `memory`."""
    async with other_client(shared_database_url) as connection:
        yield connection


async def graph_of(memory: Memory, facts: Any) -> str:
    graph = await new_graph(memory, f"facts_{secrets.token_hex(6)}", facts=facts)
    await memory.entities.put(graph, PEOPLE)
    return graph


async def ask(memory: Memory, graph: str, text: str, **more: Any) -> list[Hit]:
    """The facts that a question finds by its words."""
    when = When(any_time=more.pop("any_time", False), valid_at=more.pop("valid_at", None))
    scope = more.pop("scope", "")
    what = What(text=text, kinds=("fact",), **more)
    answer = await memory.recall(graph, Question(what, when, scope=scope))
    return [hit for hit in answer.hits if "words" in hit.retrievers]


async def load(memory: Memory, graph: str, *records: dict[str, Any]) -> int:
    """Import records as a file of JSON lines; gives the import's id."""
    options = ImportOptions(batch=max(5, len(records) // 4))
    result = await memory.imports.run(graph, [lines(*records)], options)
    assert result.rejected == 0
    assert result.id is not None
    return result.id


async def told(memory: Memory, graph: str) -> list[tuple[Any, ...]]:
    """What the index holds of facts, whatever their ids are."""
    schema = await index_schema(memory, graph)
    rows = await query(
        memory,
        f"""SELECT a.key, l.name, b.key, i.scope, i.version, i.valid, o.key,
                   array(SELECT body FROM {schema}.passage p WHERE p.item = i.id ORDER BY ordinal)
            FROM {schema}.item i JOIN {schema}.edge e ON e.id = i.id JOIN {schema}.label l ON l.id = e.kind
            JOIN {schema}.item a ON a.id = e.source JOIN {schema}.item b ON b.id = e.target
            LEFT JOIN {schema}.source o ON o.id = i.source WHERE i.kind = 3 ORDER BY 8, 1, 2, 3, 6""",
    )
    return [tuple(row) for row in rows]


async def forget_facts(memory: Memory, schema: str) -> None:
    """Take the facts out of an index, as one was before it had any."""
    of_facts = f"SELECT p.id FROM {schema}.passage p JOIN {schema}.item i ON i.id = p.item WHERE i.kind = 3"
    await query(memory, f"DELETE FROM {schema}.embedding_queue WHERE passage IN ({of_facts})")
    await query(memory, f"DELETE FROM {schema}.passage WHERE id IN ({of_facts})")
    await query(memory, f"DELETE FROM {schema}.item WHERE kind = 3")


async def test_a_relationship_with_a_text_is_a_hit_with_its_ends(memory: Memory, people: str) -> None:
    await memory.sources.put(people, [Source("nasa", "NASA", trust=0.9)])
    written = await memory.relationships.put(
        people,
        [
            Relationship(
                "WALKED_ON", "neil", "moon", "first-step", {"steps": 1}, "He set foot there.", "1969-07-21",
                strength=0.5, confidence=0.75, source="nasa",
            )
        ],
    )  # fmt: skip
    await memory.embeddings.run(people)

    answer = await memory.recall(people, Question(What(text="who set foot there"), When(any_time=True)))
    hit = answer.hits[0]

    assert (hit.kind, hit.id, hit.key, hit.label) == ("fact", written.ids[0], "first-step", "WALKED_ON")
    assert (hit.name, hit.text) == ("Neil Armstrong walked on Moon", "He set foot there.")
    assert hit.start == End("neil", "Neil Armstrong", "Person")
    assert hit.end == End("moon", "Moon", "Place")
    assert (hit.properties, hit.strength) == ({"steps": 1}, 0.5)
    assert hit.confidence == pytest.approx(0.75)  # The relationship's own, and both retrievers found it.
    assert (hit.valid_from, hit.valid_to, hit.scope) == ("1969-07-21", None, "")
    held = await memory.relationships.get(people, written.ids[0])
    assert hit.provenance == [{"source": "nasa", "name": "NASA", "trust": 0.9, "known_from": held.known_from}]
    assert set(hit.retrievers) == {"meaning", "words"}
    await assert_index_matches_labels(memory, people)


async def test_a_fact_without_a_key_is_told_by_its_id(memory: Memory, people: str) -> None:
    written = await memory.relationships.put(people, [WALKED])

    (hit,) = await ask(memory, people, "first foot")

    assert hit.key == str(written.ids[0])


async def test_relationships_without_a_text_and_mentions_are_no_facts(memory: Memory, people: str) -> None:
    await memory.relationships.put(
        people, [Relationship("KNOWS", "neil", "buzz"), Relationship("KNOWS", "buzz", "neil", text=" \n")]
    )
    await memory.episodes.put(people, [Episode("They flew.", "flight", mentions=["neil", "buzz"])])

    assert await told(memory, people) == []
    assert (await memory.graphs.stats(people)).facts == 0
    await assert_index_matches_labels(memory, people)


async def test_a_kind_filters_facts_as_a_label_filters_entities(memory: Memory, people: str) -> None:
    await memory.relationships.put(
        people, [WALKED, Relationship("FLEW_WITH", "neil", "buzz", text="They set foot there together.")]
    )

    assert {hit.label for hit in await ask(memory, people, "foot")} == {"WALKED_ON", "FLEW_WITH"}
    assert [hit.label for hit in await ask(memory, people, "foot", labels=["FLEW_WITH"])] == ["FLEW_WITH"]
    assert await ask(memory, people, "foot", labels=["Person"]) == []
    assert [hit.label for hit in await ask(memory, people, "foot", sources=["nasa"])] == ["WALKED_ON"]
    listed = await memory.recall(people, Question(What(labels=["FLEW_WITH", "Place"])))
    assert {hit.label for hit in listed.hits} == {"FLEW_WITH", "Place"}
    only = await memory.recall(people, Question(What(text="foot", kinds=("entity", "episode"))))
    assert all(hit.kind == "entity" for hit in only.hits)


async def test_labels_and_kinds_of_one_name_are_both_found(memory: Memory, people: str) -> None:
    await memory.entities.put(people, [Entity("e", "ORBIT", text="the orbit")])
    await memory.relationships.put(people, [Relationship("ORBIT", "moon", "e", text="the Moon's orbit")])

    answer = await memory.recall(people, Question(What(text="orbit", labels=["ORBIT"])))

    assert {hit.kind for hit in answer.hits} == {"entity", "fact"}


async def test_a_fact_is_seen_where_its_relationship_is(memory: Memory, people: str) -> None:
    await memory.relationships.put(
        people,
        [
            Relationship("SAID", "neil", "moon", text=f"a secret of {scope or 'all'}", scope=scope)
            for scope in ("", "user/1", "user/1/agent/2", "user/2")
        ],
    )

    assert {hit.scope for hit in await ask(memory, people, "secret")} == {""}
    assert {hit.scope for hit in await ask(memory, people, "secret", scope="user/1")} == {"", "user/1"}
    assert {hit.scope for hit in await ask(memory, people, "secret", scope="user/2")} == {"", "user/2"}
    await assert_index_matches_labels(memory, people)


async def test_a_fact_that_is_closed_is_past_and_hidden_once_it_is_replaced(memory: Memory, people: str) -> None:
    fact = Relationship("LIVES_IN", "neil", "moon", "home", text="He lives there.", valid_from="1960")
    await memory.relationships.put(people, [fact])
    assert len(await ask(memory, people, "lives")) == 1

    await memory.relationships.put(
        people, [Relationship("LIVES_IN", "neil", "moon", "home", valid_from="1960", valid_to="1970")]
    )

    assert [(hit.state, hit.valid_to) for hit in await ask(memory, people, "lives")] == [("past", "1970")]
    await memory.relationships.put(people, [Relationship("LIVES_IN", "neil", "nameless", valid_from="1970")])
    answer = await memory.recall(people, Question(What(text="lives", kinds=("fact",))))
    assert (answer.hits, answer.suppressed["superseded"]) == ([], 1)
    assert [hit.valid_to for hit in await ask(memory, people, "lives", any_time=True)] == ["1970"]
    assert [hit.key for hit in await ask(memory, people, "lives", valid_at="1965")] == ["home"]
    await assert_index_matches_labels(memory, people)


async def test_a_changed_text_is_found_by_its_new_words(
    memory: Memory, people: str, embedder: SwitchableEmbedder
) -> None:
    first = await memory.relationships.put(people, [WALKED])
    assert (await memory.graphs.stats(people)).waiting_for_vectors == len(PEOPLE) + 1
    await memory.embeddings.run(people)
    said = [Relationship("WALKED_ON", "neil", "moon", text="He hopped."), Relationship("KNOWS", "neil", "buzz")]
    await memory.relationships.put(people, said)
    await memory.relationships.put(people, [Relationship("KNOWS", "neil", "buzz", text="They were colleagues.")])

    assert await ask(memory, people, "foot") == []
    (hit,) = await ask(memory, people, "hopped")
    assert hit.id == first.ids[0]
    assert [hit.label for hit in await ask(memory, people, "colleagues")] == ["KNOWS"]
    held = await memory.relationships.get(people, hit.id)
    assert held.version == 2
    assert hit.provenance[0]["known_from"] == held.known_from
    await memory.embeddings.run(people)
    assert embedder.seen[-2:] == ["He hopped.", "They were colleagues."]
    await assert_index_matches_labels(memory, people)


async def test_one_batch_may_say_several_things_of_one_fact(memory: Memory, people: str) -> None:
    await memory.relationships.put(
        people,
        [
            Relationship("K", "neil", "moon", text="It was said first."),
            Relationship("K", "neil", "moon", text="It was said last."),
            Relationship("L", "neil", "moon"),
            Relationship("L", "neil", "moon", text="A text came later."),
        ],
    )

    assert [row[7] for row in await told(memory, people)] == [["A text came later."], ["It was said last."]]
    await assert_index_matches_labels(memory, people)


async def test_a_large_batch_and_long_texts_are_facts_too(memory: Memory, people: str) -> None:
    many = [
        Relationship("SAW", "neil", "moon", f"k{n}", text=f"sighting number {n}" if n % 2 else None) for n in range(400)
    ]
    await memory.relationships.put(people, [*many, Relationship("TRAINED", "neil", "buzz", text=LONG)])

    assert (await memory.graphs.stats(people)).facts == 201
    (hit,) = await ask(memory, people, "the 59th manoeuvre", labels=["TRAINED"])
    assert hit.text == LONG
    await assert_index_matches_labels(memory, people)


async def test_deleting_takes_facts_along_and_counts_what_went(memory: Memory, people: str) -> None:
    written = await memory.relationships.put(
        people,
        [WALKED, Relationship("TRAINED", "buzz", "neil", text=LONG), Relationship("K", "buzz", "moon", text="else")],
    )
    await memory.embeddings.run(people)
    length = len(next(row for row in await told(memory, people) if row[1] == "TRAINED")[7])

    gone = await memory.relationships.delete(people, [written.ids[0]])
    assert (gone.relationships, gone.passages, gone.vectors, gone.kept_in_history) == (1, 1, 1, 1)
    assert await ask(memory, people, "foot") == []

    gone = await memory.entities.delete(people, ["neil"])
    assert (gone.entities, gone.relationships, gone.passages, gone.vectors) == (1, 1, 1 + length, 1 + length)
    assert [row[1] for row in await told(memory, people)] == ["K"]
    assert (await memory.graphs.stats(people)).vectors == len(PEOPLE)
    await assert_index_matches_labels(memory, people)


async def test_a_relabelled_end_keeps_its_facts(memory: Memory, people: str) -> None:
    await memory.relationships.put(people, [WALKED])
    await ask(memory, people, "foot")

    await memory.entities.put(people, [Entity("moon", "Satellite")])

    (hit,) = await ask(memory, people, "foot")
    assert hit.end == End("moon", "Moon", "Satellite")
    await assert_index_matches_labels(memory, people)


async def test_a_rebuilt_index_holds_the_same_facts(memory: Memory, people: str) -> None:
    await memory.relationships.put(people, [WALKED, Relationship("T", "neil", "buzz", "k", text=LONG, scope="u/1")])
    await memory.embeddings.run(people)
    before, (hit,) = await told(memory, people), await ask(memory, people, "foot")
    schema = await index_schema(memory, people)
    await forget_facts(memory, schema)
    await query(memory, f"INSERT INTO {schema}.item (id, kind, scope, key) VALUES (1, 3, 0, 'a stray')")

    stats = await memory.index.rebuild(people)

    assert stats.facts == 2
    assert await told(memory, people) == before
    (again,) = await ask(memory, people, "foot")
    assert (again.id, again.provenance) == (hit.id, hit.provenance)
    await memory.embeddings.run(people)
    await assert_index_matches_labels(memory, people)


async def test_what_another_client_writes_of_facts_is_absorbed(
    memory: Memory, people: str, client: asyncpg.Connection
) -> None:
    await memory.relationships.put(people, [WALKED, Relationship("L", "neil", "moon", text="It is loved.")])
    await cypher(
        client, people, "MATCH (a {key: 'buzz'}), (b {key: 'moon'}) CREATE (a)-[:SAW {text: 'He saw it.'}]->(b)"
    )
    await cypher(client, people, "MATCH ()-[r:WALKED_ON]->() SET r.text = 'He strolled.', r.valid_to = '3000'")
    await cypher(client, people, "MATCH ()-[r:L]->() REMOVE r.text")
    await cypher(client, people, "MATCH (a {key: 'buzz'}), (b {key: 'moon'}) CREATE (a)-[:SAW {text: 17}]->(b)")
    await memory.index.sync(people)

    assert [(row[1], row[7]) for row in await told(memory, people)] == [
        ("SAW", ["He saw it."]),
        ("WALKED_ON", ["He strolled."]),
    ]
    assert {hit.label for hit in await ask(memory, people, "strolled saw")} == {"SAW", "WALKED_ON"}
    await assert_index_matches_labels(memory, people)

    await cypher(client, people, "MATCH ()-[r:SAW]->() DELETE r")
    assert await ask(memory, people, "saw") == []
    index: Any = memory.ports.index
    catalog: Any = memory.ports.graphs
    assert await index.remove_orphans(await catalog.layout(people)) == 2
    await assert_index_matches_labels(memory, people)


async def test_an_edge_of_another_client_may_come_before_its_vertices(
    memory: Memory, client: asyncpg.Connection
) -> None:
    graph = await graph_of(memory, "all")
    await cypher(client, graph, "CREATE (:Ship {key: 's', name: 'Eagle'})-[:LANDED_ON]->(:Sea {name: 'Tranquility'})")
    await memory.index.sync(graph)

    assert [row[7] for row in await told(memory, graph)] == [["Eagle landed on Tranquility"]]
    await assert_index_matches_labels(memory, graph)


RECORDS: list[dict[str, Any]] = [
    {"type": "entity", "key": "neil", "label": "Person", "name": "Neil Armstrong"},
    {"type": "entity", "key": "moon", "label": "Place", "name": "Moon"},
    {"type": "relationship", "kind": "WALKED_ON", "from": "neil", "to": "moon", "text": 'He said "a step".\nYes.'},
    {"type": "relationship", "kind": "SAW", "from": "neil", "to": "moon", "valid_from": "1960", "source": "nasa"},
    {"type": "relationship", "kind": "SAW", "from": "neil", "to": "moon", "properties": {"deep": {"text": "no fact"}}},
    {"type": "relationship", "kind": "TRAINED", "from": "neil", "to": "moon", "text": LONG, "valid_to": "1968"},
    {"type": "relationship", "kind": "BLANK", "from": "neil", "to": "moon", "text": " \n "},
    {"type": "relationship", "kind": "TWICE", "from": "neil", "to": "moon", "key": "t", "text": "said first"},
    {"type": "relationship", "kind": "TWICE", "from": "neil", "to": "moon", "key": "t", "text": "said last"},
    {"type": "relationship", "kind": "LATE", "from": "late", "to": "moon", "text": "It came late.", "scope": "u/1"},
    {"type": "relationship", "kind": "LATE", "from": "late", "to": "neil"},
    {"type": "entity", "key": "late", "label": "Comet", "name": "Halley"},
]


@pytest.mark.slow
@pytest.mark.parametrize("facts", ["text", "all", "none"])
async def test_bulk_loads_make_the_facts_that_single_writes_make(memory: Memory, facts: Any) -> None:
    loaded = await new_graph(memory, f"facts_{secrets.token_hex(6)}", facts=facts)
    single = await new_graph(memory, f"facts_{secrets.token_hex(6)}", facts=facts)
    await load(memory, loaded, *RECORDS)
    entities = [record for record in RECORDS if record["type"] == "entity"]
    for record in entities:
        await load(memory, single, record)
    for record in (record for record in RECORDS if record["type"] == "relationship"):
        names = {"from": "start", "to": "end", "type": ""}
        fields = {names.get(name, name): value for name, value in record.items() if name != "type"}
        await memory.relationships.put(single, [Relationship(**fields)])

    def timeless(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [row[:3] + row[5:] for row in rows]  # Versions differ with what was one batch.

    assert timeless(await told(memory, loaded)) == timeless(await told(memory, single))
    assert len(await told(memory, loaded)) == {"text": 4, "all": 8, "none": 0}[facts]
    await assert_index_matches_labels(memory, loaded)
    await assert_index_matches_labels(memory, single)

    # What is held is merged into, and said again.
    again = [{**record, "text": f"Again: {record['kind']}"} for record in RECORDS if record["type"] == "relationship"]
    await load(memory, loaded, *again)
    assert len(await told(memory, loaded)) == (0 if facts == "none" else 8)
    await assert_index_matches_labels(memory, loaded)


async def test_taking_an_import_back_out_restores_facts(memory: Memory, people: str) -> None:
    await memory.relationships.put(people, [WALKED, Relationship("KNOWS", "neil", "buzz", "k")])
    before = [row[:4] + row[5:] for row in await told(memory, people)]
    id_ = await load(
        memory,
        people,
        {"type": "relationship", "kind": "WALKED_ON", "from": "neil", "to": "moon", "text": "He hopped."},
        {"type": "relationship", "kind": "KNOWS", "from": "neil", "to": "buzz", "key": "k", "text": "Colleagues."},
        {"type": "relationship", "kind": "SAW", "from": "buzz", "to": "moon", "text": "He saw it."},
    )
    assert len(await told(memory, people)) == 3

    await memory.imports.undo(people, id_)

    assert [row[:4] + row[5:] for row in await told(memory, people)] == before
    await assert_index_matches_labels(memory, people)


async def test_every_relationship_may_be_a_fact_worded_of_the_names_of_its_ends(memory: Memory) -> None:
    graph = await graph_of(memory, "all")
    await memory.relationships.put(
        graph, [Relationship("FLEW_WITH", "neil", "buzz"), Relationship("visited", "neil", "nameless"), WALKED]
    )
    await memory.episodes.put(graph, [Episode("They flew.", "flight", mentions=["neil"])])

    (hit,) = await ask(memory, graph, "who flew with Buzz Aldrin")
    assert (hit.text, hit.name) == ("Neil Armstrong flew with Buzz Aldrin", "Neil Armstrong flew with Buzz Aldrin")
    assert [row[7] for row in await told(memory, graph)] == [
        ["Neil Armstrong flew with Buzz Aldrin"],
        ["Neil Armstrong visited nameless"],
        ["Neil was the first to set foot there."],
    ]
    await assert_index_matches_labels(memory, graph)


async def test_a_renamed_end_is_told_at_once_and_found_after_a_rebuild(memory: Memory) -> None:
    graph = await graph_of(memory, "all")
    await memory.relationships.put(graph, [Relationship("FLEW_WITH", "neil", "buzz")])
    await memory.entities.put(graph, [Entity("buzz", name="Edwin Aldrin")])

    (hit,) = await ask(memory, graph, "flew Buzz")
    assert hit.text == "Neil Armstrong flew with Edwin Aldrin"
    await memory.index.rebuild(graph)
    assert await ask(memory, graph, "Buzz") == []
    assert len(await ask(memory, graph, "Edwin")) == 1


@pytest.mark.long
async def test_another_setting_is_put_into_effect_by_a_job(memory: Memory, people: str) -> None:
    await memory.relationships.put(people, [WALKED, Relationship("FLEW_WITH", "neil", "buzz")])
    jobs: Any = memory.ports.jobs
    of_all = {}
    for facts in ("all", "none", "text", "all"):
        updated = await memory.graphs.update(people, facts=facts)
        assert updated.facts == facts
        assert jobs.asked[-1] == ("index_facts", people)
        await memory.tasks.queue_missing_facts()
        assert jobs.asked[-1] == ("index_facts", people)
        await memory.tasks.index_facts(people)
        await assert_index_matches_labels(memory, people)
        of_all[facts] = await told(memory, people)
    assert {facts: len(rows) for facts, rows in of_all.items()} == {"all": 2, "none": 0, "text": 1}

    asked = len(jobs.asked)
    await memory.graphs.update(people, strict=False)
    await memory.tasks.index_facts(people)
    assert len(jobs.asked) == asked
    await memory.graphs.update(people, facts="none")
    await memory.graphs.update(people, facts="all")
    assert people in await memory.ports.index.without_facts()
    await memory.index.rebuild(people)
    assert people not in await memory.ports.index.without_facts()


@pytest.mark.long
async def test_graphs_of_before_get_their_facts_by_a_job(memory: Memory, people: str) -> None:
    await memory.relationships.put(people, [WALKED, Relationship("FLEW_WITH", "neil", "buzz")])
    before, schema = await told(memory, people), await index_schema(memory, people)
    await forget_facts(memory, schema)
    await query(memory, "UPDATE kgmem.graph SET facts_made = NULL WHERE name = $1", people)

    await memory.tasks.index_facts(people)

    assert await told(memory, people) == before
    await assert_index_matches_labels(memory, people)


async def test_a_refused_fact_is_listed(memory: Memory, people: str, embedder: SwitchableEmbedder) -> None:
    embedder.refuses = "foot"
    written = await memory.relationships.put(people, [WALKED])
    await memory.embeddings.run(people)

    assert [(each.kind, each.key) for each in await memory.embeddings.refused(people)] == [
        ("fact", str(written.ids[0]))
    ]


async def test_stats_count_facts_apart_from_what_they_are_made_of(memory: Memory, people: str) -> None:
    await memory.relationships.put(people, [WALKED, Relationship("KNOWS", "neil", "buzz")])

    stats = await memory.graphs.stats(people)

    assert (stats.entities, stats.relationships, stats.facts, stats.passages) == (4, 2, 1, 5)
    assert stats.kinds == {"KNOWS": 1, "WALKED_ON": 1}
    assert stats.labels == {"Person": 2, "Place": 2}


@pytest.mark.long
async def test_what_was_known_of_a_fact_is_kept_and_another_setting_is_no_knowledge(
    memory: Memory, people: str
) -> None:
    schema = await index_schema(memory, people)
    joined = f"{schema}.past_item i JOIN {schema}.past_passage p ON p.item = i.id"
    past = f"SELECT i.known, p.body FROM {joined} WHERE i.kind = 3"
    written = await memory.relationships.put(people, [WALKED, Relationship("KNOWS", "neil", "buzz")])
    await memory.relationships.put(people, [Relationship("WALKED_ON", "neil", "moon", text="He hopped.")])
    (row,) = await query(memory, past)
    await memory.entities.put(people, [Entity("neil", name="Neil A. Armstrong")])
    (version,) = await query(memory, f"SELECT known FROM {schema}.history WHERE id = $1", written.ids[0])
    assert (row["known"], row["body"]) == (version["known"], WALKED.text)

    asked = Question(What(text="Neil hopped foot", kinds=("fact",)), When(known_at=iso(version["known"].lower)))
    (then,) = (await memory.recall(people, asked)).hits
    assert (then.text, then.name, then.id) == (WALKED.text, "Neil Armstrong walked on Moon", written.ids[0])
    assert (then.start, then.end) == (End("neil", "Neil Armstrong", "Person"), End("moon", "Moon", "Place"))
    assert then.provenance[0]["source"] == "nasa"
    assert set(then.provenance[0]) == {"source", "trust", "known_from", "known_to"}
    (now,) = await ask(memory, people, "Neil hopped foot")
    assert (now.text, now.name) == ("He hopped.", "Neil A. Armstrong walked on Moon")

    for facts in ("all", "text"):
        await memory.graphs.update(people, facts=facts)
        await memory.tasks.index_facts(people)
    assert await query(memory, past) == [row]
    await memory.relationships.delete(people, written.ids[:1])
    assert {each["body"] for each in await query(memory, past)} == {WALKED.text, "He hopped."}

    await memory.graphs.update(people, facts="none")
    await memory.tasks.index_facts(people)
    assert await query(memory, past) == []
    assert await query(memory, f"SELECT 1 FROM {schema}.past_passage WHERE item = $1", written.ids[0]) == []


@pytest.mark.slow
async def test_stored_triples_load_as_facts_and_lead_from_a_question_to_their_ends(memory: Memory, graph: str) -> None:
    stored = json.loads(plain("hipporag/openie_musique_train_results_ner_gpt-3.5-turbo-1106_1890.json.xz"))
    said = [triple for document in stored["docs"][:200] for triple in document["extracted_triples"]]
    triples = [tuple(triple) for triple in said if len(triple) == 3 and all(part.strip() for part in triple)]
    names = {end: f"n{n}" for n, end in enumerate(dict.fromkeys(end for triple in triples for end in triple[::2]))}
    things = [{"type": "entity", "key": key, "label": "Thing", "name": name} for name, key in names.items()]
    facts = [
        {
            "type": "relationship", "kind": "SAYS", "from": names[start], "to": names[end], "key": str(n),
            "text": f"{start} {how} {end}",
        }
        for n, (start, how, end) in enumerate(triples)
    ]  # fmt: skip
    await load(memory, graph, *things, *facts)

    assert (await memory.graphs.stats(graph)).facts == len(triples)
    hits = await ask(memory, graph, "Who publishes the Journal of Mathematical Physics?")
    assert End(names["Journal of Mathematical Physics"], "Journal of Mathematical Physics", "Thing") == hits[0].start
    await assert_index_matches_labels(memory, graph)


async def test_properties_filter_facts_by_those_of_their_relationships(memory: Memory, people: str) -> None:
    await memory.relationships.put(
        people,
        [
            Relationship("SAW", "neil", "moon", text="He saw it well.", properties={"often": 3, "source": "diary"}),
            Relationship("SAW", "buzz", "moon", text="He saw it too.", properties={"often": 1}),
        ],
    )

    assert [hit.text for hit in await ask(memory, people, "saw", properties={"often": {"gte": 2}})] == [
        "He saw it well."
    ]
    assert [hit.text for hit in await ask(memory, people, "saw", properties={"source": "diary"})] == ["He saw it well."]
    told = await ask(memory, people, "saw", properties={"text": {"contains": "too"}}, labels=["SAW"])
    assert [hit.text for hit in told] == ["He saw it too."]
