"""Agents' states without the texts of a person: every version is packed again."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.erasure.sought import Redactor
from kgmem.store.agents.packing import RUN, base_of, checksum, packed_from, unpacked
from kgmem.store.db.database import Database
from kgmem.store.graph.layout import Layout

_FILE: Final = "erasure"


async def redact_state(database: Database, layout: Layout, state: int, redactor: Redactor) -> int:
    """Take texts out of all versions of a state, in one transaction; returns how many versions changed."""

    async def work(connection: asyncpg.Connection) -> int:
        await connection.execute(layout.sql(_FILE, "lock_state"), state)
        rows = await connection.fetch(layout.sql(_FILE, "state_run"), state)
        contents = [await _content(connection, layout, state, row["version"]) for row in rows]
        redacted = [_redacted(content, redactor) for content in contents]
        first = next((at for at, (one, other) in enumerate(zip(contents, redacted, strict=True)) if one != other), None)
        if first is None:
            return 0
        await _pack(connection, layout, state, [row["version"] for row in rows], redacted)
        return sum(one != other for one, other in zip(contents, redacted, strict=True))

    return await database.transact(work)


async def _pack(
    connection: asyncpg.Connection, layout: Layout, state: int, versions: Sequence[int], contents: Sequence[bytes]
) -> None:
    """Store the contents of all versions of a state again, in runs as they were first written."""
    run: list[tuple[int, int]] = []  # The newest first.
    stored: dict[int, bytes] = {}
    for version, content in zip(versions, contents, strict=True):
        place = (run[0][1] + 1) % RUN if run else 0
        base = base_of(run, place)
        packed, differs = await packed_from(content, None if base is None else stored[base])
        if not differs:
            place, base = 0, None
        if place == 0:
            run, stored = [], {}
        run.insert(0, (version, place))
        stored[version] = content
        await connection.execute(
            layout.sql(_FILE, "put_version"), state, version, packed, place, base, len(content), checksum(content)
        )


async def _content(connection: asyncpg.Connection, layout: Layout, state: int, version: int) -> bytes:
    rows: Sequence[Any] = await connection.fetch(layout.sql("agent_states", "chain"), state, version)
    return await unpacked([row["packed"] for row in rows])


def _redacted(content: bytes, redactor: Redactor) -> bytes:
    """Return content without the texts: JSON stays JSON, and what is no text becomes empty."""
    text = content.decode(errors="replace")
    if not redactor.finds(text):
        return content
    try:
        return orjson.dumps(redactor.redacted(orjson.loads(content)))
    except orjson.JSONDecodeError:
        pass
    try:
        return str(redactor.redacted(content.decode())).encode()
    except UnicodeDecodeError:
        return b""
