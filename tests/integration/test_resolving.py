"""Whether what is described is an entity that a graph knows."""

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.domain.text.resolution import Described, NewMerge
from kgmem.memory import Memory
from tests.memories import opened_memory

NEIL = {"born": "1930-08-05", "aliases": ["First Man"]}


async def astronauts(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph,
        [
            Entity(
                "neil", "Person", name="Neil Armstrong", properties={"born": "1930-08-05", "aliases": ["First Man"]}
            ),
            Entity("buzz", "Person", name="Buzz Aldrin", properties={"born": "1930-01-20"}),
            Entity("louis", "Person", name="Louis Armstrong", properties={"born": "1901-08-04"}),
            Entity("paris", "Place", name="Paris", place=parse_place([2.35, 48.86])),
            Entity("paris-texas", "Place", name="Paris", place=parse_place([-95.55, 33.66])),
            Entity("paris-h", "Person", name="Paris"),
        ],
    )


async def key_of(memory: Memory, graph: str, described: Described, scope: str = "") -> str | None:
    (told,) = await memory.resolution.resolve(graph, [described], scope=scope)
    assert (told.key is not None) == (told.decision == "same")
    return told.key


async def test_known_names_and_aliases_are_found_however_they_are_written(memory: Memory, graph: str) -> None:
    await astronauts(memory, graph)
    for name in ("Neil Armstrong", "NEIL ARMSTRONG", "neil  armstrong", "First Man"):
        assert await key_of(memory, graph, Described([name], "Person")) == "neil"


async def test_slips_and_initials_are_candidates(memory: Memory, graph: str) -> None:
    await astronauts(memory, graph)
    for name in ("Niel Armstrong", "N. Armstrong", "Neil Armstrnog"):
        (told,) = await memory.resolution.resolve(graph, [Described([name], "Person")])
        assert told.decision == "candidate"
        assert told.candidates[0].key == "neil"


async def test_what_nobody_knows_is_different(memory: Memory, graph: str) -> None:
    await astronauts(memory, graph)
    for name in ("Michael Collins", "Zyx", "", "???"):
        (told,) = await memory.resolution.resolve(graph, [Described([name], "Person")])
        assert (told.decision, list(told.candidates)) == ("different", [])


async def test_things_of_one_name_and_different_types_stay_apart(memory: Memory, graph: str) -> None:
    await astronauts(memory, graph)
    assert await key_of(memory, graph, Described(["Paris"], "Person")) == "paris-h"
    told = await memory.resolution.resolve(graph, [Described(["Paris"], "Place")])
    assert [each.key for each in told[0].candidates] == ["paris", "paris-texas"]


async def test_where_names_are_equal_the_rest_decides_or_nobody_does(memory: Memory, graph: str) -> None:
    await astronauts(memory, graph)
    assert (await memory.resolution.resolve(graph, [Described(["Paris"], "Place")]))[0].decision == "candidate"
    assert await key_of(memory, graph, Described(["Paris"], "Place", place=(2.3, 48.9))) == "paris"
    assert await key_of(memory, graph, Described(["Paris"], "Place", place=(-95.5, 33.7))) == "paris-texas"


async def test_values_make_candidates_the_same(memory: Memory, graph: str) -> None:
    await astronauts(memory, graph)
    described = Described(["N. Armstrong"], "Person", {"born": "1930-08-05"})
    assert await key_of(memory, graph, described) == "neil"


async def test_neighbours_speak_for_an_entity(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(k, "Person", name="J. Doe") for k in ("one", "two")])
    await memory.entities.put(graph, [Entity(k) for k in "abcd"])
    await memory.relationships.put(graph, [Relationship("KNOWS", "one", k) for k in "ab"])
    await memory.relationships.put(graph, [Relationship("KNOWS", "two", k) for k in "cd"])
    assert await key_of(memory, graph, Described(["J. Doe"], "Person", neighbours=frozenset("cd"))) == "two"


