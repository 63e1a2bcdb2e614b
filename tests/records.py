"""Strategies that draw records as a graph may hold them."""

from typing import Any

from hypothesis import strategies as st

from kgmem.domain.claims.claim import Source
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place

_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\x00")
texts = st.text(_CHARACTERS, min_size=1, max_size=40)
_maybe_text = st.none() | texts
_fractions = st.none() | st.floats(0, 1)
_scopes = st.sampled_from(["", "user/42", "team/7/agent/3"])
_spans = st.sampled_from([(None, None), ("1969-07", None), (None, "-0044-03-15"), ("1961", "1972-12-19T23:24:36.5Z")])
_scalars = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts
_values = st.recursive(
    _scalars | st.just(""),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
_names = texts | st.sampled_from(["key", "text", "from", "lat", "name:integer", "properties.x", "type", "=1+1"])
properties = st.dictionaries(_names, _values, max_size=4)
_degrees = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list)
places = st.none() | st.one_of(
    _degrees.map(parse_place),
    st.lists(_degrees, min_size=2, max_size=4).map(
        lambda line: parse_place({"type": "LineString", "coordinates": line})
    ),
)


@st.composite
def entities(draw: st.DrawFn) -> Entity:
    start, end = draw(_spans)
    return Entity(
        key=draw(texts),
        label=draw(_maybe_text),
        name=draw(_maybe_text),
        properties=draw(properties),
        labels=draw(st.none() | st.lists(texts, max_size=3)),
        text=draw(_maybe_text),
        embedding=draw(st.none() | st.lists(st.floats(-1, 1), min_size=2, max_size=4)),
        place=draw(places),
        valid_from=start,
        valid_to=end,
        source=draw(_maybe_text),
        scope=draw(_scopes),
    )


@st.composite
def relationships(draw: st.DrawFn) -> Relationship:
    start, end = draw(_spans)
    return Relationship(
        kind=draw(texts),
        start=draw(texts),
        end=draw(texts),
        key=draw(_maybe_text),
        properties=draw(properties),
        text=draw(_maybe_text),
        valid_from=start,
        valid_to=end,
        strength=draw(_fractions),
        confidence=draw(_fractions),
        source=draw(_maybe_text),
        scope=draw(_scopes),
    )


@st.composite
def episodes(draw: st.DrawFn) -> Episode:
    return Episode(
        text=draw(texts),
        key=draw(_maybe_text),
        occurred_at=draw(st.sampled_from([None, "1969", "1969-07-20T20:17:40Z"])),
        source=draw(_maybe_text),
        session=draw(_maybe_text),
        speaker=draw(_maybe_text),
        title=draw(_maybe_text),
        mentions=draw(st.just(()) | st.lists(texts, min_size=1, max_size=3)),
        properties=draw(properties),
        scope=draw(_scopes),
    )


sources = st.builds(Source, texts, _maybe_text, _maybe_text, st.floats(0, 1), _maybe_text, _maybe_text, _maybe_text)
of_kind: dict[str, st.SearchStrategy[Any]] = {
    "entity": entities(),
    "relationship": relationships(),
    "episode": episodes(),
    "source": sources,
}
records = st.one_of(*of_kind.values())
