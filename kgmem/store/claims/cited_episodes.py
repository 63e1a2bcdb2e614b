"""Episodes that claims cite: whether each is there, so that a claim's text can be read by whoever doubts it."""

from collections.abc import Iterable

import asyncpg

from kgmem.domain.graph.scope import visible_from
from kgmem.domain.schema.refusal import unknown_episodes
from kgmem.store.graph.layout import Layout


async def check_cited(connection: asyncpg.Connection, layout: Layout, cited: Iterable[tuple[str, str | None]]) -> None:
    """Look for the episodes that claims cite (scope of the claim, key), and keep them until the transaction ends.

    A claim cites what its scope sees. Raises InvalidInput for an episode that is not there.
    """
    wanted: dict[str, set[str]] = {}
    for scope, key in cited:
        if key is not None:
            wanted.setdefault(scope, set()).add(key)
    missing: list[str] = []
    for scope, keys in sorted(wanted.items()):
        rows = await connection.fetch(layout.sql("claims", "cited_episodes"), list(visible_from(scope)), sorted(keys))
        missing += sorted(keys - {row["key"] for row in rows})
    if missing:
        raise unknown_episodes(missing)
