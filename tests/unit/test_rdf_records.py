"""What RDF becomes in a graph, and what its options change of that."""

import json
from typing import Any

import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.rdf.options import READ, WRITE, common_names
from kgmem.formats.rdf.quads import Survey
from kgmem.formats.registry import FORMATS, format_of
from kgmem.resources import resource
from tests.data import plain
from tests.rdf import SYNTAXES, canonical, read, records, write

HEAD = """
@prefix schema: <http://schema.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix wgs: <http://www.w3.org/2003/01/geo/wgs84_pos#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix ex: <http://example.org/> .
"""


def turtle(text: str, mapping: Any = None, **options: str) -> list[Any]:
    return records(HEAD + text, "turtle", mapping, **options)


def entity(text: str, mapping: Any = None, **options: str) -> Entity:
    [found] = [one for one in turtle(text, mapping, **options) if isinstance(one, Entity)]
    return found


def test_a_resource_is_an_entity_a_literal_a_property_and_a_link_a_relationship() -> None:
    found = turtle(
        "ex:bern a schema:City ; schema:population 134000 ; schema:containedInPlace ex:ch . ex:ch a ex:Land ."
    )
    assert found == [
        Entity("http://example.org/bern", "schema__City", properties={"schema__population": 134000}),
        Entity("http://example.org/ch", "http://example.org/Land"),
        Relationship("schema__containedInPlace", "http://example.org/bern", "http://example.org/ch"),
    ]


def test_what_is_only_linked_to_is_an_entity_too() -> None:
    found = [one.key for one in turtle("ex:a ex:p ex:b, ex:c .") if isinstance(one, Entity)]
    assert sorted(found) == ["http://example.org/a", "http://example.org/b", "http://example.org/c"]


@pytest.mark.parametrize(
    ("literal", "value", "mark"),
    [
        ('"Bern"', "Bern", None),
        ('"Bern"@de-CH', "Bern", "@de-ch"),
        ("134000", 134000, None),
        ('"0134"^^xsd:integer', 134, "0134^^xsd__integer"),
        ('"5"^^xsd:byte', 5, "xsd__byte"),
        ('"99999999999999999999"^^xsd:integer', "99999999999999999999", "xsd__integer"),
        ('"x"^^xsd:integer', "x", "xsd__integer"),
        ("true", True, None),
        ('"1"^^xsd:boolean', True, "1^^xsd__boolean"),
        ("51.62", 51.62, "xsd__decimal"),
        ("1.50", 1.5, "1.50^^xsd__decimal"),
        ("1.5e0", 1.5, "1.5e0^^xsd__double"),
        ('"1.5"^^xsd:double', 1.5, None),
        ('"INF"^^xsd:double', "INF", "xsd__double"),
        ('"1191"^^xsd:gYear', "1191", "xsd__gYear"),
        ('"x"^^ex:type', "x", "http://example.org/type"),
        ('"{\\"a\\":[1]}"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON>', {"a": [1]}, None),
        ('"{ }"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON>', "{ }", "rdf__JSON"),
        ('"a\\u0000b"', "a\ufffdb", "a\\u0000b^^xsd__string"),
    ],
)
def test_a_literal_is_a_plain_value_with_a_mark_for_what_that_does_not_tell(
    literal: str, value: Any, mark: str | None
) -> None:
    held = entity(f"ex:a ex:p {literal} .").properties
    assert held == {"http://example.org/p": value} | ({"http://example.org/p@": [mark]} if mark else {})
    assert type(held["http://example.org/p"]) is type(value)


def test_several_values_are_a_list_with_a_mark_for_each_or_one_for_all() -> None:
    assert entity('ex:a ex:p "x"@de, "y"@en, 5 .').properties == {
        "http://example.org/p": ["x", "y", 5],
        "http://example.org/p@": ["@de", "@en", ""],
    }
    assert entity('ex:a ex:p "x"@en, "y"@en .').properties["http://example.org/p@"] == ["@en"]


def test_the_name_is_the_label_without_a_language_or_in_english() -> None:
    assert entity('ex:a rdfs:label "Berne"@fr, "Bern"@en ; schema:name "B" .').name == "Bern"
    assert entity('ex:a schema:name "B"@de .').name == "B"
    assert entity('ex:a rdfs:label "Berne"@fr .', vocabulary="keep").name == "Berne"


