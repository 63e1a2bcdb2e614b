"""Recall: what each retriever finds, how they are fused, what filters and times leave, and questions that are odd."""

import math
from typing import Any

import numpy as np
import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import EmbeddingMismatch, InvalidInput, KgmemError, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.fusion import fuse
from kgmem.domain.recall.question import Question, What, When
from kgmem.memory import Memory
from tests.invariants import assert_index_matches_labels
from tests.memories import (
    DIMENSION,
    SwitchableEmbedder,
    hashing,
    index_schema,
    new_graph,
    opened_memory,
    query,
    stable_vector,
)

pytestmark = pytest.mark.server

WORDS = [
    "apple",
    "river",
    "stone",
    "cloud",
    "lamp",
    "garden",
    "winter",
    "copper",
    "violin",
    "harbour",
    "meadow",
    "signal",
]


def texts(count: int) -> list[str]:
    """Texts of words that repeat among them, each another."""
    return [
        " ".join(WORDS[(n * k + k * k) % len(WORDS)] for k in range(1, 4 + n % 5)) + f" no{n}" for n in range(count)
    ]


async def ask(memory: Memory, graph: str, text: str | None = None, **parts: Any) -> Answer:
    """Ask a question whose parts are told by their names wherever they belong."""
    what = {name: parts.pop(name) for name in ("vector", "labels", "kinds", "sources", "properties") if name in parts}
    when = {name: parts.pop(name) for name in ("valid_at", "between", "any_time") if name in parts}
    return await memory.recall(graph, Question(What(text=text, **what), When(**when), **parts))


def keys(answer: Answer) -> list[str]:
    """The keys of the hits, best first."""
    return [hit.key for hit in answer.hits]


@pytest.fixture
async def library(memory: Memory, graph: str) -> str:
    """A graph of sixty entities and twenty episodes with vectors."""
    told = texts(80)
    await memory.entities.put(graph, [Entity(f"k{n}", "Thing", text=text) for n, text in enumerate(told[:60])])
    await memory.episodes.put(graph, [Episode(text, f"k{n + 60}") for n, text in enumerate(told[60:])])
    await memory.embeddings.run(graph)
    return graph


async def exact(embedder: SwitchableEmbedder, question: str, bodies: dict[str, str]) -> list[tuple[str, float]]:
    """The meaning retriever by brute force, over vectors of halves."""
    (asked,) = await embedder.embed([question], "query")
    vectors = np.asarray(await embedder.embed(list(bodies.values())), np.float16).astype(np.float64)
    values = vectors @ np.asarray(asked, np.float16).astype(np.float64)
    return sorted(zip(bodies, values.tolist(), strict=True), key=lambda pair: -pair[1])


@pytest.mark.long
async def test_the_meaning_retriever_is_exact(memory: Memory, library: str, embedder: SwitchableEmbedder) -> None:
    bodies = {f"k{n}": f"k{n}\n{text}" if n < 60 else text for n, text in enumerate(texts(80))}
    for question in ("apple river", "winter violin no7", "harbour"):
        (vector,) = await embedder.embed([question], "query")
        answer = await ask(memory, library, vector=vector, k=40)
        found = {hit.key: hit.retrievers["meaning"].value for hit in answer.hits}
        best = await exact(embedder, question, bodies)
        cut = best[39][1]
        assert all(abs(value - found[key]) < 1e-3 for key, value in best[:40] if key in found)
        assert set(found) >= {key for key, value in best if value > cut + 1e-3}
        values = [hit.retrievers["meaning"].value for hit in answer.hits]
        assert values == sorted(values, reverse=True)
        assert [hit.retrievers["meaning"].rank for hit in answer.hits] == list(range(1, 41))


