"""By which API keys the claims of sources came: noted with a source's first claims by a key, in their transaction."""

from collections.abc import Collection

import asyncpg

from kgmem.store.db.sql import SQL, fill, number
from kgmem.store.graph.layout import Layout
from kgmem.tasks import keys_by_source


def bound_sources(layout: Layout) -> SQL:
    """Return the query for sources that share the voice of a key: (source, key, young)."""
    return fill(layout.sql("source_keys", "bound"), {"graph": number(layout.id)})


async def note_keys(connection: asyncpg.Connection, layout: Layout, sources: Collection[int]) -> None:
    """Note the keys by which claims of these sources come now; nothing for claims that came without a key.

    The tables of claims are there. A pair that an earlier transaction has noted is remembered and not sent again.
    """
    written = keys_by_source()
    if not written or not sources:
        return
    if None in written:
        pairs = {(source, key) for source in sources for key in written[None]}
    else:
        numbers = ((layout.sources.get(name or ""), keys) for name, keys in written.items())
        pairs = {(source, key) for source, keys in numbers if source in sources and source is not None for key in keys}
    pairs -= layout.noted_keys
    if pairs:
        columns = map(list, zip(*sorted(pairs), strict=True))
        rows = await connection.fetch(layout.sql("source_keys", "note"), *columns)
        layout.noted_keys.update((row["source"], row["key"]) for row in rows)
