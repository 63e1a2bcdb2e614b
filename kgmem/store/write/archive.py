"""The archive: cold episodes leave the vector and text indexes, and come back when they are used or written.

An archived passage keeps its vector as a code, digests of its words, and a digest of its text; the text is in the
label table alone. An item has passages or archived rows, never both. So what writes to an archived item needs it
restored first: `Passages` raises `Remedy` for it, the transaction is rolled back, the item restored in a transaction
of its own, and the work begins again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import asyncpg

from kgmem.domain.graph.episode import Passage
from kgmem.store.db.codecs import encode_halfvec
from kgmem.store.db.database import Database, Remedy
from kgmem.store.db.sql import fill, number
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.graph.vector_codes import Code, decode, encode
from kgmem.store.write.rows import episode_row

_FILE: Final = "archive"
_COMMON: Final = 0.005  # Words that a greater share of passages has find nothing by themselves.
_FEW: Final = 40  # Words that so few passages have do, whatever the share is.
_GROWN: Final = 4  # Indexes on signs and terms, and the list of common words, are made anew for so many times as much.
_SIGNS_OF_LIST: Final = 250  # Of the index on signs: a list has pages of its own, so that short ones waste room.
_FEWEST_LISTS, _MOST_LISTS = 8, 1000
_BYTES_OF_LISTS: Final = 220  # pgvector builds lists in so much memory times the square of their number.
_INDEXED_FROM: Final = 2000  # So few signs are compared one after another in some three milliseconds.
_LARGE: Final = 1000  # Items of a scope: where none has more, searches read scopes whole, and no index.
_TERMS: Final = "archived_terms"
AT_ONCE: Final = 500  # Episodes of one transaction.


def digest_of(body: str) -> int:
    """Return the digest by which the archive knows the text of a passage."""
    return int.from_bytes(blake2b(body.encode(), digest_size=8).digest(), "big", signed=True)


def lists_of(signs: int) -> int:
    """Return how many lists the index on so many signs has: the memory that building takes grows with their square."""
    return min(max(_FEWEST_LISTS, signs // _SIGNS_OF_LIST), _MOST_LISTS)


def signs_index(space: int) -> str:
    """Return the name of the index on the signs of a space."""
    return f"archived_signs_{space}"


async def archive(connection: asyncpg.Connection, layout: Layout, items: Sequence[int]) -> int:
    """Archive those of these episodes that are cold and have all vectors; return how many.

    `begin` has prepared it. The caller's transaction does nothing else.
    """
    space = layout.graph.space
    if space is None or layout.vectors is None or layout.next_vectors:
        return 0
    known = await connection.fetchrow(layout.sql(_FILE, "space"), space.id)
    sql = layout.sql(_FILE, "to_archive", table=layout.vectors)
    rows = await connection.fetch(sql, list(items), layout.id, layout.vectors)
    lacking = {row["item"] for row in rows if row["embedding"] is None or row["waits"]}
    taken = [row for row in rows if row["item"] not in lacking]
    if not taken or known is None:
        return 0
    codes = encode([row["embedding"] for row in taken])
    columns = [
        (
            row["item"],
            digest_of(row["body"]),
            row["since"],
            row["ordinal"],
            asyncpg.BitString.frombytes(code.signs, bitlength=known["dimension"]),
            code.more,
            ",".join(map(str, [row["rare"], *(row["terms"] or ())])),
            encode_halfvec(row["embedding"]) if row["given"] else None,
        )
        for row, code in zip(taken, codes, strict=True)
    ]
    await connection.execute(layout.sql(_FILE, "put"), known["id"], *map(list, zip(*columns, strict=True)))
    ids = [row["id"] for row in taken]
    await connection.execute(layout.sql("write", "delete_passages"), ids)
    await connection.execute(layout.sql("write", "delete_vectors", table=layout.vectors), ids)
    await connection.execute(layout.sql(_FILE, "forget_past_passages"), ids)
    await connection.execute(layout.sql(_FILE, "forget_past_vectors"), ids)
    return len({row["item"] for row in taken})


async def begin(connection: asyncpg.Connection, layout: Layout, passages: int) -> None:
    """Prepare the archive of the graph's space: its number, and the list of common words. `passages`: about so many."""
    space = layout.graph.space
    if space is None:
        return
    await connection.execute(layout.sql(_FILE, "put_space"), space.id, space.dimension)
    known = await connection.fetchrow(layout.sql(_FILE, "space"), space.id)
    size = await connection.fetchval(layout.sql(_FILE, "size")) or 0
    if known["words_of"] == 0 or size > _GROWN * known["words_of"]:
        await connection.execute(layout.sql(_FILE, "common_words"), passages + size, _COMMON, _FEW)
        await connection.execute(layout.sql(_FILE, "words_made"), known["id"], max(size, 1))


