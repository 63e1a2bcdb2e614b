"""The names of entities as resolution looks them up: whole, by rare words and trigrams, by vectors.

The table follows the change feed and is brought up to date when somebody asks, so that who writes pays nothing for it.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import numpy as np

from kgmem.domain.graph.entity import ENTITY
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.text.resolution import Described, LookedUp
from kgmem.resolution.words import normal, trigrams, words
from kgmem.store.db.codecs import encode_halfvec
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, know_labels, scope_ids
from kgmem.store.graph.records import others_of, place_of, text_of
from kgmem.store.graph.stored_properties import read_vertices

_SEPARATOR = "\x1f"
_CHANGES = 200  # Of the feed, read at once.
_ANALYZED = 500  # Names that are new at the least before statistics are made anew.
_ASKED = 100  # Names that are looked up in one statement.
# Words and trigrams that find others, the rarest first: so many, or as many as together find so many names.
_RAREST, _MOST_FOUND = 8, 300
_LONGEST = 500  # Characters of a name.
_MOST_NAMES = 20  # Of one entity.
_NEAR = 10  # Found by vector.
_MOST_TEXTS = 3  # By which something without a name is looked up.


@dataclass(frozen=True, slots=True)
class NameStatistics:
    """How common words and trigrams are among names: the shares of the commonest, and how many names there are."""

    shares: Mapping[str, float]
    count: int

    def rarest(self, parts: Sequence[str]) -> list[str]:
        """Return the rarest few of parts, words before trigrams: at least two, and no more than find many names."""
        ordered = sorted(parts, key=lambda part: (self.shares.get(part, 0.0), part[0] != "=", part))
        kept: list[str] = []
        expected = 0.0
        for part in ordered[:_RAREST]:
            expected += self.shares.get(part, 0.0) * self.count
            if len(kept) >= 2 and expected > _MOST_FOUND:
                break
            kept.append(part)
        return kept


class PostgresNames:
    """Stored entities by their names, for resolution."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def look_up(self, graph: str, described: Sequence[Described], scope: str, limit: int) -> LookedUp:
        """Return for each what the scope sees that may be it; at most `limit` by name, and some by vector."""
        async with self.catalog.on(graph) as layout:
            await self._catch_up(layout)
            async with self.database.connection() as connection, connection.transaction(readonly=True):
                await connection.execute(layout.sql("names", "by_index"))
                scopes = list((await scope_ids(connection, layout, visible_from(scope), make=False)).values())
                common = await _common(connection, layout)
                ids = await _by_name(connection, layout, described, (scopes, common, limit))
                await _add_merged(connection, layout, described, scopes, ids)
                await _add_near(connection, layout, described, scopes, ids)
                around = any(each.neighbours for each in described)
                held = await _described(connection, layout, {id_ for found in ids for id_ in found}, around=around)
                if any(each.vector is not None for each in described):
                    held = await _with_vectors(connection, layout, held)
        found = [[held[id_] for id_ in each if id_ in held] for each in ids]
        of_words = {part[1:]: share for part, share in common.shares.items() if part[0] == "="}
        return LookedUp(found, of_words, common.count)

    async def describe(self, graph: str, keys: Sequence[str], scope: str) -> Sequence[Described]:
        """Return descriptions of stored entities in this scope only."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            number = (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)
            rows = await connection.fetch(layout.sql("names", "ids"), number, list(keys))
            described = await _described(connection, layout, [row["id"] for row in rows])
            return list((await _with_vectors(connection, layout, described)).values())

    async def _catch_up(self, layout: Layout) -> None:
        """Bring the names in line with the change feed."""
        async with self.database.connection() as connection:
            if not await connection.fetchval(layout.sql("names", "is_behind")):
                return
        await layout.ensure("names")
        new, more = 0, True
        while more:

            async def work(connection: asyncpg.Connection) -> tuple[int, bool]:
                return await _follow(connection, layout)

            made, more = await self.database.transact(work)
            new += made
        if new:
            async with self.database.connection() as connection:
                if await connection.fetchval(layout.sql("names", "has_grown"), _ANALYZED):
                    await connection.execute(layout.sql("names", "analyze"))
                await connection.execute(layout.sql("names", "clean"))


async def _common(connection: asyncpg.Connection, layout: Layout) -> NameStatistics:
    row = await connection.fetchrow(layout.sql("names", "common"), layout.held_name)
    if row is None or not row["parts"]:
        return NameStatistics({}, 1)
    shares = zip(row["parts"], row["shares"], strict=False)
    return NameStatistics({part: float(share) for part, share in shares}, row["count"])


async def _follow(connection: asyncpg.Connection, layout: Layout) -> tuple[int, bool]:
    """Follow the change feed by a stretch; return how many names are new, and whether there is more."""
    cursor = await connection.fetchval(layout.sql("names", "take_turn"))
    rows = await connection.fetch(layout.sql("read", "changes"), cursor, _CHANGES)
    if rows:
        await connection.execute(layout.sql("names", "advance"), rows[-1]["id"])
    changed = {id_ for row in rows if row["kind"] == ENTITY for id_ in row["ids"]}
    if len(rows) < _CHANGES:
        after = rows[-1]["id"] if rows else cursor
        unsettled = await connection.fetch(layout.sql("names", "unsettled"), after)
        changed |= {id_ for row in unsettled for id_ in row["ids"]}
    return await _rename(connection, layout, sorted(changed)), len(rows) == _CHANGES


async def _rename(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> int:
    if not ids:
        return 0
    await connection.execute(layout.sql("names", "forget"), ids)
    stored = await read_vertices(connection, layout, ids)
    rows = {(id_, normal(name)): name for id_, told in stored.items() for name in found_by(told)}
    told = [(id_, folded, _SEPARATOR.join(parts_of(name))) for (id_, folded), name in rows.items() if folded]
    if told:
        await connection.execute(layout.sql("names", "put"), *map(list, zip(*told, strict=True)))
    return len(told)


def names_of(stored: Mapping[str, Any]) -> list[str]:
    """Return the names that an entity's properties tell: name (or key), and other names."""
    aliases = stored.get("aliases")
    named = text_of(stored, "name") or text_of(stored, "key") or ""
    every = [named, *(aliases if isinstance(aliases, list) else [aliases])]
    return [name[:_LONGEST] for name in every if isinstance(name, str) and name.strip()][:_MOST_NAMES]


