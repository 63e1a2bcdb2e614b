"""RDF through a real Postgres: what was imported is exported as it was, and importing it again changes nothing."""

import io
from pathlib import Path

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.data import plain
from tests.memories import new_graph
from tests.rdf import SYNTAXES, canonical

TURTLE = r"""
@prefix schema: <http://schema.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix wgs: <http://www.w3.org/2003/01/geo/wgs84_pos#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix ex: <http://example.org/ns#> .

ex:bern a schema:City, schema:Place, owl:NamedIndividual ; rdfs:label "Bern"@de, "Berne"@fr, "Bern"@en ;
  schema:population 134000 ; schema:area 51.62 ;
  ex:ratio 1.50, 1.5e0, "1.5"^^xsd:double, 5.0 ; ex:count "007"^^xsd:int ;
  wgs:lat "46.948" ; wgs:long "7.447" ; schema:foundingDate "1191"^^xsd:gYear ; ex:big 99999999999999999999 ;
  ex:text "a \"quoted\" \\ text\n\twith lines", "NUL \u0000", "" ; ex:flag true, "0"^^xsd:boolean ;
  ex:json "{\"b\":[1,2.5,null],\"a\":{}}"^^rdf:JSON, "[1, 2]"^^rdf:JSON ; schema:containedInPlace ex:ch ;
  ex:name "x" ; ex:key "k" ; ex:labels "l" ; ex:place "p" ; owl:sameAs <urn:x:bern>, <http://example.org/%C3%A9é> ;
  ex:list ( 1 "two" ( ex:three ) ) ; ex:p [ schema:name "anonymous" ; ex:p _:b1 ] .
_:b1 ex:p _:b1, [] .
ex:Rule a owl:Class ; rdfs:subClassOf [ a owl:Restriction ; owl:onProperty ex:p ; owl:someValuesFrom ex:Thing ] .
ex:ch schema:name "Schweiz" ; ex:nothing rdf:nil .
<< ex:bern ex:p ex:ch >> ex:certainty 0.9 .
"""


@pytest.mark.long
async def test_turtle_in_and_turtle_out_are_isomorphic(memory: Memory, graph: str, tmp_path: Path) -> None:
    file = tmp_path / "bern.ttl"
    file.write_text(TURTLE)
    first = await memory.imports.run(graph, [file])
    assert (first.rejected, first.updated, first.unchanged) == (0, 0, 0)
    for syntax in ("turtle", "trig", "ntriples", "nquads"):
        out = tmp_path / f"out.{syntax}"
        result = await memory.exports.write(graph, out, ExportOptions(syntax))
        assert dict(result.lost) == {}
        assert canonical(out.read_bytes(), syntax) == canonical(TURTLE, "turtle")
    again = await memory.imports.run(graph, [file])
    assert (again.created, again.updated, again.rejected) == (0, 0, 0)
    assert again.unchanged == first.created
    # What was written makes the same graph, too.
    other = await new_graph(memory, f"{graph}_again")
    await memory.imports.run(other, [tmp_path / "out.turtle"], ImportOptions("turtle"))
    assert {key async for key in _keys(memory, other)} == {key async for key in _keys(memory, graph)}


async def test_named_graphs_come_out_as_they_went_in(memory: Memory, graph: str, tmp_path: Path) -> None:
    data = (
        "<http://a/s> <http://a/p> <http://a/o> <http://a/g> .\n<http://a/s> <http://a/p> <http://a/o> .\n"
        '<http://a/s> <http://a/q> "x" <http://a/g> .\n<http://a/s> <http://a/q> "x" <http://a/h> .\n'
        "<http://a/s> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://a/T> _:g .\n"
    )
    file = tmp_path / "a.nq"
    file.write_text(data)
    result = await memory.imports.run(graph, [file])
    assert result.rejected == 0
    out = tmp_path / "b.trig"
    await memory.exports.write(graph, out)
    assert canonical(out.read_bytes(), "trig") == canonical(data, "nquads")


async def test_a_broken_file_leaves_nothing(memory: Memory, graph: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.nt"
    file.write_text('<http://a/s> <http://a/p> "x" .\n' * 50_000 + "<http://a/s> .\n")
    with pytest.raises(InvalidInput, match="Line 50001"):
        await memory.imports.run(graph, [file])
    assert [item async for item in memory.exports.items(graph)] == []


@pytest.mark.parametrize("syntax", list(SYNTAXES))
async def test_a_graph_that_is_no_rdf_makes_the_same_graph_again(
    memory: Memory, graph: str, syntax: str, tmp_path: Path
) -> None:
    await memory.entities.put(
        graph,
        [
            Entity(
                "ann", "Person", "Ann", {"tags": ["b", "a", "b"], "none": [], "deep": {"a": [1, {"b": 2.0}]}, "n": 1.0}
            ),
            Entity("acme", "Firm", text="Makes things.", valid_from="1949"),
        ],
    )
    await memory.relationships.put(
        graph,
        [
            Relationship("WORKS_AT", "ann", "acme"),
            Relationship("WORKS_AT", "ann", "acme", valid_from="1999", properties={"role": "cook"}, source="ann"),
        ],
    )
    file = tmp_path / "out"
    result = await memory.exports.write(graph, file, ExportOptions(syntax))
    assert dict(result.lost) == {}
    before = {repr(_statement(item)) async for item in memory.exports.items(graph)}
    again = await memory.imports.run(graph, [file], ImportOptions(syntax))
    assert (again.created, again.updated, again.rejected) == (0, 0, 0)
    other = await new_graph(memory, f"{graph}_{syntax}")
    await memory.imports.run(other, [file], ImportOptions(syntax))
    assert {repr(_statement(item)) async for item in memory.exports.items(other)} == before


@pytest.mark.long
async def test_schema_org_in_and_out(memory: Memory, graph: str, tmp_path: Path) -> None:
    data = plain("rdf_vocab/schemaorg_sdo.jsonld.xz")
    result = await memory.imports.run(graph, [io.BytesIO(data)], ImportOptions("jsonld"))
    assert result.rejected == 0
    out = tmp_path / "schema.jsonld"
    await memory.exports.write(graph, out)
    assert canonical(out.read_bytes(), "jsonld") == canonical(data, "jsonld")


async def _keys(memory: Memory, graph: str):  # type: ignore[no-untyped-def]
    async for item in memory.exports.items(graph):
        yield getattr(item, "start", ""), getattr(item, "kind", ""), getattr(item, "end", ""), item.key


def _statement(item: object) -> dict[str, object]:
    return {
        name: getattr(item, name)
        for name in item.__slots__  # type: ignore[attr-defined]
        if name not in {"id", "version", "known_from"}
    }