def test_coordinates_and_wkt_are_a_place_and_stay_properties() -> None:
    held = entity('ex:a wgs:lat "46.9" ; wgs:long 7.4 .')
    assert held.place == parse_place([7.4, 46.9])
    assert held.properties["wgs84__lat"] == "46.9"
    crs = "<http://www.opengis.net/def/crs/OGC/1.3/CRS84> "
    assert entity(f'ex:a geo:asWKT "{crs}POINT(7 46)"^^geo:wktLiteral .').place == parse_place([7, 46])
    assert entity('ex:a geo:asWKT "<http://www.opengis.net/def/crs/EPSG/0/4326> POINT(46 7)" .').place is None


def test_vocabulary_keep_keeps_iris_and_local_only_their_ends() -> None:
    text = 'ex:a a schema:Person ; schema:name "A" ; schema:knows ex:b .'
    kept = turtle(text, vocabulary="keep")
    assert kept[1].label == "http://schema.org/Person"
    assert kept[1].properties == {"http://schema.org/name": "A"}
    assert kept[-1].kind == "http://schema.org/knows"
    local = turtle(text, vocabulary="local")
    assert local[1] == Entity("http://example.org/a", "Person", "A")
    assert local[-1].kind == "knows"
    assert turtle("ex:a a schema:Episode .", vocabulary="local") == [Entity("http://example.org/a", "schema__Episode")]


def test_vocabulary_map_gives_kgmem_s_names_and_fields() -> None:
    held = entity(
        'ex:a a schema:Event ; schema:name "Fest", "Fête" ; schema:description "Long." ; schema:latitude "46.9" ;'
        ' schema:longitude "7.4" ; schema:startDate "1191"^^xsd:gYear .',
        vocabulary="map",
    )
    assert (held.label, held.name, held.text) == ("Event", "Fest", "Long.")
    assert held.place == parse_place([7.4, 46.9])
    assert held.properties == {
        "aliases": ["Fête"],
        "lat": 46.9,
        "lon": 7.4,
        "schema__startDate": "1191",
        "schema__startDate@": ["xsd__gYear"],
    }


def test_a_mapping_file_names_what_is_valid_time_and_anything_else() -> None:
    mapping = {
        "prefixes": {"ex": "http://example.org/"},
        "names": {"schema__startDate": "valid_from", "ex__King": "Ruler", "http://example.org/p": "P"},
    }
    text = 'ex:a a ex:King ; schema:startDate "0800-12-25"^^xsd:date ; ex:p ex:b ; ex:q 1 .'
    found = turtle(text, {"rdf": mapping})
    assert found[1] == Entity("http://example.org/a", "Ruler", properties={"ex__q": 1}, valid_from="0800-12-25")
    assert found[-1].kind == "P"
    times = {"rdf": {"names": {"schema__startDate": "valid_from", "schema__endDate": "valid_to"}}}
    wrong = read(HEAD + 'ex:a schema:startDate "1999" ; schema:endDate "1900" .', "turtle", times)
    assert "is not after" in wrong[0].reason


def test_mapped_names_become_iris_again_where_the_table_tells_them() -> None:
    data, lost = write([Entity("http://a/b", "Person", properties={"url": "u"})], "ntriples", vocabulary="map")
    assert b"<http://xmlns.com/foaf/0.1/Person>" in data
    assert b"<http://schema.org/url>" in data
    assert lost == {}


def test_the_table_of_common_names_names_prefixes_that_kgmem_knows() -> None:
    survey = Survey("urn:kgmem:", nameless=False)
    survey.feed("")
    for short in common_names():
        [found] = turtle(f"ex:a a <{_expanded(short)}> .", vocabulary="shorten")
        assert found.label == short
    assert resource("graph_schema/rdf").is_dir()


def _expanded(short: str) -> str:
    data, _ = write([Entity("http://a/b", short)], "ntriples")
    return data.decode().split("<")[-1].split(">")[0]


