"""Unique values: how an index reads a property, and what its refusal of a value means to a caller."""

import json

import asyncpg
import orjson

from kgmem.domain.errors import Conflict
from kgmem.storage.postgres.statements import statement

UNIQUE = "kgmem_unique_"
_FILE = "property_indexes"
_SHOWN = 100  # Characters of a value that an error shows.


def places(stored: str) -> dict[str, str]:
    """Give the SQL of a stored property's value, of the scope and of the key, as AGE writes them itself."""
    return {"value": _access(stored), "scope": _access("scope"), "key": _access("key")}


def _access(name: str) -> str:
    quoted = orjson.dumps(name).decode().replace("'", "''")
    return f"ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '{quoted}'::ag_catalog.agtype])"


async def explain(connection: asyncpg.Connection, error: asyncpg.UniqueViolationError) -> Conflict | None:
    """Give the Conflict that a refused value amounts to; None for the violation of another index."""
    graph, label, name = error.schema_name, error.table_name, error.constraint_name
    if not name or not name.startswith(UNIQUE):
        return None
    told = await connection.fetchval(statement(_FILE, "described"), graph, name)
    value, scope = _values(error.detail or "")
    if told is None or value is None:
        return Conflict("A value that is unique is taken.", mend="Give each its own; kgmem graph schema names them.")
    index = orjson.loads(told)
    sql = statement(_FILE, "holder", graph=graph, label=label) % places(index["stored"])
    holder = await connection.fetchval(sql, value, scope)
    return taken(index["label"], index["property"], value, [holder] if holder else [])


def taken(label: str, name: str, value: str, keys: list[str]) -> Conflict:
    """Give the error for a value (as agtype) that several want to have; `keys` (as agtype) names those that do."""
    plain = [_plain(key) for key in keys]
    shown = value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "..."
    who = " and ".join(map(repr, plain)) or "another one that is written at the same time"
    have = "both have" if len(plain) > 1 else "has"
    return Conflict(
        f"{name} is unique among {label} of one scope, and {who} {have} the value {shown}.",
        mend="Give another value, or write to the one that has it.",
        property=name,
        value=shown,
        label=label,
        keys=plain,
    )


def _values(detail: str) -> tuple[str | None, str | None]:
    """Give value and scope out of `Key (...)=(VALUE, SCOPE) already exists.`, each as agtype; None for no scope."""
    _, found, rest = detail.partition(")=(")
    try:
        _, end = json.JSONDecoder().raw_decode(rest)
    except ValueError:  # A value that Postgres does not show whole, or a number that is no JSON.
        return None, None
    scope = rest[end + 2 :].rpartition(")")[0]
    return (rest[:end], None if scope == "null" else scope) if found else (None, None)


def _plain(key: str) -> str:
    try:
        return str(orjson.loads(key))
    except orjson.JSONDecodeError:
        return key
