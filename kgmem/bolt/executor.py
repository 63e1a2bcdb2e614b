"""The open work of a session: a transaction, its open results, and its time limit."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from kgmem.bolt import messages
from kgmem.bolt.backend import Caller, Result, Summary, Transaction, TransactionOptions
from kgmem.bolt.framing import ReplyWriter
from kgmem.bolt.handshake import Version
from kgmem.bolt.messages import Request
from kgmem.bolt.packstream import BadPackStream

_BATCH = 1000  # Rows that are fetched at a time.
_DONE = {"gql_status": "00000", "status_description": "note: successful completion"}


class QueryExecutor:
    """Opens a transaction, runs queries in it, sends their rows, and ends it."""

    def __init__(self, version: Version, *, longest: float, expire: Callable[[], None]) -> None:
        """Take the protocol version, the seconds that a transaction may be open, and the callback after these."""
        self.alone = False  # Whether the transaction ends with its only query.
        self.expired = False
        self._version = version
        self._longest = longest
        self._expire = expire
        self._transaction: Transaction | None = None
        self._results: dict[int, tuple[Result, float]] = {}
        self._queries = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> bool:
        """Whether a transaction is open."""
        return self._transaction is not None

    @property
    def unread(self) -> bool:
        """Whether there are results with remaining rows."""
        return bool(self._results)

    @property
    def _current(self) -> Transaction:
        if self._transaction is None:
            raise BadPackStream("There is no open transaction.")
        return self._transaction

    async def begin(self, caller: Caller, asked: TransactionOptions, *, alone: bool) -> dict[str, Any]:
        """Open a transaction; returns the fields of the reply."""
        seconds = min(asked.timeout or self._longest, self._longest)
        self._transaction = await caller.begin(asked, alone=alone)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._too_long)
        self._queries, self.alone = 0, alone
        return self._where()

    def _too_long(self) -> None:
        self.expired = True
        self._expire()

    def _where(self) -> dict[str, Any]:
        return {"db": self._current.database} if self._version >= Version(5, 8) else {}

    async def run(self, query: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Start a query; returns the fields of the reply."""
        if not isinstance(query, str):
            raise BadPackStream("RUN contains no query.")
        began = time.monotonic()
        result = await self._current.run(query, parameters)
        number = self._queries
        self._results[number] = (result, time.monotonic())
        self._queries += 1
        told: dict[str, Any] = {"fields": list(result.fields), "t_first": _milliseconds(began), **self._where()}
        return told if self.alone else {**told, "qid": number}

    async def pull(self, request: Request, speech: ReplyWriter) -> dict[str, Any]:
        """Send the requested rows; returns the fields of the reply."""
        left, number, result = self._asked(request)
        more = True
        while more and left:
            rows, more = await result.take(_BATCH if left < 0 else min(left, _BATCH))
            await speech.records(rows)
            left -= len(rows) if left > 0 else 0
        return await self._stop(number, more=more)

    async def discard(self, request: Request) -> dict[str, Any]:
        """Discard the requested rows; returns the fields of the reply."""
        most, number, result = self._asked(request)
        more = False
        if most > 0:
            _, more = await result.take(most)
        return await self._stop(number, more=more)

    def _asked(self, request: Request) -> tuple[int, int, Result]:
        most, query = messages.amount(request)
        number = self._queries - 1 if query == -1 else query
        if number not in self._results:
            raise BadPackStream(f"There is no open query {query}.")
        return most, number, self._results[number][0]

    async def _stop(self, number: int, *, more: bool) -> dict[str, Any]:
        """Return whether there are more rows, or after the last the metadata of the query; may end its transaction."""
        if more:
            return {"has_more": True}
        result, began = self._results[number]
        summary = await result.summary()
        del self._results[number]
        told = _told(summary, self._version)
        told["t_last"] = _milliseconds(began)
        told["db"] = self._current.database
        return {**told, **await self.commit()} if self.alone else told

    async def commit(self) -> dict[str, Any]:
        """Commit; returns the bookmark, if there is one."""
        for result, _ in self._results.values():
            await result.summary()
        transaction = self._current
        self._end()
        bookmark = await transaction.commit()
        return {"bookmark": bookmark} if bookmark else {}

    async def rollback(self, *, late: bool = False) -> None:
        """Roll back an open transaction; `late`: because of the time limit, of which the client learns later."""
        transaction = self._transaction
        self._end()
        self.expired = late
        if transaction:
            await transaction.rollback()

    def _end(self) -> None:
        """Forget the transaction, which is about to end."""
        if self._timer:
            self._timer.cancel()
        self._timer, self.expired, self.alone = None, False, False
        self._results.clear()
        self._transaction = None


def _milliseconds(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def _told(summary: Summary, version: Version) -> dict[str, Any]:
    told: dict[str, Any] = {"type": summary.kind}
    if summary.counters:
        told["stats"] = {**summary.counters, "contains-updates": True}
    if summary.plan:
        told["plan"] = summary.plan
    if summary.profile:
        told["profile"] = summary.profile
    if version >= Version(5, 6):
        told["statuses"] = [_DONE, *summary.notifications]
    elif summary.notifications:
        told["notifications"] = list(summary.notifications)
    return told
