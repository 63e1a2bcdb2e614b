"""Summaries of entities and communities, in the tables of each graph, and what they are made of."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.derived.summaries import (
    Material,
    Sentence,
    SubjectKind,
    Summary,
    SummaryEntity,
    SummaryFact,
    WordedSummary,
)
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.relationship import worded
from kgmem.domain.text.extraction_result import CO_MENTIONED
from kgmem.domain.time.interval import iso, parse_time
from kgmem.store.db.sql import SQL, fill
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, know_labels, label_id, scope_ids
from kgmem.store.graph.records import encoded, text_of
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write.edges import read_edges
from kgmem.store.write.episodes import MENTIONS

_KINDS: Final[Mapping[SubjectKind, int]] = {"entity": 1, "community": 2}
_OF_NUMBER: Final[Mapping[int, SubjectKind]] = {number: kind for kind, number in _KINDS.items()}
_NO_FACTS: Final = (MENTIONS, CO_MENTIONED, SIMILAR_TO, "SAME_AS")
_LONGEST: Final = 400  # Characters of a fact's or an entity's text that are said again.
_PAGE: Final = 200


class PostgresSummaries:
    """Versions of summaries; what is deleted takes those along that were made of it (write/delete.py)."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def of_entity(self, graph: str, key: str, scope: str) -> Material:
        """Return the material of the summary of an entity in this scope only. Raises NotFound."""
        async with (
            self.catalog.on(graph) as layout,
            self.database.connection() as connection,
        ):
            number = await _number(connection, layout, scope)
            rows = await connection.fetch(layout.sql("summaries", "entity"), number, key)
            things = await _things(connection, layout, rows)
            if not things:
                raise NotFound(f"There is no entity {key!r} in this scope.", hint="Name its scope.")
            facts = await _facts(connection, layout, [rows[0]["id"]], number, between=False)
        return Material("entity", rows[0]["id"], scope, things, facts)

    async def of_community(self, graph: str, id_: int, scope: str) -> Material:
        """Return what the summary of a community is made of. Raises NotFound."""
        async with (
            self.catalog.on(graph) as layout,
            self.database.connection() as connection,
        ):
            number = await _number(connection, layout, scope)
            rows = await connection.fetch(layout.sql("summaries", "members"), id_, number)
            things = await _things(connection, layout, rows)
            if not things:
                raise NotFound(f"There is no community {id_} of this scope.", hint="List the communities.")
            facts = await _facts(connection, layout, [each.id for each in things], number, between=True)
        return Material("community", id_, scope, things, facts, rows[0]["size"])

    async def get(
        self, graph: str, kind: SubjectKind, subject: int, known_at: str | None
    ) -> tuple[Summary, int, Mapping[int, int]] | None:
        """Return a summary as it was known, with the digest and the versions of what it was made of."""
        at = None if known_at is None else parse_time(known_at).start or 0
        async with (
            self.catalog.on(graph) as layout,
            self.database.connection() as connection,
        ):
            row = await connection.fetchrow(layout.sql("summaries", "get"), _KINDS[kind], subject, at)
            if row is None:
                return None
            made_of = await connection.fetch(layout.sql("summaries", "made_of"), row["id"])
        return _summary(kind, subject, row), row["digest"], {each["thing"]: each["version"] for each in made_of}

    async def put(self, graph: str, material: Material, made: WordedSummary) -> bool:
        """Store a summary as the one that is known from now on, unless what it is made of is the same."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("summaries")

            async def work(connection: asyncpg.Connection) -> bool:
                number = await _number(connection, layout, material.scope)
                if not await _is_there(connection, layout, material):
                    return False  # What went meanwhile is not said any more; the next round makes it anew.
                return await _put(connection, layout, number, material, made)

            return await self.database.transact(work)

    async def is_behind(self, graph: str) -> bool:
        """Return whether entities with a summary have changed since."""
        async with (
            self.catalog.on(graph) as layout,
            self.database.connection() as connection,
        ):
            behind: bool = await connection.fetchval(fill(layout.sql("summaries", "is_behind"), self._changed(layout)))
            return behind

    async def wanting(self, graph: str, after: int) -> Sequence[tuple[SubjectKind, int, str, str]]:
        """Return what has or shall have a summary that may not be up to date: kind, id, key, scope; by id."""
        async with (
            self.catalog.on(graph) as layout,
            self.database.connection() as connection,
        ):
            rows = await connection.fetch(fill(layout.sql("summaries", "wanting"), self._changed(layout)), after, _PAGE)
        return [(_OF_NUMBER[row["kind"]], row["id"], row["key"], row["path"]) for row in rows]

    @staticmethod
    def _changed(layout: Layout) -> dict[str, SQL]:
        return {"changed": layout.sql("summaries", "changed")}


async def _is_there(connection: asyncpg.Connection, layout: Layout, material: Material) -> bool:
    """Lock the subject of a summary and all that it was made of; return whether they exist."""
    name = "there" if material.kind == "entity" else "community_there"
    if await connection.fetchval(layout.sql("summaries", name), material.subject) is None:
        return False
    for what, ids in (
        ("things_there", sorted({each.id for each in material.things} | _texts(material))),
        ("edges_there", [each.id for each in material.facts]),
    ):
        if len(await connection.fetch(layout.sql("summaries", what), ids)) < len(ids):
            return False
    return True


async def _put(
    connection: asyncpg.Connection, layout: Layout, scope: int, material: Material, made: WordedSummary
) -> bool:
    subject = (_KINDS[material.kind], material.subject)
    digest = material.digest()
    held = await connection.fetchrow(layout.sql("summaries", "current"), *subject)
    if held is not None:
        if (held["digest"], held["maker"]) == (digest, made.maker):
            return False
        await connection.execute(layout.sql("summaries", "end"), held["id"])
    told = [{"text": each.text, "says": each.says, "episodes": each.episodes} for each in made.sentences]
    id_ = await connection.fetchval(
        layout.sql("summaries", "put"), *subject, scope, encoded(told).decode(), made.maker, digest, made.problem
    )
    # The texts too, so that one that is forgotten is named by no summary; they have no part in what is stale.
    versions = dict.fromkeys(_texts(material), 0) | dict(material.versions())
    await connection.execute(layout.sql("summaries", "put_sources"), id_, list(versions), list(versions.values()))
    return True


def _texts(material: Material) -> set[int]:
    return {text for fact in material.facts for text in fact.texts}


async def _number(connection: asyncpg.Connection, layout: Layout, scope: str) -> int:
    return (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)


async def _things(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> list[SummaryEntity]:
    stored = await read_vertices(connection, layout, [row["id"] for row in rows])
    told = []
    for row in rows:
        if row["id"] not in stored:
            continue
        held = stored[row["id"]]
        aliases = held.get("aliases")
        others = [each for each in aliases if isinstance(each, str)] if isinstance(aliases, list) else []
        text = text_of(held, "text")
        told.append(
            SummaryEntity(
                row["id"], row["version"], row["key"], row["label"], text_of(held, "name") or row["key"], others,
                text[:_LONGEST] if text else None, row["centrality"],
            )
        )  # fmt: skip
    return told


async def _facts(
    connection: asyncpg.Connection, layout: Layout, items: Sequence[int], scope: int, *, between: bool
) -> list[SummaryFact]:
    """Return the current facts of entities, or between them, in their own words or else worded of names."""
    rows = await connection.fetch(layout.sql("summaries", "facts"), items, scope, between, list(_NO_FACTS))
    ids = [row["id"] for row in rows]
    stored = await read_edges(connection, layout, ids)
    await know_labels(connection, layout, ids)
    ends = await read_vertices(connection, layout, {row[end] for row in rows for end in ("source", "target")})
    names = {id_: text_of(held, "name") or text_of(held, "key") or "" for id_, held in ends.items()}
    found = await connection.fetch(layout.sql("summaries", "episodes"), ids, scope)
    episodes = {row["id"]: (row["keys"], row["texts"]) for row in found}
    told = []
    for row in rows:
        if row["id"] in stored and names.get(row["source"]) and names.get(row["target"]):
            kind = layout.by_id[label_id(row["id"])].name
            text = text_of(stored[row["id"]][1], "text") or worded(names[row["source"]], kind, names[row["target"]])
            keys, texts = episodes.get(row["id"], ((), ()))
            told.append(SummaryFact(row["id"], row["version"], text[:_LONGEST], round(row["weight"], 4), keys, texts))
    return told


def _summary(kind: SubjectKind, subject: int, row: Any) -> Summary:
    sentences = [Sentence(each["text"], each["says"], each["episodes"]) for each in orjson.loads(row["sentences"])]
    return Summary(
        kind, str(subject), row["scope"], " ".join(each.text for each in sentences), sentences, row["maker"],
        iso(row["known_from"]), None if row["known_to"] is None else iso(row["known_to"]), problem=row["problem"],
    )  # fmt: skip
