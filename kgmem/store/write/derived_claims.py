"""What the claims of written relationships and properties are derived from, noted with the claims that are new."""

from collections.abc import Collection, Iterable, Sequence

import asyncpg

from kgmem.store.db.sql import SQL
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import encoded


async def note_edges(
    connection: asyncpg.Connection,
    layout: Layout,
    derived: Iterable[tuple[int, int, Sequence[str]]],
    restated: Collection[int] = (),
) -> None:
    """Note what new claims are derived from: (relationship, source, origins).

    New claims of `restated` relationships are derived as what they replace was.
    """
    rows = [(edge, source, as_json(origins)) for edge, source, origins in derived if origins]
    await _note(connection, layout.sql("claim_origins", "edge_origins"), rows)
    if restated:
        await connection.execute(layout.sql("claim_origins", "edges_inherit"), sorted(restated))


async def note_properties(
    connection: asyncpg.Connection, layout: Layout, derived: Iterable[tuple[int, str, str, int, Sequence[str]]]
) -> None:
    """Note what new claims are derived from: (scope, key of the entity, property, source, origins)."""
    rows = [(*place, as_json(origins)) for *place, origins in derived if origins]
    await _note(connection, layout.sql("claim_origins", "property_origins"), rows)


def as_json(origins: Sequence[str]) -> str:
    """Return origins as the statements take them."""
    return encoded(list(dict.fromkeys(origins))).decode()


async def _note(connection: asyncpg.Connection, sql: SQL, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        await connection.execute(sql, *map(list, zip(*rows, strict=True)))
