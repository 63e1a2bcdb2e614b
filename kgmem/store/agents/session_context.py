"""What a context needs of the store: the latest messages, digests of older parts, and current facts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.agents.digest import Digest
from kgmem.domain.agents.message import StoredMessage
from kgmem.domain.agents.session import CurrentFact, Session, SessionAddress, in_words, no_such_session
from kgmem.domain.claims.consensus import VERIFIED
from kgmem.domain.claims.fact_rules import state_of
from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.graph.relationship import kind_in_words, worded
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.text.extraction_result import CO_MENTIONED
from kgmem.domain.time.interval import iso
from kgmem.store.agents.session_parts import read_parts
from kgmem.store.agents.session_rows import message_of, session_of
from kgmem.store.db.sql import fill, join, parameter
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, know_labels, label_id
from kgmem.store.graph.records import loads, text_of
from kgmem.store.write.episodes import MENTIONS

_FILE: Final = "session_parts"
_ENTITIES: Final = 8  # Of which facts are read.
_FACTS: Final = 24
_ENDS: Final = (("source", "start_key"), ("target", "end_key"))  # Of the rows of facts: the id and the key.
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
        async with self.catalog.on(graph, reads=()) as layout, self.database.connection() as connection:
            most = max(least, min(budget // 12, _MESSAGES))
            rows: Sequence[asyncpg.Record] = ()
            while not rows:
                made = layout.subsystems.made
                rows = await connection.fetch(
                    layout.sql(_FILE, "latest"), address.scope, address.id, least, most, budget, layout.id
                )
                if rows and not made.issuperset(rows[0]["subsystems"]):  # Another process has made some meanwhile.
                    layout.subsystems.learn(rows[0]["subsystems"])
                    rows = ()
                elif not rows or rows[0]["session"] is None:
                    raise no_such_session(address)
        session = session_of({**rows[0], **_of_session(rows[0])}, address.scope)
        return session, [message_of(each, address.id) for each in rows if each["seq"] is not None]

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
            rows = await connection.fetch(
                layout.sql(_FILE, "facts"), address.scope, address.id, list(messages), list(entities), _ENTITIES,
                list(visible_from(address.scope)), list(_DERIVED), _OF_A_KIND, MENTIONS,
            )  # fmt: skip
            unique = list({each["id"]: each for each in rows}.values())[:_FACTS]
            ends = {row[end]: row[key] for row in unique for end, key in _ENDS if row[end] is not None}
            edges = [each["id"] for each in unique if each["kind"] is not None]
            stored = await _stored(connection, layout, list(ends), edges)
        names = {key: name for id_, key in ends.items() if (name := text_of(stored.get(id_, {}), "name"))}
        return [
            _value(each, names) if each["kind"] is None else _fact(layout, each, stored[each["id"]], names)
            for each in unique
            if each["kind"] is None or each["id"] in stored
        ]


async def _stored(
    connection: asyncpg.Connection, layout: Layout, vertices: Sequence[int], edges: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Return what is stored of vertices (the name alone) and of edges, by id; what is gone is missing."""
    await know_labels(connection, layout, (*vertices, *edges))
    groups: dict[tuple[int, str], list[int]] = defaultdict(list)
    for name, ids in (("names", vertices), ("relationships", edges)):
        for id_ in ids:
            groups[label_id(id_), name].append(id_)
    parts, values = [], []
    for (label, name), group in sorted(groups.items()):
        if label in layout.by_id:
            values.append(group)
            sql = layout.sql(_FILE, name, label=layout.by_id[label].age_name)
            parts.append(fill(sql, {"ids": parameter(len(values), "ag_catalog.graphid[]")}))
    if not parts:
        return {}
    rows = await connection.fetch(join(" UNION ALL ", parts), *values)
    return {row["id"]: loads(row["stored"]) for row in rows}


def _of_session(row: asyncpg.Record) -> dict[str, Any]:
    """Return what a session and its messages both have a column for, as that of the session."""
    return {"name": row["of"], "tokens": row["all_tokens"], "created": False}


def _fact(layout: Layout, row: Any, stored: Mapping[str, Any], names: Mapping[str, str]) -> CurrentFact:
    """Return a relationship: in the words that are stored with it, or in those of its kind and its ends."""
    kind, start, end = layout.by_id[row["kind"]].name, row["start_key"], row["end_key"]
    return CurrentFact(
        row["id"], kind, start, end,
        text_of(stored, "text") or worded(names.get(start, start), kind, names.get(end, end)),
        text_of(stored, "valid_from"), text_of(stored, "valid_to"), state=_STATES.get(row["state"]),
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
