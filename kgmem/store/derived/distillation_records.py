"""Runs of distillation and allowances: read for an export from its snapshot, and stored from the records of a file."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.distillation.material import digest_of
from kgmem.domain.distillation.records import ALLOWANCE, DISTILLATION, allowance_of
from kgmem.domain.distillation.run import DISTILLED_FROM
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.tier import TIERS
from kgmem.domain.time.interval import iso, now, parse_time
from kgmem.store.derived.distillation_material import read_originals
from kgmem.store.graph.layout import Layout
from kgmem.store.write.edges import write_edges
from kgmem.store.write.passages import Passages

_FILE: Final = "distillation"
_PAGE: Final = 100
_WRITTEN: Final = frozenset({"stored", "moved", "done"})
_PLAIN: Final = ("number", "key", "state", "tokens_before", "tokens_after", "facts", "critical", "had", "kept", "maker")


async def distillation_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the runs that came to an end, of one scope or of all, and then the allowances, in pages of one kind."""
    cursor = await connection.cursor(layout.sql(_FILE, "all_runs"), scope)
    while rows := await cursor.fetch(_PAGE):
        yield [_record(DISTILLATION, _run(row)) for row in rows]
    rows = await connection.fetch(layout.sql(_FILE, "all_allowances"), scope)
    if rows:
        yield [_record(ALLOWANCE, {**dict(row), "scope": row["scope"] or None}) for row in rows]


async def restore_allowance(connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any]) -> bool:
    """Store the allowance of a scope that has none; returns whether it had none. Raises InvalidInput."""
    allowance = allowance_of(told)
    made = await connection.fetchval(
        layout.sql(_FILE, "restore_allowance"), layout.scopes[allowance.scope], allowance.items, allowance.tokens,
        allowance.older_than, allowance.closed_sessions,
    )  # fmt: skip
    return made is not None


async def restore_run(connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any]) -> bool:
    """Store a run that is not here, link its distilled texts, and set their tiers; returns whether it was missing.

    Texts that are not here are missing from their groups.
    """
    scope, started = told.get("scope") or "", _at(told["started"])
    finished = None if told.get("finished") is None else _at(told["finished"])
    run = await connection.fetchval(
        layout.sql(_FILE, "restore_run"), layout.scopes[scope], told["state"], told["trigger"], told["share"],
        told["threshold"], *told["bytes"], orjson.dumps(told.get("skipped", {})).decode(), told.get("problem"),
        told.get("by"), started, finished,
    )  # fmt: skip
    if run is None:
        return False
    passages = Passages(layout)
    for each in told["groups"]:
        await _restore_group(connection, passages, (run, scope), each)
    await passages.store(connection)
    return True


async def _restore_group(
    connection: asyncpg.Connection, passages: Passages, place: tuple[int, str], told: Mapping[str, Any]
) -> None:
    layout, (run, scope) = passages.layout, place
    keys = [key for key, _ in told["episodes"]]
    rows = await connection.fetch(layout.sql("extraction", "episode_ids"), scope, [*keys, told["key"]])
    ids = {row["key"]: row["id"] for row in rows}
    item = ids.get(told["key"]) if told.get("has_text") else None
    members = [(ids[key], at, tier) for at, (key, tier) in enumerate(told["episodes"]) if key in ids]
    originals = await read_originals(connection, layout, [id_ for id_, _, _ in members])
    versions = {each.id: each.version for each in originals}
    await connection.execute(
        layout.sql(_FILE, "restore_group"), run, told["number"], told["state"], told["key"], item,
        told.get("tokens_before", 0), told.get("tokens_after", 0), told.get("facts", 0), told.get("critical", False),
        digest_of(originals), told.get("had", 0), told.get("kept", 0), told.get("maker", "rules"),
        told.get("problem"), orjson.dumps(told.get("lost", [])).decode(),
    )  # fmt: skip
    await connection.execute(
        layout.sql(_FILE, "add_members"), run, [told["number"]] * len(members), [id_ for id_, _, _ in members],
        [at for _, at, _ in members], [versions[id_] for id_, _, _ in members], [tier for _, _, tier in members],
    )  # fmt: skip
    if item is None or told["state"] not in _WRITTEN:
        return
    ends = [id_ for id_, _, _ in members]
    edges = [Relationship(DISTILLED_FROM, "", "", scope=scope) for _ in ends]
    await write_edges(connection, passages, edges, starts=[item] * len(ends), ends=ends)
    await connection.execute(layout.sql(_FILE, "set_tier"), [item], TIERS["distilled"])
    await connection.execute(layout.sql(_FILE, "set_tier"), ends, TIERS["cold"])


def _run(row: Any) -> dict[str, Any]:
    return {
        "scope": row["scope"] or None, "state": row["state"], "trigger": row["trigger"],
        "share": round(row["share"], 4), "threshold": round(row["threshold"], 4), "started": iso(row["started"]),
        "finished": iso(row["finished"]) if row["finished"] is not None else None,
        "bytes": [row["bytes_before"], row["bytes_after"]], "skipped": orjson.loads(row["skipped"]),
        "problem": row["problem"], "by": row["by"], "groups": [_group(each) for each in orjson.loads(row["groups"])],
    }  # fmt: skip


def _group(told: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: told[name] for name in _PLAIN}
    return {
        **plain, "has_text": told["has_text"], "problem": told["problem"], "lost": told["lost"],
        "episodes": told["episodes"] or [],
    }  # fmt: skip


def _at(time: str) -> int:
    at = parse_time(time).start
    return now() if at is None else at


def _record(kind: BeliefKind, told: Mapping[str, Any]) -> BeliefRecord:
    return BeliefRecord(kind, {name: value for name, value in told.items() if value is not None})
