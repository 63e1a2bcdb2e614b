"""Cypher by the key of an entity that was merged away, over the facade, REST and Bolt."""

from typing import Any

import pytest

from kgmem.domain.errors import Conflict, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory

pytestmark = pytest.mark.server


@pytest.fixture
async def merge(memory: Memory, graph: str) -> int:
    """The merges of `n-a` into `neil`, and of `neil` into `armstrong`, who flew on apollo-11; `buzz` flew, too."""
    people = [Entity(key, "Person", name=name) for key, name in _PEOPLE.items()]
    await memory.entities.put(graph, [*people, _EVENT])
    await memory.relationships.put(
        graph, [Relationship("FLEW_ON", "armstrong", "apollo-11"), Relationship("FLEW_ON", "buzz", "apollo-11")]
    )
    await memory.resolution.merge(graph, NewMerge("neil", "n-a", by="ada", reason="One person."))
    return (await memory.resolution.merge(graph, NewMerge("armstrong", "neil", by="ada", reason="One person."))).id


_EVENT = Entity("apollo-11", "Event", name="Apollo 11", properties={"hero": "n-a"})
_PEOPLE = {"armstrong": "Neil Alden Armstrong", "neil": "Neil Armstrong", "n-a": "N. Armstrong", "buzz": "Buzz Aldrin"}


async def run(memory: Memory, graph: str, text: str, scope: str | None = None, **parameters: Any) -> list[list[Any]]:
    """Return the rows of a query."""
    answer = await memory.cypher(graph, text, parameters, mode="write", scope=scope)
    return [list(row) for row in answer.rows]


