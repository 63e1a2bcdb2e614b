"""The key of an entity that was merged away means the kept one at every interface, until the merge is undone."""

from pathlib import Path

import httpx
import orjson
import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, FactTarget
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Hops, Links, Question, Relation, What, When
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from kgmem.settings import Settings
from kgmem_api.app import create_app
from tests.memories import new_graph

pytestmark = pytest.mark.server
SCOPE = "user/7"


@pytest.fixture
async def merge(memory: Memory, graph: str) -> int:
    """The merge of `n-a` into `neil`, who flew on apollo-11."""
    await memory.entities.put(
        graph,
        [
            Entity("neil", "Person", name="Neil Armstrong", valid_from="1930", valid_to="2012"),
            Entity("n-a", "Person", name="N. Armstrong"),
            Entity("apollo-11", "Event", name="Apollo 11", valid_from="1969-07-16", valid_to="1969-07-24"),
            Entity("ohio", "Place", name="Ohio"),
        ],
    )
    await memory.relationships.put(
        graph, [Relationship("FLEW_ON", "neil", "apollo-11", text="Neil flew.", source="nasa")]
    )
    return (await memory.resolution.merge(graph, NewMerge("neil", "n-a", by="ada", reason="One person."))).id


async def test_whoever_writes_the_key_writes_the_kept_one(memory: Memory, graph: str, merge: int) -> None:
    await memory.entities.put(graph, [Entity("n-a", properties={"rank": "commander"})])
    await memory.relationships.put(
        graph, [Relationship("BORN_IN", "n-a", "ohio"), Relationship("HONOURS", "ohio", "n-a")]
    )
    await memory.claims.put(graph, [ClaimStatement("press", "n-a", "eyes", value="blue")])
    await memory.claims.put(graph, [ClaimStatement("press", "ohio", "ADMIRES", object="n-a")])
    await memory.episodes.put(graph, [Episode("He said little.", key="e1", mentions=["n-a"])])

    neil = await memory.entities.get(graph, "neil")
    assert (neil.properties["rank"], neil.properties["eyes"]) == ("commander", "blue")
    assert [each.key for each in (await memory.entities.list(graph, label="Person")).items] == ["neil"]
    ends = {(each.start, each.kind, each.end) for each in (await memory.relationships.list(graph)).items}
    assert ends >= {("neil", "BORN_IN", "ohio"), ("ohio", "HONOURS", "neil"), ("ohio", "ADMIRES", "neil")}
    assert not any("n-a" in each for each in ends)
    assert (await memory.episodes.get(graph, "e1")).mentions == ["neil"]


async def test_whoever_asks_by_the_key_is_answered_of_the_kept_one(memory: Memory, graph: str, merge: int) -> None:
    await memory.claims.put(graph, [ClaimStatement("press", "neil", "eyes", value="blue")])
    assert (await memory.entities.get(graph, "n-a")).key == "neil"
    assert [each.end for each in (await memory.relationships.list(graph, entity="n-a")).items] == ["apollo-11"]
    assert [
        each.value for each in (await memory.claims.list(graph, ClaimFilter(subject="n-a"))).items if each.value
    ] == ["blue"]
    assert [
        each.value for each in (await memory.facts.list(graph, FactFilter(subject="n-a", predicate="eyes"))).items
    ] == ["blue"]
    told = ClaimStatement("x", "n-a", "eyes", value="blue")
    assert (await memory.claims.verify(graph, told)).facts
    for question in (
        Question(graph=Links(hops=Hops(["n-a"], 1)), what=What(kinds=("entity",))),
        Question(when=When(relation=Relation("during", entity="n-a"))),
        Question(what=What(text="apollo", start=["n-a"]), graph=Links(expand=True)),
    ):
        hits = (await memory.recall(graph, question)).hits
        assert "apollo-11" in {hit.key for hit in hits}, question
    done = await memory.facts.retract(
        graph, FactTarget(subject="n-a", predicate="eyes"), by="ada", reason="They are grey."
    )
    assert done.before["value"] == "blue"


async def test_undoing_the_merge_ends_the_redirect(memory: Memory, graph: str, merge: int) -> None:
    await memory.resolution.undo_merge(graph, merge, by="ada", reason="Two people.")
    await memory.entities.put(graph, [Entity("n-a", properties={"rank": "cook"})])
    assert (await memory.entities.get(graph, "n-a")).properties == {"rank": "cook"}
    assert "rank" not in (await memory.entities.get(graph, "neil")).properties
    assert (await memory.relationships.list(graph, entity="n-a")).items == []


