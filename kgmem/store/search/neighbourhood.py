"""Neighbourhoods: entities and relationships around some entities, as they hold or as they were known at a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.view import Neighbourhood, Subgraph
from kgmem.domain.time.interval import iso
from kgmem.store.db.sql import SQL, compose, fill, join, number
from kgmem.store.graph.layout import EDGE, Layout, know_labels, label_id, learn_labels
from kgmem.store.graph.records import entity_of, loads, relationship_of
from kgmem.store.read import items as reading
from kgmem.store.search import as_of, temporal
from kgmem.store.search.request import Parameters


async def neighbourhood(connection: asyncpg.Connection, layout: Layout, asked: Neighbourhood) -> Subgraph:
    """Return what lies around entities. Raises NotFound where the scope sees none under a key."""
    if any((EDGE, kind) not in layout.labels for kind in asked.kinds):
        await learn_labels(connection, layout)
    parameters = Parameters()
    sql = _entities(layout, asked, parameters)
    rows = await connection.fetch(parameters.complete(sql), *parameters.values)
    begun = {row["key"] for row in rows if not row["hops"]}
    if unknown := sorted(set(asked.start) - begun):
        raise NotFound(f"There is no entity {', '.join(unknown)[:200]}.", hint="Give keys of entities, or recall them.")
    shown = rows[: asked.most]
    parameters = Parameters()
    sql = _relationships(layout, asked, [row["id"] for row in shown], parameters)
    edges = await connection.fetch(parameters.complete(sql), *parameters.values)
    await know_labels(connection, layout, [row["id"] for row in (*shown, *edges)])
    given = edges[: asked.most_relationships]
    if layout.is_past:
        then = await as_of.rows(connection, layout, [row["id"] for row in shown], [row["id"] for row in given])
        entities, relationships = _entities_then(layout, shown, then), _relationships_then(layout, given, then)
    else:
        entities = await reading.entities_of(connection, layout, shown)
        there = {entity.id for entity in entities}
        whole = [row for row in given if {row["source"], row["target"]} <= there]
        relationships = await reading.relationships_of(connection, layout, whole)
    return Subgraph(
        entities=entities,
        relationships=relationships,
        hops={row["id"]: row["hops"] for row in shown},
        more=len(rows) > len(shown) or len(edges) > len(given),
    )


def _entities(layout: Layout, asked: Neighbourhood, parameters: Parameters) -> SQL:
    names = {
        "keys": parameters.add(sorted(set(asked.start)), "text[]"),
        "paths": parameters.add(list(visible_from(asked.scope)), "text[]"),
        "most": parameters.add(asked.most + 1, "bigint"),
        "filters": _filters(layout, asked, parameters, items=True),
    }
    tables = [fill(layout.sql("neighbourhood", "start"), names)]
    ways = [way for way in ("out", "in") if asked.direction in {way, "both"}]
    for hops in range(1, asked.hops + 1):
        steps = join(
            " UNION ", (fill(layout.sql("neighbourhood", way), {**names, "last": _ring(hops - 1)}) for way in ways)
        )
        before = join(" UNION ALL ", (compose("SELECT id FROM {}", _ring(each)) for each in range(hops)))
        ring = {"ring": _ring(hops), "steps": steps, "before": before, "most": names["most"]}
        tables.append(fill(layout.sql("neighbourhood", "ring"), ring))
    rings = join(
        " UNION ALL ",
        (compose("SELECT id, {} AS hops FROM {}", number(each), _ring(each)) for each in range(asked.hops + 1)),
    )
    return fill(layout.sql("neighbourhood", "entities"), {**names, "tables": join(", ", tables), "rings": rings})


def _ring(hops: int) -> SQL:
    return compose("ring{}", number(hops))


def _relationships(layout: Layout, asked: Neighbourhood, ids: Sequence[int], parameters: Parameters) -> SQL:
    return fill(
        layout.sql("neighbourhood", "relationships"),
        {
            "ids": parameters.add(list(ids), "bigint[]"),
            "paths": parameters.add(list(visible_from(asked.scope)), "text[]"),
            "most": parameters.add(asked.most_relationships + 1, "bigint"),
            "filters": _filters(layout, asked, parameters, items=False),
        },
    )


def _filters(layout: Layout, asked: Neighbourhood, parameters: Parameters, *, items: bool) -> SQL:
    """Return what relationships (rows `e`), and the entities that they lead to (rows `i`), have to meet."""
    conditions = temporal.of_links(asked.when, parameters)
    if items:
        conditions += temporal.of_links(asked.when, parameters, row=SQL("i"))
    if asked.kinds:
        known = [layout.labels[EDGE, kind].id for kind in asked.kinds if (EDGE, kind) in layout.labels]
        conditions.append(compose("e.kind = ANY ({})", parameters.add(known, "integer[]")))
    return join("", (compose(" AND {}", condition) for condition in conditions))


def _entities_then(layout: Layout, rows: Iterable[Any], then: Mapping[int, Mapping[str, Any]]) -> list[Any]:
    return [
        entity_of(row["id"], _label(layout, then[row["id"]]), _stored(then[row["id"]]), key=row["key"], **_held(row))
        for row in rows
        if row["id"] in then
    ]


def _relationships_then(layout: Layout, rows: Iterable[Any], then: Mapping[int, Mapping[str, Any]]) -> list[Any]:
    return [
        relationship_of(
            row["id"],
            _label(layout, then[row["id"]]),
            (row["start_key"], row["end_key"]),
            _stored(then[row["id"]]),
            **_held(row),
        )
        for row in rows
        if row["id"] in then and {row["source"], row["target"]} <= then.keys()
    ]


def _label(layout: Layout, row: Mapping[str, Any]) -> str:
    return layout.by_id[label_id(row["thing"])].name


def _stored(row: Mapping[str, Any]) -> Mapping[str, Any]:
    stored: Mapping[str, Any] = loads(row["properties"])
    return stored


def _held(row: Any) -> dict[str, Any]:
    return {"scope": row["scope"], "version": row["version"], "known_from": iso(row["known_from"])}