async def finish(connection: asyncpg.Connection, layout: Layout) -> None:
    """Count what is archived, and make the indexes on signs and terms where it has grown; the work of one transaction.

    They are made only where a scope is large: a small one is searched without them. Built at once they take a third of
    what single inserts leave of them.
    """
    await connection.execute(layout.sql(_FILE, "analyze"))
    size = await connection.fetchval(layout.sql(_FILE, "size")) or 0
    space = layout.graph.space
    known = await connection.fetchrow(layout.sql(_FILE, "space"), space.id) if space else None
    if known is None or size < _INDEXED_FROM or 0 < size < _GROWN * known["signs_of"]:
        return
    if not await connection.fetchval(layout.sql(_FILE, "has_large"), _LARGE):
        return
    lists = lists_of(size)
    await connection.execute(layout.sql(_FILE, "build_memory"), _BYTES_OF_LISTS * lists**2)
    places = {"dimension": number(known["dimension"]), "lists": number(lists), "space": number(known["id"])}
    made = {"make_signs": signs_index(known["id"]), "make_terms": _TERMS}
    for statement, name in made.items():
        await connection.execute(fill(layout.sql(_FILE, statement, index_name=f"{name}_next"), places))
    for name in made.values():  # Searches wait from here on, for a moment.
        await connection.execute(layout.sql(_FILE, "drop_index", index_name=name))
        await connection.execute(layout.sql(_FILE, "rename_index", made=f"{name}_next", index_name=name))
    await connection.execute(layout.sql(_FILE, "signs_made"), known["id"], size)


async def restore(connection: asyncpg.Connection, layout: Layout, items: Sequence[int]) -> int:
    """Insert the passages of archived items again, with the vectors that codes stand for; return how many.

    Their texts wait to be embedded exactly. What another client wrote over only leaves the archive: the sync of its
    write indexes what is there now. The caller's transaction does nothing else.
    """
    await connection.fetch(layout.sql(_FILE, "lock_items"), list(items))
    rows = await connection.fetch(layout.sql(_FILE, "to_restore"), list(items))
    if not rows:
        return 0
    held: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        held[row["item"]].append(row)
    stored = await read_vertices(connection, layout, list(held))
    bodies = {id_: {p.ordinal: p for p in episode_row(properties).passages} for id_, properties in stored.items()}
    same = {id_ for id_, of in held.items() if is_same(bodies.get(id_, {}).values(), of)}
    await connection.execute(layout.sql(_FILE, "delete"), list(held))
    await connection.execute(layout.sql(_FILE, "used_now"), list(held))
    taken = [row for row in rows if row["item"] in same]
    if taken:
        await _insert(connection, layout, taken, bodies)
    return len(held)


async def _insert(
    connection: asyncpg.Connection,
    layout: Layout,
    rows: Sequence[Any],
    bodies: Mapping[int, Mapping[int, Passage]],
) -> None:
    """Insert the passages of archived rows and, first, their vectors: nothing may follow the passages but COMMIT."""
    space = layout.graph.space
    ids = [row["id"] for row in await connection.fetch(layout.sql("write", "take_passage_ids"), len(rows))]
    usable = [(id_, row) for id_, row in zip(ids, rows, strict=True) if space and row["space"] == space.id]
    exact = {id_ for id_, row in usable if row["given"] is not None}
    if usable and layout.vectors:
        codes = [Code(row["signs"].bytes, row["codes"]) for _, row in usable]
        vectors = decode(codes, usable[0][1]["dimension"])
        columns = [
            (id_, row["item"], id_ in exact, encode_halfvec(row["given"] if id_ in exact else vector))
            for (id_, row), vector in zip(usable, vectors, strict=True)
        ]
        sql = layout.sql(_FILE, "insert_vectors", table=layout.vectors)
        await connection.execute(sql, *map(list, zip(*columns, strict=True)))
    await connection.execute(layout.sql(_FILE, "wait"), ids, [id_ in exact for id_ in ids], layout.id)
    if layout.latched:
        await connection.execute(layout.sql("write", "passages_turn"), layout.id)
    told = [
        (id_, row["item"], row["ordinal"], bodies[row["item"]][row["ordinal"]].start,
         bodies[row["item"]][row["ordinal"]].body, row["since"])
        for id_, row in zip(ids, rows, strict=True)
    ]  # fmt: skip
    await connection.execute(layout.sql(_FILE, "insert_passages"), *map(list, zip(*told, strict=True)))


def is_same(passages: Any, rows: Sequence[Any]) -> bool:
    """Return whether passages have the digests of archived rows of an item."""
    return {p.ordinal: digest_of(p.body) for p in passages} == {row["ordinal"]: row["digest"] for row in rows}


async def archived_of(connection: asyncpg.Connection, layout: Layout, items: Sequence[int]) -> dict[int, list[Any]]:
    """Return the archived rows (ordinal, digest) of items, by item."""
    found: dict[int, list[Any]] = defaultdict(list)
    if items and "archive" in layout.subsystems.made:
        for row in await connection.fetch(layout.sql(_FILE, "digests"), list(items)):
            found[row["item"]].append(row)
    return found


async def restore_all(database: Database, layout: Layout) -> int:
    """Restore everything, batch by batch; return how many."""
    restored = 0
    while "archive" in layout.subsystems.made:

        async def work(connection: asyncpg.Connection) -> int | None:
            rows = await connection.fetch(layout.sql(_FILE, "next"), 0, AT_ONCE)
            return await restore(connection, layout, [row["item"] for row in rows]) if rows else None

        done = await database.transact(work)
        if done is None:
            break
        restored += done
    return restored


def restored_first(layout: Layout, items: Sequence[int]) -> Remedy:
    """Return what, raised in a transaction, restores items and lets the work begin again."""

    async def work(connection: asyncpg.Connection) -> None:
        for at in range(0, len(items), AT_ONCE):
            async with connection.transaction():
                await restore(connection, layout, items[at : at + AT_ONCE])

    return Remedy(work)
