"""Unique rules: which properties are unique among the nodes that bear a label, be it their first label or another one.

The table `unique_value` of a graph's index has one row a value, whichever label table the node is in. Triggers keep it
by set operations for all that kgmem writes; writes of other AGE clients are taken in when they are indexed. A graph
whose schema declares nothing unique has neither the tables nor the triggers (migrations/sql/0025_up.sql).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import asyncpg
import orjson

from kgmem.store.db.statements import statement
from kgmem.store.db.unique_values import taken
from kgmem.store.graph.layout import Layout

_FILE = "unique_values"
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class UniqueRule:
    """That no two nodes of one scope that bear a label share the values of some properties."""

    label: str
    declared: tuple[str, ...]  # The properties, as the schema names them.
    stored: tuple[str, ...]  # Their names in the label tables.


async def sync(
    connection: asyncpg.Connection, layout: Layout, wanted: Collection[UniqueRule], *, lenient: bool
) -> None:
    """Replace the unique rules of a graph by `wanted`, and apply them to new label tables.

    Raises Conflict where values that shall be unique are not; if lenient, the first node keeps such a value.
    """
    there = await connection.fetchval(statement(_FILE, "there"), layout.index_name)
    if not wanted:
        if there:
            await connection.execute(layout.sql(_FILE, "keep_writers_out"))
            await connection.execute(statement(_FILE, "drop_tables"), layout.index_name, layout.age_name)
        return
    kept = await rules(connection, layout) if there else set()
    new = [rule for rule in wanted if (rule.label, rule.declared) not in kept]
    gone = kept - {(rule.label, rule.declared) for rule in wanted}
    if new or gone:
        await connection.execute(layout.sql(_FILE, "keep_writers_out"))
        await connection.execute(statement(_FILE, "make_tables"), layout.index_name)
    if gone:
        labels, declared = [label for label, _ in gone], [_SEPARATOR.join(names) for _, names in gone]
        await connection.execute(layout.sql(_FILE, "drop_rules"), labels, declared)
    for rule in new:
        names = [orjson.dumps(name).decode() for name in rule.stored]
        listed = orjson.dumps([rule.label]).decode()
        await connection.execute(layout.sql(_FILE, "make_rule"), rule.label, listed, rule.declared, names)
    await connection.execute(statement(_FILE, "watch"), layout.index_name, layout.age_name)
    if new or lenient:
        doubled = await fill(connection, layout)
        if doubled and not lenient:
            row = await connection.fetchrow(layout.sql(_FILE, "twice"))
            raise taken(row["label"], row["declared"], row["value"], [key for key in row["keys"] if key])


async def rules(connection: asyncpg.Connection, layout: Layout) -> set[tuple[str, tuple[str, ...]]]:
    """Return label and properties of the rules that a graph has; it must have the tables."""
    return {(row["label"], tuple(row["declared"])) for row in await connection.fetch(layout.sql(_FILE, "rules"))}


async def fill(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int] | None = None) -> int:
    """Bring the values of nodes (None: of all) in line with the label tables; return how many others hold already."""
    doubled: int = await connection.fetchval(
        statement(_FILE, "fill"), layout.index_name, layout.age_name, None if ids is None else list(ids)
    )
    return doubled


async def missing(connection: asyncpg.Connection, layout: Layout, wanted: Collection[UniqueRule]) -> list[str]:
    """Return what a graph lacks to hold its nodes to the rules that are wanted."""
    if not wanted:
        return []
    there = await connection.fetchval(statement(_FILE, "there"), layout.index_name)
    kept = await rules(connection, layout) if there else set()
    lacking = [rule for rule in wanted if (rule.label, rule.declared) not in kept]
    found = [f"unique values of {rule.label} ({', '.join(rule.declared)})" for rule in lacking]
    unwatched = await connection.fetch(layout.sql(_FILE, "unwatched"), layout.age_name)
    return found + [f"triggers of unique values on {row['label']}" for row in unwatched]


async def differing(connection: asyncpg.Connection, layout: Layout) -> dict[str, list[int]]:
    """Return by integrity check the ids of nodes that hold other unique values than they have."""
    if not await connection.fetchval(statement(_FILE, "there"), layout.index_name):
        return {}
    rows = await connection.fetch(layout.sql(_FILE, "differ"))
    captured = {row["id"] for row in await connection.fetch(layout.sql(_FILE, "captured"), layout.id)}
    found: dict[str, list[int]] = {"unique-values": [], "unique-doubled": []}
    for row in rows:
        if row["id"] not in captured:
            found["unique-doubled" if row["doubled"] else "unique-values"].append(row["id"])
    return found
