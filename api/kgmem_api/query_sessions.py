"""Transactions that clients of the Query API hold open between requests: each until it is ended, or left alone."""

import asyncio
import secrets
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from kgmem.domain.access import Key
from kgmem.domain.cypher import CypherTransaction, Mode
from kgmem.domain.errors import NotFound, Unavailable
from kgmem.memory import Memory

IDLE_SECONDS = 60.0  # A transaction that nobody uses for so long is undone.
_ID_BYTES = 12


@dataclass(slots=True)
class Session:
    """One transaction: whose it is, and until when it is kept when nobody uses it."""

    id: str
    graph: str
    key: str
    mode: Mode
    transaction: CypherTransaction
    leaving: AbstractAsyncContextManager[CypherTransaction]
    expires: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """The open transactions of one server."""

    def __init__(self, most: int) -> None:
        """Take how many there may be at once: each holds a connection to the database."""
        self._most = most
        self._open: dict[str, Session] = {}
        self._opening = 0
        self._sweeper: asyncio.Task[None] | None = None

    async def begin(self, memory: Memory, graph: str, key: Key, mode: Mode, scope: str | None) -> Session:
        """Begin a transaction. Raises Unavailable where there are too many."""
        if len(self._open) + self._opening >= self._most:
            raise Unavailable("The server is at its limit of open transactions.", mend="Try again in a moment.")
        self._opening += 1
        try:
            leaving = memory.cypher_transaction(graph, mode=mode, scope=scope)
            transaction = await leaving.__aenter__()
        finally:
            self._opening -= 1
        id_ = secrets.token_hex(_ID_BYTES)
        session = Session(id_, graph, key.id, mode, transaction, leaving, time.time() + IDLE_SECONDS)
        self._open[id_] = session
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.create_task(self._sweep(), name="kgmem open transactions")
        return session

    def get(self, id_: str, graph: str, key: Key) -> Session:
        """Give a transaction, and keep it for longer. Raises NotFound where there is none of this graph and key."""
        session = self._open.get(id_)
        if session is None or (session.graph, session.key) != (graph, key.id):
            raise NotFound("There is no such transaction.", mend="It was ended, or left alone for too long.")
        session.expires = time.time() + IDLE_SECONDS
        return session

    async def end(self, session: Session) -> None:
        """Let go of a transaction; what was not committed is undone."""
        if self._open.pop(session.id, None) is not None:
            await session.leaving.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """End all transactions."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for session in list(self._open.values()):
            await self.end(session)

    async def _sweep(self) -> None:
        while self._open:
            await asyncio.sleep(1.0)
            now = time.time()
            for session in [each for each in self._open.values() if each.expires < now and not each.lock.locked()]:
                await self.end(session)