async def test_names_follow_what_is_written_renamed_and_deleted(memory: Memory, graph: str) -> None:
    await astronauts(memory, graph)
    assert await key_of(memory, graph, Described(["Buzz Aldrin"])) == "buzz"
    await memory.entities.put(graph, [Entity("buzz", name="Edwin Aldrin")])
    assert await key_of(memory, graph, Described(["Edwin Aldrin"])) == "buzz"
    assert await key_of(memory, graph, Described(["Buzz Aldrin"])) is None
    await memory.entities.put(graph, [Entity("buzz", "Pilot")])  # Under another label it has another id.
    assert await key_of(memory, graph, Described(["Edwin Aldrin"])) == "buzz"
    await memory.entities.delete(graph, ["buzz"])
    assert await key_of(memory, graph, Described(["Edwin Aldrin"])) is None


async def test_what_was_merged_is_known_by_its_former_key_and_name(memory: Memory, graph: str) -> None:
    await astronauts(memory, graph)
    await memory.entities.put(graph, [Entity("N-A", "Person", name="Commander of Apollo")])
    merged = await memory.resolution.merge(graph, NewMerge("neil", "N-A", "ada", "One man."))
    assert await key_of(memory, graph, Described(["Commander of Apollo"], "Person")) == "neil"
    (told,) = await memory.resolution.resolve(graph, [Described(["Neil A."], "Person", key="N-A")])
    assert "neil" in {each.key for each in told.candidates}
    await memory.resolution.undo_merge(graph, merged.id or 0, by="ada", reason="Two.")
    assert await key_of(memory, graph, Described(["Commander of Apollo"], "Person")) == "N-A"


async def test_a_scope_sees_its_own_and_what_is_above_it(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("s", name="Sam Hill"), Entity("u", name="Uma Hill", scope="user/1")])
    assert await key_of(memory, graph, Described(["Sam Hill"]), "user/1") == "s"
    assert await key_of(memory, graph, Described(["Uma Hill"]), "user/1") == "u"
    assert await key_of(memory, graph, Described(["Uma Hill"]), "user/2") is None


async def test_a_vector_finds_what_no_name_does(memory: Memory, graph: str) -> None:
    vector = [1.0] + [0.0] * 63
    await memory.entities.put(graph, [Entity("moon", "Place", name="Luna", embedding=vector)])
    (told,) = await memory.resolution.resolve(graph, [Described(["Earth's satellite"], "Place", vector=vector)])
    assert told.decision != "same"


async def test_too_many_at_once_are_refused(memory: Memory, graph: str) -> None:
    assert await memory.resolution.resolve(graph, []) == []
    with pytest.raises(InvalidInput):
        await memory.resolution.resolve(graph, [Described(["x"])] * 1001)


async def test_duplicates_are_found_and_put_on_the_review_list(memory: Memory, graph: str) -> None:
    await astronauts(memory, graph)
    await memory.entities.put(graph, [Entity("n2", "Person", name="Niel Armstrong", properties={"born": "1930-08-05"})])
    await memory.entities.put(graph, [Entity("n3", "Person", name="Neil Armstrong", scope="user/1")])
    seen, waiting = await memory.resolution.find_duplicates(graph)
    pairs = {(each.one, each.other) for each in (await memory.resolution.candidates(graph)).items}
    assert ("n2", "neil") in pairs
    assert waiting == len(pairs)
    assert seen == 7
    assert not any("n3" in each for each in pairs)
    assert (await memory.graphs.stats(graph)).entities == 8  # Nothing was merged.
    assert (await memory.resolution.find_duplicates(graph))[1] == waiting


async def test_askers_and_writers_that_meet_find_what_is_written(memory: Memory, graph: str) -> None:
    names = [f"Person {chr(65 + n // 26)}{chr(97 + n % 26)}x" for n in range(60)]

    async def write(name: str) -> None:
        await memory.entities.put(graph, [Entity(name, "Person", name=name)])

    async def ask() -> None:
        await memory.resolution.resolve(graph, [Described([random.choice(names)], "Person")])

    await asyncio.gather(*(write(name) for name in names), *(ask() for _ in range(30)))
    told = await memory.resolution.resolve(graph, [Described([name], "Person") for name in names])
    assert [each.key for each in told] == names


