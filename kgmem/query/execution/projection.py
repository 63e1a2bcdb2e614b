"""WITH, RETURN and UNWIND: columns, aggregation, DISTINCT, ORDER BY, SKIP, LIMIT and WHERE."""

import heapq
import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.query.analysis.scope import Column
from kgmem.query.errors import CypherError, ValueProblem
from kgmem.query.evaluation.aggregates import AGGREGATES, Accumulator, accumulator
from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import WEIGHT, Rows, Run, slices
from kgmem.query.planning.steps import Finish, Project, Unwind
from kgmem.query.tree.clauses import SortKey, Subquery
from kgmem.query.tree.expressions import Call, CountAll, Expression, Variable
from kgmem.query.tree.traversal import rebuilt
from kgmem.query.values.comparison import group_key, order_key


async def wanted(run: Run, numbers: Sequence[Expression]) -> int | None:
    """Return how many rows are requested: a sum; None for all."""
    return sum([await number(run, each) or 0 for each in numbers]) if numbers else None


async def number(run: Run, part: Expression | None) -> int | None:
    """Return a number that is not negative; None where there is none. Raises CypherError."""
    if part is None:
        return None
    value: Any = await run.value(part, {})
    if type(value) is not int:
        raise _refused(run, "InvalidArgumentType", "SKIP and LIMIT must be integers.", part.at)
    if value < 0:
        raise _refused(run, "NegativeIntegerArgument", "SKIP and LIMIT cannot be negative.", part.at)
    return int(value)


def _refused(run: Run, detail: str, problem: str, at: int) -> CypherError:
    return run.error(detail, problem, at, type="SyntaxError")


# Aggregation: rows in groups, and for each group one row of columns.


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One aggregation of a column: under which name its result is put into the row of its group."""

    name: str
    call: Call | CountAll


@dataclass(frozen=True, slots=True)
class Grouped:
    """A projection that groups: its keys, its aggregations, and its columns as expressions on a group's row."""

    keys: tuple[Column, ...]
    aggregations: tuple[Aggregation, ...]
    columns: tuple[tuple[str, Expression], ...]


def prepare(columns: Sequence[Column]) -> Grouped:
    """Take the aggregations out of columns."""
    found: list[Aggregation] = []

    def taken(part: Any) -> Any:
        is_call = isinstance(part, Call) and part.name.lower() in AGGREGATES
        if is_call or isinstance(part, CountAll):
            name = f"\0aggregate{len(found)}"
            found.append(Aggregation(name, part))
            return Variable(part.at, name)
        return part if isinstance(part, Subquery) else rebuilt(part, taken)

    keys = tuple(column for column in columns if not column.aggregates)
    made = tuple((column.name, taken(column.value) if column.aggregates else column.value) for column in columns)
    return Grouped(keys, tuple(found), made)


@dataclass(slots=True)
class _Group:
    row: Row
    accumulators: list[Accumulator]


async def group(run: Run, grouped: Grouped, rows: Rows) -> Rows:
    """Return one row a group: the columns, computed over the first row of the group and its aggregations."""
    keys = [await run.values(column.value, rows) for column in grouped.keys]
    columns = [await _taken(run, each, rows) for each in grouped.aggregations]
    groups: dict[Hashable, _Group] = {}
    for part in slices(range(len(rows))):
        for row_number in part:
            row = rows[row_number]
            key = tuple([group_key(column[row_number]) for column in keys])
            held = groups.get(key)
            if held is None:
                held = groups[key] = _Group(row, await _accumulators(run, grouped, row))
            for each, values, accumulator_ in zip(grouped.aggregations, columns, held.accumulators, strict=True):
                value = True if values is None else values[row_number]
                if value is not None:
                    await _take(run, accumulator_, value, each.call.at, row.get(WEIGHT, 1))
        await run.turn()
    if not groups and not grouped.keys:
        groups[()] = _Group({}, await _accumulators(run, grouped, {}))
    made: Rows = []
    for some in slices(list(groups.values())):
        made += [_result(run, grouped, held) for held in some]
        await run.turn()
    found: Rows = [{} for _ in made]
    for name, expression in grouped.columns:
        await run.put(found, name, await run.values(expression, made))
    return found


def _result(run: Run, grouped: Grouped, held: _Group) -> Row:
    row = dict(held.row)
    for each, accumulator_ in zip(grouped.aggregations, held.accumulators, strict=True):
        try:
            row[each.name] = accumulator_.result()
        except ValueProblem as problem:
            raise run.setting.error(problem, each.call.at) from problem
    return row


async def _take(run: Run, accumulator_: Accumulator, value: Any, at: int, times: int) -> None:
    try:
        if times == 1:
            accumulator_.take(value)
            return
        for part in slices(range(times)):
            accumulator_.take_times(value, len(part))
            await run.turn()
    except ValueProblem as problem:
        raise run.setting.error(problem, at) from problem


async def _taken(run: Run, each: Aggregation, rows: Rows) -> list[Any] | None:
    """Return the values that are aggregated; None where rows are counted."""
    if isinstance(each.call, CountAll):
        return None
    return await run.values(each.call.arguments[0], rows)


