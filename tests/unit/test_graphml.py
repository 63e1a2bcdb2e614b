"""GraphML as others write it, as they read what kgmem writes, and as nobody should write it."""

import io
from typing import Any

import networkx as nx
import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.property_graph import graphml
from kgmem.formats.records import Located, ReadOptions, Rejected
from tests.graph_files import read, said, taken, write

OPEN = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'


def document(body: str, keys: str = "", edgedefault: str = "directed") -> str:
    return f'<?xml version="1.0"?>\n{OPEN}\n{keys}<graph edgedefault="{edgedefault}">\n{body}\n</graph></graphml>'


def records(body: str, keys: str = "", edgedefault: str = "directed", **options: str) -> list[Any]:
    return taken(read("graphml", document(body, keys, edgedefault), **options))


def bare(items: list[Any]) -> list[tuple[Any, ...]]:
    """Relationships without their keys."""
    return [(item.kind, item.start, item.end, dict(item.properties)) for item in items]


def test_labels_and_types_of_neo4j_are_read_from_its_attributes() -> None:
    keys = '<key id="name" for="node" attr.name="name"/><key id="labels" for="node" attr.name="labels"/>'
    found = records(
        '<node id="n1" labels=":Person:Actor"><data key="labels">:Person:Actor</data><data key="name">Ada</data></node>'
        '<node id="n2"><data key="labels">:Movie</data></node>'
        '<edge id="e1" source="n1" target="n2" label="ACTED_IN"><data key="label">ACTED_IN</data></edge>',
        keys,
    )
    assert found[:2] == [Entity("n1", "Person", "Ada", labels=["Actor"]), Entity("n2", "Movie")]
    assert bare(found[2:]) == [("ACTED_IN", "n1", "n2", {})]


def test_lists_of_neo4j_are_lists_and_other_values_have_their_types() -> None:
    keys = (
        '<key id="a" for="node" attr.name="kids" attr.type="string" attr.list="string"/>'
        '<key id="b" for="node" attr.name="male" attr.type="boolean"/><key id="b" for="edge" attr.name="b"/>'
        '<key id="c" for="all" attr.name="age" attr.type="int"/>'
        '<key id="d" for="node" attr.name="score" attr.type="float"/><key id="e" for="node" attr.type="long"/>'
    )
    (found,) = records(
        '<node id="n"><data key="a">["Sam","Anna"]</data><data key="b">True</data><data key="c"> 42 </data>'
        '<data key="d">1e3</data><data key="e">7</data><data key="undeclared">x</data></node>',
        keys,
    )
    assert found.properties == {
        "kids": ["Sam", "Anna"], "male": True, "age": 42, "score": 1000.0, "e": 7, "undeclared": "x",
    }  # fmt: skip


def test_labels_of_tinkerpop_and_of_gephi_are_read() -> None:
    found = records(
        '<node id="1"><data key="labelV">person::employee</data></node>'
        '<node id="2"><data key="TYPE">:City</data><data key="label">Bern</data></node>'
        '<edge id="3" source="1" target="2"><data key="labelE">livesIn</data></edge>'
    )
    assert found[:2] == [Entity("1", "person", labels=["employee"]), Entity("2", "City", "Bern")]
    assert bare(found[2:]) == [("livesIn", "1", "2", {})]


def test_options_name_the_properties_that_say_what_a_node_and_an_edge_are() -> None:
    body = (
        '<node id="a"><data key="type">City</data></node><edge source="a" target="a"><data key="rel">IN</data></edge>'
        '<edge source="a" target="a"/>'
    )
    found = records(body, label_property="type", kind_property="rel", default_kind="LINK")
    assert found[0] == Entity("a", "City", properties={"type": "City"})
    assert bare(found[1:]) == [("IN", "a", "a", {"rel": "IN"}), ("LINK", "a", "a", {})]
    assert bare(records(body)[1:]) == [("RELATED", "a", "a", {"rel": "IN"}), ("RELATED", "a", "a", {})]