def test_more_prefixes_shorten_more_and_are_given_again_when_writing() -> None:
    text = HEAD + "ex:a a ex:T ; ex:p 1 ; ex:q ex:b ."
    found = records(text, "turtle", prefixes="ex=http://example.org/", keys="shorten")
    assert found[1] == Entity("ex__a", "ex__T", properties={"ex__p": 1})
    data, _ = write(found, "turtle", prefixes="ex=http://example.org/", keys="shorten")
    assert canonical(data, "turtle") == canonical(text, "turtle")
    assert b"ex:a a ex:T" in data


def test_the_prefixes_of_a_file_become_sources_that_writing_knows() -> None:
    text = HEAD + "ex:a a ex:T ; ex:p 1 ; schema:name 'A' ."
    found = records(text, "turtle", prefixes="file")
    assert found[0] == Source("http://example.org/", "ex", "prefix")
    assert found[-1] == Entity("http://example.org/a", "ex__T", "A", {"ex__p": 1, "schema__name": "A"})
    data, lost = write(found, "turtle")
    assert (canonical(data, "turtle"), lost) == (canonical(text, "turtle"), {})
    other = [*found, Source("http://other.org/", "ex", "prefix")]
    with pytest.raises(InvalidInput, match="stands for"):
        write(other, "turtle")
    assert canonical(write(other, "turtle", prefixes="ex=http://example.org/")[0], "turtle") == canonical(
        text, "turtle"
    )


def test_only_some_languages_and_values_are_taken() -> None:
    text = 'ex:a ex:p "x"@de, "y"@en, "z" ; ex:q 1, 2, 3 .'
    assert entity(text, languages="en,none").properties["http://example.org/p"] == ["z", "y"]
    assert entity(text, languages="fr").properties == {}
    assert entity(text, multivalued="first").properties["http://example.org/q"] == 1
    assert entity(text, multivalued="overwrite").properties["http://example.org/q"] == 3


def test_datatypes_can_be_dropped() -> None:
    assert entity('ex:a ex:p 1.50, "x"^^ex:t .', datatypes="drop").properties == {"http://example.org/p": ["x", 1.5]}


def test_a_named_graph_is_the_source_of_what_stands_in_it() -> None:
    data = (
        "<http://a/s> <http://a/p> <http://a/o> <http://a/g> .\n<http://a/s> <http://a/p> <http://a/o> .\n"
        '<http://a/s> <http://a/q> "x" <http://a/g> .\n'
    )
    found = records(data, "nquads")
    assert found[1] == Entity("http://a/s", properties={"http://a/q": "x"}, source="http://a/g")
    assert [(one.source, one.key is None) for one in found[2:]] == [("http://a/g", False), (None, True)]
    dropped = records(data, "nquads", named_graphs="drop")
    assert dropped == [
        Entity("http://a/o"),
        Entity("http://a/s", properties={"http://a/q": "x"}),
        Relationship("http://a/p", "http://a/s", "http://a/o"),
    ]
    told = records(data, "nquads", named_graphs="property")
    assert {one.properties.get("graph") for one in told} == {None, "http://a/g"}


def test_values_in_several_graphs_know_theirs() -> None:
    data = "".join(f'<http://a/s> <http://a/p> "{n}" <http://a/g{n}> .\n' for n in (1, 2))
    [held] = records(data, "nquads")
    assert held.source is None
    assert held.properties["http://a/p@graph"] == {"0": ["http://a/g1"], "1": ["http://a/g2"]}


def test_blank_nodes_have_keys_of_their_file() -> None:
    text = HEAD + "ex:a ex:p [ ex:q [ ex:r () ] ], _:x . _:x ex:s 1 ."
    assert read(text) == read(text)
    other = {one.key for one in records(text + "\n") if isinstance(one, Entity) and one.key.startswith("_:")}
    assert other.isdisjoint(one.key for one in records(text) if isinstance(one, Entity))
    named = records(text, blank_nodes="mine")
    assert named == records(text + "\n", blank_nodes="mine")


def test_ten_thousand_nameless_nodes_are_numbered_alike_each_time() -> None:
    text = HEAD + "ex:a ex:p " + ", ".join("[ ex:q [ ex:r 1 ] ]" for _ in range(5000)) + " ."
    first = records(text)
    assert first == records(text)
    assert len({one.key for one in first if isinstance(one, Entity)}) == 10001


