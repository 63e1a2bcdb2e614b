"""The register of imports: their files, options, progress and results."""

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import orjson

from kgmem.domain.agents.decision import LABEL as DECISION
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.batch import Rejection
from kgmem.domain.graph.entity import ENTITY, EPISODE, Page
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Operation
from kgmem.domain.graph.scope import SHARED
from kgmem.domain.imports import (
    DuplicateKey,
    Duplicates,
    Import,
    ImportItem,
    ImportState,
    ItemKind,
    UndoResult,
    Waiting,
)
from kgmem.domain.time.interval import iso
from kgmem.store.db.statements import statement
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.labels import main_labels
from kgmem.store.graph.layout import VERTEX, know_labels, learn_labels
from kgmem.store.load.entity_replay import EntityReplay, entity_replay
from kgmem.store.load.rollback import as_json, undo
from kgmem.store.write.episodes import episode_key

LAST = 2**62  # Batches of what waited are numbered from here on.
_PAGE = 5000
_LARGEST_ID = 2**31 - 1
_SILENCE = 15.0  # Seconds after which an import that gave no sign of life is taken for dead.
_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})")
_OPERATIONS: Mapping[int, Operation] = {1: "created", 2: "updated"}
_KINDS: Mapping[int, ItemKind] = {1: "entity", 2: "episode", 3: "relationship"}


class ImportRegister:
    """The register of the imports of every graph."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def begin(
        self,
        graph: str,
        files: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
        source: str | None,
        *,
        upload: str | None = None,
    ) -> int:
        """Register an import; return its id. One with an upload waits for a worker."""
        layout = await self.catalog.layout(graph)
        told = orjson.dumps(files).decode(), orjson.dumps(options, option=orjson.OPT_SORT_KEYS).decode()
        async with self.database.connection() as connection:
            id_: int = await connection.fetchval(statement("imports", "begin"), layout.id, *told, source, upload)
        return id_

    async def resume(self, graph: str, files: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> int | None:
        """Return the newest import of the same files in the same way that did not end, and let it run; None without."""
        layout = await self.catalog.layout(graph)
        told = orjson.dumps(files).decode(), orjson.dumps(options, option=orjson.OPT_SORT_KEYS).decode()
        async with self.database.connection() as connection:
            id_: int | None = await connection.fetchval(statement("imports", "unfinished"), layout.id, *told)
        if id_ is not None:
            await self.start(id_)
        return id_

    async def start(self, id_: int) -> None:
        """Mark an import as running."""
        async with self.database.connection() as connection:
            await connection.execute(statement("imports", "resume"), id_)

    async def stored(self, id_: int) -> frozenset[int]:
        """Return the numbers of the batches that were stored."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement("imports", "numbers"), id_, LAST)
        return frozenset(row["number"] for row in rows)

    async def waiting(self, id_: int) -> Waiting:
        """Count what waits until all entities are there."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(statement("imports", "waiting"), id_)
        return Waiting(row["relationships"], row["episodes"])

    async def finish(self, id_: int, state: ImportState, error: str | None = None, *, keeping: bool = False) -> None:
        """Write how an import ended; `keeping` its upload, so that it can be taken up again."""
        async with self.database.connection() as connection:
            await connection.execute(statement("imports", "finish"), id_, state, error, keeping)

    async def report_duplicates(self, id_: int, duplicates: Sequence[Duplicates]) -> None:
        """Write which keys the files of an import state more than once."""
        async with self.database.connection() as connection:
            await connection.execute(statement("imports", "report"), id_, orjson.dumps(duplicates).decode())

    def episode_key(self, episode: Episode) -> str:
        """Return the key under which an episode is stored: its own, or one made of what it says."""
        return episode_key(episode)

    async def entity_replay(self, graph: str) -> EntityReplay:
        """Return what works out what entities would be after further statements, as the store merges them."""
        async with self.catalog.on(graph) as layout:
            return await entity_replay(self.database, layout)

    async def items_at(
        self, graph: str, places: Sequence[tuple[str, str]], *, episodes: bool = False
    ) -> Mapping[tuple[str, str], tuple[str, int]]:
        """Main label and version of those entities, or episodes, (scope, key) that are in exactly these scopes."""
        if not places:
            return {}
        scopes, keys = map(list, zip(*places, strict=True))
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(
                layout.sql("imports", "items_at"), scopes, keys, EPISODE if episodes else ENTITY
            )
            ids = [row["id"] for row in rows]
            await know_labels(connection, layout, ids)
            labels = await main_labels(connection, layout, ids)
        return {(row["path"], row["key"]): (labels[row["id"]], row["version"]) for row in rows}

    async def decisions_to_locate(self, graph: str, after: int, limit: int) -> Sequence[tuple[int, str, str]]:
        """Return agents' decisions behind an id that name facts without the ids of this graph: id, scope, key."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            await learn_labels(connection, layout)
            label = layout.labels.get((VERTEX, DECISION))
            if label is None:
                return []
            sql = layout.sql("imports", "decisions_to_locate", label=label.age_name)
            return [(row["id"], row["path"], row["key"]) for row in await connection.fetch(sql, after, limit)]

    async def again(self, id_: int) -> bool:
        """Queue an import that failed and kept its upload again; return whether it is such a one."""
        async with self.database.connection() as connection:
            return await connection.fetchval(statement("imports", "again"), id_) is not None

    async def tell(self, id_: int, progress: Mapping[str, Any] | None) -> None:
        """Store the progress of an import, which is also the heartbeat of the process that runs it."""
        told = orjson.dumps(progress).decode() if progress is not None else None
        async with self.database.connection() as connection:
            await connection.execute(statement("imports", "tell"), id_, told)

    async def wait(self, id_: int) -> None:
        """Mark an import as waiting for a worker."""
        async with self.database.connection() as connection:
            await connection.execute(statement("imports", "wait"), id_)

    async def list(
        self, graph: str, *, within: str = SHARED, by: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[Import]:
        """Return the imports of a graph, newest first, with ids below one; only those within a scope, and of a key."""
        return await self._list(graph, None, (within, by), before, limit)

    async def get(self, graph: str, id_: int, *, within: str = SHARED, by: str | None = None) -> Import:
        """Return an import. Raises NotFound, also for one that is not within the scope, or of another key."""
        found = await self._list(graph, id_, (within, by), None, 1) if 0 < id_ <= _LARGEST_ID else []
        if not found:
            raise NotFound(f"There is no import {id_} of {graph!r}.", hint="Look at the list of its imports.")
        return found[0]

    async def _list(
        self, graph: str, id_: int | None, seen: tuple[str, str | None], before: int | None, limit: int
    ) -> Sequence[Import]:
        await self.catalog.layout(graph)
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement("imports", "get"), graph, id_, seen[0], before, limit, seen[1])
        return [_import_of(row) for row in rows]

    async def uploads(self) -> Sequence[tuple[str, str, int]]:
        """Return the uploads that imports still need: folder, graph and id of the import; the oldest first."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement("imports", "uploads"))
        return [(row["upload"], row["graph"], row["id"]) for row in rows]

    async def items(self, graph: str, id_: int, cursor: str | None, limit: int) -> Page[ImportItem]:
        """A page of what an import did, in its order. Raises InvalidInput for a cursor that kgmem did not give."""
        after = _place(cursor)
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("imports", "items"), id_, *after, limit + 1)
            ids = [row["now"] for row in rows if row["now"] is not None]
            await know_labels(connection, layout, ids)
            labels = await main_labels(connection, layout, ids)
        items = [_item_of(labels, row) for row in rows[:limit]]
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(items, f"{last['change']}.{last['at']}" if last else None)

    async def undo(
        self, graph: str, id_: int, *, dry_run: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> UndoResult:
        """Take an import back out, or only say what that would do. Raises NotFound, Conflict for one that runs."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(statement("rollback", "begin"), id_, _SILENCE, dry_run)
        if row is None:
            raise Conflict(
                f"The import {id_} runs, or waits for its turn.", hint="Let it end, or stop it, and try again."
            )
        if row["state"] == "undone":
            return UndoResult(**orjson.loads(row["undone"]))
        undone = await undo(self.catalog, graph, id_, dry_run=dry_run, progress=progress)
        if not dry_run:
            async with self.database.connection() as connection, connection.transaction():
                await connection.execute(statement("rollback", "forget_waiting"), id_)
                await connection.execute(statement("rollback", "end"), id_, as_json(undone))
        return undone

    async def rejections(self, id_: int) -> AsyncGenerator[Rejection, None]:
        """Return the records that an import rejected, in the order in which it did."""
        after = 0
        while True:
            async with self.database.connection() as connection:
                rows = await connection.fetch(statement("imports", "rejections"), id_, after, _PAGE)
            for row in rows:
                yield Rejection(row["file"], row["line"], row["reason"], row["record"])
                after = row["id"]
            if len(rows) < _PAGE:
                return


