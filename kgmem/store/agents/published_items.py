"""What publications stored in the other scope beside claims, in a table of each graph."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.agents.publication import DuePublication, Publication
from kgmem.domain.agents.published_item import LeavingItem
from kgmem.domain.errors import Conflict, DatabaseOutdated
from kgmem.domain.graph.entity import ENTITY, EPISODE, Entity, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.statement import DEFAULT_LABEL, check_entities, check_episodes
from kgmem.store.agents.publication_rows import publication_rows
from kgmem.store.agents.session_rows import scope_number
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import VERTEX, Layout, ensure_labels
from kgmem.store.graph.published import believed_values, digest_of, note_stored
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write.delete import delete_edges, delete_vertices
from kgmem.store.write.entities import entity_statement
from kgmem.store.write.episodes import ensure_episode_labels, write_episodes
from kgmem.store.write.passages import Passages
from kgmem.store.write.preparation import prepared
from kgmem.store.write.vertices import Outcome, write_vertices

_FILE: Final = "published_items"
_READS: Final = ("publications",)
_AT_ONCE: Final = 200
_STORED, _LEAVING, _ERASED = 1, 2, 3
_PUBLISHED: Final = 1  # The state of a publication.
# What a copy does not have of its origin.
_OF_ORIGIN: Final = frozenset({"scope", "session", "expires_at"})


class PostgresPublishedItems:
    """Texts and entities that publications stored."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def put_text(self, graph: str, due: DuePublication, copy: Episode) -> WriteResult:
        """Store a published text, note it, and settle the publication, in one transaction. Raises Conflict."""
        check_episodes([copy])
        try:
            return await self._put_text(graph, due, copy)
        except DatabaseOutdated:  # The graph has left the embedding space that this process knew it in.
            return await self._put_text(graph, due, copy)

    async def _put_text(self, graph: str, due: DuePublication, copy: Episode) -> WriteResult:
        async with self.catalog.on(graph, expires=False) as held:
            layout = await prepared(self.database, held, [copy])
            await ensure_episode_labels(self.database, layout, [copy])

            async def work(connection: asyncpg.Connection) -> WriteResult:
                row = await connection.fetchrow(publication_rows(layout, "locked"), due.publication.id)
                if row is None:
                    return WriteResult(0, 0, 0, [])
                number = layout.scopes[copy.scope]
                await keep_entities(connection, layout, row["id"], number, copy.mentions)
                await self._check_own(connection, layout, row, number)
                passages = Passages(layout)
                outcome = await write_episodes(connection, passages, [copy])
                await note_stored(connection, layout, row["id"], EPISODE, outcome.ids.values())
                ids = list(outcome.ids.values())
                await connection.execute(
                    layout.sql("publications", "settle_text"), row["id"], due.changes, _PUBLISHED, ids, None
                )
                await passages.store(connection)
                return _result(outcome)

            return await self.database.transact(work)

    async def _check_own(self, connection: asyncpg.Connection, layout: Layout, row: Any, number: int) -> None:
        """Raise Conflict where the other scope has words under the key that the publication has not stored."""
        sql = layout.sql(_FILE, "lock_text")
        there = await connection.fetchrow(sql, row["id"], number, row["key"])
        if there is not None and not await _is_unchanged(connection, layout, row, there):
            raise Conflict(
                f"There is another text {row['key']!r} in {row['target']!r}.",
                hint="Publish it under another key.",
                field="key",
            )

    async def put_entities(self, graph: str, due: DuePublication, entities: Sequence[Entity]) -> WriteResult:
        """Store entities that a publication needs and the other scope does not see, and note them at once."""
        check_entities(entities)
        try:
            return await self._put_entities(graph, due, entities)
        except DatabaseOutdated:
            return await self._put_entities(graph, due, entities)

    async def _put_entities(self, graph: str, due: DuePublication, entities: Sequence[Entity]) -> WriteResult:
        async with self.catalog.on(graph, expires=False) as held:
            layout = await prepared(self.database, held, entities)
            await ensure_labels(self.database, layout, VERTEX, {each.label or DEFAULT_LABEL for each in entities})

            async def work(connection: asyncpg.Connection) -> WriteResult:
                row = await connection.fetchrow(publication_rows(layout, "locked"), due.publication.id)
                if row is None:
                    return WriteResult(0, 0, 0, [])
                passages = Passages(layout)
                statements = [entity_statement(layout, each) for each in entities]
                outcome = await write_vertices(connection, passages, ENTITY, statements)
                await note_stored(connection, layout, row["id"], ENTITY, outcome.created)
                await passages.store(connection)
                return _result(outcome)

            return await self.database.transact(work)

    async def unchanged_text(self, graph: str, publication: Publication) -> int | None:
        """Return the version of a published text that is as the publication stored it, or None."""
        return await self._version(graph, publication.id, None)

    async def version_of(self, graph: str, item: LeavingItem) -> int | None:
        """Return the version of a text that is as its publication stored it, or None."""
        return await self._version(graph, item.publication, item.item)

    async def _version(self, graph: str, publication: int, item: int | None) -> int | None:
        """Return the version of the text of a publication, if it is unchanged, and this item where one is named."""
        where = self.catalog.on(graph, reads=_READS, expires=False)
        async with where as layout, self.database.connection() as connection:
            row = await connection.fetchrow(publication_rows(layout, "by_id"), publication)
            if row is None or row["kind"] != EPISODE:
                return None
            number = await scope_number(connection, layout, row["target"])
            there = await connection.fetchrow(layout.sql(_FILE, "text_there"), row["id"], number, row["key"])
            if there is None or item not in (None, there["id"]):
                return None
            version: int = there["version"]
            return version if await _is_unchanged(connection, layout, row, there) else None

    async def leaving(self, graph: str, after: LeavingItem | None = None) -> Sequence[LeavingItem]:
        """Return what publications do not need any more, a page after an item of it."""
        last = (0, 0) if after is None else (after.publication, after.item)
        where = self.catalog.on(graph, reads=_READS, expires=False)
        async with where as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "leaving"), *last, _AT_ONCE)
        return [
            LeavingItem(
                row["publication"], row["item"], row["kind"] == EPISODE, row["target"], row["key"],
                row["state"] == _ERASED,
            )
            for row in rows
        ]  # fmt: skip

    async def remove_entity(self, graph: str, item: LeavingItem) -> bool:
        """Delete an entity that is unchanged and that nothing else uses; returns False where a hold covers it."""
        async with self.catalog.on(graph, expires=False) as layout:

            async def work(connection: asyncpg.Connection) -> bool:
                await connection.execute(layout.sql("write", "ends_may_go"))
                row = await connection.fetchrow(layout.sql(_FILE, "lock_entity"), item.item)
                if row is not None and await _is_free(connection, layout, item, row):
                    if await connection.fetch(layout.sql("holds", "held"), layout.id, [item.item]):
                        return False
                    edges = await connection.fetch(layout.sql("write", "lock_edges_of"), [item.item])
                    await delete_edges(connection, layout, edges)  # Of similarity.
                    await delete_vertices(connection, layout, ENTITY, [row])
                    row = None
                if row is None and item.erase:
                    if "subscriptions" in layout.subsystems.made:
                        await connection.execute(layout.sql("subscriptions", "note_erased"), [item.item])
                    await connection.execute(layout.sql("extraction", "erase_keys"), [item.item])
                    await connection.execute(layout.sql("extraction", "erase"), [item.item])
                await connection.execute(layout.sql(_FILE, "settle"), item.publication, item.item)
                return True

            return await self.database.transact(work)

    async def settle(self, graph: str, item: LeavingItem) -> None:
        """Note that a text is removed, or is the scope's own."""
        where = self.catalog.on(graph, reads=_READS, expires=False)
        async with where as layout, self.database.connection() as connection:
            await connection.execute(layout.sql(_FILE, "settle"), item.publication, item.item)

    async def erase_texts(self, graph: str, scope: str, keys: Sequence[str]) -> int:
        """Take the words of texts out of the history of the scopes that they were published to."""
        async with self.catalog.on(graph, reads=_READS, expires=False) as layout:
            if "publications" not in layout.subsystems.made:
                return 0

            async def work(connection: asyncpg.Connection) -> int:
                number = await scope_number(connection, layout, scope)
                origins = [
                    row["id"] for row in await connection.fetch(layout.sql(_FILE, "of_keys"), number, list(keys))
                ]
                led = [row["item"] for row in await connection.fetch(layout.sql(_FILE, "led_from"), origins)]
                if not led:
                    return 0
                former = await connection.fetch(layout.sql(_FILE, "words_of"), origins)
                now = await read_vertices(connection, layout, origins)
                words = {row["words"] for row in former} | {each.get("text") for each in now.values()}
                told = sorted(each for each in words if isinstance(each, str) and each)
                erased: int = await connection.fetchval(layout.sql(_FILE, "erase_versions"), led, told)
                return erased

            return await self.database.transact(work)


