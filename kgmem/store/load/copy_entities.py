"""Bulk loading of entities, in the caller's transaction."""

from collections.abc import Sequence
from typing import Any

from kgmem.domain.agents.taken_keys import check_same_decision
from kgmem.domain.graph.entity import ENTITY, Entity
from kgmem.domain.space.place import parse_place
from kgmem.store.db.sql import NOTHING, fill
from kgmem.store.graph.layout import Layout, source_ids
from kgmem.store.graph.records import plain_fields, stored_name
from kgmem.store.load.copy_load import BatchLoad, merge_rows, origins_at, staged, stated_properties
from kgmem.store.write import claims_from_entities
from kgmem.store.write.dedup import rounds_of
from kgmem.store.write.passages import Passages, take_turn
from kgmem.store.write.rows import ITEM_FRAGMENTS, entity_row
from kgmem.store.write.vertices import Outcome, Statement, existing, write_vertices


async def load_entities(load: BatchLoad, count: int) -> None:
    """Bring the staged entities into label tables, index and change feed."""
    labels, bases = list(load.bases), list(load.bases.values())
    paths, numbers = list(load.scopes), list(load.scopes.values())
    created = 0
    if not load.careful:
        mixed = load.sql("of_one_label") if len(labels) > 1 else NOTHING
        sql = fill(load.sql("insert_items"), {**ITEM_FRAGMENTS, "mixed": mixed})
        created = await load.execute(sql, labels, bases, paths, numbers)
    load.result.created += created
    fresh = created == count  # Then no statement has to ask again what is new.
    if created:
        for label, base in load.labels():
            only_new = NOTHING if fresh else load.sql("only_new_items")
            sql = fill(load.sql("insert_vertices", label=label.age_name), {"new": only_new})
            await load.execute(sql, label.name, base)
        only_new = NOTHING if fresh else load.sql("only_new_passages")
        await load.execute(fill(load.sql("tell_entities"), {"new": only_new}), labels, bases, load.import_id)
    changed = [] if fresh else await _changed(load, (labels, bases, paths, numbers))
    passages: list[Passages] = []
    if changed:
        await merge_rows(load, changed, lambda rows: _merge(load, rows, passages), entity_at)
    if created:
        only_new = NOTHING if fresh else load.sql("only_new_passages")
        vectors = load.sql("insert_vectors", table=load.layout.vectors) if load.layout.vectors else NOTHING
        sql = fill(load.sql("insert_passages"), {"new": only_new, "vectors": vectors})
        await take_turn(load.connection, load.layout)
        await load.execute(sql, labels, bases, load.layout.id)
    await _record_claims(load, (paths, numbers), [row["at"] for row in changed])
    for wanted in passages:
        await wanted.store(load.connection)


async def _record_claims(load: BatchLoad, scopes: tuple[list[str], list[int]], recorded: Sequence[int]) -> None:
    """Record what sources state of weighed properties, but for rows of which that is `recorded` already."""
    names = claims_from_entities.weighed_properties(load.layout)
    if not names:
        return
    stored = {stored_name(name, "entity"): name for name in names}
    rows = await load.connection.fetch(load.sql("said_properties"), list(stored), *scopes, list(recorded))
    said = [
        claims_from_entities.Property(
            row["scope"], row["key"], stored[row["name"]], row["value"], row["source"], origins_at(row)
        )
        for row in rows
    ]
    await claims_from_entities.record(load.connection, load.layout, said)
    await load.execute(load.sql("mark_changes"), load.import_id)


async def _changed(load: BatchLoad, arguments: Sequence[Any]) -> list[Any]:
    """Return the rows that are to be merged; those that say what was said last are counted as unchanged."""
    held = await load.connection.fetch(load.sql("held_items"), *arguments)
    there = await existing(load.connection, load.layout, [row["id"] for row in held if row["same"]])
    # What another client deleted is stored anew, also by a statement that says nothing new.
    ats = [row["at"] for row in held if not (row["same"] and row["id"] in there)]
    load.result.unchanged += len(held) - len(ats)
    return list(await load.connection.fetch(load.sql("entities_at"), ats)) if ats else []


async def _merge(load: BatchLoad, rows: Sequence[Any], passages: list[Passages]) -> None:
    """Merge rows into existing entities, each key once at a time."""
    wanted = Passages(load.layout)
    outcomes: list[tuple[int, Outcome]] = []
    await source_ids(load.connection, load.layout, [row["source"] for row in rows], make=False)
    for places in rounds_of(rows, lambda row: (row["scope"], row["key"])):
        said = claims_from_entities.said_by(load.layout, [entity_at(rows[at]) for at in places])
        await claims_from_entities.lock_topics(load.connection, load.layout, said)
        statements = [_statement(load.layout, rows[at]) for at in places]
        outcome = await write_vertices(load.connection, wanted, ENTITY, statements)
        new = await claims_from_entities.record(load.connection, load.layout, said)
        same = set(outcome.ids.values()) - {*outcome.created, *outcome.updated}
        outcome.updated += [
            id_
            for n, id_ in outcome.ids.items()
            if id_ in same and (load.layout.scopes[statements[n].scope], statements[n].key) in new
        ]
        outcomes.append((len(places), outcome))
    passages.append(wanted)
    for count, outcome in outcomes:
        load.result.created += len(outcome.created)
        load.result.updated += len(outcome.updated)
        load.result.unchanged += count - len(outcome.created) - len(outcome.updated)
    await load.execute(load.sql("mark_changes"), load.import_id)


def _statement(layout: Layout, row: Any) -> Statement:
    entity = entity_at(row)
    return Statement(
        scope=entity.scope,
        key=entity.key,
        label=row["label"],
        relabels=row["relabels"],
        merge=lambda held: claims_from_entities.merged(layout, held, check_same_decision(held, entity)),
        row=entity_row,
        content_hash=row["content_hash"],
        source=entity.source,
        version=entity.version,
        vector=entity.embedding,
    )


def entity_at(row: Any) -> Entity:
    """Return the entity that a staged row states."""
    stored = staged(row)
    place = stored.get("place")
    told = {
        "label": row["label"] if row["relabels"] else None,
        "labels": stored.get("labels"),
        "properties": stated_properties(stored, row["removed"], "entity"),
        "derived_from": origins_at(row),
        "place": parse_place(place) if place is not None else None,
        **{name: row[name] for name in ("key", "source", "scope", "version", "embedding")},
    }
    return Entity(**{**plain_fields(stored, "entity"), **told})