async def test_a_scope_below_means_the_kept_one_too_unless_it_has_an_entity_of_that_key(
    memory: Memory, graph: str, merge: int
) -> None:
    await memory.relationships.put(graph, [Relationship("MET", "n-a", "ohio", scope=SCOPE)])
    assert [each.start for each in (await memory.relationships.list(graph, scope=SCOPE, kind="MET")).items] == ["neil"]
    await memory.entities.delete(graph, ["n-a"])
    with pytest.raises(NotFound):
        await memory.entities.get(graph, "neil")


async def test_rest_redirects_too(memory: Memory, graph: str, merge: int) -> None:
    _, secret = await memory.keys.create("tests", "admin")
    app = create_app(memory, settings=Settings())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=f"http://localhost/v1/graphs/{graph}/",
        headers={"Authorization": f"Bearer {secret}"},
    ) as client:  # fmt: skip
        put = await client.put("entities", json={"entities": [{"key": "n-a", "properties": {"rank": "commander"}}]})
        assert put.status_code == 200
        assert (await client.get("entities/n-a")).json()["key"] == "neil"
        listed = (await client.get("relationships", params={"entity": "n-a"})).json()["relationships"]
        assert {each["to"] for each in listed} == {"apollo-11"}
        asked = {"graph": {"hops": {"from": ["n-a"], "max": 1}}}
        hits = (await client.post("recall", json=asked)).json()["hits"]
        assert "apollo-11" in {hit["key"] for hit in hits}
        await client.request("DELETE", "entities", params={"key": "n-a"})
        assert (await client.get("entities/neil")).status_code == 404


async def test_imports_write_the_kept_one(memory: Memory, graph: str, merge: int, tmp_path: Path) -> None:
    entities, relationships = tmp_path / "entities.csv", tmp_path / "relationships.jsonl"
    entities.write_text("key,label,rank\nn-a,Person,commander\nbuzz,Person,pilot\n")
    relationships.write_text(
        '{"from": "n-a", "kind": "BORN_IN", "to": "ohio"}\n{"from": "buzz", "kind": "KNOWS", "to": "n-a"}\n'
    )
    result = await memory.imports.run(graph, [entities, relationships])
    assert not result.rejected, result
    assert (await memory.entities.get(graph, "neil")).properties["rank"] == "commander"
    assert {each.key for each in (await memory.entities.list(graph, label="Person")).items} == {"neil", "buzz"}
    ends = {(each.start, each.kind, each.end) for each in (await memory.relationships.list(graph)).items}
    assert ends >= {("neil", "BORN_IN", "ohio"), ("buzz", "KNOWS", "neil")}


async def test_imported_episodes_and_claims_name_the_kept_one(
    memory: Memory, graph: str, merge: int, tmp_path: Path
) -> None:
    records = [
        {"type": "relationship", "from": "n-a", "kind": "BORN_IN", "to": "ohio"},
        {"type": "episode", "key": "e1", "text": "He said little.", "mentions": ["n-a", "ohio", "neil"]},
        {"type": "claim", "source": "press", "subject": "n-a", "predicate": "eyes", "value": "blue"},
        {"type": "claim", "source": "press", "subject": "ohio", "predicate": "ADMIRES", "object": "n-a"},
    ]
    file = tmp_path / "all.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, records)))
    dry = await memory.imports.run(graph, [file], ImportOptions(dry_run=True))
    assert (dry.rejected, dry.checked) == (0, 4), dry
    done = await memory.imports.run(graph, [file])
    assert not done.rejected, done

    assert (await memory.episodes.get(graph, "e1")).mentions == ["neil", "ohio"]
    (claim,) = (await memory.claims.list(graph, ClaimFilter(subject="neil", predicate="eyes"))).items
    assert claim.value == "blue"
    (claim,) = (await memory.claims.list(graph, ClaimFilter(subject="ohio", predicate="ADMIRES"))).items
    assert claim.object == "neil"
    again = await memory.imports.run(graph, [file])
    assert (again.rejected, again.created) == (0, 0), again


async def test_a_copy_of_the_graph_redirects_too(memory: Memory, graph: str, merge: int, tmp_path: Path) -> None:
    await memory.claims.put(graph, [ClaimStatement("press", "n-a", "eyes", value="blue")])
    await memory.exports.write(graph, tmp_path / "all.jsonl", ExportOptions())
    copy = await new_graph(memory, f"{graph}_2")
    assert not (await memory.imports.run(copy, [tmp_path / "all.jsonl"])).rejected
    assert (await memory.entities.get(copy, "n-a")).key == "neil"
    assert (await memory.facts.list(copy, FactFilter(subject="n-a", predicate="eyes"))).items
    found = await memory.cypher(copy, "MATCH (n {key: 'n-a'})-->(e) RETURN n.key, e.key")
    assert [list(row) for row in found.rows] == [["neil", "apollo-11"]]
