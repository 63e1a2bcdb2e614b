"""What a context needs of the store: the latest messages, digests of older parts, and current facts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.agents.digest import Digest
from kgmem.domain.agents.message import StoredMessage
from kgmem.domain.agents.session import CurrentFact, Session, SessionAddress, in_words
from kgmem.domain.claims.consensus import VERIFIED
from kgmem.domain.claims.fact_rules import state_of
from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.graph.relationship import Relationship, kind_in_words, worded
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.text.extraction_result import CO_MENTIONED
from kgmem.domain.time.interval import iso
from kgmem.store.agents.session_parts import read_parts
from kgmem.store.agents.session_rows import existing, message_of, session_of
from kgmem.store.agents.sessions import READS
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import EDGE, Layout, know_labels, learn_labels
from kgmem.store.graph.records import text_of
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.read.items import relationships_of
from kgmem.store.write.episodes import MENTIONS

_FILE: Final = "session_parts"
_READS: Final = (*READS, "claims", "blocks")  # All that a context reads: what follows `latest` does not look again.
_ENTITIES: Final = 8  # Of which facts are read.
_FACTS: Final = 24
_OF_A_KIND: Final = 100  # Relationships of an entity that are compared, of each kind and direction.
_DERIVED: Final = (MENTIONS, CO_MENTIONED, SIMILAR_TO)
_MESSAGES: Final = 500
_STATES: Final = {1: "verified", 2: "contested", 3: "unverified"}  # Of relationship_state and fact.


class PostgresContexts:
    """Reads what contexts are made of."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def latest(
        self, graph: str, address: SessionAddress, least: int, budget: int
    ) -> tuple[Session, Sequence[StoredMessage]]:
        """Return a session and its latest messages, the newest first: `least`, and more within a budget of tokens.

        Raises NotFound.
        """
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            row = await existing(connection, layout, address)
            rows = await connection.fetch(
                layout.sql("sessions", "latest"), row["id"], least, max(least, min(budget // 12, _MESSAGES)), budget
            )
        return session_of(row, address.scope), [message_of(each, address.id) for each in rows]

    async def digests(self, graph: str, address: SessionAddress, parts: Sequence[tuple[int, int]]) -> Sequence[Digest]:
        """Return the digests of parts (level, place) of a session, in this order; called after `latest`."""
        if not parts:
            return []
        async with self.catalog.on(graph, reads=(), expires=False) as layout, self.database.connection() as connection:
            return await read_parts(connection, layout, address, parts)

    async def facts(
        self, graph: str, address: SessionAddress, messages: Sequence[int], entities: Sequence[int]
    ) -> Sequence[CurrentFact]:
        """Return current facts of what messages (numbers) mention and of entities (ids), by worth.

        Called after `latest`.
        """
        async with self.catalog.on(graph, reads=(), expires=False) as layout, self.database.connection() as connection:
            items = []
            if messages:
                place = (address.scope, address.id)
                items = await connection.fetch(layout.sql(_FILE, "items"), *place, list(messages))
            if any((EDGE, kind) not in layout.labels for kind in _DERIVED):
                await learn_labels(connection, layout)
            kinds = {kind: label.id for kind in _DERIVED if (label := layout.labels.get((EDGE, kind)))}
            rows = await connection.fetch(
                layout.sql(_FILE, "facts"), [each["item"] for each in items], kinds.get(MENTIONS, -1),
                list(entities), _ENTITIES, list(visible_from(address.scope)), list(kinds.values()), _OF_A_KIND,
            )  # fmt: skip
            unique = list({each["id"]: each for each in rows}.values())[:_FACTS]
            edges = [each for each in unique if each["kind"] is not None]
            await know_labels(connection, layout, [each["id"] for each in edges])
            names = await _names(connection, layout, unique)
            states = {each["id"]: each for each in edges}
            relationships = await relationships_of(connection, layout, edges)
        held = {each.id: _fact(each, states[each.id], names) for each in relationships}
        held |= {each["id"]: _value(each, names) for each in unique if each["kind"] is None}
        return [held[each["id"]] for each in unique if each["id"] in held]


async def _names(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> dict[str, str]:
    """Return the names of the ends of facts by key, of those that have one."""
    ends = (("source", "start_key"), ("target", "end_key"))
    keys = {row[end]: row[key] for row in rows for end, key in ends if row[end] is not None}
    await know_labels(connection, layout, keys)
    stored = await read_vertices(connection, layout, list(keys))
    found = {keys[id_]: text_of(properties, "name") for id_, properties in stored.items()}
    return {key: name for key, name in found.items() if name}


def _fact(held: Relationship, row: Any, names: Mapping[str, str]) -> CurrentFact:
    sentence = worded(names.get(held.start, held.start), held.kind, names.get(held.end, held.end))
    return CurrentFact(
        held.id or 0, held.kind, held.start, held.end, held.text or sentence, held.valid_from, held.valid_to,
        state=_STATES.get(row["state"]),
    )  # fmt: skip


def _value(row: Any, names: Mapping[str, str]) -> CurrentFact:
    """Return a value that claims give to an entity: the id is that of the fact."""
    subject, value = row["start_key"], orjson.loads(row["value"])
    # One that another value replaces later is as sure until then as it is by itself.
    state = _STATES.get(row["state"]) or state_of(row["weight"], row["opposing"], VERIFIED).value
    others = [each for each in orjson.loads(row["options"]) if not each["chosen"] and each["probability"] > 0]
    others.sort(key=lambda each: -each["probability"])
    since, until = (iso(row[bound]) if row[bound] is not None else None for bound in ("since", "until"))
    return CurrentFact(
        row["id"], row["predicate"], subject, None,
        f"{names.get(subject, subject)} {kind_in_words(row['predicate'])}: {in_words(value)}",
        since, until, value, state,
        [each["value"] for each in others] if state == "contested" else (),
    )  # fmt: skip
