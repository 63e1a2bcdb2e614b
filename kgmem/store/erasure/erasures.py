"""Erasures in Postgres: finding, taking out of history and tables, renaming, and the register of reports."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.erasure.erasure import ErasureRequest, Found, Kept, Progress, SignedReport
from kgmem.domain.erasure.redis_contents import PostponedErasure
from kgmem.domain.erasure.sought import Redactor, Sought
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope_contents import Trace
from kgmem.store.agents.traces import TextSearch, schemas_of
from kgmem.store.db.statements import statement
from kgmem.store.erasure.finder import find, texts_of
from kgmem.store.erasure.states import redact_state
from kgmem.store.erasure.sweep import Sweep
from kgmem.store.erasure.vacuum import rewrite
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, label_id, learn_subsystems
from kgmem.store.graph.published import note_again, unchanged_items
from kgmem.store.graph.records import CONSENSUS, dumps, stored_name
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.sync.index_sync import IndexSync
from kgmem.store.write.claims_from_entities import OWN

_FILE: Final = "erasure"
_NEWEST: Final = 2**62
_MOST_POSTPONED: Final = 1_000  # That are carried out in one go.


class PostgresErasures:
    """Takes persons out of graphs, and keeps the reports."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def find(self, graph: str, request: ErasureRequest, *, server: bool, progress: Progress) -> Found:
        """Return what belongs to a person or mentions one."""
        async with self.catalog.on(graph) as layout:
            return await find(self.database, layout, request, server=server, progress=progress)

    async def entity_names(self, graph: str, keys: Sequence[str], scope: str) -> tuple[Sequence[str], Sequence[str]]:
        """Return the keys of entities in this scope only, with those merged with them, and what names them."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            merged = await connection.fetch(layout.sql(_FILE, "merged_keys"), scope, list(keys))
            all_keys = list(dict.fromkeys([*keys, *(row["key"] for row in merged)]))
            rows = await connection.fetch(layout.sql(_FILE, "items_of_keys"), scope, all_keys)
            stored = await read_vertices(connection, layout, [row["id"] for row in rows])
        found = [*all_keys, *(text for each in stored.values() for text in texts_of(each))]
        return all_keys, list(dict.fromkeys(found))

    async def redact_entities(self, graph: str, ids: Sequence[int], redactor: Redactor) -> int:
        """Take texts out of the properties of entities; returns how many changed."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                stored = await read_vertices(connection, layout, ids)
                changed = {id_: _redacted(redactor, each) for id_, each in stored.items() if redactor.finds(each)}
                await put_properties(connection, layout, changed)
                return len(changed)

            return await self.database.transact(work)

    async def redact_states(self, graph: str, redactor: Redactor) -> int:
        """Take texts out of the contents of agents' states, in all their versions; returns how many changed."""
        async with self.catalog.on(graph) as layout:
            search = TextSearch(self.database, redactor.texts)
            states = {state: None async for state, _ in search.states(layout)}
            plain = Redactor(redactor.texts)
            return sum([await redact_state(self.database, layout, state, plain) for state in states])

    async def rename_sources(self, graph: str, sources: Sequence[tuple[int, str]]) -> Mapping[str, str]:
        """Rename sources to a name that does not identify them; returns the new names by the old ones."""
        new = {key: f"erased-source-{id_}" for id_, key in sources}
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                ids = [id_ for id_, _ in sources]
                await connection.execute(layout.sql(_FILE, "rename_sources"), ids, list(new.values()))
                await connection.execute(layout.sql(_FILE, "rename_past_sources"), ids, list(new.values()))
                await connection.execute(layout.sql(_FILE, "forget_names"), layout.id)

            if sources:
                await self.database.transact(work)
        self.catalog.forget(graph)  # With what it remembers of names.
        return new

    async def rename_scopes(self, graph: str, scopes: Sequence[str]) -> Mapping[str, str]:
        """Rename empty scopes to a name that does not identify them; returns the new names by the old ones."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> Mapping[str, str]:
                rows = await connection.fetch(layout.sql(_FILE, "scopes"), list(scopes))
                new = {row["path"]: f"erased-scope-{row['id']}" for row in rows}
                await connection.execute(
                    layout.sql(_FILE, "rename_scopes"), [row["id"] for row in rows], list(new.values())
                )
                await connection.execute(layout.sql(_FILE, "forget_names"), layout.id)
                return new

            renamed = await self.database.transact(work)
        self.catalog.forget(graph)  # With what it remembers of names.
        return renamed

    async def unused_sources(self, graph: str) -> Sequence[tuple[int, str]]:
        """Return the sources that were only named, and that nothing names any more."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "unused_sources"))
        return [(row["id"], row["key"]) for row in rows]

    async def copies_of(self, graph: str, claims: Sequence[int], ids: Sequence[int]) -> Sequence[int]:
        """Return the claims that publications made of these claims and relationships."""
        if not claims and not ids:
            return []
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "copies"), list(claims), list(ids))
        return [row["id"] for row in rows]

    async def edges_of(self, graph: str, claims: Sequence[int]) -> Sequence[int]:
        """Return the relationships that these claims state."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "edges_of_claims"), list(claims))
        return [row["edge"] for row in rows]

    async def forget_rest(self, graph: str, found: Found) -> None:
        """Delete what is left of deleted blocks and states, and merges of erased entities."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                for name, places in (
                    ("delete_blocks", [(scope, "", name) for scope, name in found.blocks]),
                    ("delete_states", found.states),
                    ("delete_candidates", [(scope, "", key) for scope, key, _ in found.entities]),
                ):
                    if places:
                        columns = [list(each) for each in zip(*places, strict=True)]
                        await connection.execute(layout.sql(_FILE, name), *columns)
                ids = [id_ for _, _, id_ in found.entities]
                await connection.execute(layout.sql(_FILE, "delete_merges"), ids)

            await self.database.transact(work)

    async def erase_claims(self, graph: str, ids: Sequence[int], topics: Sequence[int] = ()) -> int:
        """Take withdrawn claims out of the history with what was believed by them; returns how many.

        Topics that have no claim any more go as well.
        """
        if not ids and not topics:
            return 0
        async with self.catalog.on(graph) as layout:
            return await self.database.transact(
                lambda connection: _erase_claims(connection, layout, list(ids), list(topics))
            )

    async def sweep(
        self, graph: str, redactor: Redactor, *, server: bool, progress: Progress
    ) -> tuple[Mapping[str, Mapping[str, int]], Sequence[Kept]]:
        """Take texts out of every row that still has one; returns what happened by table, and what stays."""
        async with self.catalog.on(graph) as layout:
            return await Sweep(self.database, layout, redactor).run(server=server, progress=progress)

    async def vacuum(self, graph: str, tables: Sequence[str], *, server: bool) -> tuple[Sequence[str], Sequence[Kept]]:
        """Rewrite tables without what was deleted from them; returns which, and what could not be."""
        async with self.catalog.on(graph) as layout:
            return await rewrite(self.database, schemas_of(layout, server=server), tables)

    async def search(self, graph: str, texts: Sequence[Sought], *, server: bool) -> tuple[int, Sequence[Trace]]:
        """Return how many tables were searched, and where texts are still."""
        async with self.catalog.on(graph) as layout:
            return await TextSearch(self.database, texts).traces(layout, server=server)

    async def save(self, graph: str, signed: SignedReport) -> None:
        """Keep a report."""
        layout = await self.catalog.layout(graph)
        async with self.database.connection() as connection:
            await connection.execute(
                statement(_FILE, "save"), signed.report["id"], layout.id, graph, orjson.dumps(asdict(signed)).decode()
            )

    async def postpone(self, graph: int, name: str, sealed: bytes) -> None:
        """Note what is to be erased in Redis when it is back."""
        async with self.database.connection() as connection:
            await connection.execute(statement(_FILE, "postpone"), graph, name, sealed)

    async def postponed(self, graph: int | None = None) -> Sequence[PostponedErasure]:
        """Return what waits for Redis, of a graph or of all, oldest first."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement(_FILE, "postponed"), graph, _MOST_POSTPONED)
        return [PostponedErasure(row["id"], row["graph"], row["name"], row["sealed"]) for row in rows]

    async def streams_in_redis(self, graph: str) -> int:
        """Return how many streams of a graph have their messages in Redis."""
        async with self.catalog.on(graph, reads=("streams",)) as layout, self.database.connection() as connection:
            return int(await connection.fetchval(layout.sql(_FILE, "streams_in_redis")))

    async def carried_out(self, ids: Sequence[int]) -> None:
        """Forget what waited for Redis."""
        async with self.database.connection() as connection:
            await connection.execute(statement(_FILE, "carried_out"), list(ids))

    async def report(self, graph: str, id_: str) -> SignedReport:
        """Return a report. Raises NotFound."""
        async with self.database.connection() as connection:
            stored = await connection.fetchval(statement(_FILE, "report"), graph, id_)
        if stored is None:
            raise NotFound(f"There is no report {id_[:60]!r} of {graph!r}.", hint="List the reports.")
        return _signed(stored)

    async def reports(self, graph: str, cursor: str | None, limit: int) -> Page[SignedReport]:
        """Return a page of the reports of a graph, the newest first."""
        if cursor is not None and not cursor.isdecimal():
            raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
        before = min(int(cursor), _NEWEST) if cursor else _NEWEST
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement(_FILE, "reports"), graph, before, limit + 1)
        more = len(rows) > limit
        return Page([_signed(row["signed"]) for row in rows[:limit]], str(rows[limit - 1]["number"]) if more else None)


def _redacted(redactor: Redactor, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties without the texts; a source that was renamed has its new name."""
    plain: dict[str, Any] = Redactor(redactor.texts).redacted(properties)
    source = properties.get("source")
    return plain | {"source": redactor.renamed[source]} if source in redactor.renamed else plain