def test_blank_nodes_that_were_written_keep_their_keys() -> None:
    first = records(HEAD + "ex:a ex:p [ ex:q 1 ] .")
    for syntax in SYNTAXES:
        data, _ = write(first, syntax)
        assert {one.key for one in records(data, syntax)} == {one.key for one in first}


def test_reified_statements_and_lists_stay_as_they_are_and_triple_terms_are_texts() -> None:
    found = turtle("<< ex:a ex:p ex:b >> ex:q 1 . ex:l ex:m (1 2) .")
    [reifier] = [one for one in found if isinstance(one, Entity) and "rdf__reifies" in one.properties]
    assert reifier.properties["rdf__reifies@"] == ["<<>>"]
    assert reifier.properties["rdf__reifies"].startswith("<<( <http://example.org/a> ")
    assert sum(isinstance(one, Relationship) and one.kind == "rdf__rest" for one in found) == 2


def test_a_type_that_can_be_no_label_is_a_relationship() -> None:
    found = turtle(f"ex:a a [ ex:p 1 ], ex:{'x' * 300} .")
    kinds = [one for one in found if isinstance(one, Relationship)]
    assert [one.kind for one in kinds] == ["rdf__type", "rdf__type"]


def test_a_value_too_large_for_a_property_is_rejected_alone() -> None:
    found = read(HEAD + f'ex:a ex:p "{"x" * 70_000}" ; ex:q 1 .')
    assert found[0].record == Entity("http://example.org/a", properties={"http://example.org/q": 1})
    assert found[1].reason.startswith("http://example.org/a, http://example.org/p: It takes 700")


def test_the_lines_of_n_triples_are_told_past_comments_and_blank_lines() -> None:
    data = (
        '# c\n\n<http://a/s> <http://a/p> "1" .\n  # d\n<http://a/s> <http://a/p> "2" .\n'
        '<http://a/t> <http://a/p> "3" .\n'
    )
    assert [(one.line, one.record.key) for one in read(data, "ntriples")] == [(3, "http://a/s"), (6, "http://a/t")]


def test_a_subject_that_stands_in_several_places_is_one_entity() -> None:
    data = "".join(f'<http://a/s{n % 3}> <http://a/p> "{n}" .\n' for n in range(9))
    found = records(data, "ntriples")
    assert [one.properties["http://a/p"] for one in found] == [["0", "3", "6"], ["1", "4", "7"], ["2", "5", "8"]]


def test_relationships_that_say_more_are_statements_beside_their_link() -> None:
    items = [
        Entity("a", "Person", "Ann"),
        Entity("b", "Firm"),
        Relationship("WORKS_AT", "a", "b"),
        Relationship("WORKS_AT", "a", "b", valid_from="1999", properties={"role": "cook"}),
        Relationship("WORKS_AT", "a", "b", key="second", strength=0.5),
    ]
    for syntax in SYNTAXES:
        data, lost = write(items, syntax)
        assert lost == {}
        assert sorted(map(repr, records(data, syntax))) == sorted(map(repr, items))
    assert b"<urn:kgmem:entity/a> <urn:kgmem:name/WORKS_AT> <urn:kgmem:entity/b> ." in write(items, "ntriples")[0]


def test_episodes_and_sources_travel_as_nodes_of_kgmem_s_own() -> None:
    items = [
        Source("nasa", "NASA", "agency", 0.9),
        Entity("eagle", "Object"),
        Episode("The Eagle has landed.", "e1", "1969-07-20", "nasa", speaker="Armstrong", mentions=["eagle"]),
    ]
    for syntax in SYNTAXES:
        data, lost = write(items, syntax)
        assert (sorted(map(repr, records(data, syntax))), lost) == (sorted(map(repr, items)), {})


def test_a_source_that_is_no_graph_of_rdf_is_a_graph_or_a_field() -> None:
    items = [Entity("a", "Person", source="nasa"), Relationship("KNOWS", "a", "a", source="nasa")]
    for syntax in SYNTAXES:
        data, lost = write(items, syntax)
        assert (sorted(map(repr, records(data, syntax))), lost) == (sorted(map(repr, items)), {})
    assert b"<urn:kgmem:source/nasa> .\n" in write(items, "nquads")[0]


