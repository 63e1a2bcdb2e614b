"""Merging two entities in one transaction: what leads to the one that goes leads to the one that stays."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import orjson

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import ENTITY, RELATIONSHIP
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.domain.text.resolution import Combined, Merge, NewMerge, combined, pair
from kgmem.store.graph.labels import main_label
from kgmem.store.graph.layout import Layout, know_labels, label_id, learn_subsystems, scope_ids
from kgmem.store.graph.records import CONSENSUS, stored_name
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.resolution import merge_claims
from kgmem.store.resolution.merge_rows import as_merge, encoded_text, given_vector, rewrite_entity
from kgmem.store.write import delete, fact_index
from kgmem.store.write.edges import read_edges
from kgmem.store.write.passages import Passages
from kgmem.store.write.vertices import UPDATED, keep_history

ONE_THING = 3  # The state of a pair on the review list.


@dataclass(frozen=True, slots=True)
class LockedPair:
    """The two entities, locked: their rows of the index, their stored properties, and what these come to as one."""

    scope: int
    kept: Any
    gone: Any
    stored: Mapping[int, Mapping[str, Any]]
    both: Combined


async def merge(connection: asyncpg.Connection, passages: Passages, asked: NewMerge) -> Merge:
    """Merge one entity into another. Raises NotFound, InvalidInput.

    `passages` gathers what is searched; the caller stores it at the end of the transaction.
    """
    layout = passages.layout
    locked = await _lock(connection, layout, asked)
    kept, gone = locked.kept["id"], locked.gone["id"]
    if asked.dry_run:
        edges = await connection.fetch(layout.sql("write", "lock_edges_of"), [gone])
        between, moving, doubled = await _sorted_out(connection, layout, edges, (kept, gone))
        return _told(asked, locked.both, (len(moving), len(doubled), len(between)))
    record = await _record(connection, layout, locked)
    counts = await _move_edges(connection, passages, (kept, gone), record)
    record["claims"] = await merge_claims.move(
        connection, layout, (locked.scope, asked.keep, asked.gone), record["moved"]
    )
    # Before the one that stays gets its values, some of which may be unique.
    await delete.delete_vertices(connection, layout, ENTITY, [locked.gone])
    vector = await given_vector(connection, layout, kept)
    await rewrite_entity(connection, passages, locked.kept, locked.stored[kept], locked.both.stored, vector=vector)
    record["contested"] = await merge_claims.keep_both(
        connection, passages, asked, (locked.stored[kept], locked.stored[gone]), locked.both.contested
    )
    told = _told(asked, locked.both, counts)
    record["told"] = {name: getattr(told, name) for name in ("moved", "doubled", "dropped", "aliases", "filled")}
    record["told"]["contested"] = dict(told.contested)
    row = await connection.fetchrow(
        layout.sql("merge", "put_merge"), locked.scope, kept, gone, asked.keep, asked.gone, asked.by, asked.reason,
        encoded_text(record),
    )  # fmt: skip
    one, other = pair(asked.keep, asked.gone)
    await connection.execute(
        layout.sql("merge", "settle_pair"), locked.scope, one, other, ONE_THING, asked.by, asked.reason
    )
    return as_merge(row, asked.scope)


async def _lock(connection: asyncpg.Connection, layout: Layout, asked: NewMerge) -> LockedPair:
    number = (await scope_ids(connection, layout, [asked.scope], make=False)).get(asked.scope, -1)
    await connection.execute(layout.sql("write", "ends_may_go"))
    keys = [asked.keep, asked.gone]
    rows = await connection.fetch(layout.sql("write", "lock_items_to_delete"), ENTITY, [number] * 2, keys)
    await learn_subsystems(connection, layout)
    found = {row["key"]: row for row in rows}
    stored = await read_vertices(connection, layout, [row["id"] for row in rows])
    for key in keys:
        if key not in found or found[key]["id"] not in stored:
            raise NotFound(
                f"There is no entity {key!r} in this scope.",
                hint="Both entities of a merge are of one scope; name it, or list the entities.",
            )
    kept, gone = found[asked.keep], found[asked.gone]
    await _check_labels(connection, layout, kept["id"], gone["id"], stored)
    both = combined(stored[kept["id"]], stored[gone["id"]])
    return LockedPair(number, kept, gone, stored, _with_beliefs(both, stored[kept["id"]], stored[gone["id"]]))


def _with_beliefs(both: Combined, kept: Mapping[str, Any], gone: Mapping[str, Any]) -> Combined:
    """Return the two as one with the notes on which values facts made, of what comes from the one that goes."""
    beliefs = kept.get(CONSENSUS) or {}
    added = {
        predicate: told
        for predicate, told in (gone.get(CONSENSUS) or {}).items()
        if predicate not in beliefs and kept.get(stored_name(predicate, "entity")) is None
    }
    return replace(both, stored={**both.stored, CONSENSUS: {**beliefs, **added}}) if added else both


async def _check_labels(
    connection: asyncpg.Connection, layout: Layout, kept: int, gone: int, stored: Mapping[int, Mapping[str, Any]]
) -> None:
    """Raise InvalidInput where the types say that the two are different things."""
    await know_labels(connection, layout, [kept, gone])
    one, other = (main_label(layout.by_id[label_id(id_)].name, stored[id_]) for id_ in (kept, gone))
    schema = layout.schema()
    related = other in schema.with_descendants(one) or one in schema.with_descendants(other)
    if one != other and DEFAULT_LABEL not in (one, other) and not related:
        raise InvalidInput(
            f"A {one} and a {other} are not one thing.",
            hint="State one of them under the other's label first, if that is what it is.",
        )


async def _record(connection: asyncpg.Connection, layout: Layout, locked: LockedPair) -> dict[str, Any]:
    """Return what undoing needs to know of the entities."""
    kept, gone = locked.kept["id"], locked.gone["id"]
    before, after = locked.stored[kept], locked.both.stored
    verdicts = before.get(CONSENSUS) or {}
    changed = {name: [before.get(name), after.get(name)] for name in after if before.get(name) != after.get(name)}
    return {
        "item": orjson.loads(await connection.fetchval(layout.sql("merge", "item_record"), gone)),
        "stored": dict(locked.stored[gone]),
        "vector": await given_vector(connection, layout, gone),
        "changed": changed,
        "verdicts": {
            name: told for name, told in verdicts.items() if stored_name(name, "entity") in locked.both.contested
        },
        "values": {name: before[name] for name in locked.both.contested},
    }


async def _sorted_out(
    connection: asyncpg.Connection, layout: Layout, edges: Sequence[Any], ends: tuple[int, int]
) -> tuple[list[Any], list[Any], dict[int, int]]:
    """Return the edges between the two, those that move, and those that the kept entity has already (with which)."""
    kept, gone = ends
    between = [edge for edge in edges if {edge["source"], edge["target"]} == {kept, gone}]
    others = [edge for edge in edges if edge not in between]
    ids = [edge["id"] for edge in others]
    rows = await connection.fetch(layout.sql("merge", "doubled"), kept, gone, ids)
    doubled: dict[int, int] = {row["id"]: row["there"] for row in rows}
    there = sorted(set(doubled.values()))
    if len(await connection.fetch(layout.sql("merge", "lock_edges"), there)) < len(there):
        raise asyncpg.SerializationError("a relationship was deleted while another was found to double it")
    return between, [edge for edge in others if edge["id"] not in doubled], doubled


async def _move_edges(
    connection: asyncpg.Connection, passages: Passages, ends: tuple[int, int], record: dict[str, Any]
) -> tuple[int, int, int]:
    """Move the edges of the merged entity to the kept one; return how many moved, were duplicates, were dropped."""
    layout, (kept, gone) = passages.layout, ends
    edges = await connection.fetch(layout.sql("write", "lock_edges_of"), [gone])
    between, moving, doubled = await _sorted_out(connection, layout, edges, ends)
    dropped = [edge for edge in edges if edge["id"] in doubled or edge in between]
    ids = [edge["id"] for edge in dropped]
    await know_labels(connection, layout, [edge["id"] for edge in edges])
    stored = await read_edges(connection, layout, [edge["id"] for edge in edges])
    rows = await connection.fetch(layout.sql("merge", "edge_records"), ids)
    record["dropped"] = [
        {"edge": orjson.loads(row["record"]), "stored": stored[row["id"]][1]} for row in rows if row["id"] in stored
    ]
    handed = await connection.fetch(layout.sql("merge", "hand_claims_over"), list(doubled), list(doubled.values()))
    record["handed"] = [[row["id"], row["edge"]] for row in handed]
    lost = await connection.fetch(layout.sql("merge", "claims_of_edges"), ids)
    record["ended"] = [row["id"] for row in lost]
    await delete.delete_edges(connection, layout, dropped)
    record["moved"] = [[edge["id"], edge["source"], edge["target"]] for edge in moving]
    await lead(connection, passages, moving, (gone, kept))
    return len(moving), len(doubled), len(between)


async def lead(connection: asyncpg.Connection, passages: Passages, edges: Sequence[Any], ends: tuple[int, int]) -> None:
    """Replace the first vertex by the second as an end of locked edges."""
    layout, (old, new) = passages.layout, ends
    if not edges:
        return
    ids = [edge["id"] for edge in edges]
    held = await read_edges(connection, layout, ids)
    versions = [(edge, held[edge["id"]][1], held[edge["id"]][0]) for edge in edges if edge["id"] in held]
    await keep_history(connection, layout, RELATIONSHIP, versions, deleted=False)
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in ids:
        groups[label_id(id_)].append(id_)
    for label, group in groups.items():
        for name in ("lead_label_starts", "lead_label_ends"):
            table = layout.by_id[label].age_name
            await connection.execute(layout.sql("merge", name, label=table), new, old, group)
    await connection.execute(layout.sql("merge", "move_ends"), new, old, ids)
    led = {
        id_: ((new if source == old else source, new if target == old else target), stored)
        for id_, ((source, target), stored) in held.items()
    }
    await fact_index.keep(connection, passages, led)
    await connection.execute(layout.sql("write", "change"), UPDATED, RELATIONSHIP, ids, [])


def _told(asked: NewMerge, both: Combined, counts: tuple[int, int, int]) -> Merge:
    moved, doubled, dropped = counts
    return Merge(
        None, asked.keep, asked.gone, asked.scope, asked.by, asked.reason, moved, doubled, dropped, both.aliases,
        both.filled, both.contested,
    )  # fmt: skip
