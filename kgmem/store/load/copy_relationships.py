"""Bulk loading of relationships, in the caller's transaction."""

from collections.abc import Sequence
from typing import Any

from kgmem.domain.graph.relationship import missing_end
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.schema.refusal import end_refused
from kgmem.store.db.sql import NOTHING, SQL, fill
from kgmem.store.graph.layout import LABEL_SHIFT, know_labels, source_ids
from kgmem.store.load.copy_load import BatchLoad, merge_rows, origins_at
from kgmem.store.load.refused_decisions import refuse_orphans
from kgmem.store.load.staged_edges import relationship_at
from kgmem.store.write import endpoint_checks, fact_index
from kgmem.store.write.claims_from_edges import record, record_former, record_said, said_by, valued_kinds, weighed_kinds
from kgmem.store.write.dedup import rounds_of
from kgmem.store.write.derived_claims import note_edges
from kgmem.store.write.edges import identity, read_edges, write_edges
from kgmem.store.write.passages import Passages, take_turn
from kgmem.store.write.source_keys import note_keys
from kgmem.store.write.vertices import existing
from kgmem.tasks import keys_by_source

_SEPARATOR = "\x1f"


async def load_relationships(load: BatchLoad, count: int, *, last: bool) -> None:
    """Bring the staged relationships into label tables, edge index and change feed.

    Those of which an end is missing wait for it, or are rejected when this is the `last` that can be done for them.
    """
    count -= await refuse_orphans(load)
    found = await _find_ends(load, count)
    if load.layout.graph.strict:
        refused = await _refuse_ends(load)
        count, found = count - refused, found - refused
    if not last:
        found -= await _wait_behind(load, missing=found < count)
    if found < count:
        await _set_aside(load, count - found, last=last)
    said = await load.connection.fetchval(load.sql("any_said"))
    if said:
        await load.execute(load.sql("lock_staged_topics"), weighed_kinds(load.layout))
    created = 0 if load.careful else await load.execute(load.sql("insert_edges"))
    load.result.created += created
    fresh = created == found
    if created:
        only_new = NOTHING if fresh else load.sql("only_new_edges")
        for label, _ in load.labels():
            sql = fill(load.sql("insert_label_edges", label=label.age_name), {"new": only_new})
            await load.execute(sql, label.id)
        await load.execute(fill(load.sql("tell_edges"), {"new": only_new}), load.import_id)
    passages: list[Passages] = []
    changed = [] if fresh else await _changed(load)
    if changed:
        await merge_rows(load, changed, lambda rows: _merge(load, rows, passages), relationship_at)
    if created and (load.worded or load.layout.graph.facts == "all"):
        await _make_facts(load, NOTHING if fresh else load.sql("only_new_edges"), passages)
    if said:
        await _record_claims(load, fresh=fresh, recorded=[row["at"] for row in changed])
    for wanted in passages:
        await wanted.store(load.connection)


async def _record_claims(load: BatchLoad, *, fresh: bool, recorded: Sequence[int]) -> None:
    """Record what sources state by the relationships of a batch, but for those of which that is `recorded` already.

    A relationship of which only the source is new counts as an update.
    """
    connection, layout = load.connection, load.layout
    valued = valued_kinds(layout)
    await layout.ensure("claims")
    if keys_by_source():
        stating = await connection.fetch(load.sql("stating_sources"))
        await note_keys(connection, layout, {row["source"] for row in stating})
    if fresh:
        await record_said(connection, layout, load.sql("said_anew"), (valued,), fresh=True)
    else:
        former = await connection.fetch(load.sql("said_before"))
        await record_former(connection, layout, {(row["edge"], row["source"]) for row in former})
        new = await record_said(connection, layout, load.sql("said_again"), (valued, recorded), fresh=False)
        _count_updates(load, sum(not row["fresh"] for row in new))
    rows = await connection.fetch(load.sql("said_values"), valued, list(recorded)) if valued else []
    if rows:
        await source_ids(connection, layout, [row["source"] for row in rows], make=False)
        stated = [said_by(layout, row["edge"], relationship_at(row), fresh=row["fresh"]) for row in rows]
        said = [each for each in stated if each is not None]
        _count_updates(load, sum(not said[at].fresh for at in await record(connection, layout, said)))
    if await connection.fetchval(load.sql("any_derived")):
        derived = await connection.fetch(load.sql("said_derived"), list(recorded))
        await note_edges(connection, layout, ((row["edge"], row["source"], origins_at(row)) for row in derived))
    await load.execute(load.sql("mark_changes"), load.import_id)


def _count_updates(load: BatchLoad, count: int) -> None:
    load.result.unchanged -= count
    load.result.updated += count


async def _make_facts(load: BatchLoad, only_new: SQL, passages: list[Passages]) -> None:
    """Make the new relationships facts where they are any: those with a short text as a whole, others one by one."""
    setting = load.layout.graph.facts
    if setting == "none":
        return
    rest = await load.connection.fetch(fill(load.sql("facts_apart"), {"new": only_new}), setting == "all")
    wanted = Passages(load.layout)
    edges = await read_edges(load.connection, load.layout, [row["id"] for row in rest])
    await fact_index.put(load.connection, wanted, edges, new=False)  # Merged into already, some of them.
    await take_turn(load.connection, load.layout)
    await load.execute(fill(load.sql("insert_facts"), {"new": only_new}), load.layout.id)
    passages.append(wanted)