def found_by(stored: Mapping[str, Any]) -> list[str]:
    """Return the texts that an entity is looked up by: its names, and of one without a name also its texts."""
    if text_of(stored, "name"):
        return names_of(stored)
    return [*names_of(stored), *_longest_texts(others_of(stored, "entity"))]


def _longest_texts(values: Mapping[str, Any]) -> list[str]:
    texts = {value[:_LONGEST] for value in values.values() if isinstance(value, str) and value.strip()}
    return sorted(texts, key=lambda text: (-len(text), text))[:_MOST_TEXTS]


def parts_of(name: str) -> list[str]:
    """Return the words (with = before them) and trigrams that a name is found by."""
    some = words(name)
    return sorted({*(f"={word}" for word in some), *trigrams(some)})


async def _by_name(
    connection: asyncpg.Connection,
    layout: Layout,
    described: Sequence[Described],
    asked: tuple[Sequence[int], NameStatistics, int],
) -> list[dict[int, None]]:
    """Return the ids of who bears a name, or shares most of what is rare in it, for each description."""
    scopes, common, limit = asked
    sql = layout.sql("names", "like")
    found: list[dict[int, None]] = [{} for _ in described]
    named = [
        (at, folded, name)
        for at, each in enumerate(described)
        for folded, name in _folded(each.names or _longest_texts(each.values)).items()
    ]
    for first in range(0, len(named), _ASKED):
        rows = []
        for at, folded, name in named[first : first + _ASKED]:
            every = parts_of(name)
            rows.append((at, folded, _SEPARATOR.join(common.rarest(every)), _SEPARATOR.join(every)))
        for row in await connection.fetch(sql, scopes, *map(list, zip(*rows, strict=True)), limit):
            found[row["at"]][row["item"]] = None
    return found


