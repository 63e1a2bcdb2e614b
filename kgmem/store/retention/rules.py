"""Retention rules in Postgres, runs that apply them, and what these removed by which rule."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import asyncpg
import orjson

from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.retention.rule import (
    KINDS,
    MOST_RULES,
    ItemState,
    RetentionBatch,
    RetentionCount,
    RetentionItem,
    RetentionKind,
    RetentionRule,
    RetentionRun,
    RunState,
    Trigger,
)
from kgmem.domain.time.interval import iso
from kgmem.store.agents.retention_rules import FILE, ordered, rule_in, scope_of, values_of
from kgmem.store.db.sql import SQL, fill
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout

LEASE: Final = 60.0
_NAMES: Final[Mapping[int, RetentionKind]] = {number: name for name, number in KINDS.items()}
# What is planned after what: an entity goes once all that is about it goes.
_PLANNED: Final = ("original", "episode", "relationship", "claim", "entity")
_HIGHEST: Final = 2**62
_HELD: Final = 10_000  # Items that are counted as held, of each kind.


class PostgresRetention:
    """The rules of graphs, runs, and what they removed."""

    def __init__(self, catalog: PostgresCatalog, *, lease: float = LEASE) -> None:
        """Take the catalog, which knows the database, and how long the executor of a run may be silent."""
        self.catalog = catalog
        self.database = catalog.database
        self.lease = lease

    async def put_rule(self, graph: str, rule: RetentionRule) -> RetentionRule:
        """Store a rule. Raises Conflict where another one is about the same, InvalidInput where there are too many."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("retention")

            async def work(connection: asyncpg.Connection) -> None:
                await connection.execute(
                    SQL("SELECT pg_advisory_xact_lock(hashtextextended('kgmem rules', $1))"), layout.id
                )
                scope = await scope_of(connection, layout, rule.scope)
                same = await connection.fetchval(
                    layout.sql(FILE, "same_rule"), rule.name, scope, rule.label, rule.source
                )
                if same is not None:
                    raise Conflict(
                        f"The rule {same!r} is about the same scope, label and source.",
                        hint="Change that rule, or delete it first.",
                        field="name",
                    )
                if await connection.fetchval(layout.sql(FILE, "count_rules")) >= MOST_RULES:
                    raise InvalidInput(f"A graph has {MOST_RULES} rules at most.", hint="Delete rules.", field="name")
                await connection.execute(layout.sql(FILE, "put_rule"), rule.name, scope, *values_of(rule))

            await self.database.transact(work)
        return (await self.rules(graph, rule.name))[0]

    async def delete_rule(self, graph: str, name: str) -> bool:
        """Delete a rule; returns whether there was one."""
        return await self._value(graph, "delete_rule", name) is not None

    async def rules(self, graph: str, name: str | None = None) -> Sequence[RetentionRule]:
        """Return the rules, or the one of a name, in the order in which they decide."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return [rule_in(row) for row in await connection.fetch(ordered(layout, "rules"), name)]

    async def dry_run(self, graph: str, by: str, limit: int, listed: int) -> RetentionRun:
        """Return what a run would take now, and list so many of it; nothing is stored."""
        async with self.catalog.on(graph) as layout:
            if "retention" not in layout.subsystems.made:
                return RetentionRun(0, "planned", "operator", by, "", limit, more=False, dry_run=True)
            async with self.database.connection() as connection:
                transaction = connection.transaction(isolation="repeatable_read")
                await transaction.start()
                try:
                    row = await connection.fetchrow(layout.sql(FILE, "dry_run"), by, limit)
                    more, held = await _plan(connection, layout, row["id"], row["at"], limit)
                    counts = _counts(await connection.fetch(layout.sql(FILE, "counts"), [row["id"]]))
                    planned = await connection.fetch(layout.sql(FILE, "planned"), row["id"], listed)
                    items = [replace(_item(each), run=0) for each in planned]
                    gone = await connection.fetch(layout.sql(FILE, "with_texts"), row["id"])
                finally:
                    await transaction.rollback()
        items += [_with_texts(each) for each in gone[: max(listed - len(items), 0)]]
        effects: dict[str, int] = {}
        for each in gone:
            effects[_NAMES[each["kind"]]] = effects.get(_NAMES[each["kind"]], 0) + 1
        return RetentionRun(
            0, "planned", "operator", by, iso(row["at"]), limit, more, counts.get(row["id"], ()), held, effects,
            dry_run=True, items=items,
        )  # fmt: skip

    async def add_run(self, graph: str, trigger: Trigger, by: str, limit: int) -> int:
        """Store a run; returns its id. Raises Conflict where one is not finished."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("retention")
            async with self.database.connection() as connection:
                id_ = await connection.fetchval(layout.sql(FILE, "add_run"), trigger, by, limit)
        if id_ is None:
            raise Conflict("A run of retention is in progress.", hint="Wait until it has ended: list the runs.")
        return int(id_)

    async def unfinished(self, graph: str) -> int | None:
        """Return the run that is not finished."""
        return cast("int | None", await self._value(graph, "unfinished"))

    async def is_due(self, graph: str, every: float) -> bool:
        """Return whether a run waits for an executor, or a new one is due."""
        return bool(await self._value(graph, "is_due", self.lease, every))

    async def take(self, graph: str, run: int, holder: int) -> bool:
        """Take a run, or show that it goes on; False where another executor has it, or it is finished."""
        return await self._value(graph, "take", run, holder, self.lease) is not None

    async def release(self, graph: str, run: int, holder: int) -> None:
        """Release a run, so that others may take it."""
        await self._execute(graph, "release", run, holder)

    async def fill(self, graph: str, run: int) -> None:
        """Note what a run takes, all in one transaction; nothing where that is done."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                await connection.execute(SQL("SET LOCAL statement_timeout = '10min'"))
                row = await connection.fetchrow(layout.sql(FILE, "run"), run)
                if row is None or row["planned"]:
                    return
                more, held = await _plan(connection, layout, run, row["at"], row["most"])
                await connection.execute(layout.sql(FILE, "set_planned"), run, more, orjson.dumps(held).decode())

            await self.database.transact(work)  # Not of one snapshot, which a renewal of the lease would break.

    async def batch(self, graph: str, run: int, kind: RetentionKind, most: int) -> RetentionBatch | None:
        """Return the next items of a kind; None: there are no more."""
        rows = await self._fetch(graph, "batch", run, KINDS[kind], most)
        if not rows:
            return None
        return RetentionBatch(
            kind, rows[0]["path"], rows[0]["action"], {row["item"]: row["id"] for row in rows},
            {row["item"]: row["key"] for row in rows},
            frozenset(row["item"] for row in rows if row["state"] == "taken"),
        )  # fmt: skip

    async def still_due(self, graph: str, run: int, batch: RetentionBatch) -> Sequence[int]:
        """Return the items of a batch that are due and not on hold now, in their planned version."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            row = await connection.fetchrow(layout.sql(FILE, "run"), run)
            guarded = await connection.fetchval(layout.sql(FILE, "guarded"), layout.id)
            sql = fill(
                layout.sql(FILE, "still_due"),
                {"due": _due(layout, "original" if batch.then == "originals" else batch.kind)},
            )
            rows = await connection.fetch(sql, layout.id, run, guarded, list(batch.rows), row["at"])
            planned = await connection.fetch(layout.sql(FILE, "versions"), list(batch.rows.values()))
        versions = {each["item"]: each["version"] for each in planned}
        versioned = batch.kind in ("episode", "entity")
        return [each["id"] for each in rows if not versioned or versions.get(each["id"]) == each["version"]]

    async def existing(self, graph: str, kind: RetentionKind, items: Sequence[int]) -> Sequence[int]:
        """Return those of these items that exist."""
        return [row["id"] for row in await self._fetch(graph, "existing", KINDS[kind], list(items))]

    async def cited_originals(self, graph: str, items: Sequence[int]) -> Sequence[tuple[int, str, int, int]]:
        """Return the claims that cite the groups of these originals: id, the text that stands for it, and where."""
        runs, numbers = await self._groups(graph, items)
        rows = await self._fetch(graph, "cited_originals", runs, numbers)
        return [(row["id"], row["key"], 0, row["length"]) for row in rows]

    async def hand_over(self, graph: str, items: Sequence[int], claims: Mapping[int, int]) -> None:
        """Make what these originals and their groups state rest on their distilled texts, for good.

        `claims` names those that took the places of others.
        """
        runs, numbers = await self._groups(graph, items)
        async with self.catalog.on(graph) as layout:
            await layout.ensure("extraction")

            async def work(connection: asyncpg.Connection) -> None:
                moved = (list(claims), list(claims.values()))
                await connection.execute(layout.sql(FILE, "hand_over"), runs, numbers, *moved)
                await connection.execute(layout.sql(FILE, "finalise"), runs, numbers)

            await self.database.transact(work)

    async def is_final(self, graph: str, run: int) -> bool:
        """Return whether originals of a run of distillation are gone for good."""
        return bool(await self._value(graph, "is_final", run))

    async def _groups(self, graph: str, items: Sequence[int]) -> tuple[list[int], list[int]]:
        rows = await self._fetch(graph, "groups_of", list(items))
        return [row["run"] for row in rows], [row["number"] for row in rows]

    async def distilled(self, graph: str, items: Sequence[int]) -> Sequence[int]:
        """Return those of these texts that are distilled."""
        return [row["episode"] for row in await self._fetch(graph, "distilled", list(items))]

    async def note(self, graph: str, rows: Sequence[int], state: ItemState, why: str | None = None) -> None:
        """Note what becomes of items."""
        if rows:
            await self._execute(graph, "set_items", list(rows), state, why)

    async def add_effects(self, graph: str, run: int, effects: Mapping[str, int]) -> None:
        """Count what went with texts."""
        if any(effects.values()):
            counted = {name: number for name, number in effects.items() if number}
            await self._execute(graph, "add_effects", run, orjson.dumps(counted).decode())

    async def finish(self, graph: str, run: int, state: RunState, problem: str | None = None) -> None:
        """Note the end of a run."""
        await self._execute(graph, "finish", run, state, problem)
        await self._execute(graph, "prune_runs")

    async def get(self, graph: str, run: int) -> RetentionRun:
        """Return a run. Raises NotFound."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            row = await connection.fetchrow(layout.sql(FILE, "run"), run)
            counts = await connection.fetch(layout.sql(FILE, "counts"), [run])
        if row is None:
            raise NotFound(f"There is no run {run} of retention.", hint="List the runs.", field="id")
        return _run(row, _counts(counts).get(run, ()))

    async def runs(self, graph: str, cursor: str | None, limit: int) -> Page[RetentionRun]:
        """Return a page of runs, the newest first."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(FILE, "runs"), _below(cursor), limit + 1)
            counts = _counts(await connection.fetch(layout.sql(FILE, "counts"), [row["id"] for row in rows[:limit]]))
        more = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return Page([_run(row, counts.get(row["id"], ())) for row in rows[:limit]], more)

    async def items(
        self, graph: str, run: int | None, rule: str | None, cursor: str | None, limit: int
    ) -> Page[RetentionItem]:
        """Return a page of what runs took, the newest first."""
        rows = await self._fetch(graph, "items", _below(cursor), run, rule, limit + 1)
        more = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return Page([_item(row) for row in rows[:limit]], more)

    async def _fetch(self, graph: str, name: str, *values: Any) -> Sequence[Any]:
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return await connection.fetch(layout.sql(FILE, name), *values)

    async def _value(self, graph: str, name: str, *values: Any) -> Any:
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return await connection.fetchval(layout.sql(FILE, name), *values)

    async def _execute(self, graph: str, name: str, *values: Any) -> None:
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql(FILE, name), *values)