async def _accumulators(run: Run, grouped: Grouped, row: Row) -> list[Accumulator]:
    found = []
    for each in grouped.aggregations:
        call = each.call
        if isinstance(call, CountAll):
            found.append(accumulator("count"))
            continue
        further = tuple([await run.value(argument, row) for argument in call.arguments[1:]])
        try:
            found.append(accumulator(call.name, distinct=call.distinct, arguments=further))
        except ValueProblem as problem:
            raise run.setting.error(problem, call.at) from problem
    return found


_SORTED_AT_ONCE = 8192


async def unwind(run: Run, step: Unwind, rows: Rows) -> Rows:
    """Return each row once for each item of its list; null has no items, another value is one item."""
    result: Rows = []
    most = await wanted(run, step.most)
    # One more than may be is enough to tell that there are too many.
    most = run.limits.rows + 1 if most is None else min(most, run.limits.rows + 1)
    for row, value in zip(rows, await run.values(step.source, rows), strict=True):
        items = value if isinstance(value, list) else [] if value is None else [value]
        items = items[: max(most - len(result), 0)]
        for part in slices(items):
            result += [{**row, step.name: item} for item in part]
            await run.turn()
        run.check(result, step.at)
    return result


async def finish(_run: Run, _step: Finish, _rows: Rows) -> Rows:
    """Return nothing."""
    return []


async def project(run: Run, step: Project, rows: Rows) -> Rows:
    """Return rows of columns."""
    projected = step.projected
    skip = await number(run, step.skip) or 0
    limit = await number(run, step.limit)
    if projected.grouped:
        grouped = run.kept.get(id(projected))
        if grouped is None:
            grouped = run.kept[id(projected)] = prepare(projected.columns)
        outer = {name: rows[0][name] for name in step.outer if name in rows[0]} if rows else {}
        made: Rows = await group(run, grouped, rows)
        made = [{**outer, **row} for row in made]
        seen = made
    else:
        made = await _columns(run, step, rows)
        # What comes after sees the variables that were there before, too.
        seen = await _together(run, rows, made) if projected.sees_before else made
    if step.distinct:
        names = [column.name for column in projected.columns]
        made = seen = await distinct(run, names, made)
    last = None if limit is None else skip + limit
    if not projected.order and projected.where is None:
        return made[skip:last] if skip or limit is not None else made
    places: Sequence[int] = range(len(made))
    if projected.order:
        places = await _sorted(run, projected.order, seen)
    places = places[skip:last]
    if projected.where is not None:
        kept = set(map(id, await run.where([projected.where], await _at(run, seen, places))))
        found: list[int] = []
        for part in slices(places):
            found += [at for at in part if id(seen[at]) in kept]
            await run.turn()
        places = found
    return await _at(run, made, places)


async def _at(run: Run, rows: Rows, places: Sequence[int]) -> Rows:
    """Return the rows at places."""
    found: Rows = []
    for part in slices(places):
        found += [rows[at] for at in part]
        await run.turn()
    return found


async def _columns(run: Run, step: Project, rows: Rows) -> Rows:
    outer = step.outer
    made: Rows = []
    for part in slices(rows):
        made += [{name: row[name] for name in outer if name in row} for row in part]
        await run.turn()
    for column in step.projected.columns:
        await run.put(made, column.name, await run.values(column.value, rows))
    return made


async def _together(run: Run, rows: Rows, made: Rows) -> Rows:
    seen: Rows = []
    for part in slices(range(len(rows))):
        seen += [{**rows[at], **made[at]} for at in part]
        await run.turn()
    return seen


async def distinct(run: Run, names: Sequence[str], rows: Rows) -> Rows:
    """Return the first of the rows that are equal in these columns."""
    first: dict[Hashable, Row] = {}
    for part in slices(rows):
        for row in part:
            first.setdefault(tuple([group_key(row[name]) for name in names]), row)
        await run.turn()
    return list(first.values())


async def _sorted(run: Run, order: Sequence[SortKey], rows: Rows) -> list[int]:
    """Return the places of rows in order: sorted by the last key first, since sorting leaves what is equal as it is."""
    places = list(range(len(rows)))
    for key in reversed(order):
        values: list[Any] = []
        for part in slices(await run.values(key.value, rows)):
            values += map(order_key, part)
            await run.turn()
        places = await _sorted_places(run, places, values, descending=key.descending)
    return places


async def _sorted_places(run: Run, places: list[int], values: list[Any], *, descending: bool) -> list[int]:
    """Sort places by their values, in runs that are merged: one sort of all would let nobody have a turn."""
    value = values.__getitem__
    if len(places) <= _SORTED_AT_ONCE:
        return sorted(places, key=value, reverse=descending)
    runs = []
    for first in range(0, len(places), _SORTED_AT_ONCE):
        runs.append(sorted(places[first : first + _SORTED_AT_ONCE], key=value, reverse=descending))
        await run.turn()
    merged = heapq.merge(*runs, key=value, reverse=descending)
    found: list[int] = []
    while part := list(itertools.islice(merged, _SORTED_AT_ONCE // 8)):
        found += part
        await run.turn()
    return found
