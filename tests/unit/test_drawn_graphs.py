"""Formats that are only written: Cytoscape, node-link, Gephi's streaming, Mermaid and DOT."""

import json
import re
from typing import Any

import networkx as nx
import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.drawings import dot, mermaid
from kgmem.formats.registry import reader_of
from tests.graph_files import write, written

ITEMS: list[Any] = [
    Source("nasa", "NASA", trust=0.9),
    Entity("ada", "Person", "Ada", {"born": 1815, "tags": ["a"], "id": 7, "parent": "x"}, labels=["Writer"]),
    Entity("bern", "City", place=parse_place([7.4, 46.9])),
    Relationship("VISITED", "ada", "bern", key="ada", properties={"days": 3, "source": "diary", "key": 1}),
    Relationship("VISITED", "ada", "bern", valid_from="1843"),
    Episode("It was cold.", key="cold", mentions=["bern"]),
]
TEXTS = [
    'quo"te', "back\\slash", "end\\", "two\nlines", "<b>&amp;</b>", "#35;", "`tick`", "1. list", "- item", "{a}|b|",
    "[x](y)", "end", "%% comment", "%5", '"]; n0 --> n1', "\x01", "_it_", "🚀 Zürich", "a;b", "graph {",
]  # fmt: skip


def test_cytoscape_gets_nodes_and_edges_with_ids_of_their_own() -> None:
    told = json.loads(write("cytoscape", ITEMS))["elements"]
    nasa, ada, bern, cold = told["nodes"]
    assert ada["data"] == {
        "id": "ada", "label": "Ada", "labels": ["Person", "Writer"], "born": 1815, "tags": ["a"], "id_": 7,
        "parent_": "x", "name": "Ada",
    }  # fmt: skip
    assert ada["classes"] == "Person Writer"
    assert bern["position"] == {"x": 7.4, "y": -46.9}
    assert (nasa["data"]["kgmem_kind"], cold["data"]["kgmem_kind"]) == ("source", "episode")
    first, second = told["edges"]
    assert first["data"] | {"source_": "diary"} == first["data"]
    assert (first["data"]["source"], first["data"]["target"], first["data"]["label"]) == ("ada", "bern", "VISITED")
    ids = [item["data"]["id"] for item in told["nodes"] + told["edges"]]
    assert len(set(ids)) == 6
    assert second["data"]["valid_from"] == "1843"


def test_networkx_reads_node_link() -> None:
    graph = nx.node_link_graph(json.loads(write("node-link", ITEMS)), edges="edges")
    assert isinstance(graph, nx.MultiDiGraph)
    assert graph.nodes["ada"]["labels"] == ["Person", "Writer"]
    assert graph.nodes["ada"]["id_"] == 7
    assert sorted(graph["ada"]["bern"]) == ["ada", "e1"]
    assert graph.edges["ada", "bern", "ada"] == {
        "kind": "VISITED", "days": 3, "source_": "diary", "key_": 1, "kgmem_key": "ada",
    }  # fmt: skip
    assert graph.number_of_nodes() == 4


def test_the_edges_of_node_link_may_be_called_links() -> None:
    assert len(json.loads(write("node-link", ITEMS, edges="links"))["links"]) == 2
    with pytest.raises(InvalidInput, match="'arcs'"):
        write("node-link", ITEMS, edges="arcs")


def test_gephi_gets_one_event_a_line() -> None:
    lines = write("gephi", ITEMS).split(b"\r\n")
    assert lines.pop() == b""
    events = [json.loads(line) for line in lines]
    assert [next(iter(event)) for event in events] == ["an", "an", "an", "ae", "ae", "an"]
    assert events[1]["an"]["ada"] == {
        "label": "Ada", "labels": "Person;Writer", "born": 1815, "tags": '["a"]', "id_": 7, "parent": "x",
        "name": "Ada",
    }  # fmt: skip
    assert (events[2]["an"]["bern"]["x"], events[2]["an"]["bern"]["y"]) == (7.4, 46.9)
    assert events[3]["ae"]["ada"] == {
        "source": "ada", "target": "bern", "directed": True, "label": "VISITED", "days": 3, "source_": "diary",
        "key": 1, "kgmem_key": "ada",
    }  # fmt: skip


