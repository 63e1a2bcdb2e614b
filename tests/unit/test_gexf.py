"""GEXF as others write it: attributes, times, drawings; and as they read what kgmem writes."""

import io
from typing import Any

import networkx as nx
import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.property_graph import gexf
from kgmem.formats.records import Located, Rejected
from tests.graph_files import read, said, taken, write


def document(nodes: str = "", edges: str = "", attributes: str = "", graph: str = 'defaultedgetype="directed"') -> str:
    return (
        '<?xml version="1.0"?>\n<gexf xmlns="http://gexf.net/1.3" xmlns:viz="http://gexf.net/1.3/viz" version="1.3">\n'
        f'<meta lastmodifieddate="2024-01-01"><creator>x</creator></meta>\n<graph {graph}>{attributes}\n'
        f"<nodes count='7'>{nodes}</nodes>\n<edges>{edges}</edges>\n</graph></gexf>"
    )


def nodes(body: str, attributes: str = "", **options: str) -> list[Any]:
    return taken(read("gexf", document(body, attributes=attributes), **options))


def edges(body: str, graph: str = 'defaultedgetype="directed"', **options: str) -> list[Any]:
    found = taken(read("gexf", document(edges=body, graph=graph), **options))
    return [(item.kind, item.start, item.end, dict(item.properties)) for item in found]


def times(attributes: str, inside: str = "", **options: str) -> dict[str, Any]:
    """What a node with such times says of its validity, and what of it stays a property."""
    (found,) = nodes(f'<node id="a" {attributes}>{inside}</node>', **options)
    said = {"from": found.valid_from, "to": found.valid_to}
    return {name: value for name, value in said.items() if value is not None} | dict(found.properties)


def test_attributes_have_types_and_defaults() -> None:
    declared = (
        '<attributes class="node"><attribute id="0" title="url" type="anyURI"/>'
        '<attribute id="1" title="indegree" type="float"/>'
        '<attribute id="2" title="frog" type="boolean"><default>true</default></attribute>'
        '<attribute id="3" title="tags" type="liststring"/><attribute id="4" title="n" type="listinteger"/>'
        "</attributes>"
        '<attributes class="edge"><attribute id="0" title="other" type="integer"/></attributes>'
    )
    found = nodes(
        '<node id="0" label="Gephi"><attvalues><attvalue for="0" value="http://gephi.org"/>'
        """<attvalue for="1" value="1"/><attvalue for="3" value="[a, 'b c', &quot;d,e&quot;]"/>"""
        '<attvalue for="4" value="1|2"/></attvalues></node>'
        '<node id="1" label="1"><attvalue for="2" value="false"/><attvalue id="9" value="undeclared"/></node>',
        declared,
    )
    assert found[0] == Entity(
        "0", None, "Gephi",
        {"frog": True, "url": "http://gephi.org", "indegree": 1.0, "tags": ["a", "b c", "d,e"], "n": [1, 2]},
    )  # fmt: skip
    assert found[1] == Entity("1", properties={"frog": False, "9": "undeclared"})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[]", []), ("[ ]", []), ("", None), ("[a]", ["a"]), ('["a","b\\"c"]', ["a", 'b"c']), ("a;b", ["a", "b"]),
        ("['it\\'s', b]", ["it's", "b"]), ('["a", b]', ["a", "b"]), ("[a,,b]", ["a", "", "b"]),
    ],
)  # fmt: skip
def test_lists_are_read_as_each_version_writes_them(text: str, values: Any) -> None:
    declared = '<attributes class="node"><attribute id="0" title="tags" type="liststring"/></attributes>'
    text = text.replace("&", "&amp;").replace('"', "&quot;")
    (found,) = nodes(f'<node id="a"><attvalue for="0" value="{text}"/></node>', declared)
    assert found.properties.get("tags") == values


@pytest.mark.parametrize(
    ("stated", "is_valid"),
    [
        ('start="2009-03-01" end="2009-03-10"', {"from": "2009-03-01", "to": "2009-03-11"}),
        ('start="2009-03-01" end="2009-03-01"', {"from": "2009-03-01", "to": "2009-03-01"}),
        ('start="2009-03-01" endopen="2009-03-10"', {"from": "2009-03-01", "to": "2009-03-10"}),
        ('startopen="2009-03-01"', {"from": "2009-03-02"}),
        ('end="2009-12-31"', {"to": "2010-01-01"}),
        ('start="2009-03-01Z" end="2009-03-02+01:00"', {"from": "2009-03-01", "to": "2009-03-03"}),
        ('start="2009" end="2011"', {"from": "2009", "to": "2011"}),
        ('start="2009" endopen="2011"', {"from": "2009", "to": "2011-01-01"}),
        ('start="1990.0" end="1999.0"', {"from": "1990", "to": "1999"}),
        ('start="-44" end="14"', {"from": "-44", "to": "14"}),
        ('start="2009-03-01T10:00:00Z" end="2009-03-01T11:30:00Z"',
         {"from": "2009-03-01T10:00:00Z", "to": "2009-03-01T11:30:00Z"}),
        ('start="1.2357792E12" end="INFINITY"', {"from": "2009-02-28T00:00:00Z"}),
        ('start="1235779200" end="-Infinity"', {"from": "2009-02-28T00:00:00Z"}),
        ('timestamp="2009-03-01"', {"from": "2009-03-01", "to": "2009-03-01"}),
        ('timestamps="[2009-03-01]"', {"from": "2009-03-01", "to": "2009-03-01"}),
        ('intervals="&lt;[2009-03-01, 2009-03-10]&gt;"', {"from": "2009-03-01", "to": "2009-03-11"}),
        ('start="12345678" end="soon"', {"start": 12345678, "end": "soon"}),
        ('start="0.25"', {"start": 0.25}),
        ("", {}),
    ],
)  # fmt: skip
def test_times_are_valid_times_where_they_are_times(stated: str, is_valid: dict[str, Any]) -> None:
    assert times(stated) == is_valid


