"""Relabelling: AGE puts the label into the id, so a vertex under another label moves, and its edges follow."""

from collections import defaultdict
from typing import Any

import asyncpg

from kgmem.storage.postgres.layout import VERTEX, Layout, know_labels, label_id
from kgmem.storage.postgres.passages import Passages


async def relabel(connection: asyncpg.Connection, passages: Passages, old: int, name: str) -> int:
    """Move a vertex to another label, with its edges, passages and vectors; gives its new id."""
    layout = passages.layout
    label = layout.labels[VERTEX, name]
    former = layout.by_id[label_id(old)]
    await connection.execute(layout.sql("write", "ends_may_go"))
    new: int = await connection.fetchval(layout.sql("relabel", "take_id"), label.id, label.sequence)
    copy = layout.sql("relabel", "copy_vertex", former=former.age_name, label=label.age_name)
    await connection.execute(copy, new, old)
    # The item before its edges, as those who write edges lock them in this order.
    await connection.execute(layout.sql("relabel", "move_item"), new, old)
    await _move_edges(connection, layout, old, new)
    await connection.execute(layout.sql("write", "delete_vertices", label=former.age_name), [old])
    await connection.execute(layout.sql("relabel", "move_history"), new, old)
    await connection.execute(layout.sql("relabel", "move_derived"), new, old)
    passages.move(old, new)
    return new


async def _move_edges(connection: asyncpg.Connection, layout: Layout, old: int, new: int) -> None:
    """Let the edges of a vertex lead from and to its new id, in their label tables and in the index."""
    edges: list[Any] = await connection.fetch(layout.sql("write", "lock_edges_of"), [old])
    kinds: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        kinds[edge["kind"]].append(edge["id"])
    await know_labels(connection, layout, (ids[0] for ids in kinds.values()))
    for kind, ids in kinds.items():
        table = layout.by_id[kind].age_name
        await connection.execute(layout.sql("relabel", "move_starts", label=table), new, old, ids)
        await connection.execute(layout.sql("relabel", "move_ends", label=table), new, old, ids)
    await connection.execute(layout.sql("relabel", "move_edge_starts"), new, old)
    await connection.execute(layout.sql("relabel", "move_edge_ends"), new, old)