async def _plan(
    connection: asyncpg.Connection, layout: Layout, run: int, at: int, most: int
) -> tuple[bool, dict[str, int]]:
    """Note what a run takes; returns whether more is due, and by rule how much a hold keeps."""
    guarded = await connection.fetchval(layout.sql(FILE, "guarded"), layout.id)
    left, held, more = most, dict[str, int](), False
    for kind in _PLANNED:
        due = _due(layout, kind)
        sql = fill(layout.sql(FILE, "plan"), {"due": due})
        if left:
            left -= len(await connection.fetch(sql, layout.id, run, guarded, None, at, left))
        if not left:
            more = True
        if guarded:
            sql = fill(layout.sql(FILE, "held"), {"due": due})
            for row in await connection.fetch(sql, layout.id, run, guarded, None, at, _HELD):
                held[row["rule"]] = held.get(row["rule"], 0) + row["n"]
    return more, held


def _due(layout: Layout, kind: str) -> SQL:
    """Return the statement of what is due of a kind, by the rules of a graph."""
    rules = ordered(layout, "ranked")
    names = {
        "episode": "texts",
        "entity": "entities",
        "relationship": "relationships",
        "claim": "facts",
        "original": "originals",
    }
    if kind in ("original", "episode", "entity"):
        covers = fill(layout.sql(FILE, "covers"), {"labels": layout.sql(FILE, "labels")})
        number = SQL("2") if kind == "episode" else SQL("1")
        due = fill(layout.sql(FILE, "due_items"), {"covers": covers, "kind": number})
        parts = {"rules": rules, "due": due, "covers": covers, "holds": layout.sql(FILE, "text_holds")}
    else:
        of_claims = fill(layout.sql(FILE, "covers"), {"labels": SQL("ARRAY[t.predicate]")})
        of_edges = fill(layout.sql(FILE, "covers"), {"labels": SQL("ARRAY[l.name]")})
        claims = fill(layout.sql(FILE, "claims"), {"covers": of_claims})
        parts = {"rules": rules, "claims": claims, "covers": of_edges}
    return fill(layout.sql(FILE, names[kind]), parts)


