"""Staging: records as the rows that the loader's temporary tables take."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.batch import Batch, BatchKind, Rejection, Stated
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import DEFAULT_LABEL, check_entities, check_relationships
from kgmem.domain.time.interval import ALWAYS, valid_interval
from kgmem.store.graph.records import dumps, merge_entity, merge_relationship
from kgmem.store.load.staging_columns import place_of, stage_columns
from kgmem.store.write.edges import discriminator
from kgmem.store.write.rows import entity_row
from kgmem.store.write.unit_vector import with_unit_vector

ROW_COLUMNS: Mapping[BatchKind, Sequence[str]] = {
    "entity": (
        "place", "file", "line", "number", "scope", "key", "label", "relabels", "source", "valid_from", "valid_to",
        "lon", "lat", "area", "labels", "stored", "removed", "body", "further", "version", "embedding",
    ),
    "relationship": (
        "place", "file", "line", "number", "scope", "kind", "start_key", "end_key", "key", "source", "strength",
        "confidence", "valid_from", "valid_to", "discriminator", "stored", "removed",
    ),
}  # fmt: skip
_SEPARATOR = "\x1f"


@dataclass(slots=True)
class Staged:
    """Rows ready for COPY, what must be known before they are loaded, and what is no row at all."""

    texts: list[tuple[Sequence[str], bytes]] = field(default_factory=list)  # Rows too, as CSV under these columns.
    count: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    scopes: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    worded: int = 0  # Relationships that have a text.
    files: dict[str, int] = field(default_factory=dict)  # By name, in the order in which they are read.
    rejections: list[Rejection] = field(default_factory=list)


Describe = Callable[[Entity | Relationship], str]


def stage_batch(graph: Graph, batch: Batch, describe: Describe) -> Staged:
    """Give the rows of a batch; a record of which nothing can be made is rejected alone, as `describe` writes it."""
    staged = Staged()
    make = _entity_row if batch.kind == "entity" else _relationship_row
    for stated in batch.records:
        try:
            row = make(graph, staged, stated)
        except InvalidInput as error:
            staged.rejections.append(Rejection(stated.file, stated.line, str(error), describe(stated.record)))
        else:
            staged.rows.append((place_of(staged.files, stated.file, stated.line), *row))
            staged.scopes.add(stated.record.scope)
            if stated.record.source:
                staged.sources.add(stated.record.source)
    staged.count = len(staged.rows)
    stage_columns(batch, staged)
    return staged


def _entity_row(graph: Graph, staged: Staged, stated: Stated[Any]) -> tuple[Any, ...]:
    entity: Entity = stated.record
    check_entities((entity,))
    if entity.embedding is not None:
        entity = with_unit_vector(graph, entity)
    stored = merge_entity({}, entity)
    row = entity_row(stored)
    label = entity.label or DEFAULT_LABEL
    place = row.place
    passages = row.passages
    text = dumps(stored)
    number = staged.labels[label]
    staged.labels[label] = number + 1
    return (
        stated.file,
        stated.line,
        number,
        entity.scope,
        entity.key,
        label,
        entity.label is not None,
        entity.source,
        row.valid.start,
        row.valid.end,
        place.lon if place else None,
        place.lat if place else None,
        place.area if place else None,
        _SEPARATOR.join(row.labels) if row.labels else None,
        text,
        _removed(entity.properties),
        passages[0].body if passages else "",
        _json([[p.ordinal, p.start, p.body] for p in passages[1:]]) if len(passages) > 1 else None,
        entity.version,
        entity.embedding,
    )


def _relationship_row(graph: Graph, staged: Staged, stated: Stated[Any]) -> tuple[Any, ...]:  # noqa: ARG001 - as above
    item: Relationship = stated.record
    check_relationships((item,))
    staged.worded += item.text is not None
    text = dumps(merge_relationship({}, item))
    timed = item.valid_from is not None or item.valid_to is not None
    valid = valid_interval(item.valid_from, item.valid_to) if timed else ALWAYS
    number = staged.labels[item.kind]
    staged.labels[item.kind] = number + 1
    return (
        stated.file,
        stated.line,
        number,
        item.scope,
        item.kind,
        item.start,
        item.end,
        item.key,
        item.source,
        item.strength,
        item.confidence,
        valid.start,
        valid.end,
        discriminator(item.key, item.valid_from),
        text,
        _removed(item.properties),
    )


def _removed(properties: Any) -> str | None:
    """Give the names of properties that a statement removes, as JSON."""
    names = [name for name, value in properties.items() if value is None]
    return _json(names) if names else None


def _json(value: Sequence[Any]) -> str:
    return orjson.dumps(value).decode()