async def test_the_words_retriever_finds_words_and_their_forms_and_nothing_else(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph,
        [
            Entity("one", text="The rockets were launched."),
            Entity("two", name="Rocket"),
            Entity("three", text="Nothing of the kind."),
            Entity("four", properties={"aliases": ["Launching pad", "LC-39"], "note": "short"}),
        ],
    )
    assert set(keys(await ask(memory, graph, "rocket"))) == {"one", "two"}
    assert set(keys(await ask(memory, graph, "launch"))) == {"one", "four"}
    assert keys(await ask(memory, graph, "lc-39")) == ["four"]
    assert keys(await ask(memory, graph, "short")) == ["four"]
    assert keys(await ask(memory, graph, "zebra")) == []


async def test_a_word_that_is_rare_weighs_more_than_one_that_is_common(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(f"k{n}", text="apple pie") for n in range(20)])
    await memory.entities.put(graph, [Entity("rare", text="copper pie")])
    assert keys(await ask(memory, graph, "apple copper"))[0] == "rare"


async def test_hits_tell_what_they_are_and_what_every_retriever_said(memory: Memory, graph: str) -> None:
    stated = Entity(
        "apollo", "Mission", "Apollo 11", {"crew": 3, "source": "s"}, ["Flight"], "To the Moon.", valid_from="1969",
        source="nasa", scope="u/1",
    )  # fmt: skip
    await memory.entities.put(graph, [stated])
    await memory.sources.put(graph, [Source("nasa", "NASA", trust=0.75)])
    await memory.episodes.put(
        graph,
        [
            Episode(
                "We flew to the Moon.", "e", "1969-07", "nasa", "s1", "Neil", "Log", properties={"page": 4}, scope="u/1"
            )
        ],
    )
    await memory.embeddings.run(graph)
    answer = await ask(memory, graph, "moon", scope="u/1", explain=True)
    hits = {hit.key: hit for hit in answer.hits}
    entity, episode = hits["apollo"], hits["e"]
    assert (entity.kind, entity.label, entity.name, entity.text) == ("entity", "Mission", "Apollo 11", "To the Moon.")
    assert (entity.properties, entity.valid_from, entity.scope) == ({"crew": 3, "source": "s"}, "1969", "u/1")
    assert entity.confidence == 0.75
    assert entity.provenance[0]["source"] == "nasa"
    assert (episode.kind, episode.label, episode.name) == ("episode", "Episode", "Log")
    assert (episode.text, episode.valid_from, episode.properties) == ("We flew to the Moon.", "1969-07", {"page": 4})
    assert episode.provenance[0]["speaker"] == "Neil"
    assert entity.id == (await memory.entities.get(graph, "apollo", scope="u/1")).id
    for hit in answer.hits:
        assert hit.retrievers.keys() == {"meaning", "words"}
        assert math.isclose(sum(share.share for share in hit.retrievers.values()), 1.0)
    assert answer.profile.keys() == {"embed_ms", "candidates_ms", "fetch_ms"}
    assert not (await ask(memory, graph, "moon", scope="u/1")).profile


@pytest.mark.parametrize("method", ["convex", "rrf"])
async def test_hits_stand_in_the_order_that_fusing_their_retrievers_gives(
    memory: Memory, library: str, method: Any
) -> None:
    weights = {"words": 2.0, "meaning": 1.0}
    answer = await ask(memory, library, "winter violin apple", k=40, fusion=method, weights=weights)
    found = await memory.ports.index.candidates(
        library,
        Question(What(text="winter violin apple"), k=40),
        (await memory.ports.embedder.embed(["winter violin apple"], "query"))[0],  # type: ignore[union-attr]
    )
    fused = fuse(found.retrievers, method=method, weights=weights, looked_up=found.looked_up)[:40]
    assert [(hit.id, hit.score) for hit in answer.hits] == [(ranked.id, ranked.score) for ranked in fused]
    assert [hit.retrievers for hit in answer.hits] == [ranked.retrievers for ranked in fused]
    assert all(0 <= hit.score <= 1 for hit in answer.hits)


