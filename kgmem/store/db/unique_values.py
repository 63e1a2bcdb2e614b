"""Unique values: how an index reads properties, and what its refusal of values means to a caller."""

import json
from collections.abc import Sequence

import asyncpg
import orjson

from kgmem.domain.errors import Conflict
from kgmem.store.db.sql import SQL, compose, fill, join, literal, number
from kgmem.store.db.statements import statement

UNIQUE = "kgmem_unique_"
_FILE = "property_indexes"
_SHOWN = 100  # Characters of a value that an error shows.


def access(stored: str) -> SQL:
    """Give the SQL of a stored property's value, as AGE writes it itself."""
    name = literal(orjson.dumps(stored).decode())
    return compose("ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, {}::ag_catalog.agtype])", name)


def places(stored: Sequence[str]) -> dict[str, SQL]:
    """Give the SQL of stored properties' values, of the scope and of the key, for the statements about indexes."""
    values = [access(name) for name in stored]
    return {
        "values": join(", ", (compose("({})", value) for value in values)),
        "present": join(" AND ", (compose("{} IS NOT NULL", value) for value in values)),
        "shown": join(" || ', ' || ", (compose("ag_catalog.agtype_out({})::text", value) for value in values)),
        "equal": join(
            " AND ",
            (
                compose("{} = ($1::text[])[{}]::ag_catalog.agtype", value, number(n))
                for n, value in enumerate(values, 1)
            ),
        ),
        "scope": access("scope"),
        "key": access("key"),
    }


async def explain(connection: asyncpg.Connection, error: asyncpg.UniqueViolationError) -> Conflict | None:
    """Give the Conflict that refused values amount to; None for the violation of another index."""
    graph, label, name = error.schema_name, error.table_name, error.constraint_name
    if not name or not name.startswith(UNIQUE):
        return None
    told = await connection.fetchval(statement(_FILE, "described"), graph, name)
    if told is not None:
        index = orjson.loads(told)
        # The comment on an index of one property may be from before there were indexes of several.
        names, stored = (_listed(index[one]) for one in ("property", "stored"))
        values, scope = _values(error.detail or "", len(stored))
        if values:
            sql = fill(statement(_FILE, "holder", graph=graph, label=label), places(stored))
            holder = await connection.fetchval(sql, values, scope)
            return taken(index["label"], names, ", ".join(values), [holder] if holder else [])
    return Conflict("A value that is unique is taken.", mend="Give each its own; kgmem graph schema names them.")


def taken(label: str, names: Sequence[str], value: str, keys: list[str]) -> Conflict:
    """Give the error for values (as agtype) that several want to have; `keys` (as agtype) names those that do."""
    plain = [_plain(key) for key in keys]
    shown = value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "..."
    who = " and ".join(map(repr, plain)) or "another one that is written at the same time"
    have = "both have" if len(plain) > 1 else "has"
    what, value_is = (f"{names[0]} is", "value") if len(names) == 1 else (f"{', '.join(names)} are together", "values")
    return Conflict(
        f"{what} unique among {label} of one scope, and {who} {have} the {value_is} {shown}.",
        mend="Give another value, or write to the one that has it.",
        type="ConstraintValidationFailed",
        property=", ".join(names),
        value=shown,
        label=label,
        keys=plain,
    )


def _listed(told: str | list[str]) -> list[str]:
    return [told] if isinstance(told, str) else told


def _values(detail: str, count: int) -> tuple[list[str], str | None]:
    """Give values and scope out of `Key (...)=(VALUE, SCOPE) already exists.`, each as agtype; None for no scope."""
    _, found, rest = detail.partition(")=(")
    values: list[str] = []
    for _ in range(count if found else 0):
        try:
            _, end = json.JSONDecoder().raw_decode(rest)
        except ValueError:  # A value that Postgres does not show whole, or a number that is no JSON.
            return [], None
        values.append(rest[:end])
        rest = rest[end + 2 :]
    scope = rest.rpartition(")")[0]
    return values, None if scope == "null" else scope


def _plain(key: str) -> str:
    try:
        return str(orjson.loads(key))
    except orjson.JSONDecodeError:
        return key
