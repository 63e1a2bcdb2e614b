"""Writing passages: what a transaction wants of them, gathered until its end.

A new passage comes last of all in its transaction. pg_textsearch before 1.5 takes a latch with the first row that its
index is given and keeps it until the end of the transaction; a session that waits for that latch heeds neither timeouts
nor cancellation, and Postgres' deadlock detection does not see it. So no session waits for anything after its first new
passage, and before it, it takes its turn by a lock, waiting for which heeds all of these (`take_turn`).
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from kgmem.domain.graph.embedding import Vector
from kgmem.domain.graph.episode import Passage
from kgmem.store.db.codecs import encode_halfvec
from kgmem.store.graph.layout import Layout, learn_subsystems
from kgmem.store.write.archive import archived_of, is_same, restored_first
from kgmem.tasks import in_turns, parts

_LOOK_AGAIN = 1.0  # Seconds.
COPIED = 200  # From how many rows on COPY costs less than INSERT.
_AT_ONCE = 4000  # Passages of one step: what is sent is made into bytes without a pause.


@dataclass(slots=True)
class Passages:
    """The passages that vertices shall have when the transaction ends; `store` is its last act."""

    layout: Layout
    is_rebuild: bool = False  # Nothing is written: what is archived stays so.
    _wanted: dict[int, Sequence[Passage]] = field(default_factory=dict)
    _given: dict[int, Vector] = field(default_factory=dict)  # Vectors of first passages, by vertex.
    _new: set[int] = field(default_factory=set)  # Vertices of this transaction, which have no passages yet.
    _turned: set[int] = field(default_factory=set)  # Vertices that were to have other passages in between.

    def want(self, vertex: int, passages: Sequence[Passage], vector: Vector | None = None, *, new: bool) -> None:
        """Set the passages of a vertex; a vector given before stays with the same passages."""
        turned = vertex in self._wanted and list(passages) != list(self._wanted[vertex])
        if turned:
            self._turned.add(vertex)
        if vector is not None:
            self._given[vertex] = vector
        elif turned:
            self._given.pop(vertex, None)
        self._wanted[vertex] = passages
        if new:
            self._new.add(vertex)

    def forget(self, vertices: Iterable[int]) -> None:
        """Want nothing more for vertices that are deleted."""
        for vertex in vertices:
            self._wanted.pop(vertex, None)
            self._given.pop(vertex, None)

    async def store(self, connection: asyncpg.Connection) -> None:
        """Bring passages and vectors up to date, touching only those that changed; nothing may follow but COMMIT.

        Raises Remedy where an item is archived: who writes it uses it.
        """
        await self._leave_archived(connection)
        held = await self._held(connection)
        stale: list[int] = []
        changed: list[tuple[int, Passage]] = []
        beside: list[tuple[int, int, Vector]] = []
        async for vertex, passages in in_turns(self._wanted.items()):
            rows = held.get(vertex, {})
            wanted, there = [(p.ordinal, p.body) for p in passages], sorted((n, row["body"]) for n, row in rows.items())
            # A vector that was given with the same passages earlier went with the others in between.
            if wanted != there or vertex in self._turned:
                stale += [row["id"] for row in rows.values()]
                changed += [(vertex, passage) for passage in passages]
            elif vertex in self._given and 0 in rows:
                beside.append((rows[0]["id"], vertex, self._given[vertex]))
        for ids in parts(stale, _AT_ONCE):
            await drop_passages(connection, self.layout, ids)
        await self._put_given(connection, beside)
        if changed:
            await take_turn(connection, self.layout)
        for new in parts(changed, _AT_ONCE):
            await self._insert(connection, new)

    async def _leave_archived(self, connection: asyncpg.Connection) -> None:
        """Want nothing of items that a rebuild finds archived with just these texts."""
        before = [vertex for vertex in self._wanted if vertex not in self._new]
        if not before:
            return
        await learn_archive(connection, self.layout)
        archived = await archived_of(connection, self.layout, before)
        other = [
            vertex for vertex, rows in archived.items() if not (self.is_rebuild and is_same(self._wanted[vertex], rows))
        ]
        if other:
            raise restored_first(self.layout, sorted(other))
        self.forget(archived)

    async def _held(self, connection: asyncpg.Connection) -> dict[int, dict[int, Any]]:
        """Read and lock what the vertices have, by vertex and ordinal."""
        ids = [vertex for vertex in self._wanted if vertex not in self._new]
        held: dict[int, dict[int, Any]] = defaultdict(dict)
        for part in parts(ids, _AT_ONCE):
            async for row in in_turns(await connection.fetch(self.layout.sql("write", "read_passages"), part)):
                held[row["item"]][row["ordinal"]] = row
        return held

    async def _insert(self, connection: asyncpg.Connection, changed: Sequence[tuple[int, Passage]]) -> None:
        """Insert passages; each waits for its vector in every space unless the caller gave it."""
        if len(changed) >= COPIED and not self._given and self._new.issuperset(vertex for vertex, _ in changed):
            await self._copy(connection, changed)
            return
        given = self._given if self.layout.vectors else {}
        ready = [vertex for vertex, passage in changed if vertex in given and not passage.ordinal]
        taken: dict[int, int] = {}
        if ready:
            rows = await connection.fetch(self.layout.sql("write", "take_passage_ids"), len(ready))
            taken = dict(zip(ready, (row["id"] for row in rows), strict=True))
            await self._put_given(connection, [(taken[vertex], vertex, given[vertex]) for vertex in ready])
        told = [(None if p.ordinal else taken.get(vertex), vertex, p.ordinal, p.start, p.body) for vertex, p in changed]
        sql = self.layout.sql("write", "insert_passages")
        await connection.execute(sql, *map(list, zip(*told, strict=True)), self.layout.id)

    async def _copy(self, connection: asyncpg.Connection, changed: Sequence[tuple[int, Passage]]) -> None:
        """Insert many passages of new vertices, all of which wait for their vectors, by COPY: half of INSERT's cost."""
        taken = await connection.fetch(self.layout.sql("write", "take_passage_ids"), len(changed))
        ids = [row["id"] for row in taken]
        await connection.execute(self.layout.sql("write", "passages_wait"), ids, self.layout.id)
        records = [(id_, vertex, p.ordinal, p.start, p.body) for id_, (vertex, p) in zip(ids, changed, strict=True)]
        await connection.copy_records_to_table(
            "passage",
            schema_name=self.layout.index_name,
            columns=("id", "item", "ordinal", "start", "body"),
            records=records,
        )

    async def _put_given(self, connection: asyncpg.Connection, vectors: Sequence[tuple[int, int, Vector]]) -> None:
        if not vectors or not self.layout.vectors or not self.layout.graph.space:
            return
        passages, vertices, embeddings = map(list, zip(*vectors, strict=True))
        sql = self.layout.sql("write", "insert_vectors", table=self.layout.vectors)
        await connection.execute(sql, True, passages, vertices, [encode_halfvec(vector) for vector in embeddings])
        await connection.execute(self.layout.sql("write", "vectors_arrived"), self.layout.graph.space.id, passages)


