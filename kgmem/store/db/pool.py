"""The pool: connections that are made on demand, lent by fair shares, and kept for the next caller.

asyncpg's own pool lends a connection to whoever came first, and starts a task for each that returns, which costs as
much as a short query. This one lends to callers in turn, to none more than its share, and keeps a clean
connection without a task.
"""

import asyncio
import contextlib
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable

import asyncpg

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.log import EventLog
from kgmem.store.db.connection import Connection

Who = Hashable | None
log = EventLog(__name__)
_RECOVERY = 10.0  # Seconds in which a connection has to end what was stopped on it.
_IDLE = 300.0  # Seconds after which a connection that nobody needed is closed.


class FairSlots:
    """So many slots. A caller has at most its share of them; those who wait are served in turn, caller by caller.

    A few slots are kept for those who have one already (of whatever kind) and need one more to go on: else all slots
    could be lent to callers who wait for each other. kgmem's own work (None) has no share, and may use those too.
    """

    def __init__(self, slots: int, *, share: int, kept: int = 0) -> None:
        """Take the number of slots, how many of them one caller may have, and how many are kept back."""
        self.slots = slots
        self.share = share
        self.lent = 0
        self._most = slots - kept
        self._held: Counter[Who] = Counter()
        self._further: deque[tuple[Who, asyncio.Future[None]]] = deque()
        self._waiting: OrderedDict[Who, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many wait for a slot at this moment."""
        slots = [slot for _, slot in self._further]
        slots += [slot for queue in self._waiting.values() for slot in queue]
        return sum(not slot.done() for slot in slots)

    def full(self, who: Who) -> bool:
        """Whether a caller has all of its share."""
        return who is not None and self._held[who] >= self.share

    def enter_now(self, who: Who, *, further: bool = False) -> bool:
        """Take a slot if one is free for the caller. `further`: it has one already and needs another to go on."""
        free = self.lent < self.slots and (further or self._may(who))
        if free:
            self._lend(who)
        return free

    async def enter(self, who: Who, *, further: bool = False) -> None:
        """Take a slot, waiting for it."""
        if self.enter_now(who, further=further):
            return
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if further:
            self._further.append((who, slot))
        else:
            self._waiting.setdefault(who, deque()).append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if slot.done() and not slot.cancelled():  # It was lent at the moment in which nobody wanted it any more.
                self.leave(who)
            else:
                self._forget(who, slot)
            raise

    def leave(self, who: Who) -> None:
        """Return a slot back; whoever is next gets it."""
        self.lent -= 1
        self._held[who] -= 1
        if not self._held[who]:
            del self._held[who]
        self._lend_on()

    def _may(self, who: Who) -> bool:
        return who is None or (self.lent < self._most and self._held[who] < self.share)

    def _lend(self, who: Who) -> None:
        self.lent += 1
        self._held[who] += 1

    def _lend_on(self) -> None:
        while self.lent < self.slots and self._further:
            who, slot = self._further.popleft()
            if not slot.done():
                self._lend(who)
                slot.set_result(None)
        while self.lent < self.slots and self._lend_next():
            pass

    def _lend_next(self) -> bool:
        """Lend a slot to the next caller that may have one, who then stands behind the others."""
        for who, slots in list(self._waiting.items()):
            while slots and slots[0].done():
                slots.popleft()
            if not slots:
                del self._waiting[who]
            elif self._may(who):
                self._lend(who)
                slots.popleft().set_result(None)
                self._waiting.move_to_end(who)
                if not slots:
                    del self._waiting[who]
                return True
        return False

    def _forget(self, who: Who, slot: "asyncio.Future[None]") -> None:
        """Take a slot that nobody waits for any more out of the queues, however long they are."""
        slot.cancel()
        waiting = self._waiting.get(who)
        if waiting is not None and all(each.done() for each in waiting):
            del self._waiting[who]


class Pool:
    """Connections to one database, at most as many as there are slots."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], shares: FairSlots, *, patience: float) -> None:
        """Take what makes a connection, the slots, and the seconds to wait for one of them."""
        self.shares = shares
        self._connect = connect
        self._patience = patience
        self._idle: deque[tuple[Connection, float]] = deque()
        self._all: set[Connection] = set()
        self._closed = False
        self._emptied = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def acquire(self, who: Who, *, further: bool) -> Connection:
        """Lend a connection. Raises DatabaseUnavailable when none comes free in time, and what connecting raises."""
        if not self.shares.enter_now(who, further=further):  # Else there is nothing to wait for: a timer costs time.
            try:
                async with asyncio.timeout(self._patience):
                    await self.shares.enter(who, further=further)
            except TimeoutError as error:
                raise self._busy(who) from error
        try:
            self._check_open()
            while self._idle:
                connection, _ = self._idle.pop()
                if not connection.is_closed():
                    return connection
                self._all.discard(connection)
            connection = await self._connect()
        except BaseException:
            self.shares.leave(who)
            raise
        self._all.add(connection)
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseUnavailable("The database is not open.", hint="Use it inside of its async with.")

    def _busy(self, who: Who) -> DatabaseUnavailable:
        if self.shares.full(who):
            return DatabaseUnavailable(
                f"This API key has {self.shares.share} database connections in use, which is its share, and none of"
                f" them came free in {self._patience:g} seconds.",
                hint="Wait until requests or transactions of this key have ended, and try again.",
            )
        return DatabaseUnavailable("All database connections are busy.", hint="Try again.")

    async def release(self, connection: Connection, who: Who, *, clean: bool, worn: bool = False) -> None:
        """Take a connection back; one on which something was stopped or left open is made ready first.

        One that is `worn` is closed: whoever comes next gets a new one.
        """
        if connection.is_closed() or self._closed or (worn and clean and not connection.is_in_transaction()):
            self._drop(connection, who)
        elif clean and not connection.is_in_transaction():
            self._keep(connection, who)
        else:
            # In a task of its own, since whoever gives it back may be stopped a second time.
            await asyncio.shield(asyncio.create_task(self._recover(connection, who), name="kgmem connection"))

    async def _recover(self, connection: Connection, who: Who) -> None:
        try:
            await connection.reset(timeout=_RECOVERY)
        except Exception as error:
            log.debug("connection_discarded", error=error)
            self._drop(connection, who)
        else:
            self._keep(connection, who)

    def _keep(self, connection: Connection, who: Who) -> None:
        self._idle.append((connection, time.monotonic()))
        self.shares.leave(who)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_IDLE, self._trim)

    def _drop(self, connection: Connection, who: Who) -> None:
        connection.terminate()
        self._all.discard(connection)
        self.shares.leave(who)
        if not self._all:
            self._emptied.set()

    def forget_idle(self) -> None:
        """Close what is not lent: its server has gone, or takes no writes any more."""
        while self._idle:
            connection, _ = self._idle.popleft()
            self._all.discard(connection)
            connection.terminate()

    def _trim(self) -> None:
        """Close what nobody needed for long, and come again while there are connections."""
        self._timer = None
        latest = time.monotonic() - _IDLE
        while self._idle and (self._idle[0][1] <= latest or self._idle[0][0].is_closed()):
            connection, _ = self._idle.popleft()
            self._all.discard(connection)
            connection.terminate()
        if self._idle:
            self._timer = asyncio.get_running_loop().call_later(self._idle[0][1] - latest, self._trim)

    async def close(self, within: float) -> None:
        """Close all connections; those that are lent have so many seconds to come back."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        while self._idle:
            connection, _ = self._idle.popleft()
            self._all.discard(connection)
            try:
                await connection.close(timeout=within)
            except (OSError, TimeoutError, asyncpg.InterfaceError) as error:
                log.debug("connection_close_failed", error=error)
        self._emptied.clear()
        if self._all:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), within)
        for connection in list(self._all):
            connection.terminate()
        self._all.clear()