READS = {
    "MATCH (n {key: 'n-a'}) RETURN n.key": [["armstrong"]],
    "MATCH (n:Person {key: $key}) RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WHERE n.key = $key RETURN n.key": [["armstrong"]],
    "MATCH (n) WHERE $key = n.key RETURN n.key": [["armstrong"]],
    "MATCH (n) WHERE n.key IN ['n-a', 'neil', 'buzz', null] RETURN n.key ORDER BY n.key": [["armstrong"], ["buzz"]],
    "MATCH (n) WHERE n.key IN $keys RETURN n.key": [["armstrong"]],
    "UNWIND $keys AS key MATCH (n:Person {key: key}) RETURN key, n.key": [["n-a", "armstrong"]],
    "UNWIND [{key: 'n-a'}, {key: 'buzz'}] AS row MATCH (n {key: row.key}) RETURN n.key": [["armstrong"], ["buzz"]],
    "MATCH (n:Person) WHERE n.key = 'n-a' OR n.name = 'Buzz Aldrin' RETURN n.key ORDER BY n.key": [
        ["armstrong"],
        ["buzz"],
    ],
    "MATCH (n:Person) WHERE NOT n.key = 'n-a' RETURN n.key": [["buzz"]],
    "MATCH (n:Person) WHERE n.key <> $key RETURN n.key": [["buzz"]],
    "OPTIONAL MATCH (n {key: 'n-a'}) RETURN n.key": [["armstrong"]],
    "MATCH (e:Event)<-[:FLEW_ON]-(n {key: 'n-a'}) RETURN e.key": [["apollo-11"]],
    "MATCH (:Person {key: 'n-a'})-[:FLEW_ON*1..2]-(m) RETURN m.key ORDER BY m.key": [["apollo-11"], ["buzz"]],
    "MATCH p = shortestPath((a {key: 'n-a'})-[*]-(b {key: 'buzz'})) RETURN length(p)": [[2]],
    "MATCH (n:Person) MATCH (n {key: 'n-a'}) RETURN n.key": [["armstrong"]],
    "MATCH (e:Event) WHERE EXISTS { (e)<--({key: 'n-a'}) } RETURN e.key": [["apollo-11"]],
    "MATCH (e:Event) WHERE (e)<-[:FLEW_ON]-({key: $key}) RETURN e.key": [["apollo-11"]],
    "MATCH (e:Event) RETURN COUNT { (e)<--(n) WHERE n.key = $key } AS n": [[1]],
    "MATCH (e:Event) RETURN [(e)<--(n {key: 'n-a'}) | n.key] AS keys": [[["armstrong"]]],
    "MATCH (n {key: 'n-a'}) RETURN $key, 'n-a'": [["n-a", "n-a"]],
    # So do other places and forms of the comparison.
    "MATCH (n:Person) WITH n WHERE n.key = 'n-a' RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WITH n, $key AS k WHERE k = n.key RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WITH n WHERE n.key IN $keys RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WITH n AS m WHERE m.key <> 'n-a' RETURN m.key": [["buzz"]],
    "MATCH (n:Person) WHERE n['key'] = 'n-a' RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WHERE n[$name] = $key RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WITH n WHERE n['key'] IN ['x', 'n-a'] RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WITH collect(n) AS all UNWIND all AS n WITH n WHERE n.key = 'neil' RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WITH collect(n) AS all RETURN [n IN all WHERE n.key = $key | n.key]": [[["armstrong"]]],
    "MATCH (n:Person) WITH collect(n) AS all RETURN any(n IN all WHERE n.key IN ['x', $key])": [[True]],
    "MATCH (n:Person) WITH collect(n) AS all WHERE all[0].key IN $keys OR all[1].key IN $keys RETURN size(all)": [[2]],
    "MATCH p = (:Person)-->(:Event) WHERE startNode(relationships(p)[0]).key = 'n-a' RETURN length(p)": [[1]],
    "MATCH p = (:Person)-->(:Event) WHERE any(n IN nodes(p) WHERE n.key = 'n-a') RETURN length(p)": [[1]],
    "MATCH (n:Person) RETURN n.key, n.key = 'n-a' ORDER BY n.key": [["armstrong", True], ["buzz", False]],
    "MATCH (n:Person) RETURN CASE WHEN n.key = 'n-a' THEN 1 ELSE 0 END AS x ORDER BY x": [[0], [1]],
    "MATCH (n) WHERE n:Person RETURN sum(CASE WHEN n.key = 'n-a' THEN 1 WHEN n.key = 'buzz' THEN 0 ELSE 1 / 0 END)": [
        [1]
    ],
    "MATCH (n:Person) WHERE n.key = toLower('N-A') RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WHERE n.key = $prefix + '-a' RETURN n.key": [["armstrong"]],
    "MATCH (e:Event {key: 'apollo-11'}) MATCH (n:Person) WHERE n.key = e.hero RETURN n.key": [["armstrong"]],
    "MATCH (e:Event {key: 'apollo-11'}), (n:Person) WHERE n.key = e.hero RETURN n.key": [["armstrong"]],
    "MATCH (n:Person)-->(e:Event) WHERE n.key = e.hero RETURN n.key": [["armstrong"]],
    "MATCH (n:Person)-->(e:Event) WHERE n.key = toLower(e.hero) RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) MATCH (e:Event) WHERE e.hero = n.key RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) MATCH (e:Event {hero: n.key}) RETURN n.key": [["armstrong"]],
    "MATCH (n {key: 'armstrong'}) MATCH (e:Event) WHERE e.hero = n['key'] RETURN e.key": [["apollo-11"]],
    "MATCH (n:Person) WITH n MATCH (e:Event) WHERE toLower(e.hero) = n.key RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WHERE n.key IN [x IN ['a', 'n-a'] WHERE x <> 'a'] RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) RETURN count(CASE WHEN n.key = 'neil' THEN 1 END) AS x": [[1]],
    "MATCH (n:Person) WITH n ORDER BY n.key = 'n-a' DESC LIMIT 1 RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) CALL (n) { WITH n WHERE n.key = 'n-a' RETURN 1 AS one } RETURN n.key": [["armstrong"]],
    "MATCH (n:Event) RETURN reduce(k = '', m IN [(n)<--(p) | p] | k + CASE WHEN m.key = 'n-a' THEN '!' ELSE '' END)": [
        ["!"]
    ],
    "MATCH (n:Person) WHERE n.key = CASE WHEN n.key = 'neil' THEN 'n-a' ELSE 'no' END RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WHERE 'n-a' = n.key = 'neil' RETURN n.key": [["armstrong"]],
    "MATCH (n:Person) WHERE n.key = 'n-a' + toString(rand()) RETURN n.key": [],
    # What names no entity by its key is compared as it is.
    "MATCH (n:Person) WHERE n {.key}.key = 'n-a' RETURN n.key": [],
    "MATCH (n:Person) RETURN count(CASE n.key WHEN 'n-a' THEN 1 END) AS x": [[0]],
    "MATCH (n:Person) WITH n.key AS key WHERE key = 'n-a' RETURN key": [],
    "MATCH ()-[r]->() WHERE r.key = 'n-a' RETURN r": [],
    "MATCH (a:Person), (b:Person) WHERE a.key = b.key RETURN a.key ORDER BY a.key": [["armstrong"], ["buzz"]],
    "MATCH (n:Person) WHERE n.name = 'n-a' RETURN n.key": [],
    "WITH {key: 'n-a'} AS m RETURN m.key = 'n-a'": [[True]],
    "MATCH (n) WHERE n.key STARTS WITH 'n-' RETURN n.key": [],
    "MATCH (n) WHERE n.key = 'nobody' RETURN n.key": [],
}


