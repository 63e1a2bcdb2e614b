"""Writing entries of the registry of sources."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from kgmem.domain.claims.claim import Source
from kgmem.store.graph.layout import Layout

_COLUMNS = ("key", "name", "kind", "trust", "note")


async def write_sources(connection: asyncpg.Connection, layout: Layout, sources: Sequence[Source]) -> list[Any]:
    """Write entries, each key once; gives a row (id, created) for each that is new or changed."""
    await layout.ensure("history")
    columns = ([getattr(source, name) for source in sources] for name in _COLUMNS)
    rows = list(await connection.fetch(layout.sql("write", "put_sources"), *columns))
    related = [each for each in sources if each.parent is not None or each.domain is not None]
    if related:
        await layout.ensure("claims")
        told = [[each.key for each in related], [each.parent for each in related], [each.domain for each in related]]
        rows += await connection.fetch(layout.sql("write", "put_kinship"), *told)
    return list({row["id"]: row for row in reversed(rows)}.values())
