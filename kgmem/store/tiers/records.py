"""Tiers, pins and settings: read for an export from its snapshot, and stored from the records of a file."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.graph.entity import ENTITY, EPISODE
from kgmem.domain.graph.tier import MOST_MOVED, NAMES, TIERS, TierSettings
from kgmem.domain.graph.tier_records import TIER, record_of, settings_of
from kgmem.store.graph.epoch import EPOCH_PARTS
from kgmem.store.graph.layout import Layout, learn_subsystems
from kgmem.tasks import parts

_FILE: Final = "tiers"
_PAGE: Final = 10_000
_KINDS: Final[Mapping[str, int]] = {"entity": ENTITY, "episode": EPISODE}
_KIND_NAMES: Final[Mapping[int, str]] = {number: name for name, number in _KINDS.items()}


async def tier_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the settings, where the export is of a whole graph, and what is cold, distilled or pinned."""
    stored = await connection.fetchval(layout.sql(_FILE, "settings")) if scope is None else None
    if stored and (settings := orjson.loads(stored)):
        yield [BeliefRecord(TIER, record_of(TierSettings(**settings)))]
    cursor = await connection.cursor(layout.sql(_FILE, "all_tiers"), scope)
    while rows := await cursor.fetch(_PAGE):
        yield [
            BeliefRecord(TIER, {**_place(*place), "keys": keys})
            for place, of in groupby(rows, key=lambda row: (row["scope"], row["kind"], row["tier"], row["pinned"]))
            for keys in parts([row["key"] for row in of], MOST_MOVED)
        ]


def _place(scope: str, kind: int, tier: int, pinned: bool) -> dict[str, Any]:
    place = {"of": "items", "item": _KIND_NAMES[kind], "tier": NAMES[tier], "pinned": pinned}
    return {**place, "scope": scope} if scope else place


async def restore_tiers(connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any]) -> bool:
    """Store a record; returns whether it changed something. Raises InvalidInput.

    Settings of a graph that has some stay. So does the tier of what was used, moved or pinned here since it came.
    """
    if told["of"] == "settings":
        settings = orjson.dumps(record_of(settings_of(told))["settings"]).decode()
        stored = bool(await connection.fetchval(layout.sql(_FILE, "restore_settings"), settings))
        await learn_subsystems(connection, layout)
        await forget_answers(connection, layout)
        return stored
    scope, kind = layout.scopes[told.get("scope") or ""], _KINDS[told["item"]]
    sql = layout.sql(_FILE, "restore_pins" if told["pinned"] else "restore_tiers")
    changed = await connection.fetchval(sql, scope, kind, told["keys"], TIERS[told["tier"]])
    await connection.execute(layout.sql(_FILE, "to_be_swept"))
    return bool(changed)


async def forget_answers(connection: asyncpg.Connection, layout: Layout) -> None:
    """Move the epoch: settings decide which questions search the archive, so that cached answers are out of date."""
    if "cache" in layout.subsystems.made:
        await connection.execute(layout.sql(_FILE, "move_epoch"), EPOCH_PARTS["contents"])
