"""What the label tables store of vertices."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import asyncpg

from kgmem.store.graph.layout import Layout, know_labels, label_id
from kgmem.store.graph.records import loads


async def read_vertices(
    connection: asyncpg.Connection, layout: Layout, ids: Iterable[int]
) -> dict[int, dict[str, Any]]:
    """Read the stored properties of vertices by id; those that are gone are missing."""
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in ids:
        groups[label_id(id_)].append(id_)
    await know_labels(connection, layout, (group[0] for group in groups.values()))
    found: dict[int, dict[str, Any]] = {}
    for label, group in groups.items():
        if label in layout.by_id:
            sql = layout.sql("write", "read_vertices", label=layout.by_id[label].age_name)
            found |= {row["id"]: loads(row["properties"]) for row in await connection.fetch(sql, group)}
    return found