async def test_a_graphs_fusion_holds_unless_the_question_names_one(memory: Memory, graph: str) -> None:
    await memory.graphs.update(graph, fusion="rrf")
    await memory.entities.put(graph, [Entity(f"k{n}", text=text) for n, text in enumerate(texts(30))])
    await memory.embeddings.run(graph)
    default = await ask(memory, graph, "apple river")
    named = await ask(memory, graph, "apple river", fusion="rrf")
    other = await ask(memory, graph, "apple river", fusion="convex")
    assert default.hits == named.hits
    assert [hit.score for hit in other.hits] != [hit.score for hit in named.hits]


async def test_filters_leave_what_meets_all_of_them(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph,
        [
            Entity("a", "Person", text="apple", source="nasa"),
            Entity("b", "Robot", text="apple", labels=["Person", "Machine"], source="press"),
            Entity("c", "Robot", text="apple", source="nasa"),
            Entity("d", "odd label", text="apple"),
        ],
    )
    await memory.episodes.put(graph, [Episode("apple", "e", source="press"), Episode("apple", "f")])
    await memory.embeddings.run(graph)
    for text in ("apple", None):
        for filters, expected in (
            ({"labels": ["Person"]}, "ab"),
            ({"labels": ["Machine"]}, "b"),
            ({"labels": ["Robot", "odd label"]}, "bcd"),
            ({"labels": ["Episode"]}, "ef"),
            ({"labels": ["Nobody"]}, ""),
            ({"sources": ["nasa"]}, "ac"),
            ({"sources": ["press", "nasa"]}, "abce"),
            ({"sources": ["nobody"]}, ""),
            ({"labels": ["Robot"], "sources": ["nasa"]}, "c"),
            ({"labels": ["Person", "Episode"], "kinds": ["episode"]}, "ef"),
            ({"kinds": ["entity"], "sources": ["press"]}, "b"),
        ):
            assert sorted(keys(await ask(memory, graph, text, **filters))) == list(expected), (text, filters)


async def test_another_process_filters_by_what_it_never_wrote(
    memory: Memory, graph: str, shared_database_url: str
) -> None:
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        await ask(other, graph, "warm up")
        await memory.entities.put(
            graph, [Entity("a", "Person", text="apple", source="nasa"), Entity("b", text="apple")]
        )
        assert keys(await ask(other, graph, "apple", sources=["nasa"])) == ["a"]
        assert keys(await ask(other, graph, labels=["Person"])) == ["a"]
        assert sorted(keys(await ask(other, graph, "apple"))) == ["a", "b"]


async def test_the_default_is_what_has_begun_and_tells_how_much_it_held_back(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph,
        [
            Entity("always", "Thing", text="apple"),
            Entity("over", "Thing", text="apple", valid_from="1960", valid_to="1970"),
            Entity("to come", "Thing", text="apple", valid_from="2999"),
            Entity("still", "Thing", text="apple", valid_from="1960"),
            Entity("happened", "Event", text="apple", valid_from="1960", valid_to="1970"),
            Entity("battle", "Activity", text="apple", valid_from="1960", valid_to="1970"),
            Entity("undescribed", "Party", text="apple", valid_from="1960", valid_to="1970"),
        ],
    )
    await memory.episodes.put(graph, [Episode("apple", "told", occurred_at="1965")])
    await memory.graphs.update(graph, schema={"labels": {"Activity": {"parent": "Event"}}})
    await memory.embeddings.run(graph)
    answer = await ask(memory, graph, "apple")
    assert set(keys(answer)) == {"always", "still", "over", "undescribed", "happened", "battle", "told"}
    assert answer.suppressed == {"not_yet_valid": 1}
    everything = await ask(memory, graph, "apple", any_time=True)
    assert len(everything.hits) == 8
    assert everything.suppressed == {}
    listed = await ask(memory, graph, labels=["Thing"])
    assert (set(keys(listed)), listed.suppressed) == ({"always", "still", "over"}, {"not_yet_valid": 1})