async def _erase_claims(connection: asyncpg.Connection, layout: Layout, ids: list[int], topics: list[int]) -> int:
    await learn_subsystems(connection, layout)
    rows = await connection.fetch(layout.sql(_FILE, "topics_of"), ids)
    topics = sorted({*topics, *(row["topic"] for row in rows)})
    if "subscriptions" in layout.subsystems.made:
        await connection.execute(layout.sql(_FILE, "note_scopes"), ids, topics)
    await _strip_values(connection, layout, ids)
    await connection.execute(layout.sql(_FILE, "delete_origins"), ids)
    await connection.execute(layout.sql(_FILE, "delete_marks"), ids)
    count = int(await connection.fetchval(layout.sql(_FILE, "delete_claims"), ids))
    empty = [row["id"] for row in await connection.fetch(layout.sql(_FILE, "empty_topics"), topics)]
    for name in (
        "delete_states_of_topics", "delete_facts", "delete_past_states", "delete_past_facts", "delete_adjudications",
        "delete_correlations", "delete_topics",
    ):  # fmt: skip
        await connection.execute(layout.sql(_FILE, name), empty)
    await connection.execute(layout.sql(_FILE, "delete_past_facts_by"), topics, ids)
    return count


async def _strip_values(connection: asyncpg.Connection, layout: Layout, ids: list[int]) -> None:
    """Take values that entities show by these claims alone out of the entities, and out of their history.

    What a write of nobody in particular gave as well is shown then; it is no claim of a source.
    """
    told = [
        (row["id"], row["predicate"], orjson.loads(row["value"]))
        for row in await connection.fetch(layout.sql(_FILE, "values_of"), ids)
    ]
    stored = await read_vertices(connection, layout, {id_ for id_, _, _ in told})
    changed: dict[int, dict[str, Any]] = {}
    for id_, predicate, value in told:
        before = changed.get(id_) or stored.get(id_, {})
        after = _without(before, predicate, value)
        if after != before:
            changed[id_] = after
    await put_properties(connection, layout, changed)
    for row in await connection.fetch(layout.sql(_FILE, "predicates_of"), ids):
        predicate = row["predicate"]
        await connection.execute(layout.sql(_FILE, "strip_history"), ids, predicate, stored_name(predicate, "entity"))
    texts = [(id_, value) for id_, _, value in told if isinstance(value, str) and value]
    await connection.execute(
        layout.sql(_FILE, "strip_passages"), [id_ for id_, _ in texts], [text for _, text in texts]
    )


