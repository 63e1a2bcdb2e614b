"""MATCH: the ways in which a pattern matches, as rows with nodes, relationships and paths."""

from kgmem.query.execution.candidates import Asking
from kgmem.query.execution.executor import WEIGHT, Rows, Run, slices
from kgmem.query.execution.numbers import wanted
from kgmem.query.execution.paths.quantified import plain, staged
from kgmem.query.planning.steps import Match

_BATCH = 2000  # Rows whose ids are sent at once.


async def match(run: Run, step: Match, rows: Rows) -> Rows:
    """Return each row with each way in which the pattern matches for it."""
    pattern = step.pattern
    nothing = dict.fromkeys(pattern.named)
    # What comes first of all rows is not what comes first of each.
    most = None if step.optional or (step.order and len(rows) != 1) else await wanted(run, step.most)
    asking = Asking(pattern, step.needs, step.lean, step.shown, most=most, folded=step.folded, order=step.order)
    result: Rows = []
    for first in range(0, len(rows), _BATCH):
        batch = rows[first : first + _BATCH]
        groups = await matches(run, asking, batch, step.at)
        for row, found in zip(batch, groups, strict=True):
            if found:
                result += found
            elif step.optional:
                result.append({**row, **nothing})
        run.check(result, step.at)
        if most is not None and len(result) >= most:
            break
    return result


async def matches(run: Run, asking: Asking, rows: Rows, at: int) -> list[Rows]:
    """Return for each row the rows that the pattern makes of it."""
    groups: list[Rows] = [[] for _ in rows]
    if not rows:
        return groups
    found = await (staged(run, asking.pattern, rows, at) if asking.pattern.stages else plain(run, asking, rows, at))
    for part in slices(found):
        for origin, new in part:
            groups[origin].append(new)
            for name in [name for name in new if name[:1] == "\0" and name != WEIGHT]:
                del new[name]
        await run.turn()
    return groups
