"""What a statement's time is over for is told as that, however what was stopped fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kgmem.domain.errors import TimedOut
from kgmem.query.execution.limits import Limits
from kgmem.query.execution.statements import Engine, StatementRequest


class Slow:
    """Graphs of which no transaction ever begins; being stopped, they fail."""

    @asynccontextmanager
    async def reading(self, _graph: str, _scope: str | None, *, once: bool = False) -> AsyncIterator[Any]:
        try:
            yield await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise RuntimeError(f"stopped, {once}") from error

    async def writing(self, _graph: str, _scope: str | None, _work: Any, *, follow: bool = True) -> None:
        raise RuntimeError("at once")

    async def prepare(self, _graph: str, _labels: Any, _types: Any) -> None:
        """Prepare nothing."""


async def test_a_statement_that_fails_while_it_is_stopped_took_too_long() -> None:
    with pytest.raises(TimedOut, match=r"0\.05 seconds"):
        await Engine(Slow()).run(StatementRequest("MATCH (n) RETURN n", "any", limits=Limits(seconds=0.05)))


async def test_a_statement_that_fails_in_time_fails_as_it_does() -> None:
    with pytest.raises(RuntimeError, match="at once"):
        await Engine(Slow()).run(StatementRequest("CREATE (n)", "any", writes=True, limits=Limits(seconds=60)))