def test_the_text_that_tools_show_is_the_name_unless_it_is_said_to_be_the_type() -> None:
    named = '<data key="label">B</data><data key="name">C</data>'
    body = f'<node id="a"><data key="label">City</data></node><node id="b">{named}</node>'
    assert records(body) == [Entity("a", name="City"), Entity("b", name="C", properties={"label": "B"})]
    found = records(body, label_property="label")
    assert found == [
        Entity("a", "City", properties={"label": "City"}),
        Entity("b", "B", name="C", properties={"label": "B"}),
    ]


def test_what_yed_draws_gives_names_kinds_and_positions() -> None:
    keys = '<key for="node" id="d6" yfiles.type="nodegraphics"/><key for="edge" id="d9" yfiles.type="edgegraphics"/>'
    found = records(
        '<node id="n0"><data key="d6"><y:ShapeNode><y:Geometry x="1.5" y="2" width="30"/><y:Fill color="#FFCC00"/>'
        "<y:NodeLabel>Ada\n<y:LabelModel/></y:NodeLabel></y:ShapeNode></data></node>"
        '<edge id="e0" source="n0" target="n0"><data key="d9"><y:PolyLineEdge><y:EdgeLabel>knows</y:EdgeLabel>'
        "</y:PolyLineEdge></data></edge>",
        keys,
    )
    assert found[0] == Entity("n0", name="Ada", properties={"x": 1.5, "y": 2.0})
    assert bare(found[1:]) == [("knows", "n0", "n0", {})]


def test_defaults_hold_where_a_node_or_edge_says_nothing_else() -> None:
    keys = (
        '<key id="c" for="node" attr.name="color" attr.type="string"><default>yellow</default></key>'
        '<key id="w" for="all" attr.name="w" attr.type="double"><default>1.0</default></key>'
    )
    found = records('<node id="a"><data key="c">red</data></node><node id="b"/><edge source="a" target="b"/>', keys)
    assert [item.properties for item in found] == [
        {"color": "red", "w": 1.0}, {"color": "yellow", "w": 1.0}, {"w": 1.0},
    ]  # fmt: skip


def test_edges_of_an_undirected_graph_say_so() -> None:
    body = '<node id="a"/><edge source="a" target="a"/><edge source="a" target="a" directed="true"/>'
    assert bare(records(body, edgedefault="undirected")[1:]) == [
        ("RELATED", "a", "a", {"directed": False}),
        ("RELATED", "a", "a", {}),
    ]
    assert b'edgedefault="undirected"' in write(
        "graphml", [Relationship("R", "a", "b", properties={"directed": False})]
    )


def test_several_graphs_are_read_as_one_and_prefixes_do_not_matter() -> None:
    text = (
        '<ns0:graphml xmlns:ns0="http://graphml.graphdrawing.org/xmlns"><ns0:graph><ns0:node id="a"/></ns0:graph>'
        '<ns0:graph><ns0:node id="b"/></ns0:graph></ns0:graphml>'
    )
    assert taken(read("graphml", text)) == [Entity("a"), Entity("b")]


def test_what_is_no_number_is_not_given_and_infinity_stays_a_text() -> None:
    keys = '<key id="x" for="node" attr.name="x" attr.type="double"/>'
    found = records(
        '<node id="a"><data key="x">NaN</data></node><node id="b"><data key="x">-INF</data></node>'
        '<node id="c"><data key="x"/></node>',
        keys,
    )
    assert [item.properties for item in found] == [{}, {"x": "-INF"}, {}]