async def keep_entities(
    connection: asyncpg.Connection, layout: Layout, publication: int, target: int, keys: Sequence[str]
) -> None:
    """Note that a publication needs these entities of the other scope, if publications stored them, and no others.

    They are locked, so that none is removed before the transaction ends.
    """
    await connection.execute(layout.sql(_FILE, "keep"), publication, target, list(keys))
    await connection.execute(layout.sql(_FILE, "let_entities_go"), publication, list(keys))


async def adopt_text(connection: asyncpg.Connection, layout: Layout, row: Any) -> None:
    """Note the text of a publication that stored it before such notes were made, where it is unchanged."""
    if row["kind"] == EPISODE and row["copies"]:
        number = await scope_number(connection, layout, row["target"])
        there = await connection.fetchrow(layout.sql(_FILE, "lock_text"), row["id"], number, row["key"])
        if there is not None and there["state"] is None and await _is_unchanged(connection, layout, row, there):
            await note_stored(connection, layout, row["id"], EPISODE, [there["id"]])


async def let_go(connection: asyncpg.Connection, layout: Layout, publication: int, *, erase: bool = False) -> None:
    """Note that what a publication stored is to be removed, on request from the history as well."""
    await connection.execute(layout.sql(_FILE, "let_go"), publication, _ERASED if erase else _LEAVING)


