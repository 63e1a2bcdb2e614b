"""The store of extraction: the queue of episodes, and the provenance of what was extracted."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.graph.entity import ENTITY
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.text.change import STATES, KnownFact
from kgmem.domain.text.extraction_result import CO_MENTIONED
from kgmem.domain.text.names import Known, Mention, chosen, keys_of
from kgmem.domain.text.queue import (
    ExtractedEpisode,
    ExtractedKind,
    Provenance,
    QueuedEpisode,
    SettleResult,
    StoredClaim,
    Waits,
    WouldGo,
)
from kgmem.store.derived.extraction_writer import ExtractionWriter, Unsupported
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import EDGE, Layout, ensure_labels, scope_ids
from kgmem.store.read.items import episodes_of, relationships_of
from kgmem.store.write.episodes import MENTIONS
from kgmem.store.write.passages import Passages

LEASE: Final = 120.0  # Seconds after which a reader that gave no sign counts as dead.
MOST_ATTEMPTS: Final = 5
_LAST: Final = 12  # Episodes before one that a correction may mean.
_KINDS: Final[Mapping[int, ExtractedKind]] = {1: "entity", 3: "relationship", 5: "claim"}


class PostgresExtractionStore:
    """Episodes that wait to be read, and what was read, in the tables of each graph."""

    def __init__(self, catalog: PostgresCatalog, *, lease: float = LEASE) -> None:
        """Take the catalog, which knows the database, and how long a reader may be silent."""
        self.catalog = catalog
        self.database = catalog.database
        self.lease = lease

    async def take(self, graph: str, most: int, only: Sequence[int] | None = None) -> list[QueuedEpisode]:
        """Take the next episodes for a while, or of some, by their ids; those of a reader that died are given again."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> list[QueuedEpisode]:
                rows = await connection.fetch(layout.sql("extraction", "take"), most, self.lease, only)
                taken = {row["episode"]: row for row in rows}
                held = await connection.fetch(layout.sql("extraction", "episodes"), list(taken))
                found = {episode.id: episode for episode in await episodes_of(connection, layout, held)}
                lost = [id_ for id_ in taken if id_ not in found]
                if lost:
                    await connection.execute(layout.sql("extraction", "drop_reading"), lost)
                return [
                    QueuedEpisode(found[id_], id_, row["digest"], row["attempts"], frozenset(row["keys"] or ()))
                    for id_, row in sorted(taken.items())
                    if id_ in found
                ]

            return await self.database.transact(work)

    async def pending(self, graph: str, ids: Sequence[int]) -> bool:
        """Whether one of these episodes waits for extraction, or is in progress."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return bool(await connection.fetchval(layout.sql("extraction", "pending"), list(ids)))

    async def renew(self, graph: str, ids: Sequence[int]) -> None:
        """Send the heartbeat of the extraction of these episodes."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql("extraction", "renew"), list(ids))

    async def give_back(self, graph: str, ids: Sequence[int]) -> None:
        """Return episodes to the queue, for other workers."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql("extraction", "give_back"), list(ids))

    async def refuse(self, graph: str, problems: Mapping[int, tuple[int, str]]) -> None:
        """Mark episodes (id to digest and reason) as refused: they cannot be extracted."""
        columns = [list(problems), *(list(each) for each in zip(*problems.values(), strict=True))]
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql("extraction", "refuse"), *columns)

    async def resolve(self, graph: str, scope: str, mentions: Sequence[Mention]) -> dict[Mention, Known]:
        """Return the known entity of each mention that has one, by key, name or alias."""
        held = await self.held(graph, scope, mentions)
        async with self.catalog.on(graph) as layout:
            schema = layout.schema()
        found = {mention: chosen(mention, held, schema) for mention in mentions}
        return {mention: known for mention, known in found.items() if known is not None}

    async def held(self, graph: str, scope: str, mentions: Sequence[Mention]) -> Mapping[str, str]:
        """Return the labels of the entities that a scope sees under any key that these mentions may have."""
        keys = sorted({key for mention in mentions for key in keys_of(mention)})
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("extraction", "known"), list(visible_from(scope)), keys)
        return {row["key"]: row["label"] for row in rows}

    async def settle(self, graph: str, read: Sequence[ExtractedEpisode]) -> SettleResult:
        """Store the relationships of episodes, and the provenance of what was extracted, in one transaction."""
        async with self.catalog.on(graph) as held:
            async with self.database.connection() as connection:
                numbers = await scope_ids(connection, held, {each.unread.episode.scope for each in read}, make=True)
            layout = held.with_scopes(numbers)
            kinds = {stated.kind for each in read for stated, _ in each.relationships}
            await ensure_labels(self.database, layout, EDGE, {MENTIONS, *kinds})
            await layout.ensure("extraction")
            if any(each.together for each in read):
                await ensure_labels(self.database, layout, EDGE, [CO_MENTIONED])

            async def work(connection: asyncpg.Connection) -> SettleResult:
                passages = Passages(layout)
                bringing = ExtractionWriter(connection, passages)
                settled = await bringing.settle(read)
                await passages.store(connection)
                return settled

            return await self.database.transact(work)

    async def expect(self, graph: str, entities: Sequence[tuple[int, str]]) -> None:
        """Note that episodes (ids) are about to bring new entities (keys), for who reads them if this reader dies."""
        columns = [
            [episode for episode, _ in entities], [ENTITY] * len(entities), [0] * len(entities),
            [key for _, key in entities],
        ]  # fmt: skip
        async with self.catalog.on(graph) as layout:
            await layout.ensure("extraction")
            async with self.database.connection() as connection:
                await connection.execute(layout.sql("extraction", "expect"), *columns)

    async def expect_no_more(self, graph: str, keys: Sequence[str], scope: str) -> None:
        """Note that what is not extracted any more from episodes in this scope only has been withdrawn."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            ids = await self._ids(connection, layout, keys, scope)
            await connection.execute(layout.sql("extraction", "expect_no_more"), list(ids.values()))

    async def drop(self, graph: str, keys: Sequence[str], scope: str) -> SettleResult:
        """Delete the extraction of episodes in this scope only; return what no text states any more."""
        async with self.catalog.on(graph) as held:

            async def work(connection: asyncpg.Connection) -> SettleResult:
                numbers = await scope_ids(connection, held, [scope], make=False)
                layout = held.with_scopes(numbers)
                ids = await self._ids(connection, layout, keys, scope)
                passages = Passages(layout)
                left: Unsupported = await ExtractionWriter(connection, passages).take_back(
                    dict.fromkeys(ids.values(), scope)
                )
                await connection.execute(layout.sql("extraction", "drop_reading"), list(ids.values()))
                await passages.store(connection)
                return SettleResult(left.relationships, 0, left.claims, left.entities)

            return await self.database.transact(work)

    async def done(self, graph: str, read: Sequence[QueuedEpisode]) -> None:
        """Remove episodes from the queue, unless they changed during their extraction."""
        ids, digests = [each.id for each in read], [each.digest for each in read]
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql("extraction", "expect_no_more"), ids)
            await connection.execute(layout.sql("extraction", "done"), ids, digests)

    async def open_claims(self, graph: str, topics: Sequence[tuple[str, str, str]]) -> list[StoredClaim]:
        """Return the lasting claims of these scopes, subjects and predicates that were extracted, as stored."""
        columns = list(map(list, zip(*topics, strict=True)))
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("extraction", "open_claims"), *columns)
        return [_held_claim(row) for row in rows]

    async def known_facts(
        self, graph: str, scope: str, keys: Sequence[str], before: int, session: str | None
    ) -> list[KnownFact]:
        """Return the facts of a scope that hold: of entities (keys), and of the last episodes before one."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("extraction", "last_read"), scope, before, _LAST)
            recent = await episodes_of(connection, layout, rows)
            if session is not None:
                recent = [each for each in recent if each.session == session]
            ids = [each.id for each in recent]
            found = await connection.fetch(layout.sql("extraction", "known_claims"), scope, list(keys), ids)
            facts = [(row["item"], _held_claim(row)) for row in found]
            known = [
                (item, KnownFact(held.statement, held.statement.episode, held.id, recent=item in ids))
                for item, held in facts
            ]
            label = layout.labels.get((EDGE, STATES))
            if label is not None:
                rows = await connection.fetch(
                    layout.sql("extraction", "known_states"), scope, list(keys), ids, label.id
                )
                items = {row["id"]: row["item"] for row in rows}
                names = {each.id: each.key for each in recent}
                once = list({row["id"]: row for row in rows}.values())
                for stated in await relationships_of(connection, layout, once):
                    item = items[stated.id or 0]
                    known.append((item, KnownFact(stated, names.get(item, str(item)), recent=item in ids)))
        return [fact for _, fact in sorted(known, key=lambda each: each[0])]

    async def turns_before(self, graph: str, ids: Sequence[int]) -> dict[int, list[Episode]]:
        """Return the four turns before each of these episodes in its session, the nearest last."""
        found: dict[int, list[Episode]] = {}
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            own = await connection.fetch(layout.sql("extraction", "episodes"), list(ids))
            for each in await episodes_of(connection, layout, own):
                if each.session is None or each.id is None:
                    continue
                rows = await connection.fetch(layout.sql("extraction", "last_read"), each.scope, each.id, _LAST)
                before = [one for one in await episodes_of(connection, layout, rows) if one.session == each.session]
                found[each.id] = before[:4][::-1]
        return found

    async def topics(self, graph: str, claims: Sequence[int]) -> set[tuple[str, str]]:
        """Return the subjects and predicates that claims are about."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("extraction", "topics"), list(claims))
        return {(row["subject"], row["predicate"]) for row in rows}

    async def waits(self, graph: str) -> Waits:
        """Count what waits."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            row = await connection.fetchrow(layout.sql("extraction", "waiting"), self.lease)
            return Waits(row["waiting"], row["free"], row["refused"])

    async def ask_again(self, graph: str, keys: Sequence[str], scope: str) -> int:
        """Queue extracted episodes in this scope only for another extraction; return how many."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            ids = await self._ids(connection, layout, keys, scope)
            done: str = await connection.execute(layout.sql("extraction", "ask_again"), list(ids.values()))
            return int(done.rsplit(" ", 1)[-1])

    async def told(self, graph: str, keys: Sequence[str], scope: str, limit: int) -> list[Provenance]:
        """Return what was extracted from episodes in this scope only."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            ids = await self._ids(connection, layout, keys, scope)
            names = {id_: key for key, id_ in ids.items()}
            rows = await connection.fetch(layout.sql("extraction", "told"), list(names), limit)
        return [_provenance(names[row["episode"]], row) for row in rows]

    async def lonely(self, graph: str, scope: str, keys: Sequence[str]) -> list[str]:
        """Return those of these entities that nothing is joined to."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("extraction", "lonely"), scope, list(keys))
            return [row["key"] for row in rows]

    async def would_go(self, graph: str, own: Sequence[Provenance], keys: Sequence[str], scope: str) -> WouldGo:
        """Return what else would go with episodes in this scope only, and with what is of them alone."""
        named = {kind: [each.key for each in own if each.kind == kind] for kind in ("entity", "relationship", "claim")}
        edges, claims = ([int(key) for key in named[kind]] for kind in ("relationship", "claim"))
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            ids = list((await self._ids(connection, layout, keys, scope)).values())
            asked = (scope, named["entity"], ids, edges, claims)
            rows = await connection.fetch(layout.sql("extraction", "lonely_without"), *asked)
            passages = await connection.fetch(layout.sql("extraction", "passages_of"), ids)
            found = [row["id"] for row in passages]
            vectors = 0
            for table in layout.vector_tables():
                vectors += await connection.fetchval(layout.sql("extraction", "vectors_of", table=table), found)
            archived = 0
            if "archive" in layout.subsystems.made:
                archived = await connection.fetchval(layout.sql("extraction", "archived_passages_of"), ids)
        return WouldGo([row["key"] for row in rows], len(found) + archived, vectors)

    async def there(self, graph: str, keys: Sequence[str], scope: str) -> Collection[str]:
        """Return those of these keys that episodes in this scope only have."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return (await self._ids(connection, layout, keys, scope)).keys()

    async def ids(self, graph: str, told: Sequence[Provenance], keys: Sequence[str], scope: str) -> list[int]:
        """Return the ids, as in the history, of episodes and of what was extracted from them."""
        named = [each.key for each in told if each.kind == "entity"]
        edges = [int(each.key) for each in told if each.kind == "relationship"]
        claims = [int(each.key) for each in told if each.kind == "claim"]
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("extraction", "ids"), scope, named, list(keys), claims)
        return [*edges, *(row["id"] for row in rows)]

    async def erase(self, graph: str, ids: Sequence[int]) -> int:
        """Delete those of these ids that no longer exist from the history as well; return how many versions."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                gone = await connection.fetch(layout.sql("extraction", "gone"), list(ids))
                found = [row["id"] for row in gone]
                if "subscriptions" in layout.subsystems.made:
                    await connection.execute(layout.sql("subscriptions", "note_erased"), found)
                if found:
                    await connection.execute(layout.sql("extraction", "erase_keys"), found)
                erased: int = await connection.fetchval(layout.sql("extraction", "erase"), found)
                return erased

            return await self.database.transact(work)

    async def erase_claims(self, graph: str, keys: Sequence[str], scope: str) -> int:
        """Take withdrawn claims that cite texts which are gone out of the history, with what was believed by them."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                if "subscriptions" in layout.subsystems.made:
                    await connection.execute(layout.sql("subscriptions", "note_erased_claims"), list(keys))
                erased: int = await connection.fetchval(layout.sql("extraction", "erase_claims"), scope, list(keys))
                return erased

            return await self.database.transact(work)

    async def _ids(
        self, connection: asyncpg.Connection, layout: Layout, keys: Sequence[str], scope: str
    ) -> dict[str, int]:
        rows = await connection.fetch(layout.sql("extraction", "episode_ids"), scope, list(keys))
        return {row["key"]: row["id"] for row in rows}


def _provenance(episode: str, row: Any) -> Provenance:
    name = row["key"] or str(row["item"])
    return Provenance(episode, _KINDS[row["kind"]], name, (row["begins"], row["ends"]), row["shared"])


def _held_claim(row: Any) -> StoredClaim:
    statement = ClaimStatement(
        row["source"], row["subject"], row["predicate"], row["object"], valid_from=row["valid_from"],
        valid_to=row["valid_to"], confidence=round(row["confidence"], 6), episode=row["episode"],
        span=None if row["begins"] is None else (row["begins"], row["ends"]), scope=row["scope"],
    )  # fmt: skip
    return StoredClaim(
        row["id"],
        statement,
        row["trust"],
        row["lasting"],
        sorted(each for each in row["said"] or () if each is not None),
    )