def _folded(names: Iterable[str]) -> dict[str, str]:
    return {normal(name): name[:_LONGEST] for name in names if normal(name)}


async def _add_merged(
    connection: asyncpg.Connection,
    layout: Layout,
    described: Sequence[Described],
    scopes: Sequence[int],
    ids: Sequence[dict[int, None]],
) -> None:
    """Add the kept entities of merges by the requested keys of the merged ones."""
    keys = sorted({key for each in described for key in (each.key, *each.names) if key})
    went = {row["gone_key"]: row["id"] for row in await connection.fetch(layout.sql("names", "merged"), scopes, keys)}
    for at, each in enumerate(described):
        ids[at].update({went[key]: None for key in (each.key, *each.names) if key in went})


async def _add_near(
    connection: asyncpg.Connection,
    layout: Layout,
    described: Sequence[Described],
    scopes: Sequence[int],
    ids: Sequence[dict[int, None]],
) -> None:
    """Add the entities whose vectors are near to those that are given, of the graph's dimension."""
    space = layout.graph.space
    if not layout.vectors or space is None:
        return
    sql = layout.sql("names", "near", table=layout.vectors)
    for at, each in enumerate(described):
        if each.vector is None or len(each.vector) != space.dimension:
            continue
        unit = np.asarray(each.vector, np.float32)
        length = float(np.linalg.norm(unit)) or 1.0
        rows = await connection.fetch(sql, scopes, encode_halfvec((unit / length).tolist()), _NEAR)
        ids[at].update({row["item"]: None for row in rows})


async def _described(
    connection: asyncpg.Connection, layout: Layout, ids: Iterable[int], *, around: bool = True
) -> dict[int, Described]:
    """Return stored entities as descriptions, by id; `around`: with their neighbours."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    rows = await connection.fetch(layout.sql("names", "items"), wanted)
    await know_labels(connection, layout, [row["id"] for row in rows])
    stored = await read_vertices(connection, layout, [row["id"] for row in rows])
    beside = await connection.fetch(layout.sql("names", "neighbours"), wanted) if around else []
    neighbours = {row["item"]: frozenset(row["keys"]) for row in beside}
    return {
        row["id"]: described_as(row["key"], row["label"], stored[row["id"]], neighbours.get(row["id"], frozenset()))
        for row in rows
        if row["id"] in stored
    }


async def _with_vectors(
    connection: asyncpg.Connection, layout: Layout, described: Mapping[int, Described]
) -> dict[int, Described]:
    """Return descriptions of stored entities by id, with the vectors that they have in the graph's space."""
    if not layout.vectors or not described:
        return dict(described)
    rows = await connection.fetch(layout.sql("names", "vectors", table=layout.vectors), list(described))
    # As an array of floats, which is a tenth of a list: a whole scope is compared at once.
    vectors = {row["item"]: array("f", row["embedding"]) for row in rows}
    return {id_: replace(each, vector=vectors.get(id_)) for id_, each in described.items()}


def described_as(key: str, label: str, stored: Mapping[str, Any], neighbours: frozenset[str]) -> Described:
    """Return an entity's stored properties as a description."""
    place = place_of(stored)
    values = {
        name: value for name, value in others_of(stored, "entity").items() if name not in ("aliases", "consensus")
    }
    return Described(
        names=names_of(stored),
        label=label,
        values=values,
        neighbours=neighbours,
        place=(place.lon, place.lat) if place else None,
        valid_from=text_of(stored, "valid_from"),
        valid_to=text_of(stored, "valid_to"),
        key=key,
        text=text_of(stored, "text"),
    )
