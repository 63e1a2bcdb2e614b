"""Words of small scopes are weighed exactly, by lexemes that recall stores; plans weigh no text twice."""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Links, Question, What, When, Where
from kgmem.memory import Memory
from kgmem.store import search
from kgmem.store.search.statement import candidate_statement
from tests.memories import index_schema, query

WORDS = (
    "apple",
    "river",
    "stone",
    "cloud",
    "winter",
    "copper",
    "meadow",
    "violin",
    "garden",
    "it's",
    "o'brien",
    "a\\b",
)


def texts(count: int, seed: int) -> list[str]:
    """Texts of five words, one of them many times."""
    draw = random.Random(seed)
    return [
        " ".join(
            word
            for n, word in enumerate(draw.sample(WORDS, 5))
            for _ in range(draw.choice((1, 2, 3) if n else (7, 40)))
        )
        for _ in range(count)
    ]


def bm25(documents: Sequence[Sequence[str]], asked: Sequence[str]) -> list[float]:
    """BM25 of each document, k1 = 1.2 and b = 0.75 (Robertson, Zaragoza: The Probabilistic Relevance Framework)."""
    mean = sum(map(len, documents)) / len(documents)
    values = [0.0] * len(documents)
    for word in set(asked):
        within = sum(word in document for document in documents)
        idf = math.log(1 + (len(documents) - within + 0.5) / (within + 0.5))
        for at, document in enumerate(documents):
            often = Counter(document)[word]
            values[at] += idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(document) / mean))
    return values


async def by_words(memory: Memory, graph: str, text: str, scope: str = "") -> dict[str, float]:
    question = Question(What(text=text), scope=scope, k=100, weights={"meaning": 0}, fusion="convex")
    answer = await memory.recall(graph, question)
    return {hit.key: hit.retrievers["words"].value for hit in answer.hits}


async def parsed(memory: Memory, text: str) -> list[str]:
    sql = "SELECT w.lexeme FROM unnest(to_tsvector('english', $1)) w, unnest(w.positions)"
    return [row["lexeme"] for row in await query(memory, sql, text)]


@pytest.fixture(autouse=True)
async def bm25_is_there(memory: Memory) -> None:
    """Without pg_textsearch, words are weighed by Postgres full text."""
    if not await query(memory, "SELECT 1 FROM pg_extension WHERE extname = 'pg_textsearch'"):
        pytest.skip("the database has no pg_textsearch")


@pytest.fixture
def lexemes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recall looks for missing lexemes each time."""
    monkeypatch.setattr("kgmem.store.sync.lexemes._LOOK_EVERY", 0.0)


@pytest.mark.usefixtures("lexemes_at_once")
@pytest.mark.parametrize("scope", ["u/1", ""])
async def test_words_of_a_small_scope_are_weighed_exactly_with_lexemes_and_without(
    memory: Memory, graph: str, scope: str
) -> None:
    told = texts(30, 1)
    await memory.entities.put(graph, [Entity(f"k{n}", text=text, scope=scope) for n, text in enumerate(told)])
    await memory.entities.put(graph, [Entity(f"o{n}", text=text, scope="u/2") for n, text in enumerate(texts(30, 2))])
    schema, stored = await index_schema(memory, graph), []
    for _ in range(2):
        sql = f"SELECT i.key, p.body FROM {schema}.item i JOIN {schema}.passage p ON p.item = i.id WHERE i.key ~ '^k'"
        bodies = {row["key"]: row["body"] for row in await query(memory, sql)}
        assert {key: body.endswith(told[int(key[1:])]) for key, body in bodies.items()} == dict.fromkeys(bodies, True)
        documents = [await parsed(memory, body) for body in bodies.values()]
        for asked in ("apple", "river stone winter", "it's o'brien a\\b", "apple apple violin garden copper"):
            values = bm25(documents, await parsed(memory, asked))
            named = zip(bodies, values, strict=True)
            expected = {key: pytest.approx(value, rel=1e-5) for key, value in named if value > 0}
            assert await by_words(memory, graph, asked, scope) == expected
        stored.append((await query(memory, f"SELECT count(*) FROM {schema}.lexeme"))[0][0])
        # Texts change, and go; few of them, so that what is missing is parsed.
        told[:3] = texts(3, 3)
        await memory.entities.put(graph, [Entity(f"k{n}", text=told[n], scope=scope) for n in range(3)])
        await memory.entities.delete(graph, [f"k{len(told) - 1}"], scope=scope)
        told.pop()
    assert stored == [30, 26]


async def test_lexemes_go_with_their_passages(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(f"k{n}", text=text, scope="u/1") for n, text in enumerate(texts(20, 1))])
    await by_words(memory, graph, "apple", "u/1")
    schema = await index_schema(memory, graph)
    assert (await query(memory, f"SELECT count(*) FROM {schema}.lexeme"))[0][0] == 20

    await memory.entities.delete(graph, [f"k{n}" for n in range(15)], scope="u/1")
    assert (await query(memory, f"SELECT count(*) FROM {schema}.lexeme"))[0][0] == 5


QUESTIONS = {
    "words": Question(What(text="apple river")),
    "when": Question(What(text="apple river"), when=When(valid_at="2020")),
    "recency": Question(What(text="apple river"), when=When(half_life_days=30)),
    "where": Question(What(text="apple river"), where=Where(box=(-10, -10, 10, 10))),
    "walk": Question(What(text="apple river"), graph=Links(expand=True)),
    "labels": Question(What(text="apple river", labels=["Thing"])),
}


@pytest.fixture
async def large(memory: Memory, graph: str) -> str:
    """A graph whose one scope is large, so that the text index answers."""
    told = texts(1100, 5)
    await memory.entities.put(
        graph, [Entity(f"k{n}", "Thing", text=text, valid_from="2000") for n, text in enumerate(told)]
    )
    await memory.relationships.put(graph, [Relationship("KNOWS", "k1", "k2")])
    return graph


async def test_no_plan_weighs_again_what_the_text_index_has_weighed(memory: Memory, large: str) -> None:
    index: Any = memory.ports.index
    async with index.catalog.on(large) as layout, index.searches.connection() as connection:
        for name, question in QUESTIONS.items():
            request = search.SearchRequest(question, None, [], True)
            statement = candidate_statement(layout, request, only_standing=False, most=40)
            assert statement is not None
            plan = await explained(connection, statement.sql, statement.values)
            assert any("by_words" in line for line in plan), name
            # The look-up of candidates names the operator, and computes it for those alone that only others list.
            weighed = [line for line in outputs(plan) if "<@>" in line and "'words'::text <> ALL (c.by)" not in line]
            assert not weighed, name
        body = await connection.fetchval(
            "SELECT prosrc FROM pg_proc WHERE oid = to_regproc($1)", f"{layout.index_name}.by_words"
        )
        plan = await explained(connection, body.replace("asked", "$1"), ["apple river"])
        assert any("Index Scan using passage_words" in line for line in plan)
        assert not [line for line in outputs(plan) if "<@>" in line]


async def explained(connection: asyncpg.Connection, sql: str, values: Sequence[Any]) -> list[str]:
    return [row[0] for row in await connection.fetch(f"EXPLAIN (ANALYZE, VERBOSE) {sql}", *values)]


def outputs(plan: Sequence[str]) -> Iterator[str]:
    """The lines that tell what the nodes that gave rows put out."""
    ran = True
    for line in plan:
        if "(cost=" in line:
            ran = "never executed" not in line and " rows=0" not in line.partition("(actual")[2]
        if ran and line.lstrip().startswith("Output:"):
            yield line
