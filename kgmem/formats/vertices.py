"""Records as vertices and edges, and back, for graph formats that know nothing else.

An entity is a vertex and a relationship an edge (see foreign). Episodes and sources become vertices too, which a
property marks as what they are, so that a graph written whole is read back whole.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

import orjson

from kgmem.domain.entity import Entity
from kgmem.domain.episode import Episode
from kgmem.domain.errors import InvalidInput
from kgmem.domain.relationship import Relationship
from kgmem.domain.scope import SHARED, visible_from
from kgmem.domain.source import Source
from kgmem.formats.foreign import (
    PREFIX,
    entity,
    entity_properties,
    relationship,
    relationship_key,
    relationship_properties,
)
from kgmem.formats.records import kind_of
from kgmem.formats.wire import FIELDS, from_wire, to_wire

MARKER: Final = PREFIX + "kind"  # Of a vertex that is an episode or a source, and says so.
KEY: Final = PREFIX + "key"  # The key of what is known in the file by another id.
ENDS: Final = (PREFIX + "from", PREFIX + "to")  # The keys of an edge's ends, likewise.
KEYLESS: Final = PREFIX + "keyless"  # True for an edge that is known by its kind, ends and valid_from alone.
LOST_VECTORS: Final = "embeddings"
_LABELS = {"episode": "Episode", "source": "Source"}
_RENAMED = {name: PREFIX + name for name in ("key", "source", "scope")}
_RESERVED = frozenset({*FIELDS["episode"], *_RENAMED.values(), MARKER})

Held: TypeAlias = Entity | Episode | Source
EdgeIds = Literal["between", "key", "ignore"]


@dataclass(frozen=True, slots=True)
class Vertex:
    """One node: its id in the file, its labels, the first of which is its type, and its properties."""

    id: str
    labels: Sequence[str]
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edge:
    """One directed edge between the nodes of two ids."""

    id: str
    kind: str
    start: str
    end: str
    properties: Mapping[str, Any]


@dataclass(slots=True)
class Flattening:
    """Turns records into vertices and edges whose ids are unique in one file, and counts what that loses.

    A node's id is its entity's key. Where a graph holds several scopes, the same key may stand in two of them: then
    the id of a scoped one is `scope#key`, and only for these are the keys remembered.
    """

    lost: Counter[str] = field(default_factory=Counter)
    vectors: bool = True  # Whether a property may hold a list of some hundred numbers.
    plain: str | None = None  # The scope whose keys are ids as they are: the first one met.
    _scoped: set[tuple[str, str]] = field(default_factory=set)
    _counted: int = 0

    def vertex(self, record: Held) -> Vertex:
        """Give the vertex of an entity, an episode or a source."""
        if not isinstance(record, Entity):
            return self._marked(record)
        self.plain = record.scope if self.plain is None else self.plain
        if record.scope != SHARED:
            self._scoped.add((record.scope, record.key))
        if record.embedding is not None and not self.vectors:
            self.lost[LOST_VECTORS] += 1
            record = replace(record, embedding=None)
        labels = [*([record.label] if record.label else []), *(record.labels or ())]
        id_, properties = self._id(record.scope, record.key), entity_properties(record)
        return Vertex(id_, labels, properties if id_ == record.key else {**properties, KEY: record.key})

    def edge(self, record: Relationship) -> Edge:
        """Give the edge of a relationship, after all entities were given."""
        properties = relationship_properties(record)
        id_ = record.key
        if record.key is None:
            self._counted += 1
            id_ = f"e{self._counted}"
            properties[KEYLESS] = True
        elif not record.key.startswith("~"):
            properties[KEY] = relationship_key(record)
        keys = (record.start, record.end)
        start, end = (self._end(record.scope, key) for key in keys)
        properties |= {name: key for name, key, id_of in zip(ENDS, keys, (start, end), strict=True) if id_of != key}
        return Edge(str(id_), record.kind, start, end, properties)

    def _marked(self, record: Episode | Source) -> Vertex:
        kind = kind_of(record)
        shape = to_wire(record)
        own = {_escaped(name): value for name, value in shape.pop("properties", {}).items()}
        told = {_RENAMED.get(name, name): value for name, value in shape.items()}
        self._counted += record.key is None
        id_ = f"{kind}:{record.key if record.key is not None else self._counted}"
        scope = record.scope if isinstance(record, Episode) else SHARED
        return Vertex(f"{scope}#{id_}" if scope else id_, [_LABELS[kind]], {MARKER: kind, **own, **told})

    def _id(self, scope: str, key: str) -> str:
        return key if scope == self.plain else f"{scope}#{key}"

    def _end(self, scope: str, key: str) -> str:
        """Give the id of the nearest entity of that key which a relationship of this scope sees."""
        for seen in reversed(visible_from(scope)):
            if (seen, key) in self._scoped:
                return self._id(seen, key)
        return key if self.plain in {None, SHARED} else self._id(SHARED, key)


def vertex_record(id_: str, labels: Sequence[str], properties: Mapping[str, Any]) -> Held:
    """Give the record that a vertex is. Raises InvalidInput."""
    kind = str(properties.get(MARKER))
    if kind not in _LABELS:
        own = {name: value for name, value in properties.items() if name != KEY}
        return entity(_text(properties.get(KEY), id_), labels, own)
    known = {_RENAMED.get(name, name): name for name in FIELDS["episode" if kind == "episode" else "source"]}
    shape: dict[str, Any] = {known[name]: value for name, value in properties.items() if name in known}
    own = {_unescaped(name): value for name, value in properties.items() if name not in known and name != MARKER}
    if own and kind == "episode":
        shape["properties"] = own
    record = from_wire("episode" if kind == "episode" else "source", shape)
    assert isinstance(record, Episode | Source)  # noqa: S101  # What from_wire builds of these two.
    return record


def edge_record(
    kind: str, ends: tuple[str, str], properties: Mapping[str, Any], *, id_: str | None, ids: EdgeIds = "between"
) -> Relationship:
    """Give the relationship that an edge is. Raises InvalidInput.

    Most tools number edges, each file from the start, so an edge's id counts only between its two ends: two files may
    use the same, and an edge that changed is still the same one. `ids="key"` takes ids for keys as they are.
    """
    start, end = (_text(properties.get(name), id_of) for name, id_of in zip(ENDS, ends, strict=True))
    told = {name: value for name, value in properties.items() if name not in {KEY, KEYLESS, *ENDS}}
    if properties.get(KEYLESS) is True:
        return relationship(kind, (start, end), told, parallel=False)
    key = properties.get(KEY)
    return relationship(kind, (start, end), told, key=key if isinstance(key, str) else _edge_key(id_, ends, ids))


def edge_ids(options: Mapping[str, str]) -> EdgeIds:
    """Give what the option `edge_ids` says. Raises InvalidInput."""
    said = options.get("edge_ids", "between")
    for known in ("between", "key", "ignore"):
        if said == known:
            return known
    raise InvalidInput(f"edge_ids={said!r} is no way to read the ids of edges.", mend="Give between, key or ignore.")


def edge_key(id_: str, ends: tuple[str, str]) -> str:
    """Give the key of an edge whose id counts between its two ends, which are given by their ids."""
    # What begins with ~ was made by kgmem, and is unique already.
    return id_ if id_.startswith("~") else "~" + blake2b(orjson.dumps([*ends, id_]), digest_size=12).hexdigest()


def parted(properties: Mapping[str, Any], reserved: frozenset[str]) -> dict[str, Any]:
    """Give properties whose names keep clear of what a format needs for itself, by an underscore more."""
    return {name + "_" if name.rstrip("_") in reserved else name: value for name, value in properties.items()}


def joined(properties: Mapping[str, Any], reserved: frozenset[str]) -> dict[str, Any]:
    """Give properties as they were before `parted`."""
    return {
        name[:-1] if name.endswith("_") and name.rstrip("_") in reserved else name: value
        for name, value in properties.items()
    }


def _edge_key(id_: str | None, ends: tuple[str, str], ids: EdgeIds) -> str | None:
    if id_ is None or id_ == "" or ids == "ignore":
        return None
    return id_ if ids == "key" else edge_key(id_, ends)


def _text(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) else otherwise


def _escaped(name: str) -> str:
    return name + "_" if name.rstrip("_") in _RESERVED else name


def _unescaped(name: str) -> str:
    return name[:-1] if name.endswith("_") and name.rstrip("_") in _RESERVED else name
