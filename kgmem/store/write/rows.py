"""The row of a vertex in the index, made of its stored properties alone, and vectors scaled to length 1."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from kgmem.domain.errors import EmbeddingMismatch, InvalidInput
from kgmem.domain.fields import LONGEST_LABEL, FieldType, indexed_fields
from kgmem.domain.graph.embedding import Vector, unit
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import (
    PASSAGE_CHARACTERS,
    SHORT_PASSAGE_CHARACTERS,
    SHORT_PASSAGES,
    Passage,
    passages,
)
from kgmem.domain.graph.graph import Graph
from kgmem.domain.space.place import Place
from kgmem.domain.time.interval import ALWAYS, Interval, valid_interval
from kgmem.store.db.sql import SQL, compose, fill, identifier, join, number
from kgmem.store.graph.labels import NO_LABEL, borne, is_left
from kgmem.store.graph.records import PLAIN_TYPES, entity_body, place_of

_SEPARATOR: Final = "\x1f"  # Joins labels in one parameter; refused in labels.
_ROUNDED = 2**-10  # So far from 1 is at most the length of a unit vector in halves.
_PARAMETER = re.compile(r"\$(\d+)")
_TYPES: Final[Mapping[FieldType, SQL]] = {
    "text": SQL("text"),
    "integer": SQL("bigint"),
    "float": SQL("float8"),
    "boolean": SQL("boolean"),
}
_INDEXED: Final = indexed_fields(Entity)


class ItemColumn(NamedTuple):
    """A column of the table `item` that is made of what a vertex stores."""

    name: SQL
    value: SQL  # Made of its parts, in a row called n.
    parts: Mapping[str, SQL]  # What statements take for it: names and types.


# The one list of them: whatever writes items takes it from here (`item_sql`, `VertexRow.parts`).
ITEM_COLUMNS: Final = (
    ItemColumn(
        SQL("valid"),
        SQL("tstzrange(n.valid_from, n.valid_to)"),
        {"valid_from": SQL("timestamptz"), "valid_to": SQL("timestamptz")},
    ),
    ItemColumn(SQL("place"), SQL("point(n.lon, n.lat)"), {"lon": SQL("float8"), "lat": SQL("float8")}),
    ItemColumn(SQL("area"), SQL("n.area::text::box"), {"area": SQL("text")}),
    ItemColumn(
        SQL("labels"),
        SQL("CASE WHEN n.labels IS NOT NULL THEN string_to_array(n.labels, E'\\x1f') END"),
        {"labels": SQL("text")},
    ),
    *(
        ItemColumn(identifier(field.name), compose("n.{}", identifier(field.name)), {field.name: _TYPES[field.type]})
        for field in _INDEXED
    ),
)
INDEXED_NAMES: Final = tuple(field.name for field in _INDEXED)  # Of the columns that hold a field as it is.
_PARTS: Final = {name: type_ for column in ITEM_COLUMNS for name, type_ in column.parts.items()}


@dataclass(frozen=True, slots=True)
class VertexRow:
    """What the index keeps of a vertex, made of its stored properties."""

    valid: Interval
    place: Place | None
    labels: Sequence[str] | None
    passages: Sequence[Passage]
    fields: Sequence[Any] = (None,) * len(_INDEXED)  # The values of fields that have a column of their own.

    @property
    def parts(self) -> tuple[Any, ...]:
        """What statements take for the columns of its item, in the order of ITEM_COLUMNS and their parts."""
        place = self.place
        where = (place.lon, place.lat, place.area) if place else (None, None, None)
        labels = _SEPARATOR.join(self.labels) if self.labels else None
        return (self.valid.start, self.valid.end, *where, labels, *self.fields)


NO_PARTS: Final = (None,) * len(_PARTS)  # Of an item that is always valid: no times, place and further labels.


@lru_cache(maxsize=500)
def item_sql(statement: SQL) -> SQL:
    """Return a statement with the columns of items in its places; the arrays of parts are its last parameters.

    The places are %(columns)s, %(values)s, %(parts)s, %(arrays)s, and of an update %(set)s and %(set_excluded)s.
    """
    first = max((int(found) for found in _PARAMETER.findall(statement)), default=0) + 1
    arrays = (compose("${}::{}[]", number(first + at), type_) for at, type_ in enumerate(_PARTS.values()))
    return fill(statement, {**ITEM_FRAGMENTS, "arrays": join(", ", arrays)})


ITEM_FRAGMENTS: Final[Mapping[str, SQL]] = {
    "columns": join(", ", (column.name for column in ITEM_COLUMNS)),
    "values": join(", ", (column.value for column in ITEM_COLUMNS)),
    "set": join(", ", (compose("{} = {}", column.name, column.value) for column in ITEM_COLUMNS)),
    "set_excluded": join(", ", (compose("{0} = excluded.{0}", column.name) for column in ITEM_COLUMNS)),
    "parts": join(", ", map(identifier, _PARTS)),
    "definitions": join(",\n    ", (compose("{} {}", identifier(name), type_) for name, type_ in _PARTS.items())),
    # Of columns that hold a field as it is: for those who compare them.
    "fields": join("", (compose(", i.{}", identifier(field.name)) for field in _INDEXED)),
}


def indexed_values(stored: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of the fields that have a column of their own; None for what is of no type of the field."""
    types = PLAIN_TYPES["entity"]
    return tuple(value if type(value := stored.get(field.name)) in types[field.name] else None for field in _INDEXED)