def test_what_a_syntax_cannot_carry_is_counted() -> None:
    graphs = records('<http://a/s> <http://a/p> "x" <http://a/g> .\n', "nquads")
    assert write(graphs, "turtle")[1] == {"named graphs": 1}
    odd = records('<http://a/s> <http://a/1> "x" ; <http://a/p> "\\u0001", <<( <a:a> <a:b> <a:c> )>> .')
    assert write(odd, "rdfxml")[1] == {
        "links and properties whose IRI RDF/XML has no name for": 1,
        "triple terms": 1,
        "values with characters that XML has no way to write": 1,
    }
    assert write([Entity("http://a/b", embedding=[1.0])], "turtle")[1] == {
        "embeddings": 1,
        "entities whose key is an IRI, of which nothing is said": 1,
    }


def test_a_label_of_the_name_is_written_for_other_tools_and_not_read_as_a_property() -> None:
    data, _ = write([Entity("a", "Person", "Ann")], "ntriples")
    assert b'<http://www.w3.org/2000/01/rdf-schema#label> "Ann"' in data
    assert records(data, "ntriples") == [Entity("a", "Person", "Ann")]


@pytest.mark.long
def test_schema_org_comes_out_of_json_ld_as_it_went_in() -> None:
    data = plain("rdf_vocab/schemaorg_sdo.jsonld.xz")
    found = records(data, "jsonld")
    assert {"sdo__Person", "rdfs__Class"} & {one.key for one in found if isinstance(one, Entity)} == set()
    assert sum(isinstance(one, Entity) and one.label == "rdfs__Class" for one in found) > 800
    for syntax in SYNTAXES:
        written, lost = write(found, syntax)
        assert (canonical(written, syntax) == canonical(data, "jsonld"), lost) == (True, {})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"vocabluary": "keep"}, "Did you mean 'vocabulary'?"),
        ({"vocabulary": "shroten"}, "Did you mean 'shorten'?"),
        ({"multivalued": "all"}, "list, first, overwrite"),
        ({"base": "here"}, "no absolute IRI"),
        ({"namespace": "urn:x"}, "ends with / or # or :"),
        ({"prefixes": "ex"}, "is no prefix"),
        ({"languages": ""}, "The option languages is ''"),
    ],
)
def test_an_option_that_is_wrong_is_refused_with_what_is_right(options: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read("", "turtle", **options)
    assert says in str(caught.value)


def test_options_of_writing_are_checked_too() -> None:
    with pytest.raises(InvalidInput, match="no option 'multivalued'"):
        write([], "turtle", multivalued="list")
    assert set(WRITE) <= set(READ)


@pytest.mark.parametrize("mapping", [{"nmaes": {}}, {"names": []}, {"prefixes": {"ex": 1}}, []])
def test_a_mapping_that_is_wrong_is_refused(mapping: Any) -> None:
    with pytest.raises(InvalidInput):
        read("", "turtle", {"rdf": mapping})


def test_formats_are_known_by_their_extensions() -> None:
    names = ["a.nt", "a.nq", "a.ttl.gz", "a.trig", "a.rdf", "a.owl", "a.jsonld", "a.sparql", "a.ru"]
    assert [format_of(name).name for name in names] == [
        "ntriples", "nquads", "turtle", "trig", "rdfxml", "rdfxml", "jsonld", "sparql", "sparql",
    ]  # fmt: skip
    for name in ("ntriples", "nquads", "turtle", "trig", "rdfxml", "jsonld", "sparql"):
        assert format_of("x", name).extensions == FORMATS[name][1]


def test_json_ld_of_1_1_is_read() -> None:
    document = {
        "@context": {
            "@version": 1.1,
            "@vocab": "http://schema.org/",
            "labels": {"@id": "name", "@container": "@language"},
            "kids": {"@reverse": "parent"},
            "by_id": {"@id": "knows", "@container": "@id"},
        },
        "@id": "http://a/b",
        "labels": {"en": "Ann", "de": ["Anna"]},
        "kids": {"@id": "http://a/c"},
        "by_id": {"http://a/d": {"@type": "Person"}},
    }
    found = records(json.dumps(document), "jsonld")
    assert {(one.kind, one.start, one.end) for one in found if isinstance(one, Relationship)} == {
        ("schema__parent", "http://a/c", "http://a/b"),
        ("schema__knows", "http://a/b", "http://a/d"),
    }
