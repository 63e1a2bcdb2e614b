"""UNION: the rows of several parts as one."""

from kgmem.query.execution.run import Rows
from kgmem.query.planning.steps import Plan
from kgmem.query.values.comparison import group_key


def united(plan: Plan, parts: list[Rows]) -> Rows:
    """Give the rows of all parts, each once unless it is UNION ALL."""
    rows = [row for part in parts for row in part]
    if len(parts) == 1 or plan.all:
        return rows
    names = plan.names
    first: dict[object, dict[str, object]] = {}
    for row in rows:
        first.setdefault(tuple(group_key(row[name]) for name in names), row)
    return list(first.values())
