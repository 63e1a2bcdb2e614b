"""Retention rules in their table: in their order, for an export from its snapshot, and from the records of a file."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.retention.rule import RetentionRule
from kgmem.domain.retention.rule_records import RULE, record_of, rule_of
from kgmem.domain.time.interval import iso, parse_time
from kgmem.store.db.sql import SQL, fill
from kgmem.store.graph.layout import Layout, scope_ids

FILE: Final = "retention"


async def rule_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the rules of one scope, or all, as one page."""
    rules = [rule_in(row) for row in await connection.fetch(ordered(layout, "rules"), None)]
    records = [record_of(rule) for rule in rules if scope is None or rule.scope == scope]
    yield [BeliefRecord(RULE, {name: value for name, value in each.items() if value is not None}) for each in records]


async def restore_rule(connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any]) -> bool:
    """Store a rule, unless its name is taken or another one is about the same; returns whether it was stored."""
    rule = rule_of(told)
    at = None if rule.at is None else parse_time(rule.at).start
    scope = await scope_of(connection, layout, rule.scope)
    sql = layout.sql(FILE, "restore_rule")
    return await connection.fetchval(sql, rule.name, scope, *values_of(rule), at) is not None


async def scope_of(connection: asyncpg.Connection, layout: Layout, path: str | None) -> int | None:
    """Return the number of a scope, which is made where there is none; None for no scope."""
    if path is None:
        return None
    return (await scope_ids(connection, layout, [path], make=True))[path]


def values_of(rule: RetentionRule) -> tuple[Any, ...]:
    """Return the columns of a rule behind its name and scope."""
    return (
        rule.label, rule.source, rule.keep, rule.clock, rule.then, rule.originals, rule.reason, rule.by,
    )  # fmt: skip


def rule_in(row: Any) -> RetentionRule:
    """Return a rule from its row."""
    return RetentionRule(
        row["name"], row["keep"], row["path"], row["label"], row["source"], row["clock"], row["action"],
        row["originals"], row["reason"], row["by"], iso(row["at"]),
    )  # fmt: skip


def ordered(layout: Layout, name: str) -> SQL:
    """Return a statement on rules in the order in which they decide."""
    return fill(layout.sql(FILE, name), {"order": layout.sql(FILE, "order")})
