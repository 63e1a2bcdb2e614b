"""Batches of the rollback of an import: records that are deleted, or restored to their former versions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from kgmem.domain.graph.entity import ENTITY, RELATIONSHIP
from kgmem.store.db.savepoints import in_groups
from kgmem.store.db.sql import SQL
from kgmem.store.graph.labels import main_label, relabelled
from kgmem.store.graph.layout import Layout, know_labels, label_id, source_ids
from kgmem.store.graph.records import dumps
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write import delete, fact_index
from kgmem.store.write.edges import read_edges
from kgmem.store.write.passages import Passages
from kgmem.store.write.rows import entity_row, episode_row, fraction_of, item_sql, valid_of
from kgmem.store.write.vertices import keep_history


@dataclass(frozen=True, slots=True)
class RollbackBatch:
    """Some things of one kind, each with the version that it must still have (and the one that it shall have again)."""

    connection: asyncpg.Connection
    layout: Layout
    import_id: int
    kind: int
    rows: Sequence[Any]

    def sql(self, name: str, **names: str) -> SQL:
        """Return one of the statements of rollback.sql."""
        return self.layout.sql("rollback", name, **names)

    async def lock(self) -> list[Any]:
        """Lock the things that are still of their version, and return their rows of the index."""
        name = "lock_edges" if self.kind == RELATIONSHIP else "lock_items"
        columns = [row["id"] for row in self.rows], [row["version"] for row in self.rows]
        return list(await self.connection.fetch(self.sql(name), *columns))


@dataclass(slots=True)
class RollbackOutcome:
    """What stays after all, by the reason; and passages that are to be stored last."""

    kept: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    passages: list[Passages] = field(default_factory=list)


async def delete_edges(batch: RollbackBatch) -> RollbackOutcome:
    """Delete relationships."""
    rows = await batch.lock()
    await know_labels(batch.connection, batch.layout, [row["id"] for row in rows])
    await delete.delete_edges(batch.connection, batch.layout, rows)
    await batch.connection.execute(batch.sql("mark"), batch.import_id)
    return _others(batch, rows)


async def delete_vertices(batch: RollbackBatch) -> RollbackOutcome:
    """Delete entities or episodes to which no relationship leads any more."""
    await batch.connection.execute(batch.layout.sql("write", "ends_may_go"))
    rows = await batch.lock()
    outcome = _others(batch, rows)
    joined = await batch.connection.fetch(batch.sql("joined"), [row["id"] for row in rows])
    outcome.kept["connected"] += [row["id"] for row in joined]
    free = [row for row in rows if row["id"] not in set(outcome.kept["connected"])]
    if free:
        await know_labels(batch.connection, batch.layout, [row["id"] for row in free])
        await delete.delete_vertices(batch.connection, batch.layout, batch.kind, free)
        await batch.connection.execute(batch.sql("mark"), batch.import_id)
    return outcome


async def restore(batch: RollbackBatch) -> RollbackOutcome:
    """Restore records to their versions before the import."""
    rows = await batch.lock()
    outcome = _others(batch, rows)
    before = {row["id"]: row["before"] for row in batch.rows}
    columns = [row["id"] for row in rows], [before[row["id"]] for row in rows]
    found = await batch.connection.fetch(batch.sql("versions"), *columns)
    records = {row["id"]: orjson.loads(row["record"]) for row in found}
    outcome.kept["unknown"] += [row["id"] for row in rows if row["id"] not in records]
    known = [(dict(row), records[row["id"]]) for row in rows if row["id"] in records]
    await know_labels(batch.connection, batch.layout, [row["id"] for row, _ in known])
    await source_ids(batch.connection, batch.layout, [_source(record["properties"]) for _, record in known], make=True)

    async def put(group: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        if batch.kind == RELATIONSHIP:
            outcome.passages.append(await _restore_edges(batch, group))
        else:
            outcome.passages.append(await _restore_vertices(batch, group))

    def refuse(item: tuple[dict[str, Any], dict[str, Any]], _: str) -> None:
        outcome.kept["unknown"].append(item[0]["id"])

    if batch.kind == RELATIONSHIP:
        known = await _with_ends(batch, known, outcome)
    await in_groups(batch.connection, known, put, refuse)
    return outcome


async def _restore_vertices(batch: RollbackBatch, group: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Passages:
    connection, layout = batch.connection, batch.layout
    passages = Passages(layout)
    group = [(dict(row), record) for row, record in group]
    versions, held = [], await read_vertices(connection, layout, [row["id"] for row, _ in group])
    for row, record in group:
        table = layout.by_id[label_id(row["id"])].name
        if main_label(table, record["properties"]) != record["label"]:
            record["properties"] = relabelled(table, record["properties"], record["label"])
        if row["id"] in held:
            versions.append((row, held[row["id"]], None))
    await keep_history(connection, layout, batch.kind, versions, deleted=False)
    there = {row["id"] for row, _, _ in versions}
    await _put_properties(batch, [(row["id"], record["properties"], row["id"] in there) for row, record in group])
    columns = [_item_row(batch, row["id"], record["properties"], passages) for row, record in group]
    await connection.execute(item_sql(batch.sql("restore_items")), *map(list, zip(*columns, strict=True)))
    await connection.execute(batch.sql("tell_restored"), batch.kind, [row["id"] for row, _ in group], batch.import_id)
    return passages


async def _put_properties(batch: RollbackBatch, wanted: Sequence[tuple[int, Mapping[str, Any], bool]]) -> None:
    groups: dict[tuple[int, bool], list[tuple[int, str]]] = defaultdict(list)
    for id_, properties, there in wanted:
        groups[label_id(id_), there].append((id_, dumps(properties)))
    for (label, there), group in groups.items():
        name = "update_vertices" if there else "insert_vertices"
        sql = batch.layout.sql("write", name, label=batch.layout.by_id[label].age_name)
        await batch.connection.execute(sql, *map(list, zip(*group, strict=True)))


def _item_row(batch: RollbackBatch, id_: int, properties: Mapping[str, Any], passages: Passages) -> tuple[Any, ...]:
    row = entity_row(properties) if batch.kind == ENTITY else episode_row(properties)
    passages.want(id_, row.passages, new=False)
    source = batch.layout.sources.get(_source(properties) or "")
    return (id_, source, *row.parts)


async def _with_ends(
    batch: RollbackBatch, known: list[tuple[dict[str, Any], dict[str, Any]]], outcome: RollbackOutcome
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return those of which the former ends are still there; what has no key never had others than it has."""
    for row, record in known:
        if row["key"] is None:
            record["start"], record["end"] = row["source"], row["target"]
    wanted = {end for _, record in known for end in (record["start"], record["end"])}
    held = {row["id"] for row in await batch.connection.fetch(batch.sql("ends_held"), list(wanted))}
    outcome.kept["unknown"] += [row["id"] for row, record in known if not {record["start"], record["end"]} <= held]
    return [(row, record) for row, record in known if {record["start"], record["end"]} <= held]


