"""Shares: slots that many callers want, lent to them in turn, to none more than its share."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable

Who = Hashable | None


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