def test_mermaid_shows_names_types_and_kinds() -> None:
    data, lost = written("mermaid", ITEMS)
    assert data.decode() == (
        'flowchart LR\n  n0["Ada<br/>Person, Writer"]\n  n1["bern<br/>City"]\n'
        '  n0 -->|"VISITED"| n1\n  n0 -->|"VISITED"| n1\n'
    )
    assert lost == {"sources": 1, "properties": 7, "places": 1, "valid times": 1, "episodes": 1}


def test_dot_shows_names_types_and_kinds() -> None:
    data, lost = written("dot", ITEMS)
    assert data.decode() == (
        'digraph kgmem {\n  charset="UTF-8";\n  node [shape=box];\n'
        '  "ada" [label="Ada\\n(Person, Writer)", class="Person Writer"];\n'
        '  "bern" [label="bern\\n(City)", class="City"];\n'
        '  "ada" -> "bern" [label="VISITED"];\n  "ada" -> "bern" [label="VISITED"];\n}\n'
    )
    assert lost["properties"] == 7


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_breaks_out_of_a_chart(text: str) -> None:
    items: list[Any] = [Entity("k", text, text), Relationship(text, "k", text)]
    shape = re.compile(r'n\d+\["[^"\[\]{}|`\\]*"\]|n\d+ -->\|"[^"|`\\]*"\| n\d+')
    first, *lines = write("mermaid", items).decode().splitlines()
    assert first == "flowchart LR"
    assert len(lines) == 3
    for line in lines:
        assert shape.fullmatch(line.strip())


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_breaks_out_of_quotes_in_dot(text: str) -> None:
    items: list[Any] = [Entity("k", text, text), Relationship(text, "k", text)]
    quoted = r'"(?:[^"\\\x00-\x1f]|\\.)*"'
    node, edge = rf"{quoted} \[label={quoted}(, class={quoted})?\];", rf"{quoted} -> {quoted} \[label={quoted}\];"
    lines = write("dot", items).decode().split("\n")[3:-2]
    assert len(lines) == 3
    for line in lines:
        assert re.fullmatch(f"  (?:{node}|{edge})", line)
        assert '"%' not in line.partition("[")[0]


def test_markup_is_shown_and_not_obeyed() -> None:
    text = write("mermaid", [Entity("k", "A", '<script>alert("1")</script> #1; a_b')]).decode()
    assert "#60;script#62;alert#40;#34;1#34;#41;#60;/script#62; #35;1#59; a#95;b<br/>A" in text
    assert 'label="a &amp;lt; b\\n(A)"' in write("dot", [Entity("k", "A", "a &lt; b")]).decode()


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("mermaid", [Relationship("R", "a", "b")] * (mermaid.MOST_EDGES + 1)),
        ("mermaid", [Entity(str(n)) for n in range(mermaid.MOST_NODES + 1)]),
        (
            "mermaid",
            [Entity("k", name="x" * 1999 + str(n)) for n in range(1)] + [Relationship("R" * 200, "k", "k")] * 300,
        ),
        ("dot", [Relationship("R", "a", "b")] * (dot.MOST_EDGES + 1)),
        ("dot", [Entity(str(n)) for n in range(dot.MOST_NODES + 1)]),
    ],
)
def test_what_nobody_could_see_is_not_drawn(name: str, items: list[Any]) -> None:
    with pytest.raises(TooLarge, match="at most"):
        write(name, items)


@pytest.mark.parametrize("name", ["cytoscape", "node-link", "gephi", "mermaid", "dot"])
def test_they_are_not_read_and_say_so(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"writes {name} and does not read it"):
        reader_of("", name)
    lost = {"embeddings": 1} if name in {"gephi", "mermaid", "dot"} else {}
    assert written(name, [Entity("a", embedding=[1.0])])[1] == lost
    data, _ = written(name, ITEMS, "entity")
    assert b"VISITED" not in data
