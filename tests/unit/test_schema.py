"""Graph schemas: documents, merging, validating and checking."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput, KgmemError, NotFound
from kgmem.domain.schema.document import PROPERTY_TYPES, fits
from kgmem.domain.schema.schema import (
    GraphSchema,
    Label,
    Property,
    RelationshipKind,
    check_entity,
    check_relationship,
    from_mapping,
    merge,
    to_mapping,
    validate,
)
from kgmem.formats.toml_schema import ONTOLOGY, load_schema, read_schema
from kgmem.resources import resource

NAMES = st.sampled_from(["A", "B", "C", "WORKS_FOR", "naïve name", "x.y"])
TEXTS = st.sampled_from(["", "One.", "Two."])
TYPES = st.sampled_from([*PROPERTY_TYPES, "list[string]", "list[map]"])


def properties() -> st.SearchStrategy[dict[str, Property]]:
    one = st.builds(Property, NAMES, TYPES, st.booleans(), st.booleans(), st.booleans(), TEXTS)
    return st.dictionaries(NAMES, one, max_size=2).map(lambda d: {n: replace(p, name=n) for n, p in sorted(d.items())})


def ends() -> st.SearchStrategy[tuple[str, ...]]:
    return st.sets(NAMES, max_size=2).map(lambda names: tuple(sorted(names)))


@st.composite
def kinds(draw: st.DrawFn, name: str) -> RelationshipKind:
    causal = draw(st.booleans())
    symmetric = draw(st.booleans())
    sources = draw(ends())
    return RelationshipKind(
        name,
        sources,
        sources if symmetric else draw(ends()),
        causal=causal,
        preventing=causal and draw(st.booleans()),
        functional=draw(st.booleans()),
        symmetric=symmetric,
        transitive=draw(st.booleans()),
        inverse=None if symmetric else draw(st.none() | NAMES),
        properties=draw(properties()),
        description=draw(TEXTS),
    )


@st.composite
def schemas(draw: st.DrawFn) -> GraphSchema:
    labels = {n: Label(n, draw(properties()), draw(st.none() | NAMES), draw(TEXTS)) for n in draw(ends())}
    return GraphSchema(labels, {n: draw(kinds(n)) for n in draw(ends())})


def merged(*parts: GraphSchema) -> GraphSchema | None:
    united = GraphSchema()
    try:
        for part in parts:
            united = merge(united, part)
    except InvalidInput:
        return None
    return united


@given(schemas())
def test_a_schema_survives_its_document(schema: GraphSchema) -> None:
    assert from_mapping(to_mapping(schema)) == schema


@given(schemas())
def test_merging_a_schema_with_itself_or_with_nothing_changes_nothing(schema: GraphSchema) -> None:
    assert merge(schema, schema) == merge(schema, GraphSchema()) == merge(GraphSchema(), schema) == schema


@pytest.mark.long
@given(schemas(), schemas(), schemas())
def test_merging_is_associative_wherever_it_is_defined(a: GraphSchema, b: GraphSchema, c: GraphSchema) -> None:
    left, right = merged(a, b), merged(b, c)
    assume(left is not None or right is not None)
    from_left = None if left is None else merged(left, c)
    from_right = None if right is None else merged(a, right)
    assert from_left == from_right


@given(schemas(), schemas())
def test_merging_is_refused_from_both_sides_alike(a: GraphSchema, b: GraphSchema) -> None:
    assert (merged(a, b) is None) == (merged(b, a) is None)


def test_the_ontology_that_comes_with_kgmem_is_whole_and_described() -> None:
    schema = load_schema(resource("graph_schema"))
    assert {"Person", "Organization", "Place", "Event", "Object", "Concept", "Document", "Episode", "Source"} <= set(
        schema.labels
    )
    causal = {name for name, kind in schema.kinds.items() if kind.causal}
    assert causal == {"CAUSES", "ENABLES", "CONTRIBUTES_TO", "PREVENTS"}
    assert [name for name, kind in schema.kinds.items() if kind.preventing] == ["PREVENTS"]
    assert all(label.description for label in schema.labels.values())
    assert all(kind.description for kind in schema.kinds.values())


def test_every_schema_file_fits_the_ontology() -> None:
    folder = resource("graph_schema")
    names = sorted(file.stem for file in folder.glob("*.toml"))
    assert set(ONTOLOGY) <= set(names)
    for name in names:
        load_schema(folder, tuple(dict.fromkeys((*ONTOLOGY, name))))


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"label": {}}, "label"),
        ({"labels": []}, "labels"),
        ({"labels": {"": {}}}, "labels."),
        ({"labels": {"A": {"parents": "B"}}}, "labels.A.parents"),
        ({"labels": {"A": {"properties": {"born": "dat"}}}}, "labels.A.properties.born.type"),
        ({"labels": {"A": {"properties": {"born": {"required": "yes"}}}}}, "labels.A.properties.born.required"),
        ({"labels": {"A": {"properties": {"born": 3}}}}, "labels.A.properties.born"),
        ({"kinds": {"K": {"from": "Person"}}}, "kinds.K.from"),
        ({"kinds": {"K": {"preventing": True}}}, "kinds.K.preventing"),
        ({"kinds": {"K": {"symmetric": True, "inverse": "L"}}}, "kinds.K.symmetric"),
        ({"kinds": {"K": {"symmetric": True, "from": ["A"]}}}, "kinds.K.symmetric"),
        ({"kinds": {"K": {"description": 1}}}, "kinds.K.description"),
    ],
)
def test_an_error_in_a_document_names_its_place(document: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        from_mapping(document)
    assert caught.value.facts["path"] == path
    assert caught.value.message.startswith(path)
    assert caught.value.hint


def test_a_type_alone_stands_for_a_property_of_that_type() -> None:
    schema = from_mapping({"labels": {"A": {"properties": {"born": "date"}}}})
    assert schema.labels["A"].properties["born"] == Property("born", "date")


def test_a_conflict_names_both_sides() -> None:
    first = from_mapping({"labels": {"A": {"properties": {"born": "date"}}}})
    second = from_mapping({"labels": {"A": {"properties": {"born": "string"}}}})
    with pytest.raises(InvalidInput, match=r"labels\.A\.properties\.born: type is 'date' in one .* 'string'") as caught:
        merge(first, second)
    assert caught.value.facts == {"path": "labels.A.properties.born", "first": "date", "second": "string"}


def test_an_extension_may_add_properties_and_a_parent_to_a_label() -> None:
    base = from_mapping({"labels": {"A": {"description": "First.", "properties": {"x": "string"}}, "B": {}}})
    more = from_mapping({"labels": {"A": {"description": "Second.", "parent": "B", "properties": {"y": "float"}}}})
    label = merge(base, more).labels["A"]
    assert (label.parent, label.description, list(label.properties)) == ("B", "First.", ["x", "y"])


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"labels": {"A": {"parent": "B"}}}, "labels.A.parent"),
        ({"labels": {"A": {"parent": "B"}, "B": {"parent": "A"}}}, "labels.A.parent"),
        ({"kinds": {"K": {"to": ["B"]}}}, "kinds.K.to"),
        ({"kinds": {"K": {"inverse": "L"}}}, "kinds.K.inverse"),
        ({"kinds": {"K": {"inverse": "L"}, "L": {}}}, "kinds.K.inverse"),
        (
            {"labels": {"A": {}}, "kinds": {"K": {"inverse": "L", "from": ["A"]}, "L": {"inverse": "K"}}},
            "kinds.K.inverse",
        ),
    ],
)
def test_what_is_referred_to_must_be_declared_and_fit(document: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate(from_mapping(document))
    assert caught.value.facts["path"] == path


SCHEMA = from_mapping(
    {
        "labels": {
            "Agent": {"properties": {"born": {"type": "date", "required": True}}},
            "Person": {"parent": "Agent", "properties": {"height": "float"}},
            "Pilot": {"parent": "Person"},
            "Place": {},
        },
        "kinds": {"LIVES_IN": {"from": ["Agent"], "to": ["Place"], "properties": {"since": "datetime"}}, "KNOWS": {}},
    }
)


def test_a_label_has_what_its_ancestors_have() -> None:
    assert SCHEMA.line("Pilot") == ("Pilot", "Person", "Agent")
    assert SCHEMA.with_descendants("Agent") == ("Agent", "Person", "Pilot")
    assert set(SCHEMA.properties_of("Pilot")) == {"name", "text", "born", "height"}


def test_what_is_not_declared_is_refused_only_when_strict() -> None:
    assert check_entity(SCHEMA, False, "Ghost", {"x": 1}) == []
    assert check_entity(SCHEMA, False, "Place", {"x": 1}) == []
    assert check_relationship(SCHEMA, False, "HAUNTS", "Ghost", "Place", {}) == []
    assert check_relationship(SCHEMA, False, "LIVES_IN", "Ghost", "Place", {"x": 1}) == []
    assert [v.rule for v in check_entity(SCHEMA, True, "Ghost", {"x": 1})] == ["unknown-label"]
    assert [v.rule for v in check_entity(SCHEMA, True, "Place", {"x": 1, "name": "Rome"})] == ["unknown-property"]
    assert [v.rule for v in check_relationship(SCHEMA, True, "HAUNTS", "Ghost", "Place", {})] == ["unknown-kind"]
    refused = check_relationship(SCHEMA, True, "LIVES_IN", "Ghost", "Place", {"x": 1})
    assert [(v.rule, v.where) for v in refused] == [("end", "from"), ("unknown-property", "properties.x")]


def test_what_weighing_the_claims_writes_is_known_to_every_schema() -> None:
    schema = from_mapping({"kinds": {"LED_BY": {"functional": True}}, "labels": {"Team": {}}})
    told = {"consensus": 0.6, "trust": 0.5, "state": "unverified"}
    assert check_relationship(schema, True, "LED_BY", "Team", "Team", told) == []
    assert check_entity(schema, True, "Team", {"consensus": {"size": 0.6}}) == []


def test_what_is_declared_holds_without_strictness_too() -> None:
    found = check_entity(SCHEMA, False, "Pilot", {"height": "tall", "born": None})
    assert [(v.rule, v.where) for v in found] == [("required", "properties.born"), ("type", "properties.height")]
    assert str(found[1]) == "height is 'tall', not of type float"
    assert [v.where for v in check_relationship(SCHEMA, False, "LIVES_IN", "Place", "Pilot", {})] == ["from", "to"]
    assert [v.rule for v in check_relationship(SCHEMA, False, "LIVES_IN", "Pilot", "Place", {"since": "soon"})] == [
        "type"
    ]


def test_ends_that_are_not_known_or_not_restricted_pass() -> None:
    assert check_relationship(SCHEMA, True, "LIVES_IN", None, None, {}) == []
    assert check_relationship(SCHEMA, True, "KNOWS", "Place", "Ghost", {}) == []


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("string", ["", "x"], [1, None, ["x"]]),
        ("integer", [0, -3], [1.0, True, "1"]),
        ("float", [0, 1.5], [True, "1", float("nan"), float("inf")]),
        ("boolean", [True, False], [0, "true"]),
        ("date", ["1969", "1969-07", "1969-07-20", "-0044-03-15"], ["1969-13", "1969-07-20T20:17:40Z", 1969, "soon"]),
        ("datetime", ["1969", "1969-07-20T20:17:40Z", "1969-07-20 20:17+01:00"], ["1969-02-30", 0, "20:17"]),
        ("map", [{}, {"a": [1]}], [[], {1: 2}]),
        ("list[integer]", [[], [1, 2]], [[1, "2"], 1, "12"]),
        ("list[date]", [["1969"]], ["1969", [None]]),
        ("any", [None, 1, {"a": 1}], []),
    ],
)
def test_each_type_takes_its_values_and_no_others(type_: str, good: list[object], bad: list[object]) -> None:
    assert [value for value in good if not fits(value, type_)] == []
    assert [value for value in bad if fits(value, type_)] == []


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[labels\n")
    (tmp_path / "odd.toml").write_text("[labels.A]\ncolour = 1\n")
    for name, text in (("bad", "bad.toml is not TOML"), ("odd", "odd.toml: labels.A.colour")):
        with pytest.raises(InvalidInput, match=text):
            read_schema(tmp_path / f"{name}.toml")
    with pytest.raises(NotFound, match=r"none\.toml"):
        load_schema(tmp_path, ("none",))


def test_a_resource_that_is_missing_says_so() -> None:
    assert resource("graph_schema").is_dir()
    with pytest.raises(KgmemError, match="no_such_folder is missing"):
        resource("no_such_folder")
