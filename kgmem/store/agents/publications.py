"""Publications: claims of one scope that are stored in another one as well, in the tables of each graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.agents.publication import (
    STATES,
    DuePublication,
    Publication,
    PublicationRequest,
    PublicationState,
)
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import EPISODE, RELATIONSHIP, Entity, Page
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.domain.time.interval import iso
from kgmem.store.agents.publication_records import claim_refs, edge_ref, mark_of
from kgmem.store.agents.publication_rows import publication_of, publication_rows
from kgmem.store.agents.published_items import adopt_text, keep_entities, let_go
from kgmem.store.agents.session_rows import scope_number
from kgmem.store.claims.claim_rows import FACT, Topic, lock_topics, place_of
from kgmem.store.claims.claim_store import PostgresClaims, topic_of
from kgmem.store.claims.fact_resolution import weigh_topics
from kgmem.store.claims.withdrawal import end_claims
from kgmem.store.graph.layout import LABEL_SHIFT, VERTEX, Layout, ensure_labels, scope_ids, source_ids
from kgmem.store.graph.published import unchanged_among
from kgmem.store.read import items as reading
from kgmem.store.write.passages import Passages

_FILE: Final = "publications"
_READS: Final = ("publications",)
_HIGHEST: Final = 2**62
_AT_ONCE: Final = 200
_NUMBER_OF: Final = {state: number for number, state in enumerate(STATES, start=1)}
_INVALIDATED: Final = 5


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a publication follows, as it is now: the claims to store, with the ids of those that they are made of."""

    item: int
    claims: Sequence[ClaimStatement] = ()
    origins: Sequence[int] = ()
    values: Sequence[str | None] = ()  # Of these claims, as JSON, so that no number is rounded.
    marks: Sequence[str] = ()  # What each of them repeats, as `mark_of` has it.
    note: str | None = None  # Why there is nothing to publish.