def _run(row: Any, counts: Sequence[RetentionCount]) -> RetentionRun:
    return RetentionRun(
        row["id"], row["state"], row["trigger"], row["by"], iso(row["at"]), row["most"], row["more"], counts,
        orjson.loads(row["held"]), orjson.loads(row["effects"]),
        iso(row["finished"]) if row["finished"] is not None else None, row["problem"],
    )  # fmt: skip


def _counts(rows: Sequence[Any]) -> dict[int, list[RetentionCount]]:
    found: dict[int, list[RetentionCount]] = {}
    for row in rows:
        count = RetentionCount(
            row["rule"],
            _NAMES[row["kind"]],
            row["action"],
            row["planned"],
            row["removed"],
            row["distilled"],
            row["kept"],
        )
        found.setdefault(row["run"], []).append(count)
    return found


def _item(row: Any) -> RetentionItem:
    return RetentionItem(
        _NAMES[row["kind"]], row["item"], row["key"], row["path"], row["rule"], row["action"], iso(row["since"]),
        row["state"], row["run"], iso(row["at"]) if row["at"] is not None else None, row["why"],
    )  # fmt: skip


def _with_texts(row: Any) -> RetentionItem:
    kind = _NAMES[row["kind"]]
    return RetentionItem(kind, row["item"], row["key"], row["path"], row["rule"], row["action"], None, with_texts=True)


def _below(cursor: str | None) -> int:
    if cursor is not None and not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 19):
        raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
    return int(cursor) if cursor else _HIGHEST