def test_numbers_are_no_times_where_that_is_asked() -> None:
    assert times('start="1990" end="2000"', times="keep") == {"start": 1990, "end": 2000}
    with pytest.raises(InvalidInput, match="times="):
        times("", times="no")


def test_several_spells_are_kept_and_valid_is_what_lies_around_them() -> None:
    spells = '<spells><spell start="2009-03-01" end="2009-03-05"/><spell start="2010-01-01" end="2010-01-31"/></spells>'
    kept = [
        {"valid_from": "2009-03-01", "valid_to": "2009-03-06"},
        {"valid_from": "2010-01-01", "valid_to": "2010-02-01"},
    ]
    assert times("", spells) == {"from": "2009-03-01", "to": "2010-02-01", "spells": kept}
    assert times("", spells.replace(' end="2010-01-31"', "")) == {
        "from": "2009-03-01", "spells": [kept[0], {"valid_from": "2010-01-01"}],
    }  # fmt: skip
    one = '<slices><slice start="2009-03-01" end="2009-03-05"/></slices>'
    assert times("", one) == {"from": "2009-03-01", "to": "2009-03-06"}
    (entity,) = nodes(f'<node id="a">{spells}</node>')
    data = write("gexf", [entity])
    assert data.count(b"<spell ") == 2
    assert taken(read("gexf", data)) == [entity]


def test_an_attribute_that_changes_in_time_keeps_all_its_values() -> None:
    declared = '<attributes class="node" mode="dynamic"><attribute id="0" title="p" type="integer"/></attributes>'
    one = '<attvalue for="0" value="1" end="2009-03-01"/>'
    assert nodes(f'<node id="a"><attvalues>{one}</attvalues></node>', declared)[0].properties == {"p": 1}
    (found,) = nodes(
        f'<node id="a"><attvalues>{one}<attvalue for="0" value="2" start="2009-03-02"/></attvalues></node>', declared
    )
    assert found.properties == {"p": [{"value": 1, "end": "2009-03-01"}, {"value": 2, "start": "2009-03-02"}]}


def test_how_nodes_are_drawn_is_kept_in_the_shape_that_networkx_gives_it() -> None:
    drawn = (
        '<viz:position x="15.8" y="40" z="0.0"/><viz:color r="239" g="173" b="66" a="0.6"/><viz:size value="2.5"/>'
        '<viz:shape value="disc"/>'
    )
    (found,) = nodes(f'<node id="a">{drawn}</node>')
    assert found.properties == {
        "viz": {
            "position": {"x": 15.8, "y": 40.0, "z": 0.0}, "color": {"r": 239, "g": 173, "b": 66, "a": 0.6},
            "size": 2.5, "shape": "disc",
        }
    }  # fmt: skip
    assert b'<viz:color r="239" g="173" b="66" a="0.6"/>' in write("gexf", [found])
    image = nodes('<node id="a"><viz:shape value="image" uri="http://x/y.png"/></node>')
    assert image[0].properties == {"viz": {"shape": "http://x/y.png"}}
    assert taken(read("gexf", write("gexf", image))) == image
    assert nodes('<node id="a"><viz:color hex="#FF7700"/></node>')[0].properties == {
        "viz": {"color": {"hex": "#FF7700"}}
    }


def test_a_place_is_the_position_in_which_gephi_draws_it() -> None:
    bern = Entity("bern", "City", place=parse_place([7.44, 46.95]))
    assert b'<viz:position x="7.44" y="46.95" z="0.0"/>' in write("gexf", [bern])
    assert taken(read("gexf", write("gexf", [bern]))) == [bern]


def test_kinds_labels_weights_and_directions_of_edges_are_read() -> None:
    body = (
        '<edge id="0" source="a" target="b" kind="KNOWS" label="knows well" weight="2.5"/>'
        '<edge source="a" target="b" label="LIKES" weight="2" type="undirected"/>'
        '<edge source="a" target="b" type="mutual"/>'
    )
    assert edges(body) == [
        ("KNOWS", "a", "b", {"weight": 2.5, "label": "knows well"}),
        ("LIKES", "a", "b", {"weight": 2, "directed": False}),
        ("RELATED", "a", "b", {"directed": "mutual"}),
    ]
    assert edges('<edge source="a" target="b"/>', "") == [("RELATED", "a", "b", {"directed": False})]
    assert edges('<edge source="a" target="b"/>', default_kind="LINK") == [("LINK", "a", "b", {})]