async def _restore_edges(batch: RollbackBatch, group: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Passages:
    connection, layout = batch.connection, batch.layout
    passages = Passages(layout)
    held = await read_edges(connection, layout, [row["id"] for row, _ in group])
    versions = [(row, held[row["id"]][1], held[row["id"]][0]) for row, _ in group if row["id"] in held]
    await keep_history(connection, layout, RELATIONSHIP, versions, deleted=False)
    groups: dict[tuple[int, str], list[tuple[int, int, int, str]]] = defaultdict(list)
    for row, record in group:
        name = "update_label_edges" if row["id"] in held else "insert_label_edges"
        told = (row["id"], record["start"], record["end"], dumps(record["properties"]))
        groups[label_id(row["id"]), name].append(told)
    for (label, name), edges in groups.items():
        sql = layout.sql("write", name, label=layout.by_id[label].age_name)
        await connection.execute(sql, *map(list, zip(*edges, strict=True)))
    columns = [_edge_row(batch, row["id"], record) for row, record in group]
    await connection.execute(batch.sql("restore_edges"), *map(list, zip(*columns, strict=True)))
    restored = {row["id"]: ((record["start"], record["end"]), record["properties"]) for row, record in group}
    await fact_index.keep(connection, passages, restored)
    await connection.execute(batch.sql("tell_restored"), RELATIONSHIP, list(restored), batch.import_id)
    return passages


def _edge_row(batch: RollbackBatch, id_: int, record: Mapping[str, Any]) -> tuple[Any, ...]:
    told = record["properties"]
    valid = valid_of(told.get("valid_from"), told.get("valid_to"))
    numbers = (fraction_of(told.get("strength")), fraction_of(told.get("confidence")))
    origin = batch.layout.sources.get(_source(told) or "")
    return (id_, record["start"], record["end"], origin, *numbers, valid.start, valid.end)


def _source(properties: Mapping[str, Any]) -> str | None:
    source = properties.get("source")
    return source if isinstance(source, str) else None


def _others(batch: RollbackBatch, rows: Sequence[Any]) -> RollbackOutcome:
    """Return the outcome in which those that somebody changed meanwhile stay."""
    outcome = RollbackOutcome()
    same = {row["id"] for row in rows}
    outcome.kept["changed"] += [row["id"] for row in batch.rows if row["id"] not in same]
    return outcome
