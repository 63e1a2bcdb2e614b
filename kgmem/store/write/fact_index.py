"""Facts: relationships as items of the retrieval index, found by what they say like entities and episodes.

A relationship is a fact as its graph's setting says: with a text of its own, or worded of the names of its ends. What
leaves an episode (a mention) is none, nor is a similarity, which is derived of vectors. The item bears the edge's id
and
what the edge's row tells; whoever writes an edge writes its fact in the same transaction, under the lock on the edge.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.graph.episode import PASSAGE_CHARACTERS, Passage, passages
from kgmem.domain.graph.relationship import worded
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.store.graph.layout import EDGE, VERTEX, Layout, know_labels, label_id
from kgmem.store.graph.records import text_of
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write.passages import Passages, drop_passages_of

# By id: the ids of both ends, and the stored properties.
Edges = Mapping[int, tuple[tuple[int, int], Mapping[str, Any]]]
BLANK = " \t\n\r\f\v"  # What makes up a text that says nothing.


async def put(connection: asyncpg.Connection, wanted: Passages, edges: Edges, *, new: bool) -> set[int]:
    """Write the facts among edges that are written; return their ids. `new`: none of them was one before.

    `wanted` gathers what they are found by; the caller stores it at the end of the transaction.
    """
    bodies = await _bodies(connection, wanted.layout, edges)
    if bodies:
        await connection.execute(wanted.layout.sql("fact_index", "put"), list(bodies))
        for id_, cut in bodies.items():
            wanted.want(id_, cut, new=new)
    return set(bodies)


async def keep(connection: asyncpg.Connection, wanted: Passages, edges: Edges, *, is_rebuild: bool = False) -> None:
    """Bring the facts of edges in line with them, whatever these were before.

    `is_rebuild`: no record was written, so that an edge which is no fact never was one.
    """
    facts = await put(connection, wanted, edges, new=False)
    others = [id_ for id_ in edges if id_ not in facts]
    await drop(connection, wanted.layout, others)
    if is_rebuild:
        await forget(connection, wanted.layout, others)


async def forget(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> None:
    """Delete facts, also from what was known earlier."""
    for what in ("vectors", "passages", "items"):
        await connection.execute(layout.sql("fact_index", f"forget_{what}"), ids)


async def drop(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> tuple[int, int]:
    """Take edges out of the facts; return how many passages and how many vectors went."""
    rows = await connection.fetch(layout.sql("fact_index", "drop"), ids) if ids else []
    return await drop_passages_of(connection, layout, [row["id"] for row in rows]) if rows else (0, 0)


def cut(text: str) -> list[Passage]:
    """Return the passages of what a fact says; none of what is blank."""
    if len(text) <= PASSAGE_CHARACTERS:
        return [Passage(0, 0, text)] if text.strip(BLANK) else []
    return list(passages(text))


async def _bodies(connection: asyncpg.Connection, layout: Layout, edges: Edges) -> dict[int, list[Passage]]:
    """Return the passages of those edges that are facts."""
    setting, episodes = layout.graph.facts, layout.labels.get((VERTEX, EPISODE_LABEL))
    derived = layout.labels.get((EDGE, SIMILAR_TO))
    if setting == "none" or not edges:
        return {}
    bodies, wordless = {}, []
    for id_, (ends, stored) in edges.items():
        if episodes is not None and label_id(ends[0]) == episodes.id:
            continue
        if found := cut(text_of(stored, "text") or ""):
            bodies[id_] = found
        elif setting == "all" and (derived is None or label_id(id_) != derived.id):
            wordless.append(id_)
    if wordless:
        await know_labels(connection, layout, wordless)
        names = await names_of(connection, layout, {end for id_ in wordless for end in edges[id_][0]})
        for id_ in wordless:
            start, end = (names.get(end) for end in edges[id_][0])
            if start and end:
                bodies[id_] = cut(worded(start, layout.by_id[label_id(id_)].name, end))
    return bodies


async def names_of(connection: asyncpg.Connection, layout: Layout, ids: Iterable[int]) -> dict[int, str]:
    """The names of vertices as the label tables hold them, or else their keys; those that are gone are missing."""
    held = await read_vertices(connection, layout, ids)
    return {
        id_: next(filter(None, (text_of(stored, name) for name in ("name", "title", "key"))), f"_{id_}")
        for id_, stored in held.items()
    }
