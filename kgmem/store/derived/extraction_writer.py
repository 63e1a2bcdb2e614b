"""Writes what was extracted from episodes: relationships, and the provenance of each; withdraws both."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import asyncpg

from kgmem.domain.graph.entity import ENTITY, RELATIONSHIP
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.text.extraction_result import CO_MENTIONED
from kgmem.domain.text.queue import ExtractedEpisode, SettleResult
from kgmem.store.claims.claim_rows import CLAIM
from kgmem.store.db.sql import SQL
from kgmem.store.graph.layout import EDGE
from kgmem.store.write.delete import delete_edges
from kgmem.store.write.edges import identity, read_edges, write_edges
from kgmem.store.write.episodes import MENTIONS
from kgmem.store.write.passages import Passages
from kgmem.store.write.vertices import Outcome

_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Unsupported:
    """What no text states any more: relationships were deleted (counted); the caller withdraws claims and entities."""

    relationships: int
    claims: Sequence[tuple[str, int]]
    entities: Sequence[tuple[str, str]]


class ExtractionWriter:
    """One transaction that stores, or withdraws, what was extracted from episodes."""

    def __init__(self, connection: asyncpg.Connection, passages: Passages) -> None:
        """Take the connection, in a transaction, and where the passages of facts are gathered."""
        self._connection = connection
        self._passages = passages
        self._layout = passages.layout

    async def settle(self, read: Sequence[ExtractedEpisode]) -> SettleResult:
        """Store what was extracted from episodes; withdraw what was extracted before and is not any more.

        Of episodes that are gone all is withdrawn.
        """
        scopes = {each.unread.id: each.unread.episode.scope for each in read}
        ids = list(scopes)
        rows = await self._connection.fetch(self._sql("lock_episodes"), ids)
        there = {row["id"] for row in rows}
        read = [each for each in read if each.unread.id in there]
        written, together = await self._write(read)
        left = await self.take_back(scopes, self._rows(read, written))
        await self._strengthen(together)
        await self._note(read)
        created, updated = written.outcome.created, written.outcome.updated
        return SettleResult(len(created), len(updated) + left.relationships, left.claims, left.entities)

    async def take_back(self, scopes: Mapping[int, str], rows: Sequence[tuple[Any, ...]] = ()) -> Unsupported:
        """Make these rows the whole provenance of episodes (id to scope).

        Former rows stay as expected ones until the caller has withdrawn them and calls `expect_no_more`.
        """
        before = await self._connection.fetch(self._sql("brought_before"), list(scopes))
        if rows:
            await self._connection.execute(self._sql("bring"), *map(list, zip(*rows, strict=True)))
        now = {(row[0], row[1], row[2], row[3]) for row in rows}
        gone = [row for row in before if tuple(row) not in now]
        if gone:
            await self._connection.execute(self._sql("expect"), *map(list, zip(*map(tuple, gone), strict=True)))
        await self._unmention([row for row in gone if row["kind"] == ENTITY])
        items = sorted({row["item"] for row in gone if row["kind"] != ENTITY})
        left = {row["item"] for row in await self._connection.fetch(self._sql("left_items"), items)} if items else set()
        edges = sorted({row["item"] for row in gone if row["kind"] == RELATIONSHIP and row["item"] in left})
        await self._delete_edges(edges)
        weaker = sorted({row["item"] for row in gone if row["kind"] == RELATIONSHIP and row["item"] not in left})
        await self._strengthen(weaker)
        claims = [(scopes[r["episode"]], r["item"]) for r in gone if r["kind"] == CLAIM and r["item"] in left]
        named = sorted({(scopes[row["episode"]], row["key"]) for row in gone if row["kind"] == ENTITY})
        lost = (
            await self._connection.fetch(self._sql("left_keys"), *map(list, zip(*named, strict=True))) if named else []
        )
        return Unsupported(len(edges), claims, [(row["scope"], row["key"]) for row in lost])

    async def _write(self, read: Sequence[ExtractedEpisode]) -> tuple["_Written", list[int]]:
        """Write the edges of episodes, each once; return their ids by identity, and those of co-occurrences."""
        stated = {identity(each): each for episode in read for each, _ in episode.relationships}
        pairs = await self._with_strength([each for episode in read for each in _pairs(episode)])
        wanted = [*stated.values(), *pairs.values()]
        outcome = await write_edges(self._connection, self._passages, wanted) if wanted else Outcome()
        written = {identity(each): outcome.ids[at] for at, each in enumerate(wanted)}
        mentions = [
            (each.unread.id, Relationship(MENTIONS, "", key, scope=each.unread.episode.scope))
            for each in read
            for key, _ in each.entities
        ]
        if mentions:
            starts = [id_ for id_, _ in mentions]
            await write_edges(self._connection, self._passages, [edge for _, edge in mentions], starts=starts)
        return _Written(outcome, written), sorted(written[name] for name in pairs)

    async def _with_strength(self, found: Sequence[Relationship]) -> dict[tuple[str, ...], Relationship]:
        """Return pairs, each once; those that are new with the strength that this batch alone gives them."""
        counts = Counter(identity(each) for each in found)
        pairs = {identity(each): each for each in found}
        label = self._layout.labels.get((EDGE, CO_MENTIONED))
        if not pairs or label is None:
            return pairs
        columns = zip(*((each.scope, each.start, each.end) for each in pairs.values()), strict=True)
        rows = await self._connection.fetch(self._sql("held_pairs"), *map(list, columns), label.id)
        held = {(row["path"], row["one"], row["other"]) for row in rows}
        return {
            name: each
            if (each.scope, each.start, each.end) in held
            else replace(each, strength=_strength(counts[name]))
            for name, each in pairs.items()
        }

    def _rows(self, read: Sequence[ExtractedEpisode], written: "_Written") -> list[tuple[Any, ...]]:
        rows: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for each in read:
            id_ = each.unread.id
            told = [(ENTITY, 0, key, span.start, span.end, False) for key, span in each.entities]
            told += [(CLAIM, c.id, "", c.span.start, c.span.end, c.lasting) for c in each.claims]
            told += [
                (RELATIONSHIP, written.ids[identity(edge)], "", span.start, span.end, False)
                for edge, span in each.relationships
            ]
            told += [(RELATIONSHIP, written.ids[identity(edge)], "", 0, 0, False) for edge in _pairs(each)]
            for row in told:
                rows.setdefault((id_, *row[:3]), (id_, *row))
        return list(rows.values())

    async def _note(self, read: Sequence[ExtractedEpisode]) -> None:
        if not read:
            return
        columns = zip(
            *((e.unread.id, e.unread.digest, e.extractor, e.tokens, e.cost, e.problem) for e in read), strict=True
        )
        await self._connection.execute(self._sql("read"), *map(list, columns))

    async def _strengthen(self, edges: Sequence[int]) -> None:
        """Set the strength of co-occurrences by their number of texts: 1/2, 2/3, 3/4, ..."""
        layout = self._layout
        label = layout.labels.get((EDGE, CO_MENTIONED))
        if label is None or not edges:
            return
        rows = await self._connection.fetch(self._sql("edges_by_id"), list(edges))
        ours = {row["id"]: row for row in rows if row["kind"] == label.id}
        counted = await self._connection.fetch(self._sql("counts"), list(ours))
        strengths = {row["item"]: _strength(row["n"]) for row in counted}
        held = await read_edges(self._connection, layout, list(strengths))
        keys = await self._ends(ours)
        changed = [
            replace(keys[id_], strength=strength)
            for id_, strength in strengths.items()
            if id_ in held and held[id_][1].get("strength") != strength
        ]
        if changed:
            await write_edges(self._connection, self._passages, changed)

    async def _ends(self, rows: Mapping[int, Any]) -> dict[int, Relationship]:
        """Return pairs of what is mentioned together as statements, by their ids."""
        found = await self._connection.fetch(self._sql("pairs"), list(rows))
        scopes = {row["path"]: row["scope"] for row in found}
        self._passages.layout = self._layout = self._layout.with_scopes(scopes)
        return {
            row["id"]: Relationship(CO_MENTIONED, row["start_key"], row["end_key"], scope=row["path"]) for row in found
        }

    async def _unmention(self, gone: Sequence[Any]) -> None:
        label = self._layout.labels.get((EDGE, MENTIONS))
        if gone and label is not None:
            episodes, keys = [row["episode"] for row in gone], [row["key"] for row in gone]
            rows = await self._connection.fetch(self._sql("mentions_gone"), episodes, keys, label.id)
            await delete_edges(self._connection, self._layout, rows)

    async def _delete_edges(self, ids: Sequence[int]) -> None:
        if ids:
            rows = await self._connection.fetch(self._sql("edges_by_id"), list(ids))
            await delete_edges(self._connection, self._layout, rows)

    def _sql(self, name: str) -> SQL:
        return self._layout.sql("extraction", name)


@dataclass(frozen=True, slots=True)
class _Written:
    """The edges that were written, and their ids by what makes each the same one."""

    outcome: Outcome
    ids: Mapping[tuple[str, ...], int]


def _strength(texts: int) -> float:
    return round(1 - 1 / (1 + texts), _DIGITS)


def _pairs(read: ExtractedEpisode) -> list[Relationship]:
    scope = read.unread.episode.scope
    return [Relationship(CO_MENTIONED, one, other, scope=scope) for one, other in read.together]
