"""Transactions that clients of the Query API hold open between requests: each until it is ended, or left alone."""

import asyncio
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from kgmem.domain.access import Key
from kgmem.domain.cypher import CypherTransaction, Mode
from kgmem.domain.errors import NotFound, Unavailable
from kgmem.memory import Memory

# Open transactions of one server, and of one key. They cost memory alone: only those that have run a query have a
# connection to the database, and of these each key has its share.
MOST, MOST_PER_KEY = 2000, 500
_REMEMBERED = 1000  # Transactions that were idle for too long, so that their owners are told.
_ID_BYTES = 12
_END_SOME = "Commit some of them, or roll them back."


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
    unwatch: Callable[[], None]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """The open transactions of one server."""

    def __init__(self, idle: float, *, process: int | None = None) -> None:
        """Take the seconds after which a transaction that nobody uses is rolled back.

        `process` is the number of this process where several answer requests; ids begin with it.
        """
        self._idle = idle
        self._prefix = "" if process is None else f"{process}-"
        self._open: dict[str, Session] = {}
        self._of_key: Counter[str] = Counter()
        self._ending: set[asyncio.Task[None]] = set()
        self._expired: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._sweeper: asyncio.Task[None] | None = None

    async def begin(self, memory: Memory, graph: str, key: Key, mode: Mode, scope: str | None) -> Session:
        """Begin a transaction. Raises Unavailable where there are too many."""
        if self._of_key[key.id] >= MOST_PER_KEY:
            raise Unavailable(
                f"This API key has {MOST_PER_KEY} open transactions, the most it may have.", hint=_END_SOME
            )
        if self._of_key.total() >= MOST:
            raise Unavailable("The server is at its limit of open transactions.", hint="Try again in a moment.")
        self._of_key[key.id] += 1
        try:
            leaving = memory.transaction(graph, mode=mode, scope=scope)
            transaction = await leaving.__aenter__()
        except BaseException:
            self._left(key.id)
            raise
        id_ = self._prefix + secrets.token_hex(_ID_BYTES)
        unwatch = memory.keys.watch(key.id, lambda: self._bar(id_), key.grant_ids, generation=key.generation)
        expires = time.time() + self._idle
        session = Session(id_, graph, key.id, mode, transaction, leaving, expires, unwatch)
        self._open[id_] = session
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.create_task(self._sweep(), name="kgmem open transactions")
        return session

    def get(self, id_: str, graph: str, key: Key) -> Session:
        """Return a transaction, and keep it for longer. Raises NotFound where there is none of this graph and key."""
        session = self._open.get(id_)
        if session is None or (session.graph, session.key) != (graph, key.id):
            if (id_, graph, key.id) in self._expired:
                raise NotFound(
                    f"This transaction was idle for {self._idle:g} seconds and was rolled back.",
                    hint="Start a new one and commit it without long pauses; KGMEM_TRANSACTION_IDLE sets the limit.",
                )
            raise NotFound("Not found: the transaction.", hint="It was committed or rolled back; begin another one.")
        return self.keep(session)

    def keep(self, session: Session) -> Session:
        """Keep a transaction that is in use for as long as one may be idle from now on."""
        session.expires = time.time() + self._idle
        return session

    async def end(self, session: Session) -> None:
        """Release a transaction; uncommitted writes are rolled back."""
        if self._open.pop(session.id, None) is not None:
            session.unwatch()
            self._left(session.key)
            await session.leaving.__aexit__(None, None, None)

    def _bar(self, id_: str) -> None:
        """Roll a transaction back whose key is no longer in force."""
        session = self._open.get(id_)
        if session is not None:
            task = asyncio.create_task(self.end(session), name="kgmem transaction of a revoked key")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def _left(self, key: str) -> None:
        self._of_key[key] -= 1
        if not self._of_key[key]:
            del self._of_key[key]

    async def aclose(self) -> None:
        """End all transactions."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for session in list(self._open.values()):
            await self.end(session)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _sweep(self) -> None:
        while self._open:
            await asyncio.sleep(min(1.0, self._idle / 2))
            now = time.time()
            for session in [each for each in self._open.values() if each.expires < now and not each.lock.locked()]:
                self._expired[session.id, session.graph, session.key] = None
                if len(self._expired) > _REMEMBERED:
                    self._expired.popitem(last=False)
                await self.end(session)