async def test_what_is_superseded_does_not_crowd_out_what_stands(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("home"), *(Entity(f"e{n}") for n in range(180))])
    seats = [Relationship("LIVES_IN", f"e{n}", "home", text="apple apple apple", valid_to="2000") for n in range(150)]
    seats += [Relationship("LIVES_IN", f"e{n}", "e179", f"now {n}", valid_from="2000") for n in range(150)]
    seats += [Relationship("MET", "home", f"e{n}", text=f"apple and other things {n}") for n in range(30)]
    await memory.relationships.put(graph, seats)
    await memory.embeddings.run(graph)
    answer = await ask(memory, graph, "apple", k=20)
    assert len(answer.hits) == 20
    assert all(hit.label == "MET" for hit in answer.hits)
    assert answer.suppressed["superseded"] >= 40


async def test_a_time_or_a_window_leaves_what_was_valid_in_it(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph,
        [
            Entity("sixties", text="apple", valid_from="1960", valid_to="1969"),
            Entity("july", text="apple", valid_from="1969-07", valid_to="1969-07"),
            Entity(
                "landing", "Event", text="apple", valid_from="1969-07-20T20:17:40Z", valid_to="1969-07-20T20:17:40Z"
            ),
            Entity("ancient", text="apple", valid_from="-0753", valid_to="0476"),
            Entity("always", text="apple"),
        ],
    )
    await memory.episodes.put(graph, [Episode("apple", "told", occurred_at="1969-07-24")])
    for when, expected in (
        ({"valid_at": "1969"}, {"sixties", "july", "landing", "told"}),
        ({"valid_at": "1969-07-20"}, {"sixties", "july", "landing"}),
        ({"valid_at": "1969-07-20T20:17:40Z"}, {"sixties", "july", "landing"}),
        ({"valid_at": "1969-07-20T20:17:41Z"}, {"sixties", "july"}),
        ({"valid_at": "1970"}, set()),
        ({"valid_at": "-0044-03-15"}, {"ancient"}),
        ({"between": ("1969-07-24", "1980")}, {"sixties", "july", "told"}),
        ({"between": ("1969-08", None)}, {"sixties"}),
        ({"between": (None, "1000")}, {"ancient"}),
        ({"between": (None, None)}, {"sixties", "july", "landing", "ancient", "told"}),
    ):
        answer = await ask(memory, graph, "apple", **when)  # type: ignore[arg-type]
        assert set(keys(answer)) == expected | {"always"}, when
        assert answer.suppressed == {}


async def test_times_that_are_none_are_refused(memory: Memory, library: str) -> None:
    for when in ({"valid_at": "soon"}, {"between": ("1990", "then")}, {"between": ("1990", "1980")}):
        with pytest.raises(InvalidInput) as raised:
            await ask(memory, library, "apple", **when)  # type: ignore[arg-type]
        assert raised.value.hint


async def test_the_same_question_has_the_same_answer(memory: Memory, library: str) -> None:
    for parts in ({"text": "apple winter"}, {"labels": ["Thing"]}, {"text": "stone", "fusion": "rrf", "k": 7}):
        first = await ask(memory, library, **parts)  # type: ignore[arg-type]
        for _ in range(3):
            assert await ask(memory, library, **parts) == first  # type: ignore[arg-type]


async def test_ties_stand_in_the_order_of_their_ids(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(f"k{n:03}", text="the same apple", name="Same") for n in range(100)])
    await memory.embeddings.run(graph)
    for parts in ({"text": "apple"}, {"labels": ["Thing"]}):
        ids = [hit.id for hit in (await ask(memory, graph, k=30, **parts)).hits]  # type: ignore[arg-type]
        assert ids == sorted(ids)
        assert len(ids) == 30
        assert ids[-1] - ids[0] == 29


async def test_k_gives_the_first_of_a_longer_answer(memory: Memory, library: str) -> None:
    whole = keys(await ask(memory, library, vector=stable_vector("x"), k=80))
    assert len(whole) == 80
    for k in (1, 2, 19, 20, 21, 50):
        assert keys(await ask(memory, library, vector=stable_vector("x"), k=k)) == whole[:k]
    assert len((await ask(memory, library, "apple", k=1000)).hits) == 80
    for k in (0, -1, 1001):
        with pytest.raises(InvalidInput):
            await ask(memory, library, "apple", k=k)