def entity_row(stored: Mapping[str, Any]) -> VertexRow:
    """Return the row of an entity: searched by its names and text."""
    body = entity_body(stored)
    return VertexRow(
        valid=valid_of(stored.get("valid_from"), stored.get("valid_to")),
        place=place_of(stored),
        labels=index_labels(stored.get("labels")),
        passages=[Passage(0, 0, body)] if 0 < len(body) <= PASSAGE_CHARACTERS else list(passages(body)),
        fields=indexed_values(stored) if _INDEXED else (),
    )


def index_labels(stored: Any) -> Sequence[str] | None:
    """Return the stored labels of a node as the index keeps them; see store/graph/labels.py."""
    if not isinstance(stored, list):
        return None
    if not is_left(stored):
        return [label for label in stored if is_name(label)] or None
    main, *further = borne(NO_LABEL, stored)
    return [*stored[:1], main if is_name(main) else NO_LABEL, *filter(is_name, further)]


def is_name(value: Any) -> bool:
    """Return whether a stored value can name a label; another client may have written anything."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_LABEL and "\x1f" not in value


def episode_row(stored: Mapping[str, Any]) -> VertexRow:
    """Return the row of an episode: its passages, each headed by title or speaker; valid when it occurred."""
    occurred = stored.get("occurred_at")
    title, speaker = stored.get("title"), stored.get("speaker")
    text = str(stored.get("text", ""))
    head = f"{title}\n" if title else f"{speaker}: " if speaker else ""
    most = SHORT_PASSAGE_CHARACTERS if stored.get(SHORT_PASSAGES) is True else PASSAGE_CHARACTERS
    cut = [Passage(p.ordinal, p.start, head + p.body) for p in passages(text, most)]
    return VertexRow(valid_of(occurred, occurred), None, index_labels(stored.get("labels")), cut)


def fraction_of(value: Any) -> float | None:
    """A stored strength or confidence as the index holds it, within 0 and 1; others may have written anything."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(min(max(value, 0), 1)) if is_number and not math.isnan(value) else None


def valid_of(valid_from: Any, valid_to: Any) -> Interval:
    """Return the interval of stored times; always, where another client wrote what is none."""
    if valid_from is None and valid_to is None:
        return ALWAYS
    try:
        return valid_interval(valid_from, valid_to)
    except (InvalidInput, AttributeError, TypeError):
        return ALWAYS


def with_unit_vector(graph: Graph, entity: Entity) -> Entity:
    """Return the entity with its vector scaled to length 1. Raises EmbeddingMismatch."""
    if entity.embedding is None:
        return entity
    scaled = unit_vector(graph, entity.key, entity.embedding)
    return Entity(**{n: getattr(entity, n) for n in entity.__slots__ if n != "embedding"}, embedding=scaled)


def unit_vector(graph: Graph, key: str, given: Vector) -> Any:
    """Return the vector of an entity scaled to length 1, as a list or an array. Raises EmbeddingMismatch."""
    return unit_vectors(graph, [key], [given])[0]


def unit_vectors(graph: Graph, keys: Sequence[str], given: Sequence[Vector]) -> Sequence[Any]:
    """Return the vectors of entities scaled to length 1, each as a list or an array. Raises EmbeddingMismatch.

    What comes of one does not depend on the others.
    """
    if graph.space is None:
        raise EmbeddingMismatch(
            "This graph has no embedding space.", hint="Create the graph with one, or send no vectors."
        )
    dimension = graph.space.dimension
    if all(len(vector) == dimension for vector in given):
        with np.errstate(over="ignore"):
            rows = np.asarray(given, dtype=np.float32).reshape(len(given), dimension)
            lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        if np.all((lengths > 1e-15) & (lengths < 1e15)):
            # One that is as it is held already stays so: what was exported comes back unchanged.
            with np.errstate(over="ignore"):
                halves = rows.astype(np.float16)
            kept = (np.abs(lengths - 1) <= _ROUNDED) & np.all(halves == rows, axis=1)
            return list(np.where(kept[:, None], rows, rows / lengths[:, None]))
    if len(given) > 1:
        return [unit_vector(graph, key, vector) for key, vector in zip(keys, given, strict=True)]
    # Another dimension, no direction, or squares that single floats cannot hold.
    return [unit(given[0], dimension, f"The embedding of {keys[0]!r}")] if given else []
