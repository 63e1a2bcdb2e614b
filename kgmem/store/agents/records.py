"""The states of agents, read for an export: from the transaction's snapshot, a few versions at a time."""

import base64
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.agents.records import PART_BYTES, RETENTION, STATE, VERSION
from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.time.interval import iso
from kgmem.store.graph.layout import Layout

_FILE: Final = "agent_states"
_PAGE: Final = 500
_AT_ONCE: Final = 8 * 1024 * 1024  # Compressed bytes that are read at once; one version alone may have more.


async def state_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the states of one scope, or of all, in pages of one kind: states, their versions, retention rules."""
    cursor = await connection.cursor(layout.sql(_FILE, "all_states"), scope)
    while rows := await cursor.fetch(_PAGE):
        yield [_record(STATE, _state(row)) for row in rows]
    cursor = await connection.cursor(layout.sql(_FILE, "all_sizes"), scope)
    while rows := await cursor.fetch(_PAGE):
        for some in _stretches(rows):
            found = await connection.fetch(layout.sql(_FILE, "packed"), some[0]["id"], [row["version"] for row in some])
            yield [_record(VERSION, part) for row in found for part in _parts(some[0], row)]
    cursor = await connection.cursor(layout.sql(_FILE, "all_rules"), scope)
    while rows := await cursor.fetch(_PAGE):
        yield [_record(RETENTION, {**_owner(row), "rules": orjson.loads(row["rules"])}) for row in rows]


def _stretches(rows: Sequence[Any]) -> list[list[Any]]:
    """Return versions in stretches: each of one state, and of few bytes."""
    found: list[list[Any]] = []
    weight = 0
    for row in rows:
        weight += row["stored"]
        if not found or found[-1][0]["id"] != row["id"] or weight > _AT_ONCE:
            found.append([])
            weight = row["stored"]
        found[-1].append(row)
    return found


def _state(row: Any) -> dict[str, Any]:
    checkpoints = orjson.loads(row["checkpoints"])
    names = [{"name": name, "version": version, "at": iso(at)} for name, version, at in checkpoints]
    return {
        **_owner(row),
        "name": row["name"],
        "last": row["last"],
        "versions": row["versions"],
        "checkpoints": names or None,
        "expires_at": None if row["expires_at"] is None else iso(row["expires_at"]),
    }


def _parts(state: Any, row: Any) -> list[dict[str, Any]]:
    """Return the records of one version: one, or of a large one a record for each part of its content."""
    packed = row["packed"]
    cut = [packed[at : at + PART_BYTES] for at in range(0, len(packed), PART_BYTES)]
    told = {
        **_owner(state), "name": state["name"], "version": row["version"], "at": iso(row["at"]),
        "media_type": row["media_type"], "size": row["size"], "sha256": row["checksum"].hex(), "author": row["author"],
        "restored_from": row["restored_from"], "branched_from": row["branched_from"], "base": row["base"],
    }  # fmt: skip
    if len(cut) == 1:
        return [{**told, "data": base64.b64encode(packed).decode()}]
    return [
        {**told, "part": number, "parts": len(cut), "data": base64.b64encode(part).decode()}
        for number, part in enumerate(cut, start=1)
    ]


def _owner(row: Any) -> dict[str, Any]:
    return {"agent": row["agent"], "scope": row["scope"] or None}


def _record(kind: BeliefKind, told: Mapping[str, Any]) -> BeliefRecord:
    return BeliefRecord(kind, {name: value for name, value in told.items() if value is not None})