async def test_a_long_episode_does_not_crowd_out_the_others(memory: Memory, graph: str) -> None:
    long = "\n\n".join("apple " * 140 for _ in range(120))
    await memory.episodes.put(graph, [Episode(long, "long")])
    await memory.entities.put(
        graph, [Entity(f"k{n}", text=f"an apple with many other words beside it {n}") for n in range(15)]
    )
    await memory.embeddings.run(graph)
    answer = await ask(memory, graph, "apple", k=10)
    assert len(answer.hits) == 10
    everything = await ask(memory, graph, "apple", k=20)
    assert sorted(keys(everything)) == sorted(["long", *(f"k{n}" for n in range(15))])
    assert all(hit.retrievers.keys() == {"meaning", "words"} for hit in everything.hits)


ODD_TEXTS = [
    "the of and",
    "?!... --- ???",
    "''''",
    '"unbalanced',
    "it's O'Brien's",
    "apple & river | !stone <-> cloud:*",
    "apple \\ river",
    "'); DROP TABLE item; --",
    "%s %(text)s %% {graph} $1 :a",
    "http://example.org/a?b=c&d='e'|f",
    "a@example.org AT&T c++ c# .net x&y|z",
    "日本語 текст ελληνικά العربية 🚀",
    "\u202e\ufeff\u200b",
    "\x01\x1f\x7f",
    "NULL",
    "apple " * 2000,
    "x" * 10_000,
    " ".join(f"word{n}" for n in range(3000)),
    "a",
    "-",
    "1969-07-20 3.14 -7 1e10",
]


@pytest.mark.long
@pytest.mark.parametrize("words", [True, False], ids=["bm25 where there is one", "Postgres full text"])
async def test_odd_texts_are_answered(database_url: str, words: bool) -> None:
    async with opened_memory(database_url, embedder=hashing(), words=None if words else False) as memory:
        graph = await new_graph(memory, "facts")
        bare = await new_graph(memory, "bare", space=None)
        told = {f"odd{n}": text for n, text in enumerate(ODD_TEXTS)}
        for name in (graph, bare):
            await memory.entities.put(name, [Entity(key, text=text) for key, text in told.items()])
            await memory.entities.put(name, [Entity("plain", text="apple")])
        await memory.embeddings.run(graph)
        for text in ODD_TEXTS:
            answer = await ask(memory, graph, text, k=50)
            assert len(answer.hits) == len(ODD_TEXTS) + 1  # Meaning ranks all.
            assert all(0 <= hit.score <= 1 for hit in answer.hits)
            await ask(memory, bare, text)
        for text, key in (("O'Brien", "odd4"), ("brien", "odd4"), ("word2999", "odd17"), ("1969-07-20", "odd20")):
            assert keys(await ask(memory, bare, text)) == [key]
        for name in (graph, bare):
            await assert_index_matches_labels(memory, name)


async def test_texts_that_ask_nothing_or_cannot_be_sent_are_refused(memory: Memory, library: str) -> None:
    for text in ("", " ", "\n\t", "a\x00b", "\ud800"):
        with pytest.raises(InvalidInput):
            await ask(memory, library, text)
    for parts in ({}, {"kinds": ["entity"]}, {"any_time": True}):
        with pytest.raises(InvalidInput):
            await ask(memory, library, **parts)  # type: ignore[arg-type]
    for name in ("labels", "sources"):
        with pytest.raises(InvalidInput):
            await ask(memory, library, "apple", **{name: ["a\x00b"]})


async def test_weights_that_are_none_are_refused(memory: Memory, library: str) -> None:
    for weights in ({"words": -1.0}, {"words": 0.0, "meaning": 0.0}, {"words": math.nan}, {"meaning": math.inf}):
        with pytest.raises(InvalidInput):
            await ask(memory, library, "apple", weights=weights)