@pytest.mark.long
async def test_a_match_by_the_key_finds_the_kept_one(memory: Memory, graph: str, merge: int) -> None:
    for scope in (None, "", "user/7"):
        for text, rows in READS.items():
            named = {"key": "n-a", "keys": ["n-a"], "name": "key", "prefix": "n"}
            assert await run(memory, graph, text, scope, **named) == rows, (text, scope)


async def test_merge_and_set_mean_the_kept_one(memory: Memory, graph: str, merge: int) -> None:
    rows = [{"key": "n-a", "rank": "commander"}, {"key": "buzz", "rank": "pilot"}]
    text = "UNWIND $rows AS row MERGE (n:Person {key: row.key}) SET n += row RETURN n.key, n.rank"
    assert await run(memory, graph, text, rows=rows) == [["armstrong", "commander"], ["buzz", "pilot"]]
    assert await run(memory, graph, "MATCH (n {key: 'n-a'}) SET n.key = 'neil' RETURN n.key") == [["armstrong"]]
    text = "MATCH (n {key: 'n-a'}) MERGE (m:Person {key: 'mike'}) CREATE (n)-[:KNOWS]->(m) RETURN n.key"
    assert await run(memory, graph, text) == [["armstrong"]]
    assert [each.start for each in (await memory.relationships.list(graph, kind="KNOWS")).items] == ["armstrong"]
    people = {each.key for each in (await memory.entities.list(graph, label="Person")).items}
    assert people == {"armstrong", "buzz", "mike"}


@pytest.mark.parametrize(
    "text",
    [
        "CREATE (:Person {key: 'n-a'})",
        "MATCH (n {key: 'buzz'}) SET n.key = 'neil'",
        "MERGE (n:Event {key: 'n-a'})",
        "MATCH (n {key: 'buzz'}) SET n = {key: 'n-a', name: 'x'}",
    ],
)
async def test_no_other_gets_the_key(memory: Memory, graph: str, merge: int, text: str) -> None:
    before = await run(memory, graph, "MATCH (n) RETURN n.key, n.name ORDER BY n.key")
    with pytest.raises(Conflict, match="merged into 'armstrong'"):
        await run(memory, graph, text)
    assert await run(memory, graph, "MATCH (n) RETURN n.key, n.name ORDER BY n.key") == before


async def test_undoing_the_merge_ends_the_redirect(memory: Memory, graph: str, merge: int) -> None:
    await memory.resolution.undo_merge(graph, merge, by="ada", reason="Two people.")
    for key in ("n-a", "neil"):
        assert await run(memory, graph, "MATCH (n {key: $key}) RETURN n.key", key=key) == [["neil"]]


async def test_the_key_is_free_once_the_kept_one_is_deleted(memory: Memory, graph: str, merge: int) -> None:
    await run(memory, graph, "MATCH (n {key: 'n-a'}) DETACH DELETE n")
    assert await run(memory, graph, "CREATE (n:Person {key: 'n-a'}) RETURN n.key") == [["n-a"]]
    assert await run(memory, graph, "MATCH (n {key: 'n-a'}) RETURN n.key") == [["n-a"]]


