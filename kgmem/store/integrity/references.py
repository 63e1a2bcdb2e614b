"""Whether what one table of a graph names stands in the other: passages, vectors, claims, history, feed, sequences."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.diagnostics import Damage
from kgmem.store.db.statements import statement
from kgmem.store.graph.checks import damage
from kgmem.store.graph.layout import EDGE, LABEL_SHIFT, VERTEX, Layout
from kgmem.store.graph.records import CONSENSUS
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write.claims_from_edges import weighed_kinds
from kgmem.store.write.claims_from_entities import CURRENT

# Check -> statement of sql/integrity.sql, which lists ids and takes no arguments.
LISTS: Final = {
    "passages-gone": "passages_gone",
    "extraction-gone": "extraction_gone",
    "claims-lost": "claims_lost",
    "decisions-lost": "decisions_lost",
    "facts-lost": "facts_lost",
    "states-lost": "states_lost",
    "history": "history",
    "history-gaps": "history_gaps",
    "feed": "feed",
    "feed-gaps": "feed_gaps",
}
_PAGE = 1000
_SEQUENCE_BITS = (1 << LABEL_SHIFT) - 1


async def compare_list(connection: asyncpg.Connection, layout: Layout, check: str) -> Sequence[int]:
    """Return the ids that one check of LISTS lists."""
    return [row["id"] for row in await connection.fetch(layout.sql("integrity", LISTS[check]))]


async def compare_topics(connection: asyncpg.Connection, layout: Layout) -> Sequence[int]:
    """Return the subjects of claims that are to be weighed, that were not, and that wait for no job."""
    rows = await connection.fetch(layout.sql("integrity", "topics_unweighed"))
    kinds = weighed_kinds(layout)
    found = await connection.fetch(layout.sql("claims", "weighable"), [row["id"] for row in rows], kinds)
    return [row["id"] for row in found]


async def compare_properties(connection: asyncpg.Connection, layout: Layout) -> Sequence[int]:
    """Return the subjects of claims of which an entity shows what is not true now, or will not show a change."""
    found = [row["id"] for row in await connection.fetch(layout.sql("integrity", "changes_unnoted"))]
    after = 0
    while rows := await connection.fetch(layout.sql("integrity", "nothing_true"), after, _PAGE):
        after = rows[-1]["id"]
        held = await read_vertices(connection, layout, {row["entity"] for row in rows})
        found += [row["id"] for row in rows if _is_shown(held.get(row["entity"], {}), row["predicate"])]
    return sorted(set(found))


def _is_shown(stored: Mapping[str, Any], predicate: str) -> bool:
    notes = stored.get(CONSENSUS)
    note = notes.get(predicate) if isinstance(notes, dict) else None
    return isinstance(note, dict) and note.get(CURRENT) is not False


async def compare_ends(connection: asyncpg.Connection, layout: Layout) -> Sequence[int]:
    """Return rows of the index for relationships without an end, and for facts without a relationship."""
    endless = await connection.fetch(layout.sql("integrity", "endless_edges"))
    strays = await connection.fetch(layout.sql("integrity", "stray_facts"))
    return [row["id"] for row in (*endless, *strays)]


async def compare_vectors(connection: asyncpg.Connection, layout: Layout) -> dict[str, list[int]]:
    """Return, by check, passages without a vector that wait for none, and vectors and waiting rows of no passage."""
    found: dict[str, list[int]] = {}
    spaces = [space for space in (layout.graph.space.id if layout.graph.space else None, layout.next_space) if space]
    rows = await connection.fetch(layout.sql("integrity", "waiting_gone"), spaces)
    found["waiting-gone"] = [row["id"] for row in rows]
    if layout.vectors and layout.graph.space:
        missing = layout.sql("integrity", "vectors_missing", table=layout.vectors)
        found["vectors-missing"] = [row["id"] for row in await connection.fetch(missing, layout.graph.space.id)]
    found["vectors-gone"] = []
    for table in layout.vector_tables():
        rows = await connection.fetch(layout.sql("integrity", "vectors_gone", table=table))
        found["vectors-gone"] += [row["id"] for row in rows]
    return found


async def lagging_sequences(connection: asyncpg.Connection, layout: Layout) -> list[tuple[str, int, int]]:
    """Return the sequences behind the ids in use: what they number, the sequence's oid, the largest id in use."""
    lagging = []
    for label in layout.by_id.values():
        largest = await connection.fetchval(layout.sql("integrity", "largest_of_label", label=label.age_name))
        largest &= _SEQUENCE_BITS
        if largest > await connection.fetchval(statement("integrity", "last_of_sequence"), label.sequence):
            kind = "relationships" if label.kind == EDGE else "nodes"
            lagging.append((f"{kind} {label.name}", label.sequence, largest))
    for row in await connection.fetch(statement("integrity", "identities"), layout.index_name):
        sql = layout.sql("integrity", "largest_of_column", table=row["table"], column=row["column"])
        largest = await connection.fetchval(sql)
        if largest > await connection.fetchval(statement("integrity", "last_of_sequence"), row["sequence"]):
            lagging.append((f"{row['table']}.{row['column']}", row["sequence"], largest))
    return lagging


async def compare_sequences(connection: asyncpg.Connection, layout: Layout) -> list[Damage]:
    """Return the finding about sequences."""
    lagging = await lagging_sequences(connection, layout)
    return [damage("sequences", len(lagging), ", ".join(name for name, *_ in lagging[:5]))] if lagging else []


async def compare_labels(
    connection: asyncpg.Connection, layout: Layout, age_labels: Sequence[asyncpg.Record]
) -> list[Damage]:
    """Return AGE's labels that are not registered although something bears them which is not about to be indexed."""
    known = {label.age_name for label in layout.by_id.values()}
    lost = []
    for row in age_labels:
        if row["name"] in known or row["name"].startswith("_ag_label"):
            continue
        waiting = await connection.fetch(statement("integrity", "captured_of_labels"), layout.id, [row["id"]])
        sql = layout.sql("integrity", "some_of_label", label=row["name"])
        if await connection.fetchval(sql, [each["id"] for each in waiting]) is not None:
            lost.append(row["name"])
    return [damage("labels", len(lost), ", ".join(lost[:5]))] if lost else []


async def compare_lost(connection: asyncpg.Connection, layout: Layout) -> dict[str, list[int]]:
    """Return, by check, rows of the index under labels that there are not."""
    nodes = [label.id for label in layout.by_id.values() if label.kind == VERTEX]
    kinds = [label.id for label in layout.by_id.values() if label.kind == EDGE]
    items = await connection.fetch(layout.sql("integrity", "lost_labels"), nodes)
    edges = await connection.fetch(layout.sql("integrity", "lost_kinds"), kinds)
    return {"nodes-gone": [row["id"] for row in items], "relationships-gone": [row["id"] for row in edges]}