async def take_turn(connection: asyncpg.Connection, layout: Layout) -> None:
    """Wait until no other session has new passages of the graph in its transaction, where the text index needs that."""
    if layout.latched:
        await connection.execute(layout.sql("write", "passages_turn"), layout.id)


async def drop_passages_of(connection: asyncpg.Connection, layout: Layout, vertices: Iterable[int]) -> tuple[int, int]:
    """Delete the passages of vertices with their vectors; return how many passages and how many vectors went.

    Raises Remedy where one is archived: what the history keeps of a text is made of its passages.
    """
    ids = list(vertices)
    await learn_archive(connection, layout)
    if archived := await archived_of(connection, layout, ids):
        raise restored_first(layout, sorted(archived))
    rows = await connection.fetch(layout.sql("write", "read_passages"), ids)
    return len(rows), await drop_passages(connection, layout, [row["id"] for row in rows])


async def learn_archive(connection: asyncpg.Connection, layout: Layout) -> None:
    """Know whether another process has made the archive of the graph.

    What is written in the second until then is in the indexes as well, and a sweep takes it out of the archive.
    """
    known = layout.subsystems
    if "archive" not in known.made and time.monotonic() - known.looked_at > _LOOK_AGAIN:
        await learn_subsystems(connection, layout)


async def drop_passages(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> int:
    """Delete passages with their vectors; return how many vectors went."""
    gone = 0
    if ids:
        await connection.execute(layout.sql("write", "delete_passages"), ids)
        for table in layout.vector_tables():
            tag = await connection.execute(layout.sql("write", "delete_vectors", table=table), ids)
            gone += int(tag.rpartition(" ")[2])
    return gone