@pytest.mark.parametrize(
    "rename",
    [
        "MATCH (n {key: 'neil'}) SET n.key = 'commander'",
        "MATCH (n {key: 'armstrong'}) SET n += {key: 'commander'}",
        "MATCH (n {key: 'armstrong'}) SET n = {key: 'x', name: 'Neil'} SET n.key = 'commander'",
    ],
)
async def test_old_keys_follow_a_kept_node_that_gets_a_new_key(
    memory: Memory, graph: str, merge: int, rename: str
) -> None:
    await run(memory, graph, rename)
    for key in ("n-a", "neil", "commander"):
        assert await run(memory, graph, "MATCH (n {key: $key}) RETURN n.key", key=key) == [["commander"]]
        assert (await memory.entities.get(graph, key)).key == "commander"
    assert await run(memory, graph, "MATCH (n {key: 'armstrong'}) RETURN n") == []
    with pytest.raises(Conflict, match="merged into 'commander'"):
        await run(memory, graph, "CREATE (:Person {key: 'n-a'})")
    # The key that the kept one gave up may be another's now, who gets none of the old keys.
    await run(memory, graph, "CREATE (:Person {key: 'armstrong'})")
    assert (await memory.entities.get(graph, "n-a")).key == "commander"


async def test_two_kept_nodes_that_change_their_keys_over_keep_their_old_keys(
    memory: Memory, graph: str, merge: int
) -> None:
    await memory.entities.put(graph, [Entity("b-a", "Person", name="B. Aldrin")])
    await memory.resolution.merge(graph, NewMerge("buzz", "b-a", by="ada", reason="One person."))
    text = "MATCH (a {key: 'armstrong'}), (b {key: 'buzz'}) SET a.key = 'buzz', b.key = 'armstrong'"
    await run(memory, graph, text)
    text = "MATCH (n {key: $key}) RETURN n.key, n.name"
    assert await run(memory, graph, text, key="n-a") == [["buzz", "Neil Alden Armstrong"]]
    assert await run(memory, graph, text, key="b-a") == [["armstrong", "Buzz Aldrin"]]


async def test_a_merge_can_be_undone_after_the_kept_node_got_a_new_key(memory: Memory, graph: str, merge: int) -> None:
    await run(memory, graph, "MATCH (n {key: 'armstrong'}) SET n.key = 'commander'")
    await memory.resolution.undo_merge(graph, merge, by="ada", reason="Two people.")
    for key, kept in {"n-a": "neil", "neil": "neil", "commander": "commander"}.items():
        assert await run(memory, graph, "MATCH (n {key: $key}) RETURN n.key", key=key) == [[kept]]


async def test_old_keys_of_a_deleted_node_name_nothing_until_its_key_is_written_again(
    memory: Memory, graph: str, merge: int
) -> None:
    await memory.entities.delete(graph, ["n-a"])
    for key in ("n-a", "neil", "armstrong"):
        assert await run(memory, graph, "MATCH (n) WHERE n.key = $key RETURN n", key=key) == []
        with pytest.raises(NotFound):
            await memory.entities.get(graph, key)
    await memory.entities.put(graph, [Entity("armstrong", "Person", name="Neil")])
    assert (await memory.entities.get(graph, "n-a")).key == "armstrong"
    assert await run(memory, graph, "MATCH (n {key: 'n-a'}) RETURN n.key") == [["armstrong"]]


async def test_a_scope_sees_its_own_merge_and_an_episode_keeps_its_key(memory: Memory, graph: str, merge: int) -> None:
    people = [Entity(key, "Person", name=key, scope="user/7") for key in ("ann", "anne", "tom", "thomas")]
    await memory.entities.put(graph, people)
    await memory.resolution.merge(graph, NewMerge("ann", "anne", by="ada", reason="One person.", scope="user/7"))
    await memory.episodes.put(graph, [Episode("He said little.", key="n-a")])
    text = "MATCH (n {key: $key}) RETURN coalesce(n.name, 'episode')"
    assert await run(memory, graph, text, key="anne") == [["ann"]]
    assert await run(memory, graph, text, "user/7", key="anne") == [["ann"]]
    assert await run(memory, graph, text, "user/8", key="anne") == []
    for query in (text, "MATCH (n) WHERE n.key IN [$key] RETURN coalesce(n.name, 'episode')"):
        assert await run(memory, graph, query, key="n-a") == [["episode"]]


async def test_a_query_sees_a_merge_since_the_last_one(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("one", "Person", name="Ann"), Entity("two", "Person", name="Anne")])
    assert await run(memory, graph, "MATCH (n {key: 'two'}) RETURN n.key") == [["two"]]
    await memory.resolution.merge(graph, NewMerge("one", "two", by="ada", reason="One person."))
    assert await run(memory, graph, "MATCH (n {key: 'two'}) RETURN n.key") == [["one"]]
