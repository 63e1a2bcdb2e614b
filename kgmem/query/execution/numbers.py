"""The numbers of SKIP and LIMIT."""

from collections.abc import Sequence
from typing import Any

from kgmem.query.errors import CypherError
from kgmem.query.execution.executor import Run
from kgmem.query.tree.expressions import Expression


async def wanted(run: Run, numbers: Sequence[Expression]) -> int | None:
    """Return how many rows are asked for: a sum; None for all."""
    return sum([await number(run, each) or 0 for each in numbers]) if numbers else None


async def number(run: Run, part: Expression | None) -> int | None:
    """Return a number that is not negative; None where there is none. Raises CypherError."""
    if part is None:
        return None
    value: Any = await run.value(part, {})
    if type(value) is not int:
        raise _refused(run, "InvalidArgumentType", "SKIP and LIMIT take an integer.", part.at)
    if value < 0:
        raise _refused(run, "NegativeIntegerArgument", "SKIP and LIMIT cannot be negative.", part.at)
    return int(value)


def _refused(run: Run, detail: str, problem: str, at: int) -> CypherError:
    return run.error(detail, problem, at, type="SyntaxError")
