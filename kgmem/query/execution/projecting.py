"""WITH, RETURN and UNWIND: columns, groups, DISTINCT, ORDER BY, SKIP, LIMIT, WHERE."""

import heapq
import itertools
from collections.abc import Hashable, Sequence
from typing import Any

from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.grouping import group, prepare
from kgmem.query.execution.numbers import number, wanted
from kgmem.query.execution.run import Rows, Run, slices
from kgmem.query.planning.steps import Finish, Project, Unwind
from kgmem.query.tree.clauses import SortKey
from kgmem.query.values.comparison import group_key, order_key

_SORTED_AT_ONCE = 8192


async def unwind(run: Run, step: Unwind, rows: Rows) -> Rows:
    """Give each row with each item of its list; null is no item, and what is no list is one."""
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
    """Give nothing."""
    return []


async def project(run: Run, step: Project, rows: Rows) -> Rows:
    """Give rows of columns."""
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
    """Give the rows at places."""
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
    """Give the first of the rows that are equal in these columns."""
    first: dict[Hashable, Row] = {}
    for part in slices(rows):
        for row in part:
            first.setdefault(tuple([group_key(row[name]) for name in names]), row)
        await run.turn()
    return list(first.values())


async def _sorted(run: Run, order: Sequence[SortKey], rows: Rows) -> list[int]:
    """Give the places of rows in order: sorted by the last key first, since sorting leaves what is equal as it is."""
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