class PostgresPublications:
    """Publications, and the claims that they make."""

    def __init__(self, claims: PostgresClaims) -> None:
        """Take the store of claims, which weighs them."""
        self.catalog = claims.catalog
        self.database = claims.catalog.database
        self.consensus = claims.consensus

    async def put(self, graph: str, request: PublicationRequest) -> tuple[Publication, bool]:
        """Note a publication, which is due then; tells whether it is new. Raises NotFound, Conflict."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("publications")
            await ensure_labels(self.database, layout, VERTEX, [DEFAULT_LABEL])
            async with self.database.connection() as connection:
                numbers = await scope_ids(connection, layout, [request.scope, request.to], make=True)
            scope, target = numbers[request.scope], numbers[request.to]

            async def work(connection: asyncpg.Connection) -> tuple[int, bool]:
                await connection.execute(layout.sql(_FILE, "one_at_a_time"), layout.id)
                kind, origin, topic, about = await _named(connection, layout, request, scope)
                held = await connection.fetchrow(publication_rows(layout, "held"), kind, origin, target)
                if held is not None:
                    return held["id"], False
                if await connection.fetchval(layout.sql(_FILE, "is_circle"), scope, target):
                    raise Conflict(
                        f"What {request.scope!r} says follows {request.to!r} already.",
                        hint="Withdraw the publications that lead from there to here.",
                        field="to",
                    )
                if kind == EPISODE and await connection.fetchval(layout.sql(_FILE, "text_of"), target, request.key):
                    raise Conflict(
                        f"There is another text {request.key!r} in {request.to!r}.",
                        hint="Store the text under another key, and publish that.",
                        field="key",
                    )
                return await connection.fetchval(
                    layout.sql(_FILE, "insert"), scope, target, kind, origin, topic, request.key, *about, request.by,
                    request.reason,
                ), True  # fmt: skip

            id_, created = await self.database.transact(work)
        return await self.get(graph, id_, request.scope), created

    async def get(self, graph: str, id_: int, scope: str) -> Publication:
        """Return a publication from or to this scope. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, scope)
            row = await connection.fetchrow(publication_rows(layout, "get"), id_, number)
        if row is None:
            raise NotFound(f"There is no publication {id_} from or to this scope.", hint="List the publications.")
        return publication_of(row)

    async def list(
        self, graph: str, scope: str, state: PublicationState | None, cursor: str | None, limit: int
    ) -> Page[Publication]:
        """Return publications from or to this scope only, the newest first."""
        if cursor is not None and not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 19):
            raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
        below = int(cursor) if cursor else _HIGHEST
        wanted = _NUMBER_OF[state] if state is not None else None
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, scope)
            rows = await connection.fetch(publication_rows(layout, "list"), number, wanted, below, limit + 1)
        more = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return Page([publication_of(row) for row in rows[:limit]], more)

    async def move(self, graph: str, origin: int, fact: int) -> None:
        """Lead what follows a fact or a relationship to another fact, which a correction put in its place."""
        async with self.catalog.on(graph, reads=_READS, expires=False) as layout:
            if origin != fact and "publications" in layout.subsystems.made:
                await self.database.transact(lambda c: c.execute(layout.sql(_FILE, "move"), origin, fact))

    async def end(self, graph: str, id_: int, scope: str, *, erase: bool = False) -> Publication:
        """Withdraw a publication for good, with its claims; what else it stored is removed then. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                number = await scope_number(connection, layout, scope)
                row = await connection.fetchrow(publication_rows(layout, "get"), id_, number)
                if row is None or row["ended"] is not None:
                    raise NotFound(
                        f"There is no publication {id_} of this scope that stands.", hint="List the publications."
                    )
                held, passages = await self._replaced(connection, layout, row, _Origin(row["origin"]))
                if held is not None:
                    await connection.execute(layout.sql(_FILE, "end"), id_, "It was withdrawn.")
                await adopt_text(connection, layout, row)
                await let_go(connection, layout, id_, erase=erase)
                await passages.store(connection)

            await self.database.transact(work)
        return await self.get(graph, id_, scope)

    async def due(self, graph: str) -> Sequence[DuePublication]:
        """Return publications whose origin has changed, the first ones first."""
        where = self.catalog.on(graph, reads=_READS, expires=False)
        async with where as layout, self.database.connection() as connection:
            rows = await connection.fetch(publication_rows(layout, "due"), _AT_ONCE)
        return [DuePublication(publication_of(row), row["changes"]) for row in rows]

    async def follow(self, graph: str, due: DuePublication) -> None:
        """Bring the claims of a published fact up to date. Raises UnknownEntities."""
        async with self.catalog.on(graph, expires=False) as layout:
            if due.publication.kind == "relationship":  # It may be that nobody else states it.
                async with self.database.connection() as connection:
                    await source_ids(connection, layout, [due.publication.by], make=True)

            async def work(connection: asyncpg.Connection) -> None:
                row = await connection.fetchrow(publication_rows(layout, "get_due"), due.publication.id)
                if row is None:
                    return
                origin = await _origin(connection, layout, row)
                target = await scope_number(connection, layout, row["target"])
                await keep_entities(connection, layout, row["id"], target, _keys_of(origin))
                held, passages = await self._replaced(connection, layout, row, origin)
                if held is None:
                    await let_go(connection, layout, row["id"])
                else:
                    state = _NUMBER_OF["published" if origin.claims else "withdrawn"]
                    await connection.execute(
                        layout.sql(_FILE, "settle"), row["id"], row["changes"], state, held, origin.note,
                        list(origin.origins), origin.item,
                    )  # fmt: skip
                await passages.store(connection)

            await self.database.transact(work)

    async def _replaced(
        self, connection: asyncpg.Connection, layout: Layout, row: Any, origin: _Origin
    ) -> tuple[Sequence[int] | None, Passages]:
        """Store the claims of an origin in the place of those that a publication made, and weigh their topics.

        Returns the ids of the copies, None where the publication has ended meanwhile, and the passages to store last.
        Topics are locked before publications, as by whoever writes claims.
        """
        numbers = await scope_ids(connection, layout, [row["target"]], make=True)
        layout = layout.with_scopes(numbers)
        passages = Passages(layout)
        topics: dict[int, Topic] = {}
        places = {}
        if origin.claims:
            locked = await lock_topics(connection, passages, origin.claims)
            topics = {topic.id: topic for topic in locked.values()}
            places = {place: topic.id for place, topic in locked.items()}
        if row["kind"] != EPISODE and row["copies"]:
            of_copies = await connection.fetch(layout.sql(_FILE, "topics_of"), row["copies"])
            others = [each["topic"] for each in of_copies if each["topic"] not in topics]
            if others:
                more = await connection.fetch(layout.sql("claims", "lock_topics_by_id"), others)
                topics |= {each["id"]: topic_of(each) for each in more}
        held = await connection.fetchrow(publication_rows(layout, "locked"), row["id"])
        if held is None:
            return None, passages
        if held["kind"] == EPISODE:
            return (), passages
        made = await _copied(connection, layout, origin, places)
        outlived = await connection.fetch(
            layout.sql(_FILE, "outlived"), held["copies"], sorted(topics), row["scope"], made, row["id"]
        )
        ended, _ = await end_claims(connection, layout, [each["id"] for each in outlived])
        changed = {each["topic"] for each in ended} | (
            set(places.values()) if set(made) - set(held["copies"]) else set()
        )
        await weigh_topics(
            connection, passages, self.consensus, [topics[id_] for id_ in sorted(changed & topics.keys())]
        )
        return made, passages

    async def missing_entities(self, graph: str, due: DuePublication) -> Sequence[Entity]:
        """Return what the claims of a publication are about and the other scope does not see, to be stored there."""
        async with self.catalog.on(graph, expires=False) as layout, self.database.connection() as connection:
            row = await connection.fetchrow(publication_rows(layout, "get_due"), due.publication.id)
            if row is None or row["kind"] == EPISODE:
                return []
            origin = await _origin(connection, layout, row)
            return await _unseen(connection, layout, _keys_of(origin), due.publication)

    async def origin_text(self, graph: str, due: DuePublication) -> tuple[Episode | None, Sequence[Entity]]:
        """Return the text that a publication follows (None: it is gone), and what it mentions that is to be stored."""
        async with self.catalog.on(graph, expires=False) as layout, self.database.connection() as connection:
            row = await connection.fetchrow(layout.sql(_FILE, "key_of_text"), due.publication.item)
            if row is None:
                return None, []
            try:
                found = await reading.episode(connection, layout, row["key"], row["path"])
            except NotFound:
                return None, []
            return found, await _unseen(connection, layout, sorted(set(found.mentions)), due.publication)

    async def settle(self, graph: str, due: DuePublication, state: PublicationState, note: str) -> None:
        """Note why a text is not published, as its origin was at these changes; what is stored is to be removed."""
        async with self.catalog.on(graph, expires=False) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                row = await connection.fetchrow(publication_rows(layout, "locked"), due.publication.id)
                if row is None:
                    return
                await adopt_text(connection, layout, row)
                sql = layout.sql(_FILE, "settle_text")
                await connection.execute(sql, row["id"], due.changes, _NUMBER_OF[state], [], note)
                await let_go(connection, layout, row["id"])

            await self.database.transact(work)

    async def refuse(self, graph: str, due: DuePublication, note: str) -> None:
        """Note why a publication cannot follow its origin; its claims are withdrawn."""
        async with self.catalog.on(graph, expires=False) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                row = await connection.fetchrow(publication_rows(layout, "get_due"), due.publication.id)
                if row is None:
                    return
                held, passages = await self._replaced(connection, layout, row, _Origin(row["origin"]))
                if held is not None:
                    await connection.execute(
                        layout.sql(_FILE, "settle"), row["id"], row["changes"], _NUMBER_OF["refused"], [], note,
                        row["origins"], row["origin"],
                    )  # fmt: skip
                await let_go(connection, layout, row["id"])
                await passages.store(connection)

            await self.database.transact(work)

    async def of_claims(self, graph: str, claims: Sequence[int]) -> Sequence[Publication]:
        """Return the publications that made some of these claims."""
        return await self._found(graph, "of_claims", list(claims))

    async def copies_among(self, graph: str, items: Sequence[int], scope: str) -> frozenset[int]:
        """Return which items (ids) only repeat what the scope sees at its origin. Without publications it is free."""
        async with self.catalog.on(graph, reads=(), expires=False) as layout:
            if "publications" not in layout.subsystems.made:
                return frozenset()
            async with self.database.connection() as connection:
                sql = layout.sql(_FILE, "copies_among")
                rows = await connection.fetch(sql, list(items), list(visible_from(scope)))
                texts = [(row["id"], row["digest"]) for row in rows if row["digest"] is not None]
                same = await unchanged_among(connection, layout, texts)
        return same.union(row["id"] for row in rows if row["digest"] is None)

    async def of_texts(self, graph: str, keys: Sequence[str], scope: str) -> Sequence[Publication]:
        """Return the publications of texts of this scope only, those that ended too."""
        number = await self._number(graph, scope)
        return await self._found(graph, "of_texts", number, list(keys))

    async def from_scope(self, graph: str, scope: str) -> Sequence[Publication]:
        """Return up to a thousand publications from this scope only that are not ended."""
        number = await self._number(graph, scope)
        return await self._found(graph, "from_scope", number)

    async def _number(self, graph: str, scope: str) -> int:
        where = self.catalog.on(graph, reads=_READS, expires=False)
        async with where as layout, self.database.connection() as connection:
            return await scope_number(connection, layout, scope)

    async def _found(self, graph: str, name: str, *values: Any) -> Sequence[Publication]:
        async with self.catalog.on(graph, reads=_READS, expires=False) as layout:
            if "publications" not in layout.subsystems.made:
                return []
            async with self.database.connection() as connection:
                return [publication_of(row) for row in await connection.fetch(publication_rows(layout, name), *values)]


async def _named(
    connection: asyncpg.Connection, layout: Layout, request: PublicationRequest, scope: int
) -> tuple[int, int, int | None, tuple[str | None, str | None]]:
    """Return the kind, the id and the topic of what is to be published, its subject and predicate. Raises NotFound."""
    if request.key is not None:
        id_ = await connection.fetchval(layout.sql(_FILE, "text_of"), scope, request.key)
        if id_ is None:
            raise NotFound(f"There is no text {request.key!r} in this scope.", hint="List the episodes.", field="key")
        return EPISODE, id_, None, (None, None)
    assert request.item is not None  # noqa: S101 - a request is checked
    fact: int | None = request.item
    if request.item >= 1 << LABEL_SHIFT:
        fact = await connection.fetchval(layout.sql(_FILE, "fact_of_edge"), request.item)
    if fact is not None:
        row = await connection.fetchrow(layout.sql(_FILE, "topic_of_fact"), fact, scope)
        if row is not None:
            return FACT, fact, row["topic"], (row["subject"], row["predicate"])
    else:
        row = await connection.fetchrow(layout.sql(_FILE, "edge_now"), request.item, scope)
        if row is not None:
            topics = await connection.fetch(layout.sql("claims", "topics_of_edge"), request.item)
            topic = topics[0]["id"] if topics else None
            return RELATIONSHIP, request.item, topic, (row["subject"], row["predicate"])
    raise NotFound(
        f"There is no fact {request.item} in this scope.",
        hint="Give the id of a fact, or of a relationship between entities, of this scope itself.",
        field="item",
    )


async def _origin(connection: asyncpg.Connection, layout: Layout, row: Any) -> _Origin:
    """Return what a publication of a fact follows."""
    fact: int | None = row["origin"]
    if row["kind"] == RELATIONSHIP:
        fact = await connection.fetchval(layout.sql(_FILE, "fact_of_edge"), row["origin"])
    paths = list(visible_from(row["target"]))
    if fact is None:
        return await _relationship(connection, layout, row, paths)
    rows = await connection.fetch(layout.sql(_FILE, "fact_now"), fact, row["origins"])
    followed = set(row["origins"])
    options = {each["id"]: orjson.loads(each["options"]) for each in rows}
    found = max(
        rows,
        key=lambda each: len(followed & {claim for option in options[each["id"]] for claim in option["claims"]}),
        default=None,
    )
    item = row["origin"] if row["kind"] == RELATIONSHIP or found is None else found["id"]
    if found is None or found["path"] != row["scope"]:
        return _Origin(item, note="The fact is gone.", origins=row["origins"])
    if found["state"] == _INVALIDATED:
        return _Origin(item, note="The fact was invalidated.", origins=row["origins"])
    chosen = sorted({claim for option in options[found["id"]] if option["chosen"] for claim in option["claims"]})
    told = await connection.fetch(layout.sql(_FILE, "claims_now"), chosen, paths, None)
    end = found["valid"].upper
    claims = [_claim(each, row["target"], iso(end) if end is not None else None) for each in told]
    if not claims:
        return _Origin(item, note="No claim states the fact any more.", origins=row["origins"])
    return await _of_claims(connection, layout, row, item, (told, claims))


def _keys_of(origin: _Origin) -> list[str]:
    """Return the keys of the entities that the claims of an origin are about."""
    return sorted({key for each in origin.claims for key in (each.subject, each.object) if key})


async def _of_claims(
    connection: asyncpg.Connection,
    layout: Layout,
    row: Any,
    item: int,
    said: tuple[Sequence[Any], Sequence[ClaimStatement]],
) -> _Origin:
    """Return an origin of claims: as they are stored, and as the other scope states them."""
    told, claims = said
    ids = [each["id"] for each in told]
    refs = await claim_refs(connection, layout, ids)
    return _Origin(
        item, claims, ids, [each["value"] for each in told], [mark_of(refs[id_], row["scope"]) for id_ in ids]
    )


async def _relationship(connection: asyncpg.Connection, layout: Layout, row: Any, paths: Sequence[str]) -> _Origin:
    number = await scope_number(connection, layout, row["scope"])
    edge = await connection.fetchrow(layout.sql(_FILE, "edge_now"), row["origin"], number)
    if edge is None:
        return _Origin(row["origin"], note="The relationship is gone.")
    told = await connection.fetch(layout.sql(_FILE, "claims_now"), [], list(paths), row["origin"])
    if told:
        claims = [_claim(each, row["target"], None) for each in told]
        return await _of_claims(connection, layout, row, row["origin"], (told, claims))
    start, end = edge["valid"].lower, edge["valid"].upper
    said = ClaimStatement(
        row["by"], edge["subject"], edge["predicate"], edge["object"], scope=row["target"],
        valid_from=iso(start) if start is not None else None, valid_to=iso(end) if end is not None else None,
        confidence=1.0 if edge["confidence"] is None else float(edge["confidence"]),
    )  # fmt: skip
    apart = await connection.fetchval(layout.sql(_FILE, "mark_of_edge"), row["origin"])
    return _Origin(row["origin"], [said], [0], [None], [mark_of(edge_ref(apart), row["scope"])])


def _claim(row: Any, scope: str, end: str | None) -> ClaimStatement:
    """Return a claim as the other scope states it; what a decision ended has that end."""
    return ClaimStatement(
        row["source_key"], row["subject"], row["predicate"], row["object"],
        value=None if row["value"] is None else orjson.loads(row["value"]), valid_from=row["valid_from"],
        valid_to=row["valid_to"] if row["valid_to"] is not None else end, confidence=row["confidence"],
        episode=row["episode"],
        span=(row["begins"], row["ends"]) if row["episode"] is not None and row["begins"] is not None else None,
        scope=scope,
    )  # fmt: skip


async def _copied(
    connection: asyncpg.Connection,
    layout: Layout,
    origin: _Origin,
    places: Mapping[tuple[str, str, str, str], int],
) -> list[int]:
    """Store the claims of a publication that it has not stored yet; return the ids of all of them."""
    if not origin.claims:
        return []
    await source_ids(connection, layout, {each.source for each in origin.claims}, make=False)
    rows = [
        (
            places[place_of(each)], layout.sources[each.source], each.object,
            value, each.valid_from, each.valid_to,
            each.confidence, each.episode, *(each.span or (None, None)), origin_id, mark,
        )
        for each, value, origin_id, mark in zip(
            origin.claims, origin.values, origin.origins, origin.marks, strict=True
        )
    ]  # fmt: skip
    made = await connection.fetch(layout.sql(_FILE, "put_copies"), *map(list, zip(*rows, strict=True)))
    new = [each for each in made if each["created"]]
    if new:
        await connection.execute(
            layout.sql(_FILE, "put_origins"), [each["id"] for each in new], [each["origin"] for each in new]
        )
    return [each["id"] for each in made]


async def _unseen(
    connection: asyncpg.Connection, layout: Layout, keys: Sequence[str], publication: Publication
) -> list[Entity]:
    """Return the entities that the other scope does not see, as they are to be stored there."""
    there = await connection.fetch(layout.sql("claims", "seen_keys"), list(visible_from(publication.to)), list(keys))
    found = []
    for key in sorted(set(keys) - {row["key"] for row in there}):
        try:
            entity = await reading.entity(connection, layout, key, publication.scope)
        except NotFound:
            continue
        if entity is not None:
            found.append(Entity(key, entity.label, entity.name, scope=publication.to))
    return found
