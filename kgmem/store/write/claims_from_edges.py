"""Claims of relationships: whatever writes a relationship with a source records what that source states by it.

One relationship may be stated by many sources; it names the one that stated it first. A source's newer statement of
the same relationship replaces its older one, and a repeated one changes nothing. Topics of kinds that are weighed
become stale by a new claim, so that whoever weighs stale topics weighs them, however the writer ends.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg

from kgmem.domain.graph.relationship import Relationship
from kgmem.store.db.database import Database
from kgmem.store.db.sql import SQL, fill
from kgmem.store.graph.layout import EDGE, Layout, know_labels, label_id, learn_labels
from kgmem.store.graph.records import encoded, loads, others_of, text_of
from kgmem.store.write.derived_claims import note_edges
from kgmem.store.write.rows import fraction_of
from kgmem.store.write.source_keys import note_keys
from kgmem.tasks import writing_as

Properties = Mapping[str, Any]
_PAGE = 500  # Relationships that are recorded in one transaction.


class SourceStatement(NamedTuple):
    """What a source states by a relationship: its id, whether it is new, and what the statement names."""

    edge: int
    kind: str
    source: int
    valid_from: str | None
    valid_to: str | None
    confidence: float | None
    properties: Properties
    fresh: bool = False
    episode: str | None = None
    derived_from: Sequence[str] = ()


def weighed_kinds(layout: Layout) -> list[str]:
    """Return the predicates that are weighed: kinds declared functional, and whatever has a rule."""
    schema = layout.schema()
    functional = {name for name, kind in schema.kinds.items() if kind.functional}
    return sorted(functional | schema.rules.keys())


def valued_kinds(layout: Layout) -> list[str]:
    """Return the kinds of which a relationship holds what is claimed in properties of its own."""
    return sorted(name for name, rule in layout.schema().rules.items() if rule.value)


def value_of(layout: Layout, kind: str, properties: Properties) -> Any:
    """Return the value that a relationship's properties hold where its kind's rule names some; else None."""
    rule = layout.schema().rules.get(kind)
    names = tuple(rule.value) if rule else ()
    held = {name: properties[name] for name in names if properties.get(name) is not None}
    return next(iter(held.values()), None) if len(names) == 1 else held or None


def said_by(layout: Layout, id_: int, stated: Relationship, *, fresh: bool) -> SourceStatement | None:
    """Return what a statement says for its source; None where it names none."""
    source = layout.sources.get(stated.source) if stated.source else None
    if source is None:
        return None
    times = (stated.valid_from, stated.valid_to)
    return SourceStatement(
        id_,
        stated.kind,
        source,
        *times,
        stated.confidence,
        stated.properties,
        fresh,
        derived_from=stated.derived_from or (),
    )


def _said_in(
    layout: Layout, id_: int, stored: Properties, derived_from: Sequence[str] = (), *, fresh: bool = False
) -> SourceStatement | None:
    """Return what a stored relationship says for the source that it names; None where it names none."""
    source = layout.sources.get(text_of(stored, "source") or "")
    if source is None:
        return None
    times = (text_of(stored, "valid_from"), text_of(stored, "valid_to"))
    own = others_of(stored, "relationship")
    kind, confidence = layout.by_id[label_id(id_)].name, fraction_of(stored.get("confidence"))
    return SourceStatement(id_, kind, source, *times, confidence, own, fresh, derived_from=derived_from)


async def lock_topics(connection: asyncpg.Connection, layout: Layout, stated: Sequence[Relationship]) -> None:
    """Lock the topics that statements will make stale, before their relationships: in the order of who weighs them."""
    kinds = set(weighed_kinds(layout))
    places = {
        (layout.scopes[each.scope], each.start, each.kind) for each in stated if each.source and each.kind in kinds
    }
    if places:
        columns = map(list, zip(*sorted(places), strict=True))
        await connection.execute(layout.sql("claims", "lock_said_topics"), sorted(kinds), *columns)


async def record(
    connection: asyncpg.Connection, layout: Layout, said: Sequence[SourceStatement], *, partial: bool = True
) -> set[int]:
    """Record what sources state by relationships that this transaction has written; return the places of what is new.

    `partial`: a statement that does not name a time or a confidence leaves what its source stated of it before.
    """
    if not said:
        return set()
    await layout.ensure("claims")
    await note_keys(connection, layout, {each.source for each in said})
    held = {(each.edge, each.source) for each in said if not each.fresh}
    if held:
        await record_former(connection, layout, held)
    rows = await _rows(connection, layout, said)
    columns = list(map(list, zip(*rows, strict=True)))
    source = layout.sql("claims", "said_of_edges")
    new = await record_said(connection, layout, source, columns, fresh=not held, partial=partial)
    derived = ((each.edge, each.source, each.derived_from) for each in said)
    await note_edges(connection, layout, derived, {edge for edge, _ in held} if new else ())
    return {row["at"] - 1 for row in new} if held else set(range(len(said)))


async def record_said(
    connection: asyncpg.Connection,
    layout: Layout,
    said: SQL,
    values: Sequence[Any],
    *,
    fresh: bool,
    partial: bool = True,
) -> Sequence[Any]:
    """Record the statements that the query `said` gives for `values`; return a row (at, fresh) for each new claim.

    `fresh`: all relationships are new, and so are all claims; then no rows are given.
    """
    kinds = weighed_kinds(layout)
    topics, claims = (
        fill(layout.sql("claims", name), {"said": said})
        for name in ("make_said_topics", "claim_new" if fresh else "claim_said")
    )
    await connection.execute(topics, kinds, partial, *values)
    return list(await connection.fetch(claims, kinds, partial, *values))


async def record_stored(
    connection: asyncpg.Connection,
    layout: Layout,
    edges: Mapping[int, Properties],
    derived_from: Mapping[int, Sequence[str]] | None = None,
) -> None:
    """Record what stored relationships state as a whole, given their properties and origins by id."""
    origins = derived_from or {}
    found = (_said_in(layout, id_, stored, origins.get(id_, ())) for id_, stored in sorted(edges.items()))
    await record(connection, layout, [each for each in found if each is not None], partial=False)


async def adopt_all(database: Database, layout: Layout) -> int:
    """Record what relationships of weighed kinds state of which no claim tells yet; return how many were looked at."""
    async with database.connection() as connection:
        await learn_labels(connection, layout)
        await connection.execute(layout.sql("claims", "withdraw_lost"))
    numbers = [layout.labels[EDGE, kind].id for kind in weighed_kinds(layout) if (EDGE, kind) in layout.labels]
    after, total = 0, 0
    while numbers:

        async def work(connection: asyncpg.Connection, after: int = after) -> list[int]:
            rows = await connection.fetch(layout.sql("claims", "adoptable"), after, numbers, _PAGE)
            layout.sources.update({row["source"]: row["origin"] for row in rows})
            ids = [row["id"] for row in rows]
            with writing_as(None):  # Who has this done states nothing by it.
                await record_stored(connection, layout, await _properties(connection, layout, ids))
            return ids

        ids = await database.transact(work)
        total += len(ids)
        if not ids:
            break
        after = ids[-1]
    return total


async def record_former(connection: asyncpg.Connection, layout: Layout, said: Collection[tuple[int, int]]) -> None:
    """Record what relationships state for other sources, which were written before every statement became a claim."""
    rows = await connection.fetch(layout.sql("claims", "unclaimed"), sorted({edge for edge, _ in said}))
    rows = [row for row in rows if (row["id"], row["origin"]) not in said]
    if not rows:
        return
    layout.sources.update({row["source"]: row["origin"] for row in rows})
    stored = await _properties(connection, layout, [row["id"] for row in rows])
    former = (_said_in(layout, id_, properties, fresh=True) for id_, properties in stored.items())
    with writing_as(None):  # It was stated before, by whatever key.
        await record(connection, layout, [each for each in former if each is not None], partial=False)


async def _rows(
    connection: asyncpg.Connection, layout: Layout, said: Sequence[SourceStatement]
) -> list[tuple[Any, ...]]:
    """Return the rows of statements; one that states another value than its relationship shows stands by itself."""
    valued = set(valued_kinds(layout))
    shown = {each.edge for each in said if each.kind in valued and not each.fresh}
    stored = await _properties(connection, layout, sorted(shown)) if shown else {}
    values = {id_: value_of(layout, layout.by_id[label_id(id_)].name, own) for id_, own in stored.items()}
    if values:
        told = [(id_, _json(value)) for id_, value in values.items() if value is not None]
        if told:
            await connection.execute(layout.sql("claims", "untie_claims"), *map(list, zip(*told, strict=True)))
    rows = []
    for each in said:
        value = value_of(layout, each.kind, each.properties) if each.kind in valued else None
        if value is not None and each.edge in values:
            whole = value_of(layout, each.kind, {**stored[each.edge], **each.properties})
            tied = whole == values[each.edge]
            value = whole if tied else value
        else:
            tied = True
        rows.append(
            (
                each.edge, each.source, each.valid_from, each.valid_to, each.confidence,
                None if value is None else _json(value), each.episode, tied, each.fresh,
            )
        )  # fmt: skip
    return rows


async def _properties(connection: asyncpg.Connection, layout: Layout, edges: Sequence[int]) -> dict[int, Properties]:
    """Read the stored properties of relationships by id."""
    await know_labels(connection, layout, edges)
    found: dict[int, Properties] = {}
    groups: dict[int, list[int]] = {}
    for id_ in edges:
        groups.setdefault(label_id(id_), []).append(id_)
    for label, ids in groups.items():
        sql = layout.sql("write", "read_label_edges", label=layout.by_id[label].age_name)
        found |= {row["id"]: loads(row["properties"]) for row in await connection.fetch(sql, ids)}
    return found


def _json(value: Any) -> str:
    return encoded(value).decode()
