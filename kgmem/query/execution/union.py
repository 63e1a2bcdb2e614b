"""UNION: the rows of several parts as one."""

from kgmem.query.execution.projecting import distinct
from kgmem.query.execution.run import Rows, Run
from kgmem.query.planning.steps import Plan


async def united(run: Run, plan: Plan, parts: list[Rows]) -> Rows:
    """Give the rows of all parts, each once unless it is UNION ALL."""
    rows = [row for part in parts for row in part]
    if len(parts) == 1 or plan.all:
        return rows
    return await distinct(run, plan.names, rows)