def _import_of(row: Any) -> Import:
    return Import(
        id=row["id"],
        graph=row["graph"],
        state=row["state"],
        files=orjson.loads(row["files"]),
        options=orjson.loads(row["options"]),
        source=row["source"],
        created_at=iso(row["created_at"]),
        finished_at=iso(row["finished_at"]) if row["finished_at"] is not None else None,
        error=row["error"],
        **{name: int(row[name]) for name in ("read", "created", "updated", "unchanged", "rejected")},
        kinds={kind: int(count) for kind, count in orjson.loads(row["kinds"]).items()},
        progress=orjson.loads(row["progress"]) if row["progress"] is not None else None,
        heartbeat_at=iso(row["heartbeat_at"]) if row["heartbeat_at"] is not None else None,
        upload=row["upload"],
        undone=orjson.loads(row["undone"]) if row["undone"] is not None else None,
        duplicates=[
            Duplicates(told["file"], told["kind"], told["count"], [DuplicateKey(**key) for key in told["keys"]])
            for told in orjson.loads(row["duplicates"])
        ],
    )


def _item_of(labels: Mapping[int, str], row: Any) -> ImportItem:
    return ImportItem(
        operation=_OPERATIONS[row["operation"]],
        kind=_KINDS[row["kind"]],
        id=row["now"],
        key=row["key"],
        label=labels.get(row["now"]),
        start=row["start_key"],
        end=row["end_key"],
        scope=row["scope"] or SHARED,
        held=row["held"],
    )


def _place(cursor: str | None) -> tuple[int, int]:
    """Return the change and the place in it behind which a page begins."""
    if cursor is None:
        return 0, 0
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
    return int(found[1]), int(found[2])
