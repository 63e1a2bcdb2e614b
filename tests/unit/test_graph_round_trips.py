"""What a graph format carries comes back unchanged, whatever it is."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kgmem.domain.claims.claim import Source
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.property_graph.networkx import GraphBuilder, GraphOrigin
from kgmem.formats.records import ReadOptions
from tests.graph_files import EXTREMES, graph_records, read, said, taken, write, written

FORMATS = [("graphml", {}), ("gexf", {}), ("gexf", {"version": "1.2"}), ("apoc", {})]


def through_networkx(items: list[Any]) -> list[Any]:
    builder = GraphBuilder()
    builder.write(items)
    return taken(GraphOrigin(builder.graph).read(ReadOptions()))


@pytest.mark.parametrize(("name", "options"), FORMATS)
@given(items=st.lists(graph_records(), max_size=4))
@example(items=[Entity("k", "A", properties={f"p{n}": value for n, value in enumerate(EXTREMES)})])
@example(items=[Relationship("R", "a", "b", properties={f"p{n}": value for n, value in enumerate(EXTREMES)})])
@example(
    items=[Entity("\x01", "a:b", "n\x02\n", labels=["_x0041_", "::"]), Relationship("a\tb", "\x01", "\x01", key="")]
)
def test_what_was_written_is_read_back_as_the_same(name: str, options: dict[str, str], items: list[Any]) -> None:
    items = [item for item in items if getattr(item, "key", None) != ""]
    assert said(taken(read(name, write(name, items, **options)))) == said(items)


@pytest.mark.long
@given(st.lists(graph_records(), max_size=4, unique_by=lambda item: (type(item), item.key, getattr(item, "scope", ""))))
def test_what_became_a_networkx_graph_is_the_same_again(items: list[Any]) -> None:
    items.sort(key=lambda item: isinstance(item, Relationship))
    ends = [Entity(key) for item in items if isinstance(item, Relationship) for key in (item.start, item.end)]
    keys = {item.key for item in items if isinstance(item, Entity)}
    nodes = [item for item in {end.key: end for end in ends}.values() if item.key not in keys]
    assert said(through_networkx([*nodes, *items])) == said([*nodes, *items])


@pytest.mark.parametrize("name", ["graphml", "gexf", "apoc", "networkx"])
def test_one_key_in_several_scopes_stays_several_nodes(name: str) -> None:
    items: list[Any] = [
        Entity("ada", "Person", "Ada"),
        Entity("ada", "Person", "Ada of 42", scope="user/42"),
        Entity("bob", "Person", scope="user/42"),
        Relationship("KNOWS", "ada", "bob", scope="user/42"),
        Relationship("KNOWS", "ada", "ada"),
        Episode("hello", key="ada", scope="user/42"),
        Source("ada", trust=0.9),
    ]
    found = through_networkx(items) if name == "networkx" else taken(read(name, write(name, items)))
    assert said(found) == said(items)
    if name == "graphml":
        text = write(name, items).decode()
        assert text.count('<node id="ada"') == 1
        assert 'source="user/42#ada" target="user/42#bob"' in text


@pytest.mark.parametrize("name", ["graphml", "gexf", "apoc"])
def test_embeddings_are_a_property_that_is_an_embedding_again(name: str) -> None:
    items = [Entity("a", "A", embedding=[0.5, 1.0, -5.9604645e-08]), Entity("b", "A")]
    data, lost = written(name, items)
    assert lost == {}
    assert b"kgmem_embedding" in data
    assert said(taken(read(name, data))) == said(items)


@pytest.mark.parametrize("value", ["none", [], ["a"], [True], {"a": 1}, 1.5])
def test_a_property_of_the_name_of_embeddings_that_is_none_stays_a_property(value: Any) -> None:
    items = [Entity("a", "A", properties={"kgmem_embedding": value}), Entity("b", "A", embedding=[1.0])]
    assert said(taken(read("apoc", write("apoc", items)))) == said(items)


@pytest.mark.parametrize("name", ["graphml", "gexf", "apoc"])
def test_the_same_bytes_give_the_same_records_in_the_same_order(name: str) -> None:
    data = write(name, [Entity(f"e{n}", "A", properties={"n": n}) for n in range(50)])
    assert read(name, data) == read(name, data)
    assert [item.line for item in read(name, data)] == sorted(item.line for item in read(name, data))


@pytest.mark.parametrize("name", ["graphml", "gexf", "apoc"])
def test_only_the_asked_kind_is_written(name: str) -> None:
    items: list[Any] = [Source("s"), Entity("a", "A"), Relationship("R", "a", "a")]
    data, _ = written(name, items, "entity")
    assert said(taken(read(name, data))) == said([Entity("a", "A")])
