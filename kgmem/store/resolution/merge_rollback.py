"""Undoing a merge in one transaction: the entity that went is there again, with what led to it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from kgmem.domain.errors import Conflict, NotFound
from kgmem.domain.graph.entity import ENTITY, RELATIONSHIP
from kgmem.domain.text.resolution import Merge, pair
from kgmem.store.graph.layout import Layout, know_labels, label_id, scope_ids
from kgmem.store.graph.records import CONSENSUS, dumps, stored_name
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.resolution import merge_claims
from kgmem.store.resolution.merge import lead
from kgmem.store.resolution.merge_rows import as_merge, encoded_text, given_vector, rewrite_entity
from kgmem.store.write import fact_index
from kgmem.store.write.claims_from_entities import CURRENT
from kgmem.store.write.passages import Passages
from kgmem.store.write.rows import entity_row
from kgmem.store.write.vertices import CREATED

TWO_THINGS = 2  # The state of a pair on the review list.


async def undo(connection: asyncpg.Connection, passages: Passages, asked: tuple[int, str, str], scope: str) -> Merge:
    """Undo a merge (id, by whom, why). Raises NotFound, and Conflict where something newer stands in the way."""
    layout, (id_, by, reason) = passages.layout, asked
    number = (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)
    await connection.execute(layout.sql("write", "ends_may_go"))
    row = await connection.fetchrow(layout.sql("merge", "lock_merge"), id_, number)
    if row is None:
        raise NotFound(f"There is no merge {id_} in this scope.", hint="List the merges.")
    await _check(connection, layout, row, number)
    record = orjson.loads(row["record"])
    if record.get("imported"):
        raise Conflict(
            f"The merge {id_} came with an import; what undoing takes is in the graph where it was done.",
            hint="Undo it there and import again, or write both entities again.",
        )
    kept: list[Any] = await connection.fetch(
        layout.sql("write", "lock_items_to_delete"), ENTITY, [number], [row["kept_key"]]
    )
    stored = await read_vertices(connection, layout, [each["id"] for each in kept])
    await know_labels(connection, layout, [row["gone"]])
    # First, so that values which are unique are free for the one that comes back.
    if kept and kept[0]["id"] in stored:
        before = stored[kept[0]["id"]]
        vector = await given_vector(connection, layout, kept[0]["id"])
        await rewrite_entity(connection, passages, kept[0], before, _as_before(before, record), vector=vector)
    await _bring_back(connection, passages, row["gone"], record)
    # The kept entity may have got another id with another label since.
    await _move_back(connection, passages, (kept[0]["id"] if kept else row["kept"], row["gone"]), record)
    await merge_claims.move_back(connection, layout, (row["kept_key"], row["gone_key"]), record)
    ended = await connection.fetchrow(layout.sql("merge", "end_merge"), id_, by, reason)
    names = pair(row["kept_key"], row["gone_key"])
    await connection.execute(layout.sql("merge", "mark_pair"), number, *names, TWO_THINGS, by, reason)
    return as_merge(ended, scope)


async def _check(connection: asyncpg.Connection, layout: Layout, row: Any, scope: int) -> None:
    if row["undone_at"] is not None:
        raise Conflict(f"The merge {row['id']} is undone already.", hint="Look into the list of merges.")
    if await connection.fetchval(layout.sql("merge", "held_key"), scope, row["gone_key"]) is not None:
        raise Conflict(
            f"There is an entity {row['gone_key']!r} again, stated after the merge.",
            hint="Merge that one first, or delete it.",
        )
    later = await connection.fetch(layout.sql("merge", "later_merges"), row["id"], scope, row["kept_key"])
    if later:
        raise Conflict(
            f"Later merges build on the merge {row['id']}: {', '.join(str(each['id']) for each in later)}.",
            hint="Undo those first, the newest before the others.",
        )


async def _bring_back(connection: asyncpg.Connection, passages: Passages, id_: int, record: Mapping[str, Any]) -> None:
    """Store the entity that went, under its id."""
    layout, stored = passages.layout, record["stored"]
    label = layout.by_id[label_id(id_)].age_name
    await connection.execute(layout.sql("write", "insert_vertices", label=label), [id_], [dumps(stored)])
    await connection.execute(layout.sql("merge", "restore_item"), encoded_text(record["item"]))
    passages.want(id_, entity_row(stored).passages, record["vector"], new=True)
    await connection.execute(layout.sql("write", "change"), CREATED, ENTITY, [id_], [])


async def _move_back(
    connection: asyncpg.Connection, passages: Passages, ends: tuple[int, int], record: Mapping[str, Any]
) -> None:
    """Move edges back to the restored entity, but those that changed their ends since; restore the dropped ones."""
    layout, (kept, gone) = passages.layout, ends
    former = {edge: (source, target) for edge, source, target in record["moved"]}
    locked = await connection.fetch(layout.sql("merge", "lock_edges"), list(former))
    await know_labels(connection, layout, list(former))

    def is_still_there(edge: Any) -> bool:
        now = edge["source"], edge["target"]
        return all((end == kept) == (before == gone) for end, before in zip(now, former[edge["id"]], strict=True))

    await lead(connection, passages, [edge for edge in locked if is_still_there(edge)], (kept, gone))
    await _store_dropped(connection, passages, record["dropped"])


async def _store_dropped(
    connection: asyncpg.Connection, passages: Passages, dropped: Sequence[Mapping[str, Any]]
) -> None:
    layout = passages.layout
    if not dropped:
        return
    by_id = {each["edge"]["id"]: each for each in dropped}
    await know_labels(connection, layout, list(by_id))
    records = [encoded_text(each["edge"]) for each in dropped]
    rows = await connection.fetch(layout.sql("merge", "restore_edges"), records)
    groups: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[label_id(row["id"])].append(by_id[row["id"]])
    for label, group in groups.items():
        edges = [each["edge"] for each in group]
        await connection.execute(
            layout.sql("write", "insert_label_edges", label=layout.by_id[label].age_name),
            [edge["id"] for edge in edges],
            [edge["source"] for edge in edges],
            [edge["target"] for edge in edges],
            [dumps(each["stored"]) for each in group],
        )
    ids = [row["id"] for row in rows]
    told = {id_: ((by_id[id_]["edge"]["source"], by_id[id_]["edge"]["target"]), by_id[id_]["stored"]) for id_ in ids}
    await fact_index.keep(connection, passages, told)
    await connection.execute(layout.sql("write", "change"), CREATED, RELATIONSHIP, ids, [])


def _as_before(now: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kept entity's properties as they were before the merge; what was stated since stays.

    What facts made of a property is left to them: they are weighed again when their claims are back.
    """
    restored = dict(now)
    contested = record["told"]["contested"]
    for name, (before, after) in record["changed"].items():
        if name != CONSENSUS and restored.get(name) == after:
            restored[name] = before
    verdicts = record["verdicts"]
    shown = {stored_name(name, "entity") for name, told in verdicts.items() if _shows(told)}
    written = [name for name in contested if name not in shown and restored.get(name) == contested[name]]
    restored |= {name: record["values"][name] for name in written}
    told_anew = {*record["values"], *record["told"]["filled"]}
    before, after = record["changed"].get(CONSENSUS) or (None, None)
    came = (after or {}).keys() - (before or {}).keys()
    kept = {
        name: told
        for name, told in (restored.get(CONSENSUS) or {}).items()
        if name not in came and stored_name(name, "entity") not in told_anew
    }
    restored[CONSENSUS] = kept | verdicts or None
    return {name: value for name, value in restored.items() if value is not None}


def _shows(told: Any) -> bool:
    """Return whether facts make the value of a property, by the note on it."""
    return isinstance(told, dict) and told.get(CURRENT) is not False
