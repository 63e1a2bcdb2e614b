"""What a context needs of the store: the latest messages, digests of older parts, and current facts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.agents.digest import Digest
from kgmem.domain.agents.message import StoredMessage
from kgmem.domain.agents.session import CurrentFact, Session, SessionAddress
from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.graph.relationship import Relationship, worded
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.text.extraction_result import CO_MENTIONED
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
        """Return current relationships of what messages (numbers) mention and of entities (ids), by worth.

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
            await know_labels(connection, layout, [each["id"] for each in unique])
            names = await _names(connection, layout, unique)
            relationships = await relationships_of(connection, layout, unique)
        return [_fact(each, names) for each in relationships]


async def _names(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> dict[str, str]:
    """Return the names of the ends of relationships by key, of those that have one."""
    keys = {row[end]: row[key] for row in rows for end, key in (("source", "start_key"), ("target", "end_key"))}
    await know_labels(connection, layout, keys)
    stored = await read_vertices(connection, layout, list(keys))
    found = {keys[id_]: text_of(properties, "name") for id_, properties in stored.items()}
    return {key: name for key, name in found.items() if name}


def _fact(held: Relationship, names: Mapping[str, str]) -> CurrentFact:
    sentence = worded(names.get(held.start, held.start), held.kind, names.get(held.end, held.end))
    return CurrentFact(held.id or 0, held.kind, held.start, held.end, held.text or sentence, held.valid_from)