def _without(properties: Mapping[str, Any], predicate: str, value: Any) -> dict[str, Any]:
    """Return properties without a value that is shown since it was claimed, and with what a write gave in its place."""
    name, notes = stored_name(predicate, "entity"), properties.get(CONSENSUS)
    notes = notes if isinstance(notes, Mapping) else {}
    note = notes.get(predicate)
    if not isinstance(note, Mapping) or properties.get(name) != value:
        return dict(properties)
    left = {each: of for each, of in properties.items() if each not in {name, CONSENSUS}}
    if OWN in note:
        left[name] = note[OWN]
    beliefs = {each: of for each, of in notes.items() if each != predicate}
    return {**left, CONSENSUS: beliefs} if beliefs else left


async def put_properties(
    connection: asyncpg.Connection, layout: Layout, properties: Mapping[int, Mapping[str, Any]]
) -> None:
    """Store other properties of vertices, of which the history keeps no former version, and index them."""
    published = await unchanged_items(connection, layout, properties)
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in properties:
        groups[label_id(id_)].append(id_)
    for label, group in groups.items():
        sql = layout.sql("write", "update_vertices", label=layout.by_id[label].age_name)
        await connection.execute(sql, group, [dumps(properties[id_]) for id_ in group])
    await note_again(connection, layout, published)
    if properties:
        await IndexSync(connection, layout).sync(sorted(properties))


def _signed(stored: Any) -> SignedReport:
    return SignedReport(**orjson.loads(stored))
