"""Writing claims: their topics, their rows, and the entities that they are about."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claims.claim import ClaimProvenance, ClaimStatement
from kgmem.domain.claims.consensus import ValueRule
from kgmem.domain.errors import UnknownEntities
from kgmem.domain.graph.entity import ENTITY
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import encoded
from kgmem.store.write.passages import Passages
from kgmem.store.write.rows import entity_row
from kgmem.store.write.source_keys import note_keys
from kgmem.store.write.vertices import Statement, write_vertices

CLAIM, FACT = 5, 6  # Kinds of item in the change feed.
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject and predicate in one scope, locked: what competes stands under it."""

    id: int
    scope: str
    subject: str
    predicate: str
    about: str = ""
    stale: bool = False  # Claims went that were not weighed since.
    timed: bool = False  # What is true of it changes now, though nothing else was said.
    fresh: bool = False  # Nothing was claimed of it before.


@dataclass(slots=True)
class StoredClaims:
    """What a batch of claims did: the id of each, in its order, and the topics of those that are new."""

    ids: list[int]
    created: set[int] = field(default_factory=set)
    changed: dict[int, Topic] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)


def rule_for(layout: Layout, predicate: str, *, objects: bool) -> ValueRule:
    """Return the rule by which claims on a predicate are weighed."""
    schema = layout.schema()
    declared = schema.rules.get(predicate)
    kind = schema.kinds.get(predicate)
    functional = kind is not None and kind.functional
    if declared is None:
        return ValueRule(functional=functional or not objects)
    return declared.of_objects(functional=functional) if objects else declared.of_values()


async def write_claims(
    connection: asyncpg.Connection, passages: Passages, stated: Sequence[ClaimStatement]
) -> StoredClaims:
    """Store claims, each once. Raises UnknownEntities if strict."""
    layout = passages.layout
    await layout.ensure("claims")
    await note_keys(connection, layout, {layout.sources[each.source] for each in stated})
    topics = await lock_topics(connection, passages, stated)
    rows = [_row(layout, topics[place_of(each)].id, each) for each in stated]
    made = await connection.fetch(layout.sql("claims", "insert_claims"), *map(list, zip(*rows, strict=True)))
    by_id = {topic.id: topic for topic in topics.values()}
    new = [row for row in made if row["created"]]
    return StoredClaims(
        [row["id"] for row in made],
        {row["id"] for row in new},
        {row["topic"]: by_id[row["topic"]] for row in new},
        by_id,
    )


async def store_provenance(
    connection: asyncpg.Connection,
    layout: Layout,
    stated: Sequence[ClaimStatement],
    ids: Sequence[int],
    provenance: Sequence[ClaimProvenance],
) -> None:
    """Store from which episode each claim was extracted, so that an interrupted extraction can be undone."""
    rows = {
        (by.episode, id_): (by.episode, CLAIM, id_, "", *(each.span or (0, 0)), by.lasting)
        for each, id_, by in zip(stated, ids, provenance, strict=True)
    }
    await layout.ensure("extraction")
    await connection.execute(layout.sql("extraction", "bring"), *map(list, zip(*rows.values(), strict=True)))


def place_of(stated: ClaimStatement) -> tuple[str, str, str, str]:
    """Return the scope, subject, predicate and other end that a claim is about, which name its topic."""
    return (stated.scope, stated.subject, stated.predicate, stated.about)


async def lock_topics(
    connection: asyncpg.Connection, passages: Passages, stated: Sequence[ClaimStatement]
) -> dict[tuple[str, str, str, str], Topic]:
    """Lock the topics of claims; make those that are missing, and the entities that they are about."""
    layout = passages.layout
    places = sorted({place_of(each) for each in stated})
    columns: list[list[Any]] = [[layout.scopes[place[0]] for place in places]]
    columns += [[place[n] for place in places] for n in (1, 2, 3)]
    held = await _lock(connection, layout, places, columns)
    await _ensure_entities(connection, passages, stated, held)
    if len(held) < len(places):
        await connection.execute(layout.sql("claims", "make_topics"), *columns)
        made = await _lock(connection, layout, places, columns)
        held |= {place: replace(topic, fresh=True) for place, topic in made.items() if place not in held}
    return held


async def _lock(
    connection: asyncpg.Connection,
    layout: Layout,
    places: Sequence[tuple[str, str, str, str]],
    columns: Sequence[Sequence[Any]],
) -> dict[tuple[str, str, str, str], Topic]:
    rows = await connection.fetch(layout.sql("claims", "lock_topics"), *columns)
    paths = {layout.scopes[place[0]]: place[0] for place in places}
    found = [
        Topic(row["id"], paths[row["scope"]], row["subject"], row["predicate"], row["about"], stale=row["stale"])
        for row in rows
    ]
    return {(topic.scope, topic.subject, topic.predicate, topic.about): topic for topic in found}


def _row(layout: Layout, topic: int, stated: ClaimStatement) -> tuple[Any, ...]:
    value = None if stated.value is None else encoded(stated.value).decode()
    begins, ends = stated.span or (None, None)
    return (
        topic, layout.sources[stated.source], stated.object, value, stated.valid_from, stated.valid_to,
        stated.confidence, stated.episode, begins, ends,
    )  # fmt: skip


async def _ensure_entities(
    connection: asyncpg.Connection,
    passages: Passages,
    stated: Sequence[ClaimStatement],
    held: Collection[tuple[str, str, str, str]],
) -> None:
    """Make the entities that claims are about and that their scope does not see, in that scope.

    The entities of an existing topic existed when it was made.
    """
    layout = passages.layout
    wanted: dict[str, set[str]] = {}
    for each in stated:
        there = place_of(each) in held
        keys = (None if there else each.subject, None if there and each.about else each.object)
        wanted.setdefault(each.scope, set()).update(key for key in keys if key)
    for scope, names in sorted((scope, names) for scope, names in wanted.items() if names):
        rows = await connection.fetch(layout.sql("claims", "seen_keys"), list(visible_from(scope)), sorted(names))
        missing = sorted(names - {row["key"] for row in rows})
        if missing and layout.graph.strict:
            raise UnknownEntities(
                f"These entities do not exist: {', '.join(map(repr, missing[:_SHOWN]))}.",
                hint="Store the entities first; in a graph that is not strict a claim makes those that are missing.",
                keys=missing[:1000],
            )
        if missing:
            made = [_named(scope, key) for key in missing]
            await write_vertices(connection, passages, ENTITY, made)


def _named(scope: str, key: str) -> Statement:
    from_key = {"key": key, "name": key, **({"scope": scope} if scope else {})}

    def merge(held: Mapping[str, Any]) -> dict[str, Any]:
        return dict(held) or dict(from_key)

    content_hash = int.from_bytes(blake2b(orjson.dumps(from_key), digest_size=8).digest(), "big", signed=True)
    return Statement(
        scope=scope, key=key, label=DEFAULT_LABEL, relabels=False, merge=merge, row=entity_row,
        content_hash=content_hash,
        source=None, version=None, vector=None,
    )  # fmt: skip
