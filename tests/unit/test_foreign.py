"""Vertices and edges of other systems as records, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.property_graph.elements import (
    entity,
    entity_properties,
    relationship,
    relationship_key,
    relationship_properties,
)

NAMES = st.sampled_from(
    ["name", "text", "place", "valid_from", "name_", "place_", "kgmem_source", "lat", "lon", "city"]
)
VALUES = (
    st.none() | st.booleans() | st.integers(-5, 2000) | st.text(max_size=4) | st.lists(st.integers(0, 3), max_size=2)
)
PROPERTIES = st.dictionaries(NAMES, VALUES, max_size=4)
TIMES = st.none() | st.sampled_from(["1969", "-44-03-15", "1969-07-20T20:17:40Z"])
PLACES = st.none() | st.sampled_from(
    [parse_place([1.5, 2]), parse_place({"type": "LineString", "coordinates": [[0, 0], [1, 1]]})]
)
TEXTS = st.none() | st.text(min_size=1, max_size=5).filter(lambda text: "\x00" not in text)


@given(name=TEXTS, text=TEXTS, valid_from=TIMES, place=PLACES, source=TEXTS, properties=PROPERTIES)
def test_an_entity_flattened_reads_back_as_it_was(name, text, valid_from, place, source, properties):
    held = Entity(
        key="k", label="A", labels=["B"], name=name, text=text, valid_from=valid_from, place=place, source=source,
        properties=properties,
    )  # fmt: skip
    once = _try(lambda: entity("k", ["A", "B"], entity_properties(held)))
    if once is not None:  # What had no fields may lift some from its properties, as the store does; then it stays.
        again = entity("k", ["A", "B"], entity_properties(once))
        assert again == once
        if not {"name", "text", "place", "valid_from", "lat", "lon", "kgmem_source"} & properties.keys():
            assert once == held


@given(text=TEXTS, valid_from=TIMES, strength=st.none() | st.floats(0, 1), properties=PROPERTIES)
def test_a_relationship_flattened_reads_back_as_it_was(text, valid_from, strength, properties):
    found = _try(lambda: relationship("KNOWS", ("a", "b"), properties))
    if found is not None:
        again = relationship("KNOWS", ("a", "b"), relationship_properties(found), key=relationship_key(found))
        assert again == found
    held = Relationship(kind="KNOWS", start="a", end="b", text=text, valid_from=valid_from, strength=strength)
    assert relationship("KNOWS", ("a", "b"), relationship_properties(held), parallel=False) == held


def test_parallel_edges_stay_apart_and_the_same_edge_is_one():
    one = relationship("KNOWS", ("a", "b"), {"since": 1999})
    assert one == relationship("KNOWS", ("a", "b"), {"since": 1999})
    assert one.key != relationship("KNOWS", ("a", "b"), {"since": 2000}).key
    assert relationship_key(one) is None
    assert relationship("KNOWS", ("a", "b"), {}, key="e1").key == "e1"


def test_coordinates_make_a_place_and_stay_properties():
    found = entity("ATL", ["airport"], {"lat": 33.6, "lon": -84.4})
    assert found.place is not None
    assert (found.place.lon, found.place.lat) == (-84.4, 33.6)
    assert found.properties == {"lat": 33.6, "lon": -84.4}
    assert "place" not in entity_properties(found)
    assert entity("x", [], {"lat": 99, "lon": 0}).place is None


def test_well_known_text_and_geojson_texts_are_places():
    assert entity("x", [], {"place": "POINT (1 2)"}).place == parse_place([1, 2])
    assert entity("x", [], {"place": '{"type": "Point", "coordinates": [1, 2]}'}).place == parse_place([1, 2])
    assert entity("x", [], {"place": "Berlin"}).properties == {"place": "Berlin"}


def test_an_interval_that_ends_before_it_starts_is_refused():
    with pytest.raises(InvalidInput, match="not after"):
        entity("x", [], {"valid_from": 2000, "valid_to": 1999})


def _try(make):
    try:
        return make()
    except InvalidInput:
        return None