def test_ids_of_edges_count_between_their_ends_so_that_two_files_may_number_alike() -> None:
    body = (
        '<edge id="0" source="a" target="b"/><edge id="0" source="b" target="a"/><edge id="1" source="a" target="b"/>'
    )
    keys = [item.key for item in records(body)]
    assert len(set(keys)) == 3
    assert keys == [item.key for item in records(body.replace("/>", '><data key="n">1</data></edge>'))]
    assert [item.key for item in records(body, edge_ids="key")] == ["0", "0", "1"]
    assert records(body, edge_ids="ignore")[0].key == records(body, edge_ids="ignore")[2].key
    with pytest.raises(InvalidInput, match="edge_ids"):
        records(body, edge_ids="no")


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ('<hyperedge><endpoint node="a"/></hyperedge>', 4, "hyperedge"),
        ('<node id="b">\n<port name="North"/></node>', 5, "port"),
        ('<node id="b">\n<graph><node id="c"/><edge source="c" target="c"/></graph></node>', 5, "graph inside"),
        ("<node/>", 4, "has no id"),
        ('<edge source="a"/>', 4, "has no target"),
        ('<node id="b"><data key="n">seven</data></node>', 4, "not of type int"),
        ('<node id="b"><data key="n">99999999999999999999</data></node>', 4, "64 bits"),
        ('<node id="b"><data key="l">[1</data></node>', 4, "not JSON"),
        ('<node id="b"><data key="l">[99999999999999999999]</data></node>', 4, "64 bits"),
        ('<node id="b"><data key="v">2000</data><data key="w">1999</data></node>', 4, "not after"),
        (f'<node id="{"x" * 501}"/>', 4, "501 characters"),
    ],
)
def test_what_cannot_be_taken_is_rejected_with_its_line_and_the_rest_is_read(body: str, line: int, says: str) -> None:
    keys = (
        '<key id="n" for="node" attr.name="n" attr.type="int"/><key id="v" for="node" attr.name="valid_from"/>'
        '<key id="w" for="node" attr.name="valid_to"/><key id="l" for="node" attr.name="l" attr.list="int"/>'
    )
    found = read("graphml", document(f'{body}<node id="last"/>', keys))
    (refused,) = [item for item in found if isinstance(item, Rejected)]
    assert refused.line == line
    assert says in refused.reason
    assert found[-1] == Located(body.count("\n") + 4, Entity("last"))


def test_a_node_keeps_what_stands_beside_a_graph_or_port_in_it() -> None:
    found = read("graphml", document('<node id="b"><port name="N"/><graph><node id="c"/></graph><desc>d</desc></node>'))
    assert found[0] == Located(4, Entity("b", properties={"desc": "d"}))
    assert len(found) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("<gexf/>", "<gexf> and not <graphml>"),
        (f"{OPEN}<graph>", "not well-formed"),
        (f"{OPEN}<graph></graph></graphml><more/>", "not well-formed"),
        ("not xml", "not well-formed"),
        (f"{OPEN}<graph><node id='a'></graph></graphml>", "not well-formed"),
        (f"{OPEN}<graph>&nbsp;</graph></graphml>", "not well-formed"),
        (f"{OPEN}<graph/><key id='k'/></graphml>", "key stands after a graph"),
        (f"{OPEN}<key id='k' attr.type='int'><default>x</default></key><graph/></graphml>", "default"),
        (f"<!DOCTYPE graphml SYSTEM 'http://x/graphml.dtd'>{OPEN}<graph/></graphml>", "document type"),
        (f"<!DOCTYPE g [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>{OPEN}<graph>&b;</graph></graphml>", "document type"),
        (f"<!DOCTYPE g [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>{OPEN}<graph>&x;</graph></graphml>", "document type"),
        ('<?xml version="1.0" encoding="no-such"?><graphml/>', "cannot be read|not well-formed"),
        ('<?xml version="1.0" encoding="utf-7"?><graphml/>', "cannot be read|not well-formed"),
        ("<graphml>" + "<graph>" * 200, "nested"),
        (f"{OPEN}<graph><node id='a'><data>{'<b>' * 200}", "nested"),
        (
            "<graphml>" + "".join(f"<key id='{n}'/>" for n in range(graphml.MOST_KEYS + 1)) + "</graphml>",
            "more than 10000 keys",
        ),
    ],
)
def test_what_is_no_graph_or_means_harm_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read("graphml", text)


class Endless(io.RawIOBase):
    """A stream that begins so and goes on with one letter for a gigabyte."""

    def __init__(self, start: bytes) -> None:
        self.start, self.left, self.given = start, 2**30, 0

    def read(self, size: int = -1) -> bytes:
        data, self.start = self.start or b"x" * min(size, self.left), b""
        self.left -= len(data)
        self.given += len(data)
        return data


@pytest.mark.parametrize(
    "start", [f'{OPEN}<graph><node id="', f"{OPEN}<!-- ", f"{OPEN}<?pi ", f"{OPEN}<", "<"], ids=lambda text: text[-4:]
)
def test_a_tag_of_a_gigabyte_is_refused_before_it_is_held(start: str) -> None:
    stream = Endless(start.encode())
    with pytest.raises(InvalidInput):
        list(graphml.read(stream, ReadOptions()))  # type: ignore[arg-type]
    assert stream.given < 20 * 2**20


