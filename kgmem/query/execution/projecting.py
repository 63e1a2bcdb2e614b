"""WITH, RETURN and UNWIND: columns, groups, DISTINCT, ORDER BY, SKIP, LIMIT, WHERE."""

from collections.abc import Sequence

from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.grouping import group, prepare
from kgmem.query.execution.numbers import number, wanted
from kgmem.query.execution.run import Rows, Run
from kgmem.query.planning.steps import Finish, Project, Unwind
from kgmem.query.tree.clauses import SortKey
from kgmem.query.values.comparison import group_key, order_key


async def unwind(run: Run, step: Unwind, rows: Rows) -> Rows:
    """Give each row with each item of its list; null is no item, and what is no list is one."""
    result: Rows = []
    most = await wanted(run, step.most)
    # One more than may be is enough to tell that there are too many.
    most = run.limits.rows + 1 if most is None else min(most, run.limits.rows + 1)
    for row, value in zip(rows, await run.values(step.source, rows), strict=True):
        items = value if isinstance(value, list) else [] if value is None else [value]
        items = items[: max(most - len(result), 0)]
        result += [{**row, step.name: item} for item in items]
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
        seen = [{**row, **new} for row, new in zip(rows, made, strict=True)] if projected.sees_before else made
    if step.distinct:
        names = [column.name for column in projected.columns]
        made = list({tuple(group_key(row[name]) for name in names): row for row in reversed(made)}.values())[::-1]
        seen = made
    pairs = list(zip(seen, made, strict=True))
    if projected.order:
        pairs = await _sorted(run, projected.order, pairs)
    pairs = pairs[skip : None if limit is None else skip + limit]
    if projected.where is not None:
        kept = {id(row) for row in await run.where([projected.where], [each for each, _ in pairs])}
        pairs = [pair for pair in pairs if id(pair[0]) in kept]
    return [new for _, new in pairs]


async def _columns(run: Run, step: Project, rows: Rows) -> Rows:
    outer = step.outer
    made: Rows = [{name: value for name, value in row.items() if name in outer} for row in rows] if outer else []
    made = made or [{} for _ in rows]
    for column in step.projected.columns:
        name = column.name
        for row, value in zip(made, await run.values(column.value, rows), strict=True):
            row[name] = value
    return made


async def _sorted(run: Run, order: Sequence[SortKey], pairs: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
    """Sort by the last key first, since sorting leaves what is equal in its order."""
    rows = [each for each, _ in pairs]
    keys = [list(map(order_key, await run.values(key.value, rows))) for key in order]
    places = list(range(len(pairs)))
    for key, values in zip(reversed(order), reversed(keys), strict=True):
        places.sort(key=values.__getitem__, reverse=key.descending)
    return [pairs[n] for n in places]