async def _find_ends(load: BatchLoad, count: int) -> int:
    await load.connection.execute(load.sql("hold_ends"))
    labels = load.labels()
    arguments = ([label.name for label, _ in labels], [base for _, base in labels], [label.id for label, _ in labels])
    if set(load.scopes) <= {""}:
        if await load.connection.fetchval(load.sql("large_beside"), count):
            return await load.execute(load.sql("look_up_ends"), *arguments)
        await load.connection.execute(SQL("SET LOCAL enable_nestloop = off"))
        found = await load.execute(load.sql("find_ends"), *arguments)
        await load.connection.execute(SQL("SET LOCAL enable_nestloop = on"))
        return found
    seen = [_SEPARATOR.join(visible_from(path)) for path in load.scopes]
    scopes = (list(load.scopes), list(load.scopes.values()), seen)
    return await load.execute(load.sql("find_ends_in_scopes"), *arguments, *scopes)


async def _refuse_ends(load: BatchLoad) -> int:
    """Reject what joins labels that the strict graph's schema does not let it join; return how many these are."""
    joined = await load.connection.fetch(load.sql("joined_labels"))
    tables = {row[end] for row in joined for end in ("source_table", "target_table")}
    await know_labels(load.connection, load.layout, (table << LABEL_SHIFT for table in tables))
    names = [
        (load.layout.by_id[row["kind"]].name, _label(load, row, "source"), _label(load, row, "target"))
        for row in joined
    ]
    refused = endpoint_checks.refused(load.layout, names)
    bad = [row for row, joining in zip(joined, names, strict=True) if refused[joining]]
    if not bad:
        return 0
    ends_of = ("source_table", "target_table", "source_label", "target_label")
    columns = [[row[name] for row in bad] for name in ("kind", *ends_of)]
    rows = await load.connection.fetch(load.sql("take_joined"), *columns)
    for row in rows:
        item = relationship_at(row)
        labels = (_label(load, row, "source"), _label(load, row, "target"))
        load.reject(row, end_refused(load.layout.schema(), item, *labels) or "", item)
    return len(rows)


def _label(load: BatchLoad, row: Any, end: str) -> str | None:
    """Return the label of an end: the one that the row tells, or that of the table it is in."""
    told: str | None = row[f"{end}_label"]
    table = load.layout.by_id.get(row[f"{end}_table"])
    return told if told is not None else table.name if table is not None else None


async def _wait_behind(load: BatchLoad, *, missing: bool) -> int:
    """Queue statements on relationships of which an earlier statement waits; return how many these are."""
    held_back = await load.execute(load.sql("wait_for_key")) if missing else 0
    if await load.connection.fetchval(load.sql("something_waits"), load.import_id):
        held_back += await load.execute(load.sql("wait_behind"), load.import_id)
    return held_back


async def _set_aside(load: BatchLoad, count: int, *, last: bool) -> None:
    if not last:
        await load.execute(load.sql("set_aside"), load.import_id)
        load.result.waiting += count
        return
    for row in await load.connection.fetch(load.sql("endless")):
        load.reject(row, await _missing(load, row), relationship_at(row))


async def _missing(load: BatchLoad, row: Any) -> str:
    """Return the message that names the missing end of a relationship."""
    paths = [*visible_from(row["scope"])]
    for key in (row["start_key"], row["end_key"]):
        if not await load.connection.fetchval(load.sql("is_there"), paths, key):
            return missing_end(key)
    return "An end of it was deleted meanwhile."


async def _changed(load: BatchLoad) -> list[Any]:
    held = await load.connection.fetch(load.sql("held_edges"))
    there = await existing(load.connection, load.layout, [row["id"] for row in held if row["same"]])
    ats = [row["at"] for row in held if not (row["same"] and row["id"] in there)]
    load.result.unchanged += len(held) - len(ats)
    return list(await load.connection.fetch(load.sql("relationships_at"), ats)) if ats else []


async def _merge(load: BatchLoad, rows: Sequence[Any], passages: list[Passages]) -> None:
    """Merge rows into existing relationships, each identity once at a time."""
    items = [relationship_at(row) for row in rows]
    await source_ids(load.connection, load.layout, [item.source for item in items], make=False)
    created = updated = 0
    wanted = Passages(load.layout)
    for places in rounds_of(items, identity):
        outcome = await write_edges(load.connection, wanted, [items[at] for at in places])
        new = set(outcome.created)
        altered = set(outcome.updated)
        created += len(new)
        updated += sum(id_ not in new and (id_ in altered or n in outcome.claimed) for n, id_ in outcome.ids.items())
    load.result.created += created
    load.result.updated += updated
    load.result.unchanged += len(rows) - created - updated
    passages.append(wanted)
    await load.execute(load.sql("restate_edges"), [row["at"] for row in rows])
    await load.execute(load.sql("mark_changes"), load.import_id)