async def test_a_retriever_that_weighs_nothing_does_not_run(
    memory: Memory, library: str, embedder: SwitchableEmbedder
) -> None:
    by_meaning = await ask(memory, library, "apple", weights={"words": 0.0})
    assert {retriever for hit in by_meaning.hits for retriever in hit.retrievers} == {"meaning"}
    embedder.seen.clear()
    by_words = await ask(memory, library, "apple", weights={"meaning": 0.0})
    assert {retriever for hit in by_words.hits for retriever in hit.retrievers} == {"words"}
    assert embedder.seen == []
    embedder.away = True
    nothing = await ask(memory, library, "apple", weights={"words": 0.0})
    assert (nothing.hits, nothing.suppressed) == ([], {"meaning_retriever_off_embedder_unavailable": 1})
    for parts in (
        {"vector": stable_vector("a"), "weights": {"meaning": 0}},
        {"labels": ["Thing"], "weights": {"listed": 0}},
    ):
        with pytest.raises(InvalidInput):
            await ask(memory, library, **parts)


async def test_any_time_and_a_time_exclude_each_other(memory: Memory, library: str) -> None:
    for time in ({"valid_at": "1969"}, {"between": ("1969", None)}):
        with pytest.raises(InvalidInput, match="any_time"):
            await ask(memory, library, "apple", any_time=True, **time)


async def test_vectors_of_another_dimension_or_of_no_direction_are_refused_naming_both(
    memory: Memory, library: str
) -> None:
    for vector in ([1.0] * 3, [1.0] * (DIMENSION + 1), []):
        with pytest.raises(EmbeddingMismatch) as raised:
            await ask(memory, library, vector=vector)
        assert str(len(vector)) in str(raised.value)
        assert str(DIMENSION) in str(raised.value)
        with pytest.raises(EmbeddingMismatch) as raised:
            await memory.entities.put(library, [Entity("new", embedding=vector)])
        assert raised.value.facts == {"given": len(vector), "expected": DIMENSION}
    for vector in ([0.0] * DIMENSION, [math.nan] * DIMENSION, [math.inf] * DIMENSION):
        with pytest.raises(EmbeddingMismatch):
            await ask(memory, library, vector=vector)
        with pytest.raises(EmbeddingMismatch):
            await memory.entities.put(library, [Entity("new", embedding=vector)])
    with pytest.raises(NotFound):
        await memory.entities.get(library, "new")


async def test_vectors_of_any_length_are_taken_for_their_direction(memory: Memory, graph: str) -> None:
    base = stable_vector("x")
    scales = [1.0, 1e-30, 1e30, 1e-200, 1e200]
    for n, scale in enumerate(scales):
        await memory.entities.put(graph, [Entity(f"k{n}", embedding=[scale * x for x in base])])
    for scale in scales:
        answer = await ask(memory, graph, vector=[scale * x for x in base])
        assert len(answer.hits) == len(scales)
        assert all(abs(hit.retrievers["meaning"].value - 1.0) < 0.01 for hit in answer.hits)


async def test_a_graph_without_an_embedding_space_is_recalled_by_words(memory: Memory, graph: str) -> None:
    bare = await new_graph(memory, f"{graph}_bare", space=None)
    await memory.entities.put(bare, [Entity("a", text="apple"), Entity("b", text="river")])
    assert keys(await ask(memory, bare, "apple")) == ["a"]
    assert (await memory.graphs.stats(bare)).waiting_for_vectors == 0
    with pytest.raises(EmbeddingMismatch):
        await ask(memory, bare, vector=[1.0])
    with pytest.raises(EmbeddingMismatch):
        await memory.entities.put(bare, [Entity("c", embedding=[1.0])])
    assert await memory.embeddings.run(bare) == 0
    await assert_index_matches_labels(memory, bare)


