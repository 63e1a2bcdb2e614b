"""A transaction whose server goes away: nothing is stored and it may run again, or nobody knows, and that is said."""

from types import TracebackType
from typing import Any

import asyncpg
import pytest

from kgmem.bolt.failures import failure
from kgmem.bolt.handshake import Version
from kgmem.domain.errors import CommitUnknown, ConnectionLost, DatabaseUnavailable, NotFound
from kgmem.services.reading import read_again
from kgmem.store.db.commits import commit

GONE = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


class _Transaction:
    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._connection.commits is not None:
            raise self._connection.commits


class _Connection:
    """A connection whose commit raises what it is told."""

    def __init__(self, commits: Exception | None = None, *, standby: bool = False) -> None:
        self.commits, self.standby, self.ended = commits, standby, False

    def transaction(self, isolation: str | None) -> _Transaction:
        return _Transaction(self)

    def is_closed(self) -> bool:
        return self.ended

    def terminate(self) -> None:
        self.ended = True

    async def fetchval(self, query: str) -> bool:
        return self.standby


async def _run(connection: _Connection, error: Exception | None = None) -> Any:
    async def work(_: asyncpg.Connection) -> str:
        if error is not None:
            raise error
        return "done"

    return await commit(connection, work, None)  # type: ignore[arg-type]


async def test_what_is_committed_is_returned() -> None:
    assert await _run(_Connection()) == "done"


async def test_before_the_commit_nothing_is_stored() -> None:
    connection = _Connection()
    with pytest.raises(ConnectionLost, match="nothing was stored"):
        await _run(connection, GONE)
    assert connection.ended


async def test_during_the_commit_nobody_knows() -> None:
    connection = _Connection(GONE)
    with pytest.raises(CommitUnknown, match="not known"):
        await _run(connection)
    assert connection.ended


async def test_a_standby_that_refuses_a_write_is_left_and_a_reading_transaction_is_not() -> None:
    refused = asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction")
    with pytest.raises(ConnectionLost):
        await _run(_Connection(standby=True), refused)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await _run(_Connection(), refused)


async def test_other_errors_pass_and_the_connection_stays() -> None:
    connection = _Connection()
    with pytest.raises(NotFound):
        await _run(connection, NotFound("x"))
    assert not connection.ended


def test_drivers_of_bolt_do_not_run_a_transaction_again_that_may_be_stored() -> None:
    assert "TransientError" not in str(failure(CommitUnknown("x"), Version(5, 8)))
    assert "TransientError" in str(failure(ConnectionLost("x"), Version(5, 8)))


async def test_reading_goes_on_over_connections_that_are_lost_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgmem.services.reading._PAUSES", (0, 0))
    calls = 0

    async def read(until: int) -> str:
        nonlocal calls
        calls += 1
        if calls < until:
            raise ConnectionLost
        return "answer"

    assert await read_again(lambda: read(3)) == "answer"
    calls = 0
    with pytest.raises(ConnectionLost):
        await read_again(lambda: read(9))
    assert calls == 3


async def test_only_lost_connections_are_read_over_again() -> None:
    async def read() -> str:
        raise DatabaseUnavailable

    with pytest.raises(DatabaseUnavailable):
        await read_again(read)
