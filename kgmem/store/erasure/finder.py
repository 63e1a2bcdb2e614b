"""What belongs to a person or mentions one: rows of all tables that have a text, and to what each of them belongs."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from kgmem.domain.erasure.erasure import ErasureRequest, Found, Progress
from kgmem.domain.erasure.sought import Redactor
from kgmem.domain.graph.entity import EPISODE
from kgmem.store.agents.traces import FoundRow, SearchedTable, TextSearch, schemas_of, tables_of
from kgmem.store.db.database import Database
from kgmem.store.graph.layout import EDGE, Layout, register_foreign_labels
from kgmem.store.graph.records import loads
from kgmem.store.sync.index_sync import IndexSync

_FILE: Final = "erasure"
# Tables of which a row belongs to something that has a number in this column.
_OWNERS: Final = {
    "memory_block": ("block", "id"),
    "agent_state": ("state", "id"),
    "subscription": ("subscription", "id"),
    "followed_answer": ("subscription", "subscription"),
}
# Properties (their letters alone) that name what has them. Others, as the mayor of a city, name somebody else.
_NAMING: Final = frozenset(
    {
        "name", "names", "alias", "aliases", "fullname", "displayname", "firstname", "lastname", "givenname",
        "familyname", "surname", "middlename", "birthname", "maidenname", "nickname", "screenname",
        "email", "emails", "emailaddress", "mail", "phone", "phones", "phonenumber", "telephone", "tel", "mobile",
        "username", "login", "handle", "id", "uuid", "ssn", "passport", "passportnumber",
        "iban", "nom", "prenom", "nachname", "vorname", "nombre", "apellido", "nome", "cognome", "naam",
    }
)  # fmt: skip


@dataclass(slots=True)
class _Rows:
    """Numbers of what rows belong to, by kind."""

    nodes: dict[int, dict[str, Any]] = field(default_factory=dict)
    edges: dict[int, dict[str, Any]] = field(default_factory=dict)
    claims: set[int] = field(default_factory=set)
    topics: set[int] = field(default_factory=set)
    messages: set[tuple[int, int]] = field(default_factory=set)
    named: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    sources: dict[int, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


async def find(
    database: Database, layout: Layout, request: ErasureRequest, *, server: bool, progress: Progress
) -> Found:
    """Return what belongs to a person, or mentions one."""
    async with database.connection() as connection:
        await register_foreign_labels(connection, layout)
        tables = await tables_of(connection, schemas_of(layout, server=server))
    search, rows = TextSearch(database, request.sought()), _Rows()
    for place, table in enumerate(tables if request.texts else ()):
        progress("search", place, len(tables))
        async for row in search.rows(table):
            rows.counts[table.name] = rows.counts.get(table.name, 0) + 1
            _take(layout, rows, table, row, search.redactor)
    if request.texts and (states := [each async for each in search.states(layout)]):
        rows.counts["agent_state_version"] = len(states)
    await _index(database, layout, [*rows.nodes, *rows.edges])
    async with database.connection() as connection:
        return await _found(connection, layout, request, rows, search.redactor)


async def _index(database: Database, layout: Layout, ids: list[int]) -> None:
    """Index what another client wrote and no job has seen yet."""

    async def work(connection: asyncpg.Connection) -> None:
        rows = await connection.fetch(layout.sql(_FILE, "not_indexed"), ids)
        await IndexSync(connection, layout).sync([row["id"] for row in rows])

    if ids:
        await database.transact(work)


def _take(layout: Layout, rows: _Rows, table: SearchedTable, row: FoundRow, redactor: Redactor) -> None:
    """Note to what a row belongs."""
    values = row.values
    if table.schema == layout.age_name:
        if "properties" in values:
            kind = next((each.kind for each in layout.by_id.values() if each.age_name == table.name), None)
            told = values["properties"]
            properties = loads(told) if isinstance(told, str) else told
            (rows.edges if kind == EDGE else rows.nodes)[int(values["id"])] = properties
    elif table.schema != layout.index_name:
        return
    elif table.name == "claim":
        rows.claims.add(values["id"])
    elif table.name == "topic":
        rows.topics.add(values["id"])
    elif table.name == "session_message":
        rows.messages.add((values["session"], values["seq"]))
    elif table.name == "source":
        rows.sources[values["id"]] = values["key"]
    elif table.name == "session":
        users = values["users"] or []
        if redactor.finds(values["name"]) or (users and all(map(redactor.finds, users))):
            rows.named["session"].add(values["id"])  # Else it is others' session, too, and only loses the name.
    elif table.name in _OWNERS:
        owner, column = _OWNERS[table.name]
        rows.named[owner].add(values[column])


async def _found(
    connection: asyncpg.Connection, layout: Layout, request: ErasureRequest, rows: _Rows, redactor: Redactor
) -> Found:
    """Return what rows belong to, with their keys and scopes."""
    items = await connection.fetch(layout.sql(_FILE, "items"), list(rows.nodes))
    keyed = await connection.fetch(layout.sql(_FILE, "items_of_keys"), request.keys_in, list(request.entities))
    entities = {row["id"]: (row["path"], row["key"], row["id"]) for row in keyed}
    episodes: dict[int, tuple[str, str, int]] = {}
    mentions: list[int] = []
    for row in items:
        place = (row["path"], row["key"], row["id"])
        if row["kind"] == EPISODE:
            episodes[row["id"]] = place
        elif is_person(rows.nodes[row["id"]], row["key"], redactor):
            entities[row["id"]] = place
        elif row["id"] not in entities:
            mentions.append(row["id"])
    paths, keys = [each[0] for each in entities.values()], [each[1] for each in entities.values()]
    for row in await connection.fetch(layout.sql(_FILE, "mentioning"), paths, keys):
        episodes[row["id"]] = (row["path"], row["key"], row["id"])
    sessions, seqs = [each[0] for each in rows.messages], [each[1] for each in rows.messages]
    for row in await connection.fetch(layout.sql(_FILE, "messages"), sessions, seqs):
        episodes[row["id"]] = (row["path"], row["key"], row["id"])
    said = [id_ for id_, properties in rows.edges.items() if mentions_beside_source(properties, redactor)]
    edges = await connection.fetch(layout.sql(_FILE, "edges"), said)
    claims = await connection.fetch(layout.sql(_FILE, "claims"), list(rows.claims), list(rows.topics))
    of_keys = await connection.fetch(layout.sql(_FILE, "claims_of_keys"), paths, keys)
    numbers = [list(rows.named[kind]) for kind in ("session", "block", "state", "subscription")]
    named = await connection.fetch(layout.sql(_FILE, "named"), *numbers)
    return Found(
        entities=list(entities.values()),
        mentions=mentions,
        episodes=list(episodes.values()),
        relationships=[(row["path"], row["id"]) for row in edges],
        claims=sorted({(row["path"], row["id"]) for row in (*claims, *of_keys)}),
        sessions=[(row["path"], row["name"]) for row in named if row["kind"] == "session"],
        blocks=[(row["path"], row["name"]) for row in named if row["kind"] == "block"],
        states=[(row["path"], row["agent"], row["name"]) for row in named if row["kind"] == "state"],
        subscriptions=[(row["path"], row["name"]) for row in named if row["kind"] == "subscription"],
        sources=sorted(rows.sources.items()),
        topics=sorted(rows.topics),
        names=request.texts,
        rows=rows.counts,
    )


def is_person(properties: dict[str, Any], key: str, redactor: Redactor) -> bool:
    """Return whether an entity is what the texts name: by its key, or since what names it is one of them as a whole."""
    if redactor.finds(key):
        return True
    return any(redactor.equals(value) for name, value in properties.items() if _names(name))


def _names(property_: str) -> bool:
    return "".join(filter(str.isalpha, property_.casefold())) in _NAMING


def mentions_beside_source(properties: dict[str, Any], redactor: Redactor) -> bool:
    """Return whether a relationship mentions one of the texts elsewhere than as its source."""
    return any(redactor.finds(value) or redactor.finds(name) for name, value in properties.items() if name != "source")


def texts_of(properties: Any) -> list[str]:
    """Return what names an entity among its properties: name and aliases, and what has an @."""
    found = [properties.get("name"), properties.get("email")]
    for name in ("aliases", "names", "emails"):
        value = properties.get(name)
        found += value if isinstance(value, list) else [value]
    found += [value for value in properties.values() if isinstance(value, str) and _is_address(value)]
    return list(dict.fromkeys(each.strip() for each in found if isinstance(each, str) and each.strip()))


def _is_address(text: str) -> bool:
    return "@" in text and len(text) <= 254 and not any(map(str.isspace, text))
