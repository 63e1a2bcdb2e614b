"""Aggregation: rows in groups, and for each group one row of columns."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.query.analysis.findings import Column
from kgmem.query.evaluation.aggregates import AGGREGATES, Accumulator, accumulator
from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.run import WEIGHT, Rows, Run, slices
from kgmem.query.tree.clauses import Subquery
from kgmem.query.tree.expressions import Call, CountAll, Expression, Variable
from kgmem.query.tree.walking import rebuilt
from kgmem.query.values.comparison import group_key
from kgmem.query.values.problems import ValueProblem


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
    """Give one row a group: the columns, computed over the first row of the group and its aggregations."""
    keys = [await run.values(column.value, rows) for column in grouped.keys]
    columns = [await _taken(run, each, rows) for each in grouped.aggregations]
    groups: dict[Hashable, _Group] = {}
    for part in slices(range(len(rows))):
        for number in part:
            row = rows[number]
            key = tuple([group_key(column[number]) for column in keys])
            held = groups.get(key)
            if held is None:
                held = groups[key] = _Group(row, await _accumulators(run, grouped, row))
            for each, values, accumulator_ in zip(grouped.aggregations, columns, held.accumulators, strict=True):
                value = True if values is None else values[number]
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
    """Give the values that are aggregated; None where rows are counted."""
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
