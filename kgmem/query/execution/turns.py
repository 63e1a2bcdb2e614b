"""Turns of computing: one thread of a process computes at a time, and callers that wait are served in turn.

Threads of Python share one interpreter lock, which goes to any of those that wait for it. So the event loop, which
needs it often and for short times, would wait behind every thread that computes; behind one, it waits for a switch
interval, which is shorter while somebody computes.
"""

import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Hashable

_SLICE = 0.005  # Seconds for which others wait for a thread that computes.
_SWITCH = 0.0005  # Seconds for which the event loop waits for it; Python's default is ten times as long.


class Turns:
    """Who may compute now, and who waits for that, by caller."""

    def __init__(self) -> None:
        """Begin with nobody who computes."""
        self._guard = threading.Lock()
        self._busy = False
        self._since = 0.0
        self._waiting: OrderedDict[Hashable, deque[threading.Lock]] = OrderedDict()
        self._interval = 0.0

    def begin(self, who: Hashable) -> None:
        """Wait until it is this thread's turn to compute, on behalf of a caller."""
        with self._guard:
            if not self._busy:
                self._busy = True
                self._since = time.perf_counter()
                self._interval = sys.getswitchinterval()
                sys.setswitchinterval(min(self._interval, _SWITCH))
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.setdefault(who, deque()).append(mine)
        mine.acquire()

    def end(self) -> None:
        """Let the next one compute: of the caller whose turn was longest ago."""
        with self._guard:
            if not self._waiting:
                self._busy = False
                sys.setswitchinterval(self._interval)
                return
            who, threads = next(iter(self._waiting.items()))
            following = threads.popleft()
            if threads:
                self._waiting.move_to_end(who)
            else:
                del self._waiting[who]
            self._since = time.perf_counter()
            following.release()

    def give_way(self, who: Hashable) -> None:
        """Let others have their turn, where this thread has had its slice; called by the one that computes."""
        if self._waiting and time.perf_counter() - self._since > _SLICE:
            self.end()
            self.begin(who)


TURNS = Turns()  # Of this process, as the interpreter lock is.
