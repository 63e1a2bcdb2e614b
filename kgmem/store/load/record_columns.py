"""Records as Arrow columns, for formats that are read record by record: one schema a kind, from the table of fields.

Each field is a column under its wire name: texts as they are, anything else as JSON, null where a record does not
state it. A place has three more, as Postgres reads them: `lon` and `lat` of its point, and the box around it as `area`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import Field, FieldType, stated_fields
from kgmem.domain.graph.batch import BatchKind, Columns, Rejection, Stated
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.expiry import timed
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import check_entities, check_relationships
from kgmem.domain.space.place import Place
from kgmem.domain.time.interval import now
from kgmem.store.graph.records import encoded, json_bytes
from kgmem.store.load.copy_load import Describe
from kgmem.store.write.rows import unit_vectors

_AT_ONCE = 500  # Records that are checked together; those among which one is refused are checked one by one.
_RECORDS: Final[Mapping[BatchKind, type[Any]]] = {"entity": Entity, "relationship": Relationship}
_FIELDS: Final = {kind: stated_fields(record) for kind, record in _RECORDS.items()}
_VALUES: Final = {
    kind: attrgetter(*(field.name for field in known if field.type not in {"place", "vector", "properties"}))
    for kind, known in _FIELDS.items()
}


def record_columns(
    graph: Graph, kind: BatchKind, stated: Sequence[Stated[Any]], describe: Describe
) -> tuple[Columns, list[Rejection]]:
    """Return the columns of those records of which something can be made, and why the others are refused.

    `describe` writes the text of a record that is refused.
    """
    began = now()
    good: list[Stated[Any]] = []
    rejections: list[Rejection] = []
    for at in range(0, len(stated), _AT_ONCE):
        group = stated[at : at + _AT_ONCE]
        if _refusal(graph, kind, group, began) is None:
            good += group
            continue
        for one in group:
            reason = _refusal(graph, kind, [one], began)
            if reason is None:
                good.append(one)
            else:
                rejections.append(Rejection(one.file, one.line, reason, describe(one.record)))
    records: Sequence[Any] = timed([each.record for each in good], imported=True, present=began)
    files = pa.array([each.file for each in good], pa.string())
    lines = pa.array([each.line for each in good], pa.int64())
    fields: dict[str, Any] = {}
    for field in _FIELDS[kind]:
        for name, texts in _columns_of(graph, field, records):
            fields[name] = pa.array(texts, pa.string())
    return Columns(kind, lines, fields, (), files=files), rejections


def _refusal(graph: Graph, kind: BatchKind, stated: Sequence[Stated[Any]], present: int) -> str | None:
    """Return why nothing can be made of some of these records."""
    records = [each.record for each in stated]
    try:
        timed(records, imported=True, present=present)
        if kind == "entity":
            check_entities(records)
            _halves(graph, records)
            encoded([record.place.geometry for record in records if record.place is not None])
        else:
            check_relationships(records)
        objects = [record.properties for record in records]
        encoded(objects if len(objects) > 1 else objects[0])  # A list is one level more of those that JSON may have.
        # Without what is not stated, since each null has to be told from a number that JSON does not have.
        encoded([[value for value in _VALUES[kind](record) if value is not None] for record in records])
    except InvalidInput as error:
        return str(error)
    return None


def _columns_of(graph: Graph, field: Field, records: Sequence[Any]) -> Iterator[tuple[str, Sequence[str | None]]]:
    """Return the columns of a field by their names; none where no record states it."""
    values = list(map(attrgetter(field.name), records))
    if field.type == "properties" or field.role == "claim":
        values = [value or None for value in values]
    if not any(value is not None for value in values):
        return
    if field.is_text:
        yield field.wire, values
    elif field.type == "vector":
        yield field.wire, _vectors(graph, records)
    else:
        as_text = _TEXTS.get(field.type, _json)
        yield field.wire, [None if value is None else as_text(value) for value in values]
    if field.type == "place":
        for name in ("lon", "lat", "area"):
            yield name, [None if place is None else str(getattr(place, name)) for place in values]


def _json(value: Any) -> str:
    return json_bytes(value).decode()  # `_refusal` has checked it.


def _geometry(place: Place) -> str:
    return _json(place.geometry)


def _vectors(graph: Graph, entities: Sequence[Entity]) -> list[str | None]:
    """Return the vectors of entities as JSON in the numbers that the store keeps of them."""
    told = iter(_halves(graph, entities))
    return [
        None
        if each.embedding is None
        else orjson.dumps(next(told).astype(np.float32), option=orjson.OPT_SERIALIZE_NUMPY).decode()
        for each in entities
    ]


def _halves(graph: Graph, entities: Sequence[Entity]) -> Sequence[Any]:
    """Return the vectors that entities have, scaled to length 1, as halves. Raises EmbeddingMismatch."""
    stated = [(each.key, each.embedding) for each in entities if each.embedding is not None]
    if not stated:
        return []
    keys, vectors = zip(*stated, strict=True)
    return list(np.asarray(unit_vectors(graph, keys, vectors), dtype=np.float16))


_TEXTS: Final[Mapping[FieldType, Callable[[Any], str]]] = {"place": _geometry}
