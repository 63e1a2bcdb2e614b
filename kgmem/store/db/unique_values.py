"""Unique values: how an index reads properties, and what the refusal of values means to a caller.

Values of relationships, and of what other AGE clients write, are refused by an index on the table of the label; those
of nodes by the table `unique_value` of the graph, which has the values of all that bear a label.
"""

import json
from collections.abc import Sequence

import asyncpg
import orjson

from kgmem.domain.errors import Conflict
from kgmem.store.db.sql import SQL, compose, fill, join, literal, number
from kgmem.store.db.statements import statement

UNIQUE = "kgmem_unique_"
_FILE = "property_indexes"
_OF_NODES = "unique_value_key"  # The index by which values of nodes are refused.
_SHOWN = 100  # Characters of a value that an error shows.


def access(stored: str) -> SQL:
    """Return the SQL of a stored property's value, as AGE writes it itself."""
    name = literal(orjson.dumps(stored).decode())
    return compose("ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, {}::ag_catalog.agtype])", name)


def places(stored: Sequence[str]) -> dict[str, SQL]:
    """Return the SQL of stored properties' values, of the scope and of the key, for the statements about indexes."""
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
    """Return the Conflict that refused values amount to; None for the violation of another index."""
    graph, label, name = error.schema_name, error.table_name, error.constraint_name
    if name == _OF_NODES:
        return await _of_nodes(connection, error)
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
    return _unknown()


async def forget_stale(connection: asyncpg.Connection, error: asyncpg.UniqueViolationError) -> bool:
    """Delete the record of a value that its node no longer has, since another AGE client wrote.

    Returns whether there was one: the caller then writes again what was refused.
    """
    refused = _refused(error.detail or "") if error.constraint_name == _OF_NODES else None
    if refused is None:
        return False
    graph = await connection.fetchval(statement("unique_values", "age_name"), error.schema_name)
    if graph is None:
        return False
    sql = statement("unique_values", "forget_stale", index=error.schema_name or "", graph=graph)
    return await connection.fetchval(sql, *refused) is not None


async def _of_nodes(connection: asyncpg.Connection, error: asyncpg.UniqueViolationError) -> Conflict:
    refused, index = _refused(error.detail or ""), error.schema_name or ""
    rule = refused and await connection.fetchrow(statement("unique_values", "rule", index=index), refused[0])
    if not refused or not rule:
        return _unknown()
    holder = await connection.fetchval(statement("unique_values", "holder", index=index), *refused)
    return taken(rule["label"], rule["declared"], refused[1], [json.dumps(holder)] if holder else [])


def _refused(detail: str) -> tuple[int, str, str | None] | None:
    """Rule, value and scope out of `Key (...)=(RULE, VALUE, SCOPE) already exists.`; None where it is unclear."""
    _, _, rest = detail.partition(")=(")
    rule, _, rest = rest.partition(", ")
    values, scope = _values(f")=({rest}", 1)
    return (int(rule), values[0], scope) if rule.isdecimal() and values else None


def _unknown() -> Conflict:
    return Conflict("A value that is unique is taken.", hint="Give each its own; kgmem graph schema names them.")


def taken(label: str, names: Sequence[str], value: str, keys: list[str]) -> Conflict:
    """Return the error for values (as agtype) that several want to have; `keys` (as agtype) names those that do."""
    plain = [_plain(key) for key in keys]
    if len(names) > 1 and value.startswith("["):
        value = value[1:-1]
    shown = value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "..."
    who = " and ".join(map(repr, plain)) or "another one that is written at the same time"
    have = "both have" if len(plain) > 1 else "has"
    what, value_is = (f"{names[0]} is", "value") if len(names) == 1 else (f"{', '.join(names)} are together", "values")
    return Conflict(
        f"{what} unique among {label} of one scope, and {who} {have} the {value_is} {shown}.",
        hint="Give another value, or write to the one that has it.",
        type="ConstraintValidationFailed",
        property=", ".join(names),
        value=shown,
        label=label,
        keys=plain,
    )


def _listed(told: str | list[str]) -> list[str]:
    return [told] if isinstance(told, str) else told


def _values(detail: str, count: int) -> tuple[list[str], str | None]:
    """Return values and scope out of `Key (...)=(VALUE, SCOPE) already exists.`, each as agtype; None for no scope.

    What an index has behind the scope, so that nodes which have left their label are no duplicates, is passed over.
    """
    _, found, rest = detail.partition(")=(")
    parts: list[str] = []
    for _ in range(count + 1 if found else 0):
        try:
            _, end = json.JSONDecoder().raw_decode(rest)
        except ValueError:  # A value that Postgres does not show whole, or a number that is no JSON.
            return [], None
        parts.append(rest[:end])
        rest = rest[end + 2 :]
    scope = parts.pop() if parts else "null"
    return parts, None if scope == "null" else scope


def _plain(key: str) -> str:
    try:
        return str(orjson.loads(key))
    except orjson.JSONDecodeError:
        return key