@pytest.mark.parametrize("space", ["http://www.gexf.net/1.1draft", "http://www.gexf.net/1.2draft", "http://x", ""])
def test_the_version_and_its_name_space_do_not_matter(space: str) -> None:
    text = f'<g:gexf xmlns:g="{space or "y"}"><g:graph><g:nodes><g:node id="a"/></g:nodes></g:graph></g:gexf>'
    assert taken(read("gexf", text)) == [Entity("a")]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('<node id="a"><nodes><node id="b"/></nodes></node>', "Nodes inside of a node"),
        ("<node/>", "no id"),
        ('<node id="a"><viz:size value="big"/></node>', "not of type double"),
        ('<node id="a" start="2000" end="1999"/>', "not after"),
        ('<node id="a"><attvalue for="n" value="x"/></node>', "not of type integer"),
    ],
)
def test_what_cannot_be_taken_is_rejected_with_its_line_and_the_rest_is_read(body: str, says: str) -> None:
    declared = '<attributes class="node"><attribute id="n" title="n" type="integer"/></attributes>'
    found = read("gexf", document(f'\n{body}<node id="last"/>', attributes=declared))
    (refused,) = [item for item in found if isinstance(item, Rejected)]
    assert refused.line == 6
    assert says in refused.reason
    assert found[-1] == Located(6, Entity("last"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("<graphml/>", "<graphml> and not <gexf>"),
        ("<gexf><graph>", "not well-formed"),
        ("<!DOCTYPE gexf [<!ENTITY a 'b'>]><gexf>&a;</gexf>", "document type"),
        ("<gexf>" + "<nodes>" * 200, "nested"),
        ("<gexf><attributes>" + "".join(f"<attribute id='{n}'/>" for n in range(gexf.MOST_ATTRIBUTES + 1)), "10000"),
        (
            '<gexf><attributes class="node"><attribute id="0" type="long"><default>x</default></attribute>',
            "default",
        ),
    ],
)
def test_what_is_no_graph_or_means_harm_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read("gexf", text)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_networkx_reads_what_kgmem_writes_and_gives_it_back(version: str) -> None:
    items: list[Any] = [
        Entity("ada", "Person", "Ada", {"born": 1815, "ok": True, "w": 1.5, "tags": ["a", "b"]},
               valid_from="1815-12-10", valid_to="1852-11-28"),
        Entity("bern", "City", place=parse_place([7.44, 46.95])),
        Relationship("VISITED", "ada", "bern", key="visit", properties={"weight": 2}, valid_from="1843"),
    ]  # fmt: skip
    graph = nx.read_gexf(io.BytesIO(write("gexf", items, version=version)))
    ada = graph.nodes["ada"]
    assert (ada["label"], ada["labels"], ada["born"], ada["ok"]) == ("Ada", ":Person", 1815, True)
    assert (ada["start"], ada["end"]) == ("1815-12-10", "1852-11-27")
    assert graph.nodes["bern"]["viz"]["position"] == {"x": 7.44, "y": 46.95, "z": 0.0}
    assert graph.edges["ada", "bern"]["weight"] == 2.0
    assert graph.edges["ada", "bern"]["label"] == "VISITED"
    again = io.BytesIO()
    nx.write_gexf(graph, again)
    found = taken(read("gexf", again.getvalue()))
    # What networkx has no type for is the text of it.
    expected = [
        Entity("ada", "Person", "Ada", {"born": 1815, "ok": True, "w": 1.5, "tags": '["a","b"]'},
               valid_from="1815-12-10", valid_to="1852-11-28"),
        items[1],
        Relationship("VISITED", "ada", "bern", key="visit", properties={"weight": 2.0}, valid_from="1843"),
    ]  # fmt: skip
    assert said(found) == said(expected)


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph, nx.MultiDiGraph])
def test_what_networkx_writes_is_read(kind: type[Any]) -> None:
    graph = kind()
    graph.add_node("a", age=3, ok=True, label="A", viz={"size": 2.0}, start="2009-03-01")
    graph.add_edge("a", "b", weight=0.5, label="KNOWS")
    graph.add_edge("b", "c")
    stream = io.BytesIO()
    nx.write_gexf(graph, stream)
    found = taken(read("gexf", stream.getvalue()))
    assert found[0] == Entity("a", None, "A", {"age": 3, "ok": True, "viz": {"size": 2.0}}, valid_from="2009-03-01")
    assert [(item.kind, item.properties.get("weight")) for item in found[3:]] == [("KNOWS", 0.5), ("RELATED", None)]


def test_versions_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"no GEXF '2\.0'"):
        write("gexf", [], version="2.0")
    assert read("gexf", write("gexf", [])) == []