async def test_without_pg_textsearch_everything_is_answered(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing(), words=False) as memory:
        graph = await new_graph(memory, "facts")
        await memory.entities.put(graph, [Entity(f"k{n}", text=text) for n, text in enumerate(texts(60))])
        await memory.episodes.put(graph, [Episode("the rockets were launched", "e", scope="u/1")])
        await memory.embeddings.run(graph)
        assert keys(await ask(memory, graph, "launching rocket", scope="u/1"))[0] == "e"
        answer = await ask(memory, graph, "no7 winter")
        assert keys(answer)[0] == "k7"
        assert {hit.key for hit in answer.hits if "words" in hit.retrievers} >= {"k7"}
        await memory.index.rebuild(graph)
        assert keys(await ask(memory, graph, "no7 winter")) == keys(answer)
        await assert_index_matches_labels(memory, graph)


@pytest.mark.long
async def test_while_a_large_load_has_set_the_text_index_aside_meaning_answers(memory: Memory, graph: str) -> None:
    catalog: Any = memory.ports.graphs
    if not catalog.words:
        pytest.skip("this Postgres has no pg_textsearch")
    told = texts(1100)
    await memory.entities.put(graph, [Entity(f"k{n}", text=t, embedding=stable_vector(t)) for n, t in enumerate(told)])
    await ask(memory, graph, "no7 winter")  # Which finds that the graph is large.
    schema = await index_schema(memory, graph)
    noted = (
        "INSERT INTO kgmem.deferred_index SELECT id, $1 || '.passage_words', 'SELECT 1' "
        "FROM kgmem.graph WHERE name = $2"
    )
    await query(memory, noted, schema, graph)
    await query(memory, f"DROP INDEX {schema}.passage_words")
    catalog.forget(graph)
    answer = await ask(memory, graph, "no7 winter")
    assert {retriever for hit in answer.hits for retriever in hit.retrievers} == {"meaning"}
    assert answer.suppressed == {"words_retriever_off_index_is_being_built": 1}
    nothing = await ask(memory, graph, "no7 winter", weights={"meaning": 0})
    assert (nothing.hits, nothing.suppressed) == ([], {"words_retriever_off_index_is_being_built": 1})
    await query(memory, "DELETE FROM kgmem.deferred_index WHERE name::text = $1 || '.passage_words'", schema)
    catalog.forget(graph)
    await memory.index.rebuild(graph)
    assert keys(await ask(memory, graph, "no7 winter"))[0] == "k7"


@pytest.mark.long
async def test_large_scopes_are_answered_through_their_indexes(memory: Memory, graph: str) -> None:
    told = texts(2300)
    for start in range(0, 2300, 1000):
        part = range(start, min(start + 1000, 2300))
        await memory.entities.put(
            graph,
            [
                Entity(f"k{n}", "Thing" if n % 100 else "Rare", text=told[n], embedding=stable_vector(told[n]))
                for n in part
            ],
        )
    await memory.entities.put(
        graph,
        [Entity(f"own{n}", text=f"apple own{n}", embedding=stable_vector(f"own{n}"), scope="u/1") for n in range(5)],
    )
    vectors = np.asarray([stable_vector(text) for text in told])
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    found = 0
    for turn in range(2):  # The second time, what is large is known to be.
        for n in (3, 700, 1999):
            best = np.argsort(-(vectors @ vectors[n]))[:20]
            answer = await ask(memory, graph, vector=vectors[n].tolist(), scope="")
            found += len({f"k{m}" for m in best} & set(keys(answer)))
            assert keys(answer)[0] == f"k{n}"
            by_words = {"words": 1.0, "meaning": 0.1}
            assert keys(await ask(memory, graph, f"no{n}", scope="", weights=by_words))[0] == f"k{n}", turn
    assert found >= 0.9 * 6 * 20
    rare = await ask(memory, graph, vector=stable_vector("any"), labels=["Rare"], k=23)
    assert sorted(keys(rare)) == sorted(f"k{n}" for n in range(0, 2300, 100))
    both = await ask(memory, graph, "own3 no1999", scope="u/1", weights={"words": 1.0, "meaning": 0.1})
    assert set(keys(both)[:2]) == {"own3", "k1999"}
    assert not any(key.startswith("own") for key in keys(await ask(memory, graph, "own3 apple", k=100)))
    await memory.entities.put(graph, [Entity("k3", text="now something else", embedding=stable_vector("else"))])
    assert "k3" not in keys(await ask(memory, graph, "no3"))
    assert keys(await ask(memory, graph, "no3 something else"))[0] == "k3"
    await memory.entities.delete(graph, ["k700"])
    assert "k700" not in keys(await ask(memory, graph, vector=vectors[700].tolist()))


