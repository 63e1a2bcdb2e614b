"""Every candidate is valued by words and by meaning, also where only the other lists it; nothing leaks by that."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.question import Links, Question, Spot, What, When, Where
from kgmem.domain.space.place import parse_place
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from kgmem.store.db.sql import SQL, fill
from kgmem.store.db.statements import statement
from tests.memories import DIMENSION, index_schema, query, stable_vector

ASKED = What(text="apple river")
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
    "lamp",
    "bridge",
    "tower",
)


def texts(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.sample(WORDS, 5)) for _ in range(count)]


async def put(memory: Memory, graph: str, told: Sequence[str], prefix: str = "k", **fields: Any) -> None:
    await memory.entities.put(graph, [Entity(f"{prefix}{n}", text=text, **fields) for n, text in enumerate(told)])
    await memory.embeddings.run(graph)


async def hits(memory: Memory, graph: str, question: Question) -> dict[str, Hit]:
    return {hit.key: hit for hit in (await memory.recall(graph, question)).hits}


@pytest.mark.long
@pytest.mark.parametrize("count", [300, 1100], ids=["small scope", "large scope"])
async def test_each_hit_has_the_value_of_every_retriever_of_the_text(memory: Memory, graph: str, count: int) -> None:
    told = texts(count, 1)
    await put(memory, graph, told)
    asked = replace(ASKED, vector=stable_vector("elsewhere", DIMENSION))  # What words find is not near.
    found = await hits(memory, graph, Question(asked, k=40))
    near = await hits(memory, graph, Question(asked, k=1000, weights={"words": 0}))
    alone = await hits(memory, graph, Question(asked, k=1000, weights={"meaning": 0}))
    assert len(near) > 0.9 * min(count, 1000)
    for key, hit in found.items():
        assert "meaning" in hit.retrievers
        if key in near:
            assert hit.retrievers["meaning"].value == pytest.approx(near[key].retrievers["meaning"].value)
        shares_a_word = {"apple", "river"} & set(told[int(key[1:])].split())
        assert ("words" in hit.retrievers) == bool(shares_a_word)
        if shares_a_word and key in alone:
            # The index rounds the lengths of texts, and the look-up does not.
            assert hit.retrievers["words"].value == pytest.approx(alone[key].retrievers["words"].value, rel=0.2)
    listed = {
        name: {key for key, hit in found.items() if name in hit.retrievers and hit.retrievers[name].listed}
        for name in ("words", "meaning")
    }
    assert any(not share.listed for hit in found.values() for share in hit.retrievers.values())
    assert listed["words"] | listed["meaning"] == found.keys()


async def test_a_value_that_was_looked_up_is_no_agreement(memory: Memory, graph: str) -> None:
    await put(memory, graph, texts(120, 2))
    found = await hits(memory, graph, Question(ASKED, k=20))
    both = [
        hit.confidence
        for hit in found.values()
        if all(each.listed for each in hit.retrievers.values()) and len(hit.retrievers) == 2
    ]
    one = [hit.confidence for hit in found.values() if sum(each.listed for each in hit.retrievers.values()) == 1]
    assert set(both) == {0.5}
    assert set(one) == {0.375}


@pytest.mark.long
@pytest.mark.parametrize("count", [60, 1100], ids=["small scope", "large scope"])
async def test_looking_up_lets_nothing_pass_that_the_question_excludes(memory: Memory, graph: str, count: int) -> None:
    mine, others = texts(count, 3), texts(40, 4)
    await put(memory, graph, mine, scope="team/1", labels=["Craft"])
    before = await hits(memory, graph, Question(ASKED, scope="team/1", k=60))
    known_at = iso(now())
    await put(memory, graph, others, "secret", scope="team/2")
    await put(memory, graph, others, "future", scope="team/1", valid_from="2999")
    await put(memory, graph, others, "place", scope="team/1", place=parse_place([1.0, 2.0]), labels=["Site"])
    await memory.episodes.put(
        graph, [Episode(text, f"turn{n}", scope="team/1", session="s") for n, text in enumerate(others)]
    )
    questions = {
        "scope": (Question(ASKED, scope="team/1", k=200), ("k", "place", "turn")),
        "label": (Question(What(text="apple river", labels=["Craft"]), scope="team/1", k=200), ("k",)),
        "kind": (Question(What(text="apple river", kinds=["episode"]), scope="team/1", k=200), ("turn",)),
        "must be near": (
            Question(ASKED, where=Where(near=Spot(point=(1.0, 2.0)), km=5), scope="team/1", k=200),
            ("place",),
        ),
        "neighbours": (Question(ASKED, scope="team/1", graph=Links(context=True), k=200), ("k", "place", "turn")),
        "known at": (Question(ASKED, When(known_at=known_at), scope="team/1", k=200), ("k",)),
    }
    for name, (question, allowed) in questions.items():
        found = await hits(memory, graph, question)
        assert found, name
        assert all(key.startswith(allowed) for key in found), name
        candidates = await memory.ports.index.candidates(graph, question, await vector(memory))
        told = {id_ for looked_up in candidates.looked_up.values() for id_ in looked_up.values}
        assert all(key.startswith(allowed) for key in await keys_of(memory, graph, told)), name
    then = await hits(memory, graph, Question(ASKED, When(known_at=known_at), scope="team/1", k=60))
    assert then.keys() <= {f"k{n}" for n in range(count)}
    if count < 1000:
        assert {key: hit.score for key, hit in then.items()} == {
            key: pytest.approx(hit.score) for key, hit in before.items()
        }


async def keys_of(memory: Memory, graph: str, ids: set[int]) -> list[str]:
    schema = await index_schema(memory, graph)
    return [row["key"] for row in await query(memory, f"SELECT key FROM {schema}.item WHERE id = ANY ($1)", list(ids))]


async def vector(memory: Memory) -> Any:
    assert memory.ports.embedder is not None
    return (await memory.ports.embedder.embed([ASKED.text or ""], "query"))[0]


async def test_the_41st_of_a_retriever_counts_almost_as_much_as_the_40th(memory: Memory, graph: str) -> None:
    """Sixty texts have the word equally often; that only 40 are listed by words makes no difference."""
    await memory.entities.put(graph, [Entity(f"k{n}", text=f"apple {word}") for n, word in enumerate(texts(60, 5))])
    await memory.embeddings.run(graph)
    found = await hits(memory, graph, Question(What(text="apple"), k=20))
    values = {hit.retrievers["words"].value for hit in found.values()}
    assert len(found) == 20
    assert max(values) - min(values) < 0.2 * max(values)
    assert min(hit.score * hit.retrievers["words"].share for hit in found.values()) > 0


async def test_a_very_long_text_is_valued_in_bounded_time_and_found_by_its_first_passages(
    memory: Memory, graph: str
) -> None:
    filler = " ".join(texts(3000, 6)).replace("apple", "cloud").replace("river", "stone")
    await put(memory, graph, [f"Apple river. {filler}", *texts(60, 7)])
    found = await hits(memory, graph, Question(ASKED, k=60))
    assert found["k0"].retrievers.keys() == {"meaning", "words"}


@pytest.mark.long
@pytest.mark.parametrize("k", [20, 100])
async def test_the_nearest_vectors_are_found_however_many_are_asked_for(memory: Memory, graph: str, k: int) -> None:
    draw = random.Random(8)
    vectors = {f"k{n}": [draw.gauss(0, 1) for _ in range(DIMENSION)] for n in range(1500)}
    await memory.entities.put(graph, [Entity(key, embedding=each) for key, each in vectors.items()])
    asked = [draw.gauss(0, 1) for _ in range(DIMENSION)]

    def cosine(each: Sequence[float]) -> float:
        return sum(one * other for one, other in zip(each, asked, strict=True)) / math.hypot(*each)

    exact = sorted(vectors, key=lambda key: -cosine(vectors[key]))[:k]
    found = await hits(memory, graph, Question(What(vector=asked), k=k))
    assert len(found) == k
    assert len(found.keys() & set(exact)) >= 0.97 * k


BASES = """
abandon able adapt agree apolog argue beauty care center cherish class comfort compli cry definit democrat depend
die dig digit dry dye eager elect email excel fall fly formal gentl happi hope hop idl indic inter lie logic luxuri
mine modern nation nav news one oper organ possib provi pray quiz rad rate rational ris sing sensit ski sky sue tan
technolog tie tri ugl univers van vi vis zoo naïv Éclair ÜBER Ångström straße ИСТОРИЯ istanbul x
"""
SUFFIXES = """
s 's es ed er ers ing ings ingly edly ly li y ies ied ier iest ying e est al ally ality alities alism alist alize
alizing alization ate ated ating ation ational ationally ator ative ativeness ity iti ities iveness ively ful fully
fulness less lessly lessness ness ous ously ousness able ably ability abilities ible ibility bli ence ency ent ently
ance ancy ant enci anci entli ousli ic ical ically icate icity iciti ize izer izing ization ism ist ogy ogi ogist
logy ment ments ement sion tion tional ably fulli lessli yed ss us
"""
IRREGULAR = """
dying dies died dyed lying lies tying ties skies skis sky idly gently ugly early only singly news howe atlas cosmos
bias andes inning innings outing canning herring earring proceed exceed succeed 3.14 -12 1e5 2001:db8::1 42nd
foo-bar_baz user@example.com https://example.com/a_b?c=d%20e back\\slash 100% under_score K9 ΟΔΟΣ ОДЕССА
"""


async def test_each_text_matches_the_patterns_of_its_stems(memory: Memory) -> None:
    words = [f"{base}{suffix}" for base in BASES.split() for suffix in ("", *SUFFIXES.split())] + IRREGULAR.split()
    words += [each.upper() for each in words] + [each.capitalize() for each in words]
    patterns = fill(statement("lookups", "patterns"), {"text": SQL("told.word")})
    missed = await query(
        memory,
        f"""SELECT told.word, p.patterns FROM unnest($1::text[]) AS told (word)
        CROSS JOIN LATERAL ({patterns}) p (patterns)
        WHERE EXISTS (SELECT FROM unnest(p.patterns) pattern WHERE lower(told.word) NOT LIKE pattern)""",
        words,
    )
    assert not [tuple(row) for row in missed]
    other = await query(
        memory,
        f"SELECT lower('Apollo landed') LIKE ANY (({patterns})::text[]) FROM (SELECT 'tomato soup' AS word) told",
    )
    assert [tuple(row) for row in other] == [(False,)]


@pytest.mark.long
async def test_values_that_are_looked_up_are_those_of_the_operators(memory: Memory, graph: str) -> None:
    told = texts(1100, 7)
    await put(memory, graph, told)
    asked = replace(ASKED, vector=stable_vector("elsewhere", DIMENSION))
    found = await hits(memory, graph, Question(asked, k=80, weights={"words": 0.2}))
    schema = await index_schema(memory, graph)
    table = (await query(memory, "SELECT space_table FROM kgmem.graph WHERE index_name = $1", schema))[0][0]
    rows = await query(
        memory,
        f"""SELECT i.key, -(v.embedding <#> $1::halfvec), -(p.body <@> to_bm25query($2, '{schema}.passage_words'))
        FROM {schema}.item i JOIN {schema}.passage p ON p.item = i.id JOIN {schema}.{table} v ON v.passage = p.id""",
        list(asked.vector or ()),
        asked.text,
    )
    exact = {key: {"meaning": meaning, "words": words} for key, meaning, words in rows}
    looked_up = [
        (share.value, exact[key][name])
        for key, hit in found.items()
        for name, share in hit.retrievers.items()
        if not share.listed
    ]
    assert looked_up
    assert all(value == pytest.approx(other, abs=1e-6) for value, other in looked_up)
    without = [key for key, hit in found.items() if "words" not in hit.retrievers]
    assert all(exact[key]["words"] == 0 for key in without)
