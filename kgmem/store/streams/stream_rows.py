"""Rows of streams, groups and messages, as the store reads them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.errors import RedisUnavailable
from kgmem.domain.streams.stream import (
    GroupAddress,
    Settled,
    Stream,
    StreamAddress,
    StreamGroup,
    StreamSettings,
    WorkMessage,
    no_group,
    no_stream,
)
from kgmem.domain.time.interval import iso
from kgmem.store.db.database import Database
from kgmem.store.graph.layout import Layout, scope_ids

FILE: Final = "streams"
IN_POSTGRES, TO_BE_MADE, IN_REDIS = 0, 1, 2  # Where the messages of a stream are.


class InRedis(RedisUnavailable):
    """The messages of a stream are in Redis, which this process does not use."""

    def __init__(self, row: Any, name: str, *, created: bool = False) -> None:
        """Take the row of the stream, its name, and whether the request made it."""
        super().__init__(
            f"The messages of the stream {name!r} are in Redis, and this process has none.",
            hint="Set KGMEM_REDIS_URL to the server that has them.",
        )
        self.id: int = row["id"]
        self.ready: bool = row["place"] == IN_REDIS
        self.created = created


async def scope_number(layout: Layout, database: Database, scope: str) -> int:
    """Return the number of a scope; -1 where it does not exist."""
    async with database.connection() as connection:
        return (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)


async def existing(
    connection: asyncpg.Connection, layout: Layout, address: StreamAddress, *, anywhere: bool = False
) -> Any:
    """Return the row of a stream. Raises NotFound, and InRedis unless it may be `anywhere`."""
    number = (await scope_ids(connection, layout, [address.scope], make=False)).get(address.scope, -1)
    row = await connection.fetchrow(layout.sql(FILE, "get"), number, address.name)
    if row is None:
        raise no_stream(address)
    if row["place"] != IN_POSTGRES and not anywhere:
        raise InRedis(row, address.name)
    return row


async def group_of(
    connection: asyncpg.Connection, layout: Layout, address: GroupAddress, *, lock: bool = False
) -> tuple[Any, Any]:
    """Return the rows of a stream and of a group. Raises NotFound."""
    stream = await existing(connection, layout, address.stream)
    group = await connection.fetchrow(layout.sql(FILE, "lock_group" if lock else "group"), stream["id"], address.group)
    if group is None:
        raise no_group(address.group)
    return stream, group


async def whole(
    connection: asyncpg.Connection, layout: Layout, address: StreamAddress, *, created: bool = False
) -> Stream:
    """Return a stream with its groups. Raises NotFound."""
    row = await existing(connection, layout, address)
    groups = await connection.fetch(layout.sql(FILE, "groups"), [row["id"]])
    return stream_of(row, address.scope, groups, created=created)


def stream_of(row: Any, scope: str, groups: Sequence[Any], *, created: bool = False) -> Stream:
    """Return the stream that a row tells, with those of the groups that are its own."""
    return Stream(
        name=row["name"], scope=scope,
        settings=StreamSettings(row["max_length"], row["max_age"], row["max_deliveries"]), last=row["last"],
        length=row["length"], created_at=iso(row["created"]), author=row["author"],
        groups=tuple(
            StreamGroup(each["name"], each["taken"], each["pending"], each["dead"], each["lag"])
            for each in groups
            if each["stream"] == row["id"]
        ),
        created=created, id=row["id"], store="redis" if row["place"] else "postgres",
    )  # fmt: skip


def settings_values(settings: StreamSettings) -> tuple[int, int, int]:
    """Return settings in the order of their columns."""
    return settings.max_length, settings.max_age_seconds, settings.max_deliveries


def message_of(row: Any) -> WorkMessage:
    """Return the message that a row tells."""
    delivered = "deliveries" in row
    return WorkMessage(
        id=row["seq"], key=row["key"], body=orjson.loads(row["body"]), at=iso(row["at"]), author=row["author"],
        receipt=f"{row['seq']}.{row['deliveries']}" if delivered else None,
        deliveries=row["deliveries"] if delivered else 0, leased_until=time_of(row["until"]) if delivered else None,
    )  # fmt: skip


def settled(receipts: Mapping[int, int], rows: Sequence[Any]) -> Settled:
    """Return what a request has settled, of what it asked for."""
    done = {row["seq"] for row in rows}
    return Settled(sorted(done), [f"{seq}.{nth}" for seq, nth in receipts.items() if seq not in done])


def time_of(value: Any) -> str | None:
    """Return a time as text."""
    return None if value is None else iso(value)