async def test_what_was_deleted_or_changed_is_found_no_more_by_what_it_said(memory: Memory, library: str) -> None:
    await memory.entities.put(library, [Entity("k1", text="entirely new zebra")])
    await memory.entities.delete(library, ["k2"])
    await memory.episodes.delete(library, ["k61"])
    assert keys(await ask(memory, library, "zebra", kinds=["entity"]))[0] == "k1"
    for gone in ("k2", "k61"):
        assert gone not in keys(await ask(memory, library, "apple river stone", k=1000))
    assert (await ask(memory, library, "no1")).hits[0].key != "k1" or "words" not in (
        await ask(memory, library, "no1")
    ).hits[0].retrievers


async def test_relabelled_entities_are_found_as_before(memory: Memory, library: str) -> None:
    before = await ask(memory, library, "no5 apple")
    await memory.relationships.put(library, [Relationship("K", "k5", "k6")])
    await memory.entities.put(library, [Entity("k5", "Robot")])
    after = await ask(memory, library, "no5 apple")
    assert {hit.key: hit.score for hit in after.hits} == {hit.key: hit.score for hit in before.hits}
    assert keys(await ask(memory, library, "no5", labels=["Robot"])) == ["k5"]
    assert (await memory.graphs.stats(library)).waiting_for_vectors == 0


@pytest.mark.long
async def test_recall_in_one_of_many_scopes_is_recall_in_a_graph_that_holds_only_it(memory: Memory, graph: str) -> None:
    alone = await new_graph(memory, f"{graph}_alone")
    told = [f"{text} {WORDS[n // 300 % 12]} {WORDS[n // 600]}" for n, text in enumerate(texts(3000))]
    many = [Entity(f"k{n:04}", text=text, scope=f"user/{n % 300}") for n, text in enumerate(told)]
    for start in range(0, 3000, 1000):
        await memory.entities.put(graph, many[start : start + 1000])
    chosen = 41
    await memory.entities.put(alone, [Entity(e.key, text=e.text) for e in many if e.scope == f"user/{chosen}"])
    await memory.embeddings.run(graph)
    await memory.embeddings.run(alone)
    for question in ("apple river", "winter no341", "violin copper meadow", "the garden", "zebra"):
        for method in ("convex", "rrf"):
            one = await ask(memory, graph, question, scope=f"user/{chosen}", fusion=method)
            other = await ask(memory, alone, question, fusion=method)
            assert keys(one) == keys(other)
            assert len(one.hits) == 10
            assert [hit.score for hit in one.hits] == pytest.approx([hit.score for hit in other.hits])
            told_one = [
                {retriever: (s.rank, pytest.approx(s.value)) for retriever, s in hit.retrievers.items()}
                for hit in one.hits
            ]
            assert told_one == [
                {retriever: (s.rank, s.value) for retriever, s in hit.retrievers.items()} for hit in other.hits
            ]


async def test_a_question_of_a_graph_that_is_not_there_is_not_found(memory: Memory) -> None:
    with pytest.raises(NotFound):
        await ask(memory, "nothing", "apple")


async def test_whatever_a_question_holds_it_is_answered_or_refused_in_words(memory: Memory, library: str) -> None:
    odd: list[Any] = ["", "x" * 5000, "\ud800", "\x00", "日本語", "'", "{a,b}", "NULL"]
    for value in odd:
        for parts in ({"labels": [value]}, {"sources": [value]}, {"text": value}, {"valid_at": value, "text": "apple"}):
            try:
                await ask(memory, library, **parts)
            except KgmemError as error:
                assert error.code in {"invalid-input", "too-large"}, (parts, error)