async def test_entities_are_merged_by_a_person_and_by_nothing_else(memory: Memory, graph: str, tmp_path: Path) -> None:
    """Two records that agree in everything but their keys stay two, whatever looks at them."""
    born = {"born": "1930-08-05", "aliases": ["First Man"]}
    twins = [Entity(key, "Person", name="Neil Armstrong", properties=born) for key in ("neil", "armstrong")]
    await memory.entities.put(graph, [*twins, Entity("ohio", "Place", name="Wapakoneta")])
    await memory.relationships.put(graph, [Relationship("BORN_IN", each.key, "ohio") for each in twins])
    file = tmp_path / "people.csv"
    file.write_text("key,label,name,born\nn-a,Person,Neil Armstrong,1930-08-05\n")
    await memory.imports.run(graph, [file])
    await memory.episodes.put(graph, [Episode("Neil Armstrong, born in Wapakoneta, was the First Man.", extract=True)])
    await memory.extraction.run(graph)
    assert (await memory.resolution.find_duplicates(graph))[1] >= 3
    (told,) = await memory.resolution.resolve(graph, [Described(["Neil Armstrong"], "Person", born)])
    assert told.decision == "candidate"
    pairs = (await memory.resolution.candidates(graph)).items
    assert await memory.resolution.propose(graph, [replace(each, evidence=99.0) for each in pairs]) == len(pairs)
    assert await memory.resolution.merges(graph) == []
    for key in ("neil", "armstrong", "n-a"):
        assert (await memory.entities.get(graph, key)).key == key


@pytest.mark.parametrize("name", ["Zyx Qwq", "Buzz Aldrin", "Apollo", "Louise Brooks"])
async def test_no_evidence_makes_one_of_names_that_have_nothing_in_common(
    memory: Memory, graph: str, name: str
) -> None:
    values = {f"value{n}": f"rare words number {n}" for n in range(20)} | {"born": "1930-08-05"}
    vector = [1.0] + [0.0] * 63
    place = (2.35, 48.86)
    known = Entity("neil", "Person", name="Neil Armstrong", properties=values, embedding=vector)
    await memory.entities.put(graph, [replace(known, place=parse_place(list(place))), Entity("p", name="P")])
    await memory.relationships.put(graph, [Relationship("KNOWS", "neil", "p")])
    described = Described([name], "Person", values, neighbours=frozenset({"p"}), place=place, vector=vector)
    (told,) = await memory.resolution.resolve(graph, [described])
    assert (told.decision != "same", told.key) == (True, None)


def camera(number: int) -> tuple[str, str]:
    """Return the names of one camera in two shops."""
    draw = random.Random(number)
    maker = draw.choice(["Acme", "Zenith", "Polar"])
    model = f"{draw.choice('abcdef')}{draw.choice('ghk')}{draw.randrange(1000, 9999)}"
    return f"{maker} digital camera {model[:2]}-{model[2:]}", f"{maker.upper()} {model} {draw.choice(['kit', 'body'])}"


@pytest.fixture
async def shop(memory: Memory, graph: str) -> str:
    """Return a graph of 60 cameras as one shop describes them."""
    cameras = [
        Entity(f"a{n}", "Object", name=camera(n)[0], properties={"about": f"A camera of {n % 9 + 4} megapixels"})
        for n in range(60)
    ]
    await memory.entities.put(graph, cameras)
    return graph


async def test_descriptions_in_other_words_are_known_by_a_cut_from_the_data(memory: Memory, shop: str) -> None:
    described = [Described([camera(n)[1]], "Object", {"price": 100 + n}) for n in range(40)]
    told = await memory.resolution.resolve(shop, described)
    assert sum(each.key == f"a{n}" for n, each in enumerate(told)) >= 36
    assert sum(each.key not in {None, f"a{n}"} for n, each in enumerate(told)) <= 1
    unknown = [Described([camera(n)[1]], "Object", {"price": 100 + n}) for n in range(100, 140)]
    told = await memory.resolution.resolve(shop, [*described, *unknown])
    assert sum(each.key is not None for each in told[40:]) <= 2


async def test_duplicates_among_many_are_told_and_the_nearest_are_listed(memory: Memory, shop: str) -> None:
    twins = [Entity(f"b{n}", "Object", name=camera(n)[1], properties={"price": 100 + n}) for n in range(30)]
    await memory.entities.put(shop, twins)
    await memory.resolution.find_duplicates(shop)
    listed = (await memory.resolution.candidates(shop, limit=1000)).items
    same = {(each.one, each.other) for each in listed if each.decision == "same"}
    truth = {(f"a{n}", f"b{n}") for n in range(30)}
    assert len(same & truth) >= 27
    assert len(same - truth) <= 2
    assert truth <= {(each.one, each.other) for each in listed}