async def _is_unchanged(connection: asyncpg.Connection, layout: Layout, row: Any, there: Any) -> bool:
    """Return whether a text is as a publication stored it.

    Before publications noted what they stored, it is where it equals a version of the origin in all that a copy has.
    """
    stored = (await read_vertices(connection, layout, [there["id"]])).get(there["id"])
    if stored is None:  # Another client deleted it.
        return True
    if there["state"] is not None:
        return bool(there["state"] <= _ERASED and there["digest"] == digest_of(stored))
    if there["id"] not in row["copies"]:
        return False
    origins = list((await read_vertices(connection, layout, [row["origin"]])).values())
    former = await connection.fetch(layout.sql(_FILE, "versions"), row["origin"])
    origins += [orjson.loads(each["record"])["properties"] for each in former]
    return any(_copied(stored) == _copied(each) for each in origins)


def _copied(stored: Any) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name not in _OF_ORIGIN}


async def _is_free(connection: asyncpg.Connection, layout: Layout, item: LeavingItem, row: Any) -> bool:
    """Return whether a locked entity is as a publication stored it, and nothing else uses it."""
    digest = await connection.fetchval(layout.sql(_FILE, "digest_of"), item.publication, item.item)
    stored = (await read_vertices(connection, layout, [item.item])).get(item.item)
    if digest is None or stored is None or digest_of(stored) != digest:
        return False
    if not await _are_believed(connection, layout, row, stored):
        return False
    sql = layout.sql(_FILE, "is_used")
    return not await connection.fetchval(sql, item.item, row["key"], item.publication, item.scope)


async def _are_believed(connection: asyncpg.Connection, layout: Layout, row: Any, stored: Mapping[str, Any]) -> bool:
    """Return whether the properties of an entity that repeat values of facts are as claims stated them."""
    believed = believed_values(stored)
    rows = await connection.fetch(layout.sql(_FILE, "values_of"), row["scope"], row["key"], list(believed.values()))
    said: dict[str, list[Any]] = {name: [] for name in believed.values()}
    for each in rows:
        said[each["predicate"]].append(orjson.loads(each["value"]))
    told = ((stored.get(name), said[predicate]) for name, predicate in believed.items())
    return all(value is None or value in values or _are_all(value, values) for value, values in told)


def _are_all(value: Any, said: Sequence[Any]) -> bool:
    """Return whether a value is a list of values that claims state: of what may have several at a time."""
    return isinstance(value, list) and all(each in said for each in value)


def _result(outcome: Outcome) -> WriteResult:
    ids = [outcome.ids[at] for at in sorted(outcome.ids)]
    created, updated = len(outcome.created), len(outcome.updated)
    return WriteResult(
        created, updated, len(ids) - created - updated, ids, [outcome.versions[at] for at in sorted(outcome.ids)]
    )
