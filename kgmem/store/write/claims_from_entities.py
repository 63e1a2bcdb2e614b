"""Claims of properties: an entity that is written with a source states its weighed properties for that source.

What the entity shows of such a property is the consensus. A source's newer value replaces its own older one; a value
that comes with a verdict of its own (`consensus`, as an export writes it) is nobody's statement.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg

from kgmem.domain.graph.entity import Entity
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import CONSENSUS, alike, encoded, merge_entity, others_of, stored_name, text_of
from kgmem.store.write.derived_claims import note_properties
from kgmem.store.write.source_keys import note_keys

CURRENT = "current"  # In what it tells of one: False where facts of the property are known, and none is true now.
OWN = "own"  # In what an entity tells of a property: the value that a write gave it, which is no claim.


class Property(NamedTuple):
    """What a source states of one property of an entity."""

    scope: int
    subject: str
    predicate: str
    value: str  # As JSON.
    source: int
    derived_from: Sequence[str] = ()


def weighed_properties(layout: Layout) -> frozenset[str]:
    """Return the properties of entities that are weighed: those with a rule, of which one value holds at a time."""
    schema = layout.schema()
    return frozenset(name for name, rule in schema.rules.items() if name not in schema.kinds and not rule.several)


def merged(layout: Layout, held: Mapping[str, Any], stated: Entity) -> dict[str, Any]:
    """Return a vertex's properties after a statement; those that consensus resolves keep their values until it runs.

    A source that adds nothing else does not replace the source that the vertex names.
    """
    after = merge_entity(held, stated)
    if not held:
        return after
    if stated.source is None:
        return _with_own(after, held, stated)
    told = {name for name in weighed_properties(layout) if stated.properties.get(name) is not None}
    if not told:
        return after
    kept = {stored_name(name, "entity") for name in told} & held.keys()
    after |= {name: held[name] for name in kept}
    for name in told & _known_over(held) - held.keys():
        after.pop(stored_name(name, "entity"), None)
    if isinstance(held.get("source"), str) and {**after, "source": held["source"]} == held:
        after["source"] = held["source"]
    return after


def _with_own(after: dict[str, Any], held: Mapping[str, Any], stated: Entity) -> dict[str, Any]:
    """Return a vertex's properties after a statement of nobody, which gives it as its own what facts show already.

    Else the value would leave with the fact, though a write has given it.
    """
    notes = held.get(CONSENSUS)
    # What an entity was read with is no statement.
    if not isinstance(notes, Mapping) or CONSENSUS in stated.properties:
        return after
    own = {}
    for name, note in notes.items():
        value = stated.properties.get(name)
        if value is None or not isinstance(note, Mapping) or note.get(CURRENT) is False:
            continue
        given, shown = ({name: each} for each in (value, held.get(stored_name(name, "entity"))))
        if alike(given, shown) and not alike({OWN: note.get(OWN)}, {OWN: value}):
            own[name] = {**note, OWN: value}
    return {**after, CONSENSUS: {**notes, **own}} if own else after


def _known_over(held: Mapping[str, Any]) -> set[str]:
    """Return the properties of which a vertex tells that nothing is true now: saying them again does not show them."""
    notes = held.get(CONSENSUS)
    known = notes.items() if isinstance(notes, Mapping) else ()
    return {name for name, note in known if isinstance(note, Mapping) and note.get(CURRENT) is False}


def said_by(layout: Layout, stated: Iterable[Entity]) -> list[Property]:
    """Return what statements say of weighed properties for their sources."""
    names = weighed_properties(layout)
    return [
        Property(
            layout.scopes[each.scope],
            each.key,
            name,
            encoded(value).decode(),
            layout.sources[each.source],
            each.derived_from or (),
        )
        for each in stated
        if names and each.source in layout.sources and each.source is not None
        for name, value in _own(each.properties, names)
    ]


def said_in(
    layout: Layout, place: tuple[int, str], stored: Mapping[str, Any], derived_from: Sequence[str] = ()
) -> list[Property]:
    """Return what a stored entity (scope, key) says of weighed properties for the source that it names."""
    names = weighed_properties(layout)
    source = layout.sources.get(text_of(stored, "source") or "") if names else None
    if source is None:
        return []
    own = others_of(stored, "entity")
    return [
        Property(*place, name, encoded(own[name]).decode(), source, derived_from)
        for name in sorted(names & own.keys())
        if own[name] is not None
    ]


def _own(properties: Mapping[str, Any], names: frozenset[str]) -> list[tuple[str, Any]]:
    verdicts = properties.get(CONSENSUS)
    copied = verdicts.keys() if isinstance(verdicts, Mapping) else ()
    return [
        (name, value)
        for name, value in properties.items()
        if name in names and value is not None and name not in copied
    ]


async def lock_topics(connection: asyncpg.Connection, layout: Layout, said: Sequence[Property]) -> None:
    """Lock the topics that statements will make stale, before their entities: in the order of who weighs them."""
    if said:
        places = sorted({(each.scope, each.subject, each.predicate) for each in said})
        columns = map(list, zip(*places, strict=True))
        names = sorted({each.predicate for each in said})
        await connection.execute(layout.sql("claims", "lock_said_topics"), names, *columns)


async def record(
    connection: asyncpg.Connection, layout: Layout, said: Sequence[Property], *, whole: bool = False
) -> set[tuple[int, str]]:
    """Record what sources state of properties; return the entities (scope, key) of which something is new.

    `whole`: all that is stored was given, so that a value which only shows the consensus is no new statement of a
    source that has stated its own.
    """
    if not said:
        return set()
    await layout.ensure("claims")
    await note_keys(connection, layout, {each.source for each in said})
    columns = list(map(list, zip(*(each[:5] for each in said), strict=True)))
    await connection.execute(layout.sql("claims", "make_topics"), columns[0], columns[1], columns[2], [""] * len(said))
    rows = await connection.fetch(layout.sql("claims", "say_properties"), *columns, whole)
    derived = ((each.scope, each.subject, each.predicate, each.source, each.derived_from) for each in said)
    await note_properties(connection, layout, derived)
    return {(row["scope"], row["subject"]) for row in rows}