def test_a_text_of_many_megabytes_costs_its_node_alone() -> None:
    many = "<data key='k'>" + "y" * 1000 + "</data>"
    long = "x" * 9_000_000
    body = f'<node id="a"><data key="t">{long}</data></node><node id="b">{many * 9000}</node><node id="c"/>'
    first, second, third = read("graphml", document(body))
    assert isinstance(first, Rejected)
    assert isinstance(second, Rejected)
    assert "larger than" in first.reason
    assert "larger than" in second.reason
    assert third == Located(4, Entity("c"))


def test_other_encodings_are_read_as_the_document_declares_them() -> None:
    text = '<?xml version="1.0" encoding="{}"?><graphml><graph><node id="Zürich"/></graph></graphml>'
    for encoding in ("utf-8", "iso-8859-1", "windows-1252", "utf-16"):
        assert taken(read("graphml", text.format(encoding).encode(encoding))) == [Entity("Zürich")]
    with pytest.raises(InvalidInput, match="not well-formed"):
        read("graphml", text.format("utf-8").encode("iso-8859-1"))


def test_networkx_reads_what_kgmem_writes() -> None:
    items: list[Any] = [
        Entity("ada", "Person", "Ada", {"born": 1815, "score": 1e308, "alive": False}, labels=["Writer"]),
        Entity("bern", "City", place=parse_place([7.4, 46.9])),
        Relationship("VISITED", "ada", "bern", properties={"days": 3}, valid_from="1843"),
        Relationship("VISITED", "ada", "bern", properties={"days": 4}, valid_from="1844"),
    ]
    graph = nx.read_graphml(io.BytesIO(write("graphml", items)))
    assert isinstance(graph, nx.MultiDiGraph)
    ada = {"labels": ":Person:Writer", "label": "Ada", "name": "Ada", "born": 1815, "score": 1e308, "alive": False}
    assert graph.nodes["ada"] == ada
    assert [(data["label"], data["days"], data["valid_from"]) for _, _, data in graph.edges(data=True)] == [
        ("VISITED", 3, "1843"),
        ("VISITED", 4, "1844"),
    ]
    again = io.BytesIO()
    nx.write_graphml(graph, again)
    found = taken(read("graphml", again.getvalue()))
    assert said(item for item in found if isinstance(item, Entity)) == said(items[:2])
    # The marker of an edge without a key of its own comes back too, and with it the very relationships.
    assert said(found) == said(items)


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph])
def test_what_networkx_writes_is_read(kind: type[Any]) -> None:
    graph = kind()
    graph.add_node("a", age=3, ok=True, w=1.5, note="x < y & z\n")
    graph.add_edge("a", "b", label="KNOWS", since=1999)
    graph.add_edge("a", "b", label="LIKES")
    graph.add_edge("b", "c")
    stream = io.BytesIO()
    nx.write_graphml(graph, stream)
    found = taken(read("graphml", stream.getvalue()))
    assert found[0] == Entity("a", properties={"age": 3, "ok": True, "w": 1.5, "note": "x < y & z\n"})
    edges = bare(found[3:])
    assert len(edges) == graph.number_of_edges()
    assert len({item.key for item in found[3:]}) == graph.number_of_edges()
    assert ("directed" in edges[0][3]) is not graph.is_directed()
    if graph.is_multigraph():
        assert sorted(edge[0] for edge in edges) == ["KNOWS", "LIKES", "RELATED"]


def test_neo4j_finds_labels_and_types_where_it_looks_for_them() -> None:
    text = write(
        "graphml", [Entity("a", "Per<son", labels=["B"]), Relationship("R", "a", "a", properties={"l": ["x"]})]
    )
    assert b'<node id="a" labels=":Per&lt;son:B"><data key="labels">:Per&lt;son:B</data>' in text
    assert b'source="a" target="a" label="R"><data key="label">R</data>' in text
    assert b'attr.name="l" attr.type="string" attr.list="string"/>' in text


def test_a_graph_of_nothing_is_a_graph() -> None:
    assert read("graphml", write("graphml", [])) == []