async def test_the_nearest_pairs_are_listed_where_nothing_is_the_same(memory: Memory, shop: str) -> None:
    _, waiting = await memory.resolution.find_duplicates(shop)
    assert waiting >= 10


async def test_what_people_reject_moves_the_cut(memory: Memory, shop: str) -> None:
    twins = [Entity(f"b{n}", "Object", name=camera(n)[1], properties={"price": 100 + n}) for n in range(30)]
    await memory.entities.put(shop, twins)
    await memory.resolution.find_duplicates(shop)
    before = {each.id: each for each in (await memory.resolution.candidates(shop, limit=1000)).items}
    rejected = sorted(before.values(), key=lambda each: -each.evidence)[:8]
    for each in rejected:
        await memory.resolution.reject(shop, each.id or 0, by="ada", reason="Two.")
    await memory.resolution.find_duplicates(shop)
    after = {each.id: each for each in (await memory.resolution.candidates(shop, limit=1000)).items}
    moved = [after[id_].evidence - before[id_].evidence for id_ in before.keys() & after.keys()]
    assert moved
    assert max(moved) <= 0
    assert min(moved) < 0


async def test_in_a_small_graph_too_duplicates_are_found_by_all_that_they_say(memory: Memory, graph: str) -> None:
    said = {
        "a": ("Canon EOS 40D body", "10.1 megapixel camera, model EOS40D, black"),
        "b": ("EOS-40D digital camera", "Canon EOS40D body only, 10.1 megapixel, black"),
        "c": ("Nikon D60 kit", "10.2 megapixel camera with lens, model D60"),
        "d": ("Bosch PSB 750 drill", "impact drill, 750 watt, green"),
        "e": ("Garden chair", "folding chair of teak"),
    }
    await memory.entities.put(
        graph,
        [Entity(key, "Product", name=name, properties={"about": about}) for key, (name, about) in said.items()],
    )
    await memory.resolution.find_duplicates(graph)
    found = (await memory.resolution.candidates(graph)).items
    assert (found[0].one, found[0].other, found[0].decision) == ("a", "b", "same")
    assert [each for each in found if each.decision == "same"] == found[:1]
    assert len(found) <= len(said)


class Synonyms:
    """An embedder for which texts of one thing, in whatever words, have nearly one vector."""

    def __init__(self, rows: list[list[str]]) -> None:
        self.thing = {name: place for place, row in enumerate(rows) for name in (row[0], row[2])}
        self.space = EmbeddingSpace(provider="test", model="synonyms", dimension=96, revision="1", max_tokens=1000)

    async def embed(self, texts: Sequence[str], role: str = "document") -> list[list[float]]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        draw = random.Random(text)
        vector = [draw.gauss(0, 0.05) for _ in range(96)]
        vector[self.thing[text.split("\n", maxsplit=1)[0]]] += 1
        length = math.hypot(*vector)
        return [each / length for each in vector]

    async def aclose(self) -> None:
        return None


@pytest.mark.long
async def test_stored_vectors_find_what_other_words_describe(database_url: str) -> None:
    file = Path(__file__).parents[1] / "data" / "resolution" / "paraphrases.tsv"
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
    async with opened_memory(database_url, embedder=Synonyms(rows)) as memory:
        await memory.graphs.create("things")
        left = [
            Entity(f"l{at}", "Thing", name=row[0], properties={"description": row[1]}) for at, row in enumerate(rows)
        ]
        await memory.entities.put("things", left)
        await memory.embeddings.run("things")
        asked = [Described([row[2]], "Thing", {"description": row[3]}) for row in rows]
        told = await memory.resolution.resolve("things", asked)
        right = sum(each.key == f"l{at}" for at, each in enumerate(told))
        assert right >= 0.9 * len(rows)
        assert all(each.key in (None, f"l{at}") for at, each in enumerate(told))
        more = [
            Entity(f"r{at}", "Thing", name=row[2], properties={"description": row[3]}) for at, row in enumerate(rows)
        ]
        await memory.entities.put("things", more)
        await memory.embeddings.run("things")
        await memory.resolution.find_duplicates("things")
        found = (await memory.resolution.candidates("things", limit=500)).items
        same = {(each.one, each.other) for each in found if each.decision == "same"}
        assert len(same & {(f"l{at}", f"r{at}") for at in range(len(rows))}) >= 0.9 * len(rows)
