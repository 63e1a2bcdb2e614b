"""Graphs of networkx as records."""

import datetime
from typing import Any

import networkx as nx
import numpy as np
import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.property_graph.networkx import GraphBuilder, GraphOrigin, check_graph, node_key
from kgmem.formats.records import Destination, Origin, ReadOptions, Rejected
from tests.graph_files import taken


def records(graph: Any, **options: str) -> list[Any]:
    return taken(GraphOrigin(graph).read(ReadOptions(options=options)))


def edges(graph: Any, **options: str) -> list[tuple[Any, ...]]:
    found = [item for item in records(graph, **options) if isinstance(item, Relationship)]
    return [(item.kind, item.start, item.end, dict(item.properties)) for item in found]


@pytest.mark.parametrize(
    ("node", "key"),
    [
        ("a", "a"), (1, "1"), (1.5, "1.5"), (True, "True"), (("a", 1), '["a",1]'), (np.int64(7), "7"),
        (frozenset({1}), "frozenset({1})"), (datetime.date(1969, 7, 20), "1969-07-20"),
        ((frozenset({1}),), "(frozenset({1}),)"),
    ],
)  # fmt: skip
def test_nodes_that_are_no_texts_have_keys_that_are(node: Any, key: str) -> None:
    assert node_key(node) == key
    graph = nx.Graph()
    graph.add_node(node)
    assert records(graph) == [Entity(key)]


def test_two_nodes_of_one_key_are_refused() -> None:
    graph = nx.Graph()
    graph.add_edge(1, "1")
    with pytest.raises(InvalidInput, match="the key '1'"):
        records(graph)
    with pytest.raises(InvalidInput, match="no graph of networkx"):
        check_graph({"a": ["b"]})


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph])
def test_each_of_the_four_kinds_is_read(kind: type[Any]) -> None:
    graph = kind()
    graph.add_edge("a", "b", kind="KNOWS", since=1999)
    graph.add_edge("a", "b", kind="LIKES")
    undirected = {} if graph.is_directed() else {"directed": False}
    if graph.is_multigraph():
        assert edges(graph) == [
            ("KNOWS", "a", "b", {**undirected, "since": 1999}),
            ("LIKES", "a", "b", undirected),
        ]
        keys = [item.key for item in records(graph)[2:]]
        graph["a"]["b"][0]["since"] = 2000
        assert [item.key for item in records(graph)[2:]] == keys
    else:
        assert edges(graph) == [("LIKES", "a", "b", {**undirected, "since": 1999})]


def test_what_nodes_and_edges_are_may_stand_in_other_attributes() -> None:
    graph = nx.DiGraph()
    graph.add_node("a", category="City", labels="none")
    graph.add_edge("a", "a", relation="IN")
    options = {"label_property": "category", "kind_property": "relation"}
    assert records(graph, **options)[0] == Entity("a", "City", properties={"category": "City", "labels": "none"})
    assert edges(graph, **options) == [("IN", "a", "a", {"relation": "IN"})]
    assert edges(graph, default_kind="LINK") == [("LINK", "a", "a", {"relation": "IN"})]


def test_values_of_numpy_times_and_tuples_become_what_json_says() -> None:
    graph = nx.Graph()
    graph.add_node(
        "a", n=np.int64(5), f=np.float64(0.5), v=np.array([1, 2]), t=(1, 2), d=datetime.date(1969, 7, 20),
        x=float("nan"), none=None, name="A", valid_from=datetime.date(1969, 7, 16),
    )  # fmt: skip
    assert records(graph) == [
        Entity("a", None, "A", {"n": 5, "f": 0.5, "v": [1, 2], "t": [1, 2], "d": "1969-07-20"}, valid_from="1969-07-16")
    ]


@pytest.mark.parametrize("value", [2**64, {1, 2}, object(), "\ud800"])
def test_what_json_cannot_say_costs_its_node_alone(value: Any) -> None:
    graph = nx.Graph()
    graph.add_node("a", odd=value)
    graph.add_node("b")
    first, second = GraphOrigin(graph).read(ReadOptions())
    assert isinstance(first, Rejected)
    assert "JSON" in first.reason
    assert (first.line, second.line) == (1, 2)


def test_edges_of_one_key_in_two_scopes_stay_two() -> None:
    builder = GraphBuilder()
    items: list[Any] = [
        Entity("a"), Entity("b"), Relationship("R", "a", "b", key="k"),
        Relationship("R", "a", "b", key="k", scope="user/1"),
    ]  # fmt: skip
    builder.write(items)
    assert builder.graph.number_of_edges() == 2
    assert records(builder.graph) == items


def test_attributes_named_like_arguments_of_networkx_are_only_attributes() -> None:
    builder = GraphBuilder()
    items: list[Any] = [
        Entity("a", "A", properties={"node_for_adding": 1, "attr": 2, "labels": 3}),
        Relationship("R", "a", "a", key="k", properties={"key": 1, "u_for_edge": 2, "kind": "x"}),
    ]
    builder.write(items)
    assert builder.graph.nodes["a"] == {"labels": ["A"], "node_for_adding": 1, "attr": 2, "labels_": 3}
    assert records(builder.graph) == items


def test_it_stands_where_a_file_may_stand() -> None:
    graph = nx.path_graph(3)
    origin = GraphOrigin(graph)
    assert isinstance(origin, Origin)
    assert isinstance(GraphBuilder(), Destination)
    assert origin.progress() == (0, 5)
    assert len(list(origin.read(ReadOptions()))) == 5
    assert origin.progress() == (5, 5)
    told = origin.identity()
    assert told == GraphOrigin(nx.path_graph(3)).identity()
    graph.nodes[0]["new"] = 1
    assert told != origin.identity()
